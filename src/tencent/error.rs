//! Why a request to Tencent came to nothing: what happened, with which value, whose fault it is, what to do.
//!
//! No error holds a signature, a key or the URL of a request.

use std::fmt;
use std::time::Duration;

use super::json_faults::JsonFault;

/// Why a request came to nothing.
///
/// ```
/// use offhook::tencent::call_engine::{CallEngine, StartCall};
/// use offhook::tencent::RequestError;
///
/// /// What to tell whoever asked for a call.
/// async fn ring(engine: &CallEngine, call: &StartCall) -> &'static str {
///     match engine.start(call).await {
///         Ok(_) => "it rings",
///         Err(RequestError::Unknown(_)) => "it may have rung; it is not asked again",
///         Err(RequestError::Refused(refused)) if refused.known.is_some() => "Tencent says no, and why",
///         Err(_) => "it did not ring",
///     }
/// }
/// # let _ = ring;
/// ```
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum RequestError {
    /// It was not sent: it could not have worked.
    #[error("the request was not sent: {}", joined(.0))]
    Invalid(Vec<RequestFault>),
    /// Tencent was never reached: nothing happened there.
    #[error("cannot connect to {host}: {why}")]
    NotReached {
        /// Where to.
        host: String,
        /// Why not.
        why: String,
    },
    /// The answer is that of somebody else.
    #[error("{host} answered with the HTTP status {status}: that is not Tencent; compare region, site and host")]
    NotTencent {
        /// Who answered.
        host: String,
        /// With what.
        status: u16,
    },
    /// Tencent says no.
    #[error(transparent)]
    Refused(Box<Refused>),
    /// Too many UserSigs were wrong: nothing is sent until this time has passed.
    #[error(
        "not sent: too many UserSigs of this app were wrong (70050), and Tencent believes none for {} s more; mend what \
         is wrong with them first", .0.as_secs().max(1)
    )]
    LockedOut(Duration),
    /// It may have been done or not.
    #[error(transparent)]
    Unknown(Box<Unknown>),
}

/// One thing that is wrong with a request.
///
/// ```
/// use offhook::tencent::RequestFault;
/// use offhook::tencent::call_engine::{Media, StartCall};
///
/// let faults: Vec<RequestFault> = StartCall::new("robot", Vec::new(), Media::Audio).faults();
/// assert!(!faults.is_empty(), "nobody is called");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {what}")]
pub struct RequestFault {
    /// The field, as Tencent writes it.
    pub field: &'static str,
    /// What is wrong, with the value and what to do.
    pub what: String,
}

/// Why a text is no request.
///
/// ```
/// use offhook::tencent::FileError;
/// use offhook::tencent::call_engine::StartCall;
///
/// let Err(FileError::NotJson(faults)) = StartCall::from_json("{\n  // who calls\n}") else { panic!("a comment is no JSON") };
/// assert_eq!(faults[0].line, 2);
/// ```
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FileError {
    /// It is not JSON.
    #[error("not JSON\n  {}", lines(.0))]
    NotJson(Vec<JsonFault>),
    /// It is JSON, but has a field that cannot be.
    #[error("not the request that is documented\n  {0}")]
    Field(JsonFault),
    /// Its values cannot be.
    #[error("{}", joined(.0))]
    Values(Vec<RequestFault>),
}

/// Tencent's own no.
///
/// Example: [`RequestError`].
#[derive(Debug, Clone, thiserror::Error)]
pub struct Refused {
    /// The interface that was asked, by its name.
    pub api: &'static str,
    /// Its code: a number of the call engine, a name of the Cloud API.
    pub code: String,
    /// What is documented of it.
    pub known: Option<Known>,
    /// What Tencent says besides.
    pub info: String,
    /// For Tencent's support.
    pub request_id: Option<String>,
}

/// Nobody here knows whether it was done.
///
/// Example: [`RequestError`].
#[derive(Debug, Clone, thiserror::Error)]
#[error("unknown whether {api} was done: {why}; {find_out}")]
pub struct Unknown {
    /// The interface that was asked, by its name.
    pub api: &'static str,
    /// What happened instead of an answer.
    pub why: String,
    /// How to find out.
    pub find_out: &'static str,
    /// The code of the answer, where there was one.
    pub code: Option<String>,
    /// For Tencent's support, where there was an answer.
    pub request_id: Option<String>,
}

/// What is documented of a code.
///
/// ```
/// use offhook::tencent::Fault;
/// use offhook::tencent::call_engine::Code;
///
/// let code = Code::of(70_001).expect("a documented code");
/// assert_eq!((code.known.meaning, code.known.fault), ("the UserSig has expired", Fault::Settings));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Known {
    /// What Tencent says with it.
    pub meaning: &'static str,
    /// Who can mend it.
    pub fault: Fault,
    /// What to do.
    pub advice: &'static str,
}

/// Whose fault an error is.
///
/// Example: [`Known`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The request says something that cannot be.
    Request,
    /// The settings: app, key, administrator, region, clock.
    Settings,
    /// What the console says of the app: its package, its quota, who may ask.
    Account,
    /// Too many requests.
    Load,
    /// Tencent's own.
    Tencent,
}

/// What a client makes of a code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Class {
    /// Asking again changes nothing.
    Final,
    /// Turned away before anything was done: ask again later.
    BackOff,
    /// The same, once.
    Once,
    /// The UserSig is over: ask with a new one, once.
    NewUserSig,
    /// Too many bad UserSigs: do not ask for a minute.
    LockOut,
    /// Nobody knows whether it was done.
    Ambiguous,
}

impl RequestError {
    /// Whether it may have been done all the same.
    pub fn is_unknown(&self) -> bool {
        matches!(self, Self::Unknown(_))
    }

    /// Tencent's code, where it answered with one.
    pub fn code(&self) -> Option<&str> {
        match self {
            Self::Refused(refused) => Some(&refused.code),
            Self::Unknown(unknown) => unknown.code.as_deref(),
            _ => None,
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Request => "the request is at fault",
            Self::Settings => "the settings are at fault",
            Self::Account => "a matter of the app's console",
            Self::Load => "too many requests",
            Self::Tencent => "Tencent is at fault",
        })
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} was refused with {}", self.api, self.code.escape_debug())?;
        match self.known {
            Some(Known { meaning, fault, advice }) => write!(f, ": {meaning} ({fault}); {advice}")?,
            None => f.write_str(": a code that is not documented")?,
        }
        if !self.info.is_empty() {
            write!(f, "; Tencent says: {}", self.info.escape_debug())?;
        }
        self.request_id.as_ref().map_or(Ok(()), |id| write!(f, "; RequestId: {}", id.escape_debug()))
    }
}

fn joined(faults: &[RequestFault]) -> String {
    faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

fn lines(faults: &[JsonFault]) -> String {
    faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n  ")
}
