//! The whole of it: ring, wait for the answer, play media into the call's room, hang up.
//!
//! Who answers and when the call is over is told by a [`Witness`]: callbacks, or asking again and again ([`Asking`]).
//! Whatever happens after the ring, the stream is stopped and the call is ended.

use std::future::Future;
use std::pin::pin;
use std::time::Duration;

use tokio::time::{Instant, interval, sleep, sleep_until};

use super::call_engine::{CallEngine, StartCall, Started};
use super::ingest::{Ingests, Playing, StartIngest};
use super::{RequestError, RoomReading};

/// How often it is asked whether the media still plays.
const LOOK: Duration = Duration::from_secs(1);
/// After the time to ring, for the callback that says that nobody answered.
pub const GRACE: Duration = Duration::from_secs(3);
/// So many failures to tell in a row end the waiting for media.
const BLIND: u32 = 5;

/// What is done. Example: [`play`].
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// The call; it must have a room, which the media is played into.
    pub call: StartCall,
    /// The media, played as the robot.
    pub playing: Playing,
    /// With a PrivateMapKey, for apps with advanced permission control.
    pub private_map_key: bool,
}

/// What a witness saw. Example: [`Witness`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sign {
    /// This callee answered.
    Accepted(String),
    /// This callee did something else, in words.
    Declined(String, String),
    /// The media of this task ended.
    MediaEnded(String),
    /// The call is over, and how, where that was said.
    Ended(Option<String>),
}

/// Tells what happens in a call.
///
/// ```
/// use offhook::tencent::play::{Sign, Witness};
///
/// /// For a trial: everybody answers.
/// struct Everybody(String);
///
/// impl Witness for Everybody {
///     async fn next(&mut self, _: &str) -> Sign {
///         Sign::Accepted(self.0.clone())
///     }
/// }
/// ```
pub trait Witness: Send {
    /// Waits for the next sign about the call. Dropping what this gives loses nothing.
    fn next(&mut self, call_id: &str) -> impl Future<Output = Sign> + Send;
}

/// One step of the way. Example: [`play`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// It rings.
    Ringing {
        /// The call.
        call_id: String,
    },
    /// This callee is not rung, with Tencent's result code.
    NotRung(String, i64),
    /// This callee answered.
    Accepted(String),
    /// This callee did something else, in words.
    Declined(String, String),
    /// The media plays.
    Playing {
        /// The task.
        task_id: String,
    },
    /// The media ended.
    MediaEnded,
    /// The call is being ended.
    HangingUp,
    /// Something that does not stop us, in words.
    Trouble(String),
    /// Tencent took this reading of a room's type, not the one in the settings.
    RoomReading(RoomReading),
    /// The call is over, and how, where that was said.
    Ended(Option<String>),
}

/// How it went. Example: [`play`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Played {
    /// Somebody answered and the media played to its end.
    ToTheEnd,
    /// Somebody answered and hung up before the media ended.
    CutShort,
    /// Nobody answered.
    NotAnswered,
    /// Asked to stop.
    Stopped,
}

