//! Whatever each stage of the road takes, the answer is ready before the deadline. Time stands still here but for what the
//! test lets pass.

#![expect(clippy::unwrap_used, reason = "a test that cannot get its world ready must stop")]

use std::future::pending;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt, StreamExt};
use jiff::{SignedDuration, Timestamp};
use offhook::clock::Clock;
use offhook::decide::{BoxedDecider, Chain, LinkSettings, Load, OnError, Policy, Step};
use offhook::event::{Event, EventId};
use offhook::family::{Head, Identity, Protocol, Understood};
use offhook::intake::{Intake, Request, Road};
use offhook::journal::{Claim, Journal, Options, RepeatKey};
use offhook::kind::{Family, Kind};
use offhook::metrics::Metrics;
use offhook::{Budget, Decider, Refusal, Verdict};
use proptest::prelude::*;
use tokio::runtime::Handle;
use tokio::time::Instant;

const DEADLINE: Duration = Duration::from_millis(1500);

/// A family that believes everybody.
struct Credulous;

impl Protocol for Credulous {
    type Proven = ();
    type Verified = Bytes;

    fn family(&self) -> Family {
        Family::YunxinCallback
    }

    fn prove(&self, _: &Head<'_>, _: Timestamp) -> Result<(), Refusal> {
        Ok(())
    }

    fn verify(&self, (): (), body: Bytes) -> Result<Bytes, Refusal> {
        Ok(body)
    }

    fn decode(&self, body: Bytes, id: EventId, received: Timestamp) -> Result<Understood, Refusal> {
        Ok(Understood {
            event: Event::from_json(body)?,
            identity: Identity { digest: digest(id), valid_until: valid(received), sent: None, earlier: None },
            faults: Vec::new(),
        })
    }

    fn asks(&self, _: &Kind) -> bool {
        true
    }

    fn reply(&self, _: &Kind, _: &Verdict) -> Bytes {
        Bytes::new()
    }
}

/// Two requests of one id are equal.
fn digest(id: EventId) -> [u8; 20] {
    let mut digest = [0; 20];
    digest[..16].copy_from_slice(id.as_bytes());
    digest
}

fn valid(received: Timestamp) -> Timestamp {
    received + SignedDuration::from_mins(5)
}

/// A decider that thinks for as long as it is told to, by the test's clock.
struct Slow {
    name: String,
    clock: Handle,
    /// `None`: for ever.
    takes: Option<Duration>,
    ends: Ends,
}

#[derive(Debug, Clone, Copy)]
enum Ends {
    Verdict,
    Nothing,
    Failure,
}

impl Decider for Slow {
    fn name(&self) -> &str {
        &self.name
    }

    async fn decide(&self, _: &Event, _: Budget) -> Result<Option<Verdict>, offhook::decide::Failure> {
        let Some(takes) = self.takes else { return pending().await };
        self.clock.spawn(tokio::time::timeout(takes, pending::<()>())).await?.unwrap_err();
        match self.ends {
            Ends::Verdict => Ok(Some(Verdict::reject(20010))),
            Ends::Nothing => Ok(None),
            Ends::Failure => Err("as the test wants it".into()),
        }
    }
}

/// One decider: what it takes, how it ends, its share, what its failure means, whether it is only watched.
type Stage = (Option<u64>, Ends, Option<u64>, OnError, bool);

fn stage() -> impl Strategy<Value = Stage> {
    let ends = prop_oneof![Just(Ends::Verdict), Just(Ends::Nothing), Just(Ends::Failure)];
    let on_error =
        prop_oneof![Just(OnError::Fallback), Just(OnError::Next), Just(OnError::Allow), Just(OnError::Reject)];
    (proptest::option::weighted(0.8, 0_u64..3000), ends, proptest::option::of(10_u64..2000), on_error, any::<bool>())
}

fn linked((number, stage): (usize, &Stage)) -> (LinkSettings, BoxedDecider) {
    let (takes, ends, share, on_error, shadow) = *stage;
    let name = format!("d{number}");
    let link =
        LinkSettings { timeout: share.map(Duration::from_millis), on_error, shadow, ..LinkSettings::new(&*name) };
    let takes = takes.map(Duration::from_millis);
    (link, BoxedDecider::new(Slow { name, clock: Handle::current(), takes, ends }))
}

