//! `start_call_by_robot`: a call from the server, checked before it leaves (trtc.io/document/74505 and 71845).

use std::fmt;
use std::time::Duration;

use serde::de::{self, Deserializer};
use serde::{Deserialize, Serialize};

use super::push::OfflinePush;
use crate::tencent::{FileError, RequestFault, RoomId, UserId, file};

/// How long it may ring, at least.
pub const SHORTEST_TIMEOUT: Duration = Duration::from_secs(10);
/// How long it may ring, at most.
pub const LONGEST_TIMEOUT: Duration = Duration::from_secs(600);
/// The most bytes of `UserData`.
pub const MAX_USER_DATA: usize = 1000;
/// A call has room for nine, one of whom calls.
pub const MANY_CALLEES: usize = 8;

/// A call from the server.
///
/// ```
/// use offhook::tencent::RoomId;
/// use offhook::tencent::call_engine::{Media, StartCall};
///
/// let call = StartCall {
///     room: Some(RoomId::text("clinic-7")?),
///     timeout_ms: 20_000,
///     ..StartCall::new("reminder-bot", vec!["mei".to_owned()], Media::named("audio").expect("a word for it"))
/// };
/// assert!(call.faults().is_empty() && call.warnings().is_empty());
/// assert_eq!(StartCall::from_json(&call.to_json())?, call);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct StartCall {
    /// Who calls. Needs no client: nobody checks whether it is online or busy.
    pub robot: String,
    /// Who is called.
    pub callees: Vec<String>,
    /// How long it rings, in milliseconds: 10000 to 600000.
    pub timeout_ms: u64,
    /// For the callees' clients, at most 1000 bytes.
    pub user_data: Option<String>,
    /// With pictures or without.
    pub media: Media,
    /// Where they talk. Without one nobody knows the room, so no media can be played into it.
    pub room: Option<RoomId>,
    /// What a callee sees whose client is not running.
    pub push: Option<OfflinePush>,
}

/// With pictures or without.
///
/// Example: [`StartCall`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum Media {
    /// Sound only.
    Audio,
    /// Sound and pictures.
    Video,
}

impl StartCall {
    /// A call that rings for 30 s, in no room of our choice.
    pub fn new(robot: impl Into<String>, callees: Vec<String>, media: Media) -> Self {
        let robot = robot.into();
        Self { robot, callees, timeout_ms: 30_000, user_data: None, media, room: None, push: None }
    }

    /// Reads a request as Tencent documents it. What is not documented is refused, but for `OfflinePushInfo`.
    ///
    /// # Errors
    /// [`FileError`] says where the text stops being JSON, which field cannot be, or what is wrong with the values.
    pub fn from_json(text: &str) -> Result<Self, FileError> {
        let wire: Wire = file::read(text)?;
        let start = wire.into_start().map_err(|fault| FileError::Values(vec![fault]))?;
        let faults = start.faults();
        if faults.is_empty() { Ok(start) } else { Err(FileError::Values(faults)) }
    }

    /// The body of the request.
    pub fn to_json(&self) -> String {
        serde_json::to_string(&Wire::of(self)).unwrap_or_default()
    }

    /// Everything that Tencent would refuse.
    pub fn faults(&self) -> Vec<RequestFault> {
        let mut faults = Vec::new();
        let mut fault = |field, what: String| faults.push(RequestFault { field, what });
        if let Err(error) = UserId::parse(&self.robot) {
            fault("Robot_Account", error.to_string());
        }
        if self.callees.is_empty() {
            fault("CalleeList_Account", "expected at least one callee".to_owned());
        }
        for callee in &self.callees {
            if let Err(error) = UserId::parse(callee) {
                fault("CalleeList_Account", error.to_string());
            }
        }
        let (least, most) = (SHORTEST_TIMEOUT.as_millis(), LONGEST_TIMEOUT.as_millis());
        if !(least..=most).contains(&self.timeout_ms.into()) {
            let seconds = (SHORTEST_TIMEOUT.as_secs()..=LONGEST_TIMEOUT.as_secs()).contains(&self.timeout_ms);
            let hint = if seconds {
                format!("; that looks like seconds, and Tencent takes milliseconds here: {}", self.timeout_ms * 1000)
            } else {
                String::new()
            };
            fault("Timeout", format!("{} is not from {least} to {most} (milliseconds){hint}", self.timeout_ms));
        }
        if let Some(length) = self.user_data.as_ref().map(String::len).filter(|length| *length > MAX_USER_DATA) {
            fault("UserData", format!("it has {length} bytes; the most is {MAX_USER_DATA}"));
        }
        faults.extend(self.push.iter().flat_map(OfflinePush::faults));
        faults
    }

