//! The resolved configuration as TOML for people: everything that is in force, and no secret.

use std::fmt::{self, Display, Write};
use std::time::Duration;

use humantime::format_duration;
use url::Url;

use crate::decide::rules::Rulebook;
use crate::decide::{self, ExecSettings, HttpSettings, OnError, Say, Scope, Word};
use crate::deliver::LaneSettings;
use crate::edge::ForwardedHeader;
use crate::handlers::{self, Action, RobotCallSettings, Settings, Template};
use crate::journal::NatsSettings;
use crate::kind::KindPattern;
use crate::secret::Secret;
use crate::tencent::Account;
use crate::verdict::{RejectCode, Verdict};
use crate::yunxin::App;

use super::deciders::written_list;
use super::reader::size_text;
use super::{Config, LogForm};

/// What stands where a secret is.
const MASK: &str = "***";

/// Writes `config` out.
pub(super) fn masked_toml(config: &Config, out: &mut impl Write) -> fmt::Result {
    let (edge, journal) = (&config.edge, &config.journal);
    writeln!(out, "[server]")?;
    text(out, "listen", edge.listen)?;
    text(out, "deadline", format_duration(edge.deadline))?;
    text(out, "body_limit", size_text(edge.body_limit as u64))?;
    writeln!(out, "max_in_flight = {}\nmax_unproven = {}", edge.max_in_flight, edge.max_unproven)?;
    text(out, "idle_timeout", format_duration(edge.idle_timeout))?;
    networks(out, "allow_from", &edge.callers.allow_from)?;
    networks(out, "trusted_proxies", &edge.callers.trusted_proxies)?;
    let header = match edge.callers.forwarded_header {
        ForwardedHeader::XForwardedFor => "x-forwarded-for",
        ForwardedHeader::Forwarded => "forwarded",
    };
    text(out, "forwarded_header", header)?;
    text(out, "log", if config.log == LogForm::Json { "json" } else { "text" })?;

    writeln!(out, "\n[admin]")?;
    text(out, "listen", config.admin.listen)?;
    if config.admin.token.is_some() {
        text(out, "token", MASK)?;
    }
    writeln!(out, "write = {}", config.admin.write)?;

    scope(out, "verdict", &config.policy.scope)?;

    writeln!(out, "\n[journal]")?;
    text(out, "path", journal.path.display())?;
    if journal.nats.is_none() {
        text(out, "min_free", size_text(journal.min_free))?;
    }
    text(out, "spill", journal.spill.display())?;
    match journal.retention.keep {
        Some(keep) => text(out, "keep", format_duration(keep))?,
        None => text(out, "keep", "forever")?,
    }
    if let Some(size) = journal.retention.max_size {
        text(out, "max_size", size_text(size))?;
    }
    let left_out = journal.leave_out.rows().map(|(kinds, field)| match kinds.as_str() {
        "*" => quoted(field),
        kinds => quoted(&format!("{kinds}:{field}")),
    });
    let left_out: Vec<String> = left_out.collect();
    if !left_out.is_empty() {
        writeln!(out, "drop = [{}]", left_out.join(", "))?;
    }
    if let Some(keys) = &journal.keys {
        writeln!(out, "encryption_key = [{}]", vec![quoted(MASK); keys.count()].join(", "))?;
    }
    if let Some(settings) = &journal.nats {
        shared_journal(settings, out)?;
    }

    let (tokens, keys) = config.callbacks.count();
    match &config.account {
        Some(found) => writeln!(out, "\n[tencent]\nsdk_app_id = {}", found.key.sdk_app_id())?,
        None if tokens + keys > 0 => writeln!(out, "\n[tencent]\nsdk_app_id = {}", config.callbacks.sdk_app_id())?,
        None => {}
    }
    if tokens + keys > 0 {
        let masked = |count| vec![quoted(MASK); count].join(", ");
        writeln!(out, "callback_tokens = [{}]\ntrtc_keys = [{}]", masked(tokens), masked(keys))?;
    }
    if let Some(found) = &config.account {
        account(found, out)?;
    }

    for key in config.platform_timeouts.keys() {
        if let Some(found) = config.apps.get(key) {
            app(config, found, out)?;
        }
    }
    config.deciders.iter().try_for_each(|settings| decider(settings, out))?;
    config.handlers.iter().try_for_each(|settings| handler(settings, out))?;
    for endpoint in &edge.endpoints {
        writeln!(out, "\n[[endpoints]]")?;
        text(out, "path", &endpoint.path)?;
        text(out, "family", endpoint.family.name())?;
    }
    Ok(())
}

