//! The section `[tencent]`: what Tencent's callbacks are proven with, and the account that requests leave for.

use crate::secret::Secret;
use crate::tencent::callback::CallbackSecrets;
use crate::tencent::{Account, DEV_CALLBACK_TOKEN, DEV_TRTC_KEY};

use super::reader::{Field, Section};
use super::{account, secrets};

/// The longest key that Tencent's console takes for TRTC callbacks.
const LONGEST_TRTC_KEY: usize = 32;

/// What `[tencent]` says.
#[derive(Default)]
pub(super) struct Tencent {
    /// What callbacks are proven with; by default nothing of Tencent's is believed.
    pub(super) callbacks: CallbackSecrets,
    /// Whom requests leave for; `None` where nothing signs them.
    pub(super) account: Option<Account>,
}

/// Reads the section, where it is there.
pub(super) fn tencent(top: &mut Section<'_>) -> Tencent {
    let Some(mut section) = top.take("tencent").and_then(|field| field.section()) else {
        return Tencent::default();
    };
    let app = section.take("sdk_app_id").and_then(|field| sdk_app_id(&field));
    let callbacks = callbacks(&mut section, app);
    let account = account::account(&mut section, app);
    section.finish();
    Tencent { callbacks, account }
}

fn callbacks(section: &mut Section<'_>, app: Option<u32>) -> CallbackSecrets {
    let tokens = section.take("callback_tokens").map(|field| list(&field, token));
    let keys = section.take("trtc_keys").map(|field| list(&field, trtc_key));
    if app.is_none() && (tokens.is_some() || keys.is_some()) {
        let hint = "the number of the app in Tencent's console; its callbacks name it";
        section.fault("sdk_app_id", "expected the SDKAppID, found nothing usable".to_owned(), Some(hint.to_owned()));
    }
    CallbackSecrets::new(app.unwrap_or_default(), tokens.unwrap_or_default(), keys.unwrap_or_default())
}

fn sdk_app_id(field: &Field<'_>) -> Option<u32> {
    field.integer(1..=i64::from(u32::MAX)).and_then(|app| u32::try_from(app).ok())
}

fn list(field: &Field<'_>, read: impl Fn(&Field<'_>) -> Option<Secret>) -> Vec<Secret> {
    field.list().unwrap_or_default().iter().filter_map(read).collect()
}

/// The secret part of a path.
fn token(field: &Field<'_>) -> Option<Secret> {
    let token = secrets::not_published(field, DEV_CALLBACK_TOKEN)?;
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    if !token.expose().bytes().all(is_plain) {
        let hint = "make one with `openssl rand -hex 24`".to_owned();
        field.fault_hiding("expected a token of letters, digits, `-`, `_` and `.`: it stands in a URL", Some(hint));
        return None;
    }
    Some(token)
}

/// The key of the header `Sign`.
fn trtc_key(field: &Field<'_>) -> Option<Secret> {
    let key = secrets::not_published(field, DEV_TRTC_KEY)?;
    let text = key.expose();
    if text.len() > LONGEST_TRTC_KEY || !text.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        let expected =
            format!("expected at most {LONGEST_TRTC_KEY} letters and digits, as Tencent's console takes them");
        field.fault_hiding(expected, None);
        return None;
    }
    Some(key)
}
