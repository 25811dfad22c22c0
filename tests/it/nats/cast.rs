//! Real NATS servers that are started, killed and started again, and instances of offhook that share them.

use std::io::Write;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use offhook::app::{App, Stop};
use offhook::edge;
use offhook::journal::{Filter, Journal, NatsSettings, Options, Position, Reader};
use offhook::metrics::Metrics;
use offhook::receiver::Builder;
use offhook::yunxin;
use offhook::{Event, Receiver};
use tempfile::TempDir;
use tokio::net::TcpSocket;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::world::{APP_KEY, APP_SECRET, Yunxin, any_port, reserved, within_reason};

/// A server with `JetStream`, and what it stores.
pub(super) struct Nats {
    process: Child,
    port: u16,
    arguments: Vec<String>,
    store: TempDir,
    /// They keep its ports from all others, also while it is down.
    _ports: Vec<TcpSocket>,
}

impl Nats {
    /// Starts one; `None` where none is installed, which is said, and not allowed in CI.
    pub(super) fn start() -> Option<Self> {
        is_installed().then(|| Self::with(Vec::new(), Vec::new()))
    }

    /// The three servers of a cluster.
    pub(super) fn cluster() -> Option<[Self; 3]> {
        if !is_installed() {
            return None;
        }
        let routes = [reserved(), reserved(), reserved()];
        let urls = routes.each_ref().map(|route| format!("nats://127.0.0.1:{}", port_of(route)));
        let (seeds, mut number) = (urls.join(","), 0);
        Some(routes.map(|route| {
            let (name, own) = (format!("n{number}"), urls[number].clone());
            number += 1;
            let arguments = ["--server_name", &name, "--cluster_name", "c", "--cluster", &own, "--routes", &seeds];
            Self::with(arguments.map(str::to_owned).to_vec(), vec![route])
        }))
    }

    fn with(arguments: Vec<String>, mut ports: Vec<TcpSocket>) -> Self {
        let (store, own) = (tempfile::tempdir().expect("a directory"), reserved());
        let port = port_of(&own);
        ports.push(own);
        Self { process: serve(port, store.path(), &arguments), port, arguments, store, _ports: ports }
    }

    pub(super) fn url(&self) -> String {
        format!("nats://127.0.0.1:{}", self.port)
    }

    /// `kill -9`.
    pub(super) fn dies(&mut self) {
        self.process.kill().expect("it ran");
        self.process.wait().expect("it ends");
    }

    /// It does nothing from now on, and keeps its connections.
    pub(super) fn freezes(&self) {
        self.gets("STOP");
    }

    /// It goes on with whatever came meanwhile.
    pub(super) fn thaws(&self) {
        self.gets("CONT");
    }

    fn gets(&self, signal: &str) {
        let sent = Command::new("kill").args(["-s", signal, &self.process.id().to_string()]).status();
        assert!(sent.expect("kill").success());
    }

    /// It starts again with what it stored.
    pub(super) fn comes_back(&mut self) {
        self.process = serve(self.port, self.store.path(), &self.arguments);
    }

    /// Where it stores.
    pub(super) fn store(&self) -> &Path {
        self.store.path()
    }

    /// The usual settings for it.
    pub(super) fn settings(&self) -> NatsSettings {
        NatsSettings::at(&self.url()).expect("a URL")
    }
}

