//! Message copies (消息抄送): how they are proven, and what they carry, one struct a table of the documentation.
//!
//! The numbers of IM copies and RTC 2.0 copies collide with each other and with those of callbacks. Every field is
//! optional, and whatever a sender nests as text is read when it is asked for.

mod accounts;
mod attachment;
mod call;
mod change;
mod diagnosis;
mod message;
mod neroom;
mod presence;
mod profile;
mod rtc;
mod service;
mod team_notice;

pub use accounts::Accounts;
pub use attachment::{AttachedCall, AttachedCallMember, AttachedFile, AttachedLocation, Attachment, FriendNotice};
pub use call::{
    CallMember, CopyCallDuration, CopyCallRecording, CopyDedicatedLineEnd, CopySignalling, DedicatedLineCall,
    DedicatedLineLeg, RecordedFile,
};

pub use change::{CopyReadReceipt, CopyRecall, CopyUpdate, ReadReceipt};
pub use diagnosis::diagnose_copy;
pub use message::{AiParams, CopyChatroomMessage, CopyMessage, YidunLabel, YidunResult};
pub use neroom::NeRoom;
pub use presence::{CopyChatroomPresence, CopyChatroomQueue, CopyHeartbeat, CopyLogin, CopyLoginFailed, CopyLogout};
pub use profile::{Proof, Sealed};
pub use rtc::{
    RtcAudioEvidence, RtcContentAudit, RtcContentAuditData, RtcEvent, RtcEvidences, RtcFrame, RtcHitLocation, RtcImage,
    RtcLabel, RtcRecording, RtcRecordingData, RtcReview, RtcRoom, RtcRoomData, RtcSegment, RtcSegmentSubLabel,
    RtcSnapshot, RtcSubLabel, RtcSubLabelDetails, RtcUser, RtcUserData, RtcVideoEvidence,
};
pub use service::{
    ContentSafetyFinding, CopyCallbackFailed, CopyContentSafety, CopySmsReceipt, CopySmsUplink, CopyUploadTask,
    SmsReceipt, SmsUplink, UploadInfo,
};
pub use team_notice::{TeamAnnouncement, TeamInfo, TeamNotification, TeamNotificationData, TeamOperation, TeamUser};

use super::proof::ProvenHeaders;

/// The answer to a copy, as NetEase's own receiver gives it.
pub const COPY_TAKEN: &[u8] = br#"{"code":200}"#;
