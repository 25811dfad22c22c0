//! The client of Tencent's stream ingest (Cloud API 3.0): plays media into a room, and stops it.
//!
//! Two official pages contradict each other on how a room's type is written here (see [`RoomReading`]). So a room that
//! is safe under both readings is tried under both; one that would name another room under the wrong reading is
//! refused until the reading was chosen on purpose.

mod code;
mod reply;
mod start;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::{Map, Value, json};
use url::Url;

pub use code::{CODES, Code};
pub use reply::{Ingest, Status};
pub use start::{Change, ENDLESS, Playing};

use super::chance::Chance;
use super::error::{RequestError, RequestFault};
use super::exchange::{Asked, ClientError, Exchange, Patience};
use super::limiter::Limiter;
use super::tc3::{self, Credentials};
use super::{FileError, Host, Outgoing, Privileges, RoomId, RoomReading, UserId, UserSigs, file};
use crate::clock::Clock;
use crate::metrics::Metrics;
use reply::{Answer, judge};

const SERVICE: &str = "trtc";
const VERSION: &str = "2019-07-22";
/// The content type that is signed and sent, the same to the letter.
const CONTENT_TYPE: &str = "application/json; charset=utf-8";
/// Under Tencent's 20 a second for each interface.
const PER_SECOND: u32 = 19;
/// The longest task id that is sent; Tencent's have about 120 characters.
const LONGEST_TASK_ID: usize = 1024;

/// Which of Tencent's two sites. Example: [`Ingest`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Site {
    /// cloud.tencent.com.
    China,
    /// tencentcloud.com.
    International,
}

/// One interface of stream ingest. Example: [`Ingest`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Api {
    /// Plays a stream into a room.
    Start,
    /// Tells whether it plays.
    Describe,
    /// Ends it.
    Stop,
    /// Changes what plays.
    Update,
}

/// What a client is made from. Example: [`Ingest`].
#[derive(Debug, Clone)]
pub struct Settings {
    /// The pair of the Cloud API.
    pub credentials: Credentials,
    /// Which site, for the limits that differ.
    pub site: Site,
    /// Where requests go.
    pub endpoint: Host,
    /// `X-TC-Region`, such as `ap-singapore`.
    pub region: String,
    /// How a room's type is written; `None` where nobody chose: then [`RoomReading::CallGuide`] is tried first, and a
    /// room that it could mistake for another is refused.
    pub room_reading: Option<RoomReading>,
    /// How long a request may take.
    pub patience: Patience,
}

/// A stream to play into a room. Example: [`Playing`].
#[derive(Debug, Clone, PartialEq)]
pub struct StartIngest {
    /// Where.
    pub room: RoomId,
    /// As whom. Nobody else in the room may have this name; with the robot's, callees see the robot play.
    pub user: String,
    /// What.
    pub playing: Playing,
    /// With a PrivateMapKey, for apps with advanced permission control.
    pub private_map_key: bool,
}

/// A client of one app. Keeps its connections, and which reading of a room's type Tencent took. Example: [`Ingest`].
#[derive(Debug)]
pub struct Ingests {
    exchange: Exchange,
    credentials: Credentials,
    site: Site,
    region: String,
    chosen: bool,
    /// Whether the reading in force is that of the API reference.
    by_reference: AtomicBool,
    user_sigs: Arc<UserSigs>,
    clock: Clock,
    limiters: [Limiter; 4],
}

impl Site {
    /// Both, each with the word that a configuration has for it.
    pub const WORDS: [(&'static str, Self); 2] = [("china", Self::China), ("international", Self::International)];

    /// The word that a configuration has for it.
    pub fn word(self) -> &'static str {
        if self == Self::China { "china" } else { "international" }
    }

    /// The region that requests name where nobody chose one.
    pub fn usual_region(self) -> &'static str {
        if self == Self::China { "ap-guangzhou" } else { "ap-singapore" }
    }

    /// Where the Cloud API of this site answers.
    pub fn endpoint(self) -> Host {
        let name = match self {
            Self::China => "trtc.tencentcloudapi.com",
            Self::International => "trtc.intl.tencentcloudapi.com",
        };
        Host::named(name)
    }
}

impl Api {
    /// `X-TC-Action`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Start => "StartStreamIngest",
            Self::Describe => "DescribeStreamIngest",
            Self::Stop => "StopStreamIngest",
            Self::Update => "UpdateStreamIngest",
        }
    }

    fn asked(self) -> Asked {
        let find_out = match self {
            Self::Start => {
                "it was not tried again, since that could play twice. A callback trtc.7.701 tells whether it plays"
            }
            _ => "asking again changes nothing",
        };
        Asked { api: self.name(), repeatable: self != Self::Start, find_out }
    }
}

impl StartIngest {
    /// Plays `url` once into `room`, as `user`.
    pub fn new(room: RoomId, user: impl Into<String>, url: impl Into<String>) -> Self {
        Self { room, user: user.into(), playing: Playing::once(url), private_map_key: false }
    }

