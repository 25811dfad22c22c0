//! The kind of client a user acts from, in any of the forms in which Yunxin writes it.

use crate::lenient::{Impossible, Lenient, Plain};

/// `fromClientType`: a word in any case, or its number; a word nobody documented is kept.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ClientType {
    /// `AOS`, 1.
    Android,
    /// `IOS`, 2.
    Ios,
    /// `PC`, 4.
    Pc,
    /// `WINPHONE`, 8.
    WindowsPhone,
    /// `WEB`, 16.
    Web,
    /// `REST`, 32: the server API.
    Rest,
    /// `MAC`, 64.
    Mac,
    /// `HARMONY`, 65.
    Harmony,
    /// Anything else, as it was sent.
    Unknown(String),
}

const KNOWN: [(&str, &str, ClientType); 8] = [
    ("AOS", "1", ClientType::Android),
    ("IOS", "2", ClientType::Ios),
    ("PC", "4", ClientType::Pc),
    ("WINPHONE", "8", ClientType::WindowsPhone),
    ("WEB", "16", ClientType::Web),
    ("REST", "32", ClientType::Rest),
    ("MAC", "64", ClientType::Mac),
    ("HARMONY", "65", ClientType::Harmony),
];

impl ClientType {
    /// Yunxin's own word for it, in capitals.
    pub fn word(&self) -> &str {
        match self {
            Self::Unknown(word) => word,
            known => KNOWN.iter().find(|(_, _, client)| client == known).map_or("", |(word, _, _)| word),
        }
    }
}

impl From<ClientType> for Plain {
    /// Yunxin's own word, whatever form it came in.
    fn from(client: ClientType) -> Self {
        Self::Text(client.word().to_owned())
    }
}

impl Lenient for ClientType {
    const EXPECTED: &'static str = "a client type's word or number";

    fn read(raw: &str) -> Result<Option<Self>, Impossible> {
        // Nearly always one of the known words, for which no text has to be made.
        let plain = raw.strip_prefix('"').and_then(|raw| raw.strip_suffix('"')).unwrap_or(raw);
        let is_known = |(word, number, _): &&(&str, &str, Self)| plain.eq_ignore_ascii_case(word) || plain == *number;
        if let Some((_, _, client)) = KNOWN.iter().find(is_known) {
            return Ok(Some(client.clone()));
        }
        Ok(String::read(raw)?.filter(|text| !text.is_empty()).map(Self::Unknown))
    }
}
