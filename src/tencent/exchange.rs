//! Exchanges with Tencent: one HTTP request, tried again only where that cannot do it twice.
//!
//! It tells apart never reached, perhaps arrived, and answered. Redirects are not followed, and the HTTP client repeats
//! nothing by itself.

use std::borrow::Cow;
use std::error::Error;
use std::sync::OnceLock;
use std::time::Duration;

use reqwest::{Client, redirect};
use tokio::time::{Instant, sleep};

use super::chance::Chance;
use super::error::{Class, Refused, RequestError, Unknown};
use super::limiter::Limiter;
use super::{Host, Outgoing};
use crate::metrics::{Metrics, TencentLabels, TencentRequests};

const USER_AGENT: &str = concat!("offhook/", env!("CARGO_PKG_VERSION"));
/// A connection at rest is closed after this, before the other side does.
const IDLE: Duration = Duration::from_secs(15);
/// An answer is a few hundred bytes; a page of records some more.
const LONGEST_ANSWER: usize = 4 << 20;
/// The first wait between two attempts; it doubles.
const FIRST_WAIT: Duration = Duration::from_millis(250);

/// How long a request may take.
///
/// ```
/// use std::time::Duration;
/// use offhook::tencent::Patience;
///
/// let patience = Patience { whole: Duration::from_secs(5), ..Patience::default() };
/// assert!(patience.connect <= patience.whole);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patience {
    /// For reaching Tencent, in each attempt.
    pub connect: Duration,
    /// For one attempt. Tencent's own limit behind its door is 3 s.
    pub attempt: Duration,
    /// For the request with all its attempts: none begins that could end later.
    pub whole: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        let [connect, attempt, whole] = [2_500, 6_000, 10_000].map(Duration::from_millis);
        Self { connect, attempt, whole }
    }
}

/// There is no HTTP client, mostly because the machine has no certificates of authorities.
///
/// Example: [`super::call_engine::Settings`].
#[derive(Debug, Clone, thiserror::Error)]
#[error("cannot make an HTTP client ({0}); for https the system's CA certificates must be installed")]
pub struct ClientError(String);

/// What is asked.
#[derive(Debug, Clone, Copy)]
pub(super) struct Asked {
    /// The interface's name.
    pub(super) api: &'static str,
    /// Whether asking twice does no more than asking once.
    pub(super) repeatable: bool,
    /// How to find out what was done, where no answer came.
    pub(super) find_out: &'static str,
}

/// What an answer says.
pub(super) enum Judged<T> {
    /// It was done.
    Done(T),
    /// It was not, or nobody knows.
    Refused(Class, Refused),
    /// The body is not one of this interface.
    Strange,
}

/// Sends requests to one host.
#[derive(Debug)]
pub(super) struct Exchange {
    client: Client,
    host: Host,
    patience: Patience,
    chance: Chance,
    counted: OnceLock<TencentRequests>,
}

impl Exchange {
    pub(super) fn new(host: Host, patience: Patience, chance: Chance) -> Result<Self, ClientError> {
        // Somebody else may have chosen one already; theirs is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut client = Client::builder()
            .user_agent(USER_AGENT)
            .redirect(redirect::Policy::none())
            .retry(reqwest::retry::never())
            .timeout(patience.attempt)
            .connect_timeout(patience.connect.min(patience.attempt / 4 * 3))
            .pool_idle_timeout(IDLE)
            .tcp_nodelay(true);
        if host.url().scheme() == "http" {
            // Loopback: neither certificates nor a proxy of this machine are of any use.
            client = client.tls_certs_only([]).no_proxy();
        }
        let client = client.build().map_err(|error| ClientError(innermost(&error)))?;
        Ok(Self { client, host, patience, chance, counted: OnceLock::new() })
    }

    pub(super) fn counts_in(&self, metrics: &Metrics) {
        // Whoever came first counts; nobody changes where.
        let _ = self.counted.set(metrics.tencent_requests.clone());
    }

    pub(super) fn chance(&self) -> &Chance {
        &self.chance
    }

    pub(super) fn host(&self) -> &Host {
        &self.host
    }

    /// Asks until there is an answer that stands, or no time is left. `outgoing` makes each attempt's request; `judge`
    /// reads an answer; `refused` hears of each no.
    pub(super) async fn ask<T>(
        &self,
        asked: Asked,
        limiter: &Limiter,
        outgoing: impl Fn() -> Result<Outgoing, RequestError>,
        judge: impl Fn(&[u8]) -> Judged<T>,
        refused: impl Fn(Class),
    ) -> Result<T, RequestError> {
        let (began, mut failures) = (Instant::now(), 0);
        let (mut once, mut renewed) = (false, false);
        loop {
            limiter.turn().await;
            let (class, error) = match self.attempt(asked, &outgoing()?, &judge).await {
                Ok(answer) => return Ok(answer),
                Err(failed) => failed,
            };
            refused(class);
            let may_again = match class {
                Class::Final | Class::LockOut => false,
                Class::BackOff => true,
                Class::Once => !std::mem::replace(&mut once, true),
                Class::Ambiguous => asked.repeatable,
                Class::NewUserSig if !std::mem::replace(&mut renewed, true) => continue,
                Class::NewUserSig => false,
            };
            if !may_again || !self.wait(began, &mut failures).await {
                return Err(error);
            }
        }
    }

