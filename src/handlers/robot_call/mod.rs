//! `type = "robot_call"`: an event places a call through Tencent's call engine, once, whatever happens.
//!
//! Before a request leaves, a row in the journal's outbox says so, and is on disk. After a crash, a replay or a second
//! delivery that row decides: what may have rung is never rung again, but parked for a person. What is played into the
//! call has a row of its own, and is taken up again after a restart (`playback.rs`).

mod playback;
mod template;
mod witness;

use std::fmt;
use std::sync::Arc;

use tokio::task::spawn_blocking;

pub use template::Template;
pub use witness::JournalWitness;

use crate::clock::Clock;
use crate::deliver::{Handler, Outcome, answered};
use crate::event::Event;
use crate::journal::{Entry, Options, Outbox, Stage};
use crate::metrics::Metrics;
use crate::tencent::call_engine::{CallEngine, Media, OfflinePush, StartCall};
use crate::tencent::ingest::Playing;
use crate::tencent::{Account, AccountError, Fault, RequestError, RoomId};
use playback::Playback;

/// What a robot call is made from.
///
/// ```
/// use offhook::clock::Clock;
/// use offhook::handlers::{RobotCall, RobotCallSettings, Template};
/// use offhook::journal::Options;
/// use offhook::tencent::Account;
/// use offhook::tencent::call_engine::Media;
///
/// let settings = RobotCallSettings {
///     account: Account::of_dev(),
///     journal: Options::at("data"),
///     callbacks: false,
///     accounts: Vec::new(),
///     verdict: Some("reject"),
///     robot: Template::parse("reminder-bot")?,
///     callees: vec![Template::parse("{data.fromAccount}")?],
///     media_type: Media::Audio,
///     room: Template::parse("{id}")?,
///     user_data: None,
///     timeout_ms: 30_000,
///     push_title: None,
///     push_desc: None,
///     media: None,
/// };
/// let handler = RobotCall::new("call-back", settings, Clock::system())?;
/// # let _ = handler;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct Settings {
    /// The app.
    pub account: Account,
    /// The journal, where the outbox is.
    pub journal: Options,
    /// Whether Tencent's callbacks come into this journal; else it is asked how a call goes.
    pub callbacks: bool,
    /// Only events of these accounts; empty: of all.
    pub accounts: Vec<String>,
    /// Only events with this verdict, `allow` or `reject`.
    pub verdict: Option<&'static str>,
    /// Who calls.
    pub robot: Template,
    /// Who is called; a place alone that holds a list stands for all of it.
    pub callees: Vec<Template>,
    /// With pictures or without.
    pub media_type: Media,
    /// Where they talk.
    pub room: Template,
    /// For the callees' clients.
    pub user_data: Option<Template>,
    /// How long it rings, in milliseconds.
    pub timeout_ms: u64,
    /// What a callee sees whose client is not running.
    pub push_title: Option<Template>,
    /// The text of it.
    pub push_desc: Option<Template>,
    /// Played into the room once somebody answers.
    pub media: Option<Template>,
}

/// Places a Tencent call for an event, at most once.
///
/// Example: [`Settings`].
pub struct RobotCall {
    name: Arc<str>,
    settings: Settings,
    engine: Arc<CallEngine>,
    playback: Option<Playback>,
    outbox: Outbox,
    clock: Clock,
}

impl RobotCall {
    /// The handler.
    ///
    /// # Errors
    /// [`AccountError`] where the app's settings lack what it needs.
    pub fn new(name: impl Into<Arc<str>>, settings: Settings, clock: Clock) -> Result<Self, AccountError> {
        let engine = Arc::new(settings.account.call_engine(&clock)?);
        let (name, outbox) = (name.into(), Outbox::of(&settings.journal));
        let playback = match &settings.media {
            Some(_) => {
                let ingests = Arc::new(settings.account.ingests(&clock)?);
                let journal = settings.callbacks.then(|| settings.journal.clone());
                Some(Playback::new(
                    Arc::clone(&name),
                    Arc::clone(&engine),
                    ingests,
                    outbox.clone(),
                    journal,
                    clock.clone(),
                ))
            }
            None => None,
        };
        Ok(Self { name, settings, engine, playback, outbox, clock })
    }

    fn is_wanted(&self, event: &Event) -> bool {
        let by_account = self.settings.accounts.is_empty()
            || event.subject().is_some_and(|subject| self.settings.accounts.iter().any(|account| account == subject));
        let verdict = event.decision().map(|decision| decision.verdict.word());
        by_account && self.settings.verdict.is_none_or(|wanted| verdict == Some(wanted))
    }

    /// The call, and what is played into it, that `event` asks for.
    fn plan(&self, event: &Event) -> Result<(StartCall, Option<Playing>), String> {
        let settings = &self.settings;
        let fill = |template: &Option<Template>| template.as_ref().map(|template| template.fill(event)).transpose();
        let callees: Vec<Vec<String>> =
            settings.callees.iter().map(|template| template.fill_all(event)).collect::<Result<_, _>>()?;
        let (title, desc) = (fill(&settings.push_title)?, fill(&settings.push_desc)?);
        let push = OfflinePush { title, desc, ..OfflinePush::default() };
        let call = StartCall {
            timeout_ms: settings.timeout_ms,
            user_data: fill(&settings.user_data)?,
            room: Some(RoomId::text(settings.room.fill(event)?).map_err(|error| error.to_string())?),
            push: (push != OfflinePush::default()).then_some(push),
            ..StartCall::new(settings.robot.fill(event)?, callees.concat(), settings.media_type)
        };
        let faults: Vec<_> = call.faults().iter().map(ToString::to_string).collect();
        if !faults.is_empty() {
            return Err(faults.join("; "));
        }
        Ok((call, fill(&settings.media)?.map(Playing::once)))
    }

