//! Encryption at rest: who acted, the headers and the body of each event, and what its verdict puts into a message or into
//! `callbackExt`, with a key that is kept elsewhere.
//!
//! XChaCha20-Poly1305, with a random nonce for each record and its event's id as associated data, so that no record can be
//! put in another's place. What is told by the rest of a row (when, which kind and app, which verdict) is not encrypted. What
//! is noted about an event beside it, and whom replays and erasures are about, is encrypted the same way.

use std::fmt;
use std::sync::Arc;

use base64::Engine;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use chacha20poly1305::aead::{Aead, Generate, Payload};
use chacha20poly1305::{KeyInit, XChaCha20Poly1305, XNonce};
use serde::{Deserialize, Serialize};
use sha1::{Digest, Sha1};

use crate::event::EventId;

/// The keys of a journal: the first one encrypts, each of them decrypts.
///
/// ```
/// use offhook::journal::{Key, Keys, Options};
///
/// // The newer key encrypts, both decrypt.
/// let newer = Key::parse("a25vY2sga25vY2ssIHdobyBpcyB0aGVyZSB0b2RheT8=")?;
/// let older = Key::parse("000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f")?;
/// let options = Options { keys: Keys::of(vec![newer, older]), ..Options::at("data") };
/// assert_eq!(options.keys.map(|keys| keys.count()), Some(2));
/// # Ok::<(), offhook::journal::NoKey>(())
/// ```
#[derive(Clone)]
pub struct Keys(Arc<Vec<Key>>);

/// One key.
///
/// Example: [`Keys`].
pub struct Key {
    id: u32,
    cipher: XChaCha20Poly1305,
    /// For the words of the index.
    words: Vec<u8>,
}

/// What a text was that is no key; never the text.
///
/// ```
/// use offhook::journal::{Key, NoKey};
///
/// assert!(matches!(Key::parse("a passphrase"), Err(NoKey)));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a key is 32 random bytes in base64 or hexadecimal, as `openssl rand -base64 32` makes them")]
pub struct NoKey;

/// Why a record could not be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Unreadable {
    #[error(
        "{of} is encrypted with the key {key:08x}, which is not configured: add it to `journal.encryption_key`, where several may stand, and name the configuration with --config"
    )]
    UnknownKey { of: Owner, key: u32 },
    #[error("what is encrypted of {of} was changed since it was written, or is damaged")]
    Changed { of: Owner },
}

/// What something encrypted belongs to; it can be read as nothing else's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Owner {
    /// One event: its record, or a note about it.
    Event(EventId),
    /// A replay or an erasure: the account that it is about.
    Order,
}

/// What is encrypted of a record.
#[derive(Serialize, Deserialize)]
pub(super) struct Sealed<'a> {
    #[serde(rename = "s", skip_serializing_if = "Option::is_none")]
    pub subject: Option<std::borrow::Cow<'a, str>>,
    #[serde(rename = "h")]
    pub headers: std::borrow::Cow<'a, str>,
    #[serde(rename = "b")]
    pub body: std::borrow::Cow<'a, str>,
}

impl Keys {
    /// These keys; `None` where there are none.
    pub fn of(keys: Vec<Key>) -> Option<Self> {
        (!keys.is_empty()).then(|| Self(Arc::new(keys)))
    }

    /// How many.
    pub fn count(&self) -> usize {
        self.0.len()
    }

    /// Encrypts a record of the event `id` with the first key.
    pub(super) fn seal(&self, id: EventId, record: &Sealed<'_>) -> Vec<u8> {
        serde_json::to_vec(record).map(|text| self.encrypt(Owner::Event(id), &text)).unwrap_or_default()
    }

    fn encrypt(&self, of: Owner, text: &[u8]) -> Vec<u8> {
        let Some(key) = self.0.first() else { return Vec::new() };
        let nonce = XNonce::generate();
        // It only fails over 256 GiB.
        let text = key.cipher.encrypt(&nonce, Payload { msg: text, aad: of.bytes() }).unwrap_or_default();
        let mut sealed = Vec::with_capacity(HEAD + text.len());
        sealed.push(VERSION);
        sealed.extend_from_slice(&key.id.to_be_bytes());
        sealed.extend_from_slice(&nonce);
        sealed.extend_from_slice(&text);
        sealed
    }

    /// What the index's words are hidden with, and the key's number, for each key; the first one hides.
    pub(super) fn for_words(&self) -> Vec<(u32, Vec<u8>)> {
        self.0.iter().map(|key| (key.id, key.words.clone())).collect()
    }
}

