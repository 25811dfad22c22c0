//! Named lists: texts that rules look others up in, from a file or written out.

use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::Arc;

/// Where a named list comes from.
///
/// Example: [`NamedList`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ListSource {
    /// A file: an entry a line; blank lines and lines that begin with `#` count for nothing.
    File(PathBuf),
    /// The configuration itself.
    Written(Vec<String>),
}

/// A list with its entries.
///
/// ```
/// use offhook::decide::rules::{ListSource, NamedList};
///
/// let list = NamedList::of_file("blocked", "blocked.txt".into(), "# people\nmei\n\nan\n")?;
/// assert_eq!(list.len(), 2);
/// assert!(matches!(list.source, ListSource::File(_)));
/// # Ok::<(), offhook::decide::rules::ListFault>(())
/// ```
#[derive(Debug, Clone)]
pub struct NamedList {
    /// Its name after `lists.`.
    pub name: String,
    /// Where it comes from.
    pub source: ListSource,
    pub(super) entries: Arc<HashSet<Box<str>>>,
}

/// A list that cannot be read.
///
/// ```
/// use offhook::decide::rules::{ListFault, NamedList};
///
/// let huge = "x".repeat(NamedList::LARGEST + 1);
/// let fault = NamedList::of_file("huge", "huge.txt".into(), &huge).unwrap_err();
/// assert!(matches!(fault, ListFault::TooLarge));
/// ```
#[derive(Debug, thiserror::Error)]
pub enum ListFault {
    /// It is larger than [`NamedList::LARGEST`].
    #[error("expected at most {} MiB of text", NamedList::LARGEST >> 20)]
    TooLarge,
}

impl NamedList {
    /// The largest list, in bytes of text.
    pub const LARGEST: usize = 64 << 20;

    /// A list of the lines of `text`, which was read from `path`.
    ///
    /// # Errors
    /// It is too large.
    pub fn of_file(name: impl Into<String>, path: PathBuf, text: &str) -> Result<Self, ListFault> {
        if text.len() > Self::LARGEST {
            return Err(ListFault::TooLarge);
        }
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
        let entries = Arc::new(lines.map(Box::from).collect());
        Ok(Self { name: name.into(), source: ListSource::File(path), entries })
    }

    /// A list that is written out.
    pub fn written(name: impl Into<String>, entries: Vec<String>) -> Self {
        let set = Arc::new(entries.iter().map(|entry| Box::from(entry.as_str())).collect());
        Self { name: name.into(), source: ListSource::Written(entries), entries: set }
    }

    /// How many different entries it has.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}