    /// Reads what a `StartStreamIngest` says about the media: all its fields but those of the app and the room.
    ///
    /// # Errors
    /// [`FileError`]; deprecated fields are refused with the new one's name.
    pub fn playing_from_json(text: &str) -> Result<Playing, FileError> {
        let fields: Map<String, Value> = file::read(text)?;
        let deprecated = start::deprecated(&fields);
        if deprecated.is_empty() { file::read(text) } else { Err(FileError::Values(deprecated)) }
    }
}

impl Ingests {
    /// A client; `user_sigs` are those of the app, `clock` for signing.
    ///
    /// # Errors
    /// [`ClientError`] where https has no certificates to rely on.
    pub fn new(
        settings: Settings,
        user_sigs: Arc<UserSigs>,
        clock: Clock,
        chance: Chance,
    ) -> Result<Self, ClientError> {
        let Settings { credentials, site, endpoint, region, room_reading, patience } = settings;
        Ok(Self {
            exchange: Exchange::new(endpoint, patience, chance)?,
            credentials,
            site,
            region,
            chosen: room_reading.is_some(),
            by_reference: AtomicBool::new(room_reading == Some(RoomReading::ApiReference)),
            user_sigs,
            clock,
            limiters: std::array::from_fn(|_| Limiter::new(PER_SECOND)),
        })
    }

    /// From now on counts what requests come to.
    pub fn counts_in(&self, metrics: &Metrics) {
        self.exchange.counts_in(metrics);
    }

    /// The reading of a room's type that is tried first.
    pub fn room_reading(&self) -> RoomReading {
        if self.by_reference.load(Ordering::Relaxed) { RoomReading::ApiReference } else { RoomReading::CallGuide }
    }

    /// Plays a stream into a room. A text room that Tencent does not take under one reading is tried under the other.
    ///
    /// # Errors
    /// [`RequestError`]; where it is [`RequestError::Unknown`], it may play all the same.
    pub async fn start(&self, ingest: &StartIngest) -> Result<Ingest, RequestError> {
        self.check(self.start_faults(ingest))?;
        let reading = self.room_reading();
        let first = self.ask(Api::Start, || self.start_body(ingest, reading)).await;
        let is_room = |error: &RequestError| {
            matches!(error.code(), Some("InvalidParameter.RoomId" | "InvalidParameter.StrRoomId"))
        };
        let refused = match first {
            Err(error) if is_room(&error) && !ingest.room.is_ambiguous() => error,
            other => return other.and_then(|answer| answer.started(None)),
        };
        let other = reading.other();
        match self.ask(Api::Start, || self.start_body(ingest, other)).await {
            Ok(answer) => {
                tracing::warn!(
                    "Tencent reads RoomIdType as `{}`, not as `{}`: set tencent.ingest.room_id_type to it",
                    other.word(),
                    reading.word()
                );
                self.by_reference.store(other == RoomReading::ApiReference, Ordering::Relaxed);
                answer.started(Some(other))
            }
            // The room is wrong under both readings: the first no is the one to show.
            Err(again) if is_room(&again) => Err(refused),
            Err(again) => Err(again),
        }
    }

    /// Tells whether a stream plays.
    ///
    /// # Errors
    /// [`RequestError`].
    pub async fn status(&self, task_id: &str) -> Result<Status, RequestError> {
        self.check(task_faults(task_id))?;
        self.ask(Api::Describe, || self.task_body(task_id, Map::new())).await?.status()
    }

    /// Ends a stream. One that is over already is refused with `FailedOperation.TaskFinished`.
    ///
    /// # Errors
    /// [`RequestError`].
    pub async fn stop(&self, task_id: &str) -> Result<(), RequestError> {
        self.check(task_faults(task_id))?;
        self.ask(Api::Stop, || self.task_body(task_id, Map::new())).await.map(|_| ())
    }

    /// Changes what plays.
    ///
    /// # Errors
    /// [`RequestError`].
    pub async fn update(&self, task_id: &str, change: &Change) -> Result<Status, RequestError> {
        self.check(self.update_faults(task_id, change))?;
        self.ask(Api::Update, || self.task_body(task_id, change.fields())).await?.status()
    }

    /// The request for [`Ingests::start`] as it would leave now.
    ///
    /// # Errors
    /// [`RequestError::Invalid`] where it would not leave.
    pub fn prepare_start(&self, ingest: &StartIngest) -> Result<Outgoing, RequestError> {
        self.check(self.start_faults(ingest))?;
        Ok(self.outgoing(Api::Start, &self.start_body(ingest, self.room_reading())))
    }

    /// The request about a task as it would leave now; `change` for [`Api::Update`] alone.
    ///
    /// # Errors
    /// [`RequestError::Invalid`] where it would not leave.
    pub fn prepare(&self, api: Api, task_id: &str, change: &Change) -> Result<Outgoing, RequestError> {
        let is_update = api == Api::Update;
        self.check(if is_update { self.update_faults(task_id, change) } else { task_faults(task_id) })?;
        let fields = if is_update { change.fields() } else { Map::new() };
        Ok(self.outgoing(api, &self.task_body(task_id, fields)))
    }

