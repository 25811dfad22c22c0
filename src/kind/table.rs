//! The table of all kinds: one row each, from which names, typed contents, samples, schema and documentation are made.

use super::{Family, Wire};

/// Hands the table to the macro `$then`. A row says, in this order: our name, its variant of `Payload` and the struct of
/// its content; then how the sender writes it in `eventType`, the field that names who acted, and its title in English
/// and Chinese.
macro_rules! every_kind {
    ($then:ident) => {
        $then! {
            callback {
                "message.p2p" MessageP2p(Message) [1, "fromAccount", "P2P message", "单聊消息"];
                "message.team" MessageTeam(Message) [2, "fromAccount", "Team message", "群组消息"];
                "user.update" UserUpdate(UserUpdate) [3, "account", "User profile changed", "用户资料变更"];
                "friend.add" FriendAdd(FriendChange) [4, "fromAccount", "Friend added", "添加好友"];
                "friend.delete" FriendDelete(FriendChange) [5, "fromAccount", "Friend removed", "删除好友"];
                "message.chatroom" MessageChatroom(Message) [6, "fromAccount", "Chatroom message", "聊天室消息"];
                "team.create" TeamCreate(TeamCreate) [7, "creator", "Team created", "创建群"];
                "team.dismiss" TeamDismiss(TeamDismiss) [8, "fromAccount", "Team dismissed", "解散群"];
                "team.invite" TeamInvite(TeamInvite) [9, "fromAccount", "Invitation into a team", "群邀请"];
                "team.leave" TeamLeave(TeamAction) [10, "fromAccount", "Team left", "退群"];
                "team.add_manager" TeamAddManager(TeamManagers) [11, "fromAccount", "Team manager added", "增加群管理员"];
                "team.remove_manager" TeamRemoveManager(TeamManagers) [12, "fromAccount", "Team manager removed", "取消群管理员"];
                "team.transfer" TeamTransfer(TeamAction) [13, "fromAccount", "Team handed over", "转让群"];
                "team.kick" TeamKick(TeamKick) [14, "fromAccount", "Member removed from a team", "踢人出群"];
                "team.update" TeamUpdate(TeamAction) [15, "fromAccount", "Team information changed", "更新群信息"];
                "team.update_own_member" TeamUpdateOwnMember(TeamOwnMember) [16, "fromAccount", "Own team-member information changed", "更新群成员信息"];
                "team.update_other_member" TeamUpdateOtherMember(TeamAction) [17, "fromAccount", "Another team member's information changed", "更新其他人的群成员信息"];
                "team.mute_member" TeamMuteMember(TeamMute) [18, "fromAccount", "Team member muted", "禁言群成员"];
                "team.apply" TeamApply(TeamApply) [19, "fromAccount", "Application to join a team", "申请入群"];
                "call.start" CallStart(CallStart) [20, "fromAccount", "Audio or video call started", "发起音视频通话"];
                "room.create" RoomCreate(RoomCreate) [21, "fromAccount", "Multi-party audio/video room created", "创建多人音视频房间"];
                "message.super_team" MessageSuperTeam(Message) [22, "fromAccount", "Super-team message", "超大群消息"];
                "super_team.invite" SuperTeamInvite(TeamInvite) [23, "fromAccount", "Invitation into a super team", "超大群拉人入群"];
                "super_team.kick" SuperTeamKick(TeamAction) [24, "fromAccount", "Member removed from a super team", "超大群踢人出群"];
                "super_team.leave" SuperTeamLeave(TeamAction) [25, "fromAccount", "Super team left", "超大群退群"];
                "super_team.update" SuperTeamUpdate(TeamAction) [26, "fromAccount", "Super-team information changed", "更新超大群群信息"];
                "super_team.update_own_member" SuperTeamUpdateOwnMember(TeamAction) [27, "fromAccount", "Own super-team-member information changed", "更新超大群群成员信息"];
                "super_team.apply" SuperTeamApply(TeamAction) [28, "fromAccount", "Application to join a super team", "超大群申请入群"];
                "super_team.add_manager" SuperTeamAddManager(TeamAction) [29, "fromAccount", "Super-team manager added", "增加超大群管理员"];
                "super_team.remove_manager" SuperTeamRemoveManager(TeamAction) [30, "fromAccount", "Super-team manager removed", "取消超大群管理员"];
                "super_team.mute" SuperTeamMute(TeamAction) [31, "fromAccount", "Super team muted", "禁言超大群"];
                "super_team.mute_member" SuperTeamMuteMember(TeamAction) [32, "fromAccount", "Super-team member muted", "禁言超大群群成员"];
                "super_team.update_other_member" SuperTeamUpdateOtherMember(TeamAction) [33, "fromAccount", "Another super-team member's information changed", "更新超大群里其他人的群成员信息"];
                "super_team.transfer" SuperTeamTransfer(TeamAction) [34, "fromAccount", "Super team handed over", "转让超大群"];
                "message.recall" MessageRecall(MessageRecall) [35, "fromAccount", "Message recalled", "消息撤回"];
                "login.im" LoginIm(LoginIm) [36, "fromAccount", "IM login", "登录"];
                "login.chatroom" LoginChatroom(LoginChatroom) [37, "fromAccount", "Chatroom entered", "聊天室登录"];
                "login.qchat" LoginQchat(LoginQchat) [40, "fromAccount", "QChat login", "圈组登录"];
            }
            copy {
                "copy.message" CopyMessage(CopyMessage) [1, "fromAccount", "Message sent", "会话消息"];
                "copy.login" CopyLogin(CopyLogin) [2, "accid", "Logged in", "登录事件"];
                "copy.logout" CopyLogout(CopyLogout) [3, "accid", "Logged out", "登出事件"];
                "copy.chatroom_message" CopyChatroomMessage(CopyChatroomMessage) [4, "fromAccount", "Chatroom message sent", "聊天室消息"];
                "copy.call_duration" CopyCallDuration(CopyCallDuration) [5, "", "Duration of a call", "音视频时长"];
                "copy.call_recording" CopyCallRecording(CopyCallRecording) [6, "", "Recording of a call ready", "音视频文件下载信息"];
                "copy.recall_p2p" CopyRecallP2p(CopyRecall) [7, "from", "P2P message recalled", "单聊消息撤回"];
                "copy.recall_team" CopyRecallTeam(CopyRecall) [8, "from", "Team message recalled", "群聊消息撤回"];
                "copy.chatroom_presence" CopyChatroomPresence(CopyChatroomPresence) [9, "accid", "Chatroom entered or left", "聊天室成员进出"];
                "copy.dedicated_line_end" CopyDedicatedLineEnd(CopyDedicatedLineEnd) [10, "", "Dedicated-line call ended", "专线电话通话结束"];
                "copy.sms_receipt" CopySmsReceipt(CopySmsReceipt) [11, "", "SMS receipt", "短信回执"];
                "copy.sms_uplink" CopySmsUplink(CopySmsUplink) [12, "", "SMS received", "短信上行"];
                "copy.call_presence" CopyCallPresence(Untyped) [13, "", "Call room entered or left", "音视频房间成员进出"];
                "copy.chatroom_queue" CopyChatroomQueue(CopyChatroomQueue) [14, "operator", "Chatroom queue changed", "聊天室队列操作"];
                "copy.content_safety" CopyContentSafety(CopyContentSafety) [20, "", "Content-safety finding", "内容安全"];
                "copy.recall_super_team" CopyRecallSuperTeam(CopyRecall) [25, "from", "Super-team message recalled", "超大群消息撤回"];
                "copy.read_receipt" CopyReadReceipt(CopyReadReceipt) [30, "", "Read receipt", "已读回执"];
                "copy.signalling" CopySignalling(CopySignalling) [31, "from", "Signalling event", "信令"];
                "copy.upload_task" CopyUploadTask(CopyUploadTask) [36, "", "Upload task", "上传任务"];
                "copy.heartbeat" CopyHeartbeat(CopyHeartbeat) [42, "accid", "Heartbeat", "心跳"];
                "copy.callback_failed" CopyCallbackFailed(CopyCallbackFailed) [83, "", "A third-party callback failed", "第三方回调失败"];
                "copy.login_failed" CopyLoginFailed(CopyLoginFailed) [84, "accid", "Login failed", "登录失败"];
                "copy.update_p2p" CopyUpdateP2p(CopyUpdate) [89, "modifyAccountId", "P2P message changed", "单聊消息更新"];
                "copy.update_team" CopyUpdateTeam(CopyUpdate) [90, "modifyAccountId", "Team message changed", "群聊消息更新"];
                "copy.update_super_team" CopyUpdateSuperTeam(CopyUpdate) [91, "modifyAccountId", "Super-team message changed", "超大群消息更新"];
            }
            rtc {
                "rtc.room_start" RtcRoomStart(RtcRoom) [1, "", "Room opened", "房间开始"];
                "rtc.room_end" RtcRoomEnd(RtcRoom) [2, "", "Room closed", "房间结束"];
                "rtc.recording" RtcRecording(RtcRecording) [3, "", "Recording ready", "录制文件"];
                "rtc.user_join" RtcUserJoin(RtcUser) [4, "data.user", "User joined", "用户加入房间"];
                "rtc.user_leave" RtcUserLeave(RtcUser) [5, "data.user", "User left", "用户离开房间"];
                "rtc.join_failed" RtcJoinFailed(RtcEvent) [6, "", "Joining failed", "加入房间失败"];
                "rtc.create_failed" RtcCreateFailed(RtcEvent) [7, "", "Creating failed", "创建房间失败"];
                "rtc.room_duration" RtcRoomDuration(RtcEvent) [8, "", "Duration of a room", "房间时长"];
                "rtc.role_audience" RtcRoleAudience(RtcEvent) [9, "", "Became audience", "切换为观众"];
                "rtc.role_host" RtcRoleHost(RtcEvent) [10, "", "Became host", "切换为主播"];
                "rtc.video_start" RtcVideoStart(RtcEvent) [11, "", "Video published", "开始发送视频"];
                "rtc.video_stop" RtcVideoStop(RtcEvent) [12, "", "Video stopped", "停止发送视频"];
                "rtc.audio_start" RtcAudioStart(RtcEvent) [13, "", "Audio published", "开始发送音频"];
                "rtc.audio_stop" RtcAudioStop(RtcEvent) [14, "", "Audio stopped", "停止发送音频"];
                "rtc.content_audit" RtcContentAudit(RtcContentAudit) [400, "", "Content audit", "内容安全检测"];
                "rtc.recording_audit" RtcRecordingAudit(RtcEvent) [401, "", "Recording audit", "录制文件安全检测"];
                "rtc.whiteboard_recording" RtcWhiteboardRecording(RtcEvent) [905, "", "Whiteboard recording ready", "白板录制文件"];
            }
            call_engine {
                "call_engine.start" CallEngineStart(CallStarted) ["UserList.User_Account", "Call started", "通话开始"];
                "call_engine.member_changed" CallEngineMemberChanged(MemberChanged) ["ChangedUserList.User_Account", "Call member changed", "通话成员变更"];
                "call_engine.end" CallEngineEnd(CallEnded) ["CallRecord.Caller_Account", "Call ended", "通话结束"];
            }
            trtc {
                "trtc.1.101" TrtcRoomCreated(TrtcEvent) ["EventInfo.UserId", "Room created", "创建房间"];
                "trtc.1.102" TrtcRoomDismissed(TrtcEvent) ["EventInfo.UserId", "Room dismissed", "解散房间"];
                "trtc.1.103" TrtcRoomEntered(TrtcEvent) ["EventInfo.UserId", "Room entered", "进入房间"];
                "trtc.1.104" TrtcRoomLeft(TrtcEvent) ["EventInfo.UserId", "Room left", "退出房间"];
                "trtc.1.105" TrtcRoleSwitched(TrtcEvent) ["EventInfo.UserId", "Role switched", "切换角色"];
                "trtc.2.201" TrtcVideoStarted(TrtcEvent) ["EventInfo.UserId", "Video started", "开始推送视频"];
                "trtc.2.202" TrtcVideoStopped(TrtcEvent) ["EventInfo.UserId", "Video stopped", "停止推送视频"];
                "trtc.2.203" TrtcAudioStarted(TrtcEvent) ["EventInfo.UserId", "Audio started", "开始推送音频"];
                "trtc.2.204" TrtcAudioStopped(TrtcEvent) ["EventInfo.UserId", "Audio stopped", "停止推送音频"];
                "trtc.2.205" TrtcSubStreamStarted(TrtcEvent) ["EventInfo.UserId", "Sub-stream started", "开始推送辅路"];
                "trtc.2.206" TrtcSubStreamStopped(TrtcEvent) ["EventInfo.UserId", "Sub-stream stopped", "停止推送辅路"];
                "trtc.7.701" TrtcIngestStarted(TrtcEvent) ["", "Stream ingest started", "输入在线媒体流开始"];
                "trtc.7.702" TrtcIngestStopped(TrtcEvent) ["", "Stream ingest stopped", "输入在线媒体流停止"];
            }
        }
    };
}
pub(crate) use every_kind;

