//! The program: what it is given, what each of its ends means, and what is left of it afterwards.

use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use offhook::decide::{Exec, ExecSettings, Word};
use offhook::receiver::Builder;
use tempfile::TempDir;

use crate::world::programs::{are_gone, noted, program};
use crate::world::{Plan, World};

fn running(command: PathBuf, args: &[&str]) -> impl Fn(Builder) -> Builder + 'static {
    let args = args.iter().map(|arg| (*arg).to_owned()).collect();
    let env = vec![("GREETING".to_owned(), "hello $HOME".into())];
    let settings = ExecSettings { command, args, env };
    move |builder| builder.fallback(Word::Reject).decider(Exec::new("program", settings.clone()))
}

/// What the program of these lines makes of a call: the code that is sent, and who said so.
async fn outcome(lines: &str) -> (u16, String) {
    let dir = TempDir::new().unwrap();
    let world = World::of(Plan::adding(running(program(&dir, lines), &[]))).await;
    assert_eq!(world.yunxin().sends("call.start").await.status, 200);
    let event = world.only_event().await;
    let decision = event.decision().unwrap();
    (decision.verdict.code(), decision.by.to_string())
}

#[tokio::test]
async fn its_exit_code_and_its_output_are_the_answer() {
    let opinion = |code| (code, "program".to_owned());
    let failure = (20099, "fallback:error".to_owned());
    for (lines, expected) in [
        ("exit 0", opinion(20000)),
        ("cat >/dev/null; exit 0", opinion(20000)),
        ("exit 1", opinion(20099)),
        ("echo '{\"verdict\":\"reject\",\"code\":20042}'", opinion(20042)),
        ("echo '{\"verdict\":\"reject\",\"code\":20043}'; exit 1", opinion(20043)),
        ("echo '{\"errCode\":0}'", opinion(20000)),
        ("echo '{\"verdict\":null}'", (20000, "default".to_owned())),
        ("echo '{\"verdict\":\"allow\"}'; exit 1", failure.clone()),
        ("echo yes", failure.clone()),
        ("exit 2", failure.clone()),
        ("echo '{\"verdict\":\"allow\"}'; exit 3", failure.clone()),
        ("kill -9 $$", failure.clone()),
        ("head -c 70000 /dev/zero", failure.clone()),
        ("echo why >&2; exit 0", opinion(20000)),
    ] {
        assert_eq!(outcome(lines).await, expected, "{lines}");
    }
}

#[tokio::test]
async fn it_is_given_the_event_its_arguments_and_the_listed_variables_and_no_shell_reads_them() {
    let dir = TempDir::new().unwrap();
    let (seen, said) = (dir.path().join("seen"), dir.path().join("said"));
    let lines =
        format!("/usr/bin/env >{0}; printf '%s\\n' \"$@\" >>{0}; /bin/cat >{1}", seen.display(), said.display());
    let plan = Plan::adding(running(program(&dir, &lines), &["$HOME", "; exit 1", "a b"]));
    let world = World::of(plan).await;
    world.yunxin().sends("call.start").await.is_allowed();
    let seen = fs::read_to_string(seen).unwrap();
    // The shell adds its own.
    let own = |line: &&str| !["PWD=", "OLDPWD=", "SHLVL=", "_="].iter().any(|name| line.starts_with(name));
    assert_eq!(seen.lines().filter(own).collect::<Vec<_>>(), ["GREETING=hello $HOME", "$HOME", "; exit 1", "a b"]);
    let event: serde_json::Value = serde_json::from_str(&fs::read_to_string(said).unwrap()).unwrap();
    assert_eq!((&event["type"], &event["specversion"]), (&"offhook.call.start".into(), &"1.0".into()));
}

#[tokio::test]
async fn a_large_event_reaches_a_program_that_reads_it_and_one_that_does_not() {
    let dir = TempDir::new().unwrap();
    let body = format!(r#"{{"eventType":20,"pad":"{}"}}"#, "a".repeat(900_000));
    for (lines, code) in [("[ $(/usr/bin/wc -c) -gt 900000 ]", 20000), ("exit 1 ", 20099)] {
        let world = World::of(Plan::adding(running(program(&dir, lines), &[]))).await;
        world.yunxin().sends_body(&body).await;
        assert_eq!(world.only_event().await.decision().unwrap().verdict.code(), code, "{lines}");
    }
}

#[tokio::test]
async fn at_the_deadline_it_dies_with_its_children() {
    let dir = TempDir::new().unwrap();
    let file = dir.path().join("pids");
    let lines =
        format!("/bin/sleep 600 & echo $! >>{0}; echo $$ >>{0}; trap '' TERM; wait; /bin/sleep 600", file.display());
    let mut plan = Plan::adding(running(program(&dir, &lines), &[]));
    plan.edge.deadline = Duration::from_millis(1200);
    let world = World::of(plan).await;
    let began = Instant::now();
    world.yunxin().sends("call.start").await.is_rejected_with(20099);
    assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
    assert_eq!(world.only_event().await.decision().unwrap().by, "fallback:timeout");
    are_gone(&noted(&file, 2).await).await;
}

#[tokio::test]
async fn what_it_leaves_running_neither_holds_the_answer_nor_outlives_it() {
    let dir = TempDir::new().unwrap();
    let file = dir.path().join("pids");
    let lines =
        format!("/bin/sleep 600 & echo $! >{}; echo '{{\"verdict\":\"reject\",\"code\":20044}}'", file.display());
    let world = World::of(Plan::adding(running(program(&dir, &lines), &[]))).await;
    world.yunxin().sends("call.start").await.is_rejected_with(20044);
    are_gone(&noted(&file, 1).await).await;
}

#[tokio::test]
async fn a_program_that_is_not_there_is_a_failure() {
    let world = World::of(Plan::adding(running("/nowhere/decide".into(), &[]))).await;
    world.yunxin().sends("call.start").await.is_rejected_with(20099);
    assert_eq!(world.only_event().await.decision().unwrap().by, "fallback:error");
}
