//! The typed content of any event, as one enum to match on, and the documented fields of any kind.

use serde::{Serialize, Serializer};

use crate::event::Event;
use crate::kind::{Id, KindRow, every_kind};
use crate::lenient::{Field, Typed, Untyped};
use crate::tencent::callback::{CallEnded, CallStarted, MemberChanged, TrtcEvent};
use crate::yunxin::*;

mod schema;

pub use schema::event_schema;

macro_rules! payload {
    ($($section:ident { $($name:literal $variant:ident($content:ident) $columns:tt;)* })*) => {
        /// What an event says, typed: a variant for each documented kind.
        ///
        /// ```
        /// use offhook::{Event, Payload};
        ///
        /// let event = Event::from_json(r#"{"eventType":20,"fromAccount":"mei","toAccountList":"[\"an\"]"}"#)?;
        /// let callees = match event.payload() {
        ///     Payload::CallStart(call) => call.callees().len(),
        ///     Payload::Unknown(_) => 0,
        ///     _ => 1,
        /// };
        /// assert_eq!(callees, 1);
        /// # Ok::<(), offhook::Refusal>(())
        /// ```
        #[derive(Debug, Clone)]
        #[non_exhaustive]
        pub enum Payload {
            $($(#[doc = concat!("`", $name, "`")] $variant($content),)*)*
            /// `neroom.*`: an event of the room and meeting products.
            NeRoom(NeRoom),
            /// A kind that nobody documented: its fields as they were sent.
            Unknown(Untyped),
        }

        impl Payload {
            /// What `event` says.
            pub fn of(event: &Event) -> Self {
                let Some(row) = event.kind().row() else {
                    let room = event.typed().map(Self::NeRoom);
                    return room.unwrap_or_else(|| Self::Unknown(event.read()));
                };
                match row.id {
                    $($(Id::$variant => Self::$variant(event.read()),)*)*
                }
            }
        }

        // A closure that takes a struct is asked about the kinds which that one names.
        const _: () = {
            $($(assert!(names(<$content as Typed>::KINDS, $name), concat!("the struct of `", $name, "` names other kinds after `for`"));)*)*
        };

        impl Serialize for Payload {
            /// The documented fields in their documented forms, and the others as they were sent.
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                match self {
                    $($(Self::$variant(content) => content.serialize(serializer),)*)*
                    Self::NeRoom(content) => content.serialize(serializer),
                    Self::Unknown(content) => content.serialize(serializer),
                }
            }
        }

        impl KindRow {
            /// The documented fields of this kind, without `eventType`.
            pub fn fields(&self) -> &'static [Field] {
                match self.id {
                    $($(Id::$variant => $content::FIELDS,)*)*
                }
            }
        }
    };
}
every_kind!(payload);

/// Whether `kind` is one of `kinds`; a struct for any kind names none.
const fn names(kinds: &[&str], kind: &str) -> bool {
    let mut at = 0;
    while at < kinds.len() {
        let (one, other) = (kinds[at].as_bytes(), kind.as_bytes());
        let mut same = 0;
        while same < one.len() && same < other.len() && one[same] == other[same] {
            same += 1;
        }
        if same == one.len() && same == other.len() {
            return true;
        }
        at += 1;
    }
    kinds.is_empty()
}

/// What a closure over events may take: the event itself, its [`Payload`], or the typed content of some kinds.
///
/// ```
/// use offhook::yunxin::CallStart;
/// use offhook::{Event, Payload, Receiver, Verdict};
///
/// // A closure takes the event itself, its payload, or the content of some kinds, and is asked about no others.
/// let receiver = Receiver::builder()
///     .decide(|call: CallStart| async move { (call.callees().len() > 8).then(|| Verdict::reject(20010)) });
/// # let _ = (receiver, |_: Event, _: Payload| ());
/// ```
pub trait FromEvent: Send + 'static {
    /// `None` where the event is of another kind: then the closure is not asked.
    fn from_event(event: &Event) -> Option<Self>
    where
        Self: Sized;
}

impl FromEvent for Event {
    fn from_event(event: &Event) -> Option<Self> {
        Some(event.clone())
    }
}

impl FromEvent for Payload {
    fn from_event(event: &Event) -> Option<Self> {
        Some(event.payload())
    }
}

impl<T: Typed> FromEvent for T {
    fn from_event(event: &Event) -> Option<Self> {
        event.typed()
    }
}

impl Event {
    /// What the event says, typed; read from the sender's JSON where it was not read before.
    pub fn payload(&self) -> Payload {
        Payload::of(self)
    }
}
