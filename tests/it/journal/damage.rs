//! Damaged pages: what stands on them is lost, and nothing else.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use offhook::event::{Event, EventId};
use offhook::journal::{Filter, Position, Reader};
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use rusqlite::Connection;

use super::cast::{Ground, kept_numbers, read_all, until};
use crate::world::offhook;

/// An events file as it is on the disk, and what stands on which of its leaves.
struct Leaves {
    file: PathBuf,
    page: usize,
    /// Where a page begins, and the events on it.
    leaves: BTreeMap<usize, Vec<(u64, EventId)>>,
}

impl Leaves {
    /// Of a file whose log is folded into it, which holds these events.
    fn of(file: &Path, events: &[(Position, Event)]) -> Self {
        fold(file);
        let bytes = fs::read(file).unwrap();
        let page = usize::from(u16::from_be_bytes([bytes[16], bytes[17]]));
        let mut leaves: BTreeMap<usize, Vec<_>> = BTreeMap::new();
        let mut from = 0;
        for (at, event) in events {
            let id = event.id();
            // Rows of one page stand from its end to its beginning; those of the next one behind it. What was the only
            // leaf at first is above the others now, and still holds copies.
            let holds =
                |at: &usize| bytes[*at] == LEAF && bytes[*at..][..page].windows(16).any(|part| part == id.as_bytes());
            from = (from..bytes.len()).step_by(page).find(holds).unwrap();
            leaves.entry(from).or_default().push((at.get(), id));
        }
        Self { file: file.to_owned(), page, leaves }
    }

    /// Writes over one leaf, in the middle of whatever the file is used for.
    fn destroy(&self, leaf: usize, with: u8) {
        let at = *self.leaves.keys().nth(leaf).unwrap();
        let file = File::options().write(true).open(&self.file).unwrap();
        file.write_all_at(&vec![with; self.page], at as u64).unwrap();
    }

    /// The positions on these leaves, or on all others.
    fn positions(&self, on: impl Fn(usize) -> bool) -> Vec<u64> {
        let leaves = self.leaves.values().enumerate().filter(|(leaf, _)| on(*leaf));
        leaves.flat_map(|(_, events)| events.iter().map(|(at, _)| *at)).collect()
    }
}

/// What a leaf's page begins with.
const LEAF: u8 = 13;

fn fold(file: &Path) {
    let file = Connection::open(file).unwrap();
    let busy: bool = file.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0)).unwrap();
    assert!(!busy);
}

async fn keep(ground: &Ground, count: u64) -> Vec<(Position, Event)> {
    let journal = ground.open();
    for number in 0..count {
        let keeping = journal.append(ground.event(number), None);
        // In batches, so that files follow each other.
        if number % 50 == 49 || number + 1 == count {
            keeping.await.unwrap();
        }
    }
    let events = read_all(&journal.reader(), &Filter::default());
    assert_eq!(events.len() as u64, count);
    events
}

fn forwards(reader: &Reader) -> Vec<u64> {
    read_all(reader, &Filter::default()).iter().map(|(at, _)| at.get()).collect()
}

fn backwards(reader: &Reader) -> Vec<u64> {
    let (mut before, mut found) = (Position(u64::MAX), Vec::new());
    loop {
        let page = reader.page_before(before, 7, &Filter::default()).unwrap();
        found.extend(page.events.iter().map(|(at, _)| at.get()));
        before = page.scanned;
        if !page.more {
            found.reverse();
            return found;
        }
    }
}

