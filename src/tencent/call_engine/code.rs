//! Every code that Tencent documents for the call engine and its REST door: what it means, whose fault it is, what to do.
//!
//! From trtc.io/document/74505, 74506, 68926, 68930 to 68932, 68937 to 68939, 54901 and 34348.

use crate::tencent::error::{Class, Fault, Known};

/// A documented code.
///
/// Example: [`crate::tencent::Known`].
#[derive(Debug, PartialEq, Eq)]
pub struct Code {
    /// As it comes in `ErrorCode`.
    pub number: i64,
    /// What it means.
    pub known: Known,
    pub(super) class: Class,
}

impl Code {
    /// The documented code of this number.
    pub fn of(number: i64) -> Option<&'static Self> {
        CODES.iter().find(|code| code.number == number)
    }
}

const AGAIN: &str = "ask again later; where it lasts, ask Tencent's support with the RequestId";
const CLOCK: &str = "compare this machine's clock; a new UserSig was tried already";
const WAIT: &str = "wait a minute, and mend what is wrong with them first";
const SLOWER: &str = "ask less often: the limit is 200 requests a second for each interface";
const OTHER_KEY: &str = "compare sdk_app_id, secret_key and region: the key must be this app's SDKSecretKey, without \
                         blanks around it, and not the Cloud API's";
const OTHER_REGION: &str = "compare region with the data centre that the console names for this app";

/// Every documented code.
pub static CODES: &[Code] = &[
    tencent(101_001, "internal error of the call engine"),
    request(101_002, "a parameter is invalid", "ErrorInfo names it"),
    request(101_004, "there is no such call, or it is over", "look for its record a few seconds after its end"),
    request(101_050, "there is no record of this call", "records appear about 5 s after the end and stay for 7 days"),
    tencent(100_001, "internal error of the callback settings"),
    request(
        100_002,
        "a parameter of the callback settings is invalid",
        "give a URL of http or https, and known commands",
    ),
    request(100_301, "no callback is set", "set one with `offhook call callback set`"),
    request(60_002, "the request line or the URL cannot be read", "tell us: offhook writes it"),
    request(60_003, "the body is not JSON", "tell us: offhook writes it"),
    once(60_004, "the account or its signature could not be checked", OTHER_KEY),
    once(60_005, "the account or its signature could not be checked", OTHER_KEY),
    settings(60_006, "the SDKAppID is invalid", "compare sdk_app_id with the console"),
    load(60_007, "too many requests to this interface"),
    tencent(60_008, "the service timed out, or the HTTP request was malformed"),
    request(60_009, "there is no such interface", "compare host: it must be Tencent's"),
    settings(
        60_010,
        "the identifier is no administrator of the app",
        "compare admin with the console's administrators",
    ),
    load(60_011, "too many requests of this app"),
    settings(60_012, "the SDKAppID is missing", "set sdk_app_id"),
    tencent(60_013, "what is behind the door answered no JSON"),
    code(60_014, "checking the account timed out", Fault::Tencent, AGAIN, Class::BackOff),
    request(60_015, "an account in the body is no text", "tell us: offhook writes it"),
    account(60_016, "the SDKAppID is disabled", "ask Tencent why"),
    account(60_017, "this request is disabled", "ask Tencent why"),
    load(60_018, "too many requests"),
    load(60_019, "too many requests"),
    account(60_020, "the package has expired, was not bought, or is not paid for", "buy it; it counts after 5 minutes"),
    account(60_021, "this machine's address may not ask", "add it to the addresses that the console permits"),
    settings(60_025, "SDKAppID, identifier, UserSig or contenttype is wrong in the URL", OTHER_KEY),
    settings(60_026, "the host is not that of the app's site", OTHER_REGION),
    account(60_027, "a product of this kind may not use this interface", "the app needs a Call package"),
    account(60_028, "today's quota of the trial is used up", "ask tomorrow, or buy a package"),
    code(70_001, "the UserSig has expired", Fault::Settings, CLOCK, Class::NewUserSig),
    settings(70_003, "the UserSig is malformed", "was it cut or escaped on its way? A proxy may do that"),
    settings(70_009, "the UserSig was made with another key", OTHER_KEY),
    settings(70_013, "the UserSig is of another user than the identifier", "compare admin"),
    settings(70_014, "the UserSig is of another app", "compare sdk_app_id"),
    settings(70_016, "there is no public key of this app here", OTHER_REGION),
    settings(70_020, "there is no such SDKAppID here", OTHER_REGION),
    code(70_050, "too many UserSigs of this app were wrong", Fault::Settings, WAIT, Class::LockOut),
    account(70_051, "the account is blocked", "unblock it in the console"),
    account(70_107, "the account is not known to Chat", "import it, or let the user log in once"),
    tencent(70_169, "timed out inside"),
    account(70_398, "the app has as many accounts as its package permits", "buy more, or delete some"),
    account(70_399, "the account was deleted and may not be imported again within 3 months", "take another name"),
    request(70_402, "a parameter is invalid", "ErrorInfo names it"),
    tencent(70_500, "internal error"),
    account(72_000, "the quota of daily users of the trial is used up", "ask tomorrow, or buy a package"),
    account(72_002, "the quota of monthly users of the trial is used up", "buy a package"),
    request(90_043, "OfflinePushInfo is malformed", "compare it with trtc.io/document/77715"),
];

type Text = &'static str;

const fn code(number: i64, meaning: Text, fault: Fault, advice: Text, class: Class) -> Code {
    Code { number, known: Known { meaning, fault, advice }, class }
}

const fn tencent(number: i64, meaning: Text) -> Code {
    code(number, meaning, Fault::Tencent, AGAIN, Class::Ambiguous)
}

const fn load(number: i64, meaning: Text) -> Code {
    code(number, meaning, Fault::Load, SLOWER, Class::BackOff)
}

const fn once(number: i64, meaning: Text, advice: Text) -> Code {
    code(number, meaning, Fault::Settings, advice, Class::Once)
}

const fn request(number: i64, meaning: Text, advice: Text) -> Code {
    code(number, meaning, Fault::Request, advice, Class::Final)
}

const fn settings(number: i64, meaning: Text, advice: Text) -> Code {
    code(number, meaning, Fault::Settings, advice, Class::Final)
}

const fn account(number: i64, meaning: Text, advice: Text) -> Code {
    code(number, meaning, Fault::Account, advice, Class::Final)
}
