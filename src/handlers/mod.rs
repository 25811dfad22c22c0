//! The built-in handlers: what a configuration may name under `[[handlers]]`.
//!
//! Each stands alone in its file; none knows how events come in, where they are kept, or of the others.

mod exec;
mod http;
mod log;
mod nats;
mod robot_call;

use std::io::{self, Write};
use std::sync::Arc;
use std::time::Duration;

pub use exec::Exec;
pub use http::{Http, KeyError, SigningKey};
pub use log::Log;
pub use nats::{Nats, NatsSettings, Subject};
pub use robot_call::{JournalWitness, RobotCall, Settings as RobotCallSettings, Template};

use crate::clock::Clock;
use crate::deliver::{AnyHandler, LaneSettings};
pub use crate::program::ExecSettings;
use crate::tencent::AccountError;

/// A handler as a configuration describes it.
///
/// ```
/// use offhook::clock::Clock;
/// use offhook::deliver::LaneSettings;
/// use offhook::handlers::{Action, Settings, build};
///
/// // What `[[handlers]]` of a configuration make, in a program of yours.
/// let settings = Settings { lane: LaneSettings::new("log"), action: Action::Log { data: false } };
/// let (lane, handler) = build(settings, &Clock::system(), || Box::new(std::io::stdout()))?;
/// assert_eq!((&*lane.name, handler.name()), ("log", "log"));
/// # Ok::<(), offhook::handlers::BuildError>(())
/// ```
#[derive(Debug, Clone)]
pub struct Settings {
    /// Its lane.
    pub lane: LaneSettings,
    /// What it does.
    pub action: Action,
}

/// What a built-in handler does with an event.
///
/// Example: [`Settings`].
#[derive(Debug, Clone)]
pub enum Action {
    /// Writes one CloudEvents line to stdout.
    Log {
        /// With the sender's JSON.
        data: bool,
    },
    /// Posts a structured CloudEvent.
    Http {
        /// Where to.
        url: url::Url,
        /// For the whole attempt.
        timeout: Duration,
        /// For reaching the target.
        connect_timeout: Duration,
        /// What each attempt is signed with.
        signing_keys: Vec<SigningKey>,
        /// How many events go into one request.
        batch: usize,
    },
    /// Starts a program.
    Exec {
        /// Which, and with what.
        program: ExecSettings,
        /// For the whole attempt.
        timeout: Duration,
    },
    /// Publishes to NATS.
    Nats(NatsSettings),
    /// Places a Tencent call.
    RobotCall(Box<RobotCallSettings>),
}

/// The handler types a configuration may name, each with what it does.
pub const ALL: &[(&str, &str)] = &[
    ("log", "writes one CloudEvents line to stdout"),
    ("http", "posts a structured CloudEvent to a URL"),
    ("exec", "starts a program with the event on its stdin"),
    ("nats", "publishes to a subject of NATS"),
    ("robot_call", "rings users through Tencent, once"),
];

/// Why a handler could not be made.
///
/// ```
/// use std::time::Duration;
/// use offhook::clock::Clock;
/// use offhook::handlers::{BuildError, Http};
///
/// let seconds = Duration::from_secs;
/// let url = "ftp://crm.example".parse()?;
/// let error = Http::new("crm", url, seconds(5), seconds(1), Clock::system()).map(|_| ()).unwrap_err();
/// assert!(matches!(error, BuildError::Scheme { .. }));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// The thread that writes its lines did not start.
    #[error("handler `{name}`: cannot start its writer thread")]
    Thread {
        /// The handler's name.
        name: Arc<str>,
        /// What the system said.
        #[source]
        error: io::Error,
    },
    /// Its URL is neither http nor https.
    #[error("handler `{name}`: its url begins with `{scheme}:`; give one that begins with `http:` or `https:`")]
    Scheme {
        /// The handler's name.
        name: Arc<str>,
        /// What it begins with.
        scheme: String,
    },
    /// There is no HTTP client; mostly because the machine has no certificates of authorities.
    #[error(
        "handler `{name}`: cannot make an HTTP client ({cause}); for https the system's CA certificates must be installed"
    )]
    Client {
        /// The handler's name.
        name: Arc<str>,
        /// The innermost reason.
        cause: String,
    },
    /// Its app's settings lack something.
    #[error("handler `{name}`: {error}")]
    Account {
        /// The handler's name.
        name: Arc<str>,
        /// What they lack.
        #[source]
        error: AccountError,
    },
}

/// Makes the handler that `settings` describe. `stdout` is where a handler writes its lines, if it writes any.
///
/// Example: [`Settings`].
///
/// # Errors
/// [`BuildError`] names the handler and what is in the way.
pub fn build(
    settings: Settings,
    clock: &Clock,
    stdout: impl FnOnce() -> Box<dyn Write + Send>,
) -> Result<(LaneSettings, AnyHandler), BuildError> {
    let Settings { lane, action } = settings;
    let name = Arc::clone(&lane.name);
    let handler = match action {
        Action::Log { data } => AnyHandler::in_pages(Log::new(name, data, stdout())?),
        Action::Http { url, timeout, connect_timeout, signing_keys, batch } => {
            let http = Http::new(name, url, timeout, connect_timeout, clock.clone())?;
            http.signed(signing_keys).batched(batch)
        }
        Action::Exec { program, timeout } => AnyHandler::new(Exec::new(name, program, timeout, lane.concurrency)),
        Action::Nats(settings) => AnyHandler::new(Nats::new(name, settings)),
        Action::RobotCall(settings) => {
            let made = RobotCall::new(Arc::clone(&name), *settings, clock.clone());
            AnyHandler::new(made.map_err(|error| BuildError::Account { name, error })?)
        }
    };
    Ok((lane, handler))
}