/// Decrypts what is encrypted of a record of the event `id`.
pub(super) fn open(keys: Option<&Keys>, id: EventId, sealed: &[u8]) -> Result<Sealed<'static>, Unreadable> {
    let of = Owner::Event(id);
    serde_json::from_slice(&decrypt(keys, of, sealed)?).map_err(|_| Unreadable::Changed { of })
}

fn decrypt(keys: Option<&Keys>, of: Owner, sealed: &[u8]) -> Result<Vec<u8>, Unreadable> {
    let changed = Unreadable::Changed { of };
    let number = key_of(sealed).ok_or(changed)?;
    let (nonce, text) = sealed.get(5..HEAD).zip(sealed.get(HEAD..)).ok_or(changed)?;
    let key = keys.and_then(|keys| keys.0.iter().find(|key| key.id == number));
    let key = key.ok_or(Unreadable::UnknownKey { of, key: number })?;
    let nonce = XNonce::try_from(nonce).map_err(|_| changed)?;
    key.cipher.decrypt(&nonce, Payload { msg: text, aad: of.bytes() }).map_err(|_| changed)
}

/// A note about the event `id` as it is stored: encrypted where there are keys, since it may say what the event said.
pub(super) fn sealed_note(keys: Option<&Keys>, id: EventId, note: &str) -> String {
    sealed_text(keys, Owner::Event(id), note)
}

/// The note again. One that cannot be decrypted says so: it must not keep anybody from seeing the rest.
pub(super) fn opened_note(keys: Option<&Keys>, id: EventId, stored: String) -> String {
    opened_text(keys, Owner::Event(id), stored).unwrap_or_else(|why| why.to_string())
}

/// The account that a replay or an erasure is about as it is stored: encrypted where there are keys.
pub(super) fn sealed_account(keys: Option<&Keys>, account: &str) -> String {
    sealed_text(keys, Owner::Order, account)
}

/// The account again. Without it nothing can be done: nobody else must be taken for the one that was meant.
pub(super) fn opened_account(keys: Option<&Keys>, stored: String) -> Result<String, Unreadable> {
    opened_text(keys, Owner::Order, stored)
}

/// What a verdict on the event `id` puts into a message or into `callbackExt`, as it is stored.
pub(super) fn sealed_answer(keys: &Keys, id: EventId, text: &str) -> String {
    sealed_text(Some(keys), Owner::Event(id), text)
}

/// The same again.
pub(super) fn opened_answer(keys: Option<&Keys>, id: EventId, stored: &str) -> Result<String, Unreadable> {
    opened_text(keys, Owner::Event(id), stored.to_owned())
}

fn sealed_text(keys: Option<&Keys>, of: Owner, text: &str) -> String {
    match keys.filter(|_| !text.is_empty()) {
        Some(keys) => format!("{SEALED}{}", BASE64_STANDARD.encode(keys.encrypt(of, text.as_bytes()))),
        None => text.to_owned(),
    }
}

/// One that was written before there was a key is plain.
fn opened_text(keys: Option<&Keys>, of: Owner, stored: String) -> Result<String, Unreadable> {
    let Some(sealed) = stored.strip_prefix(SEALED).and_then(|text| BASE64_STANDARD.decode(text).ok()) else {
        return Ok(stored);
    };
    Ok(String::from_utf8_lossy(&decrypt(keys, of, &sealed)?).into_owned())
}

/// The number of the key that something was encrypted with.
fn key_of(sealed: &[u8]) -> Option<u32> {
    let number = sealed.get(1..5).filter(|_| sealed.first() == Some(&VERSION))?;
    Some(u32::from_be_bytes(*number.first_chunk()?))
}

impl Key {
    /// The key written as `text`.
    ///
    /// # Errors
    /// [`NoKey`].
    pub fn parse(text: &str) -> Result<Self, NoKey> {
        let text = text.trim();
        let hexadecimal = || (0..64).step_by(2).map(|at| u8::from_str_radix(text.get(at..at + 2)?, 16).ok()).collect();
        let bytes: Option<Vec<u8>> = if text.len() == 64 {
            hexadecimal()
        } else {
            let url_safe = || BASE64_URL_SAFE_NO_PAD.decode(text.trim_end_matches('='));
            BASE64_STANDARD.decode(text).or_else(|_| url_safe()).ok()
        };
        let bytes: [u8; 32] = bytes.and_then(|bytes| bytes.try_into().ok()).ok_or(NoKey)?;
        let derived = |what: &str| Sha1::new().chain_update(what).chain_update(bytes).finalize();
        let id = derived("offhook: number of a key").first_chunk().map_or(0, |bytes| u32::from_be_bytes(*bytes));
        let words = derived("offhook: words of the index").to_vec();
        // 0 stands for no key.
        Ok(Self { id: id.max(1), cipher: XChaCha20Poly1305::new(&bytes.into()), words })
    }
}

