//! The log handler, and a stdout that is read, full, or gone.

use std::io::{self, Write};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use offhook::clock::Clock;
use offhook::deliver::{AnyHandler, Handler, LaneSettings, Outcome};
use offhook::handlers::{Action, Log, Settings, build};
use serde_json::Value;
use tokio::sync::watch;

use super::cast::{Inbox, World, event, within_reason};

/// A stdout that the test can read, and break.
#[derive(Clone, Default)]
struct Paper(Arc<Mutex<Sheet>>, watch::Sender<usize>);

#[derive(Default)]
struct Sheet {
    text: Vec<u8>,
    /// After so many more bytes it tears, once.
    tears_after: Option<usize>,
}

impl Paper {
    fn lines(&self) -> Vec<String> {
        let text = String::from_utf8(self.0.lock().expect("unbroken").text.clone()).expect("text");
        text.lines().map(str::to_owned).collect()
    }

    fn tears_after(&self, bytes: usize) {
        self.0.lock().expect("unbroken").tears_after = Some(bytes);
    }

    /// Waits for so many lines.
    async fn until(&self, count: usize) -> Vec<String> {
        let mut changed = self.1.subscribe();
        within_reason(changed.wait_for(|lines| *lines >= count)).await.expect("paper");
        self.lines()
    }
}

impl Write for Paper {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut sheet = self.0.lock().expect("unbroken");
        let taken = match &mut sheet.tears_after {
            Some(0) => {
                sheet.tears_after = None;
                return Err(io::ErrorKind::BrokenPipe.into());
            }
            Some(left) => {
                let taken = bytes.len().min(*left);
                *left -= taken;
                taken
            }
            None => bytes.len(),
        };
        sheet.text.extend_from_slice(&bytes[..taken]);
        let lines = sheet.text.iter().filter(|byte| **byte == b'\n').count();
        self.1.send_replace(lines);
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A stdout that nobody reads: writing to it never ends while the test holds the other side.
struct Stopped(std::sync::mpsc::Receiver<()>);

impl Write for Stopped {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let _ = self.0.recv();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn logs_to(out: impl Write + Send + 'static, data: bool) -> (LaneSettings, AnyHandler) {
    let settings = Settings { lane: LaneSettings::new("log"), action: Action::Log { data } };
    build(settings, &Clock::system(), || Box::new(out)).expect("a handler")
}

#[tokio::test]
async fn each_event_is_one_line_in_order_without_its_data() {
    let (world, paper) = (World::new(), Paper::default());
    let dispatcher = world.starts(vec![logs_to(paper.clone(), false)]);
    let kept = world.keeps_many(100).await;
    let lines = paper.until(100).await;
    dispatcher.stop(Duration::from_secs(10)).await;
    let lines: Vec<Value> = lines.iter().map(|line| serde_json::from_str(line).expect("a line of JSON")).collect();
    let ids: Vec<_> = lines.iter().map(|line| line["id"].as_str().expect("an id").to_owned()).collect();
    assert_eq!(ids, kept.iter().map(ToString::to_string).collect::<Vec<_>>());
    assert_eq!(lines[0]["type"], "offhook.call.start");
    assert_eq!(lines[0]["verdict"], "allow");
    assert_eq!(lines[0].get("data"), None);
}

#[tokio::test]
async fn data_is_written_when_asked_for_and_stays_on_its_line() {
    let paper = Paper::default();
    let log = Log::new("log", true, paper.clone()).expect("a handler");
    let pretty = "{\r\n  \"fromAccount\": \"alice\",\n  \"ext\": \"a\\nb\"\n}";
    assert_eq!(log.deliver(&event("call.start", pretty)).await, Outcome::Done);
    assert_eq!(paper.lines().len(), 1);
    let line: Value = serde_json::from_str(&paper.lines()[0]).expect("a line of JSON");
    assert_eq!(line["data"], serde_json::json!({"fromAccount": "alice", "ext": "a\nb"}));
}

#[tokio::test]
async fn a_broken_pipe_pauses_and_its_half_line_swallows_nothing() {
    let (world, paper) = (World::new(), Paper::default());
    paper.tears_after(700);
    let (settings, handler) = logs_to(paper.clone(), false);
    let mut lane = world.lane(settings, handler);
    let kept = world.keeps_many(5).await;
    lane.step().await;
    assert!(format!("{:?}", lane.step().await).starts_with("Waiting"), "the lane pauses");

    let stop = tokio_util::sync::CancellationToken::new();
    let running = tokio::spawn(lane.run(stop.clone()));
    let whole = |line: &String| serde_json::from_str::<Value>(line).ok().map(|line| line["id"].to_string());
    let lines = paper.until(7).await;
    stop.cancel();
    within_reason(running).await.expect("a lane");
    let ids: Vec<String> = lines.iter().filter_map(whole).collect();
    for id in kept {
        assert!(ids.contains(&format!("\"{id}\"")), "{id} is missing in {lines:?}");
    }
    assert_eq!(world.parked("log"), []);
}

#[tokio::test]
async fn a_stdout_that_nobody_reads_stops_its_own_lane_only() {
    let (world, inbox) = (World::new(), Inbox::new());
    let (reader, gone) = std::sync::mpsc::channel();
    let dispatcher = world.starts(vec![logs_to(Stopped(gone), false), (LaneSettings::new("inbox"), inbox.handler())]);
    let kept = world.keeps_many(20).await;
    assert_eq!(inbox.until(20).await, kept);
    within_reason(dispatcher.stop(Duration::from_millis(50))).await;
    drop(reader);
}