async fn answered(before: u64, stages: &[Stage], load: Load) -> (Duration, String) {
    let dir = tempfile::tempdir().unwrap();
    let metrics = Metrics::new(DEADLINE);
    let options = Options { min_free: 0, ..Options::at(dir.path()) };
    let journal = Journal::open(options, Clock::system(), Arc::clone(&metrics)).unwrap();
    let deciders = stages.iter().enumerate().map(linked).collect();
    let chain = Chain::new(Policy::default(), deciders, Arc::clone(&metrics)).unwrap();
    let intake = Arc::new(Intake::new(chain, journal, metrics, Vec::new()));
    let started = Instant::now();
    // Reading the head and the body.
    tokio::time::advance(Duration::from_millis(before)).await;
    let (received, budget) = (Clock::system().now(), Budget::since(started, DEADLINE));
    let body = Bytes::from_static(br#"{"eventType":20}"#);
    let request = Request { id: EventId::at(received), received, proven: (), body, load, budget };
    let receipt = match intake.receive(&Credulous, request).unwrap() {
        Road::Done(receipt) => receipt,
        Road::Waits(road) => road.await,
    };
    let accepted = receipt.accepted(budget).await;
    (started.elapsed(), accepted.decision().by.to_string())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn whatever_each_stage_takes_the_answer_is_ready_before_the_deadline(
        before in 0_u64..1200,
        stages in proptest::collection::vec(stage(), 0..5),
        over in any::<bool>(),
    ) {
        let load = if over { Load::Over } else { Load::Normal };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
        let (took, by) = runtime.block_on(answered(before, &stages, load));
        prop_assert!(took <= DEADLINE, "{took:?} by {by}");
        let first = stages.iter().find(|(.., shadow)| !shadow);
        match first {
            _ if over => prop_assert_eq!(by, "fallback:overload"),
            None => prop_assert_eq!(by, "default"),
            // Whoever never comes to an end, or comes to it after everybody's time, has no say.
            Some((takes, _, _, OnError::Fallback, _)) if takes.is_none_or(|takes| takes > 1500) => {
                prop_assert_eq!(by, "fallback:timeout");
            }
            Some(_) => prop_assert!(!by.is_empty()),
        }
    }
}

#[tokio::test]
async fn a_repeat_that_is_decided_after_all_keeps_the_load_under_which_it_came() {
    for (load, by) in [(Load::Normal, "d0"), (Load::Over, "fallback:overload")] {
        let dir = tempfile::tempdir().unwrap();
        let metrics = Metrics::new(DEADLINE);
        let options = Options { min_free: 0, ..Options::at(dir.path()) };
        let journal = Journal::open(options, Clock::system(), Arc::clone(&metrics)).unwrap();
        let decider = linked((0, &(Some(0), Ends::Verdict, None, OnError::Next, false)));
        let chain = Chain::new(Policy::default(), vec![decider], Arc::clone(&metrics)).unwrap();
        let intake = Arc::new(Intake::new(chain, journal.clone(), metrics, Vec::new()));
        let (received, budget) = (Clock::system().now(), Budget::starting_now(Duration::from_secs(60)));
        let id = EventId::at(received);
        let claim = journal.claim(RepeatKey::new("", &digest(id), valid(received)));
        assert!(matches!(claim, Claim::First(_)));
        let body = Bytes::from_static(br#"{"eventType":20}"#);
        let Road::Waits(road) =
            intake.receive(&Credulous, Request { id, received, proven: (), body, load, budget }).unwrap()
        else {
            panic!("it was not taken for a repeat");
        };
        // The first one comes to nothing.
        drop(claim);
        let accepted = road.await.accepted(budget).await;
        assert_eq!(accepted.decision().by, by);
    }
}

#[tokio::test(start_paused = true)]
async fn a_question_that_nobody_begins_with_leaves_time_for_the_others() {
    let (begins, begun) = std::sync::mpsc::channel();
    let (release, held) = std::sync::mpsc::channel::<()>();
    let held = Arc::new(Mutex::new(held));
    // Holds its thread, and all of them wait for one that never lets go.
    let holds = BoxedDecider::from_fn("holds", move |_: Event| {
        let (begins, held) = (begins.clone(), Arc::clone(&held));
        async move {
            begins.send(()).unwrap();
            let _ = held.lock().map(|held| held.recv());
            Verdict::allow()
        }
    });
    let metrics = Metrics::new(DEADLINE);
    let chain = Chain::new(Policy::default(), vec![(LinkSettings::new("holds"), holds)], metrics).unwrap();
    let (event, budget) = (Event::from_json(r#"{"eventType":20}"#).unwrap(), Budget::starting_now(DEADLINE));
    let asks = async || {
        let Step::Asks(asking) = chain.decide_at_once(&event, Load::Normal) else { panic!("nobody to ask") };
        (chain.decide(&event, asking, budget).await.decision.by, budget.spent())
    };
    let mut questions: FuturesUnordered<_> = (0..THREADS + 1).map(|_| asks()).collect();
    assert!(questions.next().now_or_never().is_none());
    // The clock goes on only when this thread rests.
    for _ in 0..THREADS {
        begun.recv().unwrap();
    }
    let timeout = || "fallback:timeout".into();
    assert_eq!(questions.next().await, Some((timeout(), DEADLINE * 3 / 4)));
    for (by, spent) in questions.collect::<Vec<_>>().await {
        assert_eq!((by, spent), (timeout(), DEADLINE));
    }
    drop(release);
}

/// So many questions are begun with at once, where each holds its thread.
const THREADS: usize = 8;
