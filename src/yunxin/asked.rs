//! What is often asked of an event whatever its kind: when, from what, to whom, about which message.

use jiff::Timestamp;
use serde_json::value::RawValue;

use super::callback::{CallStart, ClientType};
use crate::event::Event;
use crate::lenient::{Fields, Lenient};

/// Fields that say when something happened, in milliseconds; the first one that is there counts.
const TIMES: [&str; 3] = ["timestamp", "msgTimestamp", "modifyTime"];
const CLIENTS: [&str; 2] = ["fromClientType", "clientType"];
const MESSAGES: [&str; 2] = ["msgId", "msgidServer"];

impl Event {
    /// When the sender says that it happened, whether it wrote that as text or as a number, here or inside `data`.
    ///
    /// ```
    /// let event = offhook::Event::from_json(r#"{"eventType":20,"timestamp":"1767225600000"}"#)?;
    /// assert_eq!(event.timestamp().map(|time| time.to_string()).as_deref(), Some("2026-01-01T00:00:00Z"));
    /// # Ok::<(), offhook::Refusal>(())
    /// ```
    pub fn timestamp(&self) -> Option<Timestamp> {
        let fields = Fields::parse(self.text()).ok()?;
        let inside = |data: &RawValue| first::<i64>(&Fields::parse(data.get()).ok()?, &TIMES);
        let milliseconds = first(&fields, &TIMES).or_else(|| inside(fields.get("data")?));
        Timestamp::from_millisecond(milliseconds?).ok()
    }

    /// The kind of client that somebody acted from.
    ///
    /// ```
    /// use offhook::{Event, yunxin::ClientType};
    ///
    /// let event = Event::from_json(r#"{"eventType":"3","accid":"mei","clientType":"iOS"}"#)?;
    /// assert_eq!(event.client_type(), Some(ClientType::Ios));
    /// # Ok::<(), offhook::Refusal>(())
    /// ```
    pub fn client_type(&self) -> Option<ClientType> {
        first(&Fields::parse(self.text()).ok()?, &CLIENTS)
    }

    /// Who is called; nobody where this is no call.
    ///
    /// ```
    /// let event = offhook::Event::from_json(r#"{"eventType":20,"toAccountList":"[\"an\",\"bo\"]"}"#)?;
    /// assert_eq!(event.callees(), ["an", "bo"]);
    /// # Ok::<(), offhook::Refusal>(())
    /// ```
    pub fn callees(&self) -> Vec<String> {
        self.typed::<CallStart>().and_then(|call| call.to_account_list).unwrap_or_default()
    }

    /// The server's id of the message that this is about; it may be above 2^53.
    ///
    /// ```
    /// let event = offhook::Event::from_json(r#"{"eventType":35,"msgId":187250631984726301}"#)?;
    /// assert_eq!(event.message_id(), Some(187_250_631_984_726_301));
    /// assert_eq!(event.message_id_text().as_deref(), Some("187250631984726301"));
    /// # Ok::<(), offhook::Refusal>(())
    /// ```
    pub fn message_id(&self) -> Option<u64> {
        first(&Fields::parse(self.text()).ok()?, &MESSAGES)
    }

    /// The same as text, for programs whose numbers end at 2^53; also where it is no number.
    pub fn message_id_text(&self) -> Option<String> {
        first(&Fields::parse(self.text()).ok()?, &MESSAGES)
    }
}

fn first<T: Lenient>(fields: &Fields<'_>, names: &[&str]) -> Option<T> {
    names.iter().find_map(|name| fields.read(name))
}
