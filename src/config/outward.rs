//! `[[handlers]]` and `[[endpoints]]`: where events go, and the paths on which they come.

use std::time::Duration;

use url::Url;

use crate::deliver::LaneSettings;
use crate::edge::Endpoint;
use crate::handlers::{ALL, Action, Settings, SigningKey};
use crate::kind::{Family, KindPattern};

use super::outside::{exec_program, nats};
use super::reader::{Field, Section};
use super::robot_call::{ROBOT_CALL_ONLY, Surroundings, robot_call};
use super::secrets;
use super::tree::Value;
use super::verdicts::pattern;

const TIMEOUT: Duration = Duration::from_secs(10);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
const SHORTEST: Duration = Duration::from_millis(50);
const LONGEST: Duration = Duration::from_secs(600);
/// The most deliveries of one handler that may be under way at once.
const MOST_AT_ONCE: i64 = 256;
/// The most events in one request: as many as a lane reads at once.
const MOST_IN_A_BATCH: i64 = 64;
/// The keys that only some types have, each with the types.
const ELSEWHERE: [(&str, &str); 15] = [
    ("data", "handlers of type `log`"),
    ("url", "handlers of type `http` or `nats`"),
    ("timeout", "handlers of type `http`, `exec` or `nats`"),
    ("max_attempts", "handlers of type `http`, `exec` or `nats`"),
    ("concurrency", "handlers of type `http`, `exec` or `nats`"),
    ("connect_timeout", "handlers of type `http`"),
    ("signing_secret", "handlers of type `http`"),
    ("batch", "handlers of type `http`"),
    ("command", "handlers of type `exec`"),
    ("args", "handlers of type `exec`"),
    ("env", "handlers of type `exec`"),
    ("subject", "handlers of type `nats`"),
    ("jetstream", "handlers of type `nats`"),
    ("credentials", "handlers of type `nats`"),
    ("ca_file", "handlers of type `nats`"),
];
/// Paths of offhook's own on the public listener.
const OWN_PATHS: [&str; 2] = ["/healthz", "/readyz"];

/// The handlers of `[[handlers]]`.
pub(super) fn handlers(fields: Vec<Field<'_>>, around: &Surroundings) -> Vec<Settings> {
    let mut handlers: Vec<Settings> = Vec::new();
    for field in &fields {
        let Some(mut section) = field.section() else { continue };
        let types: Vec<(&str, &str)> = ALL.iter().map(|(name, _)| (*name, *name)).collect();
        let what = "`log`, `http`, `exec`, `nats` or `robot_call`";
        let Some(kind) = section.need("type", what).and_then(|field| field.word(&types)) else { continue };
        let name_field = section.take("name");
        let name = match &name_field {
            Some(field) => field.text("a name"),
            None => Some(kind),
        };
        let kinds = section.take("kinds").map(|field| patterns(&field)).unwrap_or_default();
        let mut lane = LaneSettings { kinds, ..LaneSettings::new(name.unwrap_or(kind)) };
        let action = match kind {
            "http" => http(&mut section, &mut lane),
            "exec" => exec(&mut section, &mut lane),
            "nats" => {
                let timeout = patience(&mut section, &mut lane);
                nats(&mut section, timeout)
            }
            "robot_call" => robot_call(&mut section, field, around),
            _ => log(&mut section),
        };
        section.finish_knowing(&[&ELSEWHERE[..], &ROBOT_CALL_ONLY].concat());
        if name.is_some() && handlers.iter().any(|other| other.lane.name == lane.name) {
            let expected = format!("expected a name of its own, but another handler is called `{}` too", lane.name);
            let hint = "give each handler a `name`: its place in the journal is kept under it".to_owned();
            name_field.as_ref().unwrap_or(field).fault_hiding(expected, Some(hint));
        }
        handlers.extend(action.map(|action| Settings { lane, action }));
    }
    handlers
}

fn log(section: &mut Section<'_>) -> Option<Action> {
    let data = section.take("data").map(|field| field.boolean());
    Some(Action::Log { data: data.unwrap_or(Some(false))? })
}

fn http(section: &mut Section<'_>, lane: &mut LaneSettings) -> Option<Action> {
    let url = section.need("url", "the URL to post to").and_then(|field| url(&field));
    let timeout = patience(section, lane);
    let connect_timeout = section.take("connect_timeout").map(|field| field.duration(SHORTEST..=LONGEST));
    let signing_keys = section.take("signing_secret").map(|field| signing_keys(&field));
    let batch = section.take("batch").map(|field| batch(&field, lane));
    let timeout = timeout?;
    let connect_timeout = connect_timeout.unwrap_or(Some(CONNECT_TIMEOUT))?.min(timeout);
    let signing_keys = signing_keys.unwrap_or(Some(Vec::new()))?;
    Some(Action::Http { url: url?, timeout, connect_timeout, signing_keys, batch: batch.unwrap_or(Some(1))? })
}

/// How many events go into one request. Batches are for handlers that keep the order: others have several requests.
fn batch(field: &Field<'_>, lane: &LaneSettings) -> Option<usize> {
    let most = usize::try_from(field.integer(1..=MOST_IN_A_BATCH)?).ok()?;
    if most > 1 && lane.concurrency > 1 {
        let hint = "take one of the two: `batch` keeps the journal's order, `concurrency` does not".to_owned();
        field.fault("expected no batches beside a `concurrency` of more than 1", Some(hint));
        return None;
    }
    Some(most)
}

fn exec(section: &mut Section<'_>, lane: &mut LaneSettings) -> Option<Action> {
    let program = exec_program(section);
    let timeout = patience(section, lane);
    Some(Action::Exec { program: program?, timeout: timeout? })
}

