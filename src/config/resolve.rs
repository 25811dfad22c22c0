//! What the tree means: each section read into the settings of the module that uses it.
//!
//! All sections are read whatever is wrong with one of them, so that every fault is told at once.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use crate::decide::{AppPolicy, Policy, Scope, Word};
use crate::kind::KindPattern;
use crate::tencent::callback::CallbackSecrets;
use crate::yunxin::{App, Apps};
use crate::{admin, edge, journal};

use super::deciders;
use super::outward;
use super::reader::{Field, Reader, Section};
use super::robot_call::Surroundings;
use super::several;
use super::tencent::{Tencent, tencent};
use super::tree::{Table, Value};
use super::verdicts::{self, WORDS};
use super::{Config, Deciding, LogForm, callers, secrets};

const MILLISECOND: Duration = Duration::from_millis(1);
const SECOND: Duration = Duration::from_secs(1);
/// What the platform gives a receiver where the console was not changed.
const PLATFORM_TIMEOUT: Duration = Duration::from_secs(2);
/// What of that must remain for the way there and back.
const REMAINDER: Duration = Duration::from_millis(500);
const SPILL: &str = "spill.jsonl";
const MIB: u64 = 1 << 20;
const KEEP: Duration = Duration::from_secs(7 * 86_400);
const LONGEST_KEEP: Duration = Duration::from_secs(3650 * 86_400);

/// The configuration that `table` means; `None` where the reader was told faults.
pub(super) fn config(reader: &Reader<'_>, table: &Table) -> Option<Config> {
    let mut top = reader.top(table);
    let (mut listen, mut deadline) = (None, None);
    let server = top.need("server", "the section [server]");
    let server = server.and_then(|field| server_settings(&field, &mut listen, &mut deadline));
    let admin = top.need("admin", "the section [admin]").and_then(|field| admin_settings(&field, listen));
    let mut journal = journal_settings(&mut top);
    let scope = top.need("verdict", "the section [verdict]").map(|field| verdicts::scope(&field));
    let Tencent { callbacks, account } = tencent(&mut top);
    let apps = apps(&mut top, &callbacks, deadline.as_ref());
    let keys: Vec<&str> = apps.iter().map(|app| &*app.app.app_key).collect();
    let deciders = deciders::deciders(top.items("deciders"), &keys);
    if let Some(shared) = journal.as_mut().and_then(|journal| journal.nats.as_mut()) {
        let tolerance = apps.iter().map(|app| app.app.clock_tolerance).max().unwrap_or(App::CLOCK_TOLERANCE);
        several::fits_the_rest(&top, shared, tolerance, deadline.as_ref().map(|(deadline, _)| *deadline));
    }
    let place = journal.clone().unwrap_or_else(|| journal::Options::at(""));
    let around = Surroundings { account: account.clone(), journal: place, callbacks: callbacks.count().0 > 0 };
    let handlers = outward::handlers(top.items("handlers"), &around);
    let endpoints = outward::endpoints(top.items("endpoints"));
    top.finish();
    let (mut settings, log) = server?;
    settings.endpoints = endpoints;
    let mut config = Config {
        edge: settings,
        log,
        admin: admin?,
        apps: Apps::default(),
        callbacks,
        policy: Policy { scope: scope?, ..Policy::default() },
        deciders,
        account,
        journal: journal?,
        handlers,
        warnings: Vec::new(),
        platform_timeouts: BTreeMap::new(),
        secret_files: Vec::new(),
    };
    for app in &apps {
        let policy = AppPolicy { scope: app.scope.clone(), console_default: app.console_default };
        config.policy.apps.insert(Arc::clone(&app.app.app_key), policy);
        config.platform_timeouts.insert(Arc::clone(&app.app.app_key), app.platform_timeout);
    }
    config.apps = apps.into_iter().map(|app| app.app).collect();
    Some(config)
}

/// Sections that say nothing about verdicts.
const SILENT: [&str; 6] = ["server", "admin", "journal", "handlers", "endpoints", "tencent"];

