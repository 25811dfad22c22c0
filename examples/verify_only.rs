//! Only the signature: pure functions over headers and bytes, for a server that already has everything else.
//!
//! Run with `cargo run --example verify_only`: it signs a request as the platform does, and verifies it twice.

#![expect(clippy::print_stdout, reason = "it shows what it found")]

use http::HeaderMap;
use jiff::Timestamp;
use offhook::Verdict;
use offhook::event::EventId;
use offhook::yunxin::{App, Apps, decode, encode, sign, verify};

pub(crate) fn main() -> Result<(), Box<dyn std::error::Error>> {
    let apps: Apps = [App::new("made-up-app-key", "made-up-app-secret")].into_iter().collect();
    let now = Timestamp::from_millisecond(1_767_225_600_000)?; // in earnest: the machine's clock
    let body = br#"{"eventType":20,"fromAccount":"lin_yue","toAccountList":["chen_bo"]}"#;

    // What the platform sends: four headers and the body. CurTime is in milliseconds.
    let cur_time = now.as_millisecond().to_string();
    let signature = sign("made-up-app-secret", body, &cur_time);
    let mut headers = HeaderMap::new();
    headers.insert("AppKey", "made-up-app-key".parse()?);
    headers.insert("CurTime", cur_time.parse()?);
    headers.insert("MD5", signature.md5.parse()?);
    headers.insert("CheckSum", signature.check_sum.parse()?);

    // The exact bytes that came, never JSON that was read and written again.
    match verify(&apps, &headers, body.to_vec().into(), now) {
        Ok(verified) => {
            let event = decode(verified, EventId::at(now), now)?.event;
            println!("{} by {}", event.kind(), event.subject().unwrap_or("nobody"));
            let reply = encode(event.kind(), &Verdict::allow());
            println!("answer 200 with {}", String::from_utf8_lossy(&reply));
        }
        Err(refusal) => println!("answer 401: {}", refusal.code()),
    }

    // One byte more, and nobody is believed.
    let changed = [body.as_slice(), b" "].concat();
    if let Err(refusal) = verify(&apps, &headers, changed.into(), now) {
        println!("the same with a changed body: {refusal}");
    }
    Ok(())
}
