//! PrivateMapKey: the bytes inside a UserSig that say what a user may do in a room.

use std::ops::BitOr;
use std::time::Duration;

use jiff::Timestamp;

use crate::tencent::{RoomId, UserId};

/// What a user may do in a room; joined with `|`.
///
/// ```
/// use std::time::Duration;
/// use offhook::tencent::user_sig::{PrivateMapKey, Privileges, UserSig, UserSigKey};
/// use offhook::tencent::{RoomId, UserId};
///
/// let (key, now) = (UserSigKey::new(1_400_000_000, "made-up"), "2026-01-01T00:00:00Z".parse()?);
/// let listen = Privileges::ENTER_ROOM | Privileges::RECEIVE_AUDIO;
/// let (mei, room) = (UserId::parse("mei")?, RoomId::text("clinic-7")?);
/// let text = key.make_private_map_key(&mei, &room, listen, Duration::from_secs(3600), now);
/// let read: Option<PrivateMapKey> = UserSig::read(text.expose())?.private_map_key();
/// assert_eq!(read.map(|read| (read.room, read.privileges)), Some((room, listen)));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Privileges(u32);

impl Privileges {
    /// Create the room.
    pub const CREATE_ROOM: Self = Self(1);
    /// Enter it.
    pub const ENTER_ROOM: Self = Self(2);
    /// Send audio.
    pub const SEND_AUDIO: Self = Self(4);
    /// Receive audio.
    pub const RECEIVE_AUDIO: Self = Self(8);
    /// Send video.
    pub const SEND_VIDEO: Self = Self(16);
    /// Receive video.
    pub const RECEIVE_VIDEO: Self = Self(32);
    /// Send a second picture (sub-stream).
    pub const SEND_SUB_STREAM: Self = Self(64);
    /// Receive a second picture.
    pub const RECEIVE_SUB_STREAM: Self = Self(128);
    /// All of them.
    pub const ALL: Self = Self(255);

    /// As they are written.
    pub fn bits(self) -> u32 {
        self.0
    }
}

impl BitOr for Privileges {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

/// What a PrivateMapKey says besides its user and app, which the UserSig around it says too.
///
/// Example: [`Privileges`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PrivateMapKey {
    /// In which room.
    pub room: RoomId,
    /// What is permitted there.
    pub privileges: Privileges,
    /// Until this Unix second.
    pub expires: u32,
}

impl PrivateMapKey {
    /// What a `userbuf` says; `None` where it is none of a PrivateMapKey of `user` and this app.
    pub fn read(user_buf: &[u8], user: &str, sdk_app_id: u32) -> Option<Self> {
        let (version, rest) = user_buf.split_first()?;
        let (named, rest) = take_text(rest)?;
        let (numbers, rest) = rest.split_at_checked(20)?;
        let mut numbers =
            numbers.chunks_exact(4).map(|four| four.iter().fold(0, |sum, byte| sum << 8 | u32::from(*byte)));
        let mut number = || numbers.next();
        let (app, room, expires, privileges) = (number()?, number()?, number()?, number()?);
        let (room, rest) = match version {
            0 => (RoomId::number(room.into()).ok()?, rest),
            1 => {
                let (text, rest) = take_text(rest)?;
                (RoomId::text(std::str::from_utf8(text).ok()?).ok()?, rest)
            }
            _ => return None,
        };
        let is_one = named == user.as_bytes() && app == sdk_app_id && rest.is_empty();
        is_one.then_some(Self { room, privileges: Privileges(privileges), expires })
    }
}

/// The `userbuf`: a version (0 number, 1 text), the user, the app, the room's number, when it ends, the privileges, the
/// account's type (0), and the room's text where it has one. Numbers are big-endian; a text is preceded by its length.
pub(super) fn user_buf(
    sdk_app_id: u32,
    user: &UserId,
    room: &RoomId,
    privileges: Privileges,
    expire: Duration,
    now: Timestamp,
) -> Vec<u8> {
    let (version, number) = match room {
        RoomId::Number(number) => (0, *number),
        RoomId::Text(_) => (1, 0),
    };
    let end = now.as_second().saturating_add_unsigned(expire.as_secs());
    let end = u32::try_from(end).unwrap_or(u32::MAX);
    let mut bytes = vec![version];
    put_text(&mut bytes, user.as_str());
    for number in [sdk_app_id, number, end, privileges.bits(), 0] {
        bytes.extend(number.to_be_bytes());
    }
    if let RoomId::Text(text) = room {
        put_text(&mut bytes, text);
    }
    bytes
}

/// Both texts that are written are far shorter than a length can say.
fn put_text(bytes: &mut Vec<u8>, text: &str) {
    let length = u16::try_from(text.len()).unwrap_or(u16::MAX);
    bytes.extend(length.to_be_bytes());
    bytes.extend(&text.as_bytes()[..usize::from(length)]);
}

/// A text that its length precedes, and what comes after it.
fn take_text(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_at_checked(2)?;
    rest.split_at_checked(usize::from(length[0]) << 8 | usize::from(length[1]))
}
