//! What was answered already of one second of the requests' own time: in hash maps, or in runs.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

use super::RepeatKey;
use super::run::{KEPT, KEPT_LONG, Run};
use crate::verdict::Decision;

/// What is fresh of one shard: by the whole key, the number of the decision.
pub(super) type Fresh = HashMap<[u8; 16], u32, BuildHasherDefault<FirstBytes>>;

/// What may be repeated until about the same moment, and each decision once.
#[derive(Debug)]
pub(super) struct Bucket {
    /// When the last of it can come, in seconds since 1970.
    pub(super) until: u32,
    /// Whether a request without a time of its own is here. Then every request is looked for in the runs, not late ones only.
    is_long: bool,
    /// Whether it is among those awake or resting.
    pub(super) is_watched: bool,
    /// How many are in `fresh`; how many were when it was last looked at; how many are in `runs`.
    pub(super) fresh_count: usize,
    seen: usize,
    pub(super) packed_count: usize,
    /// Cut by a byte of the key, so that a map that grows never keeps a caller waiting for long. None while there is nothing fresh.
    pub(super) fresh: Vec<Fresh>,
    /// The first shard that is still to be packed.
    next: u8,
    pub(super) runs: Vec<Run>,
    pub(super) decisions: Vec<Decision>,
    /// Those after the first few.
    numbers: HashMap<String, u32>,
}

const SHARDS: u8 = 64;
/// The most entries that are packed in one piece, unless a single shard has more: well below a millisecond.
pub(super) const PIECE: usize = 4096;
/// A bucket is at rest when less than an eighth of what is fresh came since the last look; late ones are packed once they
/// are an eighth of what is packed.
const EIGHTH: usize = 8;
/// So many decisions are compared one by one.
const COMPARED: usize = 8;

impl Bucket {
    pub(super) fn new() -> Self {
        Self {
            until: 0,
            is_long: false,
            is_watched: false,
            fresh_count: 0,
            seen: 0,
            packed_count: 0,
            fresh: Vec::new(),
            next: 0,
            runs: Vec::new(),
            decisions: Vec::with_capacity(1),
            numbers: HashMap::new(),
        }
    }

    pub(super) fn get(&self, key: &[u8; 16]) -> Option<&Decision> {
        self.decisions.get(usize::try_from(self.number_of(key)?).ok()?)
    }

    fn number_of(&self, key: &[u8; 16]) -> Option<u32> {
        let shard = shard_of(key);
        let fresh = self.fresh.get(usize::from(shard)).and_then(|fresh| fresh.get(key));
        fresh.copied().or_else(|| self.packed_number(shard, key))
    }

    /// The newest run has the last word.
    fn packed_number(&self, shard: u8, key: &[u8; 16]) -> Option<u32> {
        self.runs.iter().rev().find_map(|run| run.get(shard, key))
    }

    /// Whether anything was to be put in.
    pub(super) fn put(&mut self, key: RepeatKey, decision: &Decision) -> bool {
        self.until = self.until.max(key.valid_until);
        let (number, shard) = (self.number(decision), shard_of(&key.key));
        if self.packed_number(shard, &key.key) == Some(number) {
            return false;
        }
        self.is_long |= key.at == key.valid_until;
        if self.fresh.is_empty() {
            self.fresh = vec![Fresh::default(); usize::from(SHARDS)];
        }
        self.fresh_count += usize::from(self.fresh[usize::from(shard)].insert(key.key, number).is_none());
        true
    }

    /// The number of a decision; nearly always it is one of the first few.
    fn number(&mut self, decision: &Decision) -> u32 {
        if let Some(known) = self.decisions.iter().take(COMPARED).position(|known| known == decision) {
            return u32::try_from(known).unwrap_or(0);
        }
        let next = u32::try_from(self.decisions.len()).unwrap_or(u32::MAX);
        let number = match self.decisions.len() {
            0..COMPARED => next,
            _ => *self.numbers.entry(format!("{decision:?}")).or_insert(next),
        };
        if number == next {
            self.decisions.push(decision.clone());
        }
        number
    }

    /// Whether an eighth of it and more was put in since this was asked last.
    pub(super) fn grows(&mut self) -> bool {
        let grown = self.fresh_count.saturating_sub(std::mem::replace(&mut self.seen, self.fresh_count));
        grown * EIGHTH > self.fresh_count
    }

    /// Whether those that are fresh are not too few, beside what is packed, to be worth a run of their own.
    pub(super) fn is_worth_packing(&self) -> bool {
        self.fresh_count * EIGHTH >= self.packed_count
    }

    /// Packs the next shards, as many as make a piece, and tells how many entries these had.
    pub(super) fn pack(&mut self, emptied: &mut Vec<Fresh>) -> usize {
        let (first, mut count) = (self.next, 0);
        while let Some(fresh) = self.fresh.get(usize::from(self.next)) {
            if count > 0 && count + fresh.len() > PIECE {
                break;
            }
            count += fresh.len();
            self.next += 1;
        }
        if count > 0 {
            let shards = &mut self.fresh[usize::from(first)..usize::from(self.next)];
            let taken: Vec<Fresh> = shards.iter_mut().map(std::mem::take).collect();
            let kept = if self.is_long { KEPT_LONG } else { KEPT };
            self.runs.push(Run::new(first..self.next, kept, taken.iter().flatten()));
            self.fresh_count -= count;
            self.packed_count += count;
            emptied.extend(taken);
        }
        count
    }

    /// Whether the last shard was packed; then this is about what came meanwhile again, if anything did.
    pub(super) fn is_packed(&mut self) -> bool {
        if usize::from(self.next) < self.fresh.len() {
            return false;
        }
        (self.next, self.seen, self.is_watched) = (0, 0, self.fresh_count > 0);
        if self.fresh_count == 0 {
            self.fresh = Vec::new();
        }
        self.runs.shrink_to_fit();
        self.decisions.shrink_to_fit();
        true
    }
}

/// The keys are parts of a hash already.
#[derive(Debug, Default, Clone)]
pub(super) struct FirstBytes(u64);

impl Hasher for FirstBytes {
    fn write(&mut self, bytes: &[u8]) {
        if let Some(first) = bytes.first_chunk() {
            self.0 = u64::from_le_bytes(*first);
        }
    }

    fn write_usize(&mut self, _length: usize) {}

    fn finish(&self) -> u64 {
        self.0
    }
}

fn shard_of(key: &[u8; 16]) -> u8 {
    key[15] % SHARDS
}
