//! What came back, and what it must be.

use serde_json::Value;

/// The bytes of an allow that changes nothing.
pub(crate) const ALLOW: &str = r#"{"errCode":0,"responseCode":20000,"modifyResponse":{},"callbackExt":""}"#;

/// An answer as it was on the wire.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).expect("text")
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        let found = self.headers.iter().find(|(found, _)| found.eq_ignore_ascii_case(name));
        found.map(|(_, value)| &**value).unwrap_or_default()
    }

    /// An allow, byte by byte.
    #[track_caller]
    pub(crate) fn is_allowed(&self) {
        self.is_verdict(ALLOW);
    }

    /// The answer to a copy, byte by byte.
    #[track_caller]
    pub(crate) fn is_taken(&self) {
        self.is_verdict(r#"{"code":200}"#);
    }

    /// A plain rejection, byte by byte.
    #[track_caller]
    pub(crate) fn is_rejected_with(&self, code: u16) {
        self.is_verdict(&format!(r#"{{"errCode":1,"responseCode":{code},"modifyResponse":{{}},"callbackExt":""}}"#));
    }

    /// A verdict of these bytes.
    #[track_caller]
    pub(crate) fn is_verdict(&self, bytes: &str) {
        assert_eq!((self.status, self.text()), (200, bytes));
        assert_eq!(self.header("content-type"), "application/json");
    }

    /// A refusal with this code; gives its message.
    #[track_caller]
    pub(crate) fn is_refused(&self, status: u16, code: &str) -> String {
        let body: Value = serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("no JSON: {self:?}"));
        assert_eq!((self.status, body["error"].as_str()), (status, Some(code)), "{}", self.text());
        assert_eq!(self.header("content-type"), "application/json");
        assert_eq!(body.as_object().map(serde_json::Map::len), Some(2), "{body}");
        let message = body["message"].as_str().expect("a message");
        assert!(!message.is_empty() && !message.contains('\n'), "{message}");
        message.to_owned()
    }
}
