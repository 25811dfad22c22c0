//! As much of the `WebDriver` protocol (W3C) as these tests need, over HTTP to a driver of Chromium.
//!
//! Written here because the crates for it bring either a licence we do not take or operators on `String` that break the
//! inference of everybody else's tests.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};

/// A browser behind its driver; both go when this is dropped.
pub(super) struct Driver {
    service: Child,
    client: reqwest::Client,
    session: String,
}

/// How the protocol writes keys that are no letters.
#[derive(Debug, Clone, Copy)]
pub(super) enum Key {
    Down,
    End,
    Enter,
    Escape,
}

impl Key {
    fn code(self) -> &'static str {
        match self {
            Self::Down => "\u{e015}",
            Self::End => "\u{e010}",
            Self::Enter => "\u{e007}",
            Self::Escape => "\u{e00c}",
        }
    }
}

impl Driver {
    /// Starts a driver and opens a browser with these arguments. `None` where there is no driver.
    pub(super) async fn starts(arguments: &[String], preferences: Value) -> Option<Self> {
        let (service, port) = service()?;
        // Fails only where one is installed already, which is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = reqwest::Client::builder().no_proxy().tls_certs_only([]).build().expect("a client");
        let mut driver = Self { service, client, session: format!("http://127.0.0.1:{port}/session") };
        let wishes = json!({"capabilities": {"alwaysMatch": {
            "browserName": "chrome",
            "goog:loggingPrefs": {"browser": "ALL"},
            "goog:chromeOptions": {"args": arguments, "prefs": preferences},
        }}});
        let opened = driver.asks("", Some(wishes)).await.unwrap_or_else(|error| panic!("no browser: {error}"));
        driver.session = format!("{}/{}", driver.session, opened["sessionId"].as_str().expect("a session"));
        Some(driver)
    }

    /// Sends a command of the session; without a body it is a GET. What it gives, or what went wrong.
    pub(super) async fn asks(&self, path: &str, body: Option<Value>) -> Result<Value, String> {
        let url = format!("{}{path}", self.session);
        let request = match body {
            Some(body) => self.client.post(url).header("content-type", "application/json").body(body.to_string()),
            None => self.client.get(url),
        };
        let answer = request.send().await.map_err(|error| error.to_string())?;
        let is_good = answer.status().is_success();
        let text = answer.text().await.map_err(|error| error.to_string())?;
        let mut told: Value = serde_json::from_str(&text).map_err(|error| error.to_string())?;
        let value = told["value"].take();
        if is_good { Ok(value) } else { Err(format!("{}: {}", value["error"], value["message"])) }
    }

    /// The same for a command that must succeed.
    pub(super) async fn does(&self, path: &str, body: Value) -> Value {
        self.asks(path, Some(body)).await.unwrap_or_else(|error| panic!("{path}: {error}"))
    }

    /// A command of the browser's own protocol.
    pub(super) async fn tells(&self, command: &str, parameters: Value) -> Value {
        self.does("/goog/cdp/execute", json!({"cmd": command, "params": parameters})).await
    }

    /// The first element there.
    pub(super) async fn finds(&self, selector: &str) -> String {
        let found = self.does("/element", json!({"using": "css selector", "value": selector})).await;
        let name = found.as_object().and_then(|pairs| pairs.values().next()?.as_str().map(str::to_owned));
        name.unwrap_or_else(|| panic!("no element {selector}"))
    }

    /// Types `text`, and then Enter, into an element.
    pub(super) async fn types(&self, element: &str, text: &str) {
        self.does(&format!("/element/{element}/clear"), json!({})).await;
        let text = format!("{text}{}", Key::Enter.code());
        self.does(&format!("/element/{element}/value"), json!({"text": text})).await;
    }

    /// Presses a key, wherever the focus is.
    pub(super) async fn presses(&self, key: Key) {
        let steps = ["keyDown", "keyUp"].map(|step| json!({"type": step, "value": key.code()}));
        self.does("/actions", json!({"actions": [{"type": "key", "id": "keyboard", "actions": steps}]})).await;
    }

    /// Closes the browser.
    pub(super) async fn quits(&self) {
        let ended = self.client.delete(&self.session).send().await;
        assert!(ended.is_ok_and(|answer| answer.status().is_success()), "the browser does not end");
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        // The driver of a test that failed takes its browser with it.
        let _ = self.service.kill();
        let _ = self.service.wait();
    }
}

/// The driver's process, on a port of its choice, where it is installed.
fn service() -> Option<(Child, u16)> {
    let mut command = Command::new("chromedriver");
    command.arg("--port=0").stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut service = command.spawn().ok()?;
    let mut lines = BufReader::new(service.stdout.take()?).lines().map_while(Result::ok);
    let said = lines.find(|line| line.contains("started successfully on port"))?;
    let port = said.rsplit(' ').next()?.trim_end_matches('.').parse().ok()?;
    // Whoever speaks needs somebody who listens.
    std::thread::spawn(move || lines.for_each(drop));
    Some((service, port))
}