/// What several machines share.
fn shared_journal(settings: &NatsSettings, out: &mut impl Write) -> fmt::Result {
    text(out, "url", &settings.servers)?;
    writeln!(out, "\n[journal.nats]")?;
    text(out, "stream", &settings.stream)?;
    writeln!(out, "replicas = {}", settings.replicas)?;
    if let Some(window) = settings.duplicate_window {
        text(out, "duplicate_window", format_duration(window))?;
    }
    if settings.servers.has_credentials() {
        text(out, "credentials", MASK)?;
    }
    settings.servers.authorities().map_or(Ok(()), |path| text(out, "ca_file", path.display()))
}

fn networks(out: &mut impl Write, key: &str, networks: &[impl Display]) -> fmt::Result {
    if networks.is_empty() {
        return Ok(());
    }
    let networks: Vec<_> = networks.iter().map(|network| format!("\"{network}\"")).collect();
    writeln!(out, "{key} = [{}]", networks.join(", "))
}

fn app(config: &Config, app: &App, out: &mut impl Write) -> fmt::Result {
    writeln!(out, "\n[[apps]]")?;
    text(out, "app_key", &app.app_key)?;
    let secrets = app.secrets.iter().map(|secret| match secret.not_after {
        Some(end) => format!("{{ value = \"{MASK}\", not_after = \"{end}\" }}"),
        None => format!("\"{MASK}\""),
    });
    writeln!(out, "secrets = [{}]", secrets.collect::<Vec<_>>().join(", "))?;
    text(out, "clock_tolerance", format_duration(app.clock_tolerance))?;
    if let Some(policy) = config.policy.apps.get(&app.app_key) {
        text(out, "console_default", word(policy.console_default))?;
    }
    if let Some(timeout) = config.platform_timeouts.get(&app.app_key) {
        text(out, "platform_timeout", format_duration(*timeout))?;
    }
    match config.policy.apps.get(&app.app_key) {
        Some(policy) if policy.scope.all != Say::default() || !policy.scope.kinds.is_empty() => {
            scope(out, "apps.verdict", &policy.scope)
        }
        _ => Ok(()),
    }
}

fn scope(out: &mut impl Write, name: &str, scope: &Scope) -> fmt::Result {
    writeln!(out, "\n[{name}]")?;
    say(out, &scope.all)?;
    for (pattern, said) in &scope.kinds {
        writeln!(out, "\n[{name}.kinds.{}]", quoted(pattern.as_str()))?;
        say(out, said)?;
    }
    Ok(())
}

fn say(out: &mut impl Write, said: &Say) -> fmt::Result {
    for (key, value) in [("default", said.default), ("fallback", said.fallback)] {
        if let Some(value) = value {
            text(out, key, word(value))?;
        }
    }
    said.reject_code.map_or(Ok(()), |code| writeln!(out, "reject_code = {code}"))
}

