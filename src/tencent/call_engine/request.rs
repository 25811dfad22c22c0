//! What the call engine can be asked, each checked before it leaves.

use serde_json::{Value, json};
use url::Url;

use super::StartCall;
use crate::tencent::RequestFault;

/// One interface of the call engine.
///
/// Example: [`Request`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Api {
    /// Rings users from the server.
    StartCall,
    /// Ends a call.
    EndCall,
    /// Tells who is in a call.
    CallInfo,
    /// Tells the record of a call that is over.
    RecordOfCall,
    /// Tells the records of many calls.
    Records,
    /// Says where callbacks go.
    SetCallback,
    /// Tells where callbacks go.
    GetCallback,
    /// Ends callbacks.
    DeleteCallback,
}

/// A request.
///
/// ```
/// use offhook::tencent::call_engine::{Api, RecordFilter, Request};
///
/// let filter = RecordFilter { result: Some("NotAnswer".to_owned()), per_page: Some(20), ..RecordFilter::default() };
/// let request = Request::Records(filter);
/// assert!(request.faults().is_empty());
/// assert_eq!(request.api().name(), "get_record_by_filter");
/// assert!(!Api::StartCall.is_repeatable(), "it could ring twice");
/// ```
#[derive(Debug, Clone)]
pub enum Request {
    /// Rings users from the server.
    Start(Box<StartCall>),
    /// Ends this call.
    End(String),
    /// Tells who is in this call.
    Info(String),
    /// Tells the record of this call.
    RecordOfCall(String),
    /// Tells the records of many calls.
    Records(RecordFilter),
    /// Sends callbacks to this URL: those of the commands, of which there is at least one.
    SetCallback {
        /// http or https.
        url: String,
        /// As [`CALLBACK_COMMANDS`] has them.
        commands: Vec<String>,
    },
    /// Tells where callbacks go.
    GetCallback,
    /// Ends callbacks.
    DeleteCallback,
}

/// Which records are meant; without any field those of the last 7 days.
///
/// Example: [`Request`].
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RecordFilter {
    /// Calls that began at this Unix second or later; more than 7 days ago is moved up without a word.
    pub since: Option<i64>,
    /// Calls that began at this Unix second or before.
    pub until: Option<i64>,
    /// `NormalEnd`, `NotAnswer`, …
    pub result: Option<String>,
    /// `SingleCall` or `MultiCall`.
    pub call_type: Option<String>,
    /// How many in one page; Tencent's default is 10.
    pub per_page: Option<u32>,
    /// Which page, from 1.
    pub page: Option<u32>,
}

/// What Tencent can call back about.
pub const CALLBACK_COMMANDS: [&str; 3] =
    ["Call.CallbackAfterStartCall", "Call.CallbackAfterMemberChanged", "Call.CallbackAfterEndCall"];
/// How a call can have ended; an open list.
pub const CALL_RESULTS: [&str; 7] = ["NormalEnd", "NotAnswer", "Reject", "Cancel", "CallBusy", "Interrupt", "Offline"];
/// The longest id of a call that is sent; Tencent's have 36 characters.
const LONGEST_CALL_ID: usize = 128;

impl Api {
    /// Every interface.
    pub const ALL: [Self; 8] = [
        Self::StartCall,
        Self::EndCall,
        Self::CallInfo,
        Self::RecordOfCall,
        Self::Records,
        Self::SetCallback,
        Self::GetCallback,
        Self::DeleteCallback,
    ];

    /// Its name: the last part of its path.
    pub fn name(self) -> &'static str {
        let path = self.path();
        path.rsplit('/').next().unwrap_or(path)
    }

    /// Its path.
    pub fn path(self) -> &'static str {
        match self {
            Self::StartCall => "v4/call_engine_http_srv/start_call_by_robot",
            Self::EndCall => "v4/call_engine_http_srv/end_call",
            Self::CallInfo => "v4/call_engine_http_srv/get_call_info",
            Self::RecordOfCall => "v4/call_record_http_srv/get_record_by_callid",
            Self::Records => "v4/call_record_http_srv/get_record_by_filter",
            Self::SetCallback => "v4/call_config/set_callback",
            Self::GetCallback => "v4/call_config/get_callback",
            Self::DeleteCallback => "v4/call_config/delete_callback",
        }
    }

    /// Whether asking twice does no more than asking once.
    pub fn is_repeatable(self) -> bool {
        self != Self::StartCall
    }

    /// How to find out what was done, where no answer came.
    pub fn find_out(self) -> &'static str {
        match self {
            Self::StartCall => {
                "it was not tried again, since that could ring twice. A callback call_engine.start within a second or \
                 two tells that it rang; a few seconds after the end there is a record (`offhook call records`)"
            }
            Self::EndCall => "`offhook call info` tells whether the call goes on",
            Self::SetCallback | Self::DeleteCallback => "`offhook call callback get` tells what is set",
            _ => "asking again changes nothing",
        }
    }

    pub(super) fn place(self) -> usize {
        Self::ALL.iter().position(|api| *api == self).unwrap_or(0)
    }
}