/// What is said about verdicts alone.
pub(super) fn deciding(mut top: Section<'_>) -> Option<Deciding> {
    let scope = top.take("verdict").map(|field| verdicts::scope(&field)).unwrap_or_default();
    let mut policy = Policy { scope, ..Policy::default() };
    for field in top.items("apps") {
        let mut section = field.section()?;
        let key = section.take("app_key").and_then(|field| field.text("the App Key"));
        let console_default = section.take("console_default").and_then(|field| field.word(&WORDS));
        let scope = section.take("verdict").map(|field| verdicts::scope(&field)).unwrap_or_default();
        let console_default = console_default.unwrap_or(Word::Reject);
        policy.apps.extend(key.map(|key| (Arc::from(key), AppPolicy { scope, console_default })));
    }
    let deciders = deciders::deciders(top.items("deciders"), &[]);
    for section in SILENT {
        top.take(section);
    }
    top.finish();
    Some(Deciding { policy, deciders })
}

/// The section `[journal]` alone.
pub(super) fn journal_settings(top: &mut Section<'_>) -> Option<journal::Options> {
    let mut section = top.need("journal", "the section [journal]")?.section()?;
    let path = section.need("path", "a directory").and_then(|field| path_of(&field));
    let nats = several::nats(&mut section);
    let min_free = section.need("min_free", "a size").and_then(|field| field.size(0..=u64::MAX));
    let spill = section.take("spill").map(|field| path_of(&field));
    let (mut leave_out, keep) = (Some(journal::LeaveOut::default()), section.need("keep", "a duration or `forever`"));
    let keep = keep.and_then(|field| match &field.node.value {
        // The two things that are about keeping, in one place.
        Value::Table(_) => {
            let mut inner = field.section()?;
            let keep = inner.take("for").map_or(Some(Some(KEEP)), |field| kept_for(&field));
            leave_out = left_out(inner.items("drop"));
            inner.finish();
            keep
        }
        _ => kept_for(&field),
    });
    let drops = section.items("drop");
    if !drops.is_empty() {
        leave_out = left_out(drops);
    }
    let keys = section.take("encryption_key").map(|field| keys(&field));
    let max_size = section.take("max_size").map(|field| field.size(64 * MIB..=u64::MAX));
    section.finish();
    let path = path?;
    let spill = spill.unwrap_or_else(|| Some(path.join(SPILL)))?;
    let retention = journal::Retention { keep: keep?, max_size: max_size.map_or(Some(None), |size| size.map(Some))? };
    let keys = keys.map_or(Some(None), |keys| keys.map(Some))?;
    let (min_free, leave_out) = (min_free?, leave_out?);
    let nats = nats?.map(|nats| journal::NatsSettings { keep: retention.keep, ..nats });
    Some(journal::Options { min_free, spill, retention, leave_out, keys, nats, ..journal::Options::at(path) })
}

/// Fields that are left out: `FIELD`, or `KIND:FIELD`.
fn left_out(items: Vec<Field<'_>>) -> Option<journal::LeaveOut> {
    let mut all = Some(journal::LeaveOut::default());
    for item in items {
        let read = item.text("a field's name, or a kind and a field").and_then(|text| {
            let (kinds, field) = text.split_once(':').unwrap_or(("*", text));
            match (KindPattern::parse(kinds.trim()), field.trim()) {
                (Ok(kinds), field) if !field.is_empty() => Some((kinds, field.to_owned())),
                (Err(why), _) => {
                    item.fault(format!("expected a kind before the colon: {why}"), None);
                    None
                }
                _ => {
                    item.fault("expected a field's name", Some("for example \"message.*:attach\"".to_owned()));
                    None
                }
            }
        });
        all = all.zip(read).map(|(all, (kinds, field))| all.and(kinds, field));
    }
    all
}

/// The keys that events are encrypted with: one, or a list whose first one encrypts.
fn keys(field: &Field<'_>) -> Option<journal::Keys> {
    let items = if matches!(field.node.value, Value::List(_)) { field.list()? } else { vec![field.clone()] };
    let mut keys = Vec::new();
    for item in &items {
        let secret = secrets::secret(item)?;
        match journal::Key::parse(secret.expose()) {
            Ok(key) => keys.push(key),
            Err(why) => item.fault_hiding("expected a key", Some(why.to_string())),
        }
    }
    let is_whole = keys.len() == items.len();
    if items.is_empty() {
        field.fault_hiding("expected at least one key, found an empty list", None);
    }
    journal::Keys::of(keys).filter(|_| is_whole)
}

