//! A room, and the two ways in which Tencent's interfaces write down whether it is a number or a text.
//!
//! The call engine says 1 for a number and 2 for a text. For `StartStreamIngest` the official pages contradict each
//! other: the guide for server calls (trtc.io/document/71845) says 0 number, 1 text; the API reference
//! (trtc.io/document/57835) and every SDK say 1 number, 0 text. [`RoomReading`] names the two.

use std::borrow::Cow;
use std::fmt;

/// The most bytes a text room may have.
pub const MAX_ROOM_TEXT: usize = 64;
/// The largest number of a room.
pub const MAX_ROOM_NUMBER: u32 = 4_294_967_294;

/// A room. The number 123 and the text "123" are two different rooms.
///
/// ```
/// use offhook::tencent::{RoomId, RoomReading};
///
/// let (number, text) = (RoomId::number(123)?, RoomId::text("123")?);
/// assert_ne!(number, text);
/// assert_eq!([number.call_engine_type(), text.call_engine_type()], [1, 2]);
/// // Both are written as a text; a callback's pair of text and type tells which it is.
/// assert_eq!((&*number.as_text(), RoomId::of_call_engine("123", 1)), ("123", Some(number.clone())));
/// // Where Tencent's own pages disagree:
/// assert_eq!(RoomReading::WORDS.map(|(_, reading)| number.ingest_type(reading)), [0, 1]);
/// assert!(text.is_ambiguous() && !RoomId::text("stage-7")?.is_ambiguous());
/// # Ok::<(), offhook::tencent::room::RoomError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum RoomId {
    /// 1 to 4294967294.
    Number(u32),
    /// 1 to 64 bytes of printable ASCII.
    Text(String),
}

/// How `StartStreamIngest` is told whether a room is a number or a text.
///
/// Example: [`RoomId`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RoomReading {
    /// As the guide for server calls has it: 0 number, 1 text.
    CallGuide,
    /// As the API reference and the SDKs have it: 1 number, 0 text.
    ApiReference,
}

/// Why something is no [`RoomId`].
///
/// ```
/// use offhook::tencent::RoomId;
/// use offhook::tencent::room::RoomError;
///
/// assert_eq!(RoomId::number(0), Err(RoomError::Number(0)));
/// assert_eq!(RoomId::text("诊室"), Err(RoomError::Alphabet("诊室".to_owned())));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RoomError {
    /// The number 0, or one above [`MAX_ROOM_NUMBER`].
    #[error("the room number {0} is not from 1 to {MAX_ROOM_NUMBER}")]
    Number(u64),
    /// There is nothing in it.
    #[error("a room's name is empty; give 1 to {MAX_ROOM_TEXT} characters")]
    Empty,
    /// It has more than [`MAX_ROOM_TEXT`] bytes.
    #[error("the room `{0}` has more than {MAX_ROOM_TEXT} bytes; shorten it")]
    TooLong(String),
    /// It has a character that is not printable ASCII.
    #[error("the room `{0}` has a character that is not printable ASCII; Tencent takes no others")]
    Alphabet(String),
}

impl RoomId {
    /// The room with this number.
    ///
    /// # Errors
    /// [`RoomError::Number`].
    pub fn number(number: u64) -> Result<Self, RoomError> {
        match u32::try_from(number) {
            Ok(small @ 1..=MAX_ROOM_NUMBER) => Ok(Self::Number(small)),
            _ => Err(RoomError::Number(number)),
        }
    }

    /// The room with this name.
    ///
    /// # Errors
    /// [`RoomError`] says what is wrong with it.
    pub fn text(text: impl Into<String>) -> Result<Self, RoomError> {
        let text = text.into();
        let shown = |text: &str| text.chars().take(80).collect::<String>().escape_debug().to_string();
        if text.is_empty() {
            Err(RoomError::Empty)
        } else if !text.bytes().all(|byte| (b' '..=b'~').contains(&byte)) {
            Err(RoomError::Alphabet(shown(&text)))
        } else if text.len() > MAX_ROOM_TEXT {
            Err(RoomError::TooLong(shown(&text)))
        } else {
            Ok(Self::Text(text))
        }
    }

