//! What can happen: the families of senders, and the table of all kinds they document.
//!
//! The table only names things; which fields a kind carries is told by the family's own module.

use std::borrow::Cow;
use std::fmt;

/// Which sender and product an event belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Family {
    /// Yunxin asks before a user acts (第三方回调).
    YunxinCallback,
    /// Yunxin tells afterwards (消息抄送).
    YunxinCopy,
    /// Tencent's call engine tells about a call.
    TencentCall,
    /// Tencent TRTC tells about a room.
    TencentTrtc,
}

impl Family {
    /// Every family.
    pub const ALL: [Self; 4] = [Self::YunxinCallback, Self::YunxinCopy, Self::TencentCall, Self::TencentTrtc];

    /// The name used in configuration, metrics and logs.
    pub fn name(self) -> &'static str {
        match self {
            Self::YunxinCallback => "yunxin.callback",
            Self::YunxinCopy => "yunxin.copy",
            Self::TencentCall => "tencent.call",
            Self::TencentTrtc => "tencent.trtc",
        }
    }

    /// The first part of a CloudEvent's `source`.
    pub fn source(self) -> &'static str {
        match self {
            Self::YunxinCallback => "/yunxin/callback",
            Self::YunxinCopy => "/yunxin/copy",
            Self::TencentCall => "/tencent/call",
            Self::TencentTrtc => "/tencent/trtc",
        }
    }

    /// The family of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|family| family.name() == name)
    }
}

/// How the sender writes a kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wire {
    /// `eventType` as a JSON integer in a flat body: a callback.
    Number(i64),
    /// `eventType` as a decimal JSON text: an IM copy.
    Text(i64),
    /// `eventType` as a JSON integer beside a `data` object: an RTC 2.0 copy.
    Rtc(i64),
    /// Told by something else than a number.
    None,
}

/// One documented kind.
#[derive(Debug, PartialEq, Eq)]
pub struct KindRow {
    /// How the sender writes it.
    pub wire: Wire,
    /// Our name for it, e.g. `call.start`.
    pub name: &'static str,
    /// Who sends it.
    pub family: Family,
    /// What happened, in English.
    pub title: &'static str,
    /// What happened, in Chinese.
    pub title_zh: &'static str,
    /// The field that names who acted; empty where none does. With dots it is a path, and of a list the first counts.
    pub actor: &'static str,
}

/// What happened, inside its family.
#[derive(Clone)]
pub struct Kind {
    name: Cow<'static, str>,
    family: Family,
    row: Option<&'static KindRow>,
}

impl Kind {
    /// The documented kind that `family` writes as `wire`.
    pub fn on_wire(wire: Wire) -> Option<Self> {
        let row = match wire {
            Wire::Number(number) => KINDS.iter().find(|row| row.wire == Wire::Number(number)),
            other => KINDS.iter().find(|row| row.wire == other && other != Wire::None),
        };
        row.map(Self::of)
    }

    /// The kind of a table row.
    pub fn of(row: &'static KindRow) -> Self {
        Self { name: Cow::Borrowed(row.name), family: row.family, row: Some(row) }
    }

    /// The kind of this name: documented or not.
    pub fn named(family: Family, name: &str) -> Self {
        match KINDS.iter().find(|row| row.name == name) {
            Some(row) => Self { family, ..Self::of(row) },
            None => Self { name: Cow::Owned(name.to_owned()), family, row: None },
        }
    }

    /// The signed body `{}`, with which Yunxin's customers check their URL.
    pub fn probe() -> Self {
        Self { name: Cow::Borrowed(PROBE), family: Family::YunxinCallback, row: None }
    }

    /// Our name for it, e.g. `call.start` or `unknown.4711`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Who sends it.
    pub fn family(&self) -> Family {
        self.family
    }