    /// What a person should know although Tencent may take it.
    pub fn warnings(&self, ingest: &StartIngest) -> Vec<String> {
        ingest.playing.warnings(self.site)
    }

    fn check(&self, faults: Vec<RequestFault>) -> Result<(), RequestError> {
        if faults.is_empty() { Ok(()) } else { Err(RequestError::Invalid(faults)) }
    }

    fn start_faults(&self, ingest: &StartIngest) -> Vec<RequestFault> {
        let mut faults = ingest.playing.faults(self.site);
        faults.extend(start::user_faults(&ingest.user));
        if ingest.room.is_ambiguous() && !self.chosen {
            let what = format!(
                "Tencent's documents contradict each other on whether RoomIdType 0 is a number or a text here, and for \
                 the room {} the wrong one names another room, perhaps a stranger's. Take a room with a letter in its \
                 name, or set ingest.room_id_type (--room-id-type): `call-guide` says 0 number, 1 text; \
                 `api-reference` says 1 number, 0 text",
                ingest.room
            );
            faults.push(RequestFault { field: "RoomId", what });
        }
        faults
    }

    fn update_faults(&self, task_id: &str, change: &Change) -> Vec<RequestFault> {
        let mut faults = task_faults(task_id);
        faults.extend(change.faults(self.site));
        faults
    }

    fn start_body(&self, ingest: &StartIngest, reading: RoomReading) -> Body {
        let mut fields = Map::new();
        let mut hidden = Vec::new();
        let mut put = |name: &str, value: Value| _ = fields.insert(name.to_owned(), value);
        put("SdkAppId", json!(self.user_sigs.key().sdk_app_id()));
        put("RoomId", json!(ingest.room.as_text()));
        put("RoomIdType", json!(ingest.room.ingest_type(reading)));
        put("UserId", json!(ingest.user));
        // It was checked before; without a name there is no UserSig either.
        if let Ok(user) = UserId::parse(&ingest.user) {
            let user_sig = self.user_sigs.get(&user);
            put("UserSig", json!(user_sig.expose()));
            hidden.push(user_sig);
            if ingest.private_map_key {
                let (key, validity) = (self.user_sigs.key(), self.user_sigs.validity());
                let room = &ingest.room;
                let made = key.make_private_map_key(&user, room, Privileges::ALL, validity, self.clock.now());
                put("PrivateMapKey", json!(made.expose()));
                hidden.push(made);
            }
        }
        if let Ok(Value::Object(playing)) = serde_json::to_value(&ingest.playing) {
            fields.extend(playing);
        }
        Body { fields, hidden }
    }

    fn task_body(&self, task_id: &str, change: Map<String, Value>) -> Body {
        let mut fields = Map::new();
        fields.insert("SdkAppId".to_owned(), json!(self.user_sigs.key().sdk_app_id()));
        fields.insert("TaskId".to_owned(), json!(task_id));
        fields.extend(change);
        Body { fields, hidden: Vec::new() }
    }

    /// Signs exactly the bytes that are sent.
    fn outgoing(&self, api: Api, body: &Body) -> Outgoing {
        let (host, now) = (self.exchange.host().authority(), self.clock.now());
        let text = serde_json::to_string(&body.fields).unwrap_or_default();
        let signed = [("content-type", CONTENT_TYPE), ("host", &host), ("x-tc-action", api.name())];
        let request = tc3::Request { service: SERVICE, headers: &signed, body: text.as_bytes(), at: now };
        let signature = request.signature(&self.credentials.secret_key);
        let mut headers = vec![
            ("host", host.clone()),
            ("content-type", CONTENT_TYPE.to_owned()),
            ("x-tc-action", api.name().to_owned()),
            ("x-tc-version", VERSION.to_owned()),
            ("x-tc-timestamp", now.as_second().to_string()),
            ("x-tc-region", self.region.clone()),
            ("authorization", request.authorization(&self.credentials)),
        ];
        let mut hidden = body.hidden.clone();
        hidden.push(signature.into());
        if let Some(token) = &self.credentials.token {
            headers.push(("x-tc-token", token.expose().to_owned()));
            hidden.push(token.clone());
        }
        let url: Url = self.exchange.host().url().clone();
        Outgoing { url, headers, body: text, hidden }
    }

    async fn ask(&self, api: Api, body: impl Fn() -> Body) -> Result<Answer, RequestError> {
        let limiter = &self.limiters[api as usize];
        let outgoing = || Ok(self.outgoing(api, &body()));
        self.exchange.ask(api.asked(), limiter, outgoing, |body| judge(api, body), |_| {}).await
    }
}

/// A body, and what in it opens something.
struct Body {
    fields: Map<String, Value>,
    hidden: Vec<crate::secret::Secret>,
}

fn task_faults(task_id: &str) -> Vec<RequestFault> {
    let good = !task_id.is_empty() && task_id.len() <= LONGEST_TASK_ID && task_id.bytes().all(|b| b.is_ascii_graphic());
    if good {
        return Vec::new();
    }
    let what = "expected a task id as `ingest start` gave it, with its `+`, `-` and dots".to_owned();
    vec![RequestFault { field: "TaskId", what }]
}
