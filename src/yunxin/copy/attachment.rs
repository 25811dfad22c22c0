//! What is attached to a message: `attach` of a copy, read when somebody asks for it.

use super::message::{CopyChatroomMessage, CopyMessage, YidunResult};
use super::team_notice::TeamNotification;
use crate::lenient::{Nested, Object, object};

/// What is attached to a message, as its `msgType` tells.
///
/// ```
/// use offhook::Event;
/// use offhook::yunxin::{Attachment, CopyMessage, sample};
///
/// let event = Event::from_json(sample("copy.message").expect("a sample"))?;
/// let message: CopyMessage = event.typed().expect("a message");
/// match message.attachment() {
///     Some(Attachment::File(file)) => assert_eq!((file.ext.as_deref(), file.size), (Some("png"), Some(48213))),
///     Some(Attachment::Location(place)) => println!("at {:?}, {:?}", place.lat, place.lng),
///     Some(Attachment::Notification(notice)) => println!("{:?}", notice.operation()),
///     Some(Attachment::Call(call)) => println!("{:?} took part", call.durations.map(|members| members.len())),
///     Some(Attachment::Friend(notice)) => println!("{:?}", notice.vt),
///     _ => {}
/// }
/// # Ok::<(), offhook::Refusal>(())
/// ```
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Attachment {
    /// `PICTURE`, `AUDIO`, `VIDEO`, `FILE`.
    File(AttachedFile),
    /// `LOCATION`.
    Location(AttachedLocation),
    /// `NOTIFICATION`, and invitations and refused applications: something happened in a team.
    Notification(Box<TeamNotification>),
    /// `NRTC_NETCALL`: how a call of audio/video 2.0 went.
    Call(AttachedCall),
    /// `FRIEND_ADD`.
    Friend(FriendNotice),
    /// Anything else that holds JSON, e.g. `CUSTOM`, or text.
    Other(Nested),
}

object! {
    /// A file on the platform's storage.
    ///
    /// Example: [`Attachment`].
    pub struct AttachedFile {
        /// Its name.
        name: String = "name",
        /// Where it is.
        url: String = "url",
        /// Its MD5.
        md5: String = "md5",
        /// The extension of its name.
        ext: String = "ext",
        /// How many bytes it has; a number or text.
        size: u64 = "size",
        /// How long it plays, in milliseconds.
        dur: i64 = "dur",
        /// Its width in pixels.
        w: i64 = "w",
        /// Its height in pixels.
        h: i64 = "h",
    }
}

object! {
    /// A place.
    ///
    /// Example: [`Attachment`].
    pub struct AttachedLocation {
        /// Its name.
        title: String = "title",
        /// Its longitude; as text, so that no digit is lost.
        lng: String = "lng",
        /// Its latitude; as text, so that no digit is lost.
        lat: String = "lat",
    }
}

object! {
    /// How a call of audio/video 2.0 went.
    ///
    /// Example: [`Attachment`].
    pub struct AttachedCall {
        /// 1 audio, 2 video.
        call_type: i64 = "type",
        /// The room's number.
        channel_id: u64 = "channelId",
        /// 1 completed, 2 cancelled by the caller, 3 rejected, 4 timed out, 5 busy.
        status: i64 = "status",
        /// How long each member talked, for a completed call.
        durations: Vec<AttachedCallMember> = "durations",
    }
}

object! {
    /// How long a member of a call talked.
    ///
    /// Example: [`Attachment`].
    pub struct AttachedCallMember {
        /// The member's account.
        accid: String = "accid",
        /// How long, in seconds.
        duration: i64 = "duration",
    }
}

object! {
    /// A friend was added, or is to be.
    ///
    /// Example: [`Attachment`].
    pub struct FriendNotice {
        /// 1 added directly, 2 asks, 3 accepted, 4 refused.
        vt: i64 = "vt",
    }
}

impl CopyMessage {
    /// What is attached; `None` where nothing is, or what is there is not what `msgType` says.
    pub fn attachment(&self) -> Option<Attachment> {
        attachment(self.msg_type.as_deref(), self.attach.as_ref()?)
    }

    /// What the content check found.
    pub fn yidun(&self) -> Option<YidunResult> {
        self.yidun_res.as_ref()?.typed()
    }
}

impl CopyChatroomMessage {
    /// What is attached, for a message that is no text.
    pub fn attachment(&self) -> Option<Attachment> {
        attachment(self.msg_type.as_deref(), self.attach.as_ref()?)
    }

    /// What the content check found.
    pub fn yidun(&self) -> Option<YidunResult> {
        self.yidun_res.as_ref()?.typed()
    }
}

fn attachment(msg_type: Option<&str>, attach: &Nested) -> Option<Attachment> {
    fn read<T: Object>(attach: &Nested, into: impl FnOnce(T) -> Attachment) -> Option<Attachment> {
        attach.typed().map(into)
    }

    if attach.as_str().trim_ascii().is_empty() {
        return None;
    }
    match msg_type.unwrap_or_default().to_ascii_uppercase().as_str() {
        "PICTURE" | "AUDIO" | "VIDEO" | "FILE" => read(attach, Attachment::File),
        "LOCATION" => read(attach, Attachment::Location),
        "NOTIFICATION" | "TEAM_INVITE" | "SUPERTEAM_INVITE" | "TEAM_APPLY_REJECT" | "SUPERTEAM_APPLY_REJECT" => {
            read(attach, |notice| Attachment::Notification(Box::new(notice)))
        }
        "NRTC_NETCALL" => read(attach, Attachment::Call),
        "FRIEND_ADD" => read(attach, Attachment::Friend),
        _ => Some(Attachment::Other(attach.clone())),
    }
}
