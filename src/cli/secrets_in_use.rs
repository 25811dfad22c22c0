//! Which of an app's secrets its callbacks are still signed with, as the kept events tell: an old one can be deleted once
//! a newer one has taken over.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue};
use jiff::Timestamp;

use crate::event::Event;
use crate::journal::{Filter, Options, Position, Reader};
use crate::kind::Family;
use crate::yunxin::{self, App, Apps};

/// When a secret proved something.
#[derive(Clone, Copy)]
struct Used {
    first: Timestamp,
    last: Timestamp,
}

/// By app and fingerprint.
type Uses = HashMap<(Arc<str>, Arc<str>), Used>;

/// How far back is looked.
const BACK: Duration = Duration::from_secs(7 * 86_400);

/// Events that are looked at, at most: checking is no audit.
const EVENTS: usize = 200_000;

/// How long a secret must not have been used.
const QUIET: Duration = Duration::from_secs(3600);

/// A sentence for each secret of an app with several. Nothing where there is no journal yet.
pub(super) fn told(apps: &Apps, journal: &Options, now: Timestamp) -> Vec<String> {
    let several = |app: &&App| app.secrets.len() > 1;
    if !apps.iter().any(|app| several(&app)) {
        return Vec::new();
    }
    let Ok(reader) = Reader::of(journal) else { return Vec::new() };
    let used = used(apps, &reader, now).unwrap_or_default();
    let sentences = apps.iter().filter(several).flat_map(|app| {
        let of = |fingerprint: &Arc<str>| used.get(&(Arc::clone(&app.app_key), Arc::clone(fingerprint))).copied();
        let all: Vec<(&Arc<str>, Option<Used>)> =
            app.secrets.iter().map(|secret| (secret.fingerprint(), of(secret.fingerprint()))).collect();
        let newest = all.iter().filter_map(|(_, used)| used.map(|used| used.last)).max();
        let key = Arc::clone(&app.app_key);
        let sentence = move |(fingerprint, used): &(&Arc<str>, Option<Used>)| match (used, newest) {
            (_, None) => format!("app {key}: secret {fingerprint} has proven nothing within 7 days, nor has any other"),
            (None, Some(_)) => format!(
                "app {key}: secret {fingerprint} has proven nothing within 7 days: it is not in the console yet, or not any more"
            ),
            (Some(used), Some(newest)) => {
                let quiet = now.checked_sub(QUIET).is_ok_and(|then| used.last < then) && used.last < newest;
                let since = format!("{:.0}", used.last);
                if quiet {
                    format!("app {key}: secret {fingerprint} was last used {since}, another since: it is safe to delete")
                } else {
                    format!("app {key}: secret {fingerprint} is in use, first {:.0}, last {since}", used.first)
                }
            }
        };
        all.iter().map(sentence).collect::<Vec<_>>()
    });
    sentences.collect()
}

/// App and fingerprint of each secret that proved something.
fn used(apps: &Apps, reader: &Reader, now: Timestamp) -> Option<Uses> {
    let since = now.checked_sub(BACK).ok()?;
    let filter = Filter { since: Some(since), ..Filter::default() };
    let (mut used, mut after, mut seen) = (Uses::new(), Position::default(), 0);
    loop {
        let page = reader.page(after, 1000, &filter).ok()?;
        for (_, event) in page.events.iter().filter(|(_, event)| event.family() == Family::YunxinCallback) {
            seen += 1;
            let Some(secret) = secret_of(apps, event) else { continue };
            let time = event.received();
            let use_of = used.entry((Arc::clone(event.app_key()), secret)).or_insert(Used { first: time, last: time });
            use_of.last = use_of.last.max(time);
        }
        if !page.more || seen >= EVENTS {
            return Some(used);
        }
        after = page.scanned;
    }
}

/// The secret that proves a kept event.
fn secret_of(apps: &Apps, event: &Event) -> Option<Arc<str>> {
    let mut headers = HeaderMap::new();
    for (name, value) in event.headers().lines().filter_map(|line| line.split_once(": ")) {
        headers.insert(HeaderName::try_from(name).ok()?, HeaderValue::from_str(value).ok()?);
    }
    let verified = yunxin::verify(apps, &headers, event.body().clone(), event.received()).ok()?;
    Some(Arc::clone(verified.headers().secret()))
}
