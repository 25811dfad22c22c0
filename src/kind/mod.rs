//! What can happen: the families of senders, and the table of all kinds they document.
//!
//! The table only names things; which fields a kind carries is told by the family's own module.

use std::borrow::Cow;
use std::fmt;

use serde::{Deserialize, Serialize};

mod table;

pub(crate) use table::{Id, every_kind};
pub use table::{KINDS, KindRow};

/// Which sender and product an event belongs to.
///
/// ```
/// use offhook::kind::Family;
///
/// assert_eq!(Family::named("yunxin.copy"), Some(Family::YunxinCopy));
/// let names = Family::ALL.map(Family::name);
/// assert_eq!(names, ["yunxin.callback", "yunxin.copy", "tencent.call", "tencent.trtc"]);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Family {
    /// Yunxin asks before a user acts (第三方回调).
    YunxinCallback,
    /// Yunxin tells afterwards (消息抄送).
    YunxinCopy,
    /// Tencent's call engine tells about a call.
    TencentCall,
    /// Tencent TRTC tells about a room.
    TencentTrtc,
}

impl Family {
    /// Every family.
    pub const ALL: [Self; 4] = [Self::YunxinCallback, Self::YunxinCopy, Self::TencentCall, Self::TencentTrtc];

    /// The name used in configuration, metrics and logs.
    pub fn name(self) -> &'static str {
        match self {
            Self::YunxinCallback => "yunxin.callback",
            Self::YunxinCopy => "yunxin.copy",
            Self::TencentCall => "tencent.call",
            Self::TencentTrtc => "tencent.trtc",
        }
    }

    /// The first part of a CloudEvent's `source`.
    pub fn source(self) -> &'static str {
        match self {
            Self::YunxinCallback => "/yunxin/callback",
            Self::YunxinCopy => "/yunxin/copy",
            Self::TencentCall => "/tencent/call",
            Self::TencentTrtc => "/tencent/trtc",
        }
    }

    /// The family of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|family| family.name() == name)
    }
}

/// How the sender writes a kind.
///
/// ```
/// use offhook::kind::{Kind, Wire};
///
/// // The same number, of three senders.
/// let kinds = [Wire::Number(1), Wire::Text(1), Wire::Rtc(1)].map(|wire| Kind::on_wire(wire).expect("a documented kind"));
/// assert_eq!(kinds.each_ref().map(Kind::name), ["message.p2p", "copy.message", "rtc.room_start"]);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wire {
    /// `eventType` as a JSON integer in a flat body: a callback.
    Number(i64),
    /// `eventType` as a decimal JSON text: an IM copy.
    Text(i64),
    /// `eventType` as a JSON integer beside a `data` object: an RTC 2.0 copy.
    Rtc(i64),
    /// Told by something else than a number.
    None,
}

/// What happened, inside its family.
///
/// ```
/// use offhook::kind::{Family, Kind};
///
/// let kind = Kind::named(Family::YunxinCallback, "call.start");
/// assert_eq!(kind.row().map(|row| row.title), Some("Audio or video call started"));
/// let new = Kind::named(Family::YunxinCallback, "unknown.4711");
/// assert!(new.row().is_none());
/// assert_eq!((new.name(), new.label()), ("unknown.4711", "unknown"));
///
/// let of = |name| Kind::named(Family::YunxinCallback, name);
/// assert!(of("login.im").is_login() && of("message.team").is_changeable() && of("probe").is_probe());
/// ```
#[derive(Clone)]
pub struct Kind {
    name: Cow<'static, str>,
    family: Family,
    row: Option<&'static KindRow>,
}

impl Kind {
    /// The documented kind that `family` writes as `wire`.
    pub fn on_wire(wire: Wire) -> Option<Self> {
        let row = match wire {
            Wire::Number(number) => KINDS.iter().find(|row| row.wire == Wire::Number(number)),
            other => KINDS.iter().find(|row| row.wire == other && other != Wire::None),
        };
        row.map(Self::of)
    }

    /// The kind of a table row.
    pub fn of(row: &'static KindRow) -> Self {
        Self { name: Cow::Borrowed(row.name), family: row.family, row: Some(row) }
    }

    /// The kind of this name: documented or not.
    pub fn named(family: Family, name: &str) -> Self {
        match KINDS.iter().find(|row| row.name == name) {
            Some(row) => Self { family, ..Self::of(row) },
            None => Self { name: Cow::Owned(name.to_owned()), family, row: None },
        }
    }

    /// The signed body `{}`, with which Yunxin's customers check their URL.
    pub fn probe() -> Self {
        Self { name: Cow::Borrowed(PROBE), family: Family::YunxinCallback, row: None }
    }

    /// Nobody's but ours: a decider's late verdict on an event of `family` is another than the one that was given.
    pub fn overruled(family: Family) -> Self {
        Self { name: Cow::Borrowed(OVERRULED), family, row: None }
    }

