//! Who came, who went, who is there: logins, logouts, heartbeats, chatrooms.
//!
//! Logins and logouts may come unpaired, out of order or not at all: the newest `timestamp` of an account counts.

use crate::yunxin::ClientType;
use crate::yunxin::samples::sampled;

sampled! {
    /// eventType 2: somebody logged in (登录事件).
    pub struct CopyLogin for ["copy.login"] {
        /// Who (accid).
        accid: String = "accid",
        /// The client's address: IPv4 or IPv6, as text.
        client_ip: String = "clientIp",
        /// The kind of client.
        client_type: ClientType = "clientType",
        /// 200 where all went well.
        code: i64 = "code",
        /// The SDK's version as a number; documented as text.
        sdk_version: i64 = "sdkVersion",
        /// The SDK's version as people write it.
        sdk_human_version: String = "sdkHumanVersion",
        /// When: Unix time in milliseconds; documented as text.
        timestamp: i64 = "timestamp",
        /// The device.
        device_id: String = "deviceId",
        /// The client's own tag of this login.
        custom_tag: String = "customTag",
    }
}

sampled! {
    /// eventType 3: somebody logged out, was disconnected or removed (登出事件).
    pub struct CopyLogout for ["copy.logout"] {
        /// Who (accid).
        accid: String = "accid",
        /// The client's address: IPv4 or IPv6, as text; not guaranteed.
        client_ip: String = "clientIp",
        /// The kind of client.
        client_type: ClientType = "clientType",
        /// 200 where all went well; a number or text.
        code: i64 = "code",
        /// The SDK's version as a number; documented as text.
        sdk_version: i64 = "sdkVersion",
        /// The SDK's version as people write it.
        sdk_human_version: String = "sdkHumanVersion",
        /// When: Unix time in milliseconds; a number or text.
        timestamp: i64 = "timestamp",
        /// The device.
        device_id: String = "deviceId",
        /// The client's own tag of this login.
        custom_tag: String = "customTag",
        /// 1 account deleted, 2 disconnected, 3 removed by another own client, 4 removed by the multi-login policy.
        log_out_reason: i64 = "logOutReason",
        /// The same, as one page of the documentation spells it.
        logout_reason: i64 = "logoutReason",
    }
}

impl CopyLogout {
    /// Why: 1 account deleted, 2 disconnected, 3 removed by another own client, 4 removed by the multi-login policy.
    pub fn reason(&self) -> Option<i64> {
        self.log_out_reason.or(self.logout_reason)
    }
}

sampled! {
    /// eventType 9: somebody entered or left a chatroom (聊天室成员进出).
    pub struct CopyChatroomPresence for ["copy.chatroom_presence"] {
        /// The chatroom's id.
        room_id: u64 = "roomId",
        /// `IN`, `OUT` or `KICK`.
        event: String = "event",
        /// Who (accid).
        accid: String = "accid",
        /// 200 where all went well.
        code: i64 = "code",
        /// The client's address; not guaranteed for `OUT`.
        client_ip: String = "clientIp",
        /// The kind of client.
        client_type: ClientType = "clientType",
        /// The SDK's version as a number; documented as text.
        sdk_version: i64 = "sdkVersion",
        /// When: Unix time in milliseconds; documented as text.
        timestamp: i64 = "timestamp",
        /// 0 ordinary, 1 creator, 2 manager, 3 temporary guest, 4 anonymous, -1 restricted.
        role_type: i64 = "roleType",
        /// Whether the user is anonymous.
        anonymous: bool = "anonymous",
        /// The tags set at login; text such as `[tag1, tag2]`, which is not JSON.
        tags: String = "tags",
        /// Which tags are told; text such as `{tag:tag1} AND {tag:tag2}`.
        notify_target_tags: String = "notifyTargetTags",
        /// Why the user left: `OFFLINE`, `KICK`, `LOGIN_KICK` or `EXIT`.
        log_out_reason: String = "logOutReason",
        /// The user's own extension.
        ext: String = "ext",
    }
}

sampled! {
    /// eventType 14: a chatroom's queue changed (聊天室队列操作).
    pub struct CopyChatroomQueue for ["copy.chatroom_queue"] {
        /// 1 init, 2 add, 3 update, 4 delete, 5 take out, 6 peek, 7 list, 8 clear, 9 batch update.
        q_event: i64 = "qEvent",
        /// Whether a server's call did it.
        from_web_api: bool = "fromWebApi",
        /// The chatroom's id; the name is in lower case here.
        roomid: u64 = "roomid",
        /// Who did it (accid).
        operator: String = "operator",
        /// Whose element it is (accid).
        belong_to: String = "belongTo",
        /// The elements; text that holds a JSON object of texts.
        elements: crate::lenient::Nested = "elements",
        /// Keys of elements; text that holds a JSON list.
        keys: Vec<String> = "keys",
        /// Whether the element goes when its owner leaves.
        transient: bool = "transient",
        /// When: Unix time in milliseconds.
        operation_time: i64 = "operationTime",
    }
}

sampled! {
    /// eventType 42: a long connection is alive (心跳).
    pub struct CopyHeartbeat for ["copy.heartbeat"] {
        /// Who (accid).
        accid: String = "accid",
        /// The connection.
        consid: String = "consid",
        /// The client's address.
        client_ip: String = "clientIp",
        /// The client's port.
        client_port: String = "clientPort",
        /// The kind of client.
        client_type: ClientType = "clientType",
        /// The device.
        device_id: String = "deviceId",
        /// When: Unix time in milliseconds; documented as text.
        timestamp: i64 = "timestamp",
        /// The client's own tag of this login.
        custom_tag: String = "customTag",
    }
}

sampled! {
    /// eventType 84: a login failed (登录失败).
    pub struct CopyLoginFailed for ["copy.login_failed"] {
        /// 0 chatroom, 1 IM.
        event: i64 = "event",
        /// The chatroom's id, where `event` is 0.
        chat_room_id: u64 = "chatRoomId",
        /// 302 wrong credentials, 403 forbidden, 404 no chatroom, 414 bad parameter, 422 account blocked, and others.
        code: i64 = "code",
        /// Why, in the platform's word, e.g. `login.token.error`.
        fail: String = "fail",
        /// Who (accid).
        accid: String = "accid",
        /// The kind of client.
        client_type: ClientType = "clientType",
        /// Whether a password was given, as opposed to an automatic login.
        app_login: bool = "appLogin",
        /// The client's own tag of this login.
        custom_tag: String = "customTag",
        /// The SDK's version as a number; documented as text.
        sdk_version: i64 = "sdkVersion",
        /// The SDK's version as people write it.
        sdk_human_version: String = "sdkHumanVersion",
        /// The kind of SDK.
        sdk_type: String = "sdkType",
        /// The connection.
        consid: String = "consid",
        /// The client's address.
        client_ip: String = "clientIp",
        /// The device.
        device_id: String = "deviceId",
        /// When: Unix time in milliseconds; documented as text.
        timestamp: i64 = "timestamp",
    }
}
