//! The verdict on the wire: four keys, always in this order, compact.

use std::borrow::Cow;
use std::collections::BTreeMap;

use bytes::Bytes;
use serde::Serialize;
use serde_json::Value;

use crate::kind::Kind;
use crate::verdict::Verdict;

const ALLOW: &[u8] = br#"{"errCode":0,"responseCode":20000,"modifyResponse":{},"callbackExt":""}"#;

/// Writes `verdict` as the answer to an event of `kind`. Changes go out with an allow of a message only, as text: what is
/// none yet is written as JSON, since `attach` and `ext` are texts that hold JSON. Null changes nothing.
///
/// ```
/// use offhook::yunxin::encode;
/// use offhook::{Event, Verdict};
///
/// let event = Event::from_json(r#"{"eventType":20}"#)?;
/// let reply = encode(event.kind(), &Verdict::reject(20010));
/// assert_eq!(reply, r#"{"errCode":1,"responseCode":20010,"modifyResponse":{},"callbackExt":""}"#);
/// # Ok::<(), offhook::Refusal>(())
/// ```
pub fn encode(kind: &Kind, verdict: &Verdict) -> Bytes {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Reply<'a> {
        err_code: u8,
        response_code: u16,
        modify_response: BTreeMap<&'a str, Cow<'a, str>>,
        callback_ext: &'a str,
    }

    let modify_response: BTreeMap<_, _> = match verdict {
        Verdict::Allow { modify, .. } if kind.is_changeable() => modify.iter().filter_map(change).collect(),
        _ => BTreeMap::new(),
    };
    if verdict.allows() && modify_response.is_empty() && verdict.ext().is_empty() {
        return Bytes::from_static(ALLOW);
    }
    let reply = Reply {
        err_code: u8::from(!verdict.allows()),
        response_code: verdict.code(),
        modify_response,
        callback_ext: verdict.ext(),
    };
    // Text keys and plain values only: this cannot fail.
    serde_json::to_vec(&reply).map_or(Bytes::from_static(ALLOW), Bytes::from)
}

/// A part of a message, and the text that it becomes.
fn change<'a>((part, value): (&'a String, &'a Value)) -> Option<(&'a str, Cow<'a, str>)> {
    let text = match value {
        Value::Null => return None,
        Value::String(text) => Cow::Borrowed(&**text),
        other => Cow::Owned(other.to_string()),
    };
    Some((part, text))
}
