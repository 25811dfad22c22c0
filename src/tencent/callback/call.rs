//! The call engine's callbacks (v4): a call began, a member's state changed, a call ended.
//!
//! Every field is optional. Accounts are JSON numbers on some pages, above 2^53 too: their digits are kept.

use super::words::{ActionWord, CallResultWord, MediaType, MediaTypeWord};
use crate::lenient::{object, payload};
use crate::tencent::RoomId;

payload! {
    /// `Call.CallbackAfterStartCall`: a call began.
    ///
    /// Example: [`super::decode_call`].
    pub struct CallStarted for ["call_engine.start"] {
        /// Which callback it is.
        command: String = "CallbackCommand",
        /// The call.
        call_info: CallInfo = "CallInfo",
        /// Who is in it; the caller first.
        user_list: Vec<CallMember> = "UserList",
        /// When it happened: Unix time in milliseconds.
        event_time: i64 = "EventTime",
    }
}

object! {
    /// A call that is going on.
    ///
    /// Example: [`super::decode_call`].
    pub struct CallInfo {
        /// The call's own id.
        call_id: String = "CallId",
        /// Audio or video, by its name in the samples.
        call_media_type: MediaTypeWord = "CallMediaType",
        /// Audio or video, by its name in the tables.
        media_type: MediaTypeWord = "MediaType",
        /// The group it belongs to, or empty.
        chat_group_id: String = "ChatGroupId",
        /// The room, also where it is a number; may be empty.
        room_id: String = "RoomId",
        /// 1 number, 2 text.
        room_id_type: i64 = "RoomIdType",
    }
}

object! {
    /// Somebody in a call.
    ///
    /// Example: [`MemberChanged`].
    pub struct CallMember {
        /// Who.
        account: String = "User_Account",
        /// `Calling` or `Waiting`.
        status: String = "Status",
    }
}

payload! {
    /// `Call.CallbackAfterMemberChanged`: somebody accepted, rejected, hung up or was invited.
    ///
    /// ```
    /// use offhook::lenient::{Fields, Typed};
    /// use offhook::tencent::callback::{Action, MemberChanged};
    ///
    /// let body = r#"{"CallId":"c-1","ChangedUserList":[{"User_Account":9007199254740993,"ActionType":"Answer"}]}"#;
    /// let changed = MemberChanged::read(&Fields::parse(body)?, &mut Vec::new());
    /// let change = &changed.changes.unwrap_or_default()[0];
    /// assert_eq!(change.account.as_deref(), Some("9007199254740993"));
    /// assert_eq!(change.action.as_ref().map(|action| action.meaning()), Some(Action::Accept));
    /// # Ok::<(), offhook::lenient::NotFields>(())
    /// ```
    pub struct MemberChanged for ["call_engine.member_changed"] {
        /// Which callback it is.
        command: String = "CallbackCommand",
        /// The call's own id.
        call_id: String = "CallId",
        /// Who is in the call now.
        user_list: Vec<CallMember> = "UserList",
        /// Who changed.
        changes: Vec<MemberChange> = "ChangedUserList",
        /// When it happened: Unix time in milliseconds.
        event_time: i64 = "EventTime",
    }
}

object! {
    /// What somebody in a call did.
    ///
    /// Example: [`MemberChanged`].
    pub struct MemberChange {
        /// Who.
        account: String = "User_Account",
        /// What.
        action: ActionWord = "ActionType",
    }
}

payload! {
    /// `Call.CallbackAfterEndCall`: at most one member was left.
    ///
    /// ```
    /// use offhook::lenient::{Fields, Typed};
    /// use offhook::tencent::callback::{CallEnded, CallResult, sample};
    ///
    /// let body = sample("call_engine.end").expect("a sample");
    /// let ended = CallEnded::read(&Fields::parse(body)?, &mut Vec::new()); // of an event: `event.typed()`
    /// let record = ended.record.expect("its record");
    /// assert_eq!(record.result.map(|result| result.meaning()), Some(CallResult::NormalEnd));
    /// assert_eq!((record.accept_time, record.end_time), (Some(1_767_225_604), Some(1_767_225_663)));
    /// # Ok::<(), offhook::lenient::NotFields>(())
    /// ```
    pub struct CallEnded for ["call_engine.end"] {
        /// Which callback it is.
        command: String = "CallbackCommand",
        /// The call, as it went.
        record: CallRecord = "CallRecord",
        /// When it happened: Unix time in milliseconds.
        event_time: i64 = "EventTime",
    }
}

object! {
    /// A call that is over. Its times are Unix times in seconds, unlike `EventTime`.
    ///
    /// Example: [`CallEnded`].
    pub struct CallRecord {
        /// The call's own id.
        call_id: String = "CallId",
        /// Who called.
        caller: String = "Caller_Account",
        /// Audio or video.
        media_type: MediaTypeWord = "MediaType",
        /// `SingleCall` or `MultiCall`.
        call_type: String = "CallType",
        /// When it was begun.
        start_time: i64 = "StartTime",
        /// When it was over.
        end_time: i64 = "EndTime",
        /// When it was accepted; 0 where nobody did.
        accept_time: i64 = "AcceptTime",
        /// How it ended.
        result: CallResultWord = "CallResult",
        /// The members; published samples name the caller among them.
        callees: Vec<String> = "CalleeList_Account",
        /// The room, also where it is a number.
        room_id: String = "RoomId",
        /// 1 number, 2 text.
        room_id_type: i64 = "RoomIdType",
    }
}

impl CallInfo {
    /// Audio or video, whichever of its two names it has.
    pub fn media(&self) -> Option<MediaType> {
        self.call_media_type.as_ref().or(self.media_type.as_ref()).map(MediaTypeWord::meaning)
    }

    /// The room, where both its fields make sense together.
    pub fn room(&self) -> Option<RoomId> {
        RoomId::of_call_engine(self.room_id.as_deref()?, self.room_id_type?)
    }
}

impl CallRecord {
    /// The room, where both its fields make sense together.
    pub fn room(&self) -> Option<RoomId> {
        RoomId::of_call_engine(self.room_id.as_deref()?, self.room_id_type?)
    }
}