    /// Writes down how far it is, on disk before this returns.
    async fn write(&self, event: &Event, stage: Stage, note: impl Into<String>) -> Result<(), String> {
        let entry = Entry { stage, note: note.into(), at: self.clock.now() };
        let (outbox, name, id) = (self.outbox.clone(), Arc::clone(&self.name), event.id());
        let written = spawn_blocking(move || outbox.write(&name, id, &entry)).await;
        written.map_err(|error| error.to_string())?.map_err(|error| error.to_string())
    }

    async fn entry(&self, event: &Event) -> Result<Option<Entry>, String> {
        let (outbox, name, id) = (self.outbox.clone(), Arc::clone(&self.name), event.id());
        let read = spawn_blocking(move || outbox.entry(&name, id)).await;
        read.map_err(|error| error.to_string())?.map_err(|error| error.to_string())
    }

    /// Rings; the row says `sent` by now.
    async fn ring(&self, event: &Event, call: StartCall, playing: Option<Playing>) -> Outcome {
        // Before it rings, or the answer might come first.
        let playback = playing.zip(self.playback.as_ref());
        let callbacks = match &playback {
            Some((_, playback)) => playback.callbacks().await,
            None => None,
        };
        let error = match self.engine.start(&call).await {
            Ok(started) => {
                for callee in started.callees.iter().filter(|callee| !callee.rang()) {
                    let (handler, result) = (&*self.name, callee.result_code);
                    tracing::warn!(handler, event.id = %event.id(), result, "a callee is not rung");
                }
                if let Some((playing, playback)) = playback {
                    playback.begin(event.id(), &call, &playing, &started, callbacks).await;
                }
                let call_id = started.call_id.unwrap_or_default();
                answered(format!("rung as call {call_id}"));
                if let Err(error) = self.write(event, Stage::Confirmed, call_id).await {
                    tracing::error!(handler = &*self.name, event.id = %event.id(), error, "it rang, and the outbox cannot say so");
                }
                return Outcome::Done;
            }
            Err(error) => error,
        };
        let (stage, outcome) = match &error {
            RequestError::Unknown(_) => (Stage::Unknown, Outcome::give_up(format!("it may ring: {error}"))),
            RequestError::NotReached { .. } => (Stage::Planned, Outcome::pause(error.to_string())),
            RequestError::LockedOut(left) => (Stage::Planned, Outcome::pause(error.to_string()).not_before(*left)),
            RequestError::Refused(refused) => {
                let load = refused.known.is_some_and(|known| known.fault == Fault::Load);
                let outcome = if load { Outcome::pause } else { Outcome::give_up };
                (Stage::Planned, outcome(error.to_string()))
            }
            _ => (Stage::Planned, Outcome::give_up(error.to_string())),
        };
        // Where this cannot be written the row goes on to say `sent`, and the event is parked next time: never twice.
        if let Err(error) = self.write(event, stage, error.to_string()).await {
            tracing::error!(handler = &*self.name, event.id = %event.id(), error, "the outbox cannot be written");
        }
        outcome
    }
}

impl Handler for RobotCall {
    fn name(&self) -> &str {
        &self.name
    }

    fn counts_in(&self, metrics: &Metrics) {
        self.engine.counts_in(metrics);
        if let Some(playback) = &self.playback {
            playback.counts_in(metrics);
        }
    }

    async fn resume(&self) {
        if let Some(playback) = &self.playback {
            playback.resume().await;
        }
    }

    async fn deliver(&self, event: &Event) -> Outcome {
        if !self.is_wanted(event) {
            return Outcome::Done;
        }
        match self.entry(event).await {
            Err(error) => return Outcome::pause(format!("the outbox cannot be read: {error}")),
            Ok(Some(Entry { stage: Stage::Confirmed, .. })) => return Outcome::Done,
            Ok(Some(Entry { stage: Stage::Unknown, note, .. })) => {
                return Outcome::give_up(format!("it may have rung, so it is not rung again: {note}"));
            }
            Ok(Some(Entry { stage: Stage::Sent, at, .. })) => {
                let note = format!("offhook ended while it was ringing at {at}");
                if let Err(error) = self.write(event, Stage::Unknown, note.as_str()).await {
                    return Outcome::pause(format!("the outbox cannot be written: {error}"));
                }
                return Outcome::give_up(format!("it may have rung, so it is not rung again: {note}"));
            }
            Ok(Some(Entry { stage: Stage::Planned, .. }) | None) => {}
        }
        let (call, playing) = match self.plan(event) {
            Ok(plan) => plan,
            Err(why) => return Outcome::give_up(format!("no call can be made of this event: {why}")),
        };
        for stage in [Stage::Planned, Stage::Sent] {
            if let Err(error) = self.write(event, stage, "").await {
                return Outcome::pause(format!("the outbox cannot be written, so nothing is sent: {error}"));
            }
        }
        self.ring(event, call, playing).await
    }
}

impl fmt::Debug for RobotCall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RobotCall").field("name", &self.name).finish_non_exhaustive()
    }
}