/// Why nothing was played. Example: [`play`].
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PlayError {
    /// The call has no room.
    #[error("the call has no room: give one, or the media cannot be played into it")]
    NoRoom,
    /// It did not ring, or nobody knows.
    #[error("the call: {0}")]
    Call(#[source] RequestError),
    /// Tencent started a call and did not say which.
    #[error("it may ring, but Tencent named no CallId: nothing can be played into the call, and it cannot be ended")]
    NoCallId,
    /// The media could not be started; the call was ended.
    #[error("the media: {0}; the call was ended")]
    Media(#[source] RequestError),
}

/// Rings, waits for the answer, plays, and hangs up. `tell` hears of each step. When `stop` is ready, what goes on is
/// ended; a request under way is finished first, so that no call is left behind.
///
/// ```no_run
/// use offhook::clock::Clock;
/// use offhook::tencent::call_engine::{Media, StartCall};
/// use offhook::tencent::ingest::Playing;
/// use offhook::tencent::play::{Asking, Plan, Played, Step, play};
/// use offhook::tencent::{Account, RoomId};
///
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let (account, clock) = (Account::of_dev(), Clock::system());
/// let (engine, ingests) = (account.call_engine(&clock)?, account.ingests(&clock)?);
/// let room = Some(RoomId::text("clinic-7")?);
/// let call = StartCall { room, ..StartCall::new("reminder-bot", vec!["jack".to_owned()], Media::Audio) };
/// let plan = Plan { call, playing: Playing::once("https://example.com/medicine.mp3"), private_map_key: false };
/// let mut witness = Asking::new(&engine, "reminder-bot");
/// let tell = |step: Step| println!("{step:?}");
/// let played = play(&engine, &ingests, &plan, &mut witness, tell, std::future::pending()).await?;
/// assert_eq!(played, Played::ToTheEnd);
/// # Ok(()) }
/// ```
///
/// # Errors
/// [`PlayError`] where nothing could be played.
pub async fn play(
    engine: &CallEngine,
    ingests: &Ingests,
    plan: &Plan,
    witness: &mut impl Witness,
    tell: impl FnMut(Step) + Send,
    stop: impl Future<Output = ()> + Send,
) -> Result<Played, PlayError> {
    if plan.call.room.is_none() {
        return Err(PlayError::NoRoom);
    }
    let started = engine.start(&plan.call).await.map_err(PlayError::Call)?;
    play_started(engine, ingests, plan, started, witness, tell, stop).await
}

/// The same from the ring on: the call of `plan` was started, and this came of it. Example: [`play`].
///
/// # Errors
/// [`PlayError`] where nothing could be played.
pub async fn play_started(
    engine: &CallEngine,
    ingests: &Ingests,
    plan: &Plan,
    started: Started,
    witness: &mut impl Witness,
    mut tell: impl FnMut(Step) + Send,
    stop: impl Future<Output = ()> + Send,
) -> Result<Played, PlayError> {
    if plan.call.room.is_none() {
        return Err(PlayError::NoRoom);
    }
    let mut stop = pin!(stop);
    let call_id = started.call_id.ok_or(PlayError::NoCallId)?;
    for callee in started.callees.iter().filter(|callee| !callee.rang()) {
        tell(Step::NotRung(callee.callee.clone(), callee.result_code));
    }
    let call = OpenCall { engine, ingests, plan, call_id: &call_id };
    if !started.callees.is_empty() && !started.callees.iter().any(|callee| callee.rang()) {
        call.hang_up(&mut tell).await;
        return Ok(Played::NotAnswered);
    }
    tell(Step::Ringing { call_id: call_id.clone() });
    if let Some(played) = call.is_answered(plan.patience(), witness, &mut tell, &mut stop).await {
        return Ok(played);
    }
    let task_id = call.begins(&mut tell).await?;
    Ok(call.ends(&task_id, witness, &mut tell, &mut stop).await)
}

/// A call that was started, and its way from there; each step can be taken by somebody else than the one before.
/// Example: [`play`].
#[derive(Debug, Clone, Copy)]
pub struct OpenCall<'a> {
    /// The client of the call engine.
    pub engine: &'a CallEngine,
    /// The client of stream ingest.
    pub ingests: &'a Ingests,
    /// What is done.
    pub plan: &'a Plan,
    /// Which call it is.
    pub call_id: &'a str,
}

impl OpenCall<'_> {
    /// Waits until somebody answers, for `within` at most: `None`. Else the call is over, and how it went.
    pub async fn is_answered(
        &self,
        within: Duration,
        witness: &mut impl Witness,
        tell: &mut (impl FnMut(Step) + Send),
        stop: &mut (impl Future<Output = ()> + Send + Unpin),
    ) -> Option<Played> {
        let rings_until = Instant::now() + within;
        loop {
            let sign = tokio::select! {
                // What was seen already counts, however late we are.
                biased;
                sign = witness.next(self.call_id) => sign,
                () = &mut *stop => {
                    self.hang_up(tell).await;
                    return Some(Played::Stopped);
                }
                () = sleep_until(rings_until) => {
                    self.hang_up(tell).await;
                    return Some(Played::NotAnswered);
                }
            };
            match sign {
                Sign::Accepted(user) => {
                    tell(Step::Accepted(user));
                    return None;
                }
                Sign::Declined(user, what) => tell(Step::Declined(user, what)),
                Sign::Ended(how) => {
                    tell(Step::Ended(how));
                    return Some(Played::NotAnswered);
                }
                Sign::MediaEnded(_) => {}
            }
        }
    }

    /// Begins to play; gives the task's id.
    ///
    /// # Errors
    /// [`PlayError`]; the call was ended then.
    pub async fn begins(&self, tell: &mut (impl FnMut(Step) + Send)) -> Result<String, PlayError> {
        let plan = self.plan;
        let Some(room) = plan.call.room.clone() else {
            self.hang_up(tell).await;
            return Err(PlayError::NoRoom);
        };
        let (playing, private_map_key) = (plan.playing.clone(), plan.private_map_key);
        let ingest = StartIngest { room, user: plan.call.robot.clone(), playing, private_map_key };
        match self.ingests.start(&ingest).await {
            Ok(begun) => {
                if let Some(reading) = begun.other_reading {
                    tell(Step::RoomReading(reading));
                }
                tell(Step::Playing { task_id: begun.task_id.clone() });
                Ok(begun.task_id)
            }
            Err(error) => {
                self.hang_up(tell).await;
                Err(PlayError::Media(error))
            }
        }
    }

    /// Waits until the media or the call ends, and ends the other.
    pub async fn ends(
        &self,
        task_id: &str,
        witness: &mut impl Witness,
        tell: &mut (impl FnMut(Step) + Send),
        stop: &mut (impl Future<Output = ()> + Send + Unpin),
    ) -> Played {
        let mut media = pin!(media_ends(self.ingests, task_id));
        let played = loop {
            let sign = tokio::select! {
                sign = witness.next(self.call_id) => sign,
                () = &mut media => Sign::MediaEnded(task_id.to_owned()),
                () = &mut *stop => break Played::Stopped,
            };
            match sign {
                Sign::MediaEnded(task) if task == task_id => {
                    tell(Step::MediaEnded);
                    self.hang_up(tell).await;
                    return Played::ToTheEnd;
                }
                Sign::Ended(how) => {
                    tell(Step::Ended(how));
                    break Played::CutShort;
                }
                Sign::Declined(user, what) => tell(Step::Declined(user, what)),
                Sign::Accepted(user) => tell(Step::Accepted(user)),
                Sign::MediaEnded(_) => {}
            }
        };
        match self.ingests.stop(task_id).await {
            Ok(()) => {}
            Err(error) if is_over(&error) => {}
            Err(error) => tell(Step::Trouble(format!("the media may go on: {error}"))),
        }
        if played == Played::Stopped {
            self.hang_up(tell).await;
        }
        played
    }

    /// Ends the call, unless it is over.
    pub async fn hang_up(&self, tell: &mut (impl FnMut(Step) + Send)) {
        tell(Step::HangingUp);
        match self.engine.end(self.call_id).await {
            Ok(()) => tell(Step::Ended(None)),
            Err(error) if is_over(&error) => tell(Step::Ended(None)),
            Err(error) => tell(Step::Trouble(format!("the call may go on: {error}"))),
        }
    }
}

