//! Calls that ended, of audio/video 1.0 and of telephone lines, their recordings, and signalling.

use crate::lenient::{Nested, object};
use crate::yunxin::samples::sampled;

sampled! {
    /// eventType 5: how long a call of audio/video 1.0 or a whiteboard was (音视频时长).
    ///
    /// One channel can produce several: see `running`.
    pub struct CopyCallDuration for ["copy.call_duration"] {
        /// The room's number; 64 bits.
        channel_id: u64 = "channelId",
        /// When it began: Unix time in milliseconds; documented as text.
        createtime: i64 = "createtime",
        /// How long, in seconds; for two people the sum of both.
        duration: i64 = "duration",
        /// Whether it was live streaming.
        live: bool = "live",
        /// Who took part; text that holds a JSON list.
        members: Nested = "members",
        /// `SUCCESS`, `TIMEOUT`, `SINGLE_PARTICIPATE` (nobody answered) or `UNKNOWN`.
        status: String = "status",
        /// `AUDIO`, `VEDIO` (as the sender spells it) or `DataTunnel`.
        call_type: String = "type",
        /// The initiator's own text.
        ext: String = "ext",
        /// Whether the call goes on, and this is only an interim copy.
        running: bool = "running",
    }
}

impl CopyCallDuration {
    /// Who took part; `None` where the text holds no list.
    pub fn members(&self) -> Option<Vec<CallMember>> {
        self.members.as_ref()?.list()
    }
}

object! {
    /// Somebody who took part in a call.
    ///
    /// ```
    /// use offhook::{Event, yunxin::{CopyCallDuration, sample}};
    ///
    /// let event = Event::from_json(sample("copy.call_duration").expect("a sample"))?;
    /// let call: CopyCallDuration = event.typed().expect("a call that ended");
    /// let members = call.members().expect("who took part");
    /// assert_eq!((members[0].accid.as_deref(), members[0].duration), (Some("lin.yue"), Some(62)));
    /// # Ok::<(), offhook::Refusal>(())
    /// ```
    pub struct CallMember {
        /// Who (accid).
        accid: String = "accid",
        /// How long, in seconds.
        duration: i64 = "duration",
        /// Whether this one called; absent for the others.
        caller: bool = "caller",
    }
}

sampled! {
    /// eventType 6: recordings of audio/video 1.0 or a whiteboard can be fetched (音视频文件下载信息).
    pub struct CopyCallRecording for ["copy.call_recording"] {
        /// The files, perhaps of several rooms; text that holds a JSON list.
        fileinfo: Nested = "fileinfo",
    }
}

impl CopyCallRecording {
    /// The files; `None` where the text holds no list.
    pub fn files(&self) -> Option<Vec<RecordedFile>> {
        self.fileinfo.as_ref()?.list()
    }
}

object! {
    /// A recording of audio/video 1.0.
    ///
    /// ```
    /// use offhook::{Event, yunxin::{CopyCallRecording, sample}};
    ///
    /// let event = Event::from_json(sample("copy.call_recording").expect("a sample"))?;
    /// let recording: CopyCallRecording = event.typed().expect("a recording");
    /// let files = recording.files().expect("its files");
    /// assert_eq!(files[0].url.as_deref(), Some("https://files.example/7216.mp4"));
    /// # Ok::<(), offhook::Refusal>(())
    /// ```
    pub struct RecordedFile {
        /// Whether it is the initiator's; absent for the others.
        caller: bool = "caller",
        /// The room's number; the name is in lower case here.
        channelid: u64 = "channelid",
        /// Its name; a mixed one contains `-mix`.
        filename: String = "filename",
        /// Its MD5.
        md5: String = "md5",
        /// How many bytes it has; documented as text.
        size: u64 = "size",
        /// `aac`, `mp4`, `flv` (live) or `gz` (whiteboard).
        file_type: String = "type",
        /// Whether all are mixed in it.
        mix: bool = "mix",
        /// Where it is.
        url: String = "url",
        /// Whose it is (accid); 0 for a mixed one.
        user: String = "user",
        /// Its id in video on demand.
        vid: String = "vid",
    }
}

