//! Writes the objects in a callback's body: structs of optional fields, nested ones too, each keeping what nobody documented.

use serde_json::value::RawValue;

use crate::lenient::{FieldFault, Fields, Lenient, Shape, json_type, unquote};

/// What can be read from a field's value; what cannot is absent and told in `faults`.
pub(super) trait Value: Sized {
    const SHAPE: Shape;

    fn take(field: &'static str, value: &RawValue, faults: &mut Vec<FieldFault>) -> Option<Self>;
}

/// Types that read themselves from a single value.
macro_rules! scalars {
    ($($type:ty),+) => {
        $(impl $crate::tencent::callback::object::Value for $type {
            const SHAPE: $crate::lenient::Shape = <$type as $crate::lenient::Lenient>::SHAPE;

            fn take(
                field: &'static str,
                value: &serde_json::value::RawValue,
                faults: &mut Vec<$crate::lenient::FieldFault>,
            ) -> Option<Self> {
                $crate::lenient::read_field(field, value, faults)
            }
        })+
    };
}
pub(super) use scalars;

scalars!(String, i64);

impl<T: Value> Value for Vec<T> {
    const SHAPE: Shape = match T::SHAPE {
        Shape::Text => Shape::Texts,
        _ => Shape::Nested,
    };

    /// A list, or JSON text of one. An item that cannot be read is left out; the others stay.
    fn take(field: &'static str, value: &RawValue, faults: &mut Vec<FieldFault>) -> Option<Self> {
        let raw = value.get();
        let fault = || FieldFault { field, expected: "a list, or JSON text of one", found: json_type(raw) };
        let text = match raw.as_bytes().first() {
            Some(b'n') => return None,
            Some(b'"') => unquote(raw).unwrap_or_default(),
            _ => raw.into(),
        };
        if text.trim_ascii().is_empty() {
            return None;
        }
        let Ok(items) = serde_json::from_str::<Vec<&RawValue>>(&text) else {
            faults.push(fault());
            return None;
        };
        Some(items.into_iter().filter_map(|item| T::take(field, item, faults)).collect())
    }
}

/// The fields of a nested object, or of JSON text of one.
pub(super) fn object_at<T>(
    field: &'static str,
    value: &RawValue,
    faults: &mut Vec<FieldFault>,
    read: impl FnOnce(&Fields<'_>, &mut Vec<FieldFault>) -> T,
) -> Option<T> {
    let raw = value.get();
    let text = match raw.as_bytes().first() {
        Some(b'n') => return None,
        Some(b'"') => unquote(raw).unwrap_or_default(),
        _ => raw.into(),
    };
    match Fields::parse(&text) {
        Ok(fields) => Some(read(&fields, faults)),
        Err(_) => {
            faults.push(FieldFault { field, expected: "an object", found: json_type(raw) });
            None
        }
    }
}

/// The text at a path such as `CallRecord.Caller_Account`; of a list it is the first item.
pub(super) fn text_at(fields: &Fields<'_>, path: &str) -> Option<String> {
    let (name, rest) = path.split_once('.').map_or((path, None), |(name, rest)| (name, Some(rest)));
    let value = fields.get(name)?.get();
    let first: Option<&RawValue> =
        value.starts_with('[').then(|| serde_json::from_str::<Vec<&RawValue>>(value).ok()?.first().copied()).flatten();
    let value = first.map_or(value, RawValue::get);
    match rest {
        Some(rest) => text_at(&Fields::parse(value).ok()?, rest),
        None => String::read(value).ok().flatten().filter(|text| !text.is_empty()),
    }
}

/// Writes such a struct; one with kinds is the content of these.
macro_rules! object {
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
                shape: <$type as $crate::tencent::callback::object::Value>::SHAPE,
                title: concat!($($title),+).trim_ascii(),
            }),+];

            fn read(fields: &$crate::lenient::Fields<'_>, faults: &mut Vec<$crate::lenient::FieldFault>) -> Self {
                let mut object = Self::default();
                for (key, value) in fields.iter() {
                    match key {
                        $($wire => {
                            object.$field = $crate::tencent::callback::object::Value::take($wire, value, faults);
                        })+
                        _ => {
                            object.other.insert(key.to_owned(), value.to_owned());
                        }
                    }
                }
                object
            }

            fn other(&self) -> &$crate::lenient::Other {
                &self.other
            }
        }

        impl $crate::tencent::callback::object::Value for $name {
            const SHAPE: $crate::lenient::Shape = $crate::lenient::Shape::Nested;

            fn take(
                field: &'static str,
                value: &serde_json::value::RawValue,
                faults: &mut Vec<$crate::lenient::FieldFault>,
            ) -> Option<Self> {
                $crate::tencent::callback::object::object_at(
                    field, value, faults, <Self as $crate::lenient::Typed>::read,
                )
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
    };
}
pub(super) use object;
