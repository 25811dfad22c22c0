//! RTC 2.0 copies: an integer `eventType` beside a `data` object, with the header `type: G2`.

use crate::lenient::{Nested, object};
use crate::yunxin::samples::sampled;

sampled! {
    /// eventType 1 and 2: a room opened or closed (房间开始, 房间结束).
    pub struct RtcRoom for ["rtc.room_start", "rtc.room_end"] {
        /// Which room, and when.
        data: RtcRoomData = "data",
    }
}

object! {
    /// Which room, and when.
    ///
    /// ```
    /// use offhook::{Event, yunxin::{RtcRoom, sample}};
    ///
    /// let event = Event::from_json(sample("rtc.room_start").expect("a sample"))?;
    /// let room = event.typed::<RtcRoom>().and_then(|room| room.data).expect("a room");
    /// assert_eq!(room.channel_name.as_deref(), Some("book-club"));
    /// # Ok::<(), offhook::Refusal>(())
    /// ```
    pub struct RtcRoomData {
        /// The room's number.
        channel_id: u64 = "channelId",
        /// The room's name.
        channel_name: String = "channelName",
        /// When the first user joined: Unix time in milliseconds.
        createtime: i64 = "createtime",
        /// When this happened: Unix time in milliseconds.
        timestamp: i64 = "timestamp",
    }
}

sampled! {
    /// eventType 3: a recording can be fetched (录制文件).
    pub struct RtcRecording for ["rtc.recording"] {
        /// The file.
        data: RtcRecordingData = "data",
    }
}

object! {
    /// A recorded file. The documented table goes on after these.
    ///
    /// ```
    /// use offhook::{Event, yunxin::{RtcRecording, sample}};
    ///
    /// let event = Event::from_json(sample("rtc.recording").expect("a sample"))?;
    /// let file = event.typed::<RtcRecording>().and_then(|recording| recording.data).expect("a file");
    /// assert_eq!(file.url.as_deref(), Some("https://files.example/1001.mp4"));
    /// # Ok::<(), offhook::Refusal>(())
    /// ```
    pub struct RtcRecordingData {
        /// Says nothing here.
        caller: bool = "caller",
        /// The room's number.
        channel_id: u64 = "channelId",
        /// Its name: `uid-cid-timestamp-slice`, with `0` and `-mix` for a mixed one.
        filename: String = "filename",
        /// Its MD5.
        md5: String = "md5",
        /// How many bytes it has; documented as text.
        size: u64 = "size",
        /// `aac`, `mp4`, `flv` or, for subtitles, `txt`.
        file_type: String = "type",
        /// Where it is.
        url: String = "url",
        /// Whose it is; 0 for a mixed one.
        uid: u64 = "uid",
        /// The push-stream task it came from.
        task_id: String = "taskId",
        /// Whether all are mixed in it.
        mix: bool = "mix",
        /// Its id in video on demand.
        vid: String = "vid",
    }
}

sampled! {
    /// eventType 4 and 5: a user joined or left (用户加入房间, 用户离开房间).
    pub struct RtcUser for ["rtc.user_join", "rtc.user_leave"] {
        /// Who, where and when.
        data: RtcUserData = "data",
    }
}

object! {
    /// Who joined or left.
    ///
    /// ```
    /// use offhook::{Event, yunxin::{RtcUser, sample}};
    ///
    /// let event = Event::from_json(sample("rtc.user_leave").expect("a sample"))?;
    /// let user = event.typed::<RtcUser>().and_then(|left| left.data).expect("who left");
    /// assert_eq!((user.user.as_deref(), user.duration), (Some("lin.yue"), Some(62)));
    /// # Ok::<(), offhook::Refusal>(())
    /// ```
    pub struct RtcUserData {
        /// The room's number.
        channel_id: u64 = "channelId",
        /// The room's name.
        channel_name: String = "channelName",
        /// When the room was made: Unix time in milliseconds; room events spell it in lower case.
        create_time: i64 = "createTime",
        /// When this happened: Unix time in milliseconds.
        timestamp: i64 = "timestamp",
        /// The user's number in the room.
        uid: u64 = "uid",
        /// How long the user was there.
        duration: i64 = "duration",
        /// The user.
        user: String = "user",
        /// The user's platform; its values are not documented.
        platform: i64 = "platform",
        /// The user's role; its values are not documented.
        user_role: i64 = "userRole",
    }
}

