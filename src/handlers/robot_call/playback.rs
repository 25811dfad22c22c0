//! What a robot call plays once somebody answers: beside the lane, which goes on, and taken up again after a restart.
//!
//! A row of its own in the outbox says how far it is. Whether media began to play that nobody heard of again is not
//! known after a crash: then nothing is played a second time, and the call is ended.

use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use tokio::task::spawn_blocking;

use super::JournalWitness;
use crate::clock::Clock;
use crate::event::EventId;
use crate::journal::{Entry, Options, Outbox, Reader, Stage};
use crate::metrics::Metrics;
use crate::tencent::RoomId;
use crate::tencent::call_engine::{CallEngine, LONGEST_TIMEOUT, Media, StartCall, Started};
use crate::tencent::ingest::{Ingests, Playing};
use crate::tencent::play::{Asking, GRACE, OpenCall, Plan, PlayError, Played, Step, Witness};

/// No call and no media goes on for longer.
const CALL_MOST: SignedDuration = SignedDuration::from_hours(24);
/// An old call is asked about before it is given up.
const LOOK_BACK: Duration = Duration::from_secs(5);

/// Plays into calls of one handler.
#[derive(Debug, Clone)]
pub(super) struct Playback {
    name: Arc<str>,
    engine: Arc<CallEngine>,
    ingests: Arc<Ingests>,
    outbox: Outbox,
    /// The journal that Tencent's callbacks come into; without it Tencent is asked how a call goes.
    journal: Option<Options>,
    clock: Clock,
}

/// All that is needed to go on after a restart; the note of its row.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Left {
    call: String,
    robot: String,
    room: String,
    media: String,
    /// Nobody answers after this: Unix milliseconds.
    rings_until: i64,
    /// What plays.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    task: Option<String>,
}

impl Playback {
    pub(super) fn new(
        name: Arc<str>,
        engine: Arc<CallEngine>,
        ingests: Arc<Ingests>,
        outbox: Outbox,
        journal: Option<Options>,
        clock: Clock,
    ) -> Self {
        Self { name, engine, ingests, outbox, journal, clock }
    }

    pub(super) fn counts_in(&self, metrics: &Metrics) {
        self.ingests.counts_in(metrics);
    }

    /// What sees callbacks from now on; `None` where none come, or they cannot be seen: then Tencent is asked instead.
    pub(super) async fn callbacks(&self) -> Option<JournalWitness> {
        let journal = self.journal.clone()?;
        match spawn_blocking(move || JournalWitness::from_now_on(Reader::of(&journal)?)).await {
            Ok(Ok(witness)) => Some(witness),
            Ok(Err(error)) => {
                tracing::warn!(handler = &*self.name, %error, "the journal cannot be followed; Tencent is asked instead");
                None
            }
            Err(_) => None,
        }
    }

    /// Waits for the answer to a call that was started, and plays, on a task of its own.
    pub(super) async fn begin(
        &self,
        id: EventId,
        call: &StartCall,
        playing: &Playing,
        started: &Started,
        callbacks: Option<JournalWitness>,
    ) {
        let (Some(call_id), Some(RoomId::Text(room))) = (&started.call_id, &call.room) else {
            let error = PlayError::NoCallId;
            tracing::error!(handler = &*self.name, event.id = %id, %error, "nothing can be played into a robot call");
            return;
        };
        let rings = i64::try_from(call.timeout_ms).unwrap_or(i64::MAX);
        let left = Left {
            call: call_id.clone(),
            robot: call.robot.clone(),
            room: room.clone(),
            media: playing.url.clone(),
            rings_until: self.clock.now().as_millisecond().saturating_add(rings),
            task: None,
        };
        // Where this cannot be written, the media is lost with this process; the call goes on either way.
        self.write(id, Stage::Planned, &left).await;
        let nobody = !started.callees.is_empty() && !started.callees.iter().any(|callee| callee.rang());
        let playback = self.clone();
        tokio::spawn(async move {
            if nobody {
                playback.ends_at_once(id, &left, Stage::Confirmed).await;
            } else {
                playback.goes_on(id, left, callbacks).await;
            }
        });
    }

    /// Takes up what an earlier process left. Callbacks may have come while there was nobody; so Tencent is asked.
    pub(super) async fn resume(&self) {
        let (outbox, row) = (self.outbox.clone(), self.row());
        let rows = match spawn_blocking(move || outbox.unfinished(&row)).await {
            Ok(Ok(rows)) => rows,
            Ok(Err(error)) => {
                tracing::error!(handler = &*self.name, %error, "it is not known which calls still wait for their media");
                return;
            }
            Err(_) => return, // the runtime ends
        };
        for (id, Entry { stage, note, at }) in rows {
            let Ok(left) = serde_json::from_str::<Left>(&note) else {
                self.passes_over(id, at).await;
                continue;
            };
            let playback = self.clone();
            tokio::spawn(async move {
                tracing::info!(handler = &*playback.name, event.id = %id, call = left.call, "a robot call is taken up again");
                if stage == Stage::Sent && left.task.is_none() {
                    let what = "offhook ended while it asked for the media: it is not known whether it plays";
                    tracing::error!(handler = &*playback.name, event.id = %id, "{what}; the call is ended");
                    playback.ends_at_once(id, &left, Stage::Unknown).await;
                } else {
                    playback.goes_on(id, left, None).await;
                }
            });
        }
    }

