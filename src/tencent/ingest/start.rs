//! `StartStreamIngest` and `UpdateStreamIngest`: what is played, checked before it leaves (trtc.io/document/57835).

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use url::Url;

use super::Site;
use crate::tencent::{RequestFault, UserId};

/// Plays a stream into a room, for ever.
pub const ENDLESS: i32 = -1;
const TEMPOS: [f64; 7] = [0.5, 0.75, 1.0, 1.25, 1.5, 1.75, 2.0];
const SCHEMES: [&str; 4] = ["http", "https", "rtmp", "rtmps"];
/// Fields that Tencent took once, each with what came after it.
const DEPRECATED: [(&str, &str); 3] = [
    ("SourceUrl", "it is deprecated: give the one URL as StreamUrl"),
    ("VideoEncodeParams", "it is deprecated and has no successor: the stream's own encoding is used"),
    ("AudioEncodeParams", "it is deprecated: Volume is a field of its own, the rest has no successor"),
];

/// What is played, besides where and by whom.
///
/// ```
/// use offhook::tencent::ingest::{ENDLESS, Playing, Site, StartIngest};
/// use offhook::tencent::RoomId;
///
/// let mut playing = Playing::once("https://example.com/waiting.mp3");
/// (playing.repeat, playing.max_minutes) = (Some(ENDLESS), Some(60));
/// assert!(playing.warnings(Site::International).is_empty());
/// let ingest = StartIngest { playing, ..StartIngest::new(RoomId::number(70707)?, "robot", "https://example.com/") };
/// assert!(!ingest.private_map_key);
/// # Ok::<(), offhook::tencent::room::RoomError>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Playing {
    /// What: http, https or rtmp.
    #[serde(rename = "StreamUrl")]
    pub url: String,
    /// From this second on.
    #[serde(rename = "SeekSecond", default, skip_serializing_if = "Option::is_none")]
    pub seek: Option<u32>,
    /// Relays the room to the CDN too.
    #[serde(rename = "AutoPush", default, skip_serializing_if = "Option::is_none")]
    pub auto_push: Option<bool>,
    /// How often: 1 to 1000, or -1 for ever. Tencent's default is 1.
    #[serde(rename = "RepeatNum", default, skip_serializing_if = "Option::is_none")]
    pub repeat: Option<i32>,
    /// With `repeat` -1: for how many minutes, 1 to 10080.
    #[serde(rename = "MaxDuration", default, skip_serializing_if = "Option::is_none")]
    pub max_minutes: Option<u32>,
    /// 0 to 100, on the site of China to 200. Tencent's default is 100.
    #[serde(rename = "Volume", default, skip_serializing_if = "Option::is_none")]
    pub volume: Option<u32>,
    /// Shows the progress to the room; China only so far.
    #[serde(rename = "EnableProgress", default, skip_serializing_if = "Option::is_none")]
    pub progress: Option<bool>,
    /// 0.5 to 2 in steps of a quarter, without 2 and a quarter; China only so far.
    #[serde(rename = "Tempo", default, skip_serializing_if = "Option::is_none")]
    pub tempo: Option<f64>,
    /// Ends after so many seconds without anything to play, 0 to 600; China only so far.
    #[serde(rename = "IdleTimeout", default, skip_serializing_if = "Option::is_none")]
    pub idle_timeout: Option<u32>,
}

/// What changes about a stream that is played. What is `None` stays.
///
/// ```
/// use offhook::tencent::RequestError;
/// use offhook::tencent::ingest::{Change, Ingests};
///
/// /// Softer, while somebody speaks.
/// async fn soften(ingests: &Ingests, task_id: &str) -> Result<bool, RequestError> {
///     let change = Change { volume: Some(20), ..Change::default() };
///     Ok(ingests.update(task_id, &change).await?.is_playing())
/// }
/// # let _ = soften;
/// ```
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Change {
    /// Plays this instead.
    pub url: Option<String>,
    /// As in [`Playing::volume`].
    pub volume: Option<u32>,
    /// Pauses or goes on. A paused stream is billed, and dropped after 12 h.
    pub pause: Option<bool>,
    /// As in [`Playing::progress`].
    pub progress: Option<bool>,
    /// As in [`Playing::tempo`].
    pub tempo: Option<f64>,
}

