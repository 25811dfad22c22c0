//! Which journal a command reads, and how points in time are typed.

use std::path::PathBuf;

use super::{WrongUse, dev, runtime};
use crate::clock::Clock;
use crate::config::{self, Sources};
use crate::journal::{Options, Reader};
use crate::telemetry::LogForm;
use jiff::Timestamp;

#[derive(Debug, clap::Args)]
pub(super) struct JournalArgs {
    /// Read the journal of this configuration
    #[arg(long, value_name = "FILE", conflicts_with = "journal")]
    config: Option<PathBuf>,
    /// Read the journal in this directory [default: the one of the configuration, or `data`; where there is none, that of
    /// the `dev` which runs]
    #[arg(long, value_name = "PATH")]
    journal: Option<PathBuf>,
}

impl JournalArgs {
    /// Opens it for reading; works while a server runs on it.
    pub(super) fn open(&self) -> anyhow::Result<Reader> {
        // That some of it cannot be read.
        runtime::log(LogForm::Text, "error");
        Ok(Reader::of(&self.options()?)?)
    }

    /// How it is kept.
    pub(super) fn options(&self) -> anyhow::Result<Options> {
        match &self.journal {
            Some(path) => Ok(Options::at(path)),
            None => {
                let options = config::load_journal(&self.configuration(), &Clock::system())?;
                match dev::place::dev_journal() {
                    Some(path) if self.config.is_none() && !options.path.exists() => Ok(Options::at(path)),
                    _ => Ok(options),
                }
            }
        }
    }

    /// The configuration that was named, or that of the environment.
    pub(super) fn configuration(&self) -> Sources {
        Sources::of_process(self.config.clone())
    }
}

/// A point in time: RFC 3339, Unix milliseconds, or how long ago (`30m`, `2h`, `1d`).
pub(super) fn point_in_time(text: &str) -> Result<Timestamp, WrongUse> {
    let now = Clock::system().now();
    let ago = || {
        let ago = humantime::parse_duration(text).ok()?;
        now.checked_sub(jiff::SignedDuration::try_from(ago).ok()?).ok()
    };
    let milliseconds = || text.parse().ok().and_then(|number| Timestamp::from_millisecond(number).ok());
    text.parse().ok().or_else(milliseconds).or_else(ago).ok_or_else(|| {
        WrongUse(format!("`{text}` is no point in time: give RFC 3339, Unix milliseconds, or how long ago, e.g. 2h"))
    })
}
