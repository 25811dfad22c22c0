//! What stream ingest answers, typed: `{"Response":{…,"RequestId"}}`, or an `Error` in its place.

use std::fmt;

use serde::Serialize;

use super::{Api, Code};
use crate::lenient::Fields;
use crate::tencent::RoomReading;
use crate::tencent::error::{Class, Refused, RequestError, Unknown};
use crate::tencent::exchange::Judged;

/// A stream that was started.
///
/// ```
/// use offhook::clock::Clock;
/// use offhook::tencent::ingest::{Api, Change, Ingests, Settings, Site, StartIngest};
/// use offhook::tencent::tc3::Credentials;
/// use offhook::tencent::{Account, Patience, RequestError, RoomId};
///
/// /// Plays something into a room, and stops it.
/// async fn play(ingests: &Ingests, room: RoomId) -> Result<(), RequestError> {
///     let ingest = ingests.start(&StartIngest::new(room, "robot", "https://example.com/hello.mp3")).await?;
///     if ingests.status(&ingest.task_id).await?.is_playing() {
///         ingests.stop(&ingest.task_id).await?;
///     }
///     Ok(())
/// }
///
/// let settings = Settings {
///     credentials: Credentials { secret_id: "made-up".to_owned(), secret_key: "made-up".into(), token: None },
///     site: Site::International,
///     endpoint: Site::International.endpoint(),
///     region: Site::International.usual_region().to_owned(),
///     room_reading: None,
///     patience: Patience::default(),
/// };
/// let ingests = Account { ingest: Some(settings), ..Account::of_dev() }.ingests(&Clock::system())?;
/// // What would leave, without sending it.
/// let outgoing = ingests.prepare(Api::Stop, "a-task", &Change::default())?;
/// assert!(outgoing.body().contains("a-task"));
/// # let _ = play;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Ingest {
    /// Its id, which every later request needs. It may hold `+`, `-` and dots.
    #[serde(rename = "TaskId")]
    pub task_id: String,
    /// For Tencent's support.
    #[serde(rename = "RequestId")]
    pub request_id: Option<String>,
    /// The reading of a room's type that Tencent took, where it was not the one that was tried first.
    #[serde(serialize_with = "word")]
    pub other_reading: Option<RoomReading>,
}

/// Whether a stream plays.
///
/// Example: [`Ingest`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Status {
    /// `InProgress`, or `NotExist` once it is over.
    #[serde(rename = "Status")]
    pub status: String,
    /// For Tencent's support.
    #[serde(rename = "RequestId")]
    pub request_id: Option<String>,
}

/// An answer that is no error.
pub(super) struct Answer {
    api: Api,
    task_id: Option<String>,
    status: Option<String>,
    request_id: Option<String>,
}

impl Status {
    /// Whether it plays.
    pub fn is_playing(&self) -> bool {
        self.status == "InProgress"
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.status)
    }
}

impl Answer {
    pub(super) fn started(self, other_reading: Option<RoomReading>) -> Result<Ingest, RequestError> {
        match self.task_id {
            Some(task_id) => Ok(Ingest { task_id, request_id: self.request_id, other_reading }),
            None => Err(self.lacking("TaskId")),
        }
    }

    pub(super) fn status(self) -> Result<Status, RequestError> {
        match self.status {
            Some(status) => Ok(Status { status, request_id: self.request_id }),
            None => Err(self.lacking("Status")),
        }
    }

    fn lacking(self, field: &str) -> RequestError {
        let asked = self.api.asked();
        RequestError::Unknown(Box::new(Unknown {
            api: asked.api,
            why: format!("the answer has no {field}"),
            find_out: asked.find_out,
            code: None,
            request_id: self.request_id,
        }))
    }
}

/// Reads an answer. Its HTTP status is mostly 200, whatever it says.
pub(super) fn judge(api: Api, body: &[u8]) -> Judged<Answer> {
    let text = std::str::from_utf8(body).ok();
    let Some(outer) = text.and_then(|text| Fields::parse(text).ok()) else { return Judged::Strange };
    let Some(response) = outer.get("Response").and_then(|value| Fields::parse(value.get()).ok()) else {
        return Judged::Strange;
    };
    let request_id = response.read("RequestId");
    let Some(error) = response.get("Error").and_then(|value| Fields::parse(value.get()).ok()) else {
        let (task_id, status) = (response.read("TaskId"), response.read("Status"));
        return Judged::Done(Answer { api, task_id, status, request_id });
    };
    let code: String = error.read("Code").unwrap_or_default();
    let known = Code::of(&code);
    let refused = Refused {
        api: api.name(),
        known: known.map(|code| code.known),
        code,
        info: error.read("Message").unwrap_or_default(),
        request_id,
    };
    Judged::Refused(known.map_or(Class::Final, |code| code.class), refused)
}

fn word<S: serde::Serializer>(reading: &Option<RoomReading>, serializer: S) -> Result<S::Ok, S::Error> {
    match reading {
        None => serializer.serialize_none(),
        Some(reading) => serializer.serialize_str(reading.word()),
    }
}