impl Playing {
    /// Plays `url` once.
    pub fn once(url: impl Into<String>) -> Self {
        Self { url: url.into(), ..Self::default() }
    }

    /// Everything that `site` would refuse.
    pub(super) fn faults(&self, site: Site) -> Vec<RequestFault> {
        let mut faults = common(Some(&self.url), self.volume, self.tempo, site);
        let mut fault = |field, what: String| faults.push(RequestFault { field, what });
        if let Some(repeat) = self.repeat.filter(|repeat| !(*repeat == ENDLESS || (1..=1000).contains(repeat))) {
            fault("RepeatNum", format!("{repeat} is neither from 1 to 1000 nor -1 (for ever)"));
        }
        match self.max_minutes {
            Some(_) if self.repeat != Some(ENDLESS) => {
                fault("MaxDuration", "it counts only with RepeatNum -1; leave one of them out".to_owned());
            }
            Some(minutes) if !(1..=10_080).contains(&minutes) => {
                fault("MaxDuration", format!("{minutes} is not from 1 to 10080 (minutes)"));
            }
            _ => {}
        }
        if let Some(seconds) = self.idle_timeout.filter(|seconds| *seconds > 600) {
            fault("IdleTimeout", format!("{seconds} is not from 0 to 600 (seconds)"));
        }
        faults
    }

    /// What a person should know although `site` may take it.
    pub fn warnings(&self, site: Site) -> Vec<String> {
        let china_only = [
            ("EnableProgress", self.progress.is_some()),
            ("Tempo", self.tempo.is_some()),
            ("IdleTimeout", self.idle_timeout.is_some()),
        ];
        let given = china_only.into_iter().filter(|(_, given)| *given && site == Site::International);
        given.map(|(field, _)| format!("{field} is documented for the site of China only")).collect()
    }
}

impl Change {
    pub(super) fn faults(&self, site: Site) -> Vec<RequestFault> {
        let mut faults = common(self.url.as_deref(), self.volume, self.tempo, site);
        if *self == Self::default() {
            faults.push(RequestFault { field: "StreamUrl", what: "nothing is to change; say what".to_owned() });
        }
        faults
    }

    pub(super) fn fields(&self) -> Map<String, Value> {
        let fields = [
            ("StreamUrl", self.url.clone().map(Value::from)),
            ("Volume", self.volume.map(Value::from)),
            ("IsPause", self.pause.map(Value::from)),
            ("EnableProgress", self.progress.map(Value::from)),
            ("Tempo", self.tempo.map(Value::from)),
        ];
        fields.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect()
    }
}

/// Faults of the fields that Tencent took once.
pub(super) fn deprecated(fields: &Map<String, Value>) -> Vec<RequestFault> {
    let given = DEPRECATED.into_iter().filter(|(field, _)| fields.contains_key(*field));
    given.map(|(field, what)| RequestFault { field, what: what.to_owned() }).collect()
}

/// A user's name, or the fault of it.
pub(super) fn user_faults(user: &str) -> Option<RequestFault> {
    UserId::parse(user).err().map(|error| RequestFault { field: "UserId", what: error.to_string() })
}

fn common(url: Option<&str>, volume: Option<u32>, tempo: Option<f64>, site: Site) -> Vec<RequestFault> {
    let mut faults = Vec::new();
    let mut fault = |field, what: String| faults.push(RequestFault { field, what });
    if let Some(url) = url {
        let good = Url::parse(url).is_ok_and(|url| SCHEMES.contains(&url.scheme()) && url.has_host());
        if !good {
            fault("StreamUrl", format!("expected a URL of {}", SCHEMES.join(", ")));
        }
    }
    let loudest = if site == Site::China { 200 } else { 100 };
    if let Some(volume) = volume.filter(|volume| *volume > loudest) {
        fault("Volume", format!("{volume} is not from 0 to {loudest} on this site"));
    }
    if let Some(tempo) = tempo.filter(|tempo| !TEMPOS.contains(tempo)) {
        fault("Tempo", format!("{tempo} is none of {}", TEMPOS.map(|tempo| tempo.to_string()).join(", ")));
    }
    faults
}
