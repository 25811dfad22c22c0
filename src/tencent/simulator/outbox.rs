//! Sends the callbacks: in the order in which things happened, signed, and those of TRTC again where nobody takes them.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::Value;
use sha2::{Digest, Sha256};
use tokio::sync::mpsc;

use super::Shared;
use super::state::Told;

/// A callback to be sent.
#[derive(Debug, Clone)]
pub(super) struct Letter {
    /// What it says.
    pub(super) what: String,
    pub(super) url: String,
    pub(super) body: Vec<u8>,
    pub(super) headers: Vec<(&'static str, String)>,
    /// Whether it is sent again where nobody takes it.
    pub(super) insists: bool,
}

/// How long an answer may take: what the pages of Chat say (TRTC gives 5 s).
const ANSWERED_WITHIN: Duration = Duration::from_secs(2);
const TRTC_ANSWERED_WITHIN: Duration = Duration::from_secs(5);
/// When TRTC tries again: at once, then every 10 s for a minute.
const AGAIN_AFTER: [u64; 7] = [0, 10, 10, 10, 10, 10, 10];

/// A callback of the call engine, for the URL that is set; `None` where none is, or not for this command.
pub(super) fn call_letter(shared: &Shared, command: &str, body: &Value) -> Option<Letter> {
    let target = shared.lock().target.clone().filter(|target| target.commands.iter().any(|one| one == command))?;
    let plan = &shared.plan;
    let mut url = format!(
        "{}{}SdkAppid={}&CallbackCommand={command}&contenttype=json&ClientIP=127.0.0.1&OptPlatform=RESTAPI",
        target.url,
        if target.url.contains('?') { '&' } else { '?' },
        plan.sdk_app_id
    );
    if let Some(token) = &plan.callback_token {
        let time = plan.clock.now().as_second();
        let sign = hex::encode(Sha256::digest(format!("{}{time}", token.expose())));
        url += &format!("&RequestTime={time}&Sign={sign}");
    }
    let body = serde_json::to_vec_pretty(body).unwrap_or_default();
    Some(Letter { what: command.to_owned(), url, body, headers: Vec::new(), insists: false })
}

/// An event of TRTC, signed over its exact bytes.
pub(super) fn trtc_letter(shared: &Shared, group: u16, number: u16, body: &Value) -> Option<Letter> {
    let plan = &shared.plan;
    let url = plan.trtc_url.clone()?;
    let body = serde_json::to_vec_pretty(body).unwrap_or_default();
    let mut mac = Hmac::<Sha256>::new_from_slice(plan.trtc_key.expose().as_bytes()).ok()?;
    mac.update(&body);
    let sign = BASE64_STANDARD.encode(mac.finalize().into_bytes());
    let headers = vec![("SdkAppId", plan.sdk_app_id.to_string()), ("Sign", sign)];
    Some(Letter { what: format!("trtc.{group}.{number}"), url, body, headers, insists: true })
}

/// Sends what comes, one after the other, until nobody can put anything in any more.
pub(super) async fn deliver(shared: Arc<Shared>, mut letters: mpsc::UnboundedReceiver<Letter>) {
    let _ = rustls::crypto::ring::default_provider().install_default();
    // Callbacks go to plain http on this machine; no certificate has to be looked for.
    let client = reqwest::Client::builder().no_proxy().tls_certs_only([]).redirect(reqwest::redirect::Policy::none());
    let Ok(client) = client.build() else { return };
    while let Some(letter) = letters.recv().await {
        if !try_once(&shared, &client, &letter).await && letter.insists {
            let (shared, client) = (Arc::clone(&shared), client.clone());
            tokio::spawn(async move {
                for seconds in AGAIN_AFTER {
                    tokio::time::sleep(Duration::from_secs(seconds)).await;
                    if try_once(&shared, &client, &letter).await {
                        return;
                    }
                }
            });
        }
    }
}

/// Whether somebody took it.
async fn try_once(shared: &Shared, client: &reqwest::Client, letter: &Letter) -> bool {
    let within = if letter.insists { TRTC_ANSWERED_WITHIN } else { ANSWERED_WITHIN };
    let mut request = client.post(&letter.url).timeout(within).header("content-type", "application/json");
    for (name, value) in &letter.headers {
        request = request.header(*name, value);
    }
    let answer = request.body(letter.body.clone()).send().await;
    let status = answer.as_ref().ok().map(|answer| answer.status().as_u16());
    let how = status.map_or_else(|| "nobody answers".to_owned(), |status| format!("answered {status}"));
    shared.tell(&format!("tells {}: {how}", letter.what));
    shared.change(|state| state.tells(Told { what: letter.what.clone(), status }));
    status.is_some_and(|status| (200..300).contains(&status))
}
