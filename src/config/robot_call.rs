//! The handler `robot_call` as a configuration describes it.

use std::time::Duration;

use crate::handlers::{Action, RobotCallSettings, Template};
use crate::journal;
use crate::tencent::Account;
use crate::tencent::call_engine::{LONGEST_TIMEOUT, Media, SHORTEST_TIMEOUT};

use super::reader::{Field, Section};

const TIMEOUT: Duration = Duration::from_secs(30);
const ROOM: &str = "call-{id}";

/// What a handler that calls needs to know besides its own section.
#[derive(Debug, Clone)]
pub(super) struct Surroundings {
    /// The app that calls.
    pub(super) account: Option<Account>,
    /// The journal.
    pub(super) journal: journal::Options,
    /// Whether Tencent's callbacks are believed here.
    pub(super) callbacks: bool,
}

/// The keys that only this type has, each with the type.
pub(super) const ROBOT_CALL_ONLY: [(&str, &str); 11] = [
    ("accounts", THIS),
    ("verdict", THIS),
    ("robot", THIS),
    ("callees", THIS),
    ("media_type", THIS),
    ("room", THIS),
    ("user_data", THIS),
    ("ring", THIS),
    ("push_title", THIS),
    ("push_desc", THIS),
    ("media", THIS),
];
const THIS: &str = "handlers of type `robot_call`";

/// Reads the keys of a `robot_call`.
pub(super) fn robot_call(section: &mut Section<'_>, place: &Field<'_>, around: &Surroundings) -> Option<Action> {
    let robot = section.need("robot", "who calls").map(|field| template(&field));
    let callees = section.need("callees", "a list of who is called").map(|field| callees(&field));
    let media_types = [("video", Media::Video), ("audio", Media::Audio)];
    let media_type = section.need("media_type", "`video` or `audio`").and_then(|field| field.word(&media_types));
    let accounts = section.take("accounts").map(|field| accounts(&field)).unwrap_or_default();
    let words = [("allow", "allow"), ("reject", "reject")];
    let verdict = section.take("verdict").map(|field| field.word(&words));
    let ring = section.take("ring").map(|field| field.duration(SHORTEST_TIMEOUT..=LONGEST_TIMEOUT));
    let mut optional = |key| section.take(key).map(|field| template(&field));
    let (room, user_data, media) = (optional("room"), optional("user_data"), optional("media"));
    let (push_title, push_desc) = (optional("push_title"), optional("push_desc"));
    let Some(account) = around.account.clone() else {
        let hint = "set tencent.sdk_app_id, tencent.secret_key and tencent.region".to_owned();
        place.fault_hiding("expected a section [tencent] with a secret_key, which signs its calls", Some(hint));
        return None;
    };
    if account.host.is_none() {
        place.fault_hiding("expected tencent.region (or tencent.host), where its calls are asked for", None);
    }
    if media.is_some() && account.ingest.is_none() {
        place.fault_hiding("expected a section [tencent.ingest], which `media` needs", None);
    }
    let timeout_ms = u64::try_from(ring.unwrap_or(Some(TIMEOUT))?.as_millis()).ok()?;
    Some(Action::RobotCall(Box::new(RobotCallSettings {
        account,
        journal: around.journal.clone(),
        callbacks: around.callbacks,
        accounts,
        verdict: verdict.unwrap_or_default(),
        robot: robot??,
        callees: callees??,
        media_type: media_type?,
        room: room.unwrap_or_else(|| Template::parse(ROOM).ok())?,
        user_data: user_data.unwrap_or_default(),
        timeout_ms,
        push_title: push_title.unwrap_or_default(),
        push_desc: push_desc.unwrap_or_default(),
        media: media.unwrap_or_default(),
    })))
}

fn template(field: &Field<'_>) -> Option<Template> {
    let text = field.text("a text with places such as {data.fromAccount}")?;
    Template::parse(text).map_err(|why| field.fault(format!("expected a template: {why}"), None)).ok()
}

fn callees(field: &Field<'_>) -> Option<Vec<Template>> {
    let items = field.list()?;
    if items.is_empty() {
        field.fault_hiding("expected at least one callee", None);
    }
    let read: Vec<_> = items.iter().filter_map(template).collect();
    (read.len() == items.len() && !read.is_empty()).then_some(read)
}

fn accounts(field: &Field<'_>) -> Vec<String> {
    field.list().unwrap_or_default().iter().filter_map(|item| item.text("an account")).map(str::to_owned).collect()
}
