//! Golden samples: one real-shaped body a kind, with made-up people. `send`, tests, docs and benches all use these.

use crate::kind::every_kind;

macro_rules! samples {
    (
        callback { $($name:literal $variant:ident($content:ident) $columns:tt;)* }
        $($section:ident $rows:tt)*
    ) => {
        /// The kinds that have a sample, each with its body.
        pub const SAMPLES: &[(&str, &str)] = &[
            $(($name, include_str!(concat!("samples/", $name, ".json"))),)*
            ("probe", "{}"),
        ];
    };
}
every_kind!(samples);

/// The golden sample of `kind`.
pub fn sample(kind: &str) -> Option<&'static str> {
    SAMPLES.iter().find(|(name, _)| *name == kind).map(|(_, body)| *body)
}
