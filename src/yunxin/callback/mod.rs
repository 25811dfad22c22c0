//! What Yunxin's callbacks carry, one struct a table of the documentation.
//!
//! Every documented field is optional: all pages warn that any of them may be missing.

mod call;
mod client;
mod login;
mod message;
mod team;
mod user;

pub use call::{CallStart, RoomCreate};
pub use client::ClientType;
pub use login::{LoginChatroom, LoginIm, LoginQchat, LoginToken};
pub use message::{Message, MessageRecall};
pub use team::{
    TeamAction, TeamApply, TeamCreate, TeamDismiss, TeamInvite, TeamKick, TeamManagers, TeamMute, TeamOwnMember,
};
pub use user::{FriendChange, UserUpdate};
