//! Deciders of type `http` and `exec`: whom they ask, how many questions at once, and how patiently.

use std::path::PathBuf;
use std::time::Duration;

use crate::decide::{Action, BreakerSettings, ExecSettings, HttpSettings, LinkSettings};
use crate::secret::Secret;

use super::outward::url;
use super::reader::{Field, Section};
use super::secrets;

/// Questions that a service and a program are asked at once.
const HTTP_AT_ONCE: usize = 128;
const EXEC_AT_ONCE: usize = 16;
const MOST_AT_ONCE: i64 = 4096;
const MILLISECOND: Duration = Duration::from_millis(1);
const LONGEST: Duration = Duration::from_secs(60);
const BREAKER: BreakerSettings = BreakerSettings { failures: 5, pause: Duration::from_secs(1) };

/// The keys of `type = "http"`.
pub(super) fn http(section: &mut Section<'_>, link: &mut LinkSettings) -> Option<Action> {
    let url = section.need("url", "the URL to ask").and_then(|field| url(&field));
    let headers = section.take("headers").map(|field| named(&field, is_header)).unwrap_or(Some(Vec::new()));
    let failures = section.take("breaker_failures").map(|field| field.integer(0..=1000));
    let pause = section.take("breaker_pause").map(|field| field.duration(10 * MILLISECOND..=LONGEST));
    crowd(section, link, HTTP_AT_ONCE);
    let failures = failures.map_or(Some(BREAKER.failures), |failures| u32::try_from(failures?).ok());
    let breaker = BreakerSettings { failures: failures?, pause: pause.unwrap_or(Some(BREAKER.pause))? };
    Some(Action::Http(HttpSettings { url: url?, headers: headers?, breaker }))
}

/// The keys of `type = "exec"`.
pub(super) fn exec(section: &mut Section<'_>, link: &mut LinkSettings) -> Option<Action> {
    let command = section.need("command", "the path of a program").and_then(|field| program(&field));
    let args = section.take("args").map(|field| arguments(&field)).unwrap_or(Some(Vec::new()));
    let env = section.take("env").map(|field| named(&field, is_variable)).unwrap_or(Some(Vec::new()));
    crowd(section, link, EXEC_AT_ONCE);
    Some(Action::Exec(ExecSettings { command: command?, args: args?, env: env? }))
}

/// How many questions at once, and for how long a late answer is heard.
fn crowd(section: &mut Section<'_>, link: &mut LinkSettings, at_once: usize) {
    let most = section.take("max_concurrent").map(|field| field.integer(1..=MOST_AT_ONCE));
    link.max_concurrent = most.map_or(Some(at_once), |most| usize::try_from(most?).ok());
    link.late = section.take("late").and_then(|field| field.duration(100 * MILLISECOND..=LONGEST));
}

/// A program is named by its path: where it would be looked for otherwise depends on variables that it does not get.
fn program(field: &Field<'_>) -> Option<PathBuf> {
    let path = field.text("the path of a program")?;
    if path.contains('/') {
        return Some(PathBuf::from(path));
    }
    field.fault("expected the path of a program", Some(format!("for example `/usr/local/bin/{path}` or `./{path}`")));
    None
}

fn arguments(field: &Field<'_>) -> Option<Vec<String>> {
    field.list()?.iter().map(|item| item.plain_text().map(ToOwned::to_owned)).collect()
}

/// Values that may be secret, under names that the user chooses.
fn named(field: &Field<'_>, is_name: fn(&str) -> bool) -> Option<Vec<(String, Secret)>> {
    let named = |(name, field): (&str, Field<'_>)| {
        if !is_name(name) {
            field.fault_hiding("expected a name without blanks or signs", None);
            return None;
        }
        Some((name.to_owned(), secrets::secret(&field)?))
    };
    field.section()?;
    field.entries().into_iter().map(named).collect()
}

fn is_header(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
}

fn is_variable(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}
