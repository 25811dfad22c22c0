//! An event as text for the error log: the sender's JSON with the values of token-like keys masked.

use crate::cloud_event::CloudEvent;
use crate::event::Event;
use crate::lenient::{Fate, Rewriter, is_like_json, rewritten, unquote};
use crate::secret::is_token_like;

/// The event in its CloudEvents form, one line, masked. The signed headers are left out: they hold digests.
pub(super) fn masked(event: &Event) -> String {
    let mut text = CloudEvent::without_data(event).to_json();
    if text.pop() == Some('}') {
        text.push_str(",\"data\":");
        text.push_str(&rewritten(event.text(), &mut Masking));
        text.push('}');
    }
    text
}

/// Masks what stands below token-like keys.
struct Masking;

impl Rewriter for Masking {
    fn field(&mut self, name: &str, _raw: &str) -> Fate {
        if is_token_like(name) { Fate::Becomes(MASK) } else { Fate::Stays }
    }

    fn scalar(&mut self, _key: &str, raw: &str, out: &mut String) {
        // JSON that is not whole may hold anything.
        let is_broken = unquote(raw).is_some_and(|text| is_like_json(&text));
        out.push_str(if is_broken { MASK } else { raw });
    }

    fn unreadable(&mut self, _key: &str, out: &mut String) {
        out.push_str(MASK);
    }
}

const MASK: &str = "\"***\"";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_masked_at_any_depth_and_numbers_keep_their_digits() {
        let raw = r#"{"a":12345678901234567890123,"Token":"x","in":[{"loginExt":{"x":1}},{"b":"y"}],"attach":"{\"accessToken\":\"z\",\"n\":1.50}","cut":"{\"token\":\"z"}"#;
        let want = r#"{"a":12345678901234567890123,"Token":"***","in":[{"loginExt":"***"},{"b":"y"}],"attach":"{\"accessToken\":\"***\",\"n\":1.50}","cut":"***"}"#;
        assert_eq!(rewritten(raw, &mut Masking), want);
    }
}