    async fn attempt<T>(
        &self,
        asked: Asked,
        outgoing: &Outgoing,
        judge: impl Fn(&[u8]) -> Judged<T>,
    ) -> Result<T, (Class, RequestError)> {
        let Asked { api, find_out, .. } = asked;
        let unknown = |why: String, code, request_id| {
            let unknown = Unknown { api, why, find_out, code, request_id };
            (Class::Ambiguous, RequestError::Unknown(Box::new(unknown)))
        };
        let host = self.host.to_string();
        let (status, body) = match self.send(outgoing).await {
            Came::Answer { status, body } => (status, body),
            Came::NotReached(why) => {
                self.count(api, "not_reached");
                return Err((Class::BackOff, RequestError::NotReached { host, why }));
            }
            Came::Lost(why) => {
                self.count(api, "no_answer");
                return Err(unknown(why, None, None));
            }
        };
        match judge(&body) {
            Judged::Done(answer) if status == 200 => {
                self.count(api, "0");
                Ok(answer)
            }
            Judged::Refused(class, refused) => {
                self.count(api, if refused.known.is_some() { refused.code.clone() } else { "other".to_owned() });
                if class != Class::Ambiguous {
                    return Err((class, RequestError::Refused(Box::new(refused))));
                }
                let meaning = refused.known.map_or("what it means is not documented", |known| known.meaning);
                let why = format!("Tencent answered {}: {meaning}", refused.code.escape_debug());
                Err(unknown(why, Some(refused.code), refused.request_id))
            }
            Judged::Done(_) | Judged::Strange => {
                self.count(api, format!("http_{status}"));
                match status {
                    429 => Err((Class::BackOff, RequestError::NotTencent { host, status })),
                    200 => Err(unknown("the answer is not JSON as documented".to_owned(), None, None)),
                    300..500 if status != 408 => Err((Class::Final, RequestError::NotTencent { host, status })),
                    _ => Err(unknown(format!("the answer had the HTTP status {status}"), None, None)),
                }
            }
        }
    }

    /// Sends `request` once.
    async fn send(&self, request: &Outgoing) -> Came {
        let mut sending = self.client.post(request.url.clone()).body(request.body.clone());
        // The client writes `host` itself, from the URL.
        for (name, value) in request.headers.iter().filter(|(name, _)| *name != "host") {
            sending = sending.header(*name, value);
        }
        let mut reply = match sending.send().await {
            Ok(reply) => reply,
            Err(error) if error.is_connect() => return Came::NotReached(innermost(&error)),
            Err(error) => return Came::Lost(self.lost(&error)),
        };
        let status = reply.status().as_u16();
        let mut body = Vec::new();
        loop {
            match reply.chunk().await {
                Ok(Some(chunk)) if body.len() + chunk.len() <= LONGEST_ANSWER => body.extend_from_slice(&chunk),
                Ok(Some(_)) => return Came::Lost(format!("the answer is longer than {LONGEST_ANSWER} bytes")),
                Ok(None) => return Came::Answer { status, body },
                Err(error) => return Came::Lost(self.lost(&error)),
            }
        }
    }

    fn count(&self, api: &'static str, code: impl Into<Cow<'static, str>>) {
        if let Some(counted) = self.counted.get() {
            counted.get_or_create(&TencentLabels { api, code: code.into() }).inc();
        }
    }

    /// Waits before another attempt; `false` where there is no time for one.
    async fn wait(&self, began: Instant, failures: &mut u32) -> bool {
        let doubled = FIRST_WAIT.saturating_mul(1 << (*failures).min(8));
        let wait = doubled.mul_f64(0.5 + self.chance.fraction() / 2.0);
        *failures += 1;
        if began.elapsed() + wait + self.patience.attempt > self.patience.whole {
            return false;
        }
        sleep(wait).await;
        true
    }

    fn lost(&self, error: &reqwest::Error) -> String {
        if error.is_timeout() {
            format!("no answer within {:?}", self.patience.attempt)
        } else {
            format!("the connection broke: {}", innermost(error))
        }
    }
}

/// What came of sending.
enum Came {
    Answer {
        status: u16,
        body: Vec<u8>,
    },
    /// Nothing left this machine.
    NotReached(String),
    /// It left, or may have; no answer came.
    Lost(String),
}

/// What an error comes down to. The URL, which holds a signature, is only ever in the outermost text.
fn innermost(error: &reqwest::Error) -> String {
    let mut cause: &dyn Error = error;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    if std::ptr::addr_eq(cause, error) { "the client refused it".to_owned() } else { cause.to_string() }
}
