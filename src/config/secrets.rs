//! Secrets of a configuration: where they are kept, and which texts are refused because they are none.
//!
//! No fault made here holds a character of a secret.

use jiff::Timestamp;

use crate::secret::Secret;
use crate::yunxin::AppSecret;

use super::reader::{Field, Reader, Section};
use super::tree::Value;
use super::{DEV_APP_KEY, DEV_APP_SECRET};

/// Texts that stand in examples and never in a console, in lower case.
const PLACEHOLDERS: [&str; 4] = ["changeme", "your-app-secret", "your-app-key", "xxx"];

/// A secret that has no end: a text, `{ env }` or `{ file }`.
pub(super) fn secret(field: &Field<'_>) -> Option<Secret> {
    match &field.node.value {
        Value::Table(_) => {
            let mut section = field.section()?;
            let found = kept_elsewhere(field, &mut section, Use::Token);
            section.finish();
            found
        }
        _ => written_here(field, Use::Token),
    }
}

/// The same, unless it is what `dev` and the examples use, which is `published`.
pub(super) fn not_published(field: &Field<'_>, published: &str) -> Option<Secret> {
    let secret = secret(field)?;
    if secret.expose() == published && !field.reader.published_app {
        field.fault_hiding("expected a secret, not that of the published test app, which anybody knows", None);
        return None;
    }
    Some(secret)
}

/// An app's secret: a secret, or a table that also says when it ends.
pub(super) fn app_secret(field: &Field<'_>) -> Option<AppSecret> {
    let Value::Table(_) = field.node.value else {
        return written_here(field, Use::App).map(AppSecret::new);
    };
    let mut section = field.section()?;
    let secret = kept_elsewhere(field, &mut section, Use::App);
    let end = section.take("not_after");
    let not_after = end.as_ref().and_then(|end| timestamp(end));
    section.finish();
    if not_after.is_some_and(|end| end <= field.reader.now) {
        field.reader.warn(format!("{} has ended (not_after) and proves nothing any more", field.path()));
    }
    (end.is_none() || not_after.is_some()).then_some(AppSecret::new(secret?).until(not_after))
}

/// An App Key: public, but refused as a placeholder like a secret.
pub(super) fn app_key<'r>(field: &Field<'r>) -> Option<&'r str> {
    let key = field.text("the App Key")?;
    if let Some(why) = placeholder(field.reader, key) {
        field.fault(format!("expected the App Key, not {why}"), Some(FROM_THE_CONSOLE.to_owned()));
        return None;
    }
    Some(key)
}

const FROM_THE_CONSOLE: &str =
    "the App Key and the App Secret stand in the Yunxin console, under the app's key management";

/// What a secret is for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Use {
    App,
    Token,
}

fn written_here(field: &Field<'_>, what_for: Use) -> Option<Secret> {
    match &field.node.value {
        Value::Text(text) => believed(field, text, what_for),
        _ => refuse(field, "expected a secret as text, { env = \"NAME\" } or { file = \"PATH\" }"),
    }
}

fn kept_elsewhere(field: &Field<'_>, section: &mut Section<'_>, what_for: Use) -> Option<Secret> {
    let value = if what_for == Use::App { section.take("value") } else { None };
    match (value, section.take("env"), section.take("file")) {
        (Some(value), None, None) => written_here(&value, what_for),
        (None, Some(_), None) | (None, None, Some(_)) if field.reader.secrets_unread.get() => {
            Some(Secret::new("not read"))
        }
        (None, Some(env), None) => {
            let name = public_name(&env, |name| {
                name.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_')
            })?;
            match field.reader.variables.get(name) {
                Some(text) => believed(&env, text, what_for),
                None => {
                    env.fault("expected a variable that is set", None);
                    None
                }
            }
        }
        (None, None, Some(file)) => {
            let path = public_name(&file, |path| path.contains(['/', '\\', '.']))?;
            field.reader.secret_files.borrow_mut().push(path.into());
            match std::fs::read_to_string(path) {
                Ok(text) => {
                    let text = text.strip_suffix('\n').unwrap_or(&text);
                    believed(&file, text.strip_suffix('\r').unwrap_or(text), what_for)
                }
                Err(error) => {
                    file.fault(format!("expected a readable file: {error}"), None);
                    None
                }
            }
        }
        _ => {
            let names = if what_for == Use::App { "`value`, `env` and `file`" } else { "`env` and `file`" };
            refuse(field, &format!("expected exactly one of {names}"))
        }
    }
}

/// The name of the place where a secret is; one that is `shown` may stand in a fault, any other may be the secret
/// itself, put there by mistake.
fn public_name<'r>(field: &Field<'r>, shown: impl Fn(&str) -> bool) -> Option<&'r str> {
    match &field.node.value {
        Value::Text(name) if !name.is_empty() && shown(name) => Some(name),
        _ => {
            let hint = "`env` is a name of capital letters, digits and `_`, `file` a path with a `/` or a `.`";
            field.fault_hiding("expected the name of the place where the secret is", Some(hint.to_owned()));
            None
        }
    }
}

/// `text` as a secret, unless it cannot be one. `field` is where it is written or where it is said to be.
fn believed(field: &Field<'_>, text: &str, what_for: Use) -> Option<Secret> {
    if text.chars().any(char::is_control) {
        return refuse(field, "expected a printable secret; this one has a control character, such as a line break");
    }
    if text.contains('\u{fffd}') {
        return refuse(field, "expected a secret in UTF-8");
    }
    if let Some(why) = placeholder(field.reader, text) {
        let hint = (what_for == Use::App).then(|| FROM_THE_CONSOLE.to_owned());
        field.fault_hiding(format!("expected a secret, not {why}"), hint);
        return None;
    }
    if text.trim() != text {
        let path = field.path();
        field.reader.warn(format!("the secret of {path} begins or ends with a space, which is taken as part of it"));
    }
    Some(Secret::new(text))
}

/// What `text` is instead of a key or a secret.
fn placeholder(reader: &Reader<'_>, text: &str) -> Option<&'static str> {
    let text = text.trim().to_lowercase();
    if text.is_empty() {
        Some("an empty text")
    } else if PLACEHOLDERS.contains(&text.as_str()) {
        Some("a placeholder")
    } else if !reader.published_app && [DEV_APP_KEY, DEV_APP_SECRET].contains(&text.as_str()) {
        Some("that of the published test app, which anybody can sign for")
    } else {
        None
    }
}

/// A moment, as text or as TOML writes it.
fn timestamp(field: &Field<'_>) -> Option<Timestamp> {
    let parsed = match &field.node.value {
        Value::Text(text) | Value::Bare(text) => text.trim().parse().ok(),
        _ => None,
    };
    if parsed.is_none() {
        let hint = "date, time and offset, as in `2027-01-01T00:00:00Z` or `2027-01-01T08:00:00+08:00`";
        field.fault("expected a moment as in RFC 3339", Some(hint.to_owned()));
    }
    parsed
}

fn refuse<T>(field: &Field<'_>, expected: &str) -> Option<T> {
    field.fault_hiding(expected, None);
    None
}
