//! The client a user acts from: its kind, in any of the forms in which Yunxin writes it, and the fields about it.

use serde::{Serialize, Serializer};

use crate::lenient::{Impossible, Lenient, Plain, Shape};

/// `fromClientType`: a word in any case, or its number; a word nobody documented is kept.
///
/// ```
/// use offhook::Event;
/// use offhook::yunxin::{CallStart, ClientType};
///
/// // A word in any case, or its number.
/// for written in [r#""AOS""#, r#""aos""#, r#""1""#, "1"] {
///     let event = Event::from_json(format!(r#"{{"eventType":20,"fromClientType":{written}}}"#))?;
///     let call: CallStart = event.typed().expect("a call");
///     assert_eq!(call.from_client_type, Some(ClientType::Android));
/// }
/// # Ok::<(), offhook::Refusal>(())
/// ```
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
    /// The documented one that `text` means: its word in any case, or its number.
    fn known(text: &str) -> Option<Self> {
        let is_it = |(word, number, _): &&(&str, &str, Self)| text.eq_ignore_ascii_case(word) || text == *number;
        KNOWN.iter().find(is_it).map(|(_, _, client)| client.clone())
    }

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
    const SHAPE: Shape = Shape::Text;

    fn read(raw: &str) -> Result<Option<Self>, Impossible> {
        // Nearly always one of the known words, for which no text has to be made.
        let plain = raw.strip_prefix('"').and_then(|raw| raw.strip_suffix('"')).unwrap_or(raw);
        if let Some(client) = Self::known(plain) {
            return Ok(Some(client));
        }
        // Or one of them with escapes.
        let text = String::read(raw)?.filter(|text| !text.is_empty());
        Ok(text.map(|text| Self::known(&text).unwrap_or(Self::Unknown(text))))
    }
}

impl Serialize for ClientType {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.word())
    }
}

/// Writes a [`Typed`](crate::lenient::Typed) as `sampled!` does, with the three fields in front that say who
/// acts, and from what; after `with address` the two that say from where, too.
macro_rules! client_payload {
    ($(#[$doc:meta])* pub struct $name:ident for [$($kind:literal),+ $(,)?] with address { $($fields:tt)* }) => {
        client_payload! {
            $(#[$doc])*
            pub struct $name for [$($kind),+] {
                /// The client's address: IPv4 or IPv6, as text.
                from_client_ip: String = "fromClientIp",
                /// The client's port; documented as text.
                from_client_port: String = "fromClientPort",
                $($fields)*
            }
        }
    };
    ($(#[$doc:meta])* pub struct $name:ident for [$($kind:literal),+ $(,)?] { $($fields:tt)* }) => {
        $crate::yunxin::samples::sampled! {
            $(#[$doc])*
            pub struct $name for [$($kind),+] {
                /// Who acts (accid).
                from_account: String = "fromAccount",
                /// The device it is done from.
                from_device_id: String = "fromDeviceId",
                /// The kind of client it is done from.
                from_client_type: $crate::yunxin::ClientType = "fromClientType",
                $($fields)*
            }
        }
    };
}
pub(in crate::yunxin) use client_payload;
