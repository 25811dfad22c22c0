//! What the platform says of our answers: its copy 83 tells of a callback whose answer it could not use.
//!
//! It looks the callback up in the journal by its body, marks it as not taken, counts and warns. All of that happens
//! behind the answers, on threads of its own; no request waits for it.

use std::collections::HashMap;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

use crate::event::{Event, EventId};
use crate::journal::{Failure, Filter, Journal, Position, ReadError};
use crate::kind::{Family, KindPattern};
use crate::metrics::{FailureLabels, Metrics};
use crate::yunxin::CopyCallbackFailed;

/// The kind that tells it.
pub const KIND: &str = "copy.callback_failed";

/// How far the end of the journal is looked through at the start for what was not worked on yet, in events.
const LOOK_BACK: u64 = 50_000;

/// How many kept copies may wait to be worked on; those beyond are found at the next start.
pub const WAITING: usize = 4096;

/// How many failures are looked up together, in one walk over the journal.
const TOGETHER: usize = 512;

/// A callback can have come this long before the platform says it failed, and the clocks may differ by a little.
const BEFORE: SignedDuration = SignedDuration::from_mins(10);
const AFTER: SignedDuration = SignedDuration::from_mins(1);

/// Events read at once.
const PAGE: usize = 1000;

/// Listens for copies that were kept; ends when it is dropped, after what it is at.
///
/// ```
/// use std::sync::Arc;
/// use offhook::feedback::{self, Feedback};
/// use offhook::intake::{Intake, Tap};
/// use offhook::journal::{Journal, Position};
/// use offhook::metrics::Metrics;
/// use tokio::sync::mpsc;
///
/// /// Matches the copies that come down the road with the events they tell of.
/// fn listen(road: Intake, journal: Journal, metrics: Arc<Metrics>) -> (Intake, Feedback) {
///     let (sender, kept) = mpsc::channel(feedback::WAITING);
///     let tell = Box::new(move |position: Position| drop(sender.try_send(position)));
///     let runtime = tokio::runtime::Handle::current();
///     (road.tapped(Tap { kind: feedback::KIND, tell }), Feedback::listen(journal, metrics, kept, &runtime))
/// }
/// # let _ = listen;
/// ```
#[derive(Debug)]
pub struct Feedback {
    stop: oneshot::Sender<()>,
    listening: JoinHandle<()>,
}

impl Feedback {
    /// Works on `runtime` on the events whose positions come out of `kept`, and first on those at the journal's end.
    pub fn listen(
        journal: Journal,
        metrics: Arc<Metrics>,
        mut kept: mpsc::Receiver<Position>,
        runtime: &Handle,
    ) -> Self {
        let (stop, mut stopped) = oneshot::channel::<()>();
        let listening = async move {
            let (earlier, counts) = (journal.clone(), Arc::clone(&metrics));
            let left =
                tokio::task::spawn_blocking(move || latest(&earlier).map(|events| heed(&earlier, &counts, events)));
            mention(left.await);
            let mut positions = Vec::new();
            loop {
                tokio::select! {
                    biased;
                    _ = &mut stopped => return,
                    count = kept.recv_many(&mut positions, TOGETHER) => if count == 0 { return },
                }
                let (journal, metrics, batch) = (journal.clone(), Arc::clone(&metrics), std::mem::take(&mut positions));
                let heeded = tokio::task::spawn_blocking(move || {
                    at(&journal, &batch).map(|events| heed(&journal, &metrics, events))
                });
                mention(heeded.await);
            }
        };
        Self { stop, listening: runtime.spawn(listening) }
    }

    /// Ends it, and waits until it has let go of the journal.
    pub async fn ends(self) {
        let Self { stop, listening } = self;
        drop(stop);
        let _ = listening.await;
    }
}

/// Failures among the journal's last events.
fn latest(journal: &Journal) -> Result<Vec<Event>, ReadError> {
    let reader = journal.reader();
    let last = reader.last()?;
    let filter = Filter { kinds: KindPattern::parse(KIND).into_iter().collect(), ..Filter::default() };
    let (mut after, mut events) = (Position(last.get().saturating_sub(LOOK_BACK)), Vec::new());
    loop {
        let page = reader.page(after, PAGE, &filter)?;
        events.extend(page.events.into_iter().map(|(_, event)| event));
        if !page.more {
            break;
        }
        after = page.scanned;
    }
    Ok(events)
}

