//! The words that a filter may ask for, as a set that takes little room: what is not in it is certainly not there.
//!
//! Of a thousand events it takes some ten kilobytes, and about one in a hundred that are not there seems to be.

use std::collections::HashSet;

use foldhash::fast::RandomState;
use rusqlite::Row;
use sha1::{Digest, Sha1};

use super::sealing::{self, Keys};
use super::{Filter, record};
use crate::event::EventId;

/// The columns whose words are asked for, as [`Words::of`] reads them.
pub(super) const COLUMNS: &str = "position, id, received, kind, app, subject, body, verdict, decided_by, sealed";

/// What a word is one of: an account and a kind of the same name are two words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Sort {
    Account = 0,
    Id = 1,
    Kind = 2,
    App = 3,
    Verdict = 4,
}

const SORTS: [Sort; 5] = [Sort::Account, Sort::Id, Sort::Kind, Sort::App, Sort::Verdict];

/// A word as it stands in a set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Hash(u64, u64);

/// Words of some events, by what they are.
#[derive(Debug, Default)]
pub(super) struct Words([HashSet<Vec<u8>, RandomState>; SORTS.len()]);

impl Words {
    /// Adds those of the event in a row of [`COLUMNS`]; what is encrypted of it is read with `keys`.
    ///
    /// Every event that is kept comes by here, so nothing is made of the row that is not needed.
    pub(super) fn of(&mut self, row: &Row<'_>, keys: Option<&Keys>) -> rusqlite::Result<()> {
        let bytes = |column| row.get_ref(column).map(|value| value.as_bytes_or_null().ok().flatten());
        let id = EventId::from_bytes(row.get(1)?);
        self.add(Sort::Id, id.as_bytes());
        let kind = row.get_ref(3)?.as_str()?;
        self.add(Sort::Kind, kind.as_bytes());
        for (end, _) in kind.match_indices('.') {
            self.add(Sort::Kind, &kind.as_bytes()[..=end]);
        }
        self.add(Sort::App, row.get_ref(4)?.as_bytes()?);
        if let Some(verdict) = bytes(7)? {
            self.add(Sort::Verdict, verdict);
            self.add(Sort::Verdict, bytes(8)?.unwrap_or(b"default"));
        }
        match bytes(9)? {
            None => self.of_content(bytes(5)?, bytes(6)?.unwrap_or_default()),
            Some(sealed) => {
                let opened = sealing::open(keys, id, sealed).map_err(record::unreadable)?;
                self.of_content(opened.subject.as_deref().map(str::as_bytes), opened.body.as_bytes());
            }
        }
        Ok(())
    }

    fn of_content(&mut self, subject: Option<&[u8]>, body: &[u8]) {
        subject.into_iter().chain(between_quotes(body)).for_each(|word| self.add(Sort::Account, word));
    }

    fn add(&mut self, sort: Sort, word: &[u8]) {
        let known = &mut self.0[sort as usize];
        // Nearly every word was met before; only a new one is copied.
        if word.len() <= LONGEST && !known.contains(word) {
            known.insert(word.to_vec());
        }
    }

    /// The set; whoever does not know `key` cannot ask it.
    pub(super) fn set(&self, key: &[u8]) -> Vec<u8> {
        let count: usize = self.0.iter().map(HashSet::len).sum();
        let bits = (count * BITS_EACH).max(64).next_multiple_of(8);
        let mut set = vec![0_u8; bits / 8];
        for (sort, words) in SORTS.into_iter().zip(&self.0) {
            for bit in words.iter().flat_map(|word| Hash::of(key, sort, word).bits(bits)) {
                set[bit / 8] |= 1 << (bit % 8);
            }
        }
        set
    }
}

impl Hash {
    fn of(key: &[u8], sort: Sort, word: &[u8]) -> Self {
        let hash = Sha1::new().chain_update(key).chain_update([sort as u8]).chain_update(word).finalize();
        let part = |at: usize| hash[at..].first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes));
        Self(part(0), part(8))
    }

    fn bits(self, of: usize) -> impl Iterator<Item = usize> {
        let of = (of as u64).max(1);
        (0..PROBES).map(move |nth| usize::try_from(self.0.wrapping_add(nth.wrapping_mul(self.1 | 1)) % of).unwrap_or(0))
    }

    /// Whether it may be in `set`.
    pub(super) fn may_be_in(self, set: &[u8]) -> bool {
        self.bits(set.len() * 8).all(|bit| set.get(bit / 8).is_some_and(|byte| byte & (1 << (bit % 8)) != 0))
    }
}

