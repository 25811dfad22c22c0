//! Audio/video 1.0 callbacks (音视频1.0相关回调), page `jcyNDc2NDk`: a call is started, a room is created.

use super::client::client_payload;

client_payload! {
    /// eventType 20: somebody wants to call somebody (发起音视频通话).
    ///
    /// ```
    /// use offhook::{Event, yunxin::CallStart};
    ///
    /// let event = Event::from_json(r#"{"eventType":20,"fromAccount":"mei","toAccountList":["an","bo"]}"#)?;
    /// let call: CallStart = event.typed().expect("a call");
    /// assert_eq!(call.callees(), ["an", "bo"]);
    /// # Ok::<(), offhook::Refusal>(())
    /// ```
    pub struct CallStart for ["call.start"] with address {
        /// 1 audio, 2 video.
        call_type: i64 = "callType",
        /// Whether an offline callee is kept ringing.
        force_keep_calling: bool = "forceKeepCalling",
        /// The caller's own text (`extendMessage` in the SDK).
        notify_attach: String = "notifyAttach",
        /// The callees' accounts.
        to_account_list: Vec<String> = "toAccountList",
        /// When the caller acted: Unix time in milliseconds; documented as text.
        timestamp: i64 = "timestamp",
    }
}

client_payload! {
    /// eventType 21: somebody wants to open a room for several people (创建多人音视频房间).
    pub struct RoomCreate for ["room.create"] with address {
        /// The room's name, chosen by the client; sent, though missing from the documented table.
        channel_name: String = "channelName",
        /// The room's attributes, as the client gave them.
        room_config: String = "roomConfig",
        /// The creator's own text.
        self_config: String = "selfConfig",
        /// When the creator acted: Unix time in milliseconds; documented as text.
        timestamp: i64 = "timestamp",
    }
}

impl CallStart {
    /// The callees' accounts; none where the field is missing.
    pub fn callees(&self) -> &[String] {
        self.to_account_list.as_deref().unwrap_or_default()
    }
}
