//! Reads a request that a person wrote into a file; what is wrong with it is told with line and column.

use serde::de::DeserializeOwned;

use super::FileError;
use super::json_faults::{JsonFault, json_faults};

/// Reads `text`, which must be JSON with the fields of `T`.
pub(super) fn read<T: DeserializeOwned>(text: &str) -> Result<T, FileError> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let faults = json_faults(text);
    if !faults.is_empty() {
        return Err(FileError::NotJson(faults));
    }
    serde_json::from_str(text).map_err(|error| {
        let what = error.to_string();
        let what = what.split(" at line ").next().unwrap_or_default().to_owned();
        FileError::Field(JsonFault { line: error.line(), column: error.column(), what })
    })
}
