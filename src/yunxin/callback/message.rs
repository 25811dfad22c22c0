//! Messages and their recall (消息相关回调), page `TQ5NDQwNDQ`: one table for P2P, team, chatroom and super-team messages.

use super::client::client_payload;
use crate::lenient::Nested;

client_payload! {
    /// eventType 1, 2, 6 and 22: somebody sends a message (会话消息).
    ///
    /// ```
    /// use offhook::{Event, yunxin::Message};
    ///
    /// let event = Event::from_json(
    ///     r#"{"eventType":6,"msgType":"CUSTOM","body":"","attach":"{\"type\":1,\"data\":{\"value\":3}}","to":"2016"}"#,
    /// )?;
    /// let message: Message = event.typed().expect("a message");
    /// let attach: serde_json::Value = message.attach().expect("an attachment of JSON");
    /// assert_eq!(attach["data"]["value"], 3);
    /// # Ok::<(), offhook::Refusal>(())
    /// ```
    pub struct Message for ["message.p2p", "message.team", "message.chatroom", "message.super_team"] with address {
        /// The sender's nickname.
        from_nick: String = "fromNick",
        /// For whom it is: an account for 1, a team's id for 2 and 22, a chatroom's id for 6.
        to: String = "to",
        /// When it was sent: Unix time in milliseconds; documented as text.
        msg_timestamp: i64 = "msgTimestamp",
        /// What it is: `TEXT`, `PICTURE`, `AUDIO`, `VIDEO`, `LOCATION`, `NOTIFICATION`, `FILE`, `TIPS`, `CUSTOM` and others.
        msg_type: String = "msgType",
        /// The client's own id of the message; may be empty.
        msgid_client: String = "msgidClient",
        /// Its text; empty for types that have an attachment instead, and for chatroom messages.
        body: String = "body",
        /// Its attachment, text that holds JSON.
        attach: Nested = "attach",
        /// The client's own extension of the message.
        ext: Nested = "ext",
    }
}

client_payload! {
    /// eventType 35: somebody takes a P2P or team message back (消息撤回).
    pub struct MessageRecall for ["message.recall"] with address {
        /// Who had sent the message (accid).
        msg_from_accid: String = "msgFromAccid",
        /// The server's id of the message; it may be above 2^53.
        msg_id: u64 = "msgId",
        /// The client's own id of the message.
        msgid_client: String = "msgidClient",
        /// 7 a P2P message, 8 a team message.
        ope_type: i64 = "opeType",
        /// When the message had been sent: Unix time in milliseconds; a number, unlike `timestamp`.
        time: i64 = "time",
        /// For whom the message was: an account or a team's id.
        to_account: String = "toAccount",
        /// What is said about the recall.
        msg: String = "msg",
        /// The client's own extension of the recall.
        attach: Nested = "attach",
        /// When it was taken back: Unix time in milliseconds; documented as text.
        timestamp: i64 = "timestamp",
    }
}

impl Message {
    /// The attachment read as JSON of a type of yours; `None` where there is none or it is no such JSON.
    pub fn attach<'a, T: serde::Deserialize<'a>>(&'a self) -> Option<T> {
        self.attach.as_ref()?.json()
    }
}

impl MessageRecall {
    /// The server's id of the message as text, for programs whose numbers end at 2^53.
    ///
    /// ```
    /// use offhook::{Event, yunxin::MessageRecall};
    ///
    /// let recall: Option<MessageRecall> = Event::from_json(r#"{"eventType":35,"msgId":187250631984726301}"#)?.typed();
    /// assert_eq!(recall.and_then(|recall| recall.msg_id_text()).as_deref(), Some("187250631984726301"));
    /// # Ok::<(), offhook::Refusal>(())
    /// ```
    pub fn msg_id_text(&self) -> Option<String> {
        self.msg_id.map(|id| id.to_string())
    }
}