/// Those of `copies` that were not noted yet: one that came during the start is found at the journal's end, and told too.
fn not_noted(journal: &Journal, copies: Vec<Event>) -> Result<Vec<Event>, ReadError> {
    let noted = journal.reader().failures()?;
    let mut new = Vec::new();
    for copy in copies {
        if noted.told_by(copy.id())?.is_none() {
            new.push(copy);
        }
    }
    Ok(new)
}

fn at(journal: &Journal, positions: &[Position]) -> Result<Vec<Event>, ReadError> {
    let reader = journal.reader();
    let mut events = Vec::new();
    for position in positions {
        let page = reader.page(Position(position.get().saturating_sub(1)), 1, &Filter::default())?;
        events.extend(page.events.into_iter().filter(|(found, _)| found == position).map(|(_, event)| event));
    }
    Ok(events)
}

fn mention(heeded: Result<Result<Result<(), Trouble>, ReadError>, tokio::task::JoinError>) {
    let trouble = match heeded {
        Ok(Ok(Ok(()))) => return,
        Ok(Ok(Err(trouble))) => trouble.to_string(),
        Ok(Err(error)) => error.to_string(),
        Err(error) => error.to_string(),
    };
    tracing::error!(
        "what the platform says of our answers could not be worked on: {trouble}; it is kept, and worked on after the next start"
    );
}

/// Why a failure could not be noted.
#[derive(Debug, thiserror::Error)]
enum Trouble {
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error(transparent)]
    Write(#[from] crate::journal::LaneError),
}

/// A failure that the platform told of.
struct Told {
    copy: EventId,
    app: Arc<str>,
    /// As the platform numbers them.
    reason: Option<i64>,
    body: Option<String>,
    at: Timestamp,
    /// When the copy came.
    told_at: Timestamp,
    callback: Option<(EventId, String)>,
}

/// Finds the callbacks, marks them, counts and warns.
fn heed(journal: &Journal, metrics: &Metrics, copies: Vec<Event>) -> Result<(), Trouble> {
    let copies = not_noted(journal, copies)?;
    let mut told: Vec<Told> = copies.iter().filter_map(read).collect();
    look_up(journal, told.iter_mut().map(|told| (told.at, told)).collect(), &[])?;
    // Where the platform's time is far from ours, it may be a wrong one: the callback may have come just before the copy.
    let taken: Vec<EventId> = told.iter().filter_map(|told| told.callback.as_ref().map(|(id, _)| *id)).collect();
    let far = |told: &&mut Told| told.callback.is_none() && told.told_at.duration_since(told.at).abs() > BEFORE;
    look_up(journal, told.iter_mut().filter(far).map(|told| (told.told_at, told)).collect(), &taken)?;
    let mut warnings: HashMap<_, (usize, Option<(EventId, String)>)> = HashMap::new();
    for told in told {
        let Told { copy, app, reason, at, callback, .. } = told;
        let word = Failure::word_of(reason);
        let failure =
            Failure { copy, event: callback.as_ref().map(|(id, _)| *id), app_key: app.to_string(), reason, at };
        if !journal.lanes().note_failure(&failure)? {
            continue;
        }
        metrics.platform_failures.get_or_create(&FailureLabels { app: Arc::clone(&app), reason: word }).inc();
        let (count, example) = warnings.entry((app, word)).or_default();
        *count += 1;
        *example = example.take().or(callback);
    }
    for ((app, reason), (count, example)) in warnings {
        warn(&app, reason, count, example);
    }
    Ok(())
}

fn warn(app: &str, reason: &str, count: usize, example: Option<(EventId, String)>) {
    let which = match &example {
        Some((id, kind)) => format!("{kind}, event {id}"),
        None => "no such callback in this journal: it never arrived here, or another instance took it".to_owned(),
    };
    let (what, advice) = match reason {
        "late" => (
            "says that our answer came too late",
            "give it more time in the console, or lower `server.deadline`; `offhook_reply_seconds` tells how much of it is ours, the rest is the way there and back",
        ),
        "malformed" => (
            "could not read our answer",
            "look for a proxy that changes answers; `offhook send --to` the public URL shows what it sees",
        ),
        "breaker_open" => (
            "has opened its circuit breaker and does not ask us any more",
            "until it closes the console's default decides everything; the failures before this one tell why",
        ),
        _ => ("could not use our answer, for a reason that is not documented", "see `offhook events show` of the copy"),
    };
    tracing::warn!(
        app,
        reason,
        count,
        "the platform {what} ({which}): its console's default decided. What to do: {advice}"
    );
}