sampled! {
    /// eventType 10: a telephone call over a dedicated line ended (专线电话通话结束).
    pub struct CopyDedicatedLineEnd for ["copy.dedicated_line_end"] {
        /// How it went; text that holds JSON.
        callback: Nested = "callback",
        /// `CALL` for the newer generation, whose body is not documented.
        generation: String = "type",
    }
}

impl CopyDedicatedLineEnd {
    /// How it went; `None` where the text holds no object.
    pub fn call(&self) -> Option<DedicatedLineCall> {
        self.callback.as_ref()?.typed()
    }
}

object! {
    /// A telephone call, of two or a conference.
    ///
    /// ```
    /// use offhook::{Event, yunxin::{CopyDedicatedLineEnd, sample}};
    ///
    /// let event = Event::from_json(sample("copy.dedicated_line_end").expect("a sample"))?;
    /// let call = event.typed::<CopyDedicatedLineEnd>().and_then(|end| end.call()).expect("a call");
    /// assert_eq!(call.duration_sec, Some(37));
    /// let legs = call.legs.expect("its legs");
    /// assert_eq!(legs[0].hang_cause.as_deref(), Some("NORMAL_CLEARING"));
    /// # Ok::<(), offhook::Refusal>(())
    /// ```
    pub struct DedicatedLineCall {
        /// The number that was called.
        callee: String = "callee",
        /// The number that called.
        caller: String = "caller",
        /// When it was begun: Unix time in milliseconds.
        createtime: i64 = "createtime",
        /// How long, in seconds.
        duration_sec: i64 = "durationSec",
        /// Who began it.
        init_account: String = "initAccount",
        /// How each end went.
        legs: Vec<DedicatedLineLeg> = "legs",
        /// The numbers of a conference; text that holds a JSON list.
        members: Vec<String> = "members",
        /// The call's id.
        session: String = "session",
        /// When it began: `YYYY-MM-DD hh:mm:ss`.
        starttime: String = "starttime",
        /// How it went, e.g. `SUCCESS`.
        status: String = "status",
    }
}

object! {
    /// One end of a telephone call.
    ///
    /// Example: [`DedicatedLineCall`].
    pub struct DedicatedLineLeg {
        /// When it ended: `YYYY-MM-DD hh:mm:ss`.
        end_time: String = "endTime",
        /// Its number.
        endpoint: String = "endpoint",
        /// Why it ended.
        hang_cause: String = "hangCause",
    }
}

sampled! {
    /// eventType 31: stand-alone signalling (信令).
    pub struct CopySignalling for ["copy.signalling"] {
        /// `CREATE_ROOM`, `CLOSE_ROOM`, `JOIN_ROOM`, `LEAVE_ROOM`, `INVITE`, `CANCEL_INVITE`, `ACCEPT`, `REJECT`, `CTRL`.
        signal: String = "type",
        /// The room.
        channel_id: String = "channelId",
        /// The room's name.
        channel_name: String = "channelName",
        /// When the room was made: Unix time in milliseconds; documented as text.
        create_time: i64 = "createTime",
        /// Who made the room (accid).
        creator: String = "creator",
        /// The room's extension.
        ext: String = "ext",
        /// Who acts (accid).
        from: String = "from",
        /// To whom (accid).
        to: String = "to",
        /// When: Unix time in milliseconds; documented as text.
        timestamp: i64 = "timestamp",
        /// The notice's extension.
        attach_ext: String = "attachExt",
        /// Whether it is kept for users who are offline.
        is_save: bool = "isSave",
        /// The user's number in the room, for joining.
        uid: String = "uid",
        /// The invitation it belongs to.
        request_id: String = "requestId",
        /// Whether an invitation is pushed.
        need_push: bool = "needPush",
        /// The push's title.
        push_title: String = "pushTitle",
        /// The push's text.
        push_content: String = "pushContent",
        /// What the push carries.
        push_payload: Nested = "pushPayload",
        /// Whether the push counts on the badge.
        need_badge: bool = "needBadge",
    }
}
