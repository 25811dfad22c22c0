//! The pictures in the book and the READMEs, made anew by `scripts/browser pictures`, and held to show the page as it is.
//!
//! Pictures of one page differ from run to run, in times at least. So what is compared is what they were made of: the page's
//! sources, as they were when the pictures were made.

use std::fs;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::cast::{Browser, Looks};
use super::plan;
use crate::world::{Inbox, World};
use ::offhook::Outcome;
use ::offhook::deliver::from_fn;

const IMAGES: &str = "docs/src/images";

/// What the pictures were made of.
const RECORD: &str = "docs/pictures.txt";

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The files of a directory, in order.
fn files(directory: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(root().join(directory)).unwrap_or_else(|error| panic!("{directory}: {error}"));
    let mut files: Vec<_> = entries.map(|entry| entry.expect("an entry").path()).collect();
    files.sort();
    files
}

/// A line for each picture and each file that they show, with its SHA-256.
fn record() -> String {
    let all = files("src/admin/page").into_iter().chain(files(IMAGES));
    let line = |path: PathBuf| {
        let digest = Sha256::digest(fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display())));
        let digest: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        format!("{digest}  {}\n", path.strip_prefix(root()).expect("ours").display())
    };
    all.map(line).collect()
}

#[test]
fn show_the_page_as_it_is() {
    let (recorded, present) = (fs::read_to_string(root().join(RECORD)).unwrap_or_default(), record());
    let known = |line: &&str| !recorded.lines().any(|recorded| recorded == *line);
    let changed: Vec<_> = present.lines().filter(known).filter_map(|line| line.split("  ").nth(1)).collect();
    let count = (present.lines().count(), recorded.lines().count());
    assert!(
        changed.is_empty() && count.0 == count.1,
        "the pictures in {IMAGES} are older than the page (changed since: {}); make them anew: scripts/browser pictures",
        changed.join(", ")
    );
    for picture in ["events", "refusals", "overview"] {
        for language in ["en", "zh"] {
            let name = format!("inspector-{picture}-{language}.png");
            assert!(present.contains(&format!("{IMAGES}/{name}\n")), "there is no {name}");
        }
    }
}

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
    let images = root().join(IMAGES);
    fs::create_dir_all(&images).expect("a directory");
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
            fs::write(images.join(format!("inspector-{name}-{word}.png")), picture).expect("a file");
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
    fs::write(root().join(RECORD), record()).expect("a file");
}
