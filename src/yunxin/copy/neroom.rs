//! Copies of the room and meeting products, whose `eventType` is a word; there is no list of all words.

use crate::lenient::{Nested, payload};

payload! {
    /// An event of `NERoom` or the meeting kit (房间组件, 会议组件); its kind is `neroom.` and the word in lower case.
    ///
    /// ```
    /// use offhook::{Event, yunxin::{NeRoom, sample}};
    ///
    /// let event = Event::from_json(sample("neroom.create_room").expect("a sample"))?;
    /// let room: NeRoom = event.typed().expect("an event of a room");
    /// let body: serde_json::Value = room.body.as_ref().and_then(|body| body.json()).expect("its body");
    /// assert_eq!(body["roomUuid"], "book-club");
    /// # Ok::<(), offhook::Refusal>(())
    /// ```
    pub struct NeRoom for ["neroom.*"] {
        /// Unique for each event.
        request_id: String = "requestId",
        /// When: Unix time in milliseconds.
        timestamp: i64 = "timestamp",
        /// What happened.
        body: Nested = "body",
        /// The word, as the old meeting kit writes it.
        msg_type: String = "msgType",
        /// What happened, as the old meeting kit writes it.
        msg_body: Nested = "msgBody",
    }
}
