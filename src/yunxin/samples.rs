//! Golden samples: one real-shaped body a kind, with made-up people. `send`, tests, docs and benches all use these.

use crate::kind::every_kind;

macro_rules! samples {
    (
        callback { $($name:literal $variant:ident($content:ident) $columns:tt;)* }
        copy { $($copy:literal $copy_variant:ident($copy_content:ident) $copy_columns:tt;)* }
        rtc { $($rtc:literal $rtc_variant:ident($rtc_content:ident) $rtc_columns:tt;)* }
        $($section:ident $rows:tt)*
    ) => {
        /// The kinds that have a sample, each with its body.
        pub const SAMPLES: &[(&str, &str)] = &[
            $(($name, include_str!(concat!("samples/", $name, ".json"))),)*
            $(($copy, include_str!(concat!("samples/", $copy, ".json"))),)*
            $(($rtc, include_str!(concat!("samples/", $rtc, ".json"))),)*
            // Of the kinds without a row.
            ("neroom.create_room", include_str!("samples/neroom.create_room.json")),
            ("neroom.meeting_member_entry", include_str!("samples/neroom.meeting_member_entry.json")),
            ("copy.unknown.199", include_str!("samples/copy.unknown.199.json")),
            ("rtc.unknown.99", include_str!("samples/rtc.unknown.99.json")),
            ("probe", "{}"),
        ];
    };
}
every_kind!(samples);

/// Writes a [`Typed`](crate::lenient::Typed) as `lenient::payload!` does, and shows in its documentation the golden sample
/// of its first kind, and how that is read.
macro_rules! sampled {
    (
        $(#[$doc:meta])*
        pub struct $name:ident for [$kind:literal $(, $more:literal)* $(,)?] {
            $(#[doc = $title:literal])+ $first:ident: $($fields:tt)+
        }
    ) => {
        $crate::lenient::payload! {
            $(#[$doc])*
            #[doc = concat!("\nOf `", $kind, "`:\n\n```json")]
            #[doc = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/src/yunxin/samples/", $kind, ".json"))]
            #[doc = concat!(
                "\n```\n\n```\n",
                "use offhook::{Event, yunxin::{", stringify!($name), ", sample}};\n\n",
                "let event = Event::from_json(sample(\"", $kind, "\").expect(\"a sample\"))?;\n",
                "let content: ", stringify!($name), " = event.typed().expect(\"its content\");\n",
                "assert!(content.", stringify!($first), ".is_some());\n",
                "# Ok::<(), offhook::Refusal>(())\n```"
            )]
            pub struct $name for [$kind $(, $more)*] {
                $(#[doc = $title])+ $first: $($fields)+
            }
        }
    };
}
pub(in crate::yunxin) use sampled;

/// The golden sample of `kind`.
///
/// ```
/// use offhook::{Event, yunxin::sample};
///
/// let event = Event::from_json(sample("rtc.user_join").expect("a sample"))?;
/// assert_eq!(event.kind().name(), "rtc.user_join");
/// # Ok::<(), offhook::Refusal>(())
/// ```
pub fn sample(kind: &str) -> Option<&'static str> {
    SAMPLES.iter().find(|(name, _)| *name == kind).map(|(_, body)| *body)
}