#[tokio::test]
async fn every_event_is_read_whose_page_is_whole() {
    let ground = Ground::new();
    let events = keep(&ground, 700).await;
    let file = ground.events_files().remove(0);
    let leaves = Leaves::of(&file, &events);
    let count = leaves.leaves.len();
    assert!(count > 12, "{count} leaves");
    let whole = fs::read(&file).unwrap();
    let check = |destroyed: &[usize], with: u8| {
        fs::write(&file, &whole).unwrap();
        destroyed.iter().for_each(|leaf| leaves.destroy(*leaf, with));
        let left = leaves.positions(|leaf| !destroyed.contains(&leaf));
        let reader = Reader::open(&ground.options.path).unwrap();
        assert!(forwards(&reader) == left, "without {destroyed:?}");
        assert!(backwards(&reader) == left, "without {destroyed:?}, backwards");
        assert_eq!(reader.last().unwrap().get(), left.last().copied().unwrap_or(0));
        for (at, event) in events.iter().step_by(97) {
            let found = reader.find(event.id()).unwrap().map(|(at, _)| at);
            assert_eq!(found, left.contains(&at.get()).then_some(*at), "without {destroyed:?}");
        }
    };
    check(&[0], 0x5a);
    check(&[count / 2], 0);
    check(&[count - 1], 0xff);
    check(&(0..count).collect::<Vec<_>>(), 0x5a);
    check(&(0..count - 1).collect::<Vec<_>>(), 0x5a);
    check(&[count - 6, count - 4, count - 3], 0);
    let some = (proptest::sample::subsequence((0..count).collect::<Vec<_>>(), 0..count), any::<u8>());
    let run = |(destroyed, with): (Vec<usize>, u8)| {
        check(&destroyed, with);
        Ok(())
    };
    TestRunner::new(ProptestConfig::with_cases(24)).run(&some, run).unwrap();
}

#[tokio::test]
async fn a_single_row_is_found_far_inside_what_is_damaged() {
    let ground = Ground::new();
    let journal = ground.open();
    for number in 0..1200 {
        let keeping = journal.append(ground.large_event(number, 5000), None);
        if number % 50 == 49 {
            keeping.await.unwrap();
        }
    }
    let events = read_all(&journal.reader(), &Filter::default());
    drop(journal);
    let file = ground.events_files().remove(0);
    let leaves = Leaves::of(&file, &events);
    assert_eq!(leaves.leaves.len(), 1200, "each row has a page of its own");
    let whole = fs::read(&file).unwrap();
    // As far from the one end as from the other.
    for single in [1101, 98] {
        fs::write(&file, &whole).unwrap();
        (2..1198).filter(|leaf| *leaf != single).for_each(|leaf| leaves.destroy(leaf, 0x5a));
        let left = leaves.positions(|leaf| !(2..1198).contains(&leaf) || leaf == single);
        let reader = Reader::open(&ground.options.path).unwrap();
        assert_eq!((forwards(&reader), backwards(&reader)), (left.clone(), left));
    }
}

#[tokio::test]
async fn files_before_and_behind_a_damaged_one_are_read_on() {
    let mut ground = Ground::new();
    ground.tuning.rotate_bytes = 40_000;
    let events = keep(&ground, 600).await;
    let files = ground.events_files();
    assert!(files.len() > 2);
    let first = |file: &Path| -> u64 {
        let name = file.file_stem().unwrap().to_str().unwrap();
        name.strip_prefix("events-").unwrap().parse().unwrap()
    };
    let (begin, end) = (first(&files[1]), first(&files[2]));
    let inside = |at: u64| (begin..end).contains(&at);
    let within: Vec<_> = events.iter().filter(|(at, _)| inside(at.get())).cloned().collect();
    let leaves = Leaves::of(&files[1], &within);
    let last = leaves.leaves.len() - 1;
    leaves.destroy(0, 0x5a);
    leaves.destroy(last, 0x5a);
    let lost = leaves.positions(|leaf| leaf == 0 || leaf == last);
    let left: Vec<_> = events.iter().map(|(at, _)| at.get()).filter(|at| !lost.contains(at)).collect();
    let reader = Reader::open(&ground.options.path).unwrap();
    assert_eq!((forwards(&reader), backwards(&reader)), (left.clone(), left.clone()));
    // A page that begins in the hole.
    let page = reader.page(Position(lost[1]), 1, &Filter::default()).unwrap();
    assert!(left.contains(&page.events[0].0.get()) && page.events[0].0.get() > lost[1]);

    // Nothing can be read of it at all.
    let file = File::options().write(true).open(&files[1]).unwrap();
    file.write_all_at(&vec![0x5a; leaves.page], 0).unwrap();
    let left: Vec<_> = events.iter().map(|(at, _)| at.get()).filter(|at| !inside(*at)).collect();
    let reader = Reader::open(&ground.options.path).unwrap();
    assert_eq!((forwards(&reader), backwards(&reader)), (left.clone(), left));
}