/// How long an attempt may take; and into `lane`, how many there are, one after the other and at once.
fn patience(section: &mut Section<'_>, lane: &mut LaneSettings) -> Option<Duration> {
    let attempts = section.take("max_attempts").and_then(|field| field.integer(1..=1000));
    if let Some(attempts) = attempts.and_then(|attempts| u32::try_from(attempts).ok()) {
        lane.max_attempts = attempts;
    }
    let at_once = section.take("concurrency").and_then(|field| field.integer(1..=MOST_AT_ONCE));
    if let Some(at_once) = at_once.and_then(|at_once| usize::try_from(at_once).ok()) {
        lane.concurrency = at_once;
    }
    section.take("timeout").map_or(Some(TIMEOUT), |field| field.duration(SHORTEST..=LONGEST))
}

/// One signing secret, or two while one takes the other's place.
fn signing_keys(field: &Field<'_>) -> Option<Vec<SigningKey>> {
    let items = match &field.node.value {
        Value::List(_) => field.list()?,
        _ => return signing_key(field).map(|key| vec![key]),
    };
    if items.is_empty() || items.len() > 2 {
        let expected = format!("expected one secret, or two while rotating, found {}", items.len());
        field.fault_hiding(expected, Some("leave `signing_secret` out to send without a signature".to_owned()));
        return None;
    }
    items.iter().map(signing_key).collect()
}

fn signing_key(field: &Field<'_>) -> Option<SigningKey> {
    let key = SigningKey::parse(&secrets::secret(field)?);
    let hint = || Some("make one with `echo whsec_$(head -c 32 /dev/urandom | base64)`".to_owned());
    key.map_err(|error| field.fault_hiding(error.to_string(), hint())).ok()
}

/// A URL with a host. It may carry a password or a token, so no fault shows it.
pub(super) fn url(field: &Field<'_>) -> Option<Url> {
    let text = text_hiding(field)?;
    let hint = || Some("for example `https://billing.internal/hooks`".to_owned());
    match Url::parse(text.trim()) {
        Ok(url) if matches!(url.scheme(), "http" | "https") && url.has_host() => Some(url),
        Ok(url) => {
            field.fault_hiding(format!("expected a URL of http or https, found one of {}", url.scheme()), hint());
            None
        }
        Err(error) => {
            field.fault_hiding(format!("expected a URL: {error}"), hint());
            None
        }
    }
}

pub(super) fn text_hiding<'r>(field: &Field<'r>) -> Option<&'r str> {
    match &field.node.value {
        Value::Text(text) => Some(text),
        _ => {
            field.fault_hiding("expected a URL as text, in quotes", None);
            None
        }
    }
}

/// The kinds of a list. In a variable's text they stand one after the other with commas.
pub(super) fn patterns(field: &Field<'_>) -> Vec<KindPattern> {
    let Some(items) = field.list() else { return Vec::new() };
    if items.is_empty() {
        field.fault_hiding("expected at least one kind", Some("leave `kinds` out to get every kind".to_owned()));
    }
    let mut patterns = Vec::new();
    for item in &items {
        let Some(text) = item.text("a kind") else { continue };
        if item.is_from_variable() {
            patterns.extend(text.split(',').filter_map(|text| pattern(item, text.trim())));
        } else {
            patterns.extend(pattern(item, text));
        }
    }
    patterns
}

/// The endpoints of `[[endpoints]]`, or the usual ones.
pub(super) fn endpoints(fields: Vec<Field<'_>>) -> Vec<Endpoint> {
    if fields.is_empty() {
        return Endpoint::defaults();
    }
    let mut endpoints: Vec<Endpoint> = Vec::new();
    for field in &fields {
        let Some(mut section) = field.section() else { continue };
        let path_field = section.need("path", "a path");
        let path = path_field.as_ref().and_then(path);
        let family = section.need("family", "a family, such as `yunxin.callback`").and_then(|field| family(&field));
        section.finish();
        let (Some(path_field), Some(path)) = (path_field, path) else { continue };
        if family.is_some_and(|family| family != Family::TencentCall) && stem(&path) != path {
            path_field.fault("expected a path without `{token}`: only `tencent.call` has a secret in its path", None);
        }
        if endpoints.iter().any(|other| other.path == path) {
            path_field.fault("expected a path of its own, but another endpoint has the same", None);
        }
        endpoints.extend(family.map(|family| Endpoint { path, family }));
    }
    endpoints
}

fn path(field: &Field<'_>) -> Option<String> {
    let path = field.text("a path")?;
    if !path.starts_with('/') {
        field.fault("expected a path that begins with `/`", None);
        return None;
    }
    let plain = |byte: u8| byte.is_ascii_graphic() && !br#"?#{}"\<>^`|"#.contains(&byte);
    if !stem(path).bytes().all(plain) {
        let hint = "write other characters percent-encoded, as the sender does, and no query".to_owned();
        field.fault("expected a plain path of a URL", Some(hint));
        return None;
    }
    if OWN_PATHS.contains(&path) {
        field.fault("expected a path that is not offhook's own", None);
        return None;
    }
    Some(path.to_owned())
}

/// A path without the last part that stands for any.
fn stem(path: &str) -> &str {
    path.strip_suffix(Endpoint::TOKEN).filter(|stem| stem.ends_with('/')).unwrap_or(path)
}

fn family(field: &Field<'_>) -> Option<Family> {
    let names: Vec<(&str, Family)> = Family::ALL.iter().map(|family| (family.name(), *family)).collect();
    let family = field.word(&names)?;
    if Endpoint::families().any(|received| received == family) {
        return Some(family);
    }
    let received: Vec<_> = Endpoint::families().map(|family| format!("`{}`", family.name())).collect();
    let hint = format!("it can receive {}", received.join(" and "));
    field.fault("this family is not received by this version", Some(hint));
    None
}