impl Request {
    /// The interface that it asks.
    pub fn api(&self) -> Api {
        match self {
            Self::Start(_) => Api::StartCall,
            Self::End(_) => Api::EndCall,
            Self::Info(_) => Api::CallInfo,
            Self::RecordOfCall(_) => Api::RecordOfCall,
            Self::Records(_) => Api::Records,
            Self::SetCallback { .. } => Api::SetCallback,
            Self::GetCallback => Api::GetCallback,
            Self::DeleteCallback => Api::DeleteCallback,
        }
    }

    /// Everything that is wrong with it.
    pub fn faults(&self) -> Vec<RequestFault> {
        let fault = |field, what: String| vec![RequestFault { field, what }];
        match self {
            Self::Start(start) => start.faults(),
            Self::End(id) | Self::Info(id) | Self::RecordOfCall(id) => {
                if id.is_empty() || id.len() > LONGEST_CALL_ID || !id.bytes().all(|byte| byte.is_ascii_graphic()) {
                    let what = "expected the id of a call, such as 35fd577d-1d10-4201-a40d-6d7316560986";
                    return fault("CallId", what.to_owned());
                }
                Vec::new()
            }
            Self::Records(filter) => filter.faults(),
            Self::SetCallback { url, commands } => {
                let is_url =
                    Url::parse(url).is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
                let mut faults = Vec::new();
                if !is_url {
                    faults.extend(fault("Url", "expected a URL of http or https".to_owned()));
                }
                if commands.is_empty() {
                    faults.extend(fault("CallbackCommandList", "expected at least one command".to_owned()));
                }
                for command in commands.iter().filter(|command| !CALLBACK_COMMANDS.contains(&command.as_str())) {
                    let what = format!("`{command}` is none of {}", CALLBACK_COMMANDS.join(", "));
                    faults.extend(fault("CallbackCommandList", what));
                }
                faults
            }
            Self::GetCallback | Self::DeleteCallback => Vec::new(),
        }
    }

    /// The body: always a JSON object.
    pub(super) fn body(&self) -> String {
        match self {
            Self::Start(start) => start.to_json(),
            Self::End(id) | Self::Info(id) | Self::RecordOfCall(id) => json!({ "CallId": id }).to_string(),
            Self::Records(filter) => filter.body().to_string(),
            Self::SetCallback { url, commands } => json!({ "Url": url, "CallbackCommandList": commands }).to_string(),
            Self::GetCallback | Self::DeleteCallback => "{}".to_owned(),
        }
    }
}

impl RecordFilter {
    fn faults(&self) -> Vec<RequestFault> {
        let mut faults = Vec::new();
        let mut fault = |field, what: &str| faults.push(RequestFault { field, what: what.to_owned() });
        if matches!((self.since, self.until), (Some(since), Some(until)) if since > until) {
            fault("StartTime", "it is after EndTime; swap them");
        }
        if self.per_page == Some(0) {
            fault("NumberPerPage", "expected at least 1");
        }
        if self.page == Some(0) {
            fault("Page", "pages count from 1");
        }
        faults
    }

    fn body(&self) -> Value {
        let fields = [
            ("StartTime", self.since.map(Value::from)),
            ("EndTime", self.until.map(Value::from)),
            ("CallResult", self.result.clone().map(Value::from)),
            ("CallType", self.call_type.clone().map(Value::from)),
            ("NumberPerPage", self.per_page.map(Value::from)),
            ("Page", self.page.map(Value::from)),
        ];
        fields.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect()
    }
}
