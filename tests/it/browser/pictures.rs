//! The pictures in the book and the READMEs, made anew by `scripts/browser pictures`.

use std::path::Path;

use super::cast::{Browser, Looks};
use super::plan;
use crate::world::{Inbox, World};
use ::offhook::Outcome;
use ::offhook::deliver::from_fn;

/// A day in the life of a receiver, in a few requests.
async fn a_day(world: &World) {
    let yunxin = world.yunxin();
    for kind in ["login.im", "message.p2p", "call.start", "room.create", "message.team", "friend.add", "call.start"] {
        yunxin.sends(kind).await;
    }
    for account in ["zhao.lei", "13812341234", "mei", "chen.bo"] {
        let body = format!(
            r#"{{"eventType":20,"callType":2,"fromAccount":"{account}","toAccountList":["lin.yue"],"timestamp":"1767225600000"}}"#
        );
        yunxin.sends_body(body).await;
    }
    yunxin.forges("call.start").await;
    let late = yunxin.now() - 3_600_000;
    yunxin.asks_at(&late.to_string(), r#"{"eventType":20}"#).sent().await;
    yunxin.asks("call.start").on_path("/callback").sent().await;
    yunxin.sends("call.start").await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "writes pictures: `scripts/browser pictures` asks for it"]
async fn are_made() {
    let images = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/src/images");
    std::fs::create_dir_all(&images).expect("a directory");
    for (language, word, dark) in [("en-US", "en", false), ("zh-CN", "zh", true)] {
        let world = World::of(plan(true, None, |builder| {
            let billing = from_fn("billing", |_: ::offhook::yunxin::RoomCreate| async {
                Outcome::give_up("400 Bad Request: no such tenant")
            });
            builder.handler(Inbox::named("analytics")).handler(billing)
        }))
        .await;
        let looks = Looks { language, dark, size: (1140, 640) };
        let Some(browser) = Browser::opens(&world, looks).await else { return };
        browser.sees("document.querySelector('.state.live')").await;
        a_day(&world).await;
        browser.sees("document.querySelectorAll('.row .ms').length > 8").await;
        browser.clicks(".row").await;
        browser.sees("document.querySelectorAll('.detail .road li').length >= 3 && document.querySelector('.badge').textContent === '3'").await;
        let keep = async |name: &str| {
            let picture = browser.picture().await;
            assert!(picture.len() < 150 << 10, "{name}: {} bytes", picture.len());
            std::fs::write(images.join(format!("inspector-{name}-{word}.png")), picture).expect("a file");
        };
        keep("events").await;
        browser.clicks("nav a[data-view=refusals]").await;
        browser.sees("document.querySelectorAll('.refusal').length === 3").await;
        keep("refusals").await;
        browser.clicks("nav a[data-view=overview]").await;
        browser.sees("document.querySelectorAll('.bars .track').length >= 6 && document.querySelectorAll('svg.chart path.line').length >= 4").await;
        keep("overview").await;
        browser.closes().await;
    }
}
