//! Yunxin on a busy day: many connections, each asking again as soon as it is answered, every question told apart.

use std::collections::BTreeSet;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::Value;
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::{ALLOW, Yunxin, within_reason};

/// Questions that go on until the receiver is gone.
pub(crate) struct Traffic {
    clients: JoinSet<()>,
    answered: watch::Sender<BTreeSet<String>>,
    faults: Arc<Mutex<Vec<String>>>,
    slowest: watch::Sender<Duration>,
}

impl Traffic {
    /// `connections` of them; `round` tells their questions from those of other rounds.
    pub(crate) fn starts(yunxin: &Yunxin, round: usize, connections: usize) -> Self {
        let (mut clients, answered) = (JoinSet::new(), watch::Sender::default());
        let (faults, slowest) = (Arc::default(), watch::Sender::default());
        for number in 0..connections {
            let client = Client {
                yunxin: yunxin.clone(),
                name: format!("{round}-{number}"),
                answered: answered.clone(),
                faults: Arc::clone(&faults),
                slowest: slowest.clone(),
            };
            clients.spawn(client.asks_on());
        }
        Self { clients, answered, faults, slowest }
    }

    /// How many questions were answered so far.
    pub(crate) fn count(&self) -> usize {
        self.answered.borrow().len()
    }

    /// How long the slowest answer took.
    pub(crate) fn slowest(&self) -> Duration {
        *self.slowest.borrow()
    }

    /// Waits until `count` questions were answered.
    pub(crate) async fn gets(&self, count: usize) {
        let mut answered = self.answered.subscribe();
        within_reason(answered.wait_for(|answered| answered.len() >= count)).await.expect("traffic");
    }

    /// Waits until nobody is answered any more; the marks of all questions that were.
    pub(crate) async fn ends(mut self) -> BTreeSet<String> {
        within_reason(async { while self.clients.join_next().await.is_some() {} }).await;
        let faults = self.faults.lock().expect("unbroken");
        assert!(faults.is_empty(), "answers that are no allow: {faults:?}");
        self.answered.borrow().clone()
    }

    /// Stops asking; what is under way is not waited for.
    pub(crate) async fn stops(mut self) -> BTreeSet<String> {
        self.clients.abort_all();
        self.ends().await
    }
}

struct Client {
    yunxin: Yunxin,
    name: String,
    answered: watch::Sender<BTreeSet<String>>,
    faults: Arc<Mutex<Vec<String>>>,
    slowest: watch::Sender<Duration>,
}

impl Client {
    async fn asks_on(self) {
        let Self { yunxin, name, answered, faults, slowest } = self;
        let Ok(mut wire) = yunxin.tries_to_connect().await else { return };
        for number in 0.. {
            let mark = format!("{name}-{number}");
            let question = yunxin.asks_with(format!(r#"{{"eventType":20,"fromAccount":"mei","mark":"{mark}"}}"#));
            let began = Instant::now();
            if wire.tries_to_write(&question.bytes()).await.is_err() {
                return;
            }
            let Ok(answer) = wire.try_answer().await else { return };
            if (answer.status, answer.text()) != (200, ALLOW) {
                faults.lock().expect("unbroken").push(format!("{mark}: {answer:?}"));
            }
            slowest.send_modify(|slowest| *slowest = began.elapsed().max(*slowest));
            answered.send_modify(|marks| {
                marks.insert(mark);
            });
            if answer.header("connection") == "close" {
                let Ok(another) = yunxin.tries_to_connect().await else { return };
                wire = another;
            }
        }
    }
}

/// The marks of exported or delivered events, in their order.
pub(crate) fn marks(events: &[Value]) -> Vec<String> {
    events.iter().filter_map(|event| event["data"]["mark"].as_str().map(ToOwned::to_owned)).collect()
}

/// A number from `range`, another one each time.
pub(crate) fn random(range: std::ops::Range<usize>) -> usize {
    let bits = usize::try_from(RandomState::new().hash_one(()) >> 32).expect("64 bits");
    range.start + bits % range.len()
}
