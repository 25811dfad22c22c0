//! `offhook serve`, the real program: what it refuses to start with, how it stops, what it says and shows.

#![expect(clippy::unwrap_used, reason = "a test that cannot get its world ready must stop")]

mod reload;

use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

use crate::world::{
    APP_KEY, APP_SECRET, Offhook, Ports, Said, Traffic, Wire, Yunxin, exported, get, marks, offhook_in, reserved,
    url_of,
};

/// A directory with a configuration file in it.
struct Place {
    dir: TempDir,
    ports: Ports,
}

impl Place {
    fn new() -> Self {
        Self { dir: tempfile::tempdir().unwrap(), ports: Ports::reserve() }
    }

    /// Writes a file and gives its path.
    fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.dir.path().join(name);
        fs::write(&path, text).unwrap();
        path
    }

    /// The usual configuration and `more`.
    fn configuration(&self, more: &str) -> PathBuf {
        self.file("offhook.toml", &self.ports.configuration(self.dir.path(), more))
    }

    fn serves(&self, more: &str) -> Offhook {
        Offhook::serves(&self.configuration(more), &self.ports, None)
    }

    fn journal(&self) -> PathBuf {
        self.dir.path().join("journal")
    }

    fn yunxin(&self) -> Yunxin {
        Yunxin::asking(self.ports.public())
    }

    /// Tries to serve this configuration, which must not come to anything.
    fn does_not_serve(&self, text: &str, variables: &[(&str, &str)]) -> Said {
        let file = self.file("bad.toml", text);
        let said = offhook_in(variables, &["serve", "--config", file.to_str().unwrap()], b"");
        assert_eq!(said.out, "");
        said
    }
}

#[test]
fn it_refuses_to_start_without_an_app() {
    let said = Place::new().does_not_serve("", &[]);
    assert_eq!(said.code, 64, "{said:?}");
    assert!(said.err.contains("at least one app") && said.err.contains("OFFHOOK_APP_KEY"), "{}", said.err);
}

#[test]
fn it_refuses_empty_placeholder_and_published_secrets() {
    let place = Place::new();
    let app = |key: &str, secret: &str| format!("[[apps]]\napp_key = \"{key}\"\nsecrets = [\"{secret}\"]\n");
    let refused = [
        app(APP_KEY, ""),
        app(APP_KEY, "changeme"),
        app(APP_KEY, "your-app-secret"),
        app(APP_KEY, "xxx"),
        app("", APP_SECRET),
        app("your-app-key", APP_SECRET),
        app("offhook-dev", "offhook-dev-secret"),
        app("offhook-dev", APP_SECRET),
        app(APP_KEY, "offhook-dev-secret"),
        format!("[[apps]]\napp_key = \"{APP_KEY}\"\nsecrets = []\n"),
        format!("[[apps]]\napp_key = \"{APP_KEY}\"\nsecrets = [{{ env = \"NOT_SET\" }}]\n"),
    ];
    for text in refused {
        let said = place.does_not_serve(&text, &[]);
        assert_eq!(said.code, 64, "{text}\n{said:?}");
        assert!(said.err.contains("apps[0]"), "{text}\n{}", said.err);
    }
    for secret in ["", "changeme", "offhook-dev-secret"] {
        let said = place.does_not_serve("", &[("OFFHOOK_APP_KEY", APP_KEY), ("OFFHOOK_APP_SECRET", secret)]);
        assert_eq!(said.code, 64, "{secret}: {said:?}");
    }
}

#[test]
fn it_tells_all_faults_at_once() {
    let text = "[server]\ndeadline = \"2 fortnights\"\nlisten = \"nowhere\"\nspeed = 1\n[admin]\nlisten = \"0.0.0.0:1\"\n\
                [[apps]]\napp_key = \"changeme\"\nsecrets = [\"xxx\"]\n";
    let said = Place::new().does_not_serve(text, &[]);
    assert_eq!(said.code, 64, "{said:?}");
    for named in
        ["server.listen", "server.speed", "server.deadline", "admin.listen", "apps[0].app_key", "apps[0].secrets"]
    {
        assert!(said.err.contains(named), "{named} in\n{}", said.err);
    }
}