/// How long events are kept; for ever is `None`.
fn kept_for(field: &Field<'_>) -> Option<Option<Duration>> {
    if matches!(&field.node.value, Value::Text(text) if text == "forever") {
        return Some(None);
    }
    field.duration(3600 * SECOND..=LONGEST_KEEP).map(Some)
}

fn path_of(field: &Field<'_>) -> Option<PathBuf> {
    field.text("a path").map(|text| Path::new(text).to_owned())
}

/// The deadline and where it is written: it is judged again with each app, whatever else is wrong.
type Deadline<'r> = (Duration, Field<'r>);

/// The section `[server]`, without the endpoints.
fn server_settings<'r>(
    field: &Field<'r>,
    listen: &mut Option<SocketAddr>,
    deadline: &mut Option<Deadline<'r>>,
) -> Option<(edge::Settings, LogForm)> {
    let mut section = field.section()?;
    *listen = section.need("listen", "an IP address and a port").and_then(|field| field.address());
    *deadline = section.need("deadline", "a duration").and_then(|field| {
        let deadline = field.duration(50 * MILLISECOND..=60 * SECOND)?;
        Some((deadline, field))
    });
    let body_limit = section.need("body_limit", "a size").and_then(|field| field.size(1024..=64 * MIB));
    let max_in_flight = section.need("max_in_flight", "a number").and_then(|field| field.integer(1..=1_000_000));
    let max_unproven = section.need("max_unproven", "a number").and_then(|field| field.integer(1..=1_000_000));
    let idle_timeout = section.need("idle_timeout", "a duration");
    let idle_timeout = idle_timeout.and_then(|field| field.duration(SECOND..=3600 * SECOND));
    let forms = [("text", LogForm::Text), ("json", LogForm::Json)];
    let log = section.need("log", "`text` or `json`").and_then(|field| field.word(&forms));
    let callers = callers::callers(&mut section);
    section.finish();
    let settings = edge::Settings {
        listen: (*listen)?,
        deadline: deadline.as_ref()?.0,
        body_limit: usize::try_from(body_limit?).ok()?,
        max_in_flight: usize::try_from(max_in_flight?).ok()?,
        max_unproven: usize::try_from(max_unproven?).ok()?,
        idle_timeout: idle_timeout?,
        callers: callers?,
        endpoints: Vec::new(),
    };
    Some((settings, log?))
}

/// The section `[admin]`; `public` is where the public listener listens.
fn admin_settings(field: &Field<'_>, public: Option<SocketAddr>) -> Option<admin::Settings> {
    let mut section = field.section()?;
    let listen = section.need("listen", "an IP address and a port");
    let address = listen.as_ref().and_then(|field| field.address());
    let token = section.take("token").map(|field| secrets::secret(&field));
    let write = section.need("write", "true or false").and_then(|field| field.boolean());
    section.finish();
    if let (Some(listen), Some(address), None) = (&listen, address, &token)
        && !address.ip().to_canonical().is_loopback()
    {
        let hint = "set admin.token, for example { env = \"OFFHOOK_ADMIN_TOKEN\" }, or listen on 127.0.0.1";
        listen.fault("expected a loopback address, since there is no admin.token", Some(hint.to_owned()));
    }
    if let (Some(listen), Some(address), Some(public)) = (&listen, address, public)
        && get_in_each_others_way(address, public)
    {
        let hint =
            format!("server.listen is {public}; give the admin listener a port of its own, such as 127.0.0.1:8081");
        listen.fault("expected an address that server.listen leaves free", Some(hint));
    }
    let token = match token {
        Some(token) => Some(token?),
        None => None,
    };
    Some(admin::Settings { listen: address?, token, write: write?, samples: false })
}

/// Whether the operating system lets only one of two listeners have its address. Port 0 is any free one.
///
/// `[::]` takes connections over IPv4 too, unless the system's `net.ipv6.bindv6only` says otherwise. What that says here
/// is not asked: a file that is fine on one machine is to be fine on the next one.
fn get_in_each_others_way(one: SocketAddr, other: SocketAddr) -> bool {
    let (address, another) = (one.ip().to_canonical(), other.ip().to_canonical());
    let covers = |all: IpAddr, one: IpAddr| all.is_unspecified() && (all.is_ipv6() || one.is_ipv4());
    let meet = address == another || covers(address, another) || covers(another, address);
    one.port() == other.port() && one.port() != 0 && meet
}