sampled! {
    /// The events whose fields are not documented: failures, roles, durations, published audio and video.
    pub struct RtcEvent for [
        "rtc.join_failed", "rtc.create_failed", "rtc.room_duration", "rtc.role_audience", "rtc.role_host",
        "rtc.video_start", "rtc.video_stop", "rtc.audio_start", "rtc.audio_stop", "rtc.recording_audit",
        "rtc.whiteboard_recording",
    ] {
        /// What happened, as it was sent.
        data: Nested = "data",
    }
}

sampled! {
    /// eventType 400: content audit found something (内容安全检测).
    pub struct RtcContentAudit for ["rtc.content_audit"] {
        /// What was found.
        data: RtcContentAuditData = "data",
    }
}

object! {
    /// What content audit found.
    ///
    /// ```
    /// use offhook::{Event, yunxin::{RtcContentAudit, sample}};
    ///
    /// let event = Event::from_json(sample("rtc.content_audit").expect("a sample"))?;
    /// let found = event.typed::<RtcContentAudit>().and_then(|audit| audit.data).expect("what was found");
    /// let evidences = found.evidences.expect("what the machine saw and heard");
    /// let heard = evidences.audio.expect("what it heard");
    /// assert_eq!((heard.uid, &heard.segments.expect("labels")[0].label), (Some(1001), &Some(200)));
    /// let seen = evidences.video.expect("what it saw");
    /// let label = &seen.labels.expect("labels")[0];
    /// let details = label.sub_labels.as_ref().and_then(|labels| labels[0].details.as_ref()).expect("details");
    /// let place = &details.hit_location_infos.as_ref().expect("places")[0];
    /// assert_eq!((label.rate.as_deref(), place.x1.as_deref()), (Some("0.75"), Some("0.20926562")));
    /// let review = found.review_evidences.expect("what a reviewer did");
    /// assert_eq!(review.warn_count, Some(1));
    /// # Ok::<(), offhook::Refusal>(())
    /// ```
    pub struct RtcContentAuditData {
        /// The room's number.
        channel_id: u64 = "channelId",
        /// The room's name.
        channel_name: String = "channelName",
        /// The audit's task.
        task_id: String = "taskId",
        /// The finding's id; more digits than 64 bits hold.
        data_id: String = "dataId",
        /// The task's own text.
        callback: String = "callback",
        /// 101 running, 102 finished.
        status: i64 = "status",
        /// 0 staff of the vendor, 1 staff of the customer, 2 a machine.
        censor_source: i64 = "censorSource",
        /// What the machine saw and heard.
        evidences: RtcEvidences = "evidences",
        /// What a reviewer did.
        review_evidences: RtcReview = "reviewEvidences",
    }
}

object! {
    /// What the machine saw and heard.
    ///
    /// Example: [`RtcContentAuditData`].
    pub struct RtcEvidences {
        /// What it saw.
        video: RtcVideoEvidence = "video",
        /// What it heard.
        audio: RtcAudioEvidence = "audio",
    }
}

object! {
    /// What the machine saw.
    ///
    /// Example: [`RtcContentAuditData`].
    pub struct RtcVideoEvidence {
        /// Whose picture, and when.
        evidence: RtcFrame = "evidence",
        /// What is in it.
        labels: Vec<RtcLabel> = "labels",
    }
}

object! {
    /// What the machine heard.
    ///
    /// Example: [`RtcContentAuditData`].
    pub struct RtcAudioEvidence {
        /// Who spoke.
        uid: u64 = "uid",
        /// 1 suspect, 2 reject.
        action: i64 = "action",
        /// From when on: Unix time in milliseconds.
        start_time: i64 = "startTime",
        /// Until when: Unix time in milliseconds.
        end_time: i64 = "endTime",
        /// How recognising speech went.
        asr_status: i64 = "asrStatus",
        /// What speech was recognised.
        asr_result: String = "asrResult",
        /// What was said.
        content: String = "content",
        /// What is in it.
        segments: Vec<RtcSegment> = "segments",
    }
}

