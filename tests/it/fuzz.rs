//! What the fuzzers check, here on any toolchain: the same seeds, and some thousands of inputs made of them.

use offhook::yunxin::SAMPLES;
use proptest::prelude::*;

#[path = "../../fuzz/checks.rs"]
mod checks;

type Check = (&'static str, fn(&[u8]));

/// A check for each fuzz target.
const CHECKS: [Check; 4] = [
    ("request", checks::request),
    ("decode", checks::decode),
    ("nested", checks::nested),
    ("digests", checks::digests),
];

/// The golden samples, and what is in fuzz/seeds.
fn seeds() -> Vec<Vec<u8>> {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/seeds");
    let files = std::fs::read_dir(folder).expect("the seeds").map(|entry| entry.expect("a seed").path());
    let written: Vec<_> = files.map(|path| std::fs::read(path).expect("a seed")).collect();
    assert!(written.len() >= 4, "the seeds are gone");
    SAMPLES.iter().map(|(_, body)| body.as_bytes().to_vec()).chain(written).collect()
}

#[test]
fn every_fuzz_target_has_its_check_here() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/fuzz_targets");
    let files = std::fs::read_dir(folder).expect("the targets").map(|entry| entry.expect("a target").file_name());
    let mut targets: Vec<_> = files.map(|name| name.to_string_lossy().replace(".rs", "")).collect();
    targets.sort();
    let mut checks: Vec<_> = CHECKS.iter().map(|(name, _)| (*name).to_owned()).collect();
    checks.sort();
    assert_eq!(targets, checks);
}

#[test]
fn every_seed_passes_every_check() {
    for seed in seeds() {
        CHECKS.iter().for_each(|(_, check)| check(&seed));
    }
}

/// One edit of a seed, as a fuzzer makes them.
#[derive(Debug, Clone)]
enum Edit {
    Flip(u8),
    Cut(usize),
    Insert(&'static [u8]),
    Repeat(usize),
}

fn edit() -> impl Strategy<Value = Edit> {
    let pieces: &[&[u8]] =
        &[b"\"", b"{", b"[", b"\\u", b"\\ud800", b"\0", b"\xff", b"1e999", b"null", b",", b"\r\n", b": "];
    prop_oneof![
        (1..=255_u8).prop_map(Edit::Flip),
        (1..40_usize).prop_map(Edit::Cut),
        prop::sample::select(pieces).prop_map(Edit::Insert),
        (1..40_usize).prop_map(Edit::Repeat),
    ]
}

fn edited(mut seed: Vec<u8>, edits: &[(prop::sample::Index, Edit)]) -> Vec<u8> {
    for (at, edit) in edits {
        let at = at.index(seed.len() + 1);
        let upto = |count: usize| (at + count).min(seed.len());
        match edit {
            Edit::Flip(by) => seed.iter_mut().skip(at).take(1).for_each(|byte| *byte ^= by),
            Edit::Cut(count) => drop(seed.drain(at..upto(*count))),
            Edit::Insert(piece) => drop(seed.splice(at..at, piece.iter().copied())),
            Edit::Repeat(count) => {
                let again = seed[at..upto(*count)].to_vec();
                drop(seed.splice(at..at, again));
            }
        }
    }
    seed
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn edited_seeds_pass_every_check(
        seed in prop::sample::select(seeds()),
        edits in prop::collection::vec((any::<prop::sample::Index>(), edit()), 1..6),
    ) {
        let input = edited(seed, &edits);
        CHECKS.iter().for_each(|(_, check)| check(&input));
    }

    #[test]
    fn any_bytes_pass_every_check(input: Vec<u8>) {
        CHECKS.iter().for_each(|(_, check)| check(&input));
    }
}
