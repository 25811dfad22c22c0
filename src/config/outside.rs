//! What is outside: the services and programs that deciders ask, how many questions at once and how patiently; the
//! programs and the NATS servers that handlers hand events to.

use std::path::PathBuf;
use std::time::Duration;

use crate::decide::{Action, BreakerSettings, ExecSettings, HttpSettings, LinkSettings};
use crate::handlers::{self, NatsSettings, Subject};
use crate::nats::{Credentials, Servers};
use crate::secret::Secret;

use super::outward::{text_hiding, url};
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
    let program = exec_program(section);
    crowd(section, link, EXEC_AT_ONCE);
    program.map(Action::Exec)
}

/// A program, and what it is started with.
pub(super) fn exec_program(section: &mut Section<'_>) -> Option<ExecSettings> {
    let command = section.need("command", "the path of a program").and_then(|field| program(&field));
    let args = section.take("args").map(|field| arguments(&field)).unwrap_or(Some(Vec::new()));
    let env = section.take("env").map(|field| named(&field, is_variable)).unwrap_or(Some(Vec::new()));
    Some(ExecSettings { command: command?, args: args?, env: env? })
}

/// The keys of a handler of `type = "nats"`.
pub(super) fn nats(section: &mut Section<'_>, timeout: Option<Duration>) -> Option<handlers::Action> {
    let servers = nats_servers(section);
    let subject = section.take("subject").map_or_else(
        || Subject::parse(Subject::DEFAULT).ok(),
        |field| {
            let text = field.text("a subject with places such as {kind}")?;
            Subject::parse(text).map_err(|why| field.fault(format!("expected a subject: {why}"), None)).ok()
        },
    );
    let jetstream = section.take("jetstream").map_or(Some(true), |field| field.boolean());
    let (servers, subject) = (servers?, subject?);
    Some(handlers::Action::Nats(NatsSettings { servers, subject, jetstream: jetstream?, timeout: timeout? }))
}

/// NATS servers: where they are, and what proves us to them. No fault shows a URL, since it may hold a password.
fn nats_servers(section: &mut Section<'_>) -> Option<Servers> {
    let what = "the URL of a NATS server, such as `nats://nats:4222`";
    let servers = section.need("url", what).and_then(|field| {
        let read = Servers::parse(text_hiding(&field)?);
        read.map_err(|error| field.fault_hiding(error.to_string(), None)).ok()
    });
    let credentials = section.take("credentials").map(|field| secrets::secret(&field).map(Credentials::read));
    let authorities = section.take("ca_file").map(|field| field.text("the path of a PEM file").map(PathBuf::from));
    if credentials.as_ref().is_some_and(Option::is_none) || authorities.as_ref().is_some_and(Option::is_none) {
        return None;
    }
    Some(servers?.known_by(credentials.flatten()).trusting(authorities.flatten()))
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
