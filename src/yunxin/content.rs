//! The typed content of each kind: which struct reads it stands in the table of kinds.

use std::any::Any;
use std::sync::Arc;

use super::callback::*;
use super::copy::*;
use crate::kind::{Id, Kind, every_kind};
use crate::lenient::{FieldFault, Fields, Typed, Untyped};

macro_rules! content {
    (
        callback { $($name:literal $variant:ident($content:ident) $columns:tt;)* }
        copy { $($copy_name:literal $copy_variant:ident($copy_content:ident) $copy_columns:tt;)* }
        rtc { $($rtc_name:literal $rtc_variant:ident($rtc_content:ident) $rtc_columns:tt;)* }
        $($section:ident $rows:tt)*
    ) => {
        /// Reads what an event of `kind` carries; `None` for a kind that is not documented.
        pub(super) fn content(
            kind: &Kind,
            fields: &Fields<'_>,
            faults: &mut Vec<FieldFault>,
        ) -> Option<Arc<dyn Any + Send + Sync>> {
            let Some(row) = kind.row() else {
                return kind.name().starts_with("neroom.").then(|| Arc::new(NeRoom::read(fields, faults)) as _);
            };
            Some(match row.id {
                $(Id::$variant => Arc::new($content::read(fields, faults)),)*
                $(Id::$copy_variant => Arc::new($copy_content::read(fields, faults)),)*
                $(Id::$rtc_variant => Arc::new($rtc_content::read(fields, faults)),)*
                _ => return None,
            })
        }
    };
}
every_kind!(content);