/// An app and what is said about it.
struct AppSection {
    app: App,
    scope: Scope,
    console_default: Word,
    platform_timeout: Duration,
}

fn apps(top: &mut Section<'_>, callbacks: &CallbackSecrets, deadline: Option<&Deadline<'_>>) -> Vec<AppSection> {
    let fields = top.items("apps");
    if fields.is_empty() && callbacks.is_empty() {
        let hint = "set OFFHOOK_APP_KEY and OFFHOOK_APP_SECRET, or write an [[apps]] section; to try offhook without \
                    an app there is `offhook dev`";
        top.fault("apps", "expected at least one app, found no app".to_owned(), Some(hint.to_owned()));
    }
    let mut first: BTreeMap<&str, usize> = BTreeMap::new();
    let mut apps = Vec::new();
    for (place, field) in fields.iter().enumerate() {
        let Some(mut section) = field.section() else { continue };
        let key_field = section.need("app_key", "the App Key");
        let key = key_field.as_ref().and_then(secrets::app_key);
        if let (Some(field), Some(key)) = (&key_field, key) {
            match first.get(key) {
                Some(other) => {
                    let hint = format!("put all secrets of one app into `secrets` of apps[{other}]");
                    field.fault(format!("expected an App Key of its own, but apps[{other}] has the same"), Some(hint));
                }
                None => _ = first.insert(key, place),
            }
        }
        let app = app(&mut section, place, key, deadline);
        section.finish();
        apps.extend(app);
    }
    apps
}

fn app(
    section: &mut Section<'_>,
    place: usize,
    key: Option<&str>,
    deadline: Option<&Deadline<'_>>,
) -> Option<AppSection> {
    let secrets = section.need("secrets", "a list of App Secrets").and_then(|field| app_secrets(&field));
    let tolerance = section.take("clock_tolerance").map(|field| field.duration(SECOND..=3600 * SECOND));
    let console_default = section.take("console_default").map(|field| field.word(&WORDS));
    let timeout = section.take("platform_timeout").map(|field| field.duration(SECOND..=60 * SECOND));
    let timeout = timeout.unwrap_or(Some(PLATFORM_TIMEOUT));
    if let (Some(deadline), Some(timeout)) = (deadline, timeout) {
        check_deadline(deadline, place, timeout);
    }
    let scope = section.take("verdict").map(|field| verdicts::scope(&field)).unwrap_or_default();
    let clock_tolerance = tolerance.unwrap_or(Some(App::CLOCK_TOLERANCE))?;
    Some(AppSection {
        app: App { app_key: Arc::from(key?), secrets: secrets?, clock_tolerance },
        scope,
        console_default: console_default.unwrap_or(Some(Word::Reject))?,
        platform_timeout: timeout?,
    })
}

fn app_secrets(field: &Field<'_>) -> Option<Vec<crate::yunxin::AppSecret>> {
    let items = field.list()?;
    let secrets: Vec<_> = items.iter().filter_map(secrets::app_secret).collect();
    if items.is_empty() {
        field.fault_hiding("expected at least one secret, found an empty list", None);
    } else if secrets.len() == items.len() && !secrets.iter().any(|secret| secret.is_current(field.reader.now)) {
        let hint = "add the app's present secret from the console";
        field.fault_hiding("expected a secret that has not ended; every one has (not_after)", Some(hint.to_owned()));
    }
    Some(secrets)
}

fn check_deadline((deadline, field): &Deadline<'_>, place: usize, platform_timeout: Duration) {
    let most = platform_timeout.saturating_sub(REMAINDER);
    if *deadline <= most {
        return;
    }
    let [shown, timeout] = [most, platform_timeout].map(humantime::format_duration);
    let expected = format!(
        "expected at most {shown}: the platform gives up on apps[{place}] after {timeout}, of which 500ms must remain"
    );
    let hint = format!("where the console gives more time, say so in apps[{place}].platform_timeout");
    field.fault(expected, Some(hint));
}