#[test]
fn a_second_process_is_told_whose_the_journal_is() {
    let place = Place::new();
    let _first = place.serves("");
    let ports = Ports::reserve();
    let said = place.does_not_serve(&ports.configuration(place.dir.path(), ""), &[]);
    assert_eq!(said.code, 1, "{said:?}");
    assert_eq!(said.err.matches("in use by process").count(), 1, "{}", said.err);
}

#[test]
fn a_port_that_is_taken_is_told_with_its_key() {
    let (place, other) = (Place::new(), Place::new());
    let _first = place.serves("");
    let taken = place.ports.configuration(other.dir.path(), "");
    let said = place.does_not_serve(&taken, &[]);
    assert_eq!(said.code, 1, "{said:?}");
    assert!(said.err.contains("server.listen") && said.err.contains(&place.ports.public().to_string()), "{}", said.err);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn asked_to_stop_under_load_it_keeps_all_it_answered_and_leaves_deliveries_for_later() {
    let (place, nobody) = (Place::new(), reserved());
    let url = url_of(nobody.local_addr().unwrap());
    let serving = place.serves(&format!("[[handlers]]\nname = \"away\"\ntype = \"http\"\nurl = \"{url}\"\n"));
    let traffic = Traffic::starts(&place.yunxin(), 0, 8);
    traffic.gets(100).await;
    serving.is_asked_to_stop();
    // First it says so, and goes on answering for a moment, so that a balancer can look elsewhere.
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        let answer = get(place.ports.public(), "/readyz").expect("it still answers");
        if answer.starts_with("HTTP/1.1 503") {
            assert!(answer.contains(r#"{"status":"draining"}"#), "{answer}");
            break;
        }
        assert!(Instant::now() < deadline, "{answer}");
    }
    traffic.gets(traffic.count() + 1).await;
    let answered = traffic.ends().await;
    let (status, said) = serving.ends();
    assert_eq!(status.code(), Some(0), "{said}");
    let kept = marks(&exported(&place.journal()));
    assert_eq!(kept.len(), kept.iter().collect::<std::collections::BTreeSet<_>>().len(), "something is there twice");
    let lost: Vec<_> = answered.iter().filter(|mark| !kept.contains(mark)).collect();
    assert!(lost.is_empty(), "{lost:?}");
}

#[test]
fn one_app_needs_nothing_but_two_variables() {
    let place = Place::new();
    let text = place.ports.configuration(place.dir.path(), "");
    let app = text.find("[[apps]]").unwrap()..text.find("[journal]").unwrap();
    let file = place.file("no-app.toml", &text.replace(&text[app], ""));
    let variables = [("OFFHOOK_APP_KEY", APP_KEY), ("OFFHOOK_APP_SECRET", APP_SECRET)];
    let mut serving = Offhook::starts(&file, &place.ports, None, &variables);
    serving.is_ready();
    let to = format!("http://{}/receiveMsg.action", place.ports.public());
    offhook_in(&variables, &["send", "call.start", "--to", &to, "--expect", "allow"], b"").ends_with(0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_log_is_json_where_wanted_and_never_shows_a_secret_a_digest_or_a_body() {
    let place = Place::new();
    let text = place.ports.configuration(place.dir.path(), "[[handlers]]\ntype = \"log\"\n");
    let file = place.file("offhook.toml", &text.replace("[server]\n", "[server]\nlog = \"json\"\n"));
    let mut serving = Offhook::starts(&file, &place.ports, None, &[("RUST_LOG", "trace")]);
    serving.is_ready();
    let yunxin = place.yunxin();
    let body = r#"{"eventType":36,"authType":"whispered-type","fromAccount":{"whispered":1},"token":"whispered-token","callType":[]}"#;
    let questions = [
        yunxin.asks_with(body),
        yunxin.asks_with(body.replace("36", "20")),
        yunxin.asks_with(body).over(body.replace("whispered-token", "whispered-other")),
        yunxin.asks_with(body).with("MD5", "whispered-md5"),
        yunxin.asks_with(&body[1..]),
        yunxin.signing(APP_KEY, "somebody-elses").asks_with(body),
        yunxin.signing("whispered-key", "somebody-elses").asks_with(body),
    ];
    for question in &questions {
        question.sent().await;
    }
    serving.is_asked_to_stop();
    let (status, said) = serving.ends();
    assert!(status.success());
    for line in said.lines() {
        assert!(serde_json::from_str::<Value>(line).is_ok_and(|line| line["level"].is_string()), "{line}");
    }
    assert!(
        said.contains("check_sum_mismatch") && said.contains("body_changed") && said.contains("answered"),
        "{said}"
    );
    for hidden in [APP_SECRET, "somebody-elses", "whispered"] {
        assert!(!said.contains(hidden), "{hidden} in\n{said}");
    }
    for question in &questions {
        for header in ["MD5", "CheckSum"] {
            assert!(!said.contains(&question.headers_text(header)), "{header} in\n{said}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_numbers_stand_under_their_names() {
    let place = Place::new();
    let _serving = place.serves("[[handlers]]\ntype = \"log\"\n");
    let yunxin = place.yunxin();
    yunxin.sends("call.start").await.is_allowed();
    yunxin.forges("call.start").await.is_refused(401, "check_sum_mismatch");
    let names = [
        "offhook_requests_total{family=\"yunxin.callback\",kind=\"call.start\",app=\"c2a1f0d94b7e4c5f8e21a6b3d9075e44\",answer=\"allow\"} 1",
        "offhook_refusals_total{reason=\"check_sum_mismatch\"} 1",
        "offhook_reply_seconds_bucket{le=\"1.5\"} 1",
        "offhook_reply_seconds_bucket{le=\"2.0\"} 1",
        "offhook_reply_seconds_count 1",
        "offhook_in_flight 0",
        "offhook_clock_skew_seconds{app=\"c2a1f0d94b7e4c5f8e21a6b3d9075e44\"} ",
        "offhook_secret_used_total{app=\"c2a1f0d94b7e4c5f8e21a6b3d9075e44\",secret=\"",
        "offhook_journal_append_seconds_count 1",
        "offhook_journal_bytes ",
        "offhook_journal_free_bytes ",
        "offhook_deliveries_total{handler=\"log\",outcome=\"done\"} 1",
        "offhook_delivery_lag_seconds{handler=\"log\"} ",
        "offhook_parked{handler=\"log\"} 0",
        "offhook_unkept_total 0",
        "offhook_spilled_total 0",
        "offhook_build_info{version=\"",
    ];
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        let numbers = get(place.ports.admin(), "/metrics").unwrap();
        assert!(numbers.contains("\r\ncontent-type: text/plain; version=0.0.4"), "{numbers}");
        // The delivery may still be on its way; everything else is there at once.
        let missing: Vec<_> =
            names.iter().filter(|name| !numbers.lines().any(|line| line.starts_with(**name))).collect();
        if missing.is_empty() {
            return;
        }
        assert!(Instant::now() < deadline, "{missing:?} in\n{numbers}");
    }
}

/// The status of a GET with these header lines on the admin listener.
async fn asks_admin(place: &Place, path: &str, headers: &str) -> u16 {
    let mut wire = Wire::connect(place.ports.admin()).await;
    wire.writes(format!("GET {path} HTTP/1.1\r\n{headers}\r\n")).await;
    wire.answer().await.status
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_admin_listener_answers_to_this_machine_and_to_no_foreign_page() {
    let place = Place::new();
    let _serving = place.serves("");
    let admin = place.ports.admin();
    let port = admin.port();
    for host in [format!("127.0.0.1:{port}"), "localhost".to_owned(), format!("[::1]:{port}"), "LOCALHOST:1".to_owned()]
    {
        assert_eq!(asks_admin(&place, "/metrics", &format!("Host: {host}\r\n")).await, 200, "{host}");
    }
    for host in ["evil.example", "evil.example:8081", "127.0.0.1.evil.example", "localhost.evil.example", "10.0.0.1"] {
        assert_eq!(asks_admin(&place, "/metrics", &format!("Host: {host}\r\n")).await, 403, "{host}");
    }
    let own = format!("Host: {admin}\r\nOrigin: http://{admin}\r\n");
    assert_eq!(asks_admin(&place, "/metrics", &own).await, 200);
    for origin in ["http://evil.example", "null", "http://localhost:9999", ""] {
        let headers = format!("Host: {admin}\r\nOrigin: {origin}\r\n");
        assert_eq!(asks_admin(&place, "/metrics", &headers).await, 403, "{origin}");
    }
    for path in ["/healthz", "/readyz"] {
        assert_eq!(asks_admin(&place, path, &format!("Host: {admin}\r\n")).await, 200, "{path}");
        for address in [admin, place.ports.public()] {
            let health = get(address, path).unwrap();
            assert!(health.contains("\r\ncontent-type: application/json\r\n"), "{health}");
            let mut wire = Wire::connect(address).await;
            wire.writes(format!("POST {path} HTTP/1.1\r\nHost: {address}\r\nContent-Length: 0\r\n\r\n")).await;
            assert_eq!(wire.answer().await.status, 405, "{path}");
        }
    }
    assert_eq!(get(place.ports.public(), "/metrics").unwrap().split(' ').nth(1), Some("404"), "numbers are not public");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_admin_token_is_asked_for_where_one_is_set() {
    let place = Place::new();
    let text = place.ports.configuration(place.dir.path(), "");
    let file = place.file("offhook.toml", &text.replace("[admin]\n", "[admin]\ntoken = \"open-sesame-4711\"\n"));
    let _serving = Offhook::serves(&file, &place.ports, None);
    let host = format!("Host: {}\r\n", place.ports.admin());
    assert_eq!(asks_admin(&place, "/metrics", &host).await, 401);
    for wrong in
        ["Bearer open-sesame", "Bearer ", "open-sesame-4711", "Basic open-sesame-4711", "Bearer open-sesame-47111"]
    {
        let headers = format!("{host}Authorization: {wrong}\r\n");
        assert_eq!(asks_admin(&place, "/metrics", &headers).await, 401, "{wrong}");
    }
    let headers = format!("{host}Authorization: Bearer open-sesame-4711\r\n");
    assert_eq!(asks_admin(&place, "/metrics", &headers).await, 200);
    assert_eq!(asks_admin(&place, "/readyz", &host).await, 200, "a probe needs no token");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn check_tells_which_secret_is_in_use() {
    let place = Place::new();
    let serving = place.serves("");
    place.yunxin().sends("call.start").await.is_allowed();
    serving.is_asked_to_stop();
    assert_eq!(serving.ends().0.code(), Some(0));
    let two = place.ports.configuration(place.dir.path(), "");
    let two = two.replace(&format!("[\"{APP_SECRET}\"]"), &format!("[\"another-made-up-one\", \"{APP_SECRET}\"]"));
    let file = place.file("two.toml", &two);
    let said = offhook_in(&[], &["check", "--config", file.to_str().unwrap()], b"");
    assert_eq!(said.code, 0, "{}", said.err);
    assert!(
        said.err.contains(" is in use, first 20") && said.err.contains("it is not in the console yet"),
        "{}",
        said.err
    );
    assert!(!said.err.contains("another-made-up-one") && !said.err.contains(APP_SECRET), "{}", said.err);
}
