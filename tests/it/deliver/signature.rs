//! Signed deliveries, read by the reference implementation of Standard Webhooks.

use std::time::Duration;

use offhook::clock::Clock;
use offhook::deliver::{Handler, Outcome};
use offhook::handlers::{Http, KeyError, SigningKey};
use offhook::secret::Secret;
use standardwebhooks::Webhook;

use super::cast::event;
use super::target::Target;

const LONG: Duration = Duration::from_secs(10);
const NEW: &str = "whsec_bWFkZS11cC1zaWduaW5nLWtleS1udW1iZXItb25lIQ==";
const OLD: &str = "whsec_bWFkZS11cC1zaWduaW5nLWtleS1udW1iZXItdHdvIQ==";
const STRANGE: &str = "whsec_bWFkZS11cC1zaWduaW5nLWtleS1vZi1hLXN0cmFuZ2Vy";

fn key(text: &str) -> SigningKey {
    SigningKey::parse(&Secret::new(text)).expect("a key")
}

fn signing(target: &Target, keys: &[&str]) -> Http {
    let url = target.url().parse().expect("a URL");
    let handler = Http::new("billing", url, LONG, LONG, Clock::system()).expect("a handler");
    handler.signed(keys.iter().map(|text| key(text)).collect())
}

#[tokio::test]
async fn a_target_with_either_secret_believes_a_delivery_and_nobody_else_does() {
    let (target, event) = (Target::starts(), event("call.start", r#"{"fromAccount":"alice"}"#));
    assert_eq!(signing(&target, &[NEW, OLD]).deliver(&event).await, Outcome::Done);
    let arrived = &target.arrived()[0];
    assert_eq!(arrived.header("webhook-id"), event.id().to_string());
    for (secret, believes) in [(NEW, true), (OLD, true), (STRANGE, false)] {
        let verified = Webhook::new(secret).expect("a secret").verify(&arrived.body, &arrived.headers);
        assert_eq!(verified.is_ok(), believes, "{secret}: {verified:?}");
    }
    let changed = String::from_utf8_lossy(&arrived.body).replace("alice", "malory");
    assert!(Webhook::new(NEW).expect("a secret").verify(changed.as_bytes(), &arrived.headers).is_err());
}

#[tokio::test]
async fn without_a_secret_there_is_no_signature() {
    let (target, event) = (Target::starts(), event("call.start", "{}"));
    assert_eq!(signing(&target, &[]).deliver(&event).await, Outcome::Done);
    assert!(target.arrived()[0].headers.get("webhook-signature").is_none());
}

#[test]
fn what_is_no_signing_secret_is_refused_by_its_reason() {
    let refused = |text: &str| SigningKey::parse(&Secret::new(text)).expect_err(text);
    assert_eq!(refused("bWFkZS11cC1zaWduaW5nLWtleS1udW1iZXItb25lIQ=="), KeyError::Prefix);
    assert_eq!(refused("whsec_not base64"), KeyError::Encoding);
    assert_eq!(refused("whsec_c2hvcnQ="), KeyError::Length(5));
    assert_eq!(format!("{:?}", key(NEW)), "SigningKey(***)");
}