object! {
    /// One label of a picture.
    ///
    /// Example: [`RtcContentAuditData`].
    pub struct RtcLabel {
        /// 100 porn, 110 sexy, 200 advertising, 210 QR code, 260 advertising law, 300 violence, 400 prohibited, 500 politics,
        /// 600 abuse, 800 disgusting, 900 other, 1020 black screen, 1030 idle, 1100 values.
        label: i64 = "label",
        /// 1 unsure, 2 sure.
        level: i64 = "level",
        /// How likely, from 0 to 1; as text, so that no digit is lost.
        rate: String = "rate",
        /// Finer labels.
        sub_labels: Vec<RtcSubLabel> = "subLabels",
    }
}

object! {
    /// One label of what was said.
    ///
    /// Example: [`RtcContentAuditData`].
    pub struct RtcSegment {
        /// The numbers of pictures' labels.
        label: i64 = "label",
        /// 1 unsure, 2 sure.
        level: i64 = "level",
        /// Finer labels.
        sub_labels: Vec<RtcSegmentSubLabel> = "subLabels",
    }
}

object! {
    /// A finer label of what was said.
    ///
    /// Example: [`RtcContentAuditData`].
    pub struct RtcSegmentSubLabel {
        /// Its number; text here, a number for pictures.
        sub_label: String = "subLabel",
        /// What it was found by, as it was sent.
        details: Nested = "details",
    }
}

object! {
    /// A finer label of a picture.
    ///
    /// Example: [`RtcContentAuditData`].
    pub struct RtcSubLabel {
        /// Its number.
        sub_label: String = "subLabel",
        /// How likely, from 0 to 1; as text, so that no digit is lost.
        rate: String = "rate",
        /// What it was found by.
        details: RtcSubLabelDetails = "details",
    }
}

object! {
    /// What a finer label was found by.
    ///
    /// Example: [`RtcContentAuditData`].
    pub struct RtcSubLabelDetails {
        /// What was hit, as it was sent.
        hit_infos: Nested = "hitInfos",
        /// Where in the picture.
        hit_location_infos: Vec<RtcHitLocation> = "hitLocationInfos",
        /// Entries of the customer's own list of pictures.
        image_list_infos: Vec<RtcImage> = "imageListInfos",
    }
}

object! {
    /// A place in a picture; its corners as text, so that no digit is lost.
    ///
    /// Example: [`RtcContentAuditData`].
    pub struct RtcHitLocation {
        /// What was hit.
        hit_info: String = "hitInfo",
        /// The left edge.
        x1: String = "x1",
        /// The upper edge.
        y1: String = "y1",
        /// The right edge.
        x2: String = "x2",
        /// The lower edge.
        y2: String = "y2",
    }
}

object! {
    /// An entry of a list of pictures.
    ///
    /// Example: [`RtcContentAuditData`].
    pub struct RtcImage {
        /// The entry's type, as it was sent.
        image_type: String = "type",
        /// The entry.
        word: String = "word",
    }
}

object! {
    /// A picture that was looked at.
    ///
    /// Example: [`RtcContentAuditData`].
    pub struct RtcFrame {
        /// Whose it is.
        uid: u64 = "uid",
        /// From when on: Unix time in milliseconds.
        begin_time: i64 = "beginTime",
        /// Until when: Unix time in milliseconds.
        end_time: i64 = "endTime",
        /// Its type, as it was sent.
        frame_type: String = "type",
        /// Where it is.
        url: String = "url",
    }
}

object! {
    /// What a reviewer did.
    ///
    /// Example: [`RtcContentAuditData`].
    pub struct RtcReview {
        /// 1 ignored it, 2 warned, 3 cut off, 4 hinted, 10 the machine finished.
        action: i64 = "action",
        /// When: Unix time in milliseconds.
        action_time: i64 = "actionTime",
        /// The numbers of pictures' labels.
        label: i64 = "label",
        /// In words.
        detail: String = "detail",
        /// How often the user was warned.
        warn_count: i64 = "warnCount",
        /// What was seen.
        evidence: Vec<RtcSnapshot> = "evidence",
    }
}

object! {
    /// What a reviewer saw.
    ///
    /// Example: [`RtcContentAuditData`].
    pub struct RtcSnapshot {
        /// Where the picture is.
        snapshot: String = "snapshot",
    }
}
