//! The conformance suite: offhook and a careful receiver pass it; each naive one fails the rows that are about its mistake.

#![expect(clippy::unwrap_used, reason = "a test that cannot get its world ready must stop")]

#[path = "../conform/answers_as_php_does.rs"]
mod answers_as_php_does;
#[path = "../conform/checks_no_check_sum.rs"]
mod checks_no_check_sum;
#[path = "../conform/hashes_what_it_parsed.rs"]
mod hashes_what_it_parsed;
#[path = "../conform/needs_a_content_length.rs"]
mod needs_a_content_length;
#[path = "../conform/receiver.rs"]
mod receiver;
#[path = "../conform/trusts_the_md5_header.rs"]
mod trusts_the_md5_header;

use std::collections::BTreeSet;
use std::net::SocketAddr;

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::world::{ALLOW, APP_KEY, APP_SECRET, Said, World, offhook, reserved};
use receiver::{Answers, careful, serves};

/// The rows that `offhook conform` printed.
fn rows(said: &Said) -> Vec<Value> {
    said.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// The names of the rows that failed.
fn failed(said: &Said) -> Vec<String> {
    let failed = rows(said).into_iter().filter(|row| row["passed"] == false);
    failed.map(|row| row["case"].as_str().unwrap().to_owned()).collect()
}

fn conform(to: SocketAddr, path: &str, key: &str, secret: &str, more: &[&str]) -> Said {
    let to = format!("http://{to}{path}");
    offhook(&[&["conform", "--to", &to, "--app-key", key, "--app-secret", secret][..], more].concat())
}

/// Tries the receiver that `answers`, which must fail these rows and no others.
async fn fails_exactly(answers: Answers, expected: &[&str]) {
    let said = conform(serves(answers).await, "/callback", receiver::APP_KEY, receiver::APP_SECRET, &["--json"]);
    assert_eq!(failed(&said), expected, "{}", said.out);
    assert_eq!(said.code, i32::from(!expected.is_empty()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn offhook_passes_every_case() {
    let world = World::start().await;
    let said = conform(world.addresses().public, "/receiveMsg.action", APP_KEY, APP_SECRET, &["--json"]);
    assert_eq!((failed(&said), said.code), (Vec::new(), 0), "{}\n{}", said.out, said.err);
    let rows = rows(&said);
    assert!(rows.len() >= 40, "{} cases", rows.len());
    for row in &rows {
        for told in ["case", "group", "weight", "sent", "expected", "reply", "conclusion", "why"] {
            assert!(row[told].is_string(), "{told} in {row}");
        }
        assert!(row["status"].is_u64() && row["took_ms"].is_f64() && row["problem"].is_null(), "{row}");
    }
    assert!(said.err.contains(&format!("all {} cases passed", rows.len())), "{}", said.err);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_careful_receiver_passes_every_case() {
    fails_exactly(careful, &[]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_trusts_the_md5_header_is_found_out() {
    fails_exactly(trusts_the_md5_header::answers, trusts_the_md5_header::FAILS).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_checks_no_check_sum_is_found_out() {
    fails_exactly(checks_no_check_sum::answers, checks_no_check_sum::FAILS).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_needs_a_content_length_is_found_out() {
    fails_exactly(needs_a_content_length::answers, needs_a_content_length::FAILS).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_hashes_what_it_parsed_is_found_out() {
    fails_exactly(hashes_what_it_parsed::answers, hashes_what_it_parsed::FAILS).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_answers_as_php_does_is_found_out() {
    fails_exactly(answers_as_php_does::answers, answers_as_php_does::FAILS).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_row_tells_people_what_was_sent_what_came_back_what_that_means_and_why_it_matters() {
    let naive = serves(trusts_the_md5_header::answers).await;
    let only = ["--only", "body_changed", "--only", "chunked"];
    let said = conform(naive, "/callback", receiver::APP_KEY, receiver::APP_SECRET, &only);
    assert_eq!(said.code, 1);
    for part in [
        "FAILED  body_changed          a call with one character of its body changed after signing\n",
        "        expected    a refusal: a 4xx, or a verdict that rejects\n",
        "        problem     it was believed: allowed\n",
        &format!("        came back   200 {ALLOW} in "),
        "        Yunxin      allowed\n",
        "        why         a CheckSum covers the MD5 header only",
        "ok      chunked               a call with its body in one chunk",
    ] {
        assert!(said.out.contains(part), "{part} in\n{}", said.out);
    }
    assert!(said.err.contains("1 of 2 cases failed: body_changed"), "{}", said.err);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_receiver_that_does_not_know_the_app_is_no_riddle() {
    let said = conform(serves(careful).await, "/callback", "another-key", "another-secret", &["--only", "kinds"]);
    assert!(said.code == 1 && said.err.contains("does the receiver know the app another-key"), "{}", said.err);
}

#[test]
fn the_list_names_each_case_once_and_needs_no_receiver() {
    let listed = offhook(&["conform", "--list", "--json"]);
    let names: Vec<_> = rows(&listed).iter().map(|row| row["case"].as_str().unwrap().to_owned()).collect();
    assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), names.len(), "{names:?}");
    let count = |arguments: &[&str]| {
        let listed = offhook(&[&["conform", "--list"], arguments].concat()).ends_with(0);
        listed.lines().filter(|line| !line.starts_with(' ')).count()
    };
    assert_eq!(count(&[]), names.len());
    let (proof, time) = (count(&["--only", "proof"]), count(&["--only", "time"]));
    assert_eq!(count(&["--only", "proof", "--only", "time"]), proof + time);
    assert_eq!(count(&["--only", "proof", "--skip", "wrong_secret", "--skip", "proof.md5_empty"]), proof - 2);
    assert_eq!(count(&["--skip", "proof"]), names.len() - proof);
}

#[test]
fn wrong_use_of_it_is_told() {
    let somewhere = "http://127.0.0.1:9/";
    for arguments in [
        &[][..],
        &["--to", "ftp://127.0.0.1/"],
        &["--to", somewhere, "--only", "frob"],
        &["--to", somewhere, "--skip", "proof.chunked"],
        &["--to", somewhere, "--only", "time", "--skip", "time"],
    ] {
        let said = offhook(&[&["conform"], arguments].concat());
        assert_eq!((said.code, &*said.out), (2, ""), "{arguments:?}: {}", said.err);
    }
    let nobody = reserved();
    let to = format!("http://{}/", nobody.local_addr().unwrap());
    let said = offhook(&["conform", "--to", &to]);
    assert!(said.code == 1 && said.out.is_empty() && said.err.contains("cannot connect"), "{said:?}");
}

/// A receiver that says these bytes to whatever it hears, and closes the connection after that if it is told to.
async fn says(bytes: String, closes: bool) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let bytes = bytes.clone();
            tokio::spawn(async move {
                let mut heard = Vec::new();
                while let Ok(1..) = stream.read_buf(&mut heard).await {
                    if heard.ends_with(b"}") {
                        heard.clear();
                        stream.write_all(bytes.as_bytes()).await?;
                        if closes {
                            break;
                        }
                    }
                }
                std::io::Result::Ok(())
            });
        }
    });
    address
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_is_read_however_it_is_framed() {
    let (first, second) = ALLOW.split_at(20);
    let chunks = format!("14\r\n{first}\r\n{:x};a=b\r\n{second}\r\n0\r\nTrailer: x\r\n\r\n", second.len());
    let length = ALLOW.len();
    for (answer, closes) in [
        (format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{chunks}"), false),
        (format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n{ALLOW}"), false),
        (format!("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n{ALLOW}"), false),
        (format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{ALLOW}"), true),
        (format!("HTTP/1.1 200 OK\r\n\r\n{ALLOW}"), true),
        (format!("HTTP/1.0 200 OK\r\nContent-Length: {length}\r\n\r\n{ALLOW}"), true),
    ] {
        let said = conform(says(answer.clone(), closes).await, "/", "k", "s", &["--only", "keep_alive", "--json"]);
        assert_eq!((said.code, failed(&said)), (0, Vec::new()), "{answer}\n{}", said.out);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_that_is_none_is_told_as_what_it_is() {
    for (answer, closes, problem) in [
        ("", false, "no valid answer in 2 s"),
        ("", true, "closed before an answer"),
        ("SSH-2.0-x\r\n\r\n", true, "no HTTP answer"),
        ("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{}", true, "closed before an answer"),
        ("HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n{}", true, "Content-Length is no number"),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", true, "chunks are malformed"),
        ("HTTP/1.1 302 Found\r\nLocation: /\r\nContent-Length: 0\r\n\r\n", false, "status 302"),
        ("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n\x1b[2J", false, "the body is no JSON object"),
        ("HTTP/1.1 204 No Content\r\n\r\n", false, "status 204"),
    ] {
        let said = conform(says(answer.to_owned(), closes).await, "/", "k", "s", &["--only", "call_start"]);
        assert!(said.code == 1 && said.out.contains(problem) && !said.out.contains('\x1b'), "{answer}\n{}", said.out);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_answers_not_even_a_proper_call_passes_nothing_by_refusing() {
    let refuses = "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n";
    for (skip, expected) in
        [(&[][..], (1, vec!["call_start".to_owned()])), (&["--skip", "call_start"], (0, Vec::new()))]
    {
        let asks = [&["--only", "wrong_secret", "--json"], skip].concat();
        let said = conform(says(refuses.to_owned(), false).await, "/", "k", "s", &asks);
        assert_eq!((said.code, failed(&said)), expected, "{}", said.out);
    }
}

#[test]
fn shells_and_manuals_know_every_command() {
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let script = offhook(&["completions", shell]).ends_with(0);
        assert!(script.contains("conform") && script.contains("tamper"), "{shell}");
    }
    offhook(&["completions", "cmd"]).ends_with(2);
    let place = tempfile::tempdir().unwrap();
    let pages = place.path().join("man1");
    offhook(&["man", "--dir", pages.to_str().unwrap()]).ends_with(0);
    for (page, command) in
        [("offhook", &[][..]), ("offhook-send", &["send"]), ("offhook-events-list", &["events", "list"])]
    {
        let written = std::fs::read_to_string(pages.join(format!("{page}.1"))).unwrap();
        let printed = offhook(&[&["man"], command].concat()).ends_with(0);
        assert_eq!(printed.trim_end(), written.trim_end());
        assert!(printed.contains(".TH") && printed.contains(page), "{printed}");
    }
    offhook(&["man", "frobnicate"]).ends_with(2);
}
