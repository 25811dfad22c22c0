//! Looking for events: the index leaves out nothing that is wanted, and what it does not know is looked through.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use jiff::Timestamp;
use offhook::event::{Event, EventId, EventParts};
use offhook::journal::{Filter, Journal, Position, Reader};
use offhook::kind::{Family, Kind, KindPattern};
use offhook::verdict::{Decision, Verdict};
use rusqlite::{Connection, OpenFlags};

use super::cast::{Ground, read_all, until};

/// An event of whoever has this number, to whoever has the next one, who stands in a JSON text.
fn event(ground: &Ground, number: u64) -> Event {
    let decision = match number % 500 {
        0 => Decision::by_decider(Verdict::reject(20010), "rule:late"),
        _ => Decision::by_default(Verdict::allow()),
    };
    Event::new(EventParts {
        id: EventId::at(ground.now()),
        kind: Kind::named(Family::YunxinCallback, if number % 1000 == 7 { "login.im" } else { "call.start" }),
        app_key: Arc::from(if number % 1500 == 9 { "other" } else { "app" }),
        received: ground.now(),
        sent_at: Some(number.to_string()),
        subject: Some(format!("user{}", number % 700)),
        headers: Arc::from("AppKey: app\n"),
        body: format!(
            r#"{{"eventType":20,"n":{number},"fromAccount":"user{}","ext":"{{\"to\":\"guest{}\"}}"}}"#,
            number % 700,
            number % 900
        )
        .into(),
        decision: Some(decision),
    })
}

/// Keeps `count` events, one every ten seconds.
async fn fill(ground: &Ground, journal: &Journal, count: u64) {
    for number in 0..count {
        ground.pass(10);
        let keeping = journal.append(event(ground, number), None);
        // Many at once: the positions are given in this order anyway.
        if number % 64 == 63 || number + 1 == count {
            keeping.await.unwrap();
        }
    }
}

fn index(directory: &Path) -> Option<Connection> {
    Connection::open_with_flags(directory.join("index.db"), OpenFlags::SQLITE_OPEN_READ_ONLY).ok()
}

/// How far the index goes.
fn covered(directory: &Path) -> i64 {
    let read = |index: Connection| index.query_row("SELECT max(last) FROM blocks", [], |row| row.get(0)).ok();
    index(directory).and_then(read).flatten().unwrap_or(0)
}

fn filters(from: Timestamp) -> Vec<Filter> {
    let all = Filter::default;
    let kinds = |text: &str| vec![KindPattern::parse(text).unwrap()];
    let hours = |hours: i64| Some(from + jiff::SignedDuration::from_hours(hours));
    vec![
        all(),
        Filter { account: Some("user3".to_owned()), ..all() },
        Filter { account: Some("guest899".to_owned()), ..all() },
        Filter { account: Some("nobody".to_owned()), ..all() },
        Filter { account: Some("user3".to_owned()), since: hours(5), until: hours(9), ..all() },
        Filter { since: hours(11), ..all() },
        Filter { until: hours(1), ..all() },
        Filter { kinds: kinds("login.im"), ..all() },
        Filter { kinds: kinds("login.*"), account: Some("user7".to_owned()), ..all() },
        Filter { kinds: kinds("*"), app: Some("other".to_owned()), ..all() },
        Filter { verdict: Some("reject".to_owned()), ..all() },
        Filter { verdict: Some("rule:*".to_owned()), since: hours(3), ..all() },
        Filter { verdict: Some("rule:late".to_owned()), until: hours(8), ..all() },
    ]
}

fn positions(events: &[(Position, Event)]) -> Vec<u64> {
    events.iter().map(|(position, _)| position.get()).collect()
}

/// What a person reads who goes back page by page.
fn backwards(reader: &Reader, filter: &Filter) -> Vec<u64> {
    let (mut before, mut found) = (Position(u64::MAX), Vec::new());
    loop {
        let page = reader.page_before(before, 11, filter).unwrap();
        found.extend(page.events.iter().map(|(position, _)| position.get()));
        before = page.scanned;
        if !page.more {
            return found;
        }
    }
}

