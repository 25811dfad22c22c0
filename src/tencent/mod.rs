//! Tencent's side: signatures, rooms, and the requests that offhook sends.
//!
//! Nothing here knows the road, the journal or a handler. A request is checked before it leaves, and what comes back is
//! typed; secrets are never part of an error.

mod account;
pub mod call_engine;
pub mod callback;
mod chance;
mod error;
mod exchange;
mod file;
mod host;
pub mod ingest;
mod json_faults;
mod limiter;
mod outgoing;
pub mod play;
mod published;
pub mod room;
#[cfg(feature = "simulator")]
pub mod simulator;
pub mod tc3;
mod user_id;
pub mod user_sig;

pub use account::{Account, AccountError};
pub use chance::Chance;
pub use error::{Fault, FileError, Known, Refused, RequestError, RequestFault, Unknown};
pub use exchange::{ClientError, Patience};
pub use host::{Host, HostError, Region};
pub use json_faults::{JsonFault, json_faults};
pub use outgoing::Outgoing;
pub use published::{
    DEV_CALLBACK_TOKEN, DEV_CLOUD_SECRET_ID, DEV_CLOUD_SECRET_KEY, DEV_HOST, DEV_SDK_APP_ID, DEV_SECRET_KEY,
    DEV_TRTC_KEY,
};
pub use room::{RoomId, RoomReading};
pub use user_id::{MAX_USER_ID, UserId, UserIdError};
pub use user_sig::{PrivateMapKey, Privileges, UserSig, UserSigKey, UserSigs};
