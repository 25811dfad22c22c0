//! The command as its users meet it: the README's tour and the book's, run; and the manners of every command.

#[path = "cli/blocks.rs"]
mod blocks;
#[path = "cli/book.rs"]
mod book;
#[path = "cli/compare.rs"]
mod compare;
#[path = "cli/pages.rs"]
mod pages;
#[path = "cli/program.rs"]
mod program;
#[path = "cli/tour.rs"]
mod tour;

use program::{Running, free_ports, run};

const README: &str = include_str!("../README.md");

#[test]
fn the_readme_shows_what_the_programs_print() {
    let directory = tempfile::tempdir().expect("a directory");
    let commands = tour::walk(&tour::steps(README), directory.path());
    assert!(commands >= 12, "the tour has become short: {commands} commands");
}

#[test]
fn the_readme_names_the_two_commands_word_by_word() {
    for command in ["cargo run --release -- dev --demo", "cargo test"] {
        assert!(README.contains(&format!("```sh\n{command}\n```")), "{command}");
    }
}

#[test]
fn the_demo_shows_both_callbacks_with_their_fields_and_goes_on_listening() {
    let directory = tempfile::tempdir().expect("a directory");
    let dev = Running::start(&format!("exec offhook dev --demo --port {}", free_ports().0), directory.path());
    let listening = |printed: &program::Printed| printed.lines.iter().any(|line| line.starts_with("listening"));
    let lines = dev.wait_until(listening).unwrap_or_else(|lines| panic!("never listening:\n{}", lines.join("\n")));
    let shown = |line: &str| lines.iter().filter(|printed| printed.trim() == line).count();
    for line in [
        "● call.start  Audio or video call started · 发起音视频通话",
        "toAccountList     chen.bo",
        "● room.create  Multi-party audio/video room created · 创建多人音视频房间",
        "channelName       book-club",
    ] {
        assert_eq!(shown(line), 1, "{line}");
    }
    assert_eq!(shown("verdict           allow (by default)"), 2);
    assert_eq!(shown("conclusion  allowed"), 2);
    dev.interrupt();
    assert!(dev.end().1.success());
}

#[test]
fn every_command_has_a_summary_two_examples_and_a_place_in_the_readme() {
    let directory = tempfile::tempdir().expect("a directory");
    let (help, _) = run("offhook --help", directory.path());
    let commands = help.iter().skip_while(|line| *line != "Commands:").skip(1).take_while(|line| !line.is_empty());
    let commands: Vec<(&str, &str)> = commands.filter_map(|line| line.trim().split_once("  ")).collect();
    let commands: Vec<_> = commands.into_iter().filter(|(name, _)| *name != "help").collect();
    assert!(commands.len() >= 8, "{commands:?}");
    for (name, summary) in commands {
        assert!(summary.trim().len() > 10, "{name} has no summary");
        assert!(README.contains(&format!("offhook {name}")) || name == "dev", "the README does not show {name}");
        let (help, status) = run(&format!("offhook {name} --help"), directory.path());
        let examples = help.iter().skip_while(|line| *line != "Examples:").filter(|line| line.contains("offhook "));
        assert!(status.success() && examples.count() >= 2, "offhook {name} --help has no two examples");
    }
}

#[test]
fn exit_codes_are_those_of_the_contract() {
    let directory = tempfile::tempdir().expect("a directory");
    // Taken, and nobody listens: no other test's server can turn up there.
    let taken = tokio::net::TcpSocket::new_v4().expect("a socket");
    taken.bind(([127, 0, 0, 1], 0).into()).expect("a port");
    let dead = taken.local_addr().expect("an address").port();
    for (command, code) in [
        ("offhook --version", 0),
        ("offhook frobnicate", 2),
        ("offhook send no.such.kind", 2),
        ("offhook send call.start --set callType", 2),
        ("offhook events show no-id", 2),
        ("offhook check", 64),
        ("offhook serve", 64),
        // Without one it would be the journal of a `dev` that another test has running.
        ("offhook events list --journal none", 1),
        ("offhook verify < /dev/null", 1),
        (&format!("offhook send call.start --to http://127.0.0.1:{dead}/"), 1),
        (&format!("offhook health --url http://127.0.0.1:{dead}"), 1),
    ] {
        let (printed, status) = run(command, directory.path());
        assert_eq!(status.code(), Some(code), "{command}\n{}", printed.join("\n"));
    }
}