/// One documented kind.
///
/// ```
/// use offhook::kind::{Kind, KINDS, Wire};
///
/// let row = KINDS.iter().find(|row| row.name == "call.start").expect("a row");
/// assert_eq!((row.wire, row.actor, row.title_zh), (Wire::Number(20), "fromAccount", "发起音视频通话"));
/// assert!(row.fields().iter().any(|field| field.name == "toAccountList"));
/// assert_eq!(Kind::of(row).name(), "call.start");
/// ```
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
    /// The field that names who acted, with a dot where it is inside another one, and of a list the first item counts;
    /// empty where none does.
    pub actor: &'static str,
    pub(crate) id: Id,
}

macro_rules! rows {
    ($($section:ident { $($name:literal $variant:ident($content:ident) [$($column:literal),+];)* })*) => {
        /// A documented kind, to be matched on.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(crate) enum Id {
            $($($variant,)*)*
        }

        /// Every documented kind.
        pub static KINDS: &[KindRow] = &[$($($section(Id::$variant, $name, $($column),+),)*)*];
    };
}
every_kind!(rows);

type Text = &'static str;

const fn callback(id: Id, name: Text, number: i64, actor: Text, title: Text, title_zh: Text) -> KindRow {
    KindRow { id, wire: Wire::Number(number), family: Family::YunxinCallback, name, title, title_zh, actor }
}

const fn copy(id: Id, name: Text, number: i64, actor: Text, title: Text, title_zh: Text) -> KindRow {
    KindRow { id, wire: Wire::Text(number), family: Family::YunxinCopy, name, title, title_zh, actor }
}

const fn rtc(id: Id, name: Text, number: i64, actor: Text, title: Text, title_zh: Text) -> KindRow {
    KindRow { id, wire: Wire::Rtc(number), family: Family::YunxinCopy, name, title, title_zh, actor }
}

const fn call_engine(id: Id, name: Text, actor: Text, title: Text, title_zh: Text) -> KindRow {
    KindRow { id, wire: Wire::None, family: Family::TencentCall, name, title, title_zh, actor }
}

const fn trtc(id: Id, name: Text, actor: Text, title: Text, title_zh: Text) -> KindRow {
    KindRow { id, wire: Wire::None, family: Family::TencentTrtc, name, title, title_zh, actor }
}