    /// Its row in [`KINDS`]; `None` for a kind that nobody documented.
    pub fn row(&self) -> Option<&'static KindRow> {
        self.row
    }

    /// The name for a metric's label: undocumented kinds share one, since a sender may invent any number of them.
    pub fn label(&self) -> &'static str {
        match self.row {
            Some(row) => row.name,
            None if self.is_probe() => PROBE,
            None => "unknown",
        }
    }

    /// Whether this is the signed body `{}`.
    pub fn is_probe(&self) -> bool {
        self.name == PROBE
    }

    /// Whether it is a login, for which our answer may be the only authentication.
    pub fn is_login(&self) -> bool {
        self.name.starts_with("login.")
    }

    /// Whether an allow may change the message it is about.
    pub fn is_changeable(&self) -> bool {
        matches!(&*self.name, "message.p2p" | "message.team" | "message.chatroom" | "message.super_team")
    }
}

impl PartialEq for Kind {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name && self.family == other.family
    }
}

impl Eq for Kind {}

impl fmt::Debug for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.name)
    }
}

/// Which kinds something is about: `call.start`, `call.*` or `*`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KindPattern(String);

impl KindPattern {
    /// Reads a pattern: a kind's name, a prefix followed by `.*`, or `*`.
    ///
    /// # Errors
    /// Says what is wrong with `text`, with the nearest documented kind where it looks like a slip.
    pub fn parse(text: &str) -> Result<Self, String> {
        let stem = text.strip_suffix(".*").unwrap_or(text);
        let of_many = text.ends_with(".*") && ["unknown", "neroom", "trtc"].contains(&stem);
        if text == "*" || stem.starts_with("unknown.") || of_many {
            return Ok(Self(text.to_owned()));
        }
        let known = if text.ends_with(".*") {
            let inside = |row: &&KindRow| row.name.strip_prefix(stem).is_some_and(|rest| rest.starts_with('.'));
            KINDS.iter().any(|row| inside(&row))
        } else {
            KINDS.iter().any(|row| row.name == text)
        };
        let open_ended = ["neroom.", "trtc.", "copy.unknown", "rtc.unknown", "call_engine.unknown"]
            .iter()
            .any(|prefix| text.starts_with(prefix));
        if known || open_ended {
            return Ok(Self(text.to_owned()));
        }
        let nearest = KINDS
            .iter()
            .map(|row| (strsim::damerau_levenshtein(row.name, text), row.name))
            .min()
            .filter(|(distance, _)| *distance <= 4);
        let hint = nearest.map(|(_, name)| format!("; did you mean `{name}`?")).unwrap_or_default();
        Err(format!("no such kind: `{text}`{hint}"))
    }

    /// Whether `kind` is meant.
    pub fn matches(&self, kind: &str) -> bool {
        match self.0.strip_suffix('*') {
            Some(prefix) => kind.starts_with(prefix),
            None => kind == self.0,
        }
    }

