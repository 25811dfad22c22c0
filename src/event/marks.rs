//! What happened to a record since its request was verified, and what of it is not there.

use jiff::Timestamp;
use jiff::fmt::serde::timestamp::microsecond;
use serde::{Deserialize, Serialize};

/// What is to be known of a record besides the event itself; most records have none of it.
///
/// ```
/// use offhook::Event;
/// use offhook::event::Marks;
///
/// let marks = Marks { left_out: vec!["token".to_owned()], ..Marks::default() };
/// let event = Event::from_json(r#"{"eventType":36,"fromAccount":"mei"}"#)?.with_marks(marks);
/// // What was left out before it was kept cannot be verified again.
/// assert!(!event.is_verifiable() && !event.is_erased());
/// # Ok::<(), offhook::Refusal>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Marks {
    /// When it was read back in from an export: no handler is owed it.
    #[serde(with = "microsecond::optional", skip_serializing_if = "Option::is_none")]
    pub imported: Option<Timestamp>,
    /// When the person was erased that it was about: its body and headers are not there any more.
    #[serde(with = "microsecond::optional", skip_serializing_if = "Option::is_none")]
    pub erased: Option<Timestamp>,
    /// The fields that were left out of its body before it was kept.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub left_out: Vec<String>,
    /// Whether the bytes that were signed are not known, since it was read in from an export without them.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub retold: bool,
}

impl Marks {
    /// Whether there is nothing to be known.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Whether it can be verified again: the signed bytes and headers are all there.
    pub fn is_verifiable(&self) -> bool {
        self.erased.is_none() && self.left_out.is_empty() && !self.retold
    }
}
