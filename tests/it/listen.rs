//! `offhook listen`, the real program: what a deployed receiver keeps comes to a laptop, whoever restarts meanwhile.

#![expect(clippy::unwrap_used, reason = "a test that cannot get its world ready must stop")]

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::PathBuf;
use std::process::{Child, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use axum::body::Bytes;
use axum::http::HeaderMap;
use offhook::yunxin::sign;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::world::{Offhook, Ports, Yunxin, any_port, offhook, program};

const TOKEN: &str = "made-up-admin-token";
const PATIENCE: Duration = Duration::from_secs(60);

/// A deployed receiver that can be started again, and a place for listeners' state.
struct Deployed {
    dir: TempDir,
    ports: Ports,
    file: PathBuf,
}

impl Deployed {
    fn here(token: &str) -> Self {
        let (dir, ports) = (TempDir::new().unwrap(), Ports::reserve());
        let text = ports.configuration(dir.path(), "");
        let text =
            if token.is_empty() { text } else { text.replace("[admin]", &format!("[admin]\ntoken = \"{token}\"")) };
        let file = dir.path().join("offhook.toml");
        fs::write(&file, text).unwrap();
        Self { dir, ports, file }
    }

    fn serves(&self) -> Offhook {
        Offhook::serves(&self.file, &self.ports, None)
    }

    /// Keeps one event by each of these.
    async fn keeps(&self, accounts: impl IntoIterator<Item = u64>) {
        let yunxin = Yunxin::asking(self.ports.public());
        for account in accounts {
            yunxin.sends_body(format!(r#"{{"eventType":20, "fromAccount":"u{account}"}}"#)).await.is_allowed();
        }
    }

    fn listens(&self, more: &[&str]) -> Listening {
        let (from, state) = (format!("http://{}", self.ports.admin()), self.dir.path().join("listening.json"));
        Listening::starts(&[&["--from", &from, "--state", state.to_str().unwrap()], more].concat())
    }
}

/// `offhook listen`, running. Killed when it is dropped.
struct Listening {
    process: Child,
    lines: Receiver<String>,
    said: Vec<String>,
}

impl Listening {
    fn starts(arguments: &[&str]) -> Self {
        let mut command = program(&[&["listen"], arguments].concat());
        let mut process = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let (tell, lines) = channel();
        let outputs: [Box<dyn Read + Send>; 2] =
            [Box::new(process.stdout.take().unwrap()), Box::new(process.stderr.take().unwrap())];
        for output in outputs {
            let tell = tell.clone();
            let mut lines = BufReader::new(output).lines().map_while(Result::ok);
            std::thread::spawn(move || lines.try_for_each(|line| tell.send(line)));
        }
        Self { process, lines, said: Vec::new() }
    }

    fn next(&mut self) -> Option<String> {
        let line = self.lines.recv_timeout(PATIENCE).ok()?;
        self.said.push(line.clone());
        Some(line)
    }

    /// Waits for a line that contains `text`, and gives it.
    fn says(&mut self, text: &str) -> String {
        if let Some(line) = self.said.iter().find(|line| line.contains(text)) {
            return line.clone();
        }
        loop {
            match self.next() {
                Some(line) if line.contains(text) => return line,
                Some(_) => {}
                None => panic!("it never said `{text}`:\n{}", self.said.join("\n")),
            }
        }
    }

    /// The next `count` events, each with its position and who acted.
    fn hears(&mut self, count: usize) -> Vec<(u64, String)> {
        let mut heard = Vec::new();
        while heard.len() < count {
            let line = self.next().unwrap_or_else(|| panic!("it heard {heard:?} only:\n{}", self.said.join("\n")));
            if let Ok(event) = serde_json::from_str::<Value>(&line) {
                heard.push((event["position"].as_u64().unwrap(), event["subject"].as_str().unwrap().to_owned()));
            }
        }
        heard
    }

    fn dies_at_once(mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn events(numbers: impl IntoIterator<Item = u64>) -> Vec<(u64, String)> {
    numbers.into_iter().map(|number| (number, format!("u{number}"))).collect()
}

/// The next connection, with its request read.
async fn asked(listener: &TcpListener) -> TcpStream {
    let (mut stream, _) = listener.accept().await.unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.unwrap());
    }
    stream
}

/// A server of yours; what it gets is told.
async fn yours() -> (String, Receiver<(String, HeaderMap, Bytes)>) {
    let listener = TcpListener::bind(any_port()).await.unwrap();
    let url = format!("http://{}/mine", listener.local_addr().unwrap());
    let (tell, got) = channel();
    let router =
        axum::Router::new().fallback(move |uri: axum::http::Uri, headers: HeaderMap, body: Bytes| async move {
            tell.send((uri.to_string(), headers, body)).unwrap();
            crate::world::ALLOW
        });
    tokio::spawn(async { axum::serve(listener, router).await });
    (url, got)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_event_is_missed_through_restarts_of_both_ends() {
    let deployed = Deployed::here("");
    let serving = deployed.serves();
    let mut listening = deployed.listens(&["--json"]);
    listening.says("listening to");
    deployed.keeps(1..=5).await;
    assert_eq!(listening.hears(5), events(1..=5));

    // The server dies, and comes back.
    serving.dies_at_once();
    listening.says("not connected");
    let serving = deployed.serves();
    deployed.keeps(6..=9).await;
    assert_eq!(listening.hears(4), events(6..=9));

    // The listener dies, events come, and the server is restarted in between.
    listening.dies_at_once();
    deployed.keeps(10..=12).await;
    serving.is_asked_to_stop();
    assert!(serving.ends().0.success());
    let serving = deployed.serves();
    deployed.keeps(13..=15).await;
    let mut listening = deployed.listens(&["--json"]);
    // What it died on, before it could write that it heard it, may come once more.
    let mut heard = listening.hears(6);
    heard.extend(if heard[0].0 == 9 { listening.hears(1) } else { Vec::new() });
    assert_eq!(heard.split_off(heard.len() - 6), events(10..=15));
    assert!(heard.is_empty() || heard == events(9..=9), "{heard:?}");

    // Both at once.
    serving.dies_at_once();
    listening.dies_at_once();
    let serving = deployed.serves();
    deployed.keeps(16..=17).await;
    let mut listening = deployed.listens(&["--json"]);
    let heard = listening.hears(2);
    assert!(heard[0].0 == 15 || heard == events(16..=17), "{heard:?}");

    // Begun anew it hears what comes from now on.
    drop(listening);
    let mut listening = deployed.listens(&["--json", "--new"]);
    listening.says("Ctrl-C ends it");
    deployed.keeps([18]).await;
    assert_eq!(listening.hears(1), events([18]));
    kill_process(Pid::from_child(&listening.process), Signal::INT).unwrap();
    assert!(listening.process.wait().unwrap().success());
    drop(serving);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_of_yours_gets_the_exact_bytes_and_headers_or_a_signature_of_your_own() {
    let deployed = Deployed::here("");
    let _serving = deployed.serves();
    let (url, got) = yours().await;
    let mut as_it_came = deployed.listens(&["--forward-to", &url]);
    as_it_came.says("listening to");
    let from = format!("http://{}", deployed.ports.admin());
    let other = deployed.dir.path().join("other.json");
    let mut signed_anew = Listening::starts(&[
        "--from",
        &from,
        "--state",
        other.to_str().unwrap(),
        "--forward-to",
        &url,
        "--app-key",
        "local",
        "--app-secret",
        "made-up",
    ]);
    signed_anew.says("listening to");
    let yunxin = Yunxin::asking(deployed.ports.public());
    let question = yunxin.asks_with("{ \"eventType\":20,\r\n \"fromAccount\" : \"林月\" }\n");
    question.sent().await.is_allowed();
    for _ in 0..2 {
        let (_, headers, body) = got.recv_timeout(PATIENCE).unwrap();
        assert_eq!(body, question.body());
        if headers["AppKey"] == "local" {
            let signature = sign("made-up", &body, headers["CurTime"].to_str().unwrap());
            assert_eq!(
                (&*signature.md5, &*signature.check_sum),
                (headers["MD5"].to_str().unwrap(), headers["CheckSum"].to_str().unwrap())
            );
        } else {
            for name in ["AppKey", "CurTime", "MD5", "CheckSum"] {
                assert_eq!(headers[name], question.header(name), "{name}");
            }
        }
    }
    as_it_came.says("● call.start");
    as_it_came.says("  which means       allowed, as here");
    signed_anew.says("  which means       allowed, as here");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn several_listen_each_to_what_it_chose() {
    let deployed = Deployed::here("");
    let _serving = deployed.serves();
    deployed.keeps(1..=2).await;
    let from = format!("http://{}", deployed.ports.admin());
    let listens = |name: &str, more: &[&str]| {
        let state = deployed.dir.path().join(name);
        Listening::starts(&[&["--json", "--from", &from, "--state", state.to_str().unwrap()], more].concat())
    };
    let mut rooms = listens("rooms", &["--kind", "room.*"]);
    let mut of_u4 = listens("u4", &["--account", "u4"]);
    let mut rejected = listens("rejected", &["--verdict", "reject"]);
    let mut since = listens("since", &["--since", "1h", "--kind", "call.start"]);
    for listening in [&mut rooms, &mut of_u4, &mut rejected, &mut since] {
        listening.says("listening to");
    }
    deployed.keeps(3..=4).await;
    Yunxin::asking(deployed.ports.public()).sends("room.create").await.is_allowed();
    assert_eq!(rooms.hears(1)[0].0, 5);
    assert_eq!(of_u4.hears(1), events([4]));
    assert_eq!(since.hears(4), events(1..=4));
    assert!(rejected.lines.try_recv().is_err(), "nothing was rejected");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_who_has_the_token_listens_and_what_cannot_work_is_said_at_once() {
    let deployed = Deployed::here(TOKEN);
    let _serving = deployed.serves();
    let from = format!("http://{}", deployed.ports.admin());
    let public = format!("http://{}", deployed.ports.public());
    let state = deployed.dir.path().join("nobody.json");
    let state = state.to_str().unwrap();
    for (more, expected) in [
        (vec!["--from", &from], "it wants its [admin] token"),
        (vec!["--from", &from, "--token", "another"], "the token is not its [admin] token"),
        (vec!["--from", &public, "--token", TOKEN], "--from must be the admin listener"),
    ] {
        let said = offhook(&[&["listen", "--state", state], &more[..]].concat());
        assert!(said.code == 1 && said.err.contains(expected), "{said:?}");
        assert!(!said.err.contains("another\""), "{said:?}");
    }
    for (more, expected) in [
        (vec!["--from", "ftp://a.example"], "expected a URL that begins with http:// or https://"),
        (vec!["--from", &from, "--since", "yesterday"], "no point in time"),
        (vec!["--from", &from, "--app-key", "k"], "--forward-to"),
        (vec!["--from", &from, "--forward-to", &from, "--app-key", "k"], "--app-secret"),
    ] {
        let said = offhook(&[&["listen", "--state", state], &more[..]].concat());
        assert!(said.code == 2 && said.err.contains(expected), "{said:?}");
    }
    let mut listening = deployed.listens(&["--json", "--token", TOKEN]);
    listening.says("listening to");
    deployed.keeps([1]).await;
    assert_eq!(listening.hears(1), events([1]));
    drop(listening);
    // Its state is not taken for another's.
    let file = deployed.dir.path().join("listening.json");
    let said = offhook(&["listen", "--state", file.to_str().unwrap(), "--from", &from, "--kind", "room.*"]);
    assert!(said.code == 1 && said.err.contains("belongs to a `listen` with other flags"), "{said:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_line_that_has_gone_dead_is_noticed_and_another_journal_is_begun_at_its_beginning() {
    let listener = TcpListener::bind(any_port()).await.unwrap();
    let from = format!("http://{}", listener.local_addr().unwrap());
    let dir = TempDir::new().unwrap();
    let state = dir.path().join("state.json");
    let mut listening = Listening::starts(&["--json", "--from", &from, "--state", state.to_str().unwrap()]);
    let mut open = Vec::new();
    // It speaks, and then says nothing for ever, though the connection stays.
    for (after, last) in [(41, 41), (0, 3)] {
        let mut stream = asked(&listener).await;
        let hello = format!("{{\"hello\":{{\"after\":{after},\"last\":{last},\"beat_seconds\":1}}}}\n");
        let head = "HTTP/1.1 200 OK\r\ncontent-type: application/x-ndjson\r\n\r\n";
        let beat = if last == 3 { "{\"beat\":{\"after\":0,\"gone\":[[1,2]]}}\n" } else { "" };
        stream.write_all(format!("{head}{hello}{beat}").as_bytes()).await.unwrap();
        open.push(stream);
    }
    let mut stream = asked(&listener).await;
    stream.write_all(b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 4\r\n\r\nbusy").await.unwrap();
    listening.says("nothing came for 2s");
    listening.says("has another journal now, which ends at 3");
    listening.says("no longer keeps 1 to 2, 2 events of any kind");
    drop(open);
}
