//! What the stand-in knows: calls that go on and that are over, media that play, what it was asked and what it told.

use std::collections::{BTreeMap, VecDeque};

use jiff::Timestamp;
use serde::Serialize;

/// Everything that was seen from outside so far.
///
/// Example: [`super::Simulator`].
#[derive(Debug, Clone, Default, Serialize)]
pub struct Seen {
    /// How often each phone rang.
    pub rings: BTreeMap<String, u64>,
    /// How often each API was answered with each code, e.g. `start_call_by_robot 0`.
    pub answers: BTreeMap<String, u64>,
    /// The callbacks that were sent, in order, each with the status it got; none where nobody answered.
    pub callbacks: Vec<Told>,
    /// Every medium that was asked for.
    pub played: Vec<Played>,
    /// The calls that go on, by id.
    pub going_on: Vec<String>,
}

/// A callback that was sent.
///
/// ```
/// use offhook::tencent::simulator::Simulator;
///
/// /// The callbacks that nobody took, and the media that nobody heard.
/// fn unheard(simulator: &Simulator) -> Vec<String> {
///     let seen = simulator.seen();
///     let untold = seen.callbacks.into_iter().filter(|told| told.status != Some(200)).map(|told| told.what);
///     untold.chain(seen.played.into_iter().filter(|played| !played.heard).map(|played| played.url)).collect()
/// }
/// # let _ = unheard;
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Told {
    /// What it said: a command of the call engine, or `trtc.<group>.<type>`.
    pub what: String,
    /// The status of the answer.
    pub status: Option<u16>,
}

/// A medium that was asked for.
///
/// Example: [`Told`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Played {
    /// Its task.
    pub task: String,
    /// The room, as a number or a quoted text.
    pub room: String,
    /// Whose stream it is.
    pub user: String,
    /// Where it comes from.
    pub url: String,
    /// Whether a call was going on in that room, with somebody who had answered.
    pub heard: bool,
}

/// What goes wrong with a `start_call_by_robot` that is to come.
///
/// ```
/// use offhook::tencent::simulator::{Simulator, Trouble};
///
/// /// Does it ring twice, where Tencent's answer is lost?
/// fn goes_wrong(simulator: &Simulator) {
///     simulator.next_start(Trouble::Silence);
/// }
/// # let _ = goes_wrong;
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trouble {
    /// It rings, and no answer ever comes.
    Silence,
    /// It does not ring, and this is the code.
    Code(i64),
    /// It rings, and this is the code.
    CodeAfterRinging(i64),
}

/// A call that goes on.
#[derive(Debug, Clone)]
pub(super) struct Call {
    pub(super) id: String,
    pub(super) robot: String,
    pub(super) callees: Vec<String>,
    pub(super) media: String,
    pub(super) room: Option<(String, i64)>,
    /// Who is in it, and whether they talk or wait; the robot first.
    pub(super) members: Vec<(String, Status)>,
    pub(super) started: Timestamp,
    pub(super) accepted: Option<Timestamp>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(super) enum Status {
    Calling,
    Waiting,
}

/// A call that is over, as its record shows it.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Record {
    pub(super) call_id: String,
    #[serde(rename = "Caller_Account")]
    pub(super) caller: String,
    pub(super) media_type: String,
    pub(super) call_type: &'static str,
    pub(super) start_time: i64,
    pub(super) end_time: i64,
    pub(super) accept_time: i64,
    pub(super) call_result: &'static str,
    #[serde(rename = "CalleeList_Account")]
    pub(super) callees: Vec<String>,
    pub(super) room_id: String,
    pub(super) room_id_type: i64,
}

/// A medium that plays.
#[derive(Debug, Clone)]
pub(super) struct Task {
    /// The room, as a JSON value: a number, or a text.
    pub(super) room: serde_json::Value,
    pub(super) user: String,
    pub(super) playing: bool,
}

/// Where callbacks of the call engine go.
#[derive(Debug, Clone)]
pub(super) struct CallbackTarget {
    pub(super) url: String,
    pub(super) commands: Vec<String>,
}

/// All of it.
#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) calls: BTreeMap<String, Call>,
    pub(super) over: Vec<Record>,
    pub(super) tasks: BTreeMap<String, Task>,
    pub(super) target: Option<CallbackTarget>,
    pub(super) troubles: VecDeque<Trouble>,
    pub(super) failed_checks: VecDeque<Timestamp>,
    pub(super) lately: BTreeMap<String, VecDeque<tokio::time::Instant>>,
    pub(super) seen: Seen,
    pub(super) serial: u64,
}

/// The newest callbacks and media that are remembered.
const REMEMBERED: usize = 10_000;

impl State {
    /// Counts a request of `api`; false where it is one too many within a second.
    pub(super) fn admits(&mut self, api: &str, a_second: usize) -> bool {
        let now = tokio::time::Instant::now();
        let lately = self.lately.entry(api.to_owned()).or_default();
        while lately.front().is_some_and(|first| now.duration_since(*first).as_secs() >= 1) {
            lately.pop_front();
        }
        let admitted = lately.len() < a_second;
        if admitted {
            lately.push_back(now);
        }
        admitted
    }

    /// The next number of anything that is numbered.
    pub(super) fn next(&mut self) -> u64 {
        self.serial += 1;
        self.serial
    }

    pub(super) fn tells(&mut self, told: Told) {
        let callbacks = &mut self.seen.callbacks;
        callbacks.push(told);
        if callbacks.len() > REMEMBERED {
            callbacks.drain(..REMEMBERED / 2);
        }
    }

    pub(super) fn plays(&mut self, played: Played) {
        let all = &mut self.seen.played;
        all.push(played);
        if all.len() > REMEMBERED {
            all.drain(..REMEMBERED / 2);
        }
    }

    /// Forgets the oldest records and media that are over.
    pub(super) fn tidies(&mut self) {
        if self.over.len() > REMEMBERED {
            self.over.drain(..REMEMBERED / 2);
        }
        if self.tasks.len() > REMEMBERED {
            self.tasks.retain(|_, task| task.playing);
        }
    }
}

impl Call {
    /// The room as TRTC writes it: a number or a text.
    pub(super) fn trtc_room(&self) -> Option<serde_json::Value> {
        self.room.as_ref().map(|(id, of_type)| trtc_room(id, *of_type == 1))
    }
}

/// A room as TRTC writes it.
pub(super) fn trtc_room(id: &str, is_number: bool) -> serde_json::Value {
    match id.parse::<u32>() {
        Ok(number) if is_number => number.into(),
        _ => id.into(),
    }
}