    /// Our name for it, e.g. `call.start` or `unknown.4711`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Who sends it.
    pub fn family(&self) -> Family {
        self.family
    }

    /// Its row in [`KINDS`]; `None` for a kind that nobody documented.
    pub fn row(&self) -> Option<&'static KindRow> {
        self.row
    }

    /// The name for a metric's label: undocumented kinds share one, since a sender may invent any number of them.
    pub fn label(&self) -> &'static str {
        match self.row {
            Some(row) => row.name,
            None if self.is_probe() => PROBE,
            None if self.is_overruled() => OVERRULED,
            None => "unknown",
        }
    }

    /// Whether this is the signed body `{}`.
    pub fn is_probe(&self) -> bool {
        self.name == PROBE
    }

    /// Whether this tells of a verdict that a late one overrules; no sender sent it.
    pub fn is_overruled(&self) -> bool {
        self.name == OVERRULED
    }

    /// Whether it is a login, for which our answer may be the only authentication.
    pub fn is_login(&self) -> bool {
        self.name.starts_with("login.")
    }

    /// Whether an allow may change the message it is about.
    pub fn is_changeable(&self) -> bool {
        matches!(&*self.name, "message.p2p" | "message.team" | "message.chatroom" | "message.super_team")
    }
}

impl PartialEq for Kind {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name && self.family == other.family
    }
}

impl Eq for Kind {}

impl fmt::Debug for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.name)
    }
}

/// The longest text that is compared with the names of kinds.
const LONGEST_SLIP: usize = 64;

/// Which kinds something is about: `call.start`, `call.*` or `*`.
///
/// ```
/// use offhook::kind::KindPattern;
///
/// let calls = KindPattern::parse("call.*")?;
/// assert!(calls.matches("call.start") && !calls.matches("room.create"));
/// assert_eq!(KindPattern::parse("call.strat").unwrap_err(), "no such kind: `call.strat`; did you mean `call.start`?");
/// # Ok::<(), String>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct KindPattern(String);

impl KindPattern {
    /// Reads a pattern: a kind's name, a prefix followed by `.*`, or `*`.
    ///
    /// # Errors
    /// Says what is wrong with `text`, with the nearest documented kind where it looks like a slip.
    pub fn parse(text: &str) -> Result<Self, String> {
        let stem = text.strip_suffix(".*").unwrap_or(text);
        let of_many = text.ends_with(".*") && ["unknown", "neroom", "trtc"].contains(&stem);
        let of_ours = text == OVERRULED || text == "verdict.*";
        if text == "*" || stem.starts_with("unknown.") || of_many || of_ours {
            return Ok(Self(text.to_owned()));
        }
        let known = if text.ends_with(".*") {
            let inside = |row: &&KindRow| row.name.strip_prefix(stem).is_some_and(|rest| rest.starts_with('.'));
            KINDS.iter().any(|row| inside(&row))
        } else {
            KINDS.iter().any(|row| row.name == text)
        };
        let open_ended = ["neroom.", "trtc.", "copy.unknown", "rtc.unknown", "call_engine.unknown"]
            .iter()
            .any(|prefix| text.starts_with(prefix));
        if known || open_ended {
            return Ok(Self(text.to_owned()));
        }
        let groups = || KINDS.iter().filter_map(|row| Some(format!("{}.*", row.name.split_once('.')?.0)));
        let is_group = |group: &String| group.strip_suffix(".*") == Some(text);
        let nearest = match groups().find(is_group) {
            Some(group) => Some(group),
            None if text.len() > LONGEST_SLIP => None,
            None if text.ends_with('*') => nearest(text, groups(), 2),
            None => nearest(text, KINDS.iter().map(|row| row.name.to_owned()), 4),
        };
        let hint = nearest.map(|name| format!("; did you mean `{name}`?")).unwrap_or_default();
        Err(format!("no such kind: `{text}`{hint}"))
    }

    /// Whether `kind` is meant.
    pub fn matches(&self, kind: &str) -> bool {
        match self.0.strip_suffix('*') {
            Some(prefix) => kind.starts_with(prefix),
            None => kind == self.0,
        }
    }

    /// The pattern as written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for KindPattern {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        Self::parse(&text)
    }
}

impl From<KindPattern> for String {
    fn from(pattern: KindPattern) -> Self {
        pattern.0
    }
}

const PROBE: &str = "probe";
const OVERRULED: &str = "verdict.overruled";

/// Of `names` the one that `text` looks like, with at most so many slips.
fn nearest(text: &str, names: impl Iterator<Item = String>, slips: usize) -> Option<String> {
    let near = names.map(|name| (strsim::damerau_levenshtein(&name, text), name));
    near.min().filter(|(distance, _)| *distance <= slips).map(|(_, name)| name)
}