fn decider(settings: &decide::Settings, out: &mut impl Write) -> fmt::Result {
    let link = &settings.link;
    writeln!(out, "\n[[deciders]]")?;
    let kind = match settings.action {
        decide::Action::Rules(_) => "rules",
        decide::Action::Http(_) => "http",
        decide::Action::Exec(_) => "exec",
    };
    text(out, "type", kind)?;
    text(out, "name", &link.name)?;
    if !link.kinds.is_empty() {
        list(out, "kinds", link.kinds.iter().map(KindPattern::as_str))?;
    }
    if !link.apps.is_empty() {
        list(out, "apps", link.apps.iter().map(|app| &**app))?;
    }
    if let Some(timeout) = link.timeout {
        text(out, "timeout", format_duration(timeout))?;
    }
    writeln!(out, "shadow = {}", link.shadow)?;
    let on_error = match link.on_error {
        OnError::Fallback => "fallback",
        OnError::Next => "next",
        OnError::Allow => "allow",
        OnError::Reject => "reject",
    };
    text(out, "on_error", on_error)?;
    if let Some(most) = link.max_concurrent {
        writeln!(out, "max_concurrent = {most}")?;
    }
    if let Some(late) = link.late {
        text(out, "late", format_duration(late))?;
    }
    match &settings.action {
        decide::Action::Rules(book) => rules(book, out),
        decide::Action::Http(HttpSettings { url, headers, breaker }) => {
            text(out, "url", masked_url(url))?;
            masked(out, "headers", headers)?;
            writeln!(out, "breaker_failures = {}", breaker.failures)?;
            text(out, "breaker_pause", format_duration(breaker.pause))
        }
        decide::Action::Exec(settings) => program(settings, out),
    }
}

/// Names, and nothing of their values.
fn masked(out: &mut impl Write, key: &str, values: &[(String, Secret)]) -> fmt::Result {
    values.iter().try_for_each(|(name, _)| writeln!(out, "{key}.{} = \"{MASK}\"", quoted(name)))
}

fn rules(book: &Rulebook, out: &mut impl Write) -> fmt::Result {
    for list in book.lists() {
        writeln!(out, "lists.{} = {}", list.name, written_list(list))?;
    }
    book.sources().iter().try_for_each(|rule| {
        writeln!(out, "\n[[deciders.rules]]")?;
        text(out, "name", &rule.name)?;
        text(out, "when", &rule.when)?;
        match &rule.then {
            Verdict::Reject { code: RejectCode::CONFIGURED, ext } => {
                writeln!(out, "reject = {{ ext = {} }}", quoted(ext))
            }
            Verdict::Reject { code, ext } => writeln!(out, "reject = {{ code = {code}, ext = {} }}", quoted(ext)),
            Verdict::Allow { modify, ext } if modify.is_empty() => writeln!(out, "allow = {{ ext = {} }}", quoted(ext)),
            Verdict::Allow { modify, .. } => {
                let parts = modify
                    .iter()
                    .map(|(part, value)| format!("{part} = {}", quoted(value.as_str().unwrap_or_default())));
                writeln!(out, "modify = {{ {} }}", parts.collect::<Vec<_>>().join(", "))
            }
        }
    })
}

fn list<'t>(out: &mut impl Write, key: &str, items: impl Iterator<Item = &'t str>) -> fmt::Result {
    writeln!(out, "{key} = [{}]", items.map(quoted).collect::<Vec<_>>().join(", "))
}

fn handler(settings: &Settings, out: &mut impl Write) -> fmt::Result {
    let lane = &settings.lane;
    writeln!(out, "\n[[handlers]]")?;
    let kind = match settings.action {
        Action::Log { .. } => "log",
        Action::Http { .. } => "http",
        Action::Exec { .. } => "exec",
        Action::Nats(_) => "nats",
        Action::RobotCall(_) => "robot_call",
    };
    text(out, "type", kind)?;
    text(out, "name", &lane.name)?;
    if !lane.kinds.is_empty() {
        list(out, "kinds", lane.kinds.iter().map(KindPattern::as_str))?;
    }
    match &settings.action {
        Action::Log { data } => writeln!(out, "data = {data}"),
        Action::Http { url, timeout, connect_timeout, signing_keys, batch } => {
            text(out, "url", masked_url(url))?;
            text(out, "connect_timeout", format_duration(*connect_timeout))?;
            if !signing_keys.is_empty() {
                let masks = vec![quoted(MASK); signing_keys.len()];
                writeln!(out, "signing_secret = [{}]", masks.join(", "))?;
            }
            patience(lane, *timeout, out)?;
            writeln!(out, "batch = {batch}")
        }
        Action::Exec { program: settings, timeout } => {
            program(settings, out)?;
            patience(lane, *timeout, out)
        }
        Action::Nats(settings) => {
            nats(settings, out)?;
            patience(lane, settings.timeout, out)
        }
        Action::RobotCall(settings) => robot_call(settings, out),
    }
}