#[tokio::test]
async fn damage_while_a_file_is_written_costs_what_stands_on_it() {
    let ground = Ground::new();
    let journal = ground.open();
    for number in 0..300 {
        journal.append(ground.event(number), None).await.unwrap();
    }
    let events = read_all(&journal.reader(), &Filter::default());
    let leaves = Leaves::of(&ground.events_files()[0], &events);
    leaves.destroy(2, 0x5a);
    for number in 300..400 {
        journal.append(ground.event(number), None).await.unwrap();
    }
    let mut left = leaves.positions(|leaf| leaf != 2);
    left.extend(301..=400);
    assert_eq!(forwards(&journal.reader()), left);
    assert_eq!(ground.events_files().len(), 1);
}

#[tokio::test]
async fn a_row_that_holds_nonsense_costs_itself_alone() {
    let ground = Ground::new();
    keep(&ground, 50).await;
    let file = Connection::open(&ground.events_files()[0]).unwrap();
    for nonsense in ["kind = CAST(x'ff' AS TEXT)", "headers = CAST(x'c3' AS TEXT)", "id = x'00'", "code = 70000"] {
        let done = file.execute(&format!("UPDATE events SET {nonsense} WHERE position = 17"), []).unwrap();
        assert_eq!(done, 1);
        let kept = kept_numbers(&Reader::open(&ground.options.path).unwrap());
        assert_eq!(kept, (0..16).chain(17..50).collect::<Vec<_>>(), "{nonsense}");
    }
}

#[tokio::test]
async fn a_damaged_file_is_told_of_once() {
    let ground = Ground::new();
    let events = keep(&ground, 400).await;
    let leaves = Leaves::of(&ground.events_files()[0], &events);
    for leaf in [1, 4, 6] {
        leaves.destroy(leaf, 0x5a);
    }
    let said = offhook(&["events", "export", "--json", "--journal", ground.options.path.to_str().unwrap()]);
    assert_eq!(said.err.matches("is damaged").count(), 1, "{}", said.err);
    let lines = said.ends_with(0).lines().count();
    assert_eq!(lines, leaves.positions(|leaf| ![1, 4, 6].contains(&leaf)).len());
}

#[tokio::test]
async fn an_erasure_is_not_over_while_there_is_a_damaged_file() {
    let mut ground = Ground::new();
    ground.tuning.rotate_bytes = 40_000;
    let events = keep(&ground, 600).await;
    let files = ground.events_files();
    let end = read_all(&Reader::open(&ground.options.path).unwrap(), &Filter::default()).len();
    let begin: u64 = files[1].file_stem().unwrap().to_str().unwrap().trim_start_matches("events-").parse().unwrap();
    let within: Vec<_> = events.into_iter().take_while(|(at, _)| at.get() < begin).collect();
    let leaves = Leaves::of(&files[0], &within);
    leaves.destroy(1, 0x5a);
    let lost = leaves.positions(|leaf| leaf == 1).len();

    let journal = ground.open();
    let number = journal.lanes().ask_erasure("somebody", None, ground.now()).unwrap();
    let erasure = || journal.reader().erasure(number).unwrap().unwrap();
    until(|| erasure().events == (end - lost) as u64).await;
    assert!(read_all(&journal.reader(), &Filter::default()).iter().all(|(_, event)| event.is_erased()));
    assert_eq!(erasure().ended_at, None);
    fs::remove_file(&files[0]).unwrap();
    until(|| erasure().ended_at.is_some()).await;
}