    /// The pattern as written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

const PROBE: &str = "probe";

/// Every documented kind.
pub static KINDS: &[KindRow] = &[
    callback(1, "message.p2p", "P2P message", "单聊消息", "fromAccount"),
    callback(2, "message.team", "Team message", "群组消息", "fromAccount"),
    callback(3, "user.update", "User profile changed", "用户资料变更", "account"),
    callback(4, "friend.add", "Friend added", "添加好友", "fromAccount"),
    callback(5, "friend.delete", "Friend removed", "删除好友", "fromAccount"),
    callback(6, "message.chatroom", "Chatroom message", "聊天室消息", "fromAccount"),
    callback(7, "team.create", "Team created", "创建群", "creator"),
    callback(8, "team.dismiss", "Team dismissed", "解散群", "fromAccount"),
    callback(9, "team.invite", "Invitation into a team", "群邀请", "fromAccount"),
    callback(10, "team.leave", "Team left", "退群", "fromAccount"),
    callback(11, "team.add_manager", "Team manager added", "增加群管理员", "fromAccount"),
    callback(12, "team.remove_manager", "Team manager removed", "取消群管理员", "fromAccount"),
    callback(13, "team.transfer", "Team handed over", "转让群", "fromAccount"),
    callback(14, "team.kick", "Member removed from a team", "踢人出群", "fromAccount"),
    callback(15, "team.update", "Team information changed", "更新群信息", "fromAccount"),
    callback(16, "team.update_own_member", "Own team-member information changed", "更新群成员信息", "fromAccount"),
    callback(
        17,
        "team.update_other_member",
        "Another team member's information changed",
        "更新其他人的群成员信息",
        "fromAccount",
    ),
    callback(18, "team.mute_member", "Team member muted", "禁言群成员", "fromAccount"),
    callback(19, "team.apply", "Application to join a team", "申请入群", "fromAccount"),
    callback(20, "call.start", "Audio or video call started", "发起音视频通话", "fromAccount"),
    callback(21, "room.create", "Multi-party audio/video room created", "创建多人音视频房间", "fromAccount"),
    callback(22, "message.super_team", "Super-team message", "超大群消息", "fromAccount"),
    callback(23, "super_team.invite", "Invitation into a super team", "超大群拉人入群", "fromAccount"),
    callback(24, "super_team.kick", "Member removed from a super team", "超大群踢人出群", "fromAccount"),
    callback(25, "super_team.leave", "Super team left", "超大群退群", "fromAccount"),
    callback(26, "super_team.update", "Super-team information changed", "更新超大群群信息", "fromAccount"),
    callback(
        27,
        "super_team.update_own_member",
        "Own super-team-member information changed",
        "更新超大群群成员信息",
        "fromAccount",
    ),
    callback(28, "super_team.apply", "Application to join a super team", "超大群申请入群", "fromAccount"),
    callback(29, "super_team.add_manager", "Super-team manager added", "增加超大群管理员", "fromAccount"),
    callback(30, "super_team.remove_manager", "Super-team manager removed", "取消超大群管理员", "fromAccount"),
    callback(31, "super_team.mute", "Super team muted", "禁言超大群", "fromAccount"),
    callback(32, "super_team.mute_member", "Super-team member muted", "禁言超大群群成员", "fromAccount"),
    callback(
        33,
        "super_team.update_other_member",
        "Another super-team member's information changed",
        "更新超大群里其他人的群成员信息",
        "fromAccount",
    ),
    callback(34, "super_team.transfer", "Super team handed over", "转让超大群", "fromAccount"),
    callback(35, "message.recall", "Message recalled", "消息撤回", "fromAccount"),
    callback(36, "login.im", "IM login", "登录", "fromAccount"),
    callback(37, "login.chatroom", "Chatroom entered", "聊天室登录", "fromAccount"),
    callback(40, "login.qchat", "QChat login", "圈组登录", "fromAccount"),
    copy(1, "copy.message", "Message sent", "会话消息", "fromAccount"),
    copy(2, "copy.login", "Logged in", "登录事件", "accid"),
    copy(3, "copy.logout", "Logged out", "登出事件", "accid"),
    copy(4, "copy.chatroom_message", "Chatroom message sent", "聊天室消息", "fromAccount"),
    copy(5, "copy.call_duration", "Duration of a call", "音视频时长", ""),
    copy(6, "copy.call_recording", "Recording of a call ready", "音视频文件下载信息", ""),
    copy(7, "copy.recall_p2p", "P2P message recalled", "单聊消息撤回", "from"),
    copy(8, "copy.recall_team", "Team message recalled", "群聊消息撤回", "from"),
    copy(9, "copy.chatroom_presence", "Chatroom entered or left", "聊天室成员进出", "accid"),
    copy(10, "copy.dedicated_line_end", "Dedicated-line call ended", "专线电话通话结束", ""),
    copy(11, "copy.sms_receipt", "SMS receipt", "短信回执", ""),
    copy(12, "copy.sms_uplink", "SMS received", "短信上行", ""),
    copy(13, "copy.call_presence", "Call room entered or left", "音视频房间成员进出", ""),
    copy(14, "copy.chatroom_queue", "Chatroom queue changed", "聊天室队列操作", "operator"),
    copy(20, "copy.content_safety", "Content-safety finding", "内容安全", ""),
    copy(25, "copy.recall_super_team", "Super-team message recalled", "超大群消息撤回", "from"),
    copy(30, "copy.read_receipt", "Read receipt", "已读回执", ""),
    copy(31, "copy.signalling", "Signalling event", "信令", "from"),
    copy(36, "copy.upload_task", "Upload task", "上传任务", ""),
    copy(42, "copy.heartbeat", "Heartbeat", "心跳", "accid"),
    copy(83, "copy.callback_failed", "A third-party callback failed", "第三方回调失败", ""),
    copy(84, "copy.login_failed", "Login failed", "登录失败", "accid"),
    copy(89, "copy.update_p2p", "P2P message changed", "单聊消息更新", "modifyAccountId"),
    copy(90, "copy.update_team", "Team message changed", "群聊消息更新", "modifyAccountId"),
    copy(91, "copy.update_super_team", "Super-team message changed", "超大群消息更新", "modifyAccountId"),
    rtc(1, "rtc.room_start", "Room opened", "房间开始"),
    rtc(2, "rtc.room_end", "Room closed", "房间结束"),
    rtc(3, "rtc.recording", "Recording ready", "录制文件"),
    rtc(4, "rtc.user_join", "User joined", "用户加入房间"),
    rtc(5, "rtc.user_leave", "User left", "用户离开房间"),
    rtc(6, "rtc.join_failed", "Joining failed", "加入房间失败"),
    rtc(7, "rtc.create_failed", "Creating failed", "创建房间失败"),
    rtc(8, "rtc.room_duration", "Duration of a room", "房间时长"),
    rtc(9, "rtc.role_audience", "Became audience", "切换为观众"),
    rtc(10, "rtc.role_host", "Became host", "切换为主播"),
    rtc(11, "rtc.video_start", "Video published", "开始发送视频"),
    rtc(12, "rtc.video_stop", "Video stopped", "停止发送视频"),
    rtc(13, "rtc.audio_start", "Audio published", "开始发送音频"),
    rtc(14, "rtc.audio_stop", "Audio stopped", "停止发送音频"),
    rtc(400, "rtc.content_audit", "Content audit", "内容安全检测"),
    rtc(401, "rtc.recording_audit", "Recording audit", "录制文件安全检测"),
    rtc(905, "rtc.whiteboard_recording", "Whiteboard recording ready", "白板录制文件"),
    call_engine("call_engine.start", "Call started", "通话开始", "UserList.User_Account"),
    call_engine("call_engine.member_changed", "Call member changed", "通话成员变更", "ChangedUserList.User_Account"),
    call_engine("call_engine.end", "Call ended", "通话结束", "CallRecord.Caller_Account"),
    trtc("trtc.1.101", "Room created", "创建房间"),
    trtc("trtc.1.102", "Room dismissed", "解散房间"),
    trtc("trtc.1.103", "Room entered", "进入房间"),
    trtc("trtc.1.104", "Room left", "退出房间"),
    trtc("trtc.1.105", "Role switched", "切换角色"),
    trtc("trtc.2.201", "Video started", "开始推送视频"),
    trtc("trtc.2.202", "Video stopped", "停止推送视频"),
    trtc("trtc.2.203", "Audio started", "开始推送音频"),
    trtc("trtc.2.204", "Audio stopped", "停止推送音频"),
    trtc("trtc.2.205", "Sub-stream started", "开始推送辅路"),
    trtc("trtc.2.206", "Sub-stream stopped", "停止推送辅路"),
    trtc("trtc.7.701", "Stream ingest started", "输入在线媒体流开始"),
    trtc("trtc.7.702", "Stream ingest stopped", "输入在线媒体流停止"),
];

type Text = &'static str;

const fn callback(number: i64, name: Text, title: Text, title_zh: Text, actor: Text) -> KindRow {
    KindRow { wire: Wire::Number(number), family: Family::YunxinCallback, name, title, title_zh, actor }
}

const fn copy(number: i64, name: Text, title: Text, title_zh: Text, actor: Text) -> KindRow {
    KindRow { wire: Wire::Text(number), family: Family::YunxinCopy, name, title, title_zh, actor }
}

const fn rtc(number: i64, name: Text, title: Text, title_zh: Text) -> KindRow {
    KindRow { wire: Wire::Rtc(number), family: Family::YunxinCopy, name, title, title_zh, actor: "" }
}

const fn call_engine(name: Text, title: Text, title_zh: Text, actor: Text) -> KindRow {
    KindRow { wire: Wire::None, family: Family::TencentCall, name, title, title_zh, actor }
}

const fn trtc(name: Text, title: Text, title_zh: Text) -> KindRow {
    KindRow { wire: Wire::None, family: Family::TencentTrtc, name, title, title_zh, actor: "EventInfo.UserId" }
}