/// What must be in a set for a filter to find anything: of each of these, one word at least.
pub(super) fn needed(filter: &Filter, key: &[u8]) -> Vec<Vec<Hash>> {
    let mut needed = Vec::new();
    if !filter.ids.is_empty() && filter.ids.len() <= MANY {
        needed.push(filter.ids.iter().map(|id| Hash::of(key, Sort::Id, id.as_bytes())).collect());
    }
    if let Some(account) = filter.account.as_deref().filter(|account| is_plain(account)) {
        needed.push(vec![Hash::of(key, Sort::Account, account.as_bytes())]);
    }
    if let Some(app) = filter.app.as_deref().filter(|app| app.len() <= LONGEST) {
        needed.push(vec![Hash::of(key, Sort::App, app.as_bytes())]);
    }
    if let Some(verdict) = filter.verdict.as_deref().filter(|word| !word.ends_with('*') && word.len() <= LONGEST) {
        needed.push(vec![Hash::of(key, Sort::Verdict, verdict.as_bytes())]);
    }
    let kinds = filter.kinds.iter().map(|pattern| {
        // `call.*` means `call.` and what follows; the words of an event hold that part.
        let stem = pattern.as_str().strip_suffix('*').unwrap_or(pattern.as_str());
        let is_known = !stem.is_empty() && stem.len() <= LONGEST && (stem.ends_with('.') || stem == pattern.as_str());
        is_known.then(|| Hash::of(key, Sort::Kind, stem.as_bytes()))
    });
    if let Some(kinds) = kinds.collect::<Option<Vec<_>>>().filter(|kinds| !kinds.is_empty()) {
        needed.push(kinds);
    }
    needed
}

/// Whether a body that names `account` holds it between two quotes just as it is.
fn is_plain(account: &str) -> bool {
    let is_written_otherwise = |character: char| matches!(character, '"' | '\\') || character.is_control();
    !account.is_empty()
        && account.len() <= LONGEST
        && !account.starts_with([':', ','])
        && !account.contains(is_written_otherwise)
}

/// Everything between two quotes, also of JSON inside JSON texts; what stands between two texts is mostly left out.
fn between_quotes(body: &[u8]) -> impl Iterator<Item = &[u8]> {
    body.split(|byte| *byte == b'"').filter_map(|mut part| {
        while let [before @ .., b'\\'] = part {
            part = before;
        }
        let is_outside = matches!(part, [] | [b':' | b',', ..]);
        (!is_outside && part.len() <= LONGEST).then_some(part)
    })
}

/// Longer texts are no accounts, ids or names.
const LONGEST: usize = 64;
const BITS_EACH: usize = 10;
const PROBES: u64 = 7;
/// With more ids than this nearly every set seems to hold one.
const MANY: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    fn words(body: &[u8]) -> Vec<&str> {
        between_quotes(body).map(|word| std::str::from_utf8(word).unwrap()).collect()
    }

    #[test]
    fn accounts_are_found_in_texts_lists_and_json_inside_texts() {
        let body =
            br#"{"from":"mei","to":["an","bo b"],"ext":"{\"who\":\"li\",\"deep\":\"{\\\"w\\\":\\\"xu\\\"}\"}","n":5}"#;
        for account in ["mei", "an", "bo b", "li", "xu"] {
            assert!(words(body).contains(&account), "{account}: {:?}", words(body));
        }
        assert!(!words(body).contains(&":"));
    }

    #[test]
    fn what_is_in_a_set_is_found_and_hardly_anything_else() {
        let mut words = Words::default();
        (0..5000).for_each(|number: u32| words.add(Sort::Account, number.to_string().as_bytes()));
        let set = words.set(b"key");
        let may = |key: &[u8], sort, number: u32| Hash::of(key, sort, number.to_string().as_bytes()).may_be_in(&set);
        assert!((0..5000).all(|number| may(b"key", Sort::Account, number)));
        let wrongly = (5000..105_000).filter(|number| may(b"key", Sort::Account, *number)).count();
        assert!(wrongly < 3000, "{wrongly} of 100000 seem to be there");
        let others = (0..5000).filter(|number| may(b"other", Sort::Account, *number)).count();
        assert!(others < 300, "another key finds {others} of 5000");
        assert!((0..5000).filter(|number| may(b"key", Sort::App, *number)).count() < 300);
    }

    #[test]
    fn what_may_be_written_otherwise_is_not_asked_for() {
        let account = |account: &str| Filter { account: Some(account.to_owned()), ..Filter::default() };
        assert_eq!(needed(&account("mei"), b"").len(), 1);
        for other in ["", "a\"b", "a\\b", "a\nb", ":a", ",a", &"a".repeat(65)] {
            assert_eq!(needed(&account(other), b"").len(), 0, "{other:?}");
        }
        let kinds = |texts: &[&str]| Filter {
            kinds: texts.iter().map(|text| crate::kind::KindPattern::parse(text).unwrap()).collect(),
            ..Filter::default()
        };
        assert_eq!(needed(&kinds(&["call.*", "room.create"]), b"")[0].len(), 2);
        assert_eq!(needed(&kinds(&["call.*", "*"]), b"").len(), 0);
    }
}