fn read(copy: &Event) -> Option<Told> {
    let failed: CopyCallbackFailed = copy.typed()?;
    let at = failed.timestamp.and_then(|at| Timestamp::from_millisecond(at).ok()).unwrap_or(copy.received());
    let body = failed.callback_body.map(|body| body.as_str().to_owned());
    let app = Arc::clone(copy.app_key());
    Some(Told { copy: copy.id(), app, reason: failed.reason, body, at, told_at: copy.received(), callback: None })
}

/// A kept callback that a failure may tell of.
struct Candidate {
    id: EventId,
    kind: String,
    received: Timestamp,
}

/// Gives each failure the callback with its body, byte for byte or value for value, that no other failure has (`taken` are
/// others'); of several the one that was received closest to the time that stands beside the failure.
fn look_up(journal: &Journal, told: Vec<(Timestamp, &mut Told)>, taken: &[EventId]) -> Result<(), ReadError> {
    let Some(first) = told.iter().map(|(at, _)| *at).min() else { return Ok(()) };
    let last = told.iter().map(|(at, _)| *at).max().unwrap_or(first);
    let filter =
        Filter { since: first.checked_sub(BEFORE).ok(), until: last.checked_add(AFTER).ok(), ..Filter::default() };
    let key = |app: &str, body: &str| (app.to_owned(), canonical(body));
    let mut found: HashMap<(String, String), Vec<Candidate>> =
        told.iter().filter_map(|(_, told)| Some((key(&told.app, told.body.as_deref()?), Vec::new()))).collect();
    let reader = journal.reader();
    let noted = reader.failures()?;
    let mut after = Position::default();
    loop {
        let page = reader.page(after, PAGE, &filter)?;
        for (_, event) in page.events.iter().filter(|(_, event)| event.family() == Family::YunxinCallback) {
            let wanted = key_of(event, &found);
            let Some(candidates) = wanted.and_then(|wanted| found.get_mut(&wanted)) else { continue };
            if noted.of(event.id())?.is_none() && !taken.contains(&event.id()) {
                let (id, kind, received) = (event.id(), event.kind().to_string(), event.received());
                candidates.push(Candidate { id, kind, received });
            }
        }
        if !page.more {
            break;
        }
        after = page.scanned;
    }
    for (at, told) in told {
        let Some(candidates) = told.body.as_deref().and_then(|body| found.get_mut(&key(&told.app, body))) else {
            continue;
        };
        let distance = |candidate: &Candidate| candidate.received.duration_since(at).abs();
        let closest = (0..candidates.len()).min_by_key(|place| candidates.get(*place).map(distance));
        told.callback = closest.map(|place| candidates.swap_remove(place)).map(|found| (found.id, found.kind));
    }
    Ok(())
}

/// Under which app and body `event` may be looked for: what was left out of its body before it was kept is left out of
/// the bodies that the platform told of.
fn key_of(event: &Event, found: &HashMap<(String, String), Vec<Candidate>>) -> Option<(String, String)> {
    let (app, body) = (event.app_key().to_string(), canonical(event.text()));
    let left_out = event.marks().map(|marks| &*marks.left_out).unwrap_or_default();
    if left_out.is_empty() {
        return Some((app, body));
    }
    let is_it = |(told_by, told): &&(String, String)| {
        let Ok(mut value) = serde_json::from_str::<Value>(told) else { return false };
        without(&mut value, left_out);
        let told = value.to_string();
        *told_by == app && told == body
    };
    found.keys().find(is_it).cloned()
}

fn without(value: &mut Value, left_out: &[String]) {
    match value {
        Value::Object(fields) => {
            fields.retain(|name, _| !left_out.contains(name));
            fields.values_mut().for_each(|value| without(value, left_out));
        }
        Value::Array(items) => items.iter_mut().for_each(|value| without(value, left_out)),
        _ => {}
    }
}

/// The same text for bodies of the same value: a platform may write a body again that it tells of.
fn canonical(body: &str) -> String {
    serde_json::from_str::<Value>(body).map_or_else(|_| body.to_owned(), |value| value.to_string())
}
