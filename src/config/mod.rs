//! The configuration: defaults, a file and the environment become the settings of every module, or all faults at once.
//!
//! Three steps: `tree` and `variables` lay the sources over each other word for word, `reader` asks for one key after
//! the other and remembers which, and `resolve` (with `verdicts`, `deciders`, `outward` and `secrets`) says what they mean. The
//! defaults themselves stand in `config/default.toml`, which is compiled in and is the documentation. Nobody keeps a
//! [`Config`]: each module gets its own part. Nothing here binds a port or makes a directory.

mod account;
mod callers;
mod deciders;
mod fault;
mod outside;
mod outward;
mod print;
mod reader;
mod resolve;
mod robot_call;
mod schema;
mod secrets;
mod several;
mod tencent;
mod tree;
mod variables;
mod verdicts;

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::clock::Clock;
use crate::decide::Policy;
use crate::tencent::Account;
use crate::tencent::callback::CallbackSecrets;
use crate::yunxin::Apps;
use crate::{admin, decide, edge, handlers, journal};

pub use crate::telemetry::LogForm;
pub use fault::{ConfigFault, Faults, Origin};
pub use schema::schema;

use reader::Reader;
use tree::Table;

/// Every key with its default and its meaning.
pub const DEFAULT_TOML: &str = include_str!("../../config/default.toml");
/// The key of the published test app, which `dev` uses and every other command refuses.
pub const DEV_APP_KEY: &str = "offhook-dev";
/// Its secret, which everybody knows.
pub const DEV_APP_SECRET: &str = "offhook-dev-secret";

/// What a configuration is made from.
///
/// ```
/// use offhook::clock::Clock;
/// use offhook::config::{Sources, load};
///
/// let variables =
///     [("OFFHOOK_APP_KEY", "app"), ("OFFHOOK_APP_SECRET", "made-up"), ("OFFHOOK__SERVER__DEADLINE", "1s")];
/// let sources = Sources::new(None, variables.map(|(name, value)| (name.to_owned(), value.to_owned())));
/// let config = load(&sources, &Clock::system())?; // or all faults at once, each with what to do
/// assert_eq!(config.edge.deadline.as_secs(), 1);
/// # Ok::<(), offhook::config::Faults>(())
/// ```
#[derive(Clone, Default)]
pub struct Sources {
    /// A TOML file.
    pub file: Option<PathBuf>,
    /// The environment, by name.
    pub variables: BTreeMap<String, String>,
    published_app: bool,
}

/// Everything that was configured, sorted by who uses it. `Debug` shows it with every secret masked.
///
/// ```
/// use offhook::clock::Clock;
/// use offhook::config::{Sources, load};
///
/// let config = load(&Sources::of_dev(), &Clock::system())?;
/// assert_eq!(config.apps.iter().count(), 1);
/// assert!(!config.masked_toml().contains(offhook::config::DEV_APP_SECRET));
/// # Ok::<(), offhook::config::Faults>(())
/// ```
#[derive(Clone)]
pub struct Config {
    /// The public listener.
    pub edge: edge::Settings,
    /// How log lines look.
    pub log: LogForm,
    /// The admin listener.
    pub admin: admin::Settings,
    /// The apps that are believed.
    pub apps: Apps,
    /// What Tencent's callbacks are proven with.
    pub callbacks: CallbackSecrets,
    /// The verdicts when nobody else decides.
    pub policy: Policy,
    /// Who is asked for a verdict, in order.
    pub deciders: Vec<decide::Settings>,
    /// The app that requests to Tencent are made for.
    pub account: Option<Account>,
    /// The journal.
    pub journal: journal::Options,
    /// The handlers, in the order of the file.
    pub handlers: Vec<handlers::Settings>,
    /// What people should know although nothing is wrong, one sentence each.
    pub warnings: Vec<String>,
    /// When the platform gives up, by app key.
    platform_timeouts: BTreeMap<Arc<str>, Duration>,
    secret_files: Vec<PathBuf>,
}

/// Reads `sources`; `clock` tells which secrets have ended.
///
/// Example: [`Sources`].
///
/// # Errors
/// All faults at once; where the file is no TOML, that alone.
pub fn load(sources: &Sources, clock: &Clock) -> Result<Config, Faults> {
    with_reader(sources, clock, |reader, table| {
        let mut config = resolve::config(reader, table)?;
        config.warnings = reader.warnings.take();
        config.secret_files = reader.secret_files.take();
        config.warnings.extend(verdicts::warnings(&config.policy));
        Some(config)
    })
}

/// What a configuration says about verdicts.
///
/// ```
/// use offhook::clock::Clock;
/// use offhook::config::{Deciding, Sources, load_deciding};
///
/// let Deciding { policy, deciders } = load_deciding(&Sources::of_dev(), &Clock::system())?;
/// assert!(policy.apps.is_empty() || deciders.is_empty());
/// # Ok::<(), offhook::config::Faults>(())
/// ```
#[derive(Debug, Clone)]
pub struct Deciding {
    /// The verdicts when nobody else decides.
    pub policy: Policy,
    /// Who is asked for a verdict, in order.
    pub deciders: Vec<decide::Settings>,
}

/// Reads only what is said about verdicts, for trying it out: no app has to be there and no secret readable.
///
/// Example: [`Deciding`].
///
/// # Errors
/// The faults of `[verdict]`, `[[deciders]]` and what is said about verdicts in `[[apps]]`, and sections that do not
/// exist; where the file is no TOML, that alone.
pub fn load_deciding(sources: &Sources, clock: &Clock) -> Result<Deciding, Faults> {
    with_reader(sources, clock, |reader, table| {
        reader.secrets_unread.set(true);
        resolve::deciding(reader.top(table))
    })
}

