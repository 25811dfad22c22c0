//! What Tencent tells: callbacks of the call engine and of TRTC rooms, proven, understood, typed.
//!
//! Pure functions over bytes; no clock of its own, no I/O. Sources: trtc.io/document/68933, 68940, 68941 and 69215 (call
//! engine), 34354 (`Sign` and `RequestTime` of Chat callbacks), 39558, 39559 and 62717 (TRTC).

mod actor;
mod call;
mod decode;
mod proof;
mod samples;
mod secrets;
mod trtc;
mod words;

pub use call::{CallEnded, CallInfo, CallMember, CallRecord, CallStarted, MemberChange, MemberChanged};
pub use decode::{CALL_REPLY, CALL_V1_REPLY, Decoded, TRTC_REPLY, call_reply, decode_call, decode_trtc};
pub use proof::{CallProof, TrtcProof, VerifiedCall, VerifiedTrtc, sign_call, sign_trtc};
pub use samples::{SAMPLES, sample};
pub use secrets::CallbackSecrets;
pub use trtc::{TrtcEvent, TrtcEventInfo};
pub use words::{Action, ActionWord, CallResult, CallResultWord, MediaType, MediaTypeWord};
