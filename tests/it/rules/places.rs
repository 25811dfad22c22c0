//! A decider's place in the chain: kinds, apps, its share of the time, what its failure means, and shadows.

use std::future::pending;
use std::time::Duration;

use offhook::decide::{LinkSettings, OnError};
use offhook::journal::{Reader, Shadow};
use offhook::kind::KindPattern;
use offhook::receiver::Builder;
use offhook::{Budget, Decider, Event, Verdict};

use crate::world::{APP_KEY, Plan, World, offhook, within_reason};

/// What a decider does when it is asked.
#[derive(Clone, Copy)]
enum Does {
    Says(u16),
    Nothing,
    Fails,
    Panics,
    Hangs,
}

struct Actor(&'static str, Does);

impl Decider for Actor {
    fn name(&self) -> &str {
        self.0
    }

    async fn decide(&self, _: &Event, _: Budget) -> Result<Option<Verdict>, offhook::decide::Failure> {
        match self.1 {
            Does::Says(code) => Ok(Some(Verdict::reject(code))),
            Does::Nothing => Ok(None),
            Does::Fails => Err("as the test wants it".into()),
            Does::Panics => panic!("as the test wants it"),
            Does::Hangs => pending().await,
        }
    }
}

fn place(builder: Builder, name: &'static str, does: Does, change: impl FnOnce(&mut LinkSettings)) -> Builder {
    let mut link = LinkSettings::new(name);
    change(&mut link);
    builder.decider_in(link, Actor(name, does))
}

/// The verdict's code and who gave it, for a call.
async fn decided(adds: impl Fn(Builder) -> Builder + 'static) -> (u16, String) {
    let mut plan = Plan::adding(adds);
    plan.edge.deadline = Duration::from_secs(30);
    let world = World::of(plan).await;
    assert_eq!(world.yunxin().sends("call.start").await.status, 200);
    let event = world.only_event().await;
    let decision = event.decision().unwrap();
    (decision.verdict.code(), decision.by.to_string())
}

#[tokio::test]
async fn a_failure_means_what_its_place_says() {
    for (does, why) in [(Does::Fails, "error"), (Does::Panics, "panic"), (Does::Hangs, "timeout")] {
        let rows = [
            (OnError::Fallback, (20099, format!("fallback:{why}"))),
            (OnError::Next, (20011, "second".to_owned())),
            (OnError::Allow, (20000, format!("fallback:{why}"))),
            (OnError::Reject, (20099, format!("fallback:{why}"))),
        ];
        for (on_error, expected) in rows {
            let found = decided(move |builder| {
                let builder = place(builder, "first", does, |link| {
                    link.on_error = on_error;
                    // Telling of a panic takes its time on a busy machine.
                    link.timeout = matches!(does, Does::Hangs).then_some(Duration::from_millis(100));
                });
                place(builder, "second", Does::Says(20011), |_| {})
            });
            assert_eq!(found.await, expected, "{why} {on_error:?}");
        }
    }
}

#[tokio::test]
async fn the_last_one_passing_its_failure_on_leaves_the_default() {
    let found = decided(|builder| place(builder, "only", Does::Fails, |link| link.on_error = OnError::Next));
    assert_eq!(found.await, (20000, "default".to_owned()));
}

#[tokio::test]
async fn a_failure_that_allows_does_not_let_an_unchecked_login_in() {
    let world =
        World::of(Plan::adding(|builder| place(builder, "only", Does::Fails, |link| link.on_error = OnError::Allow)));
    let world = world.await;
    let login = r#"{"eventType":36,"fromAccount":"mei","authType":2}"#;
    world.yunxin().sends_body(login).await.is_rejected_with(20099);
    world.yunxin().sends("call.start").await.is_allowed();
    assert_eq!(world.metric(r#"offhook_decider_failures_total{decider="only",why="error"}"#), 2.0);
}

#[tokio::test]
async fn a_decider_is_asked_about_its_kinds_and_apps_alone() {
    type Change = fn(&mut LinkSettings);
    let rows: [(Change, u16); 4] = [
        (|link| link.kinds = vec![KindPattern::parse("call.*").unwrap()], 20010),
        (|link| link.kinds = vec![KindPattern::parse("room.*").unwrap()], 20011),
        (|link| link.apps = vec![APP_KEY.into()], 20010),
        (|link| link.apps = vec!["somebody-else".into()], 20011),
    ];
    for (change, code) in rows {
        let found = decided(move |builder| {
            place(place(builder, "first", Does::Says(20010), change), "second", Does::Says(20011), |_| {})
        });
        assert_eq!(found.await.0, code);
    }
}

#[tokio::test]
async fn without_an_opinion_the_next_is_asked_and_a_shadow_never_counts() {
    let found = decided(|builder| {
        let builder = place(builder, "watched", Does::Says(20012), |link| link.shadow = true);
        place(place(builder, "first", Does::Nothing, |_| {}), "second", Does::Says(20011), |_| {})
    });
    assert_eq!(found.await, (20011, "second".to_owned()));
}

#[tokio::test]
async fn what_shadows_say_is_counted_beside_the_real_verdict() {
    let world = World::of(Plan::adding(|builder| {
        let shadows = [
            ("same", Does::Says(20011)),
            ("other", Does::Says(20012)),
            ("none", Does::Nothing),
            ("failed", Does::Fails),
            ("hangs", Does::Hangs),
            ("panics", Does::Panics),
        ];
        let builder = shadows.into_iter().fold(builder, |builder, (name, does)| {
            place(builder, name, does, |link| {
                link.shadow = true;
                // Telling of a panic takes its time on a busy machine.
                link.timeout = Some(Duration::from_millis(if name == "panics" { 5000 } else { 50 }));
            })
        });
        place(builder, "real", Does::Says(20011), |_| {})
    }))
    .await;
    world.yunxin().sends("call.start").await.is_rejected_with(20011);
    for (decider, answer) in [
        ("same", "same"),
        ("other", "other"),
        ("none", "none"),
        ("failed", "failed"),
        ("hangs", "failed"),
        ("panics", "failed"),
    ] {
        let metric = format!(r#"offhook_shadows_total{{decider="{decider}",answer="{answer}"}}"#);
        while world.metric(&metric) < 1.0 {
            tokio::task::yield_now().await;
        }
    }
}

#[tokio::test]
async fn what_a_shadow_says_stands_beside_the_event_it_was_asked_about() {
    let world = World::of(Plan::adding(|builder| {
        let builder = place(builder, "strict", Does::Says(20012), |link| link.shadow = true);
        place(builder, "silent", Does::Nothing, |link| link.shadow = true)
    }))
    .await;
    world.yunxin().sends("call.start").await.is_allowed();
    let event = world.only_event().await;
    assert_eq!(event.decision().unwrap().by, "default");
    let reader = Reader::open(&world.journal()).unwrap();
    let noted = within_reason(async {
        loop {
            let noted = reader.shadows().unwrap().of(event.id()).unwrap();
            if noted.len() == 2 {
                return noted;
            }
            tokio::task::yield_now().await;
        }
    });
    let mut noted = noted.await;
    noted.sort_by(|one, other| one.decider.cmp(&other.decider));
    let said = |shadow: &Shadow| (shadow.decider.clone(), shadow.verdict.clone(), shadow.code, shadow.by.clone());
    assert_eq!(said(&noted[0]), ("silent".to_owned(), None, None, None));
    let strict = ("strict".to_owned(), Some("reject".to_owned()), Some(20012), Some("strict".to_owned()));
    assert_eq!(said(&noted[1]), strict);
    let (id, journal) = (event.id().to_string(), world.journal());
    let shown = offhook(&["events", "show", &id, "--journal", journal.to_str().unwrap()]).ends_with(0);
    assert!(shown.contains("strict: reject with 20012 (by strict)") && shown.contains("silent: no opinion"), "{shown}");
}
