//! The verdict on the wire: four keys, always in this order, compact.

use bytes::Bytes;
use serde::Serialize;
use serde_json::{Map, Value};

use crate::kind::Kind;
use crate::verdict::Verdict;

const ALLOW: &[u8] = br#"{"errCode":0,"responseCode":20000,"modifyResponse":{},"callbackExt":""}"#;

/// Writes `verdict` as the answer to an event of `kind`. Changes go out with an allow of a message only.
pub fn encode(kind: &Kind, verdict: &Verdict) -> Bytes {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Reply<'a> {
        err_code: u8,
        response_code: u16,
        modify_response: &'a Map<String, Value>,
        callback_ext: &'a str,
    }

    let nothing = Map::new();
    let modify_response = match verdict {
        Verdict::Allow { modify, .. } if kind.is_changeable() => modify,
        _ => &nothing,
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
