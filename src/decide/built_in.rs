//! The built-in deciders: what a configuration may name under `[[deciders]]`.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::decider::{AtOnce, BoxedDecider, Erased, Thinking};
use super::exec::Exec;
use super::http::{Http, HttpError, HttpSettings};
use super::link::LinkSettings;
use super::rules::{Counters, Rulebook, Rules};
use crate::budget::Budget;
use crate::event::Event;
use crate::metrics::Metrics;
use crate::program::ExecSettings;

/// A decider as a configuration describes it.
///
/// ```
/// use std::sync::Arc;
/// use std::time::Duration;
/// use offhook::decide::rules::{RuleSource, Rulebook};
/// use offhook::decide::{Action, LinkSettings, Settings, Shared, build};
/// use offhook::metrics::Metrics;
/// use offhook::{Receiver, Verdict};
///
/// let when = "kind == \"call.start\" && size(data.toAccountList) > 8".to_owned();
/// let rule = RuleSource { name: "crowd".to_owned(), when, then: Verdict::reject(20010) };
/// let book = Rulebook::load(vec![rule], Vec::new(), Vec::new()).expect("a good rule");
/// let settings = Settings { link: LinkSettings::new("rules"), action: Action::Rules(Arc::new(book)) };
///
/// // What `[[deciders]]` of a configuration make, in a program of yours.
/// let shared = Shared::new(Metrics::new(Duration::from_millis(1500)));
/// let (link, decider) = build(settings, &shared)?;
/// assert_eq!(&*link.name, "rules");
/// # let _ = decider;
/// # Ok::<(), offhook::decide::BuildError>(())
/// ```
#[derive(Debug, Clone)]
pub struct Settings {
    /// Its place in the chain.
    pub link: LinkSettings,
    /// What it does.
    pub action: Action,
}

/// What a built-in decider does with an event.
///
/// Example: [`Settings`].
#[derive(Debug, Clone)]
pub enum Action {
    /// Evaluates rules.
    Rules(Arc<Rulebook>),
    /// Asks a service.
    Http(HttpSettings),
    /// Starts a program.
    Exec(ExecSettings),
}

impl Action {
    /// Whether it asks nobody outside, so that it can be tried on kept events.
    pub fn is_offline(&self) -> bool {
        matches!(self, Self::Rules(_))
    }
}

/// The decider types a configuration may name, each with what it does.
pub const ALL: &[(&str, &str)] = &[
    ("rules", "evaluates CEL rules"),
    ("http", "asks a service of yours"),
    ("exec", "starts a program of yours for each question"),
];

/// What deciders share, and keep when they are loaded anew.
///
/// Example: [`Settings`].
#[derive(Debug, Clone)]
pub struct Shared {
    /// Where they count.
    pub metrics: Arc<Metrics>,
    /// The counters of rules.
    pub counters: Arc<Counters>,
}

impl Shared {
    /// Nothing counted yet.
    pub fn new(metrics: Arc<Metrics>) -> Self {
        Self { metrics, counters: Arc::default() }
    }
}

/// Why a decider could not be made.
///
/// ```
/// use std::time::Duration;
/// use offhook::decide::{Action, BuildError, BreakerSettings, HttpError, HttpSettings, LinkSettings, Settings, Shared, build};
/// use offhook::metrics::Metrics;
///
/// let breaker = BreakerSettings { failures: 5, pause: Duration::from_secs(10) };
/// let action = Action::Http(HttpSettings { url: "ftp://127.0.0.1/may".parse()?, headers: Vec::new(), breaker });
/// let settings = Settings { link: LinkSettings::new("may"), action };
/// let error = build(settings, &Shared::new(Metrics::new(Duration::from_secs(1)))).map(|_| ()).unwrap_err();
/// assert!(matches!(error, BuildError::Http { error: HttpError::Scheme(_), .. }));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// A service that could never be asked.
    #[error("decider `{name}`: {error}")]
    Http {
        /// The decider's name.
        name: Arc<str>,
        /// What is in the way.
        error: HttpError,
    },
}

/// Makes the decider that `settings` describe.
///
/// Example: [`Settings`].
///
/// # Errors
/// [`BuildError`] names the decider and what is in the way.
pub fn build(settings: Settings, shared: &Shared) -> Result<(LinkSettings, BoxedDecider), BuildError> {
    let Settings { link, action } = settings;
    let decider = match action {
        Action::Rules(book) => {
            let rules = Rules::new(Arc::clone(&link.name), book, &shared.counters, Arc::clone(&shared.metrics));
            BoxedDecider::own(Arc::new(rules))
        }
        Action::Http(settings) => match Http::new(&*link.name, settings, &shared.metrics) {
            Ok(http) => BoxedDecider::new(http),
            Err(error) => return Err(BuildError::Http { name: link.name, error }),
        },
        Action::Exec(settings) => BoxedDecider::new(Exec::new(&*link.name, settings)),
    };
    Ok((link, decider))
}

/// A decider that is not asked: without an opinion, it only counts how often it would have been.
///
/// ```
/// use std::time::Duration;
/// use offhook::decide::{Action, ExecSettings, LinkSettings, Settings, leave_out};
///
/// let program = ExecSettings { command: "/usr/local/bin/may-call".into(), args: Vec::new(), env: Vec::new() };
/// let settings = Settings { link: LinkSettings::new("may-call"), action: Action::Exec(program) };
/// // In a trial of other rules nobody outside is asked; what stands there instead only counts.
/// let (link, decider, unasked) = leave_out(settings);
/// assert_eq!((unasked.name(), unasked.times()), ("may-call", 0));
/// # let _ = (link, decider, Duration::ZERO);
/// ```
#[derive(Debug, Clone)]
pub struct Unasked(Arc<LeftOut>);

#[derive(Debug)]
struct LeftOut {
    name: Arc<str>,
    times: AtomicU64,
}

/// Something in the place of the decider that `settings` describe, for where nobody outside may be asked.
///
/// Example: [`Unasked`].
pub fn leave_out(settings: Settings) -> (LinkSettings, BoxedDecider, Unasked) {
    let left_out = Arc::new(LeftOut { name: Arc::clone(&settings.link.name), times: AtomicU64::new(0) });
    (settings.link, BoxedDecider::own(Arc::clone(&left_out) as Arc<dyn Erased>), Unasked(left_out))
}

impl Unasked {
    /// The decider's name.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// How often it would have been asked.
    pub fn times(&self) -> u64 {
        self.0.times.load(Ordering::Relaxed)
    }
}

impl Erased for LeftOut {
    fn name(&self) -> &str {
        &self.name
    }

    fn at_once(&self, _: &Event) -> AtOnce {
        self.times.fetch_add(1, Ordering::Relaxed);
        AtOnce::Said(None)
    }

    fn decide(self: Arc<Self>, _: Arc<Event>, _: Budget) -> Thinking {
        Box::pin(async { Ok(None) })
    }
}