impl Drop for Nats {
    fn drop(&mut self) {
        // It may have died already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Whether there is a `nats-server` to be started.
fn is_installed() -> bool {
    let found = Command::new("nats-server").arg("--version").stdout(Stdio::null()).status().is_ok();
    assert!(
        found || std::env::var_os("CI").is_none(),
        "no nats-server, and CI skips nothing: run `scripts/nats install`"
    );
    if !found {
        // Past the harness's capture, so that it is seen in a run that passes.
        writeln!(
            std::io::stderr(),
            "SKIPPED: no nats-server (`scripts/nats install`), so nothing is proven about NATS"
        )
        .expect("stderr");
    }
    found
}

fn serve(port: u16, store: &Path, arguments: &[String]) -> Child {
    let mut command = Command::new("nats-server");
    command.args(["--addr", "127.0.0.1", "--port", &port.to_string(), "--jetstream", "--store_dir"]).arg(store);
    let log = std::fs::File::options().create(true).append(true).open(store.join("log")).expect("a file");
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
    let process = command.spawn().expect("a server");
    let deadline = Instant::now() + Duration::from_secs(20);
    while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
        assert!(Instant::now() < deadline, "nats-server does not listen: see {}", store.display());
        std::thread::yield_now();
    }
    process
}

fn port_of(socket: &TcpSocket) -> u16 {
    socket.local_addr().expect("an address").port()
}

/// One of several that share a journal.
pub(super) struct Instance {
    pub(super) options: Options,
    pub(super) public: SocketAddr,
    pub(super) receiver: Arc<Receiver>,
    stop: oneshot::Sender<Stop>,
    ended: JoinHandle<offhook::app::Ended>,
    _directory: Option<TempDir>,
}

impl Instance {
    /// With a directory of its own.
    pub(super) async fn of(settings: NatsSettings, adds: impl FnOnce(Builder) -> Builder) -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let mut instance = Self::at(directory.path(), settings, adds).await;
        instance._directory = Some(directory);
        instance
    }

    /// In this directory.
    pub(super) async fn at(directory: &Path, settings: NatsSettings, adds: impl FnOnce(Builder) -> Builder) -> Self {
        let options = Options { nats: Some(settings), ..Options::at(directory.join("own")) };
        let edge = edge::Settings { listen: any_port(), ..edge::Settings::default() };
        let builder = Receiver::builder().server(edge).with_app(yunxin::App::new(APP_KEY, APP_SECRET));
        let app = App::build(adds(builder.journal_in(options.clone())), None).await.expect("an app");
        let (public, receiver) = (app.addresses().expect("addresses").public, Arc::clone(app.receiver()));
        let (stop, stopping) = oneshot::channel();
        let ended = tokio::spawn(app.run(async { stopping.await.unwrap_or(Stop::AtOnce) }));
        Self { options, public, receiver, stop, ended, _directory: None }
    }

    pub(super) fn yunxin(&self) -> Yunxin {
        Yunxin::asking(self.public)
    }

    pub(super) fn journal(&self) -> &Journal {
        self.receiver.journal()
    }

    pub(super) fn metrics(&self) -> &Arc<Metrics> {
        self.receiver.metrics()
    }

    /// Stops in an orderly way; how much was not durable then.
    pub(super) async fn stops(self) -> usize {
        let Self { stop, ended, receiver, .. } = self;
        drop(receiver);
        stop.send(Stop::AtOnce).expect("it listens");
        within_reason(ended).await.expect("it ends well").unkept
    }

    pub(super) fn spill(&self) -> PathBuf {
        self.options.spill.clone()
    }
}

/// A journal alone, without an edge, in a directory of its own.
pub(super) async fn journal(settings: NatsSettings) -> (Journal, TempDir) {
    let directory = tempfile::tempdir().expect("a directory");
    let options = Options { nats: Some(settings), ..Options::at(directory.path()) };
    (open(options).await.expect("a journal"), directory)
}

pub(super) async fn open(options: Options) -> Result<Journal, offhook::journal::OpenError> {
    let metrics = Metrics::new(Duration::from_millis(1500));
    let open = move || Journal::open(options, offhook::clock::Clock::system(), metrics);
    tokio::task::spawn_blocking(open).await.expect("no panic")
}

/// Everything kept, oldest first.
pub(super) fn kept(reader: &Reader, filter: &Filter) -> Vec<(Position, Event)> {
    let (mut after, mut events) = (Position::default(), Vec::new());
    loop {
        let page = reader.page(after, 100, filter).expect("readable");
        events.extend(page.events);
        if !page.more {
            return events;
        }
        after = page.scanned;
    }
}

/// Waits until it is so, asking again and again.
pub(super) async fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !is_so() {
        assert!(Instant::now() < deadline, "it never came to be: {what}");
        tokio::task::yield_now().await;
        // A question to NATS or to a file each time: no need for more than a hundred a second.
        tokio::time::timeout(Duration::from_millis(10), std::future::pending::<()>()).await.expect_err("it waits");
    }
}