    /// The room that the call engine writes as `RoomId` and `RoomIdType`; `None` where that is none of its two types
    /// (a published sample has an empty text and a 0).
    pub fn of_call_engine(room_id: &str, room_id_type: i64) -> Option<Self> {
        match room_id_type {
            1 => room_id.parse().ok().and_then(|number| Self::number(number).ok()),
            2 => Self::text(room_id).ok(),
            _ => None,
        }
    }

    /// `RoomId` in every request: a JSON text, for numbers too.
    pub fn as_text(&self) -> Cow<'_, str> {
        match self {
            Self::Number(number) => Cow::Owned(number.to_string()),
            Self::Text(text) => Cow::Borrowed(text),
        }
    }

    /// `RoomIdType` in the call engine: requests, records and callbacks.
    pub fn call_engine_type(&self) -> u8 {
        match self {
            Self::Number(_) => 1,
            Self::Text(_) => 2,
        }
    }

    /// `RoomIdType` in `StartStreamIngest`, where `reading` holds.
    pub fn ingest_type(&self, reading: RoomReading) -> u8 {
        match (reading, self) {
            (RoomReading::CallGuide, Self::Number(_)) | (RoomReading::ApiReference, Self::Text(_)) => 0,
            (RoomReading::CallGuide, Self::Text(_)) | (RoomReading::ApiReference, Self::Number(_)) => 1,
        }
    }

    /// Whether the wrong reading would name another room instead of failing: a number, or a text of digits alone.
    pub fn is_ambiguous(&self) -> bool {
        match self {
            Self::Number(_) => true,
            Self::Text(text) => text.bytes().all(|byte| byte.is_ascii_digit()),
        }
    }
}

impl fmt::Display for RoomId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => write!(f, "{number} (number)"),
            Self::Text(text) => write!(f, "\"{text}\""),
        }
    }
}

impl RoomReading {
    /// Both, each with the word that a configuration has for it.
    pub const WORDS: [(&'static str, Self); 2] =
        [("call-guide", Self::CallGuide), ("api-reference", Self::ApiReference)];

    /// The word that a configuration has for it.
    pub fn word(self) -> &'static str {
        match self {
            Self::CallGuide => "call-guide",
            Self::ApiReference => "api-reference",
        }
    }

    /// The other one.
    #[must_use]
    pub fn other(self) -> Self {
        match self {
            Self::CallGuide => Self::ApiReference,
            Self::ApiReference => Self::CallGuide,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_two_encodings_are_these() {
        let [number, text] = [RoomId::Number(7), RoomId::Text("stage-7".to_owned())];
        assert_eq!([number.call_engine_type(), text.call_engine_type()], [1, 2]);
        let ingest = |reading| [number.ingest_type(reading), text.ingest_type(reading)];
        assert_eq!(ingest(RoomReading::CallGuide), [0, 1]);
        assert_eq!(ingest(RoomReading::ApiReference), [1, 0]);
    }

    #[test]
    fn a_room_is_checked_when_it_is_made() {
        assert_eq!(RoomId::number(0), Err(RoomError::Number(0)));
        assert_eq!(RoomId::number(4_294_967_294), Ok(RoomId::Number(MAX_ROOM_NUMBER)));
        assert_eq!(RoomId::number(4_294_967_295), Err(RoomError::Number(4_294_967_295)));
        assert_eq!(RoomId::text(""), Err(RoomError::Empty));
        assert!(RoomId::text("x".repeat(64)).is_ok());
        assert!(matches!(RoomId::text("x".repeat(65)), Err(RoomError::TooLong(_))));
        assert!(matches!(RoomId::text("房间"), Err(RoomError::Alphabet(_))));
    }

    #[test]
    fn what_the_call_engine_writes_is_read_back() {
        for room in [RoomId::Number(1234), RoomId::Text("1234".to_owned())] {
            let read = RoomId::of_call_engine(&room.as_text(), room.call_engine_type().into());
            assert_eq!(read, Some(room));
        }
        assert_eq!(RoomId::of_call_engine("", 0), None);
        assert_eq!(RoomId::of_call_engine("", 1), None);
        assert_eq!(RoomId::of_call_engine("stage", 1), None);
    }

    #[test]
    fn only_a_text_with_more_than_digits_is_safe_under_both_readings() {
        assert!(RoomId::Number(7).is_ambiguous() && RoomId::Text("7".to_owned()).is_ambiguous());
        assert!(!RoomId::Text("stage-7".to_owned()).is_ambiguous());
    }
}
