//! One offhook with its journal, its targets and its caller, from round to round; and what must hold of them.

use std::collections::BTreeSet;
use std::fmt;
use std::fs;
use std::ops::Range;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;
use tokio::time::timeout;

use super::fault::{Fault, PATIENCE};
use super::pages;
use crate::shim::Shim;
use crate::world::{Mood, Offhook, Ports, Target, Traffic, Yunxin, exported, offhook};

/// What does not hold, in words.
#[derive(Debug)]
pub(super) struct Wrong(String);

/// The whole set-up. Its journal is in `real`; what a power cut would leave of that, in `survivors`.
pub(super) struct Ground {
    scratch: TempDir,
    ports: Ports,
    shim: Shim,
    pub(super) targets: [(&'static str, Target); 2],
    serving: Option<Offhook>,
    answered: BTreeSet<String>,
    /// Stood in a file of which a page was destroyed.
    excused: BTreeSet<String>,
    slowest: Duration,
    rounds: usize,
    /// Of the numbers that are drawn.
    state: u64,
}

/// What went by.
#[derive(Debug)]
pub(super) struct Tally {
    pub(super) answered: usize,
    pub(super) kept: usize,
    /// Answered, and lost with a page that was destroyed.
    pub(super) destroyed: usize,
    pub(super) slowest: Duration,
}

/// Connections that ask without a pause.
const CONNECTIONS: usize = 8;

/// How long nothing may happen where something must: an answer, a delivery, a spilled event read back in.
const STANDSTILL: Duration = Duration::from_secs(30);

impl Ground {
    /// `None` where there is no C compiler for the layer below the files.
    pub(super) fn new(seed: usize) -> Option<Self> {
        let scratch = tempfile::tempdir().unwrap();
        let path = |name: &str| scratch.path().join(name);
        fs::create_dir(path("real")).unwrap();
        fs::write(path("clock"), 0_i64.to_ne_bytes()).unwrap();
        let shim = Shim::over(&path("real"))?.survivors(&path("survivors")).clock(&path("clock"));
        let shim = shim.full_while(&path("full")).fail_while(&path("fails")).stall_while(&path("stalls"));
        let shim = shim.lie_while(&path("lies")).late_while(&path("late"));
        Some(Self {
            targets: [("good", Mood::Good), ("picky", Mood::Picky)].map(|(name, mood)| (name, Target::listens(mood))),
            ports: Ports::reserve(),
            serving: None,
            answered: BTreeSet::new(),
            excused: BTreeSet::new(),
            slowest: Duration::ZERO,
            rounds: 0,
            state: seed as u64,
            scratch,
            shim,
        })
    }

    /// The fault of the next round: each once before any comes again, in an order that is drawn.
    pub(super) fn draws(&mut self, bag: &mut Vec<Fault>) -> Fault {
        if bag.is_empty() {
            bag.extend(Fault::ALL);
        }
        let place = self.draw(0..bag.len());
        bag.swap_remove(place)
    }

    /// One round: under load, at some moment, `fault` strikes; then everything is looked through.
    pub(super) async fn round(&mut self, fault: Fault) -> Result<(), Wrong> {
        let serving = self.serves();
        let traffic = self.traffic();
        self.hears(&traffic, 1..150).await?;
        match fault.strikes(self, serving, traffic).await? {
            Some((serving, traffic)) => {
                self.hears(&traffic, 1..100).await?;
                self.slowest = self.slowest.max(traffic.slowest());
                self.answered.append(&mut traffic.stops().await);
                self.serving = Some(serving);
            }
            // Whoever watches over it starts it again.
            None => self.serving = Some(self.serves()),
        }
        self.looks_through().await
    }

    /// What was kept must reach every target, or be parked.
    pub(super) async fn ends(&mut self) -> Result<Tally, Wrong> {
        self.serving = Some(self.serves());
        self.looks_through().await?;
        let events = self.exported();
        let kept: BTreeSet<String> = events.iter().map(id_of).collect();
        for (name, target) in &self.targets {
            let left = || {
                let mut left = kept.clone();
                target.accepted().iter().for_each(|event| _ = left.remove(&id_of(event)));
                self.parked(name).iter().for_each(|id| _ = left.remove(id));
                left
            };
            if !comes_to_nothing(|| left().len()).await {
                let left = left();
                let places = events.iter().filter(|event| left.contains(&id_of(event))).map(|event| &event["position"]);
                let places: Vec<&Value> = places.collect();
                return Err(Wrong(format!("of {} kept events never reached {name}: {places:?}", kept.len())));
            }
        }
        let there: BTreeSet<String> = crate::world::marks(&events).into_iter().collect();
        let destroyed = self.answered.difference(&there).count();
        Ok(Tally { answered: self.answered.len(), kept: kept.len(), destroyed, slowest: self.slowest })
    }

    /// What was answered must be kept, once. Spilled events may still be on their way back.
    pub(super) async fn looks_through(&mut self) -> Result<(), Wrong> {
        let (mut times, mut lost, mut twice) = (std::collections::BTreeMap::new(), Vec::new(), Vec::new());
        let left = || {
            times.clear();
            crate::world::marks(&self.exported()).into_iter().for_each(|mark| *times.entry(mark).or_insert(0) += 1);
            let is_lost = |mark: &&String| !times.contains_key(*mark) && !self.excused.contains(*mark);
            lost = self.answered.iter().filter(is_lost).cloned().collect();
            twice = times.iter().filter(|(_, times)| **times > 1).map(|(mark, _)| mark.clone()).collect();
            lost.len()
        };
        if !comes_to_nothing(left).await {
            return Err(Wrong(format!("of {} answered, lost: {lost:?}", self.answered.len())));
        }
        if twice.is_empty() { Ok(()) } else { Err(Wrong(format!("kept twice: {twice:?}"))) }
    }

    /// It runs, or is started.
    pub(super) fn serves(&mut self) -> Offhook {
        self.serving.take().unwrap_or_else(|| {
            for left in ["survivors", "survivors.shim"] {
                // Of the process before.
                let _ = fs::remove_dir_all(self.path(left));
            }
            let handler = |(name, target): &(&str, Target)| {
                format!("[[handlers]]\nname = \"{name}\"\ntype = \"http\"\nurl = \"{}\"\n", target.url())
            };
            let handlers: String = self.targets.iter().map(handler).collect();
            let file = self.path("offhook.toml");
            fs::write(&file, self.ports.configuration(&self.path("real"), &handlers)).unwrap();
            Offhook::serves(&file, &self.ports, Some(&self.shim))
        })
    }

    /// It is killed while nobody asks.
    pub(super) fn dies(&mut self) {
        self.serves().dies_at_once();
    }

    /// Oldest first.
    pub(super) fn events_files(&self) -> Vec<PathBuf> {
        let files = fs::read_dir(self.journal()).unwrap().map(|entry| entry.unwrap().path());
        let is_one =
            |file: &PathBuf| file.to_str().is_some_and(|name| name.contains("/events-") && name.ends_with(".db"));
        let mut files: Vec<PathBuf> = files.filter(is_one).collect();
        files.sort();
        files
    }

    /// Callers begin to ask.
    pub(super) fn traffic(&mut self) -> Traffic {
        self.rounds += 1;
        Traffic::starts(&Yunxin::asking(self.ports.public()), self.rounds, CONNECTIONS)
    }

    /// Waits until some more were answered, each in time: verdicts go on.
    pub(super) async fn hears(&mut self, traffic: &Traffic, more: Range<usize>) -> Result<(), Wrong> {
        let more = self.draw(more);
        if timeout(STANDSTILL, traffic.gets(traffic.count() + more)).await.is_err() {
            return Err(Wrong("verdicts stopped".to_owned()));
        }
        let slowest = traffic.slowest();
        if slowest > PATIENCE { Err(Wrong(format!("a verdict took {slowest:?}"))) } else { Ok(()) }
    }

    /// `serving` dies at once; what it answered is noted.
    pub(super) async fn loses(&mut self, serving: Offhook, traffic: Traffic) {
        serving.dies_at_once();
        self.slowest = self.slowest.max(traffic.slowest());
        self.answered.append(&mut traffic.ends().await);
    }

    /// Of a process that is dead, only what was synced is there.
    pub(super) fn forgets_what_was_not_synced(&self) {
        fs::remove_dir_all(self.path("real")).unwrap();
        fs::rename(self.path("survivors"), self.path("real")).unwrap();
    }

    /// Of a process that is dead, a page is destroyed; what else stood in its file is excused.
    pub(super) fn loses_a_page(&mut self) {
        let before = self.exported();
        let journal = self.journal();
        let lost = pages::destroys_one(&journal, |range| self.draw(range));
        let stood = |event: &&Value| event["position"].as_u64().is_some_and(|position| lost.contains(&position));
        let stood: Vec<Value> = before.iter().filter(stood).cloned().collect();
        self.excused.extend(crate::world::marks(&stood));
    }

    /// Makes the file that the layer below looks for, or takes it away.
    pub(super) fn switch(&self, name: &str, on: bool) {
        if on { fs::write(self.path(name), "") } else { fs::remove_file(self.path(name)) }.unwrap();
    }

    /// The caller's clock stays.
    pub(super) fn sets_the_clock(&mut self) {
        // The tolerance is five minutes.
        let seconds = i64::try_from(self.draw(0..560)).unwrap() - 280;
        // In place: the file is mapped.
        fs::OpenOptions::new()
            .write(true)
            .open(self.path("clock"))
            .and_then(|mut file| std::io::Write::write_all(&mut file, &seconds.to_ne_bytes()))
            .unwrap();
    }

    /// A number from `range`, the next one of the seed's.
    pub(super) fn draw(&mut self, range: Range<usize>) -> usize {
        // SplitMix64.
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.state;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        range.start + usize::try_from(bits >> 33).unwrap() % range.len()
    }

    pub(super) fn journal(&self) -> PathBuf {
        self.path("real").join("journal")
    }

    fn exported(&self) -> Vec<Value> {
        exported(&self.journal())
    }

    /// The ids of what is parked for a handler.
    fn parked(&self, handler: &str) -> Vec<String> {
        let journal = self.journal();
        let journal = journal.to_str().unwrap();
        let said = offhook(&["parked", "list", "--json", "--handler", handler, "--journal", journal]).ends_with(0);
        said.lines().map(|line| id_of(&serde_json::from_str(line).unwrap())).collect()
    }

    fn path(&self, name: &str) -> PathBuf {
        self.scratch.path().join(name)
    }
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn id_of(event: &Value) -> String {
    event["id"].as_str().unwrap_or_default().to_owned()
}

/// Whether `left` becomes 0, as long as it becomes less.
async fn comes_to_nothing(mut left: impl FnMut() -> usize) -> bool {
    let (mut least, mut deadline) = (usize::MAX, Instant::now() + STANDSTILL);
    loop {
        let now = left();
        if now == 0 {
            return true;
        }
        if now < least {
            (least, deadline) = (now, Instant::now() + STANDSTILL);
        }
        if Instant::now() > deadline {
            return false;
        }
        tokio::task::yield_now().await;
    }
}
