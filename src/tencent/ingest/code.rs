//! Every code that Tencent documents for stream ingest and for signing: what it means, whose fault it is, what to do.
//!
//! From trtc.io/document/57835, 34264 and the errors of the official SDKs.

use crate::tencent::error::{Class, Fault, Known};

/// A documented code.
///
/// ```
/// use offhook::tencent::Fault;
/// use offhook::tencent::ingest::Code;
///
/// let code = Code::of("FailedOperation.TaskExist").expect("a documented code");
/// assert_eq!(code.known.fault, Fault::Request);
/// ```
#[derive(Debug, PartialEq, Eq)]
pub struct Code {
    /// As it comes in `Response.Error.Code`.
    pub name: &'static str,
    /// What it means.
    pub known: Known,
    pub(super) class: Class,
}

impl Code {
    /// The documented code of this name; of a longer name that goes on with a dot, that of its beginning.
    pub fn of(name: &str) -> Option<&'static Self> {
        let exact = CODES.iter().find(|code| code.name == name);
        exact.or_else(|| {
            let group = |code: &&Self| name.strip_prefix(code.name).is_some_and(|rest| rest.starts_with('.'));
            CODES.iter().find(group)
        })
    }
}

const PAIR: &str =
    "compare ingest.secret_id and ingest.secret_key: the pair of the Cloud API, not the app's SDKSecretKey";
const TELL: &str = "tell us: offhook writes it";
const AGAIN: &str = "ask again later; where it lasts, ask Tencent's support with the RequestId";
const SLOWER: &str = "ask less often: the limit is 20 requests a second for each interface";
const PACKAGE: &str = "the app's package does not contain stream ingest; see the console";
const ROOM: &str = "the two documents of Tencent contradict each other on RoomIdType; both readings were tried where \
                    that is safe. Compare the room with that of the call, and ingest.room_id_type";
const TASK: &str = "the media has ended, or the task id is not whole: keep it as it came, with its `+`, `-` and dots";

/// Every documented code.
pub static CODES: &[Code] = &[
    account("FailedOperation.NotAllowed", "the app may not do this", PACKAGE),
    account("FailedOperation.NotRtmpFunction", "the app has no stream ingest", PACKAGE),
    account("FailedOperation.NotAbility", "the app's package does not contain this", PACKAGE),
    account("FailedOperation.RestrictedConcurrency", "too many streams at once", "stop one, or ask Tencent for more"),
    account("FailedOperation.SdkAppIdNotUnderAppId", "the app does not belong to the owner of this pair", PAIR),
    request(
        "FailedOperation.TaskExist",
        "this user plays into this room already",
        "stop that task, or take another user",
    ),
    request("FailedOperation.TaskFinished", "the task is over", TASK),
    request("FailedOperation.TaskNotExist", "there is no such task", TASK),
    tencent("FailedOperation.QueryTaskInfoFailed", "the task cannot be looked up"),
    tencent("InternalError", "internal error"),
    request("InvalidParameter.BodyParamsError", "the body is not as documented", TELL),
    request("InvalidParameter.RoomId", "the room is not as RoomIdType says", ROOM),
    request("InvalidParameter.StrRoomId", "the room is not as RoomIdType says", ROOM),
    settings("InvalidParameter.SdkAppId", "the SdkAppId is invalid", "compare sdk_app_id with the console"),
    request(
        "InvalidParameter.StreamUrl",
        "the stream's URL cannot be used",
        "give a public URL of http, https or rtmp",
    ),
    request("InvalidParameter.TaskId", "the task id is invalid", TASK),
    settings(
        "InvalidParameter.UserSig",
        "the UserSig is wrong",
        "compare sdk_app_id and secret_key: they must belong together",
    ),
    request("InvalidParameter", "a parameter is invalid", "the message names it"),
    request("InvalidParameterValue", "a parameter's value is invalid", "the message names it"),
    request("MissingParameter", "a parameter is missing", TELL),
    request("UnknownParameter", "a parameter is not known here", TELL),
    request("UnsupportedOperation", "this is not supported", "compare ingest.site and ingest.region"),
    account("ResourceInsufficient.RequestRejection", "no room for more", "ask again later, or ask Tencent for more"),
    account("ResourceInsufficient", "no room for more", "ask again later, or ask Tencent for more"),
    settings("AuthFailure.SignatureExpire", "the signature is more than 5 minutes off", "set this machine's clock"),
    settings("AuthFailure.SecretIdNotFound", "there is no such SecretId", PAIR),
    settings("AuthFailure.InvalidSecretId", "the SecretId is not one of the Cloud API", PAIR),
    settings("AuthFailure.SignatureFailure", "the signature is wrong", PAIR),
    settings("AuthFailure.TokenFailure", "the temporary token is wrong", "renew the temporary pair and its token"),
    settings("AuthFailure.InvalidAuthorization", "the header Authorization is malformed", TELL),
    account("AuthFailure.MFAFailure", "a second factor is wanted", "give the pair a right that needs none"),
    account("AuthFailure.UnauthorizedOperation", "this pair may not do this", "give it the right in the console (CAM)"),
    settings("AuthFailure", "the signature is not believed", PAIR),
    account("UnauthorizedOperation", "this pair may not do this", "give it the right in the console (CAM)"),
    settings("UnsupportedRegion", "the region is not one of this interface", "compare ingest.region with ingest.site"),
    settings("NoSuchVersion", "there is no such version here", "compare ingest.site or endpoint"),
    settings("InvalidAction", "there is no such interface here", "compare ingest.site or endpoint"),
    load("RequestLimitExceeded", "too many requests"),
];

type Text = &'static str;

const fn code(name: Text, meaning: Text, fault: Fault, advice: Text, class: Class) -> Code {
    Code { name, known: Known { meaning, fault, advice }, class }
}

const fn tencent(name: Text, meaning: Text) -> Code {
    code(name, meaning, Fault::Tencent, AGAIN, Class::Ambiguous)
}

const fn load(name: Text, meaning: Text) -> Code {
    code(name, meaning, Fault::Load, SLOWER, Class::BackOff)
}

const fn request(name: Text, meaning: Text, advice: Text) -> Code {
    code(name, meaning, Fault::Request, advice, Class::Final)
}

const fn settings(name: Text, meaning: Text, advice: Text) -> Code {
    code(name, meaning, Fault::Settings, advice, Class::Final)
}

const fn account(name: Text, meaning: Text, advice: Text) -> Code {
    code(name, meaning, Fault::Account, advice, Class::Final)
}