    /// What Tencent takes, but a person should know.
    pub fn warnings(&self) -> Vec<String> {
        let mut warnings = Vec::new();
        if self.callees.len() > MANY_CALLEES {
            let count = self.callees.len();
            warnings.push(format!(
                "{count} callees: a call has room for nine including the robot, so Tencent may refuse some of them"
            ));
        }
        if let Some(twice) = twice(&self.callees) {
            warnings.push(format!("the callee `{twice}` is named twice"));
        }
        if self.callees.contains(&self.robot) {
            warnings.push(format!("`{}` calls itself", self.robot));
        }
        if self.room.is_none() {
            warnings.push("no room is given: Tencent chooses one, and no media can be played into it".to_owned());
        }
        warnings.extend(self.push.iter().flat_map(OfflinePush::warnings));
        warnings
    }
}

impl Media {
    /// As Tencent writes it, whatever the case.
    pub fn named(word: &str) -> Option<Self> {
        match word.trim().to_ascii_lowercase().as_str() {
            "audio" => Some(Self::Audio),
            "video" => Some(Self::Video),
            _ => None,
        }
    }
}

impl fmt::Display for Media {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if *self == Self::Audio { "Audio" } else { "Video" })
    }
}

impl<'de> Deserialize<'de> for Media {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let word = String::deserialize(deserializer)?;
        Self::named(&word).ok_or_else(|| de::Error::custom(format!("MediaType `{word}` is neither Audio nor Video")))
    }
}

/// The request as it is written.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wire {
    #[serde(rename = "Robot_Account")]
    robot: String,
    #[serde(rename = "CalleeList_Account")]
    callees: Vec<String>,
    #[serde(rename = "Timeout")]
    timeout: u64,
    #[serde(rename = "UserData", default, skip_serializing_if = "Option::is_none")]
    user_data: Option<String>,
    #[serde(rename = "CallInfo")]
    call_info: CallInfo,
    #[serde(rename = "OfflinePushInfo", default, skip_serializing_if = "Option::is_none")]
    push: Option<OfflinePush>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct CallInfo {
    #[serde(rename = "MediaType")]
    media: Media,
    #[serde(rename = "RoomId", default, skip_serializing_if = "Option::is_none")]
    room_id: Option<String>,
    #[serde(rename = "RoomIdType", default, skip_serializing_if = "Option::is_none")]
    room_id_type: Option<u8>,
}

impl Wire {
    fn of(start: &StartCall) -> Self {
        let room = start.room.as_ref();
        Self {
            robot: start.robot.clone(),
            callees: start.callees.clone(),
            timeout: start.timeout_ms,
            user_data: start.user_data.clone(),
            call_info: CallInfo {
                media: start.media,
                room_id: room.map(|room| room.as_text().into_owned()),
                room_id_type: room.map(RoomId::call_engine_type),
            },
            push: start.push.clone(),
        }
    }

    fn into_start(self) -> Result<StartCall, RequestFault> {
        let CallInfo { media, room_id, room_id_type } = self.call_info;
        let room_fault = |what: String| RequestFault { field: "CallInfo.RoomId", what };
        let room = match (room_id, room_id_type) {
            (None, None) => None,
            (Some(text), Some(2)) => Some(RoomId::text(text).map_err(|error| room_fault(error.to_string()))?),
            (Some(text), Some(1)) => {
                let number = text.parse().map_err(|_| {
                    room_fault(format!("`{}` is no number, as RoomIdType 1 says; a text is 2", text.escape_debug()))
                })?;
                Some(RoomId::number(number).map_err(|error| room_fault(error.to_string()))?)
            }
            (_, Some(other)) if !(1..=2).contains(&other) => {
                let what = format!("{other} is neither 1 (number) nor 2 (text)");
                return Err(RequestFault { field: "CallInfo.RoomIdType", what });
            }
            (Some(_), _) => return Err(room_fault("RoomIdType is missing: 1 for a number, 2 for a text".to_owned())),
            (None, Some(_)) => return Err(room_fault("it is missing, but RoomIdType is given".to_owned())),
        };
        let Self { robot, callees, timeout, user_data, push, .. } = self;
        Ok(StartCall { robot, callees, timeout_ms: timeout, user_data, media, room, push })
    }
}

fn twice(names: &[String]) -> Option<&String> {
    names.iter().enumerate().find(|(place, name)| names[..*place].contains(name)).map(|(_, name)| name)
}
