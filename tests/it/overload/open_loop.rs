//! Ten times more questions than can be decided, asked at their own times whatever becomes of the earlier ones.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use offhook::decide::Word;
use offhook::{Event, Verdict};
use tokio::task::JoinSet;
use tokio::time::interval;

use crate::world::{Plan, Wire, World, Yunxin, within_reason};

/// What keeps both cores busy: the work of one opinion, about.
const WORK: Duration = Duration::from_millis(5);

/// What became of the questions of one run.
struct Seen {
    /// From the moment a question was to leave until its answer was there, sorted.
    took: Vec<Duration>,
    /// Answers that are no verdict.
    strange: usize,
    /// Who gave the verdicts, as the journal has it.
    by: BTreeMap<String, usize>,
    /// How many opinions were formed a second.
    decided: f64,
    /// Answers that were ready within the deadline, as the receiver counts.
    in_time: f64,
}

/// A decider that computes for [`WORK`], as code that compares, hashes or parses does.
async fn computes(_: Event) -> Verdict {
    let began = Instant::now();
    while began.elapsed() < WORK {
        std::hint::spin_loop();
    }
    Verdict::allow()
}

/// Asks `rate` questions a second for `time`, each at its own time, over as many connections as that takes.
async fn run(rate: u32, time: Duration) -> Seen {
    let world = World::of(Plan::adding(|builder| builder.fallback(Word::Reject).decide(computes))).await;
    let (idle, began) = (Arc::new(Mutex::new(Vec::new())), Instant::now());
    let mut clients = JoinSet::new();
    // A few at a time: a timer is no finer than a millisecond.
    let mut pace = interval(Duration::from_millis(2));
    let mut asked = 0;
    while began.elapsed() < time {
        pace.tick().await;
        while f64::from(asked) < began.elapsed().as_secs_f64() * f64::from(rate) {
            let due = began + Duration::from_secs(1) * asked / rate;
            clients.spawn(ask(world.yunxin(), Arc::clone(&idle), due));
            asked += 1;
        }
    }
    let answers = within_reason(clients.join_all()).await;
    let strange = answers.iter().filter(|(_, is_verdict)| !is_verdict).count();
    let mut took: Vec<Duration> = answers.into_iter().map(|(took, _)| took).collect();
    took.sort_unstable();
    let mut by: BTreeMap<String, usize> = BTreeMap::new();
    for event in world.keeps(u64::from(asked)).await {
        *by.entry(event.decision().unwrap().by.to_string()).or_default() += 1;
    }
    let decided = f64::from(u32::try_from(by.get("decider-1").copied().unwrap_or_default()).unwrap());
    let in_time = world.metric("offhook_reply_seconds_bucket{le=\"1.5\"}");
    Seen { took, strange, by, decided: decided / time.as_secs_f64(), in_time }
}

/// One question, over a connection at rest or a new one: how long after it was `due` its answer came, and whether that
/// was a verdict.
async fn ask(yunxin: Yunxin, idle: Arc<Mutex<Vec<Wire>>>, due: Instant) -> (Duration, bool) {
    let found = idle.lock().unwrap().pop();
    let mut wire = match found {
        Some(wire) => wire,
        None => yunxin.connects().await,
    };
    wire.writes(yunxin.asks("call.start").bytes()).await;
    let answer = wire.answer().await;
    let took = due.elapsed();
    idle.lock().unwrap().push(wire);
    (took, answer.status == 200 && answer.text().starts_with("{\"errCode\":"))
}

impl Seen {
    fn percentile(&self, part: f64) -> Duration {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            clippy::cast_precision_loss,
            reason = "a rank"
        )]
        let rank = ((self.took.len() as f64) * part) as usize;
        self.took[rank.min(self.took.len() - 1)]
    }

    /// Every answer a verdict, and its event kept once; there but for one in a thousand within `patience`.
    fn is_good(&self, patience: Duration) {
        let count = self.took.len();
        assert_eq!((self.strange, self.by.values().sum::<usize>()), (0, count));
        assert!(self.percentile(0.999) < patience, "p99.9 is {:?}; {:?}", self.percentile(0.999), self.by);
        let verdicts = ["decider-1", "fallback:overload", "fallback:timeout"];
        assert!(self.by.keys().all(|by| verdicts.contains(&&**by)), "{:?}", self.by);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn more_questions_than_can_be_decided_are_all_answered_in_time() {
    // What a debug build can ask, on a machine that others use too.
    let seen = run(600, Duration::from_secs(5)).await;
    seen.is_good(Duration::from_secs(4));
    assert!(seen.by.contains_key("decider-1"), "some are decided still: {:?}", seen.by);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes both cores for half a minute; scripts/overload runs it in a release build"]
async fn ten_times_more_questions_than_can_be_decided() {
    // What can be decided: more is asked than that, and what was decided is counted.
    let capacity = run(2000, Duration::from_secs(5)).await.decided;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a rate")]
    let rate = (capacity * 10.0) as u32;
    let seen = run(rate, Duration::from_secs(20)).await;
    let mut out = std::io::stderr();
    writeln!(out, "capacity   {capacity:.0} opinions/s of {WORK:?} each").unwrap();
    writeln!(out, "asked      {rate} questions/s for 20 s, {} in all", seen.took.len()).unwrap();
    for (name, part) in [("p50", 0.5), ("p99", 0.99), ("p99.9", 0.999), ("slowest", 1.0)] {
        writeln!(out, "{name:<10} {:.0} ms", seen.percentile(part).as_secs_f64() * 1e3).unwrap();
    }
    writeln!(out, "decided    {:.0}/s", seen.decided).unwrap();
    writeln!(out, "verdicts   by {:?}; no verdict: {}", seen.by, seen.strange).unwrap();
    assert_eq!(seen.in_time, f64::from(u32::try_from(seen.took.len()).unwrap()), "of {}", seen.took.len());
    seen.is_good(Duration::from_millis(1500));
}
