//! `[verdict]` and `[apps.verdict]`: what is said about verdicts, and what people should be told about it.

use crate::decide::{AppPolicy, Policy, Say, Scope, Word};
use crate::kind::{Family, KINDS, KindPattern};
use crate::verdict::RejectCode;

use super::reader::{Field, Section};

/// The words for allow and reject.
pub(super) const WORDS: [(&str, Word); 2] = [("allow", Word::Allow), ("reject", Word::Reject)];

/// Reads a `verdict` section.
pub(super) fn scope(field: &Field<'_>) -> Scope {
    let Some(mut section) = field.section() else { return Scope::default() };
    let all = say(&mut section);
    let kinds = section.take("kinds").map(|field| field.entries()).unwrap_or_default();
    section.finish();
    let kinds = kinds.into_iter().filter_map(|(name, field)| {
        let pattern = pattern(&field, name);
        let mut section = field.section()?;
        let said = say(&mut section);
        section.finish();
        Some((pattern?, said))
    });
    Scope { all, kinds: kinds.collect() }
}

/// The pattern `text`, which `field` holds or is named by.
pub(super) fn pattern(field: &Field<'_>, text: &str) -> Option<KindPattern> {
    KindPattern::parse(text)
        .map_err(|wrong| {
            let (what, hint) = match wrong.split_once("; ") {
                Some((what, hint)) => (what.to_owned(), Some(hint.to_owned())),
                None => (wrong, None),
            };
            field.fault_hiding(what, hint.or_else(|| Some("a kind, a group (`call.*`), or `*`".to_owned())));
        })
        .ok()
}

fn say(section: &mut Section<'_>) -> Say {
    let default = section.take("default").and_then(|field| field.word(&WORDS));
    let fallback = section.take("fallback").and_then(|field| field.word(&WORDS));
    let reject_code = section.take("reject_code").and_then(|field| {
        let code = field.integer(20000..=20099).and_then(RejectCode::new)?;
        if code.clashes_with_sdk() {
            warn_of_clash(&field, code);
        }
        Some(code)
    });
    Say { default, fallback, reject_code }
}

/// Warns that the desktop SDK uses `code` itself.
pub(super) fn warn_of_clash(field: &Field<'_>, code: RejectCode) {
    let path = field.path();
    field.reader.warn(format!(
        "{path} = {code}: the desktop SDK uses 20000 to 20007 for errors of its own, so its users cannot tell this \
         rejection from those; 20008 to 20099 are free"
    ));
}

/// What people should know about `policy`, one sentence each.
pub(super) fn warnings(policy: &Policy) -> Vec<String> {
    let mut apps: Vec<_> = policy.apps.iter().collect();
    apps.sort_by_key(|(key, _)| *key);
    let mut warnings: Vec<String> = Vec::new();
    for (key, app) in &apps {
        for (word, console) in [(Word::Allow, "reject"), (Word::Reject, "allow")] {
            if app.console_default == word {
                continue;
            }
            let differing = groups(|kind| fallback(policy, app, kind) == word);
            if !differing.is_empty() {
                let does = if word == Word::Allow { "allows" } else { "rejects" };
                warnings.push(format!(
                    "app {key}: when deciding fails, offhook {does} {differing}; the console would {console} \
                     (console_default)"
                ));
            }
        }
    }
    let login = |app: &AppPolicy| {
        let said = |pick: fn(&Say) -> Option<Word>, unset| LOGINS.map(|kind| pick_word(policy, app, kind, pick, unset));
        let default = said(|say| say.default, Word::Allow);
        default.contains(&Word::Allow) || LOGINS.iter().any(|kind| fallback(policy, app, kind) == Word::Allow)
    };
    if apps.iter().any(|(_, app)| login(app)) {
        warnings.push(
            "a login whose authType (loginAuthType) is 2 or absent may be checked by nobody but us: it is rejected, as \
             default and as fallback, unless a decider allows it"
                .to_owned(),
        );
    }
    warnings
}

const LOGINS: [&str; 3] = ["login.im", "login.chatroom", "login.qchat"];

fn fallback(policy: &Policy, app: &AppPolicy, kind: &str) -> Word {
    pick_word(policy, app, kind, |say| say.fallback, app.console_default)
}

fn pick_word(policy: &Policy, app: &AppPolicy, kind: &str, pick: fn(&Say) -> Option<Word>, unset: Word) -> Word {
    app.scope.say(kind, pick).or_else(|| policy.scope.say(kind, pick)).unwrap_or(unset)
}

/// The callback kinds that are `chosen`, whole groups by their pattern.
fn groups(chosen: impl Fn(&str) -> bool) -> String {
    let kinds: Vec<&str> = KINDS
        .iter()
        .filter(|row| row.family == Family::YunxinCallback)
        .map(|row| row.name)
        .chain(["unknown.0"])
        .collect();
    if kinds.iter().all(|kind| chosen(kind)) {
        return "every kind".to_owned();
    }
    let group_of = |kind: &str| kind.split_once('.').map_or(kind, |(group, _)| group).to_owned();
    let mut names: Vec<String> = Vec::new();
    for kind in kinds.iter().filter(|kind| chosen(kind)) {
        let group = group_of(kind);
        let whole = kinds.iter().filter(|other| group_of(other) == group).all(|other| chosen(other));
        let name = if whole { format!("{group}.*") } else { (*kind).to_owned() };
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names.join(", ")
}
