//! Where the journal lives and when it stops taking more.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use super::{Keys, LeaveOut, NatsSettings, Retention};

/// The journal's settings.
///
/// ```
/// use std::time::Duration;
/// use offhook::Event;
/// use offhook::clock::Clock;
/// use offhook::journal::{Filter, Journal, Options, Position, Retention};
/// use offhook::metrics::Metrics;
/// # #[tokio::main] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let directory = tempfile::tempdir()?;
/// # let path = directory.path();
///
/// let week = Retention { keep: Some(Duration::from_secs(7 * 86_400)), max_size: None };
/// let options = Options { retention: week, ..Options::at(path) };
/// let journal = Journal::open(options, Clock::system(), Metrics::new(Duration::from_millis(1500)))?;
///
/// // On disk, synced, when this is ready.
/// let kept = journal.append(Event::from_json(r#"{"eventType":20,"fromAccount":"mei"}"#)?, None).await?;
/// let page = journal.reader().page(Position(0), 100, &Filter::default())?;
/// assert_eq!(page.events[0].0, kept.position());
/// // The newest first.
/// let newest = journal.reader().page_before(Position(u64::MAX), 10, &Filter::default())?;
/// assert!(newest.events[0].1.subject() == Some("mei") && !journal.is_degraded());
/// assert_eq!(journal.close(Duration::from_secs(10)).await.unkept, 0);
/// # Ok(()) }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// Its directory; made where it does not exist.
    pub path: PathBuf,
    /// Below this many free bytes on its disk nothing more is written to it.
    pub min_free: u64,
    /// Where events go, one JSON line each, while the journal cannot keep them.
    pub spill: PathBuf,
    /// How long and how much is kept.
    pub retention: Retention,
    /// What never reaches the disk, besides the tokens of logins.
    pub leave_out: LeaveOut,
    /// What is encrypted, and with what; `None`: nothing is.
    pub keys: Option<Keys>,
    /// How long after its own time a request is still taken at most, so that a repeat of it must be known.
    pub tolerance: Duration,
    /// The journal is in NATS; the directory holds only what is this machine's own.
    pub nats: Option<NatsSettings>,
}

impl fmt::Display for Options {
    /// Where it is, for people.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.nats {
            Some(nats) => write!(f, "the stream {} at {}", nats.stream, nats.servers),
            None => write!(f, "{}", self.path.display()),
        }
    }
}

impl Options {
    /// A journal in the directory `path`, spilling into `spill.jsonl` beside it, that leaves 1 GiB of the disk free and
    /// keeps everything for ever.
    pub fn at(path: impl Into<PathBuf>) -> Self {
        let path = path.into();
        Self {
            spill: path.join("spill.jsonl"),
            path,
            min_free: 1 << 30,
            retention: Retention::default(),
            leave_out: LeaveOut::default(),
            keys: None,
            tolerance: Duration::ZERO,
            nats: None,
        }
    }
}

/// Numbers that are no setting: measured once, and changed only by tests and benchmarks.
#[doc(hidden)]
#[derive(Debug, Clone)]
pub struct Tuning {
    /// A file that holds about this many bytes is followed by a new one.
    pub rotate_bytes: u64,
    /// A file with events in it is followed by a new one after about this long.
    pub rotate_after: Duration,
    /// How long after a failure keeping is tried again.
    pub retry_every: Duration,
    /// The memory that events may take which wait for a disk that does not answer. Over it they go to the spill file past
    /// the writer; over twice as much, because that does not answer either, to the error log.
    pub queue_bytes: usize,
    /// A disk that takes so long for one batch does not answer: nobody waits this long for an answer of ours.
    pub stalled_after: Duration,
    /// The longest that a batch waits for more callers, where a commit takes that long; a caller that is alone never waits.
    pub gather_most: Duration,
    /// The share of the callers seen lately that a batch waits for, in hundredths; 0 turns waiting off.
    pub gather_percent: usize,
}

impl Default for Tuning {
    fn default() -> Self {
        Self {
            rotate_bytes: 128 << 20,
            rotate_after: Duration::from_secs(3600),
            retry_every: Duration::from_secs(1),
            queue_bytes: 64 << 20,
            stalled_after: Duration::from_secs(2),
            gather_most: Duration::from_millis(1),
            gather_percent: 90,
        }
    }
}
