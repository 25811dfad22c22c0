//! Logins: IM (登录, page `jc3MzA5NTk`), chatroom (聊天室登录, `TE0MDY4MDA`) and QChat (圈组登录, `Tc2MzAxODA`).

use std::fmt;

use serde::{Serialize, Serializer};

use super::client::client_payload;
use crate::lenient::{Impossible, Lenient, Plain, Shape};

client_payload! {
    /// eventType 36: somebody logs in (登录).
    pub struct LoginIm for ["login.im"] with address {
        /// What the client proves itself with.
        token: LoginToken = "token",
        /// Who checks the token: 0 the platform, 1 the platform (dynamic token), 2 nobody but this callback.
        auth_type: i64 = "authType",
        /// The client's own extension of the login.
        login_ext: String = "loginExt",
        /// The client's own tag for the login.
        custom_tag: String = "customTag",
        /// The client's own kind of client; documented as text.
        custom_client_type: String = "customClientType",
        /// Whether the SDK logs in again by itself.
        auto_login: bool = "autoLogin",
        /// When it is done: Unix time in milliseconds; documented as text.
        timestamp: i64 = "timestamp",
    }
}

client_payload! {
    /// eventType 37: somebody enters a chatroom (聊天室登录).
    pub struct LoginChatroom for ["login.chatroom"] with address {
        /// The chatroom's id; the sender writes a small i.
        roomid: u64 = "roomid",
        /// What the client proves itself with.
        token: LoginToken = "token",
        /// Who checks the token: 0 the platform, 1 the platform (dynamic token), 2 nobody but this callback.
        login_auth_type: i64 = "loginAuthType",
        /// The client's own extension of the login.
        login_ext: String = "loginExt",
        /// Whether a guest without an account enters.
        anonymous: bool = "anonymous",
        /// The picture's address.
        avatar: String = "avatar",
        /// The nickname in the room.
        nick: String = "nick",
        /// The client's own extension of the member.
        ext: String = "ext",
        /// The client's own extension of the notice that the others get.
        notify_ext: String = "notifyExt",
        /// Who gets that notice: an expression over tags, such as `{tag:a} AND {tag:b}`.
        notify_target_tags: String = "notifyTargetTags",
        /// The member's tags, such as `[a, b]`: text that is no JSON.
        tags: String = "tags",
        /// When it is done: Unix time in milliseconds; documented as text, may be empty.
        timestamp: i64 = "timestamp",
    }
}

client_payload! {
    /// eventType 40: somebody logs in to QChat (圈组登录).
    pub struct LoginQchat for ["login.qchat"] with address {
        /// What the client proves itself with.
        token: LoginToken = "token",
        /// Who checks the token: 0 the platform, 1 the platform (dynamic token), 2 nobody but this callback.
        auth_type: i64 = "authType",
        /// The client's own tag for the login.
        custom_tag: String = "customTag",
        /// The client's own kind of client; a number here, unlike in an IM login.
        custom_client_type: i64 = "customClientType",
        /// When it is done: Unix time in milliseconds; documented as text.
        timestamp: i64 = "timestamp",
    }
}

impl LoginChatroom {
    /// The member's tags, taken out of their brackets.
    ///
    /// ```
    /// use offhook::{Event, yunxin::LoginChatroom};
    ///
    /// let event = Event::from_json(r#"{"eventType":37,"roomid":2016,"tags":"[vip, host]"}"#)?;
    /// let login: LoginChatroom = event.typed().expect("a chatroom login");
    /// assert_eq!(login.tags(), ["vip", "host"]);
    /// # Ok::<(), offhook::Refusal>(())
    /// ```
    pub fn tags(&self) -> Vec<&str> {
        let text = self.tags.as_deref().unwrap_or_default().trim();
        let inside = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
        inside.split(',').map(|tag| tag.trim().trim_matches('"')).filter(|tag| !tag.is_empty()).collect()
    }
}

/// What a client proves itself with. `Debug` does not show it; serialised, it is there as it was sent.
///
/// ```
/// use offhook::{Event, yunxin::LoginIm};
///
/// let event = Event::from_json(r#"{"eventType":36,"fromAccount":"mei","authType":2,"token":"made-up"}"#)?;
/// let token = event.typed::<LoginIm>().and_then(|login| login.token).expect("a token");
/// assert_eq!((token.expose(), format!("{token:?}")), ("made-up", "***".to_owned()));
/// # Ok::<(), offhook::Refusal>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct LoginToken(String);

impl LoginToken {
    /// The token itself.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl Lenient for LoginToken {
    const EXPECTED: &'static str = String::EXPECTED;
    const SHAPE: Shape = Shape::Text;

    fn read(raw: &str) -> Result<Option<Self>, Impossible> {
        Ok(String::read(raw)?.map(Self))
    }
}

impl From<LoginToken> for Plain {
    fn from(token: LoginToken) -> Self {
        Self::Text(token.0)
    }
}

impl fmt::Debug for LoginToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl Serialize for LoginToken {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}
