//! From proven bytes to an event: which kind it is, who acted, its typed content, and what makes a repeat recognisable.

use std::any::Any;
use std::sync::Arc;

use bytes::Bytes;
use jiff::Timestamp;
use sha2::{Digest, Sha256};

use super::actor::text_at;
use super::call::{CallEnded, CallStarted, MemberChanged};
use super::proof::{VerifiedCall, VerifiedTrtc};
use super::trtc::TrtcEvent;
use crate::event::{Event, EventId, EventParts};
use crate::kind::{Family, Kind};
use crate::lenient::{FieldFault, Fields, NotFields, Typed};
use crate::refusal::Refusal;

/// What a call engine's callback is answered; all three fields are required, and what they say is ignored.
pub const CALL_REPLY: &str = r#"{"ActionStatus":"OK","ErrorInfo":"","ErrorCode":0}"#;

/// What a callback of the deprecated generation (v1) is answered; anything else makes Tencent ask five times more.
pub const CALL_V1_REPLY: &str = r#"{"ErrorCode":0,"ErrorMessage":"Success"}"#;

/// What a TRTC callback is answered.
pub const TRTC_REPLY: &str = r#"{"code":0}"#;

/// A proven callback, understood.
///
/// Example: [`decode_call`].
#[derive(Debug)]
pub struct Decoded {
    /// What it is.
    pub event: Event,
    /// Documented fields whose value is of an impossible type; they are absent from the typed content.
    pub faults: Vec<FieldFault>,
    /// Equal for equal bodies: a repeat carries the same bytes.
    pub digest: [u8; 20],
    /// The sender's own time, in milliseconds.
    pub sent: Option<i64>,
}

/// The longest command that becomes part of a kind's name, in bytes.
const LONGEST_WORD: usize = 64;

/// Says what a callback of the call engine is. The command in the body leads; the one in the query stands in for it.
///
/// ```
/// use offhook::event::EventId;
/// use offhook::tencent::callback::{CallProof, CallStarted, CallbackSecrets, MediaType, call_reply, decode_call, sample};
///
/// let secrets = CallbackSecrets::new(88_888_888, ["made-up-token".into()], []);
/// let now = jiff::Timestamp::now();
/// let proof = CallProof::prove(&secrets, "made-up-token", "SdkAppid=88888888", now)?;
/// let body = sample("call_engine.start").expect("a sample");
/// let decoded = decode_call(proof.verify(body.into()), EventId::at(now), now)?;
/// let call: CallStarted = decoded.event.typed().expect("a call that began");
/// let info = call.call_info.expect("what the call is");
/// assert_eq!((info.media(), info.room_id.as_deref()), (Some(MediaType::Video), Some("clinic-7")));
/// assert!(call_reply(decoded.event.kind()).contains("\"ErrorCode\":0"));
/// # Ok::<(), offhook::Refusal>(())
/// ```
///
/// # Errors
/// The body is no JSON object, or no command is anywhere.
pub fn decode_call(verified: VerifiedCall, id: EventId, received: Timestamp) -> Result<Decoded, Refusal> {
    let (app_key, in_query, headers, body) = verified.into_record();
    understand(body, app_key, headers, id, received, |fields| {
        let in_body = fields.read::<String>("CallbackCommand");
        let command = in_body.or(in_query).map(|command| command.trim_ascii().to_owned());
        let command = command.filter(|command| (1..=LONGEST_WORD).contains(&command.len()) && is_word(command));
        let command = command.ok_or(Refusal::KindMissing("CallbackCommand"))?;
        let name = match &*command {
            "Call.CallbackAfterStartCall" => "call_engine.start".to_owned(),
            "Call.CallbackAfterMemberChanged" => "call_engine.member_changed".to_owned(),
            "Call.CallbackAfterEndCall" => "call_engine.end".to_owned(),
            other => format!("call_engine.unknown.{}", other.to_lowercase()),
        };
        Ok((Kind::named(Family::TencentCall, &name), fields.read::<i64>("EventTime")))
    })
}

/// What a callback of the call engine of this kind is answered.
///
/// Example: [`decode_call`].
pub fn call_reply(kind: &Kind) -> &'static str {
    let command = kind.name().strip_prefix("call_engine.unknown.");
    if command.is_some_and(|command| V1_COMMANDS.contains(&command)) { CALL_V1_REPLY } else { CALL_REPLY }
}

