//! How the stand-in is set up: whose app it plays, how its phones behave, which of two readings it has of a room's type.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::clock::Clock;
use crate::secret::Secret;
use crate::tencent::{
    DEV_CALLBACK_TOKEN, DEV_CLOUD_SECRET_ID, DEV_CLOUD_SECRET_KEY, DEV_SDK_APP_ID, DEV_SECRET_KEY, DEV_TRTC_KEY,
    RoomReading,
};

/// The set-up of a [`Simulator`](super::Simulator).
///
/// Example: [`super::Simulator`].
#[derive(Debug, Clone)]
pub struct Plan {
    /// The app it knows; there is no other.
    pub sdk_app_id: u32,
    /// The app's key, which signs UserSigs.
    pub secret_key: Secret,
    /// Who may use the server API.
    pub admins: Vec<String>,
    /// The host that requests must name, where one is to be wrong (60026).
    pub host: Option<String>,
    /// The pair of the Cloud API.
    pub cloud_secret_id: String,
    /// The second of the pair.
    pub cloud_secret_key: Secret,
    /// Which site the Cloud API plays: it decides regions, and what a few fields may say.
    pub site: Site,
    /// What `RoomIdType` of an ingest means.
    pub room_reading: RoomReading,
    /// Where callbacks of the call engine go until `set_callback` says otherwise.
    pub callback_url: Option<String>,
    /// With it callbacks of the call engine carry `RequestTime` and `Sign`, as those of Chat do.
    pub callback_token: Option<Secret>,
    /// Where events of rooms go.
    pub trtc_url: Option<String>,
    /// Signs them.
    pub trtc_key: Secret,
    /// What a phone does, by account.
    pub phones: BTreeMap<String, Phone>,
    /// What every other phone does.
    pub any_phone: Phone,
    /// How long a medium plays once.
    pub medium: Duration,
    /// Whether media can be played at all; otherwise event 701 says so.
    pub media_play: bool,
    /// How soon after a call its record can be asked for.
    pub record_after: Duration,
    /// Requests a second, of each API of the call engine.
    pub calls_a_second: usize,
    /// Requests a second, of each action of the Cloud API.
    pub ingests_a_second: usize,
    /// Failed checks of a UserSig within a minute after which all are refused.
    pub failed_checks: usize,
    /// Whether the reply of a start says which call it was; the API reference shows none.
    pub says_call_id: bool,
    /// How much faster than it should be a call's `Timeout` passes.
    pub hurry: u32,
    /// Tells the time.
    pub clock: Clock,
}

/// A site of Tencent Cloud.
///
/// ```
/// use offhook::clock::Clock;
/// use offhook::tencent::RoomReading;
/// use offhook::tencent::simulator::{Plan, Site};
///
/// let plan = Plan::of_dev("http://127.0.0.1:8080", Clock::system());
/// let china = Plan { site: Site::China, room_reading: RoomReading::ApiReference, ..plan };
/// # let _ = china;
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Site {
    /// cloud.tencent.com
    China,
    /// tencentcloud.com
    International,
}

/// What a phone does when it rings.
///
/// Example: [`super::Simulator`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Phone {
    /// It is answered after a while, and hung up a while later, or not at all.
    Answers {
        /// How long it rings.
        after: Duration,
        /// How long its owner talks.
        talks: Option<Duration>,
    },
    /// It is rejected after a while.
    Rejects {
        /// How long it rings.
        after: Duration,
    },
    /// It is engaged.
    IsBusy,
    /// Nobody hears it.
    Ignores,
    /// There is no such account.
    Unknown,
}

impl Plan {
    /// The published test app. Callbacks go to a receiver at `base`, an `http://` address without a path at its end.
    pub fn of_dev(base: &str, clock: Clock) -> Self {
        Self {
            sdk_app_id: DEV_SDK_APP_ID,
            secret_key: DEV_SECRET_KEY.into(),
            admins: vec!["administrator".to_owned()],
            host: None,
            cloud_secret_id: DEV_CLOUD_SECRET_ID.to_owned(),
            cloud_secret_key: DEV_CLOUD_SECRET_KEY.into(),
            site: Site::International,
            room_reading: RoomReading::CallGuide,
            callback_url: Some(format!("{base}/tencent/call/{DEV_CALLBACK_TOKEN}")),
            callback_token: None,
            trtc_url: Some(format!("{base}/tencent/trtc")),
            trtc_key: DEV_TRTC_KEY.into(),
            phones: BTreeMap::new(),
            any_phone: Phone::Answers { after: Duration::from_secs(2), talks: Some(Duration::from_secs(120)) },
            medium: Duration::from_secs(4),
            media_play: true,
            record_after: Duration::from_secs(5),
            calls_a_second: 200,
            ingests_a_second: 20,
            failed_checks: 10,
            says_call_id: true,
            hurry: 1,
            clock,
        }
    }

    /// What the phone of `account` does.
    pub(super) fn phone(&self, account: &str) -> &Phone {
        self.phones.get(account).unwrap_or(&self.any_phone)
    }
}
