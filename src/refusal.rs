//! Why a request was turned away. Every one of these is the sender's fault; what is ours never becomes a refusal.
//!
//! The text is meant for the sender too, so it never holds a digest, a secret or a part of the body.

use std::time::Duration;

use jiff::Timestamp;

/// A request turned away, and why.
///
/// ```
/// use offhook::{Event, Refusal};
///
/// let refusal = Event::from_json("[20]").expect_err("no object");
/// assert_eq!(refusal, Refusal::BodyNotAnObject);
/// assert_eq!((refusal.code(), refusal.to_string().as_str()), ("body_not_an_object", "the body is JSON, but not an object"));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// Requests from this address are not taken (`server.allow_from`).
    #[error("requests from this address are not taken here")]
    AddressNotAllowed,
    /// A header that every request carries is not there.
    #[error("the header {0} is missing")]
    HeaderMissing(&'static str),
    /// A header came more than once, so it is not clear which one was signed.
    #[error("the header {0} was sent more than once")]
    HeaderRepeated(&'static str),
    /// A header is not what it is documented to be.
    #[error("the header {name} is malformed: {expected} expected")]
    HeaderMalformed {
        /// Which header.
        name: &'static str,
        /// What belongs there.
        expected: &'static str,
    },
    /// No app of this key is configured.
    #[error("the AppKey is not configured here")]
    AppUnknown,
    /// The body is not the one whose MD5 was signed.
    #[error("the MD5 header is not the MD5 of the {received} bytes received: the body was changed on its way")]
    BodyChanged {
        /// How many bytes arrived.
        received: usize,
    },
    /// No current secret of the app gives this checksum.
    #[error("the CheckSum does not match: it was made with another AppSecret, MD5 or CurTime")]
    CheckSumMismatch,
    /// `CurTime` lies too far back.
    #[error("{}", clock_text(*.sent, *.now, "behind"))]
    Stale {
        /// `CurTime` in milliseconds.
        sent: i64,
        /// Our clock.
        now: Timestamp,
    },
    /// `CurTime` lies too far ahead.
    #[error("{}", clock_text(*.sent, *.now, "ahead of"))]
    FromTheFuture {
        /// `CurTime` in milliseconds.
        sent: i64,
        /// Our clock.
        now: Timestamp,
    },
    /// The signed body is not JSON.
    #[error("{0}")]
    BodyNotJson(String),
    /// The signed body is JSON, but not an object.
    #[error("the body is JSON, but not an object")]
    BodyNotAnObject,
    /// `eventType` is missing, or neither an integer nor a text.
    #[error("eventType is {found}; an integer, or the text of a message copy, was expected")]
    EventTypeMalformed {
        /// What came instead.
        found: &'static str,
    },
    /// Nothing in a Tencent callback says what it is.
    #[error("the body has no usable {0}, so nobody can say what it is")]
    KindMissing(&'static str),
    /// The secret part of a Tencent callback's path is none of ours.
    #[error("the path does not end in a configured token")]
    TokenMismatch,
    /// A Tencent callback is about another app, or does not say about which.
    #[error("the SdkAppid is missing, or not the one configured here")]
    SdkAppIdUnknown,
    /// A Tencent callback was signed with none of our keys.
    #[error("{0}")]
    SignMismatch(&'static str),
    /// `RequestTime` of a Tencent callback lies too far from our clock.
    #[error("RequestTime is {} s {} this server's clock", .ahead.unsigned_abs(), if *.ahead < 0 { "behind" } else { "ahead of" })]
    RequestTimeOff {
        /// By how many seconds it is ahead of our clock.
        ahead: i64,
    },
    /// The body is larger than allowed.
    #[error("the body is larger than {limit} bytes")]
    BodyTooLarge {
        /// The configured limit.
        limit: usize,
    },
    /// The body did not arrive within its share of the budget.
    #[error("the body did not arrive whole within {} ms", .waited.as_millis())]
    BodyTooSlow {
        /// How long the request was waited for.
        waited: Duration,
    },
    /// The peer went away before the body was whole, or its chunks are none.
    #[error("the body broke off after {} ms, before it was whole", .waited.as_millis())]
    BodyCutOff {
        /// How long the request had been under way.
        waited: Duration,
    },
}

impl Refusal {
    /// The stable code in replies, metrics and logs.
    pub fn code(&self) -> &'static str {
        match self {
            Self::AddressNotAllowed => "address_not_allowed",
            Self::HeaderMissing(_) => "header_missing",
            Self::HeaderRepeated(_) => "header_repeated",
            Self::HeaderMalformed { .. } => "header_malformed",
            Self::AppUnknown => "app_unknown",
            Self::BodyChanged { .. } => "body_changed",
            Self::CheckSumMismatch => "check_sum_mismatch",
            Self::Stale { .. } => "stale",
            Self::FromTheFuture { .. } => "from_the_future",
            Self::BodyNotJson(_) => "body_not_json",
            Self::BodyNotAnObject => "body_not_an_object",
            Self::EventTypeMalformed { .. } => "event_type_malformed",
            Self::KindMissing(_) => "event_type_malformed",
            Self::TokenMismatch => "token_mismatch",
            Self::SdkAppIdUnknown => "app_unknown",
            Self::SignMismatch(_) => "sign_mismatch",
            Self::RequestTimeOff { ahead: i64::MIN..0 } => "stale",
            Self::RequestTimeOff { .. } => "from_the_future",
            Self::BodyTooLarge { .. } => "body_too_large",
            Self::BodyTooSlow { .. } | Self::BodyCutOff { .. } => "body_too_slow",
        }
    }
}

/// Whether a `CurTime` can only be meant as seconds: as milliseconds it would lie before 1973.
///
/// ```
/// use offhook::refusal::is_in_seconds;
///
/// assert!(is_in_seconds(1_767_225_600) && !is_in_seconds(1_767_225_600_000));
/// ```
pub fn is_in_seconds(cur_time: i64) -> bool {
    (1_000_000_000..100_000_000_000).contains(&cur_time)
}

fn clock_text(sent: i64, now: Timestamp, direction: &str) -> String {
    if is_in_seconds(sent) {
        return "CurTime is in seconds; milliseconds were expected".to_owned();
    }
    let apart = now.as_millisecond().abs_diff(sent) / 1000;
    format!("CurTime is {apart} s {direction} this server's clock")
}
