//! Conversation copies (会话类抄送) and chatroom messages: what was said, to whom, with what attached.

use crate::lenient::{Nested, object};
use crate::yunxin::ClientType;
use crate::yunxin::copy::Accounts;
use crate::yunxin::samples::sampled;

sampled! {
    /// eventType 1: a message, or a notification that travels as one (会话消息).
    ///
    /// ```
    /// use offhook::yunxin::{Attachment, CopyMessage};
    /// use offhook::Event;
    ///
    /// let event = Event::from_json(
    ///     r#"{"eventType":"1","msgType":"AUDIO","msgidServer":"9007199254740993","attach":"{\"dur\":4551,\"ext\":\"aac\"}"}"#,
    /// )?;
    /// let message: CopyMessage = event.typed().expect("a message");
    /// assert_eq!(message.msgid_server, Some(9_007_199_254_740_993));
    /// assert!(matches!(message.attachment(), Some(Attachment::File(file)) if file.dur == Some(4551)));
    /// # Ok::<(), offhook::Refusal>(())
    /// ```
    pub struct CopyMessage for ["copy.message"] {
        /// Who talks with whom: `PERSON`, `TEAM`, `SUPER_TEAM`, `CUSTOM_PERSON` or `CUSTOM_TEAM`.
        conv_type: String = "convType",
        /// The receiver's account; for teams the team's id.
        to: String = "to",
        /// The sender's account (accid).
        from_account: String = "fromAccount",
        /// When it was sent: Unix time in milliseconds; documented as text.
        msg_timestamp: i64 = "msgTimestamp",
        /// What it is: `TEXT`, `PICTURE`, `AUDIO`, `VIDEO`, `LOCATION`, `FILE`, `NOTIFICATION`, `CUSTOM` and others.
        msg_type: String = "msgType",
        /// The server's id of the message; may be above 2^53.
        msgid_server: u64 = "msgidServer",
        /// The client's id of the message.
        msgid_client: String = "msgidClient",
        /// Whether the client sent the message again.
        resend_flag: bool = "resendFlag",
        /// The sender's kind of client.
        from_client_type: ClientType = "fromClientType",
        /// The sender's device.
        from_device_id: String = "fromDeviceId",
        /// The sender's nickname.
        from_nick: String = "fromNick",
        /// The text of the message.
        body: String = "body",
        /// What is attached; documented as text that holds JSON.
        attach: Nested = "attach",
        /// Whether a notice is kept for users who are offline.
        custom_safe_flag: bool = "customSafeFlag",
        /// The push text of a notice.
        custom_apns_text: String = "customApnsText",
        /// The team's members, where it has at most 200; documented as `[a, b]` without quotes.
        t_members: Accounts = "tMembers",
        /// The sender's own extension.
        ext: String = "ext",
        /// Whether the message was caught by the content check.
        antispam: bool = "antispam",
        /// What the content check found; documented as text that holds JSON.
        yidun_res: Nested = "yidunRes",
        /// Whether the receiver has the sender on a blacklist.
        blacklist: bool = "blacklist",
        /// The sender's address.
        ip: String = "ip",
        /// The sender's port.
        port: String = "port",
        /// What a message of a digital human carries.
        ai_params: AiParams = "aiParams",
    }
}

sampled! {
    /// eventType 4: a chatroom message (聊天室消息).
    pub struct CopyChatroomMessage for ["copy.chatroom_message"] {
        /// The whole content: text for `TEXT`, JSON for other types.
        attach: Nested = "attach",
        /// The sender's account (accid).
        from_account: String = "fromAccount",
        /// When it was sent: Unix time in milliseconds; documented as text.
        msg_timestamp: i64 = "msgTimestamp",
        /// What it is: `TEXT`, `PICTURE`, `AUDIO`, `VIDEO`, `LOCATION`, `FILE`, `TIPS`, `CUSTOM` and others.
        msg_type: String = "msgType",
        /// The client's id of the message; there is none of the server's.
        msgid_client: String = "msgidClient",
        /// The chatroom's id.
        room_id: u64 = "roomId",
        /// The URL of the sender's avatar; the name is the sender's.
        from_avator: String = "fromAvator",
        /// The sender's nickname.
        from_nick: String = "fromNick",
        /// The sender's kind of client.
        from_client_type: ClientType = "fromClientType",
        /// The extension of the message.
        ext: String = "ext",
        /// The extension of the sender's role.
        from_ext: String = "fromExt",
        /// Whether the client sent the message again.
        resend_flag: bool = "resendFlag",
        /// The time of the sender's profile card, in milliseconds; 0 for REST.
        role_info_timetag: i64 = "roleInfoTimetag",
        /// Whether the message was caught by the content check.
        antispam: bool = "antispam",
        /// What the content check found; documented as text that holds JSON.
        yidun_res: Nested = "yidunRes",
    }
}

object! {
    /// What a message of a digital human carries.
    ///
    /// ```
    /// use offhook::{Event, yunxin::{CopyMessage, sample}};
    ///
    /// let event = Event::from_json(sample("copy.message").expect("a sample"))?;
    /// let message: CopyMessage = event.typed().expect("a message");
    /// assert_eq!(message.ai_params.as_ref().and_then(|ai| ai.account.as_deref()), Some("xiao.an"));
    ///
    /// // What content safety found, text that holds JSON:
    /// let yidun = message.yidun().expect("a finding");
    /// let label = &yidun.labels.expect("labels")[0];
    /// assert_eq!((yidun.action, label.label), (Some(2), Some(200)));
    /// # Ok::<(), offhook::Refusal>(())
    /// ```
    pub struct AiParams {
        /// 1 where somebody mentions the digital human, 2 for its answer.
        direction: i64 = "direction",
        /// The same, as the explanation calls it in places.
        ai_agent_msg_direction: i64 = "aiAgentMsgDirection",
        /// The digital human's account.
        account: String = "account",
        /// The content; text that holds JSON.
        content: Nested = "content",
        /// The messages before it; text that holds a JSON list, empty for an answer.
        messages: Nested = "messages",
        /// Variables of the prompt; text that holds JSON.
        prompt_variables: Nested = "promptVariables",
        /// The model's settings; text that holds JSON.
        config: Nested = "config",
    }
}

object! {
    /// What the content check (Yidun) found.
    ///
    /// Example: [`AiParams`].
    pub struct YidunResult {
        /// 0 text, 1 picture, 2 profile, 3 avatar.
        yidun_bus_type: i64 = "yidunBusType",
        /// 0 pass, 1 suspect, 2 reject.
        action: i64 = "action",
        /// Each finding.
        labels: Vec<YidunLabel> = "labels",
        /// 2 for the newer form, in which `result` tells what was found.
        yidun_api_version: i64 = "yidunApiVersion",
        /// What was found, in the newer form.
        result: Nested = "result",
    }
}

object! {
    /// One finding of the content check.
    ///
    /// Example: [`AiParams`].
    pub struct YidunLabel {
        /// How sure it is.
        level: i64 = "level",
        /// How likely; as text, so that no digit is lost.
        rate: String = "rate",
        /// What it is.
        label: i64 = "label",
    }
}
