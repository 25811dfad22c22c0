//! What the call engine answers, typed; as JSON again it has Tencent's names. Fields may be missing, or of another JSON
//! type than documented.

use std::time::Duration;

use serde::Serialize;
use serde_json::value::RawValue;

use crate::lenient::Fields;
use crate::tencent::RoomId;

/// The envelope of every answer. HTTP's 200 proves nothing: this tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Envelope {
    pub(super) code: i64,
    pub(super) info: String,
    /// `ActionStatus` says FAIL.
    pub(super) failed: bool,
    pub(super) request_id: Option<String>,
    /// `Response`, as it was sent; it may be missing.
    pub(super) response: Option<String>,
}

/// What became of a call that was started.
///
/// ```
/// use offhook::tencent::call_engine::Started;
///
/// /// Whose phone did not ring, and with which code.
/// fn not_rung(started: &Started) -> Vec<(&str, i64)> {
///     let callees = started.callees.iter().filter(|callee| !callee.rang());
///     callees.map(|callee| (&*callee.callee, callee.result_code)).collect()
/// }
/// # let _ = not_rung;
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Started {
    /// The call's id; not every version of the interface tells it, and without it the call cannot be ended or looked up.
    #[serde(rename = "CallId")]
    pub call_id: Option<String>,
    /// One for each callee that the answer names.
    #[serde(rename = "CallResult")]
    pub callees: Vec<CalleeResult>,
    /// For Tencent's support.
    #[serde(rename = "RequestId")]
    pub request_id: Option<String>,
}

/// How one callee fared.
///
/// Example: [`Started`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CalleeResult {
    /// Who.
    #[serde(rename = "Callee_Account")]
    pub callee: String,
    /// 0 where it rang. No other value is documented.
    #[serde(rename = "ResultCode")]
    pub result_code: i64,
}

/// A call that goes on.
///
/// ```
/// use offhook::tencent::RequestError;
/// use offhook::tencent::call_engine::CallEngine;
///
/// /// Who talks in a call.
/// async fn talking(engine: &CallEngine, call_id: &str) -> Result<Vec<String>, RequestError> {
///     let members = engine.info(call_id).await?.members.into_iter();
///     Ok(members.filter(|member| member.is_calling()).map(|member| member.user).collect())
/// }
/// # let _ = talking;
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CallInfo {
    /// Its id.
    #[serde(rename = "CallId")]
    pub call_id: String,
    /// `Audio` or `Video`.
    #[serde(rename = "MediaType")]
    pub media: String,
    /// The Chat group that it belongs to; mostly empty.
    #[serde(rename = "ChatGroupId")]
    pub chat_group_id: String,
    /// Its room; `None` where the answer names none.
    #[serde(serialize_with = "room", rename = "RoomId")]
    pub room: Option<RoomId>,
    /// Who is in it.
    #[serde(rename = "UserList")]
    pub members: Vec<Member>,
}

/// Somebody in a call.
///
/// Example: [`CallInfo`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Member {
    /// Who; every digit of it, where it came as a number.
    #[serde(rename = "User_Account")]
    pub user: String,
    /// `Waiting` while it rings, `Calling` once it talks.
    #[serde(rename = "Status")]
    pub status: String,
}

/// A call that is over.
///
/// ```
/// use std::time::Duration;
/// use offhook::tencent::RequestError;
/// use offhook::tencent::call_engine::{CallEngine, RecordFilter};
///
/// /// For how long people talked, in the calls of the first page.
/// async fn talked(engine: &CallEngine) -> Result<Duration, RequestError> {
///     let page = engine.records(&RecordFilter::default()).await?;
///     Ok(page.records.iter().filter_map(|record| record.talked()).sum())
/// }
/// # let _ = talked;
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CallRecord {
    /// Its id.
    #[serde(rename = "CallId")]
    pub call_id: String,
    /// Who called.
    #[serde(rename = "Caller_Account")]
    pub caller: String,
    /// `Audio` or `Video`.
    #[serde(rename = "MediaType")]
    pub media: String,
    /// `SingleCall` or `MultiCall`.
    #[serde(rename = "CallType")]
    pub call_type: String,
    /// Unix seconds.
    #[serde(rename = "StartTime")]
    pub start_time: i64,
    /// Unix seconds.
    #[serde(rename = "EndTime")]
    pub end_time: i64,
    /// Unix seconds; 0 where nobody answered.
    #[serde(rename = "AcceptTime")]
    pub accept_time: i64,
    /// `NormalEnd`, `NotAnswer`, …
    #[serde(rename = "CallResult")]
    pub result: String,
    /// Who was in it; Tencent counts the caller among them.
    #[serde(rename = "CalleeList_Account")]
    pub callees: Vec<String>,
    /// Its room.
    #[serde(serialize_with = "room", rename = "RoomId")]
    pub room: Option<RoomId>,
}

/// A page of records.
///
/// Example: [`CallRecord`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RecordPage {
    /// How many there are in all pages.
    #[serde(rename = "TotalNum")]
    pub total: i64,
    /// Which page this is; 0 where there are no more.
    #[serde(rename = "Page")]
    pub page: i64,
    /// The records of it.
    #[serde(rename = "CallRecordList")]
    pub records: Vec<CallRecord>,
}

/// Where callbacks go.
///
/// ```
/// use offhook::tencent::RequestError;
/// use offhook::tencent::call_engine::{CALLBACK_COMMANDS, CallEngine};
///
/// /// Has callbacks sent to `url`, where they are not yet.
/// async fn set(engine: &CallEngine, url: &str) -> Result<(), RequestError> {
///     if engine.callback().await.is_ok_and(|setting| setting.url == url) {
///         return Ok(());
///     }
///     engine.set_callback(url, CALLBACK_COMMANDS.map(str::to_owned).into()).await
/// }
/// # let _ = set;
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CallbackSetting {
    /// The one URL of the app. It may hold a secret in its path.
    #[serde(rename = "Url")]
    pub url: String,
    /// About what.
    #[serde(rename = "CallbackCommandList")]
    pub commands: Vec<String>,
}

