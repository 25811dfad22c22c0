//! The headers that count, of all that a request came with.
//!
//! Every request is held against them before anything else, also a stranger's: they are found in one pass, and the digits
//! of their digests are read without a branch on any of them.

use http::HeaderMap;
use http::header::HeaderValue;

use crate::refusal::Refusal;

/// A header that is looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Name {
    AppKey,
    CurTime,
    Md5,
    CheckSum,
    /// In place of the MD5: the old meeting kit.
    Nonce,
    /// In which RTC 2.0 says what it is.
    Type,
}

/// The headers of a request, by [`Name`].
pub(super) struct Head<'a>([Found<'a>; Name::ALL.len()]);

#[derive(Clone, Copy, Default)]
struct Found<'a> {
    first: Option<&'a HeaderValue>,
    is_repeated: bool,
}

impl Name {
    const ALL: [Self; 6] = [Self::AppKey, Self::CurTime, Self::Md5, Self::CheckSum, Self::Nonce, Self::Type];

    /// As the documentation writes it.
    pub(super) fn shown(self) -> &'static str {
        match self {
            Self::AppKey => "AppKey",
            Self::CurTime => "CurTime",
            Self::Md5 => "MD5",
            Self::CheckSum => "CheckSum",
            Self::Nonce => "Nonce",
            Self::Type => "type",
        }
    }

    /// What its value has to be.
    fn expected(self) -> &'static str {
        match self {
            Self::CurTime => "Unix time in milliseconds, in digits",
            Self::Md5 => "32 hex digits",
            Self::CheckSum => "40 hex digits",
            Self::AppKey | Self::Nonce | Self::Type => "printable text",
        }
    }

    fn is(self, name: &str) -> bool {
        // Header names come in lower case.
        let lower = match self {
            Self::AppKey => "appkey",
            Self::CurTime => "curtime",
            Self::Md5 => "md5",
            Self::CheckSum => "checksum",
            Self::Nonce => "nonce",
            Self::Type => "type",
        };
        lower == name
    }

    fn malformed(self) -> Refusal {
        Refusal::HeaderMalformed { name: self.shown(), expected: self.expected() }
    }
}

impl<'a> Head<'a> {
    pub(super) fn of(headers: &'a HeaderMap) -> Self {
        let mut all = [Found::default(); Name::ALL.len()];
        for (name, value) in headers {
            if let Some(place) = Name::ALL.iter().position(|known| known.is(name.as_str())) {
                let found = &mut all[place];
                found.is_repeated = found.first.is_some();
                found.first.get_or_insert(value);
            }
        }
        Self(all)
    }

    pub(super) fn has(&self, name: Name) -> bool {
        self.0[name as usize].first.is_some()
    }

    /// Its only value, without the blanks around it.
    pub(super) fn text(&self, name: Name) -> Result<&'a str, Refusal> {
        let Found { first, is_repeated } = self.0[name as usize];
        let value = first.ok_or(Refusal::HeaderMissing(name.shown()))?;
        if is_repeated {
            return Err(Refusal::HeaderRepeated(name.shown()));
        }
        let text = std::str::from_utf8(value.as_bytes()).ok().map(str::trim_ascii).filter(|text| !text.is_empty());
        text.ok_or_else(|| name.malformed())
    }

    /// The first `type`, where it is text.
    pub(super) fn told_type(&self) -> Option<&'a str> {
        self.0[Name::Type as usize].first.and_then(|value| value.to_str().ok())
    }
}

/// The milliseconds of `text`, the value of [`Name::CurTime`].
pub(super) fn milliseconds(text: &str) -> Result<i64, Refusal> {
    let is_in_digits = text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| is_in_digits).ok_or_else(|| Name::CurTime.malformed())
}

/// The bytes of `text`, the value of `name`, in hex of any case.
///
/// Digests are random: a processor that has to guess which sort of digit comes next is wrong half of the time.
pub(super) fn digest<const N: usize>(text: &str, name: Name) -> Result<[u8; N], Refusal> {
    let mut bytes = [0; N];
    let mut wrong = text.len() ^ (2 * N);
    for (byte, pair) in bytes.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
        let [high, low] = [DIGITS[usize::from(pair[0])], DIGITS[usize::from(pair[1])]];
        wrong |= usize::from((high | low) & !0xf);
        *byte = high << 4 | (low & 0xf);
    }
    if wrong == 0 { Ok(bytes) } else { Err(name.malformed()) }
}

/// What each byte is as a hex digit; `0xff` where it is none.
static DIGITS: [u8; 256] = {
    let mut digits = [0xff; 256];
    let mut value = 0;
    while value < 16 {
        digits[b"0123456789abcdef"[value] as usize] = value as u8;
        digits[b"0123456789ABCDEF"[value] as usize] = value as u8;
        value += 1;
    }
    digits
};

#[cfg(test)]
mod tests {
    use super::*;

    /// Every byte in either place of a pair is read as the library reads it.
    #[test]
    fn digits_are_read_as_the_library_reads_them() {
        for first in 0..=u8::MAX {
            for second in 0..=u8::MAX {
                let Ok(text) = std::str::from_utf8(&[first, second]).map(str::to_owned) else { continue };
                let mut expected = [0];
                let expected = hex::decode_to_slice(&text, &mut expected).map(|()| expected);
                assert_eq!(digest::<1>(&text, Name::Md5).ok(), expected.ok(), "{text:?}");
            }
        }
    }

    #[test]
    fn a_digest_of_another_length_is_none() {
        for text in ["", "a", "ab", "abc", "abcde", "abcdef", "abcdefab"] {
            assert_eq!(digest::<2>(text, Name::CheckSum).is_ok(), text.len() == 4, "{text:?}");
        }
        assert_eq!(digest::<2>("aBcD", Name::CheckSum).ok(), Some([0xab, 0xcd]));
    }

    #[test]
    fn of_a_repeated_header_nothing_is_read() {
        let mut headers = HeaderMap::new();
        for (name, value) in [("appkey", "a"), ("host", "b"), ("md5", "c"), ("md5", "c")] {
            headers.append(name, HeaderValue::from_static(value));
        }
        let head = Head::of(&headers);
        assert_eq!(head.text(Name::AppKey).ok(), Some("a"));
        assert_eq!(head.text(Name::Md5).err(), Some(Refusal::HeaderRepeated("MD5")));
        assert_eq!(head.text(Name::CurTime).err(), Some(Refusal::HeaderMissing("CurTime")));
        assert!(head.has(Name::Md5) && !head.has(Name::Nonce));
    }
}
