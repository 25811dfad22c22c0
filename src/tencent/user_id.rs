//! The name of a user in a Tencent app, checked once.

use std::fmt;
use std::str::FromStr;

/// The most bytes a user id may have.
pub const MAX_USER_ID: usize = 32;

/// A user's name in a Tencent app: 1 to 32 of `a-z A-Z 0-9 _ -`.
///
/// ```
/// use offhook::tencent::{UserId, UserIdError};
///
/// assert_eq!(UserId::parse("bed_7")?.as_str(), "bed_7");
/// assert!(matches!(UserId::parse("bed 7"), Err(UserIdError::Alphabet(_))));
/// # Ok::<(), UserIdError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct UserId(Box<str>);

/// Why a text is no [`UserId`].
///
/// Example: [`UserId`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UserIdError {
    /// There is nothing in it.
    #[error("a user id is empty; give 1 to {MAX_USER_ID} characters")]
    Empty,
    /// It has more than [`MAX_USER_ID`] bytes.
    #[error("the user id `{0}` has more than {MAX_USER_ID} bytes; shorten it")]
    TooLong(String),
    /// It has a character that Tencent does not take.
    #[error("the user id `{0}` has a character that is none of a-z A-Z 0-9 _ -; Tencent takes no others")]
    Alphabet(String),
}

impl UserId {
    /// The user id that `text` is.
    ///
    /// # Errors
    /// [`UserIdError`] says what is wrong with it.
    pub fn parse(text: &str) -> Result<Self, UserIdError> {
        let shown = || text.chars().take(2 * MAX_USER_ID).collect::<String>().escape_debug().to_string();
        if text.is_empty() {
            return Err(UserIdError::Empty);
        }
        if !text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-')) {
            return Err(UserIdError::Alphabet(shown()));
        }
        if text.len() > MAX_USER_ID {
            return Err(UserIdError::TooLong(shown()));
        }
        Ok(Self(text.into()))
    }

    /// The administrator that the console makes with each app.
    pub fn administrator() -> Self {
        Self("administrator".into())
    }

    /// Its characters.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for UserId {
    type Err = UserIdError;

    fn from_str(text: &str) -> Result<Self, UserIdError> {
        Self::parse(text)
    }
}

impl fmt::Display for UserId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}
