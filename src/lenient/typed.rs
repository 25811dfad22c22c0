//! Typed content: how a struct of a kind is written, read tolerantly, described field by field, and written again.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::value::RawValue;

use super::{FieldFault, Fields, Impossible, Lenient, Plain, json_type};

/// Fields nobody documented, as they were sent.
///
/// ```
/// use offhook::{Event, lenient::Other, yunxin::CallStart};
///
/// let event = Event::from_json(r#"{"eventType":20,"fromAccount":"mei","mine":9007199254740993}"#)?;
/// let other: Other = event.typed::<CallStart>().expect("a call").other;
/// assert_eq!(other["mine"].get(), "9007199254740993");
/// # Ok::<(), offhook::Refusal>(())
/// ```
pub type Other = BTreeMap<String, Box<RawValue>>;

/// The typed content of some kinds of event: a struct with one optional field for each documented one, and the rest as
/// it was sent. Serialised, it has the sender's names, each value in its documented form.
///
/// ```
/// use offhook::lenient::{Fields, Typed};
///
/// /// Reads the content of some kinds, and says what was no use.
/// fn read<T: Typed>(body: &str) -> Option<(T, usize)> {
///     let mut faults = Vec::new();
///     let content = T::read(&Fields::parse(body).ok()?, &mut faults);
///     Some((content, faults.len()))
/// }
///
/// let (call, faults) = read::<offhook::yunxin::CallStart>(r#"{"callType":"2"}"#).expect("an object");
/// assert_eq!((call.call_type, faults), (Some(2), 0));
/// ```
pub trait Typed: Clone + Serialize + Send + Sync + 'static {
    /// The kinds that have this content; `neroom.*` means all that begin so.
    const KINDS: &'static [&'static str];
    /// The documented fields, in the order of the documentation; `eventType` is not among them.
    const FIELDS: &'static [Field];

    /// Reads it from an object's fields. What cannot be read is absent and told in `faults`.
    fn read(fields: &Fields<'_>, faults: &mut Vec<FieldFault>) -> Self;

    /// Fields that are not documented, as they were sent.
    fn other(&self) -> &Other;
}

/// One documented field.
///
/// ```
/// use offhook::kind::KINDS;
/// use offhook::lenient::Shape;
///
/// let row = KINDS.iter().find(|row| row.name == "call.start").expect("a row");
/// let field = row.fields().iter().find(|field| field.name == "toAccountList").expect("a field");
/// assert_eq!((field.shape.word(), field.title), (Shape::Texts.word(), "The callees' accounts."));
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Field {
    /// The sender's name for it.
    pub name: &'static str,
    /// What its value is.
    pub shape: Shape,
    /// What it says.
    pub title: &'static str,
    /// Reads its JSON value; `None` where it says nothing or cannot be what it is documented to be.
    pub read: fn(&str) -> Option<Plain>,
}

/// What a documented field's value is once it was read; how tolerantly, [`Lenient`] tells.
///
/// Example: [`Field`].
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub enum Shape {
    /// Text.
    Text,
    /// An integer.
    Integer,
    /// An integer that is never negative, such as an id; it may be above 2^53.
    Whole,
    /// True or false.
    Boolean,
    /// A list of texts.
    Texts,
    /// Text that usually holds JSON.
    Nested,
    /// An object with these fields.
    Object(&'static [Field]),
    /// A list of objects with these fields.
    Objects(&'static [Field]),
}

impl Shape {
    /// One word for it, as documentation says it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Integer | Self::Whole => "integer",
            Self::Boolean => "boolean",
            Self::Texts => "list of texts",
            Self::Nested => "text, often JSON",
            Self::Object(_) => "object",
            Self::Objects(_) => "list of objects",
        }
    }
}

/// The content of a kind without documented fields: every field as it was sent.
///
/// ```
/// use offhook::{Event, Payload};
///
/// let event = Event::from_json(r#"{"eventType":4711,"fromAccount":"mei"}"#)?;
/// let Payload::Unknown(content) = event.payload() else { panic!("nobody documented 4711") };
/// assert_eq!(content.other["fromAccount"].get(), "\"mei\"");
/// # Ok::<(), offhook::Refusal>(())
/// ```
#[derive(Debug, Clone, Default, Serialize)]
#[serde(transparent)]
#[non_exhaustive]
pub struct Untyped {
    /// The fields, as they were sent.
    pub other: Other,
}

impl schemars::JsonSchema for Untyped {
    fn schema_name() -> Cow<'static, str> {
        "Untyped".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        super::schema_of::<Self>()
    }
}

impl Typed for Untyped {
    const KINDS: &'static [&'static str] = &[];
    const FIELDS: &'static [Field] = &[];

    fn read(fields: &Fields<'_>, _: &mut Vec<FieldFault>) -> Self {
        let owned = |(key, value): (&str, &RawValue)| (key.to_owned(), value.to_owned());
        Self { other: fields.iter().filter(|(key, _)| *key != "eventType").map(owned).collect() }
    }

    fn other(&self) -> &Other {
        &self.other
    }
}

/// Reads `value` as a `T`, telling `faults` when it cannot be one.
pub(crate) fn read_field<T: Lenient>(field: &'static str, value: &RawValue, faults: &mut Vec<FieldFault>) -> Option<T> {
    T::read_telling(value.get(), faults).unwrap_or_else(|Impossible| {
        faults.push(FieldFault { field, expected: T::EXPECTED, found: json_type(value.get()) });
        None
    })
}

/// Writes a [`Typed`]: a struct of optional fields, each with its documentation and the sender's own name, and `other`
/// for the rest.
macro_rules! payload {
    (
        $(#[$struct_doc:meta])*
        pub struct $name:ident for [$($kind:literal),* $(,)?] {
            $($(#[doc = $title:literal])+ $field:ident: $type:ty = $wire:literal,)+
        }
    ) => {
        $(#[$struct_doc])*
        #[derive(Debug, Clone, Default)]
        #[non_exhaustive]
        pub struct $name {
            $($(#[doc = $title])+ pub $field: Option<$type>,)+
            /// Fields that are not documented, as they were sent.
            pub other: $crate::lenient::Other,
        }

        impl $crate::lenient::Typed for $name {
            const KINDS: &'static [&'static str] = &[$($kind),*];
            const FIELDS: &'static [$crate::lenient::Field] = &[$($crate::lenient::Field {
                name: $wire,
                shape: <$type as $crate::lenient::Lenient>::SHAPE,
                title: concat!($($title),+).trim_ascii(),
                read: $crate::lenient::read_plain::<$type>,
            }),+];

            fn read(fields: &$crate::lenient::Fields<'_>, faults: &mut Vec<$crate::lenient::FieldFault>) -> Self {
                let mut payload = Self::default();
                for (key, value) in fields.iter() {
                    match key {
                        "eventType" => {}
                        $($wire => payload.$field = $crate::lenient::read_field($wire, value, faults),)+
                        _ => {
                            payload.other.insert(key.to_owned(), value.to_owned());
                        }
                    }
                }
                payload
            }

            fn other(&self) -> &$crate::lenient::Other {
                &self.other
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                use serde::ser::SerializeMap;
                let mut map = serializer.serialize_map(None)?;
                $(if let Some(value) = &self.$field {
                    map.serialize_entry($wire, value)?;
                })+
                for (name, value) in &self.other {
                    map.serialize_entry(name, value)?;
                }
                map.end()
            }
        }

        impl schemars::JsonSchema for $name {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                $crate::lenient::schema_of::<Self>()
            }
        }
    };
}
pub(crate) use payload;