impl Envelope {
    /// `None` where the body is none.
    pub(super) fn read(body: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(body).ok()?;
        let fields = Fields::parse(text).ok()?;
        let status: Option<String> = fields.read("ActionStatus");
        let code = fields.read("ErrorCode");
        let failed = status.as_deref().is_some_and(|status| !status.eq_ignore_ascii_case("ok"));
        if code.is_none() && status.is_none() {
            return None;
        }
        Some(Self {
            code: code.unwrap_or(0),
            info: fields.read("ErrorInfo").unwrap_or_default(),
            failed,
            request_id: fields.read("RequestId"),
            response: fields.get("Response").map(|value| value.get().to_owned()),
        })
    }
}

impl CalleeResult {
    /// Whether it rang.
    pub fn rang(&self) -> bool {
        self.result_code == 0
    }
}

impl Member {
    /// Whether this member talks, rather than being rung.
    pub fn is_calling(&self) -> bool {
        self.status.eq_ignore_ascii_case("calling")
    }
}

impl CallRecord {
    /// How long they talked; `None` where nobody answered.
    pub fn talked(&self) -> Option<Duration> {
        let seconds = self.end_time.checked_sub(self.accept_time).filter(|_| self.accept_time > 0)?;
        u64::try_from(seconds).ok().map(Duration::from_secs)
    }
}

impl Started {
    pub(super) fn read(envelope: &Envelope) -> Self {
        let request_id = envelope.request_id.clone();
        let Some(fields) = response(envelope) else { return Self { call_id: None, callees: Vec::new(), request_id } };
        let callee = |fields: &Fields<'_>| {
            Some(CalleeResult {
                callee: fields.read("Callee_Account")?,
                result_code: fields.read("ResultCode").unwrap_or(0),
            })
        };
        let call_id = fields.read("CallId").filter(|id: &String| !id.is_empty());
        Self { call_id, callees: list(&fields, "CallResult", callee), request_id }
    }
}

impl CallInfo {
    pub(super) fn read(envelope: &Envelope) -> Option<Self> {
        let response = response(envelope)?;
        let info = inside(response.get("CallInfo")?)?;
        let member = |fields: &Fields<'_>| {
            Some(Member { user: fields.read("User_Account")?, status: fields.read("Status").unwrap_or_default() })
        };
        Some(Self {
            call_id: info.read("CallId")?,
            media: info.read("MediaType").unwrap_or_default(),
            chat_group_id: info.read("ChatGroupId").unwrap_or_default(),
            room: room_of(&info),
            members: list(&response, "UserList", member),
        })
    }
}

impl CallRecord {
    pub(super) fn read(envelope: &Envelope) -> Option<Self> {
        Self::of(&inside(response(envelope)?.get("CallRecord")?)?)
    }

    fn of(fields: &Fields<'_>) -> Option<Self> {
        Some(Self {
            call_id: fields.read("CallId")?,
            caller: fields.read("Caller_Account").unwrap_or_default(),
            media: fields.read("MediaType").unwrap_or_default(),
            call_type: fields.read("CallType").unwrap_or_default(),
            start_time: fields.read("StartTime").unwrap_or(0),
            end_time: fields.read("EndTime").unwrap_or(0),
            accept_time: fields.read("AcceptTime").unwrap_or(0),
            result: fields.read("CallResult").unwrap_or_default(),
            callees: fields.read("CalleeList_Account").unwrap_or_default(),
            room: room_of(fields),
        })
    }
}

impl RecordPage {
    pub(super) fn read(envelope: &Envelope) -> Option<Self> {
        let response = response(envelope)?;
        Some(Self {
            total: response.read("TotalNum").unwrap_or(0),
            page: response.read("Page").unwrap_or(0),
            records: list(&response, "CallRecordList", CallRecord::of),
        })
    }
}

impl CallbackSetting {
    pub(super) fn read(envelope: &Envelope) -> Option<Self> {
        let response = response(envelope)?;
        Some(Self { url: response.read("Url")?, commands: response.read("CallbackCommandList").unwrap_or_default() })
    }
}

fn response(envelope: &Envelope) -> Option<Fields<'_>> {
    Fields::parse(envelope.response.as_deref()?).ok()
}

fn inside(value: &RawValue) -> Option<Fields<'_>> {
    Fields::parse(value.get()).ok()
}

fn list<T>(fields: &Fields<'_>, name: &str, read: impl Fn(&Fields<'_>) -> Option<T>) -> Vec<T> {
    let items: Vec<&RawValue> =
        fields.get(name).and_then(|value| serde_json::from_str(value.get()).ok()).unwrap_or_default();
    items.into_iter().filter_map(|item| read(&inside(item)?)).collect()
}

fn room_of(fields: &Fields<'_>) -> Option<RoomId> {
    let text: String = fields.read("RoomId")?;
    RoomId::of_call_engine(&text, fields.read("RoomIdType").unwrap_or(0))
}

/// A number as a JSON number, a text as a JSON text.
fn room<S: serde::Serializer>(room: &Option<RoomId>, serializer: S) -> Result<S::Ok, S::Error> {
    match room {
        None => serializer.serialize_none(),
        Some(RoomId::Number(number)) => serializer.serialize_u32(*number),
        Some(RoomId::Text(text)) => serializer.serialize_str(text),
    }
}
