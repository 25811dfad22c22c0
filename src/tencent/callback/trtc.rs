//! TRTC's callbacks: what happens in a room, to its media, and to a stream that is fed into it.

use serde::{Serialize, Serializer};

use crate::lenient::{Impossible, Lenient, Plain, Shape, object, payload};
use crate::tencent::RoomId;

payload! {
    /// An event of any group.
    ///
    /// Example: [`decode_trtc`](super::decode_trtc).
    pub struct TrtcEvent for [
        "trtc.1.101", "trtc.1.102", "trtc.1.103", "trtc.1.104", "trtc.1.105", "trtc.2.201", "trtc.2.202", "trtc.2.203",
        "trtc.2.204", "trtc.2.205", "trtc.2.206", "trtc.7.701", "trtc.7.702"
    ] {
        /// 1 room, 2 media, 4 relay to a CDN, 7 stream ingest.
        group: i64 = "EventGroupId",
        /// What happened, e.g. 103: somebody entered.
        event_type: i64 = "EventType",
        /// When the callback was sent: Unix time in milliseconds (groups 1 and 2).
        callback_ts: i64 = "CallbackTs",
        /// When the callback was sent: Unix time in milliseconds (group 7).
        callback_ms: i64 = "CallbackMsTs",
        /// The event itself.
        info: TrtcEventInfo = "EventInfo",
    }
}

object! {
    /// What happened. Events may arrive out of order: sort by `event_ms`.
    ///
    /// Example: [`decode_trtc`](super::decode_trtc).
    pub struct TrtcEventInfo {
        /// The room: a number or a text, by its kind.
        room_id: RoomId = "RoomId",
        /// When it happened, in seconds.
        event_seconds: i64 = "EventTs",
        /// When it happened, in milliseconds.
        event_ms: i64 = "EventMsTs",
        /// Who.
        user_id: String = "UserId",
        /// One entering of one user; gone since 2021.
        unique_id: i64 = "UniqueId",
        /// 20 anchor, 21 audience.
        role: i64 = "Role",
        /// 1 Windows, 2 Android, 3 iOS, 4 Linux, 100 other.
        terminal_type: i64 = "TerminalType",
        /// 1 WebRTC, 2 mini program, 3 native.
        user_type: i64 = "UserType",
        /// Why somebody entered (1 to 4) or left (1 to 5).
        reason: i64 = "Reason",
        /// The task of a stream ingest.
        task_id: String = "TaskId",
        /// Of a stream ingest: 701 has 0 success, 1 failure, 2 restarted; 702 has 0.
        status: i64 = "Status",
    }
}

impl Lenient for RoomId {
    const SHAPE: Shape = Shape::Text;
    const EXPECTED: &'static str = "a room: a number from 1 to 4294967294, or a text of 1 to 64 bytes";

    /// A JSON number is a number room, a JSON text is a text room.
    fn read(raw: &str) -> Result<Option<Self>, Impossible> {
        let is_number = raw.starts_with(|first: char| first.is_ascii_digit());
        let room = match String::read(raw)? {
            None => return Ok(None),
            Some(text) if text.is_empty() => return Ok(None),
            Some(text) if is_number => text.parse().ok().and_then(|number| Self::number(number).ok()),
            Some(text) => Self::text(text).ok(),
        };
        room.map(Some).ok_or(Impossible)
    }
}

impl From<RoomId> for Plain {
    fn from(room: RoomId) -> Self {
        match room {
            RoomId::Number(number) => Self::Integer(number.into()),
            RoomId::Text(text) => Self::Text(text),
        }
    }
}

impl Serialize for RoomId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Number(number) => serializer.serialize_u32(*number),
            Self::Text(text) => serializer.serialize_str(text),
        }
    }
}

impl TrtcEvent {
    /// When the callback was sent, whichever of its two names it has: Unix time in milliseconds.
    ///
    /// ```
    /// use offhook::lenient::{Fields, Typed};
    /// use offhook::tencent::callback::TrtcEvent;
    ///
    /// let fields = Fields::parse(r#"{"EventGroupId":7,"EventType":701,"CallbackMsTs":1767225600000}"#)?;
    /// assert_eq!(TrtcEvent::read(&fields, &mut Vec::new()).callback_time(), Some(1_767_225_600_000));
    /// # Ok::<(), offhook::lenient::NotFields>(())
    /// ```
    pub fn callback_time(&self) -> Option<i64> {
        self.callback_ts.or(self.callback_ms)
    }
}
