//! The outermost object of a text: its keys, and its values as they were sent.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use serde::de::{self, Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::value::Bytes;

type Pairs<'a> = Vec<(Cow<'a, str>, &'a RawValue)>;

/// Reads the object that is all of `text`.
pub(super) fn read(text: &str) -> serde_json::Result<Pairs<'_>> {
    // Half a surrogate pair in a key is rare: what can be read without minding it is. Reading a key as bytes lets bare
    // control characters pass, so that the text must be JSON without them.
    read_with::<Key<'_>>(text).or_else(|error| {
        let is_json = text.contains("\\u") && serde_json::from_str::<&RawValue>(text).is_ok();
        if is_json { read_with::<AnyKey>(text) } else { Err(error) }
    })
}

fn read_with<'a, K: Deserialize<'a> + Into<Cow<'a, str>>>(text: &'a str) -> serde_json::Result<Pairs<'a>> {
    struct Object<K>(PhantomData<K>);

    impl<'de, K: Deserialize<'de> + Into<Cow<'de, str>>> Visitor<'de> for Object<K> {
        type Value = Pairs<'de>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an object")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            let mut pairs = Vec::with_capacity(16);
            while let Some((key, value)) = map.next_entry::<K, _>()? {
                pairs.push((key.into(), value));
            }
            Ok(pairs)
        }
    }

    let mut deserializer = serde_json::Deserializer::from_str(text);
    let pairs = deserializer.deserialize_map(Object(PhantomData::<K>))?;
    deserializer.end()?;
    Ok(pairs)
}

/// An object's key, borrowed where it holds no escape.
struct Key<'a>(Cow<'a, str>);

impl<'a> From<Key<'a>> for Cow<'a, str> {
    fn from(Key(key): Key<'a>) -> Self {
        key
    }
}

impl<'de> Deserialize<'de> for Key<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;

        impl<'de> Visitor<'de> for Text {
            type Value = Key<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a key")
            }

            fn visit_borrowed_str<E: de::Error>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(Key(Cow::Borrowed(text)))
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Self::Value, E> {
                Ok(Key(Cow::Owned(text.to_owned())))
            }
        }

        deserializer.deserialize_str(Text)
    }
}

/// A key that may hold half a surrogate pair, which becomes U+FFFD.
struct AnyKey(String);

impl From<AnyKey> for Cow<'_, str> {
    fn from(AnyKey(key): AnyKey) -> Self {
        Cow::Owned(key)
    }
}

impl<'de> Deserialize<'de> for AnyKey {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Bytes::deserialize(deserializer)?.into_text();
        text.map(Self).ok_or_else(|| de::Error::custom("a key that is no text"))
    }
}
