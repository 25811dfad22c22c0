//! The answer to a question: allow or reject, and who said so.
//!
//! Values only; how an answer looks on the wire is the family's business.

use std::borrow::Cow;
use std::fmt;

use serde_json::{Map, Value};

/// The number a client SDK sees when its action is rejected: `20000..=20099`, the range that
/// Yunxin reserves for the customer's own codes. No other number can be held.
///
/// ```
/// use offhook::verdict::RejectCode;
///
/// assert_eq!(RejectCode::new(20010).map(RejectCode::get), Some(20010));
/// assert_eq!(RejectCode::new(403), None);
/// assert!(RejectCode::new(20005).is_some_and(RejectCode::clashes_with_sdk));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RejectCode(u16);

impl RejectCode {
    /// The code used where nobody chose one.
    pub const DEFAULT: Self = Self(20099);

    /// Whichever the configuration says for the event (`reject_code`): for a decider that rejects and leaves the number
    /// to it. As a number it is [`RejectCode::DEFAULT`].
    pub const CONFIGURED: Self = Self(0);

    /// `code`, where it lies inside `20000..=20099`.
    pub fn new(code: i64) -> Option<Self> {
        u16::try_from(code).ok().filter(|code| (20000..=20099).contains(code)).map(Self)
    }

    /// The number itself.
    pub fn get(self) -> u16 {
        if self == Self::CONFIGURED { Self::DEFAULT.0 } else { self.0 }
    }

    /// Whether the desktop SDK uses this number for an error of its own (20000 to 20007).
    pub fn clashes_with_sdk(self) -> bool {
        self.get() <= 20007
    }
}

impl fmt::Debug for RejectCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if *self == Self::CONFIGURED { f.write_str("as configured") } else { fmt::Display::fmt(self, f) }
    }
}

impl fmt::Display for RejectCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.get(), f)
    }
}

/// What the platform is told.
///
/// ```
/// use offhook::Verdict;
///
/// let no = Verdict::reject(20010).with_ext("too many people");
/// assert_eq!((no.word(), no.code(), no.ext()), ("reject", 20010, "too many people"));
///
/// // A message that is allowed may be changed.
/// let yes = Verdict::allow().with_change("body", "***");
/// assert!(yes.allows() && yes.code() == 20000);
/// ```
#[derive(Debug, Clone, PartialEq)]
pub enum Verdict {
    /// Let the user act.
    Allow {
        /// Parts of a message to replace (`body`, `attach`, `ext`); message kinds only.
        modify: Map<String, Value>,
        /// Opaque text handed on to the client SDKs as `callbackExt`.
        ext: String,
    },
    /// Stop the user.
    Reject {
        /// The number the client SDK reports.
        code: RejectCode,
        /// Opaque text handed on to the client SDKs as `callbackExt`.
        ext: String,
    },
}

impl Verdict {
    /// Allow, changing nothing.
    pub fn allow() -> Self {
        Self::Allow { modify: Map::new(), ext: String::new() }
    }

    /// Reject with a code of `20000..=20099`.
    ///
    /// A number outside that range would be refused by the platform and turn the rejection into
    /// the console's default, so it is replaced by [`RejectCode::DEFAULT`]: the user stays stopped.
    pub fn reject(code: u16) -> Self {
        let code = RejectCode::new(i64::from(code)).unwrap_or_else(|| {
            tracing::warn!(code, "reject code outside 20000..=20099; 20099 is sent instead");
            RejectCode::DEFAULT
        });
        Self::Reject { code, ext: String::new() }
    }

    /// The same verdict with `text` for the client SDKs.
    #[must_use]
    pub fn with_ext(mut self, text: impl Into<String>) -> Self {
        match &mut self {
            Self::Allow { ext, .. } | Self::Reject { ext, .. } => *ext = text.into(),
        }
        self
    }

    /// The same verdict, replacing `part` (`body`, `attach` or `ext`) of the message it allows.
    /// A rejection stays as it is.
    #[must_use]
    pub fn with_change(mut self, part: impl Into<String>, value: impl Into<Value>) -> Self {
        if let Self::Allow { modify, .. } = &mut self {
            modify.insert(part.into(), value.into());
        }
        self
    }

    /// Whether the user may act.
    pub fn allows(&self) -> bool {
        matches!(self, Self::Allow { .. })
    }

    /// The `responseCode`: 20000 for an allow, else the reject code.
    pub fn code(&self) -> u16 {
        match self {
            Self::Allow { .. } => 20000,
            Self::Reject { code, .. } => code.get(),
        }
    }

    /// The text for the client SDKs.
    pub fn ext(&self) -> &str {
        match self {
            Self::Allow { ext, .. } | Self::Reject { ext, .. } => ext,
        }
    }

    /// `allow` or `reject`.
    pub fn word(&self) -> &'static str {
        if self.allows() { "allow" } else { "reject" }
    }
}

/// Why the fallback was used instead of an opinion.
///
/// ```
/// use offhook::Verdict;
/// use offhook::verdict::{Decision, FallbackReason};
///
/// let decision = Decision::by_fallback(Verdict::allow(), FallbackReason::Timeout);
/// assert_eq!(decision.by, "fallback:timeout");
/// assert!(decision.is_fallback(FallbackReason::Timeout));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FallbackReason {
    /// Deciding did not finish inside its share of the budget.
    Timeout,
    /// Too many proven requests at once.
    Overload,
    /// A decider reported a failure.
    Error,
    /// A decider panicked.
    Panic,
}

impl FallbackReason {
    /// The word used in `verdictby`, logs and metrics.
    pub fn word(self) -> &'static str {
        match self {
            Self::Timeout => "timeout",
            Self::Overload => "overload",
            Self::Error => "error",
            Self::Panic => "panic",
        }
    }

    /// `fallback:` and the word.
    fn by(self) -> &'static str {
        match self {
            Self::Timeout => "fallback:timeout",
            Self::Overload => "fallback:overload",
            Self::Error => "fallback:error",
            Self::Panic => "fallback:panic",
        }
    }
}

/// A verdict and who gave it.
///
/// ```
/// use offhook::verdict::{Decision, FallbackReason, Verdict};
///
/// let decision = Decision::by_fallback(Verdict::reject(20099), FallbackReason::Timeout);
/// assert_eq!(decision.by, "fallback:timeout");
/// assert_eq!(Decision::by_decider(Verdict::allow(), "my-rules").by, "my-rules");
/// assert_eq!(Decision::by_default(Verdict::allow()).by, "default");
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Decision {
    /// The verdict itself.
    pub verdict: Verdict,
    /// `default`, a decider's name, or `fallback:<why>`.
    pub by: Cow<'static, str>,
}

impl Decision {
    /// No decider had an opinion.
    pub fn by_default(verdict: Verdict) -> Self {
        Self { verdict, by: Cow::Borrowed("default") }
    }

    /// Deciding failed or there was no time or room for it.
    pub fn by_fallback(verdict: Verdict, why: FallbackReason) -> Self {
        Self { verdict, by: Cow::Borrowed(why.by()) }
    }

    /// Whether it is the fallback for this reason.
    pub fn is_fallback(&self, why: FallbackReason) -> bool {
        self.by == why.by()
    }

    /// A decider said so.
    pub fn by_decider(verdict: Verdict, name: &str) -> Self {
        Self { verdict, by: Cow::Owned(name.to_owned()) }
    }
}
