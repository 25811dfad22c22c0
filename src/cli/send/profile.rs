//! How the platform sends a body: over which headers, and to which of our usual paths.

use bytes::Bytes;

use crate::event::Event;
use crate::kind::Family;

/// The product that sends a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Profile {
    /// A third-party callback, which waits for a verdict.
    Callback,
    /// A copy of IM, rooms or meetings.
    Copy,
    /// A copy of RTC 2.0, with the header `type: G2`.
    Rtc,
    /// A copy of the old meeting kit, with its own signature.
    Meeting,
}

impl Profile {
    /// Whose `body` this is. What cannot be understood is sent as a callback.
    pub(super) fn of(body: &Bytes) -> Self {
        match Event::from_json(body.clone()) {
            Ok(event) if event.family() != Family::YunxinCopy => Self::Callback,
            Ok(event) if event.kind().name().starts_with("rtc.") => Self::Rtc,
            Ok(event) if event.field("eventType").is_none() => Self::Meeting,
            Ok(_) => Self::Copy,
            Err(_) => Self::Callback,
        }
    }

    /// The family of the path that takes such a body.
    pub(super) fn family(self) -> Family {
        if self == Self::Callback { Family::YunxinCallback } else { Family::YunxinCopy }
    }

    /// Where such a body goes where nothing else is said.
    pub(super) fn path(self) -> &'static str {
        if self == Self::Callback { "/receiveMsg.action" } else { "/yunxin/copy" }
    }
}
