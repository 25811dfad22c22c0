//! What became of a message after it was sent: recalled, changed, read.

use crate::lenient::{Nested, object};
use crate::yunxin::ClientType;
use crate::yunxin::samples::sampled;

sampled! {
    /// eventType 7, 8 and 25: a message was recalled (消息撤回).
    pub struct CopyRecall for ["copy.recall_p2p", "copy.recall_team", "copy.recall_super_team"] {
        /// The client's id of the recalled message.
        client_id: String = "clientId",
        /// The server's id of the recalled message; may be above 2^53.
        msg_id: u64 = "msgId",
        /// Who had sent the message (accid).
        from: String = "from",
        /// For whom it was: an account for 7, a team's id for 8 and 25.
        to: String = "to",
        /// The kind of client that recalled it.
        from_client_type: ClientType = "fromClientType",
        /// When it was recalled: Unix time in milliseconds; documented as text.
        delete_time: i64 = "deleteTime",
        /// When it was sent: Unix time in milliseconds; documented as text.
        send_time: i64 = "sendTime",
        /// A remark given with the recall.
        self_msg: String = "selfMsg",
        /// The recall's own extension; for 7 and 8.
        attach: Nested = "attach",
    }
}

sampled! {
    /// eventType 89, 90 and 91: a message was changed (消息更新).
    pub struct CopyUpdate for ["copy.update_p2p", "copy.update_team", "copy.update_super_team"] {
        /// Who had sent the message (accid).
        from: String = "from",
        /// For whom it is: an account for 89, a team's id for 90 and 91.
        to: String = "to",
        /// The server's id of the message; may be above 2^53.
        msg_id: u64 = "msgId",
        /// The client's id of the message.
        client_id: String = "clientId",
        /// Who changed it (accid).
        modify_account_id: String = "modifyAccountId",
        /// When it was changed: Unix time in milliseconds.
        modify_time: i64 = "modifyTime",
        /// The new text.
        text: String = "text",
        /// The new extension.
        extension: String = "extension",
        /// The new sub-type.
        sub_type: i64 = "subType",
        /// The new attachment.
        attachment: Nested = "attachment",
        /// The kind of client that changed it.
        from_client_type: ClientType = "fromClientType",
    }
}

sampled! {
    /// eventType 30: P2P messages were read (已读回执).
    pub struct CopyReadReceipt for ["copy.read_receipt"] {
        /// The receipts; documented as a list, sent as text that holds one.
        objects: Vec<ReadReceipt> = "objects",
    }
}

object! {
    /// Somebody read somebody's messages.
    ///
    /// ```
    /// use offhook::{Event, yunxin::{CopyReadReceipt, sample}};
    ///
    /// let event = Event::from_json(sample("copy.read_receipt").expect("a sample"))?;
    /// let receipts = event.typed::<CopyReadReceipt>().and_then(|copy| copy.objects).expect("receipts");
    /// assert_eq!((receipts[0].from_account.as_deref(), receipts[0].to_account.as_deref()), (Some("chen.bo"), Some("lin.yue")));
    /// # Ok::<(), offhook::Refusal>(())
    /// ```
    pub struct ReadReceipt {
        /// Who read (accid).
        from_account: String = "fromAccount",
        /// Whose messages (accid).
        to_account: String = "toAccount",
        /// The reader's kind of client.
        client_type: ClientType = "clientType",
        /// When: Unix time in milliseconds; documented as text.
        timestamp: i64 = "timestamp",
        /// The client's id of the message.
        msgid_client: String = "msgidClient",
    }
}
