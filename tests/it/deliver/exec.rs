//! The exec handler: what its program is given, what each of its ends means, and what is left of it afterwards.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use offhook::cloud_event::CloudEvent;
use offhook::deliver::{AnyHandler, Handler, Outcome};
use offhook::handlers::{Exec, ExecSettings};
use tempfile::TempDir;

use super::cast::{World, event, settings, within_reason};
use crate::world::programs::{are_gone, noted, program};

const LONG: Duration = Duration::from_secs(20);
const BODY: &str = r#"{"fromAccount":"alice","channelId":9007199254740993}"#;

fn starting(command: PathBuf, args: &[&str], timeout: Duration) -> Exec {
    let args = args.iter().map(|arg| (*arg).to_owned()).collect();
    let env = vec![("GREETING".to_owned(), "hello $HOME".into())];
    Exec::new("program", ExecSettings { command, args, env }, timeout, 1)
}

async fn outcome(lines: &str) -> Outcome {
    let dir = TempDir::new().expect("a directory");
    starting(program(&dir, lines), &[], LONG).deliver(&event("call.start", BODY)).await
}

#[tokio::test]
async fn its_exit_code_decides_and_the_first_line_on_stderr_is_the_reason() {
    let given_up = |why: &str| Outcome::give_up(why);
    for (lines, expected) in [
        ("exit 0", Outcome::Done),
        ("/bin/cat >/dev/null; echo talk; echo talk >&2", Outcome::Done),
        ("exit 75", Outcome::retry("exit code 75")),
        (
            "echo 'the books are closed' >&2; echo more >&2; exit 75",
            Outcome::retry("exit code 75: the books are closed"),
        ),
        ("exit 1", given_up("exit code 1")),
        ("printf '\\n  no such customer \\nTraceback\\n' >&2; exit 3", given_up("exit code 3: no such customer")),
        ("printf '\\377' >&2; exit 4", given_up("exit code 4: \u{fffd}")),
    ] {
        assert_eq!(outcome(lines).await, expected, "{lines}");
    }
    let Outcome::GiveUp { why } = outcome("echo went >&2; kill -9 $$").await else { panic!("a signal") };
    assert!(why.contains("signal") && why.ends_with(": went"), "{why}");
}

#[tokio::test]
async fn talk_without_end_is_let_go_and_not_kept() {
    let lines = "/usr/bin/yes 'a long tale' 2>/dev/null | /usr/bin/head -c 5000000 >&2; exit 75";
    let Outcome::Retry { why, .. } = outcome(lines).await else { panic!("75") };
    assert_eq!(why, "exit code 75: a long tale");
}

#[tokio::test]
async fn it_is_given_the_event_its_arguments_the_listed_variables_and_the_events_id() {
    let dir = TempDir::new().unwrap();
    let (seen, said) = (dir.path().join("seen"), dir.path().join("said"));
    let lines =
        format!("/usr/bin/env >{0}; printf '%s\\n' \"$@\" >>{0}; /bin/cat >{1}", seen.display(), said.display());
    let handler = starting(program(&dir, &lines), &["$HOME", "; exit 1", "a b"], LONG);
    let event = event("call.start", BODY);
    assert_eq!(handler.deliver(&event).await, Outcome::Done);
    let seen = fs::read_to_string(seen).unwrap();
    // The shell adds its own.
    let own = |line: &&str| !["PWD=", "OLDPWD=", "SHLVL=", "_="].iter().any(|name| line.starts_with(name));
    let mut seen: Vec<_> = seen.lines().filter(own).collect();
    seen[..2].sort_unstable();
    let id = format!("OFFHOOK_EVENT_ID={}", event.id());
    assert_eq!(seen, ["GREETING=hello $HOME", &*id, "$HOME", "; exit 1", "a b"]);
    assert_eq!(fs::read_to_string(said).unwrap(), CloudEvent::of(&event).to_json());
}

#[tokio::test]
async fn a_large_event_reaches_a_program_that_reads_it_and_one_that_does_not() {
    let dir = TempDir::new().unwrap();
    let event = event("call.start", &format!(r#"{{"pad":"{}"}}"#, "a".repeat(900_000)));
    let reading = starting(program(&dir, "[ $(/usr/bin/wc -c) -gt 900000 ]"), &[], LONG);
    assert_eq!(reading.deliver(&event).await, Outcome::Done);
    let careless = starting(program(&dir, "exit 0"), &[], LONG);
    assert_eq!(careless.deliver(&event).await, Outcome::Done);
}

#[tokio::test]
async fn when_its_time_is_up_it_dies_with_its_children_and_is_tried_again() {
    let dir = TempDir::new().unwrap();
    let file = dir.path().join("pids");
    let lines =
        format!("/bin/sleep 600 & echo $! >>{0}; echo $$ >>{0}; trap '' TERM; wait; /bin/sleep 600", file.display());
    let handler = starting(program(&dir, &lines), &[], Duration::from_millis(800));
    let Outcome::Retry { why, .. } = handler.deliver(&event("call.start", BODY)).await else { panic!("a time-out") };
    assert_eq!(why, "did not end within 800ms and was killed");
    are_gone(&noted(&file, 2).await).await;
}

#[tokio::test]
async fn what_it_leaves_running_does_not_outlive_it() {
    let dir = TempDir::new().unwrap();
    let file = dir.path().join("pids");
    let handler = starting(program(&dir, &format!("/bin/sleep 600 & echo $! >{}", file.display())), &[], LONG);
    assert_eq!(handler.deliver(&event("call.start", BODY)).await, Outcome::Done);
    are_gone(&noted(&file, 1).await).await;
}

#[tokio::test]
async fn a_program_that_cannot_be_started_pauses_the_lane() {
    let handler = starting("/nowhere/program".into(), &[], LONG);
    let Outcome::Pause { why, .. } = handler.deliver(&event("call.start", BODY)).await else { panic!("no pause") };
    assert!(why.starts_with("it cannot be started: "), "{why}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_more_of_them_run_at_once_than_may_and_what_gave_up_is_parked_with_its_reason() {
    let (world, dir) = (World::new(), TempDir::new().unwrap());
    // Each counts those that run beside it, itself included.
    let lines = format!(
        "cd {0}; /bin/touch run.$$; /bin/ls run.* 2>/dev/null | /usr/bin/wc -l >>most; /bin/sleep 0.05; /bin/rm run.$$; echo full >&2; exit 1",
        dir.path().display()
    );
    let program = ExecSettings { command: program(&dir, &lines), args: Vec::new(), env: Vec::new() };
    let lane = offhook::deliver::LaneSettings { concurrency: 3, ..settings("program", 12, &[]) };
    let handler = AnyHandler::new(Exec::new("program", program, LONG, 3));
    let dispatcher = world.starts(vec![(lane, handler)]);
    world.keeps_many(12).await;
    let parked = within_reason(world.parks("program", 12)).await;
    assert!(parked.iter().all(|parked| parked.why == "exit code 1: full"), "{parked:?}");
    dispatcher.stop(LONG).await;
    let most = fs::read_to_string(dir.path().join("most")).unwrap();
    let most = most.lines().filter_map(|line| line.trim().parse::<u32>().ok()).max();
    assert!(most.is_some_and(|most| most <= 3), "{most:?}");
}
