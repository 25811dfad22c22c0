//! Keys that came to rest, packed: some five bytes each instead of thirty-five.
//!
//! A run never changes. It keeps a part of each key only, so that it may take a stranger for one of its own: see [`Run::get`].

use std::ops::Range;

/// Keys of a few shards with the number of each one's decision. Exactly as large as it has to be.
///
/// The keys are cut into groups by their bytes 8 to 11; of each key its first bytes are kept, in its group's place.
#[derive(Debug)]
pub(super) struct Run {
    shards: Range<u8>,
    /// How many bytes of a key are kept.
    kept: u8,
    /// How many bytes the number of a decision takes: none where all have the same.
    numbered: u8,
    number: u32,
    /// Where each group begins, and where the last one ends.
    starts: Box<[u32]>,
    entries: Box<[u8]>,
}

/// So many bytes of a key are kept where a key is looked for in a run seldom, since its request has to be late.
pub(super) const KEPT: u8 = 5;
/// The same where every request is looked for in a run.
pub(super) const KEPT_LONG: u8 = 8;
/// Entries in a group, on average.
const GROUP: usize = 32;

impl Run {
    /// Packs `entries`, keys of `shards` with their decisions' numbers. `kept` is at most 8.
    pub(super) fn new<'a>(
        shards: Range<u8>,
        kept: u8,
        entries: impl Iterator<Item = (&'a [u8; 16], &'a u32)> + Clone,
    ) -> Self {
        let (mut count, mut least, mut most) = (0_usize, u32::MAX, 0);
        for (_, &number) in entries.clone() {
            (count, least, most) = (count + 1, least.min(number), most.max(number));
        }
        let numbered: u8 = match most {
            _ if least >= most => 0,
            0..=0xff => 1,
            0x100..=0xffff => 2,
            _ => 4,
        };
        let groups = count.div_ceil(GROUP).max(1);
        // First how many each group has, then where it ends; what is put in moves that down to where it begins.
        let mut starts = vec![0_u32; groups + 1].into_boxed_slice();
        for (key, _) in entries.clone() {
            starts[group(key, groups)] += 1;
        }
        let mut end = 0;
        for start in &mut starts {
            end += *start;
            *start = end;
        }
        let each = usize::from(kept + numbered);
        let mut packed = vec![0; count * each].into_boxed_slice();
        for (key, number) in entries {
            let start = &mut starts[group(key, groups)];
            *start -= 1;
            let (part, told) = packed[*start as usize * each..][..each].split_at_mut(usize::from(kept));
            part.copy_from_slice(&key[..usize::from(kept)]);
            told.copy_from_slice(&number.to_le_bytes()[..usize::from(numbered)]);
        }
        Self { shards, kept, numbered, number: most, starts, entries: packed }
    }

    /// The number of the decision about `key`, which belongs to `shard`.
    ///
    /// The chance that a key which was never put in is found is 32 by 2 to the power of 8 × `kept`: with 5 bytes 3 by 100
    /// thousand millions (3e-11), with 8 bytes 2 by a million million millions (2e-18). Each run that is asked adds it.
    pub(super) fn get(&self, shard: u8, key: &[u8; 16]) -> Option<u32> {
        if !self.shards.contains(&shard) {
            return None;
        }
        let group = group(key, self.starts.len() - 1);
        let each = usize::from(self.kept + self.numbered);
        let place = self.starts[group] as usize * each..self.starts[group + 1] as usize * each;
        let part = &key[..usize::from(self.kept)];
        let found = self.entries[place].chunks_exact(each).find_map(|entry| entry.strip_prefix(part))?;
        if found.is_empty() {
            return Some(self.number);
        }
        let mut number = [0; 4];
        number[..found.len()].copy_from_slice(found);
        Some(u32::from_le_bytes(number))
    }
}

/// Bytes of the key that choose neither its shard nor its place in a map, and are not kept either.
fn group(key: &[u8; 16], groups: usize) -> usize {
    let chosen = u32::from_le_bytes([key[8], key[9], key[10], key[11]]);
    ((u64::from(chosen) * groups as u64) >> 32) as usize
}

#[cfg(test)]
mod tests {
    use super::*;
    use sha1::{Digest, Sha1};

    fn keys(range: Range<u32>) -> Vec<[u8; 16]> {
        let key = |number: u32| *Sha1::digest(number.to_le_bytes()).first_chunk().unwrap();
        range.map(key).collect()
    }

    fn packed(keys: &[[u8; 16]], kept: u8, number: impl Fn(usize) -> u32) -> Run {
        let numbers: Vec<u32> = (0..keys.len()).map(number).collect();
        Run::new(0..64, kept, keys.iter().zip(&numbers))
    }

    fn bytes(run: &Run) -> usize {
        size_of::<Run>() + size_of_val(&*run.starts) + run.entries.len()
    }

    #[test]
    fn all_that_was_packed_is_found_with_its_number_and_strangers_are_not() {
        let (known, strangers) = (keys(0..4000), keys(4000..104_000));
        for (kept, numbers) in [(KEPT, 1), (KEPT, 200), (KEPT_LONG, 1), (KEPT_LONG, 300), (KEPT, 70_000)] {
            let number = |at: usize| u32::try_from(at * 20).unwrap() % numbers + 7;
            let run = packed(&known, kept, number);
            for (at, key) in known.iter().enumerate() {
                assert_eq!(run.get(9, key), Some(number(at)), "{kept} bytes, {numbers} numbers");
            }
            assert_eq!(strangers.iter().filter(|key| run.get(9, key).is_some()).count(), 0);
        }
    }

    #[test]
    fn a_run_answers_for_its_own_shards_only() {
        let known = keys(0..10);
        let run = Run::new(3..5, KEPT, known.iter().zip([&1; 10]));
        let found: Vec<u8> = (0..64).filter(|&shard| run.get(shard, &known[2]).is_some()).collect();
        assert_eq!(found, [3, 4]);
    }

    #[test]
    fn an_entry_takes_a_little_more_than_what_is_kept_of_its_key() {
        for (count, kept, numbers, most) in [
            (4096, KEPT, 1, 5.2),
            (700, KEPT, 1, 5.25),
            (64, KEPT, 1, 6.2),
            (4096, KEPT, 2, 6.2),
            (4096, KEPT_LONG, 1, 8.2),
        ] {
            let run = packed(&keys(0..count), kept, |at| u32::try_from(at).unwrap() % numbers);
            let each = bytes(&run) as f64 / f64::from(count);
            assert!(each <= most, "{count} entries: {each} bytes each");
        }
    }

    #[test]
    fn a_run_of_nothing_and_a_run_of_one() {
        let known = keys(0..2);
        assert_eq!(packed(&[], KEPT, |_| 0).get(0, &known[0]), None);
        let one = packed(&known[..1], KEPT, |_| 9);
        assert_eq!((one.get(0, &known[0]), one.get(0, &known[1])), (Some(9), None));
    }
}
