//! Blocks of the book that are not a session to be walked through: what they say is held to be true in other ways.

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::book::written;
use crate::pages;
use crate::program::{Running, free_ports, run};

/// What a block may be. `console` is walked through, `toml` checked, `rust` compiled, all by `book.rs`; `http` is a file of a
/// walk. `nginx` and `yaml` are for other programs, which `scripts/deployed` asks.
const LANGUAGES: [&str; 9] = ["console", "toml", "rust", "http", "sh", "json", "python", "nginx", "yaml"];

/// Commands of ours in a piece of shell, without what the shell makes of their output.
fn commands(text: &str) -> Vec<String> {
    let joined = text.replace("\\\n", " ");
    let mut found = Vec::new();
    for line in joined.lines() {
        let line = line.split(" # ").next().unwrap_or_default();
        let words: Vec<&str> = line.split_whitespace().collect();
        let Some(start) = words.iter().position(|word| *word == "offhook") else { continue };
        // Before it stand variables only, or it is a word of something else.
        if words[..start].iter().any(|word| !word.contains('=')) {
            continue;
        }
        let end = words.iter().position(|word| [">", "|", "&&", "&", ";", "<"].contains(word)).unwrap_or(words.len());
        found.push(words[start..end].join(" "));
    }
    found
}

#[test]
fn commands_are_found_among_what_the_shell_reads() {
    let text = "A=b offhook x --c \\\n    'd.*' > e\ninstall offhook /usr\nofhook\noffhook y  # z\n";
    assert_eq!(commands(text), ["offhook x --c 'd.*'", "offhook y"]);
}

#[test]
fn every_block_is_of_a_sort_that_is_tested() {
    for (name, page) in written() {
        for block in pages::blocks(&page) {
            assert!(LANGUAGES.contains(&&*block.language), "{name}: how is a block of `{}` tested?", block.language);
        }
    }
}

/// Whoever copies a command into a terminal must not be told that there is no such flag.
#[test]
fn every_command_in_the_book_is_one_that_the_program_takes() {
    let directory = tempfile::tempdir().expect("a directory");
    let mut all = BTreeSet::new();
    for (name, page) in written() {
        for block in pages::blocks(&page).iter().filter(|block| block.language == "sh") {
            all.extend(commands(&block.text).into_iter().map(|command| (command, name.clone())));
        }
    }
    assert!(all.len() >= 30, "{all:?}");
    for (command, name) in all {
        // With --help it is read up to there, and not carried out.
        let (printed, status) = run(&format!("{command} --help"), directory.path());
        assert!(status.success(), "{name}: {command}\n{}", printed.join("\n"));
    }
}

#[test]
fn every_piece_of_json_in_the_book_is_json() {
    for (name, page) in written() {
        for block in pages::blocks(&page).iter().filter(|block| block.language == "json") {
            let read: Result<serde_json::Value, _> = serde_json::from_str(&block.text);
            assert!(read.is_ok(), "{name}: {read:?}\n{}", block.text);
        }
    }
}

/// By nginx, systemd and a parser of YAML, as far as they are here.
#[test]
fn what_a_deployment_copies_is_taken_where_it_goes() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let (printed, status) = run("exec scripts/deployed", root);
    assert!(status.success(), "{}", printed.join("\n"));
    for line in printed.iter().filter(|line| line.starts_with("skipped: ")) {
        let _ = writeln!(std::io::stderr(), "{line}");
    }
}

/// The service in Python, asked by the program: nine callees are too many, eight are not.
#[test]
fn the_service_that_the_book_shows_decides() {
    let directory = tempfile::tempdir().expect("a directory");
    if !run("python3 --version", directory.path()).1.success() {
        assert!(std::env::var_os("CI").is_none(), "no python3; CI skips nothing");
        let _ = writeln!(std::io::stderr(), "skipped: no python3 here");
        return;
    }
    let page = written().into_iter().find(|(name, _)| name == "en/service.md").expect("the page").1;
    let block = pages::blocks(&page).into_iter().find(|block| block.language == "python").expect("a service");
    let ((service, _), (public, admin)) = (free_ports(), free_ports());
    let write = |name: &str, text: String| std::fs::write(directory.path().join(name), text).expect("a file");
    write("decide.py", block.text.replace("9000", &service.to_string()));
    write(
        "offhook.toml",
        format!(
            "[server]\nlisten = \"127.0.0.1:{public}\"\n[admin]\nlisten = \"127.0.0.1:{admin}\"\n\
             [[apps]]\napp_key = \"c2a1f0d94b7e4c5f8e21a6b3d9075e44\"\nsecrets = [\"made-up-secret\"]\n\
             [[deciders]]\ntype = \"http\"\nname = \"mine\"\nurl = \"http://127.0.0.1:{service}/decide\"\ntimeout = \"1s\"\n"
        ),
    );
    let _service = Running::start("exec python3 decide.py", directory.path());
    answers(service);
    let serving = Running::start("exec offhook serve --config offhook.toml", directory.path());
    let ready = serving.wait_until(|printed| printed.lines.iter().any(|line| line.contains("ready")));
    assert!(ready.is_ok(), "{ready:?}");
    for (callees, conclusion) in [(8, "allowed"), (9, "rejected with 20010")] {
        let callees = vec!["\"an\""; callees].join(",");
        let send = format!(
            "offhook send call.start --set 'toAccountList=[{callees}]' --config offhook.toml \
             --to http://127.0.0.1:{public}/receiveMsg.action"
        );
        let (printed, _) = run(&send, directory.path());
        assert!(printed.iter().any(|line| line.ends_with(conclusion)), "{}", printed.join("\n"));
    }
    let (events, _) = run("offhook events list --config offhook.toml", directory.path());
    assert!(events.iter().any(|line| line.contains("mine") && line.contains("reject")), "{}", events.join("\n"));
    serving.interrupt();
    assert!(serving.end().1.success());
}

/// Waits until somebody answers there.
fn answers(port: u16) {
    let began = Instant::now();
    loop {
        if let Ok(mut stream) = TcpStream::connect(("127.0.0.1", port)) {
            stream.write_all(b"GET / HTTP/1.0\r\n\r\n").expect("a connection");
            let mut answer = String::new();
            stream.read_to_string(&mut answer).expect("an answer");
            assert!(answer.starts_with("HTTP/1."), "{answer}");
            return;
        }
        assert!(began.elapsed() < Duration::from_secs(60), "no service on {port}");
        std::thread::yield_now();
    }
}