impl Plan {
    /// How long an answer is waited for: while it rings, and for the callback that says that nobody answered.
    pub fn patience(&self) -> Duration {
        Duration::from_millis(self.call.timeout_ms).saturating_add(GRACE)
    }
}

/// Returns when the task is no more. Where it cannot be told, the witness is left to say so.
async fn media_ends(ingests: &Ingests, task_id: &str) {
    let mut blind = 0;
    let mut looks = interval(LOOK);
    looks.tick().await;
    while blind < BLIND {
        looks.tick().await;
        match ingests.status(task_id).await {
            Ok(status) if status.is_playing() => blind = 0,
            Ok(_) => return,
            Err(error) if is_over(&error) => return,
            Err(error) => {
                tracing::debug!(%error, "cannot tell whether the media plays");
                blind += 1;
            }
        }
    }
    std::future::pending().await
}

fn is_over(error: &RequestError) -> bool {
    let over = ["101004", "FailedOperation.TaskFinished", "FailedOperation.TaskNotExist"];
    error.code().is_some_and(|code| over.contains(&code))
}

/// A witness without callbacks: it asks the call engine, once a second. Example: [`play`].
#[derive(Debug)]
pub struct Asking<'a> {
    engine: &'a CallEngine,
    robot: String,
    accepted: bool,
}

impl<'a> Asking<'a> {
    /// Asks `engine` about a call of `robot`.
    pub fn new(engine: &'a CallEngine, robot: impl Into<String>) -> Self {
        Self { engine, robot: robot.into(), accepted: false }
    }
}

impl Witness for Asking<'_> {
    async fn next(&mut self, call_id: &str) -> Sign {
        loop {
            sleep(LOOK).await;
            match self.engine.info(call_id).await {
                Ok(info) if !self.accepted => {
                    let mut talking =
                        info.members.iter().filter(|member| member.is_calling() && member.user != self.robot);
                    if let Some(member) = talking.next() {
                        self.accepted = true;
                        return Sign::Accepted(member.user.clone());
                    }
                }
                Ok(_) => {}
                Err(error) if is_over(&error) => return Sign::Ended(None),
                Err(error) => tracing::debug!(%error, "cannot tell how the call goes"),
            }
        }
    }
}
