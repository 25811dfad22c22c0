//! Walks through a page: saves its files, runs its commands, and compares what they print with what it shows.
//!
//! In a `console` block a line `$ …` is a command, `^C` ends the server that was started last, and what follows either
//! is what it prints. A block after the words "Save this as `name`:", or the same in Chinese, is a file. `dev` and `serve`
//! go on running. The ports of the page are replaced by free ones throughout, and `cargo run --release --` by the program
//! under test.

use std::path::Path;

use crate::compare::{begins, same};
use crate::program::{Running, free_ports, run};

/// One thing to do.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Step {
    Save { name: String, text: String },
    Run { command: String, shown: Vec<String> },
    Interrupt { shown: Vec<String> },
}

/// What a page tells its reader to do, in order.
pub(crate) fn steps(page: &str) -> Vec<Step> {
    let (mut steps, mut said) = (Vec::new(), "");
    let mut lines = page.lines();
    while let Some(line) = lines.next() {
        if let Some(language) = line.strip_prefix("```") {
            let block: Vec<&str> = lines.by_ref().take_while(|line| *line != "```").collect();
            let named = [("Save this as `", "`:"), ("把下面的内容存为 `", "`：")];
            let name = named.iter().find_map(|(start, end)| said.strip_prefix(start)?.strip_suffix(end));
            if let Some(name) = name {
                steps.push(Step::Save { name: name.to_owned(), text: block.join("\n") + "\n" });
            } else if language == "console" {
                steps.extend(session(&block));
            }
        }
        if !line.is_empty() {
            said = line;
        }
    }
    steps
}

fn session(block: &[&str]) -> Vec<Step> {
    let mut steps = Vec::new();
    for line in block {
        match (line.strip_prefix("$ "), steps.last_mut()) {
            (Some(command), _) => steps.push(Step::Run { command: command.to_owned(), shown: Vec::new() }),
            _ if *line == "^C" => steps.push(Step::Interrupt { shown: Vec::new() }),
            (None, Some(Step::Run { shown, .. } | Step::Interrupt { shown })) => shown.push((*line).to_owned()),
            (None, _) => panic!("a console block begins with `$ ` or `^C`, not with {line:?}"),
        }
    }
    steps
}

/// Takes `steps` in `directory`. The number of commands that were run.
///
/// # Panics
/// At the first command that prints something else than is shown.
pub(crate) fn walk(steps: &[Step], directory: &Path) -> usize {
    let (public, admin) = free_ports();
    let here = |text: &str| text.replace("8080", &public.to_string()).replace("8081", &admin.to_string());
    let all_here = |lines: &[String]| lines.iter().map(|line| here(line)).collect::<Vec<_>>();
    let (mut server, mut commands) = (None::<Running>, 0);
    for step in steps {
        match step {
            Step::Save { name, text } => {
                std::fs::write(directory.join(name), here(text)).unwrap_or_else(|error| panic!("{name}: {error}"));
            }
            Step::Interrupt { shown } => {
                let running = server.take().expect("a server that runs");
                running.interrupt();
                let (printed, status) = running.end();
                let last = [vec!["...".to_owned()], all_here(shown)].concat();
                assert!(same(&last, &printed), "{}", differs("^C", &last, &printed));
                assert!(status.success(), "after Ctrl-C: {status}");
            }
            Step::Run { command, shown } => {
                commands += 1;
                let (command, shown) = (here(command).replace("cargo run --release --", "offhook"), all_here(shown));
                let is = |name: &str| command.starts_with(&format!("offhook {name}"));
                if is("dev") || is("serve") {
                    assert!(server.is_none(), "{command}: another server still runs");
                    let port = if is("dev") { format!(" --port {public}") } else { String::new() };
                    server = Some(started(&format!("exec {command}{port}"), &shown, directory));
                } else {
                    obeyed(&command, &shown, directory);
                }
            }
        }
    }
    commands
}

fn started(command: &str, shown: &[String], directory: &Path) -> Running {
    let server = Running::start(command, directory);
    match server.wait_until(|printed| begins(shown, &printed.lines)) {
        Ok(_) => server,
        Err(printed) => panic!("{}", differs(command, shown, &printed)),
    }
}

/// Runs a command that ends. One that only reads may look again until what it looks for has happened.
fn obeyed(command: &str, shown: &[String], directory: &Path) {
    let only_reads = ["offhook events", "offhook parked"].iter().any(|reader| command.starts_with(reader));
    let began = std::time::Instant::now();
    loop {
        let (printed, _) = run(command, directory);
        if same(shown, &printed) {
            return;
        }
        let again = only_reads && began.elapsed() < std::time::Duration::from_secs(20);
        assert!(again, "{}", differs(command, shown, &printed));
    }
}

fn differs(command: &str, shown: &[String], printed: &[String]) -> String {
    format!("\n$ {command}\nshown:\n{}\n\nprinted:\n{}\n", shown.join("\n"), printed.join("\n"))
}

#[test]
fn a_page_is_read_as_its_reader_reads_it() {
    let page = "# x\n\n```sh\nno\n```\n\nSave this as `a.txt`:\n\n```text\nb\n\nc\n```\n\nThen:\n\n```console\n$ d e\nf\n\n$ g\n```\n\n```console\n^C\nh\n```\n";
    let run = |command: &str, shown: &[&str]| Step::Run {
        command: command.to_owned(),
        shown: shown.iter().map(|line| (*line).to_owned()).collect(),
    };
    let expected = [
        Step::Save { name: "a.txt".to_owned(), text: "b\n\nc\n".to_owned() },
        run("d e", &["f", ""]),
        run("g", &[]),
        Step::Interrupt { shown: vec!["h".to_owned()] },
    ];
    assert_eq!(steps(page), expected);
}

#[test]
#[should_panic(expected = "printed:\nb")]
fn a_command_that_prints_something_else_is_seen() {
    let directory = tempfile::tempdir().expect("a directory");
    walk(&steps("```console\n$ echo b\na\n```\n"), directory.path());
}