/// What `filter` wants of `all`, by the plain meaning of its words.
fn meant(all: &[(Position, Event)], filter: &Filter) -> Vec<u64> {
    let wanted = |event: &Event| {
        let by = event.decision().map(|decision| decision.by.to_string()).unwrap_or_default();
        let word = event.decision().map(|decision| decision.verdict.word()).unwrap_or_default();
        (filter.account.as_ref()).is_none_or(|account| {
            event.text().contains(&format!("\"{account}\"")) || event.text().contains(&format!("\\\"{account}\\\""))
        }) && (filter.kinds.is_empty() || filter.kinds.iter().any(|kind| kind.matches(event.kind().name())))
            && filter.app.as_deref().is_none_or(|app| app == &**event.app_key())
            && (filter.verdict.as_deref()).is_none_or(|verdict| {
                verdict == word || verdict == by || verdict.strip_suffix('*').is_some_and(|start| by.starts_with(start))
            })
            && filter.since.is_none_or(|since| event.received() >= since)
            && filter.until.is_none_or(|until| event.received() < until)
    };
    all.iter().filter(|(_, event)| wanted(event)).map(|(position, _)| position.get()).collect()
}

#[tokio::test]
async fn the_index_leaves_out_nothing_in_either_direction() {
    let mut ground = Ground::new();
    ground.tuning.rotate_bytes = 400_000;
    let (directory, from) = (ground.options.path.clone(), ground.now());
    let journal = ground.open();
    fill(&ground, &journal, 5000).await;
    assert!(ground.events_files().len() > 3);
    until(|| covered(&directory) == 4096).await;
    let all = read_all(&journal.reader(), &Filter::default());
    assert_eq!(all.len(), 5000);
    let reader = Reader::open(&directory).unwrap();
    let ask = || {
        for filter in filters(from) {
            let mut meant = meant(&all, &filter);
            assert_eq!(positions(&read_all(&reader, &filter)), meant, "{filter:?}");
            meant.reverse();
            assert_eq!(backwards(&reader, &filter), meant, "{filter:?}, backwards");
        }
        for (position, event) in [&all[0], &all[2500], &all[4999]] {
            assert_eq!(reader.find(event.id()).unwrap().unwrap().0, *position);
        }
        assert!(reader.find(EventId::at(ground.now())).unwrap().is_none());
    };
    ask();
    drop(journal);
    ask();
    // With holes, without a server that could mend it.
    let index = Connection::open(directory.join("index.db")).unwrap();
    assert_eq!(index.execute("DELETE FROM blocks WHERE last IN (1024, 3072)", []).unwrap(), 2);
    assert_eq!(index.execute("DELETE FROM words WHERE last = 2048", []).unwrap(), 1);
    drop(index);
    ask();
    for suffix in ["", "-wal", "-shm"] {
        let _ = fs::remove_file(directory.join(format!("index.db{suffix}")));
    }
    ask();
    fs::write(directory.join("index.db"), "no index at all, but longer than a header would be".repeat(9)).unwrap();
    ask();
    let _journal = ground.open();
    until(|| covered(&directory) == 4096).await;
    ask();
}

#[tokio::test]
async fn what_cannot_be_there_is_not_read() {
    let mut ground = Ground::new();
    ground.tuning.rotate_bytes = 400_000;
    let directory = ground.options.path.clone();
    let journal = ground.open();
    fill(&ground, &journal, 4096).await;
    until(|| covered(&directory) == 4096).await;
    drop(journal);
    // Where nothing else tells it: whoever would read the files finds nothing in them.
    for path in ground.events_files() {
        Connection::open(&path).unwrap().execute("DELETE FROM events", []).unwrap();
    }
    let reader = Reader::open(&directory).unwrap();
    let nobody = Filter { account: Some("nobody-at-all".to_owned()), ..Filter::default() };
    let page = reader.page(Position(0), 10, &nobody).unwrap();
    assert!(page.events.is_empty() && !page.more);
    assert_eq!(page.scanned, Position(4096), "it was not the index that said so");
}

#[tokio::test]
async fn what_goes_by_retention_goes_from_the_index_too() {
    let mut ground = Ground::new();
    ground.tuning.rotate_bytes = 400_000;
    let directory = ground.options.path.clone();
    let journal = ground.open();
    journal.lanes().attended_by([]);
    fill(&ground, &journal, 5000).await;
    until(|| covered(&directory) == 4096).await;
    journal.retain(offhook::journal::Retention { keep: Some(std::time::Duration::from_secs(3600)), max_size: None });
    let blocks = || {
        let count = |index: Connection| index.query_row("SELECT count(*) FROM blocks", [], |row| row.get(0)).ok();
        index(&directory).and_then(count).unwrap_or(0_i64)
    };
    until(|| blocks() <= 1).await;
    assert!(journal.reader().first().unwrap() > Position(3072));
}
