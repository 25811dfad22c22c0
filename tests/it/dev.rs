//! `offhook dev`, the real program: what its screen says, whose configuration it uses, and what your own server would answer.

#![expect(clippy::unwrap_used, reason = "a test that cannot get its world ready must stop")]

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::process::{Child, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use axum::body::Bytes;
use axum::http::HeaderMap;
use offhook::clock::Clock;
use rustix::process::{Pid, Signal, kill_process};
use tokio::net::TcpListener;

use crate::world::{APP_KEY, APP_SECRET, Yunxin, offhook, program};

/// `offhook dev`, running. Killed when it is dropped.
struct Dev {
    process: Child,
    lines: Receiver<String>,
    said: Vec<String>,
}

impl Dev {
    fn starts(arguments: &[&str]) -> Self {
        let mut command = program(&[&["dev", "--port", "0"], arguments].concat());
        let process = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut dev = Self::of(process);
        dev.says("  offhook send call.start");
        dev
    }

    fn of(mut process: Child) -> Self {
        let (tell, lines) = channel();
        let outputs: [Option<Box<dyn Read + Send>>; 2] = [
            process.stdout.take().map(|output| Box::new(output) as Box<dyn Read + Send>),
            process.stderr.take().map(|output| Box::new(output) as Box<dyn Read + Send>),
        ];
        for output in outputs.into_iter().flatten() {
            let tell = tell.clone();
            let mut lines = BufReader::new(output).lines().map_while(Result::ok);
            std::thread::spawn(move || lines.try_for_each(|line| tell.send(line)));
        }
        Self { process, lines, said: Vec::new() }
    }

    /// Waits for a line that contains `text`, and gives it.
    fn says(&mut self, text: &str) -> String {
        loop {
            if let Some(line) = self.said.iter().find(|line| line.contains(text)) {
                return line.clone();
            }
            match self.lines.recv_timeout(Duration::from_secs(60)) {
                Ok(line) => self.said.push(line),
                Err(_) => panic!("it never said `{text}`:\n{}", self.said.join("\n")),
            }
        }
    }

    fn address(&mut self) -> SocketAddr {
        let line = self.says("yunxin.callback   http://");
        let (_, url) = line.split_once("http://").unwrap();
        url.split('/').next().unwrap().parse().unwrap()
    }

    fn is_stopped(&mut self) {
        kill_process(Pid::from_child(&self.process), Signal::INT).unwrap();
        assert!(self.process.wait().unwrap().success());
    }
}

impl Drop for Dev {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// A server of yours that answers so; what it gets is told.
async fn yours(answer: &'static str) -> (String, Receiver<(HeaderMap, Bytes)>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/mine?a=b", listener.local_addr().unwrap());
    let (tell, got) = channel();
    let route = axum::routing::post(move |headers: HeaderMap, body: Bytes| async move {
        tell.send((headers, body)).unwrap();
        answer
    });
    let router = axum::Router::new().route("/mine", route);
    tokio::spawn(async { axum::serve(listener, router).await });
    (url, got)
}

fn asking(dev: &mut Dev) -> Yunxin {
    Yunxin::new(dev.address(), "offhook-dev", "offhook-dev-secret", Clock::system())
}

#[test]
fn its_screen_says_where_everything_is() {
    let mut dev = Dev::starts(&["--verdict", "reject"]);
    for line in [
        "/receiveMsg.action",
        "/yunxin/callback",
        "  app               offhook-dev, whose secret is offhook-dev-secret",
        "  answers           reject",
        "/metrics",
        "/offhook-dev-",
    ] {
        dev.says(line);
    }
    assert!(dev.address().ip().is_loopback());
    let journal = dev.says("  journal").split_whitespace().nth(1).unwrap().to_owned();
    assert!(fs::metadata(&journal).unwrap().is_dir());
    offhook(&["events", "list", "--journal", &journal]).ends_with(0);
    dev.is_stopped();
    assert!(fs::metadata(&journal).is_err(), "the scratch journal goes with it");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn your_own_server_gets_the_exact_bytes_and_its_answer_is_shown_beside_ours() {
    let (url, got) = yours(r#"{"errCode":1,"responseCode":20010,"modifyResponse":{},"callbackExt":""}"#).await;
    let mut dev = Dev::starts(&["--forward-to", &url]);
    let question = asking(&mut dev).asks_with("{ \"eventType\":20,\r\n \"fromAccount\" : \"林月\" }\n");
    question.sent().await.is_allowed();
    let (headers, body) = got.recv_timeout(Duration::from_secs(60)).unwrap();
    assert_eq!(body, question.body());
    for name in ["AppKey", "CurTime", "MD5", "CheckSum"] {
        assert_eq!(headers[name], question.header(name), "{name}");
    }
    dev.says("  verdict           allow (by default)");
    dev.says("  kept after        ");
    dev.says("  yours             200 {\"errCode\":1,\"responseCode\":20010");
    dev.says("  which means       rejected with 20010; here: allow");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_equal_answer_of_yours_is_told_so() {
    let (url, _got) = yours(crate::world::ALLOW).await;
    let mut dev = Dev::starts(&["--forward-to", &url]);
    asking(&mut dev).sends("call.start").await.is_allowed();
    dev.says("  which means       allowed, as here");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_of_yours_that_is_slow_or_gone_delays_no_answer() {
    // It takes connections and says nothing.
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", silent.local_addr().unwrap());
    let mut dev = Dev::starts(&["--forward-to", &url]);
    let yunxin = asking(&mut dev);
    let began = Instant::now();
    for _ in 0..5 {
        yunxin.sends("call.start").await.is_allowed();
    }
    // Each is waited for two seconds long; not by us.
    assert!(began.elapsed() < Duration::from_secs(8), "{:?}", began.elapsed());
    dev.says("  yours             no answer within 2 s");
    dev.says("no valid answer in 2 s: the console default decides; here: allow");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_configuration_of_yours_is_used_on_loopback_and_away_from_its_journal() {
    let place = tempfile::tempdir().unwrap();
    let (file, journal) = (place.path().join("offhook.toml"), place.path().join("journal"));
    let text = format!(
        "[server]\nlisten = \"0.0.0.0:8080\"\n[[apps]]\napp_key = \"{APP_KEY}\"\nsecrets = [\"{APP_SECRET}\"]\n\
         [journal]\npath = {journal:?}\n[verdict.kinds.\"room.*\"]\ndefault = \"reject\"\nreject_code = 20021\n\
         [[endpoints]]\npath = \"/mine\"\nfamily = \"yunxin.callback\"\n"
    );
    fs::write(&file, text).unwrap();
    let mut dev = Dev::starts(&["--config", file.to_str().unwrap()]);
    let address = dev.address();
    assert!(address.ip().is_loopback());
    let hint = format!("--to http://{address}/mine --config {}", file.display());
    dev.says(&hint);
    let yunxin = Yunxin::asking(address);
    yunxin.asks("call.start").on_path("/mine").sent().await.is_allowed();
    yunxin.asks("room.create").on_path("/mine").sent().await.is_rejected_with(20021);
    let stranger = yunxin.signing("offhook-dev", "offhook-dev-secret").asks("call.start").on_path("/mine");
    stranger.sent().await.is_refused(401, "app_unknown");
    dev.is_stopped();
    assert!(!journal.exists(), "the configured journal is left alone");
    assert!(!dev.said.iter().any(|line| line.contains(APP_SECRET)), "{:?}", dev.said);

    fs::write(&file, "[server]\nlsten = 1\n").unwrap();
    let said = offhook(&["dev", "--config", file.to_str().unwrap()]);
    assert!(said.code == 64 && said.err.contains("server.lsten"), "{said:?}");
}

#[test]
fn a_configuration_of_tencents_alone_is_used() {
    let place = tempfile::tempdir().unwrap();
    let file = place.path().join("offhook.toml");
    fs::write(&file, "[tencent]\nsdk_app_id = 1400004711\ncallback_tokens = [\"a-made-up-token\"]\n").unwrap();
    let file = file.to_str().unwrap();
    let mut process = program(&["dev", "--port", "0", "--config", file]);
    let process = process.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let mut dev = Dev::of(process);
    dev.says("  app               none of Yunxin's");
    let line = dev.says("  tencent.call      http://");
    assert!(line.ends_with("/tencent/call/{token}"), "{line}");
    dev.says("listening for Tencent's callbacks");
    dev.is_stopped();
    let said = offhook(&["dev", "--demo", "--config", file]);
    assert!(said.code == 2 && said.err.contains("--demo sends samples"), "{said:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn other_commands_find_its_journal_and_each_digit_is_shown() {
    let (place, nowhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let here = |command: &mut std::process::Command| {
        command.env("XDG_RUNTIME_DIR", place.path()).current_dir(nowhere.path());
    };
    let mut dev = program(&["dev", "--port", "0"]);
    here(&mut dev);
    let process = dev.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut dev = Dev::of(process);
    dev.says("  offhook send call.start");
    let body = r#"{"eventType":21,"id":18446744073709551617,"rate":1.10,"of":{ "name" : "a b\ud800", "n":[1.0, 2] }}"#;
    asking(&mut dev).asks_with(body).sent().await.is_allowed();
    dev.says("  id                18446744073709551617");
    dev.says("  rate              1.10");
    dev.says(r#"  of                {"name":"a b\ud800","n":[1.0,2]}"#);

    let mut list = program(&["events", "list"]);
    here(&mut list);
    let listed = list.output().unwrap();
    assert!(String::from_utf8_lossy(&listed.stdout).contains("room.create"), "{listed:?}");
    dev.is_stopped();
    assert_eq!(list.output().unwrap().status.code(), Some(1), "it went with the journal");
}

#[test]
fn a_port_that_is_taken_is_named_with_the_way_out() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let said = offhook(&["dev", "--port", &port.to_string()]);
    assert!(said.code == 1 && said.err.contains(&format!("127.0.0.1:{port}")), "{}", said.err);
    assert!(said.err.contains("choose another one with --port"), "{}", said.err);
}
