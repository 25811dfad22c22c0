//! UserSigs at hand: made once, given out many times, and renewed long before they end.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;

use super::UserSigKey;
use crate::clock::Clock;
use crate::secret::Secret;
use crate::tencent::UserId;

/// More users than one process speaks for; beyond it the cache begins anew.
const MOST: usize = 4096;

/// Makes UserSigs of one app and keeps them while they are good.
///
/// ```
/// use offhook::clock::Clock;
/// use offhook::tencent::UserId;
/// use offhook::tencent::user_sig::{ADVISED_VALIDITY, UserSigKey, UserSigs};
///
/// let user_sigs = UserSigs::new(UserSigKey::new(1_400_000_000, "made-up"), ADVISED_VALIDITY, Clock::system());
/// let mei = UserId::parse("mei")?;
/// assert_eq!(user_sigs.get(&mei), user_sigs.get(&mei), "made once");
/// # Ok::<(), offhook::tencent::UserIdError>(())
/// ```
pub struct UserSigs {
    key: UserSigKey,
    validity: Duration,
    clock: Clock,
    made: Mutex<HashMap<UserId, Made>>,
}

struct Made {
    text: Secret,
    at: Timestamp,
    renew_at: Timestamp,
}

impl UserSigs {
    /// UserSigs of `key` that are valid for `validity`; one with less than a quarter of it left is made anew.
    pub fn new(key: UserSigKey, validity: Duration, clock: Clock) -> Self {
        Self { key, validity, clock, made: Mutex::default() }
    }

    /// The key.
    pub fn key(&self) -> &UserSigKey {
        &self.key
    }

    /// For how long each is made.
    pub fn validity(&self) -> Duration {
        self.validity
    }

    /// A UserSig of `user` that is valid for at least a quarter of the validity.
    pub fn get(&self, user: &UserId) -> Secret {
        let now = self.clock.now();
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        // A clock that was set back makes what was made after it suspect too.
        if let Some(found) = made.get(user).filter(|found| (found.at..found.renew_at).contains(&now)) {
            return found.text.clone();
        }
        if made.len() >= MOST {
            made.clear();
        }
        let text = self.key.make(user, self.validity, now);
        let renew_at = now.checked_add(self.validity / 4 * 3).unwrap_or(Timestamp::MAX);
        made.insert(user.clone(), Made { text: text.clone(), at: now, renew_at });
        text
    }

    /// Forgets the UserSig of `user`, which was refused.
    pub fn forget(&self, user: &UserId) {
        self.made.lock().unwrap_or_else(PoisonError::into_inner).remove(user);
    }
}

impl fmt::Debug for UserSigs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UserSigs").field("key", &self.key).field("validity", &self.validity).finish_non_exhaustive()
    }
}
