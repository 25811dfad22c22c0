//! What the platform's services tell: text messages, content safety, uploads, and what it makes of our own answers.

use crate::lenient::{Nested, object};
use crate::yunxin::copy::message::YidunResult;
use crate::yunxin::samples::sampled;

sampled! {
    /// eventType 11: a text message arrived, or did not (短信回执).
    pub struct CopySmsReceipt for ["copy.sms_receipt"] {
        /// The receipts.
        objects: Vec<SmsReceipt> = "objects",
    }
}

object! {
    /// What became of a text message.
    ///
    /// ```
    /// use offhook::{Event, yunxin::{CopySmsReceipt, sample}};
    ///
    /// let event = Event::from_json(sample("copy.sms_receipt").expect("a sample"))?;
    /// let receipts = event.typed::<CopySmsReceipt>().and_then(|copy| copy.objects).expect("receipts");
    /// assert_eq!(receipts[0].result.as_deref(), Some("DELIVRD"));
    /// # Ok::<(), offhook::Refusal>(())
    /// ```
    pub struct SmsReceipt {
        /// To which number.
        mobile: String = "mobile",
        /// The sending's id.
        sendid: String = "sendid",
        /// The carrier's word, such as `DELIVRD`.
        result: String = "result",
        /// When it was sent: `YYYY-MM-DD hh:mm:ss`.
        send_time: String = "sendTime",
        /// When this was reported: `YYYY-MM-DD hh:mm:ss`.
        report_time: String = "reportTime",
        /// How many parts are billed.
        spliced: i64 = "spliced",
        /// The template's id.
        template_id: u64 = "templateId",
    }
}

sampled! {
    /// eventType 12: somebody sent a text message (短信上行).
    pub struct CopySmsUplink for ["copy.sms_uplink"] {
        /// The messages; documented as a list, sent as text that holds one.
        objects: Vec<SmsUplink> = "objects",
    }
}

object! {
    /// A text message from a user.
    ///
    /// ```
    /// use offhook::{Event, yunxin::{CopySmsUplink, sample}};
    ///
    /// let event = Event::from_json(sample("copy.sms_uplink").expect("a sample"))?;
    /// let messages = event.typed::<CopySmsUplink>().and_then(|copy| copy.objects).expect("messages");
    /// assert_eq!(messages[0].content.as_deref(), Some("STOP"));
    /// # Ok::<(), offhook::Refusal>(())
    /// ```
    pub struct SmsUplink {
        /// From which number.
        mobile: String = "mobile",
        /// What it says.
        content: String = "content",
        /// When: `YYYY-MM-DD hh:mm:ss`.
        replytime: String = "replytime",
    }
}

sampled! {
    /// eventType 20: what content safety found later (内容安全).
    pub struct CopyContentSafety for ["copy.content_safety"] {
        /// The findings; documented as a list, sent as text that holds one.
        objects: Vec<ContentSafetyFinding> = "objects",
    }
}

object! {
    /// One finding of content safety.
    ///
    /// ```
    /// use offhook::{Event, yunxin::{CopyContentSafety, sample}};
    ///
    /// let event = Event::from_json(sample("copy.content_safety").expect("a sample"))?;
    /// let findings = event.typed::<CopyContentSafety>().and_then(|copy| copy.objects).expect("findings");
    /// assert_eq!((findings[0].finding_type.as_deref(), findings[0].antispam), (Some("P2P_MSG_AUDIO"), Some(true)));
    /// # Ok::<(), offhook::Refusal>(())
    /// ```
    pub struct ContentSafetyFinding {
        /// Whether it is a hit; only hits are sent at present.
        antispam: bool = "antispam",
        /// Where: `P2P_`, `TEAM_`, `SUPERTEAM_`, `CHATROOM_` or `QCHAT_`, then `MSG_AUDIO`, `MSG_VIDEO` or `MSG_PICTURE`.
        finding_type: String = "type",
        /// What was found.
        yidun_res: YidunResult = "yidunRes",
        /// 2 for the newer form of `yidunRes`.
        yidun_api_version: i64 = "yidunApiVersion",
        /// Where the sound or the film is.
        audio_url: String = "audioUrl",
        /// The server's id of the message; may be above 2^53.
        server_msg_id: u64 = "serverMsgId",
        /// The client's id of the message.
        client_msg_id: String = "clientMsgId",
        /// Who sent it (accid).
        from: String = "from",
        /// For whom it was: an account, a team's id or a chatroom's.
        to: String = "to",
    }
}

sampled! {
    /// eventType 36: a client's log was uploaded (上传任务).
    pub struct CopyUploadTask for ["copy.upload_task"] {
        /// 1 for a log of the SDK.
        task_type: i64 = "type",
        /// What was uploaded; documented as text, sent as an object.
        upload_info: UploadInfo = "uploadInfo",
    }
}

object! {
    /// What was uploaded.
    ///
    /// ```
    /// use offhook::{Event, yunxin::{CopyUploadTask, sample}};
    ///
    /// let event = Event::from_json(sample("copy.upload_task").expect("a sample"))?;
    /// let info = event.typed::<CopyUploadTask>().and_then(|task| task.upload_info).expect("what was uploaded");
    /// assert_eq!(info.sdk_log_url.as_deref(), Some("https://files.example/sdk-log.zip"));
    /// # Ok::<(), offhook::Refusal>(())
    /// ```
    pub struct UploadInfo {
        /// What the client said about it.
        upload_msg: String = "uploadMsg",
        /// Where it is.
        sdk_log_url: String = "sdkLogUrl",
    }
}

sampled! {
    /// eventType 83: the platform could not use our answer to a callback (第三方回调失败).
    ///
    /// It is the only feedback there is about answers that came too late or were not understood.
    pub struct CopyCallbackFailed for ["copy.callback_failed"] {
        /// 1 our answer was late, 2 it was malformed, 3 the platform's circuit breaker is open.
        reason: i64 = "reason",
        /// The body of the callback that failed; text that holds JSON.
        callback_body: Nested = "callbackBody",
        /// When: Unix time in milliseconds; documented as text.
        timestamp: i64 = "timestamp",
    }
}