/// Reads only where the journal is, for commands that need nothing else: no app has to be there and no secret readable.
///
/// ```
/// use offhook::clock::Clock;
/// use offhook::config::{Sources, load_journal};
/// use offhook::journal::Reader;
///
/// let sources = Sources::new(None, [("OFFHOOK__JOURNAL__PATH".to_owned(), "elsewhere".to_owned())]);
/// let options = load_journal(&sources, &Clock::system())?;
/// assert_eq!(options.path, std::path::Path::new("elsewhere"));
/// assert!(Reader::of(&options).is_err(), "there is none");
/// # Ok::<(), offhook::config::Faults>(())
/// ```
///
/// # Errors
/// The faults of the section `[journal]`; where the file is no TOML, that alone.
pub fn load_journal(sources: &Sources, clock: &Clock) -> Result<journal::Options, Faults> {
    with_reader(sources, clock, |reader, table| resolve::journal_settings(&mut reader.top(table)))
}

/// Reads only the app that requests to Tencent are made for, for commands that need nothing else; `None` where the
/// section `[tencent]` has no `secret_key`.
///
/// ```
/// use offhook::clock::Clock;
/// use offhook::config::{Sources, load_account};
///
/// let account = load_account(&Sources::new(None, []), &Clock::system())?;
/// assert!(account.is_none(), "nothing is said of Tencent");
/// # Ok::<(), offhook::config::Faults>(())
/// ```
///
/// # Errors
/// The faults of the section `[tencent]`; where the file is no TOML, that alone.
pub fn load_account(sources: &Sources, clock: &Clock) -> Result<Option<Account>, Faults> {
    with_reader(sources, clock, |reader, table| Some(tencent::tencent(&mut reader.top(table)).account))
}

impl Sources {
    /// A file and the environment that was given.
    pub fn new(file: Option<PathBuf>, variables: impl IntoIterator<Item = (String, String)>) -> Self {
        Self { file, variables: variables.into_iter().collect(), published_app: false }
    }

    /// A file and the environment of this process. A value that is not UTF-8 is refused where it is used.
    pub fn of_process(file: Option<PathBuf>) -> Self {
        let text = |text: std::ffi::OsString| text.to_string_lossy().into_owned();
        Self::new(file, std::env::vars_os().map(|(name, value)| (text(name), text(value))))
    }

    /// No file and no environment, only the published test app: what `dev` starts from.
    pub fn of_dev() -> Self {
        let app = [("OFFHOOK_APP_KEY", DEV_APP_KEY), ("OFFHOOK_APP_SECRET", DEV_APP_SECRET)];
        let app = app.map(|(name, value)| (name.to_owned(), value.to_owned()));
        Self { published_app: true, ..Self::new(None, app) }
    }
}

/// What a running receiver cannot change: it holds until the next start.
///
/// Example: [`Config`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lasting {
    edge: edge::Settings,
    admin: admin::Settings,
    journal: journal::Options,
    log: LogForm,
}

impl Config {
    /// What of it holds until the next start.
    pub fn lasting(&self) -> Lasting {
        let Self { edge, admin, mut journal, log, .. } = self.clone();
        journal.retention = journal::Retention::default();
        Lasting { edge, admin, journal, log }
    }

    /// Files besides the configuration's own that were read for it and may change: lists and secrets.
    pub fn files(&self) -> Vec<PathBuf> {
        deciders::files(&self.deciders).chain(&self.secret_files).cloned().collect()
    }

    /// The resolved configuration as TOML, every secret as `"***"`.
    pub fn masked_toml(&self) -> String {
        let mut out = String::new();
        // Writing into a `String` cannot fail.
        let _ = print::masked_toml(self, &mut out);
        out
    }
}

impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.masked_toml())
    }
}

impl fmt::Debug for Sources {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sources").field("file", &self.file).finish_non_exhaustive()
    }
}

fn with_reader<T>(
    sources: &Sources,
    clock: &Clock,
    read: impl FnOnce(&Reader<'_>, &Table) -> Option<T>,
) -> Result<T, Faults> {
    let refused = |faults| Faults { file: sources.file.clone(), faults };
    let mut faults = Vec::new();
    let table = layers(sources, &mut faults).map_err(|fault| refused(vec![fault]))?;
    let mut reader = Reader::new(&sources.variables, clock.now(), faults);
    reader.published_app = sources.published_app;
    let found = read(&reader, &table);
    match (found, reader.faults.take()) {
        (Some(found), faults) if faults.is_empty() => Ok(found),
        (_, faults) => Err(refused(faults)),
    }
}

/// The defaults, the file over them, the environment over both.
fn layers(sources: &Sources, faults: &mut Vec<ConfigFault>) -> Result<Table, ConfigFault> {
    let whole = |expected: String, hint: Option<String>, origin| ConfigFault {
        path: String::new(),
        value: None,
        expected,
        hint,
        origin,
    };
    let mut table = tree::read_document(DEFAULT_TOML, |_| Origin::Default)
        .map_err(|error| whole(format!("the defaults: {}", error.message), None, Origin::Default))?;
    if let Some(file) = &sources.file {
        let text = std::fs::read_to_string(file)
            .map_err(|error| whole(format!("cannot be read: {error}"), None, Origin::Default))?;
        let given = tree::read_document(&text, Origin::Line).map_err(|error| {
            let expected = format!("is not TOML in line {}, column {}: {}", error.line, error.column, error.message);
            whole(expected, None, Origin::Default)
        })?;
        tree::merge(&mut table, given);
    }
    variables::overlay(&mut table, &sources.variables, faults);
    Ok(table)
}
