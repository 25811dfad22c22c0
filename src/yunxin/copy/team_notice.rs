//! Notices of teams: what happened, to whom, and what the team and the users that take part are now.
//!
//! The sender names what it says of teams and users by numbers; each has its name here.

use crate::lenient::{Fields, Nested, Typed, object};

object! {
    /// Something happened in a team.
    ///
    /// ```
    /// use offhook::Event;
    /// use offhook::yunxin::{Attachment, CopyMessage, TeamOperation};
    ///
    /// let event = Event::from_json(
    ///     r#"{"eventType":"1","convType":"TEAM","msgType":"NOTIFICATION","fromAccount":"mei","to":"4100023871",
    ///         "attach":"{\"id\":0,\"data\":{\"ids\":[\"an\"],\"tinfo\":{\"1\":\"4100023871\",\"3\":\"Reading\"}}}"}"#,
    /// )?;
    /// let message: CopyMessage = event.typed().expect("a message");
    /// let Some(Attachment::Notification(notice)) = message.attachment() else { panic!("a notification") };
    /// assert_eq!(notice.operation(), Some(TeamOperation::MembersAdded));
    /// assert_eq!(notice.data.as_ref().and_then(|data| data.ids.clone()), Some(vec!["an".to_owned()]));
    /// assert_eq!(notice.team().and_then(|team| team.tname).as_deref(), Some("Reading"));
    /// # Ok::<(), offhook::Refusal>(())
    /// ```
    pub struct TeamNotification {
        /// What happened; super teams have numbers of their own. See [`TeamNotification::operation`].
        id: i64 = "id",
        /// To whom, and what the team is now.
        data: TeamNotificationData = "data",
        /// What the team is now, where the notice has no `data` around it. See [`TeamNotification::team`].
        tinfo: TeamInfo = "tinfo",
    }
}

object! {
    /// Whom a team's notification is about.
    ///
    /// Example: [`TeamNotification`].
    pub struct TeamNotificationData {
        /// Whom it was done to.
        ids: Vec<String> = "ids",
        /// Whom it was done to, where that is one account.
        id: String = "id",
        /// What the team is now; only what changed, where something was changed.
        tinfo: TeamInfo = "tinfo",
        /// The users that take part, in no order. Personal data: not for logs.
        uinfos: Vec<TeamUser> = "uinfos",
    }
}

/// What happened in a team.
///
/// Example: [`TeamNotification`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum TeamOperation {
    /// 0, 401: members were pulled in.
    MembersAdded,
    /// 1, 402: members were removed.
    MembersRemoved,
    /// 2, 403: a member left.
    Left,
    /// 3, 404: the team's information changed.
    Changed,
    /// 4, 405: the team was dismissed.
    Dismissed,
    /// 5, 410: an application was accepted.
    ApplicationAccepted,
    /// 6, 406: the team was handed over.
    HandedOver,
    /// 7, 407: managers were added.
    ManagersAdded,
    /// 8, 408: managers were removed.
    ManagersRemoved,
    /// 9, 411: an invitation was accepted.
    InvitationAccepted,
    /// 10, 409: members were muted.
    MembersMuted,
}

impl TeamNotification {
    /// What happened. The platform's examples write a super team's numbers as a team's; both are read.
    pub fn operation(&self) -> Option<TeamOperation> {
        Some(match self.id? {
            0 | 401 => TeamOperation::MembersAdded,
            1 | 402 => TeamOperation::MembersRemoved,
            2 | 403 => TeamOperation::Left,
            3 | 404 => TeamOperation::Changed,
            4 | 405 => TeamOperation::Dismissed,
            5 | 410 => TeamOperation::ApplicationAccepted,
            6 | 406 => TeamOperation::HandedOver,
            7 | 407 => TeamOperation::ManagersAdded,
            8 | 408 => TeamOperation::ManagersRemoved,
            9 | 411 => TeamOperation::InvitationAccepted,
            10 | 409 => TeamOperation::MembersMuted,
            _ => return None,
        })
    }

    /// What the team is now, wherever in the notice it stands: a new super team is told of by its information alone.
    pub fn team(&self) -> Option<TeamInfo> {
        let told = self.data.as_ref().and_then(|data| data.tinfo.as_ref()).or(self.tinfo.as_ref());
        told.cloned().or_else(|| {
            let text = self.other.contains_key("1").then(|| serde_json::to_string(&self.other).ok())??;
            TeamInfo::read_text(&text)
        })
    }
}

impl TeamInfo {
    fn read_text(text: &str) -> Option<Self> {
        Some(<Self as Typed>::read(&Fields::parse(text).ok()?, &mut Vec::new()))
    }
}

object! {
    /// What a team is.
    ///
    /// Example: [`TeamNotification`].
    pub struct TeamInfo {
        /// The team's id.
        tid: u64 = "1",
        /// Its name.
        tname: String = "3",
        /// The kind of team; 1 an advanced one.
        kind: i64 = "4",
        /// Who owns it (accid).
        owner: String = "5",
        /// The announcement and other properties.
        properties: Nested = "7",
        /// Whether it is valid.
        valid: i64 = "8",
        /// How many valid members it has.
        members: i64 = "9",
        /// When the list of members changed: Unix time in milliseconds.
        members_updated: i64 = "10",
        /// When it was created: Unix time in milliseconds.
        created: i64 = "11",
        /// When it was changed: Unix time in milliseconds.
        updated: i64 = "12",
        /// What it is about.
        intro: String = "14",
        /// Its announcements; text that holds a JSON list.
        announcements: Vec<TeamAnnouncement> = "15",
        /// Whether joining needs approval: 0 no, 1 yes.
        joinmode: i64 = "16",
        /// Its extension.
        ext: Nested = "18",
        /// The server's extension of it.
        server_ext: Nested = "19",
        /// The picture's address.
        icon: String = "20",
        /// Whether the invited are asked: 0 yes, 1 no.
        beinvitemode: i64 = "21",
        /// Who may invite: 0 managers, 1 everybody.
        invitemode: i64 = "22",
        /// Who may change its information: 0 managers, 1 everybody.
        uptinfomode: i64 = "23",
        /// Who may change its own field: 0 managers, 1 everybody.
        upcustommode: i64 = "24",
    }
}

object! {
    /// An announcement of a team.
    ///
    /// Example: [`TeamNotification`].
    pub struct TeamAnnouncement {
        /// Its title.
        title: String = "title",
        /// What it says.
        content: String = "content",
        /// Who wrote it (accid).
        creator: String = "creator",
        /// When: Unix time in seconds.
        time: i64 = "time",
        /// Its number.
        number: i64 = "number",
    }
}

object! {
    /// A user that takes part. Personal data: not for logs.
    ///
    /// Example: [`TeamNotification`].
    pub struct TeamUser {
        /// The account.
        account: String = "1",
        /// The nickname.
        nick: String = "3",
        /// The picture's address.
        avatar: String = "4",
        /// The signature line.
        sign: String = "5",
        /// 0 unknown, 1 male, 2 female.
        gender: i64 = "6",
        /// The e-mail address.
        email: String = "7",
        /// The birthday.
        birth: String = "8",
        /// The phone number.
        mobile: String = "9",
        /// The user's own extension of the profile.
        ext: String = "10",
        /// When the account was created: Unix time in milliseconds.
        created: i64 = "12",
        /// When it was changed: Unix time in milliseconds.
        updated: i64 = "13",
    }
}