/// The commands of the deprecated generation (trtc.io/document/60130 and 60129). They come for calls that old clients make,
/// and are kept as kinds nobody documented: what they tell has other names and other units.
const V1_COMMANDS: [&str; 26] = [
    "cancel",
    "reject",
    "not_answer",
    "normal_end",
    "call_busy",
    "interrupt",
    "call_end",
    "caller_start_call",
    "caller_call_accepted",
    "caller_call_missed",
    "caller_call_rejected",
    "caller_call_busy",
    "caller_cancel_call",
    "caller_call_failed",
    "caller_call_end",
    "caller_call_interrupted",
    "callee_receive_call",
    "callee_accept_call",
    "callee_not_answer_call",
    "callee_reject_call",
    "callee_ignore_call",
    "callee_call_canceled",
    "callee_call_end",
    "callee_call_interrupted",
    "invite_user",
    "join_in_group_call",
];

/// Says what a callback of TRTC is.
///
/// ```
/// use offhook::event::EventId;
/// use offhook::tencent::RoomId;
/// use offhook::tencent::callback::{CallbackSecrets, TrtcEvent, TrtcProof, decode_trtc, sample, sign_trtc};
///
/// let secrets = CallbackSecrets::new(88_888_888, [], ["made-up-key".into()]);
/// let body = sample("trtc.1.103").expect("a sample");
/// let mut headers = http::HeaderMap::new();
/// headers.insert("SdkAppId", "88888888".parse()?);
/// headers.insert("Sign", sign_trtc("made-up-key", body.as_bytes()).parse()?);
/// let now = jiff::Timestamp::now();
/// let verified = TrtcProof::prove(&secrets, &headers)?.verify(body.into())?;
/// let event = decode_trtc(verified, EventId::at(now), now)?.event;
/// let entered: TrtcEvent = event.typed().expect("somebody entered a room");
/// let info = entered.info.expect("what happened");
/// assert_eq!((info.user_id.as_deref(), info.room_id), (Some("mei"), Some(RoomId::text("clinic-7")?)));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// The body is no JSON object, or has no whole number as `EventGroupId` or `EventType`.
pub fn decode_trtc(verified: VerifiedTrtc, id: EventId, received: Timestamp) -> Result<Decoded, Refusal> {
    let (app_key, headers, body) = verified.into_record();
    understand(body, app_key, headers, id, received, |fields| {
        let number = |name| fields.read::<i64>(name).ok_or(Refusal::KindMissing(name));
        let name = format!("trtc.{}.{}", number("EventGroupId")?, number("EventType")?);
        let sent = fields.read::<i64>("CallbackTs").or_else(|| fields.read("CallbackMsTs"));
        Ok((Kind::named(Family::TencentTrtc, &name), sent))
    })
}

fn understand(
    body: Bytes,
    app_key: Arc<str>,
    headers: String,
    id: EventId,
    received: Timestamp,
    kind_of: impl FnOnce(&Fields<'_>) -> Result<(Kind, Option<i64>), Refusal>,
) -> Result<Decoded, Refusal> {
    let text = std::str::from_utf8(&body).map_err(|error| {
        Refusal::BodyNotJson(format!("the body is not JSON: not UTF-8 from byte {} on", error.valid_up_to()))
    })?;
    let fields = Fields::parse(text).map_err(|not| match not {
        NotFields::NotJson(_) => Refusal::BodyNotJson(not.to_string()),
        NotFields::NotAnObject => Refusal::BodyNotAnObject,
    })?;
    let (kind, sent) = kind_of(&fields)?;
    let mut faults = Vec::new();
    let payload = content(&kind, &fields, &mut faults);
    let subject = kind.row().filter(|row| !row.actor.is_empty()).and_then(|row| text_at(&fields, row.actor));
    drop(fields);
    let digest = first_bytes(&Sha256::digest(&body));
    let parts = EventParts {
        id,
        kind,
        app_key,
        received,
        sent_at: sent.map(|sent| sent.to_string()),
        subject,
        headers: headers.into(),
        body,
        decision: None,
    };
    Ok(Decoded { event: Event::new(parts).with_payload(payload), faults, digest, sent })
}

fn content(kind: &Kind, fields: &Fields<'_>, faults: &mut Vec<FieldFault>) -> Option<Arc<dyn Any + Send + Sync>> {
    match kind.name() {
        "call_engine.start" => Some(Arc::new(CallStarted::read(fields, faults))),
        "call_engine.member_changed" => Some(Arc::new(MemberChanged::read(fields, faults))),
        "call_engine.end" => Some(Arc::new(CallEnded::read(fields, faults))),
        _ if kind.family() == Family::TencentTrtc && kind.row().is_some() => {
            Some(Arc::new(TrtcEvent::read(fields, faults)))
        }
        _ => None,
    }
}

fn is_word(command: &str) -> bool {
    command.bytes().all(|byte| byte.is_ascii_graphic())
}

fn first_bytes(digest: &[u8]) -> [u8; 20] {
    let mut first = [0; 20];
    first.copy_from_slice(&digest[..20]);
    first
}
