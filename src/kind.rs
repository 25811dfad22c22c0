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
    /// The field that names who acted; empty where none does.
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
        if text == "*" || stem.starts_with("unknown.") || ["unknown", "probe", "neroom", "trtc"].contains(&stem) {
            return Ok(Self(text.to_owned()));
        }
        let known = if text.ends_with(".*") {
            let inside = |row: &&KindRow| row.name.strip_prefix(stem).is_some_and(|rest| rest.starts_with('.'));
            KINDS.iter().any(|row| inside(&row))
        } else {
            KINDS.iter().any(|row| row.name == text)
        };
        let open_ended =
            ["neroom.", "trtc.", "copy.unknown", "rtc.unknown"].iter().any(|prefix| text.starts_with(prefix));
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
    row(Wire::Number(1), "message.p2p", Family::YunxinCallback, "P2P message", "单聊消息", "fromAccount"),
    row(Wire::Number(2), "message.team", Family::YunxinCallback, "Team message", "群组消息", "fromAccount"),
    row(Wire::Number(3), "user.update", Family::YunxinCallback, "User profile changed", "用户资料变更", "account"),
    row(Wire::Number(4), "friend.add", Family::YunxinCallback, "Friend added", "添加好友", "fromAccount"),
    row(Wire::Number(5), "friend.delete", Family::YunxinCallback, "Friend removed", "删除好友", "fromAccount"),
    row(Wire::Number(6), "message.chatroom", Family::YunxinCallback, "Chatroom message", "聊天室消息", "fromAccount"),
    row(Wire::Number(7), "team.create", Family::YunxinCallback, "Team created", "创建群", "creator"),
    row(Wire::Number(8), "team.dismiss", Family::YunxinCallback, "Team dismissed", "解散群", "fromAccount"),
    row(Wire::Number(9), "team.invite", Family::YunxinCallback, "Invitation into a team", "群邀请", "fromAccount"),
    row(Wire::Number(10), "team.leave", Family::YunxinCallback, "Team left", "退群", "fromAccount"),
    row(
        Wire::Number(11),
        "team.add_manager",
        Family::YunxinCallback,
        "Team manager added",
        "增加群管理员",
        "fromAccount",
    ),
    row(
        Wire::Number(12),
        "team.remove_manager",
        Family::YunxinCallback,
        "Team manager removed",
        "取消群管理员",
        "fromAccount",
    ),
    row(Wire::Number(13), "team.transfer", Family::YunxinCallback, "Team handed over", "转让群", "fromAccount"),
    row(Wire::Number(14), "team.kick", Family::YunxinCallback, "Member removed from a team", "踢人出群", "fromAccount"),
    row(
        Wire::Number(15),
        "team.update",
        Family::YunxinCallback,
        "Team information changed",
        "更新群信息",
        "fromAccount",
    ),
    row(
        Wire::Number(16),
        "team.update_own_member",
        Family::YunxinCallback,
        "Own team-member information changed",
        "更新群成员信息",
        "fromAccount",
    ),
    row(
        Wire::Number(17),
        "team.update_other_member",
        Family::YunxinCallback,
        "Another team member's information changed",
        "更新其他人的群成员信息",
        "fromAccount",
    ),
    row(Wire::Number(18), "team.mute_member", Family::YunxinCallback, "Team member muted", "禁言群成员", "fromAccount"),
    row(
        Wire::Number(19),
        "team.apply",
        Family::YunxinCallback,
        "Application to join a team",
        "申请入群",
        "fromAccount",
    ),
    row(
        Wire::Number(20),
        "call.start",
        Family::YunxinCallback,
        "Audio or video call started",
        "发起音视频通话",
        "fromAccount",
    ),
    row(
        Wire::Number(21),
        "room.create",
        Family::YunxinCallback,
        "Multi-party audio/video room created",
        "创建多人音视频房间",
        "fromAccount",
    ),
    row(
        Wire::Number(22),
        "message.super_team",
        Family::YunxinCallback,
        "Super-team message",
        "超大群消息",
        "fromAccount",
    ),
    row(
        Wire::Number(23),
        "super_team.invite",
        Family::YunxinCallback,
        "Invitation into a super team",
        "超大群拉人入群",
        "fromAccount",
    ),
    row(
        Wire::Number(24),
        "super_team.kick",
        Family::YunxinCallback,
        "Member removed from a super team",
        "超大群踢人出群",
        "fromAccount",
    ),
    row(Wire::Number(25), "super_team.leave", Family::YunxinCallback, "Super team left", "超大群退群", "fromAccount"),
    row(
        Wire::Number(26),
        "super_team.update",
        Family::YunxinCallback,
        "Super-team information changed",
        "更新超大群群信息",
        "fromAccount",
    ),
    row(
        Wire::Number(27),
        "super_team.update_own_member",
        Family::YunxinCallback,
        "Own super-team-member information changed",
        "更新超大群群成员信息",
        "fromAccount",
    ),
    row(
        Wire::Number(28),
        "super_team.apply",
        Family::YunxinCallback,
        "Application to join a super team",
        "超大群申请入群",
        "fromAccount",
    ),
    row(
        Wire::Number(29),
        "super_team.add_manager",
        Family::YunxinCallback,
        "Super-team manager added",
        "增加超大群管理员",
        "fromAccount",
    ),
    row(
        Wire::Number(30),
        "super_team.remove_manager",
        Family::YunxinCallback,
        "Super-team manager removed",
        "取消超大群管理员",
        "fromAccount",
    ),
    row(Wire::Number(31), "super_team.mute", Family::YunxinCallback, "Super team muted", "禁言超大群", "fromAccount"),
    row(
        Wire::Number(32),
        "super_team.mute_member",
        Family::YunxinCallback,
        "Super-team member muted",
        "禁言超大群群成员",
        "fromAccount",
    ),
    row(
        Wire::Number(33),
        "super_team.update_other_member",
        Family::YunxinCallback,
        "Another super-team member's information changed",
        "更新超大群里其他人的群成员信息",
        "fromAccount",
    ),
    row(
        Wire::Number(34),
        "super_team.transfer",
        Family::YunxinCallback,
        "Super team handed over",
        "转让超大群",
        "fromAccount",
    ),
    row(Wire::Number(35), "message.recall", Family::YunxinCallback, "Message recalled", "消息撤回", "fromAccount"),
    row(Wire::Number(36), "login.im", Family::YunxinCallback, "IM login", "登录", "fromAccount"),
    row(Wire::Number(37), "login.chatroom", Family::YunxinCallback, "Chatroom entered", "聊天室登录", "fromAccount"),
    row(Wire::Number(40), "login.qchat", Family::YunxinCallback, "QChat login", "圈组登录", "fromAccount"),
    row(Wire::Text(1), "copy.message", Family::YunxinCopy, "Message sent", "会话消息", "fromAccount"),
    row(Wire::Text(2), "copy.login", Family::YunxinCopy, "Logged in", "登录事件", "accid"),
    row(Wire::Text(3), "copy.logout", Family::YunxinCopy, "Logged out", "登出事件", "accid"),
    row(
        Wire::Text(4),
        "copy.chatroom_message",
        Family::YunxinCopy,
        "Chatroom message sent",
        "聊天室消息",
        "fromAccount",
    ),
    row(Wire::Text(5), "copy.call_duration", Family::YunxinCopy, "Duration of a call", "音视频时长", "fromAccount"),
    row(
        Wire::Text(6),
        "copy.call_recording",
        Family::YunxinCopy,
        "Recording of a call ready",
        "音视频文件下载信息",
        "fromAccount",
    ),
    row(Wire::Text(7), "copy.recall_p2p", Family::YunxinCopy, "P2P message recalled", "单聊消息撤回", "fromAccount"),
    row(Wire::Text(8), "copy.recall_team", Family::YunxinCopy, "Team message recalled", "群聊消息撤回", "fromAccount"),
    row(
        Wire::Text(9),
        "copy.chatroom_presence",
        Family::YunxinCopy,
        "Chatroom entered or left",
        "聊天室成员进出",
        "accid",
    ),
    row(
        Wire::Text(10),
        "copy.dedicated_line_end",
        Family::YunxinCopy,
        "Dedicated-line call ended",
        "专线电话通话结束",
        "fromAccount",
    ),
    row(Wire::Text(11), "copy.sms_receipt", Family::YunxinCopy, "SMS receipt", "短信回执", "fromAccount"),
    row(Wire::Text(12), "copy.sms_uplink", Family::YunxinCopy, "SMS received", "短信上行", "fromAccount"),
    row(
        Wire::Text(13),
        "copy.call_presence",
        Family::YunxinCopy,
        "Call room entered or left",
        "音视频房间成员进出",
        "fromAccount",
    ),
    row(
        Wire::Text(14),
        "copy.chatroom_queue",
        Family::YunxinCopy,
        "Chatroom queue changed",
        "聊天室队列操作",
        "fromAccount",
    ),
    row(Wire::Text(20), "copy.content_safety", Family::YunxinCopy, "Content-safety finding", "内容安全", "fromAccount"),
    row(
        Wire::Text(25),
        "copy.recall_super_team",
        Family::YunxinCopy,
        "Super-team message recalled",
        "超大群消息撤回",
        "fromAccount",
    ),
    row(Wire::Text(30), "copy.read_receipt", Family::YunxinCopy, "Read receipt", "已读回执", "fromAccount"),
    row(Wire::Text(31), "copy.signalling", Family::YunxinCopy, "Signalling event", "信令", "fromAccount"),
    row(Wire::Text(36), "copy.upload_task", Family::YunxinCopy, "Upload task", "上传任务", "fromAccount"),
    row(Wire::Text(42), "copy.heartbeat", Family::YunxinCopy, "Heartbeat", "心跳", "accid"),
    row(
        Wire::Text(83),
        "copy.callback_failed",
        Family::YunxinCopy,
        "A third-party callback failed",
        "第三方回调失败",
        "fromAccount",
    ),
    row(Wire::Text(84), "copy.login_failed", Family::YunxinCopy, "Login failed", "登录失败", "accid"),
    row(Wire::Text(89), "copy.update_p2p", Family::YunxinCopy, "P2P message changed", "单聊消息更新", "fromAccount"),
    row(Wire::Text(90), "copy.update_team", Family::YunxinCopy, "Team message changed", "群聊消息更新", "fromAccount"),
    row(
        Wire::Text(91),
        "copy.update_super_team",
        Family::YunxinCopy,
        "Super-team message changed",
        "超大群消息更新",
        "fromAccount",
    ),
    row(Wire::Rtc(1), "rtc.room_start", Family::YunxinCopy, "Room opened", "房间开始", ""),
    row(Wire::Rtc(2), "rtc.room_end", Family::YunxinCopy, "Room closed", "房间结束", ""),
    row(Wire::Rtc(3), "rtc.recording", Family::YunxinCopy, "Recording ready", "录制文件", ""),
    row(Wire::Rtc(4), "rtc.user_join", Family::YunxinCopy, "User joined", "用户加入房间", ""),
    row(Wire::Rtc(5), "rtc.user_leave", Family::YunxinCopy, "User left", "用户离开房间", ""),
    row(Wire::Rtc(6), "rtc.join_failed", Family::YunxinCopy, "Joining failed", "加入房间失败", ""),
    row(Wire::Rtc(7), "rtc.create_failed", Family::YunxinCopy, "Creating failed", "创建房间失败", ""),
    row(Wire::Rtc(8), "rtc.room_duration", Family::YunxinCopy, "Duration of a room", "房间时长", ""),
    row(Wire::Rtc(9), "rtc.role_audience", Family::YunxinCopy, "Became audience", "切换为观众", ""),
    row(Wire::Rtc(10), "rtc.role_host", Family::YunxinCopy, "Became host", "切换为主播", ""),
    row(Wire::Rtc(11), "rtc.video_start", Family::YunxinCopy, "Video published", "开始发送视频", ""),
    row(Wire::Rtc(12), "rtc.video_stop", Family::YunxinCopy, "Video stopped", "停止发送视频", ""),
    row(Wire::Rtc(13), "rtc.audio_start", Family::YunxinCopy, "Audio published", "开始发送音频", ""),
    row(Wire::Rtc(14), "rtc.audio_stop", Family::YunxinCopy, "Audio stopped", "停止发送音频", ""),
    row(Wire::Rtc(400), "rtc.content_audit", Family::YunxinCopy, "Content audit", "内容安全检测", ""),
    row(Wire::Rtc(401), "rtc.recording_audit", Family::YunxinCopy, "Recording audit", "录制文件安全检测", ""),
    row(
        Wire::Rtc(905),
        "rtc.whiteboard_recording",
        Family::YunxinCopy,
        "Whiteboard recording ready",
        "白板录制文件",
        "",
    ),
    row(Wire::None, "call_engine.start", Family::TencentCall, "Call started", "通话开始", ""),
    row(Wire::None, "call_engine.member_changed", Family::TencentCall, "Call member changed", "通话成员变更", ""),
    row(Wire::None, "call_engine.end", Family::TencentCall, "Call ended", "通话结束", ""),
];

const fn row(
    wire: Wire,
    name: &'static str,
    family: Family,
    title: &'static str,
    title_zh: &'static str,
    actor: &'static str,
) -> KindRow {
    KindRow { wire, name, family, title, title_zh, actor }
}