    /// A row cannot be read: its key was taken away, or another version wrote it. While its call may still go on, a start with
    /// the key takes it up; after that nothing can be done any more, and it is told for the last time.
    async fn passes_over(&self, id: EventId, at: Timestamp) {
        let handler = &*self.name;
        if self.clock.now().duration_since(at) < CALL_MOST {
            tracing::error!(
                handler, event.id = %id, %at,
                "a robot call waits for its media, and its row in the outbox cannot be read: put the key of that time into \
                 `journal.encryption_key` again, or start the version that wrote it. It is not played into until then"
            );
            return;
        }
        let (outbox, row) = (self.outbox.clone(), self.row());
        match spawn_blocking(move || outbox.write_off(&row, id)).await {
            Ok(Ok(())) => tracing::error!(
                handler, event.id = %id, %at,
                "a robot call waited for its media, and its row in the outbox could not be read until that call was over: \
                 nobody knows how it went. The row stays, as `unknown`, and is not told again"
            ),
            Ok(Err(error)) => tracing::error!(handler, event.id = %id, %error, "the outbox cannot be written"),
            Err(_) => {} // the runtime ends
        }
    }

    /// From wherever it is, to its end.
    async fn goes_on(&self, id: EventId, left: Left, callbacks: Option<JournalWitness>) {
        let plan = left.plan();
        let played = match callbacks {
            Some(mut witness) => self.follow(id, left, &plan, &mut witness).await,
            None => {
                let mut witness = Asking::new(&self.engine, left.robot.as_str());
                self.follow(id, left, &plan, &mut witness).await
            }
        };
        match played {
            Ok(played) => tracing::info!(handler = &*self.name, event.id = %id, ?played, "a robot call is over"),
            Err(error) => {
                tracing::error!(handler = &*self.name, event.id = %id, %error, "nothing was played into a robot call");
            }
        }
    }

    async fn follow(
        &self,
        id: EventId,
        mut left: Left,
        plan: &Plan,
        witness: &mut impl Witness,
    ) -> Result<Played, PlayError> {
        let call_id = left.call.clone();
        let call = OpenCall { engine: &self.engine, ingests: &self.ingests, plan, call_id: &call_id };
        let mut tell = |step: Step| match step {
            Step::Trouble(what) => tracing::warn!(handler = &*self.name, event.id = %id, what, "a robot call"),
            step => tracing::info!(handler = &*self.name, event.id = %id, ?step, "a robot call"),
        };
        let mut never = std::future::pending();
        let task = match left.task.clone() {
            Some(task) => task,
            None => {
                let within = left.patience(&self.clock);
                if let Some(played) = call.is_answered(within, witness, &mut tell, &mut never).await {
                    self.write(id, Stage::Confirmed, &left).await;
                    return Ok(played);
                }
                // On disk before anything leaves, or a crash could make it play twice.
                if !self.write(id, Stage::Sent, &left).await {
                    call.hang_up(&mut tell).await;
                    return Ok(Played::Stopped);
                }
                let task = match call.begins(&mut tell).await {
                    Ok(task) => task,
                    Err(error) => {
                        let unknown = matches!(&error, PlayError::Media(error) if error.is_unknown());
                        self.write(id, if unknown { Stage::Unknown } else { Stage::Confirmed }, &left).await;
                        return Err(error);
                    }
                };
                left.task = Some(task.clone());
                self.write(id, Stage::Sent, &left).await;
                task
            }
        };
        let played = call.ends(&task, witness, &mut tell, &mut never).await;
        self.write(id, Stage::Confirmed, &left).await;
        Ok(played)
    }

    async fn ends_at_once(&self, id: EventId, left: &Left, stage: Stage) {
        let plan = left.plan();
        let call = OpenCall { engine: &self.engine, ingests: &self.ingests, plan: &plan, call_id: &left.call };
        let mut tell = |step| tracing::info!(handler = &*self.name, event.id = %id, ?step, "a robot call");
        call.hang_up(&mut tell).await;
        self.write(id, stage, left).await;
    }

    /// Whether it is on disk.
    async fn write(&self, id: EventId, stage: Stage, left: &Left) -> bool {
        let note = serde_json::to_string(left).unwrap_or_default();
        let (outbox, row, at) = (self.outbox.clone(), self.row(), self.clock.now());
        match spawn_blocking(move || outbox.write(&row, id, &Entry { stage, note, at })).await {
            Ok(Ok(())) => true,
            Ok(Err(error)) => {
                tracing::error!(handler = &*self.name, event.id = %id, %error, "the outbox cannot say how a call goes");
                false
            }
            Err(_) => false,
        }
    }

    /// Its rows are beside those of the calls.
    fn row(&self) -> String {
        format!("{}/media", self.name)
    }
}

impl Left {
    /// The part of the plan that is still to be done.
    fn plan(&self) -> Plan {
        let call = StartCall {
            room: Some(RoomId::Text(self.room.clone())),
            ..StartCall::new(self.robot.as_str(), Vec::new(), Media::Video)
        };
        Plan { call, playing: Playing::once(self.media.as_str()), private_map_key: false }
    }

    /// How long an answer is still waited for.
    fn patience(&self, clock: &Clock) -> Duration {
        let left = self.rings_until.saturating_sub(clock.now().as_millisecond());
        let left = Duration::from_millis(u64::try_from(left).unwrap_or(0));
        // No longer than any call rings, whatever became of the clock in the meantime.
        left.min(LONGEST_TIMEOUT).saturating_add(GRACE).max(LOOK_BACK)
    }
}
