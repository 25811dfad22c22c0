//! What is wrong with a configuration: every fault at once, each with its place and, where one helps, a hint.
//!
//! A fault never holds a secret; whoever makes one leaves the value out where it might be one.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

/// Where a value was written.
///
/// Example: [`ConfigFault`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// In the defaults, or nowhere.
    Default,
    /// In the configuration file, on this line (from 1).
    Line(usize),
    /// In this environment variable.
    Variable(Arc<str>),
}

/// One thing that is wrong.
///
/// ```
/// use offhook::clock::Clock;
/// use offhook::config::{Faults, Origin, Sources, load};
///
/// let sources = Sources::new(None, [("OFFHOOK__SERVER__DEADLINE".to_owned(), "soon".to_owned())]);
/// let faults: Faults = load(&sources, &Clock::system()).map(|_| ()).unwrap_err();
/// let fault = faults.faults.iter().find(|fault| fault.path == "server.deadline").expect("a fault");
/// assert_eq!((fault.value.as_deref(), &fault.origin), (Some("soon"), &Origin::Variable("OFFHOOK__SERVER__DEADLINE".into())));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigFault {
    /// The key, e.g. `handlers[1].type`; empty where the whole file is meant.
    pub path: String,
    /// What is written there; never a secret.
    pub value: Option<String>,
    /// What was expected instead.
    pub expected: String,
    /// What to do about it.
    pub hint: Option<String>,
    /// Where it is written.
    pub origin: Origin,
}

impl fmt::Display for ConfigFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.path)?;
        if let Some(value) = &self.value {
            write!(f, " = `{value}`")?;
        }
        let separator = if self.path.is_empty() { "" } else { ": " };
        write!(f, "{separator}{}", self.expected)?;
        match &self.origin {
            Origin::Default => Ok(()),
            Origin::Line(line) => write!(f, " (line {line})"),
            Origin::Variable(name) => write!(f, " ({name})"),
        }
    }
}

/// Everything that is wrong with a configuration; shown as a few lines for people.
///
/// Example: [`ConfigFault`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Faults {
    /// The file that was read, where there was one.
    pub file: Option<PathBuf>,
    /// The faults, in the order of the sections.
    pub faults: Vec<ConfigFault>,
}

impl std::error::Error for Faults {}

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plural = if self.faults.len() == 1 { "" } else { "s" };
        write!(f, "error: {} fault{plural} in ", self.faults.len())?;
        match &self.file {
            Some(file) => write!(f, "{}", file.display())?,
            None => f.write_str("the configuration")?,
        }
        for fault in &self.faults {
            write!(f, "\n  {fault}")?;
        }
        let mut blank_line = "\n";
        for fault in &self.faults {
            if let Some(hint) = &fault.hint {
                let separator = if fault.path.is_empty() { "" } else { ": " };
                write!(f, "{blank_line}\nhint: {}{separator}{hint}", fault.path)?;
                blank_line = "";
            }
        }
        Ok(())
    }
}