impl Owner {
    fn bytes(&self) -> &[u8; 16] {
        match self {
            Self::Event(id) => id.as_bytes(),
            Self::Order => ORDER,
        }
    }
}

impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Event(id) => write!(f, "event {id}"),
            Self::Order => f.write_str("the account that a replay or an erasure is about"),
        }
    }
}

impl PartialEq for Keys {
    fn eq(&self, other: &Self) -> bool {
        self.0.iter().map(|key| key.id).eq(other.0.iter().map(|key| key.id))
    }
}

impl Eq for Keys {}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.iter()).finish()
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08x}", self.id)
    }
}

const VERSION: u8 = 1;
/// What an encrypted text begins with. No other does: it is not printable.
const SEALED: &str = "\u{1}sealed:";
/// No event's id: those are of version 7.
const ORDER: &[u8; 16] = b"offhook: account";
/// The version, the key's number and the nonce.
const HEAD: usize = 1 + 4 + 24;

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::Timestamp;

    fn keys(texts: &[&str]) -> Option<Keys> {
        Keys::of(texts.iter().map(|text| Key::parse(text).unwrap()).collect())
    }

    #[test]
    fn only_the_right_key_opens_what_was_sealed_and_only_in_its_place() {
        let (one, two) = ("00".repeat(32), "MTIzNDU2Nzg5MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTI=");
        let (id, other) = (EventId::at(Timestamp::UNIX_EPOCH), EventId::first_at(Timestamp::UNIX_EPOCH));
        let record = Sealed { subject: Some("mei".into()), headers: "A: b\n".into(), body: "{\"n\":1}".into() };
        let first = keys(&[&one]).unwrap();
        let sealed = first.seal(id, &record);
        assert!(!sealed.windows(3).any(|part| part == b"mei"));
        assert_ne!(sealed, first.seal(id, &record), "a nonce was used twice");
        let both = keys(&[two, &one]);
        let opened = open(both.as_ref(), id, &sealed).unwrap();
        assert_eq!((opened.subject.as_deref(), &*opened.headers, &*opened.body), (Some("mei"), "A: b\n", "{\"n\":1}"));
        let unknown =
            |keys: Option<Keys>| matches!(open(keys.as_ref(), id, &sealed), Err(Unreadable::UnknownKey { .. }));
        assert!(unknown(keys(&[two])) && unknown(None));
        assert!(matches!(open(both.as_ref(), other, &sealed), Err(Unreadable::Changed { .. })));
        for at in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[at] ^= 1;
            assert!(open(both.as_ref(), id, &changed).is_err(), "byte {at}");
        }
    }

    #[test]
    fn a_note_is_read_with_its_key_only() {
        let id = EventId::at(Timestamp::UNIX_EPOCH);
        let key = keys(&[&"01".repeat(32)]);
        let stored = sealed_note(key.as_ref(), id, "mei is busy");
        assert!(!stored.contains("mei"));
        assert_eq!(opened_note(key.as_ref(), id, stored.clone()), "mei is busy");
        assert!(opened_note(None, id, stored).contains("journal.encryption_key"));
        for plain in ["", "said before there was a key", "\u{1}sealed:?"] {
            assert_eq!(opened_note(key.as_ref(), id, plain.to_owned()), plain);
        }
        assert_eq!(sealed_note(None, id, "plain"), "plain");
        assert_eq!(sealed_note(key.as_ref(), id, ""), "");
    }

    #[test]
    fn whom_an_order_is_about_is_read_with_its_key_only_and_is_no_note() {
        let (id, key) = (EventId::at(Timestamp::UNIX_EPOCH), keys(&[&"01".repeat(32)]));
        let stored = sealed_account(key.as_ref(), "mei");
        assert!(!stored.contains("mei"));
        assert_eq!(opened_account(key.as_ref(), stored.clone()), Ok("mei".to_owned()));
        assert_eq!(opened_account(key.as_ref(), "of before".to_owned()), Ok("of before".to_owned()));
        let unread = opened_account(None, stored.clone()).unwrap_err();
        assert!(matches!(unread, Unreadable::UnknownKey { of: Owner::Order, .. }), "{unread}");
        assert!(opened_note(key.as_ref(), id, stored).contains("was changed"));
    }

    #[test]
    fn a_key_is_32_bytes() {
        for text in ["", "short", &"0".repeat(63), &"zz".repeat(32), "MTIz"] {
            assert!(Key::parse(text).is_err(), "{text}");
        }
        let written = ["/".repeat(42) + "8=", "_".repeat(42) + "8", "/".repeat(42) + "8=\n"];
        assert!(written.iter().all(|text| Key::parse(text).is_ok()));
    }
}