fn patience(lane: &LaneSettings, timeout: Duration, out: &mut impl Write) -> fmt::Result {
    text(out, "timeout", format_duration(timeout))?;
    writeln!(out, "max_attempts = {}\nconcurrency = {}", lane.max_attempts, lane.concurrency)
}

fn program(settings: &ExecSettings, out: &mut impl Write) -> fmt::Result {
    let ExecSettings { command, args, env } = settings;
    text(out, "command", command.display())?;
    if !args.is_empty() {
        list(out, "args", args.iter().map(|arg| &**arg))?;
    }
    masked(out, "env", env)
}

fn nats(settings: &handlers::NatsSettings, out: &mut impl Write) -> fmt::Result {
    let handlers::NatsSettings { servers, subject, jetstream, .. } = settings;
    text(out, "url", servers)?;
    if servers.has_credentials() {
        text(out, "credentials", MASK)?;
    }
    if let Some(authorities) = servers.authorities() {
        text(out, "ca_file", authorities.display())?;
    }
    text(out, "subject", subject.as_str())?;
    writeln!(out, "jetstream = {jetstream}")
}

fn robot_call(settings: &RobotCallSettings, out: &mut impl Write) -> fmt::Result {
    text(out, "robot", settings.robot.as_str())?;
    let list = |items: Vec<&str>| items.into_iter().map(quoted).collect::<Vec<_>>().join(", ");
    writeln!(out, "callees = [{}]", list(settings.callees.iter().map(Template::as_str).collect()))?;
    text(out, "media_type", settings.media_type.to_string().to_lowercase())?;
    if !settings.accounts.is_empty() {
        writeln!(out, "accounts = [{}]", list(settings.accounts.iter().map(String::as_str).collect()))?;
    }
    if let Some(verdict) = settings.verdict {
        text(out, "verdict", verdict)?;
    }
    text(out, "room", settings.room.as_str())?;
    text(out, "ring", format_duration(Duration::from_millis(settings.timeout_ms)))?;
    let optional = [
        ("user_data", &settings.user_data),
        ("push_title", &settings.push_title),
        ("push_desc", &settings.push_desc),
        ("media", &settings.media),
    ];
    for (key, template) in optional {
        if let Some(template) = template {
            text(out, key, template.as_str())?;
        }
    }
    Ok(())
}

/// The keys of `[tencent]` for requests that leave.
fn account(account: &Account, out: &mut impl Write) -> fmt::Result {
    text(out, "secret_key", MASK)?;
    text(out, "admin", &account.admin)?;
    if let Some(host) = &account.host {
        text(out, "host", host)?;
    }
    let Some(ingest) = &account.ingest else { return Ok(()) };
    writeln!(out, "\n[tencent.ingest]")?;
    text(out, "secret_id", MASK)?;
    text(out, "secret_key", MASK)?;
    if ingest.credentials.token.is_some() {
        text(out, "token", MASK)?;
    }
    text(out, "site", ingest.site.word())?;
    text(out, "endpoint", &ingest.endpoint)?;
    text(out, "region", &ingest.region)?;
    ingest.room_reading.map_or(Ok(()), |reading| text(out, "room_id_type", reading.word()))
}

/// A URL without what may be secret in it: its user, its password, its query.
fn masked_url(url: &Url) -> String {
    let user = if url.username().is_empty() && url.password().is_none() { "" } else { "***@" };
    let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
    let query = if url.query().is_some() { "?***" } else { "" };
    format!("{}://{user}{}{port}{}{query}", url.scheme(), url.host_str().unwrap_or_default(), url.path())
}

fn word(word: Word) -> &'static str {
    match word {
        Word::Allow => "allow",
        Word::Reject => "reject",
    }
}

fn text(out: &mut impl Write, key: &str, value: impl Display) -> fmt::Result {
    writeln!(out, "{key} = {}", quoted(&value.to_string()))
}

fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}
