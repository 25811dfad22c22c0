//! Teams (高级群, page `Tc5OTU0Nzk`) and super teams (超大群, page `DIyODEyNjc`).
//!
//! Where a kind's table could not be read, it has [`TeamAction`]: who, from where, which team, when. The rest is kept
//! in `other`, and nothing is guessed.

use super::client::{ClientType, client_payload};
use crate::lenient::Nested;
use crate::yunxin::samples::sampled;

sampled! {
    /// eventType 7: somebody creates a team (创建群).
    pub struct TeamCreate for ["team.create"] {
        /// Who creates it (accid); no `fromAccount` here.
        creator: String = "creator",
        /// The device it is done from.
        from_device_id: String = "fromDeviceId",
        /// The kind of client it is done from.
        from_client_type: ClientType = "fromClientType",
        /// The kind of team; 1 an advanced one.
        r#type: i64 = "type",
        /// The team's name.
        tname: String = "tname",
        /// The picture's address.
        icon: String = "icon",
        /// The client's own field of the team.
        custom: Nested = "custom",
        /// The server's own field of the team.
        servercustom: Nested = "servercustom",
        /// What the team is about.
        intro: String = "intro",
        /// The team's announcement.
        announcement: String = "announcement",
        /// What is said to those who are invited.
        msg: String = "msg",
        /// Who is invited at once (accids): a list, or JSON text of one.
        invite_list: Vec<String> = "inviteList",
        /// Who is muted: 0 nobody, 1 plain members, 3 everybody.
        team_mute_type: i64 = "teamMuteType",
        /// How many members it may have.
        level: i64 = "level",
        /// Who may join: 0 everybody, 1 after applying, 2 nobody.
        joinmode: i64 = "joinmode",
        /// Whether the invited are asked: 0 yes, 1 no.
        beinvitemode: i64 = "beinvitemode",
        /// Who may invite: 0 managers, 1 everybody.
        invitemode: i64 = "invitemode",
        /// Who may change the team's information: 0 managers, 1 everybody.
        uptinfomode: i64 = "uptinfomode",
        /// Who may change the client's own field: 0 managers, 1 everybody.
        upcustommode: i64 = "upcustommode",
        /// When it is done: Unix time in milliseconds; documented as text.
        timestamp: i64 = "timestamp",
    }
}

client_payload! {
    /// eventType 8: somebody dismisses a team (解散群).
    pub struct TeamDismiss for ["team.dismiss"] {
        /// The kind of team; 1 an advanced one.
        r#type: i64 = "type",
        /// The team's id.
        tid: u64 = "tid",
        /// When it is done: Unix time in milliseconds; documented as text.
        timestamp: i64 = "timestamp",
    }
}

client_payload! {
    /// eventType 9 and 23: somebody invites people into a team or super team (群邀请, 超大群拉人入群).
    pub struct TeamInvite for ["team.invite", "super_team.invite"] {
        /// The kind of team; 1 an advanced one. Not for super teams.
        r#type: i64 = "type",
        /// The team's id.
        tid: u64 = "tid",
        /// Whether the invited are asked: 0 yes, 1 no.
        beinvitemode: i64 = "beinvitemode",
        /// Who is invited (accids): a list, or JSON text of one.
        invite_list: Vec<String> = "inviteList",
        /// What is said to them.
        msg: String = "msg",
        /// The client's own extension of the invitation. Not for super teams.
        attach: Nested = "attach",
        /// When it is done: Unix time in milliseconds; documented as text.
        timestamp: i64 = "timestamp",
    }
}

client_payload! {
    /// eventType 11 and 12: somebody makes members managers of a team, or no longer (增加、取消群管理员).
    /// The table of 11 could not be read; it is taken for that of 12.
    pub struct TeamManagers for ["team.add_manager", "team.remove_manager"] {
        /// The team's id.
        tid: u64 = "tid",
        /// Whom it is about (accids): a list, or JSON text of one.
        manager_list: Vec<String> = "managerList",
        /// When it is done: Unix time in milliseconds; documented as text.
        timestamp: i64 = "timestamp",
    }
}

client_payload! {
    /// eventType 14: somebody removes members from a team (踢人出群).
    pub struct TeamKick for ["team.kick"] {
        /// The team's id.
        tid: u64 = "tid",
        /// Who is removed (accids): a list, or JSON text of one.
        kick_list: Vec<String> = "kickList",
        /// When it is done: Unix time in milliseconds; documented as text.
        timestamp: i64 = "timestamp",
    }
}

client_payload! {
    /// eventType 16: a member changes what a team knows of them (更新群成员信息).
    pub struct TeamOwnMember for ["team.update_own_member"] {
        /// The team's id.
        tid: u64 = "tid",
        /// The nickname in the team.
        nick: String = "nick",
        /// The member's own field.
        custom: Nested = "custom",
        /// What the member is notified of: 0 everything, 1 nothing, 2 managers' messages.
        notify_type: i64 = "notifyType",
        /// When it is done: Unix time in milliseconds; documented as text.
        timestamp: i64 = "timestamp",
    }
}

client_payload! {
    /// eventType 18: somebody mutes a member of a team, or no longer (禁言群成员).
    pub struct TeamMute for ["team.mute_member"] {
        /// The team's id.
        tid: u64 = "tid",
        /// Whom it is about (accid).
        to_account: String = "toAccount",
        /// 1 muted, 0 no longer.
        mute: i64 = "mute",
        /// When it is done: Unix time in milliseconds; documented as text.
        timestamp: i64 = "timestamp",
    }
}

client_payload! {
    /// eventType 19: somebody applies to join a team (申请入群).
    pub struct TeamApply for ["team.apply"] {
        /// The team's id.
        tid: u64 = "tid",
        /// What the applicant says.
        msg: String = "msg",
        /// Who may join: 0 everybody, 1 after applying, 2 nobody.
        joinmode: i64 = "joinmode",
        /// When it is done: Unix time in milliseconds; documented as text.
        timestamp: i64 = "timestamp",
    }
}

client_payload! {
    /// Whatever else is done to a team or super team: eventType 10, 13, 15, 17 and 24 to 34, whose tables could not be
    /// read further than this.
    pub struct TeamAction for [
        "team.leave",
        "team.transfer",
        "team.update",
        "team.update_other_member",
        "super_team.kick",
        "super_team.leave",
        "super_team.update",
        "super_team.update_own_member",
        "super_team.apply",
        "super_team.add_manager",
        "super_team.remove_manager",
        "super_team.mute",
        "super_team.mute_member",
        "super_team.update_other_member",
        "super_team.transfer",
    ] {
        /// The team's id.
        tid: u64 = "tid",
        /// When it is done: Unix time in milliseconds; documented as text.
        timestamp: i64 = "timestamp",
    }
}
