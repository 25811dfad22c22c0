//! Users' profiles and friends (用户相关回调), page `DI1NDU2MjI`.

use super::client::{ClientType, client_payload};
use crate::yunxin::samples::sampled;

sampled! {
    /// eventType 3: somebody changes their profile (用户资料变更). Only what changes is there.
    pub struct UserUpdate for ["user.update"] {
        /// Whose profile it is (accid).
        account: String = "account",
        /// The device it is done from.
        device_id: String = "deviceId",
        /// The kind of client it is done from.
        client_type: ClientType = "clientType",
        /// The nickname.
        name: String = "name",
        /// The picture's address.
        icon: String = "icon",
        /// The signature line.
        sign: String = "sign",
        /// The e-mail address.
        email: String = "email",
        /// The birthday, e.g. `2009-11-30`.
        birth: String = "birth",
        /// The phone number.
        mobile: String = "mobile",
        /// 0 unknown, 1 male, 2 female.
        gender: i64 = "gender",
        /// The user's own extension of the profile.
        ex: String = "ex",
        /// When it is done: Unix time in milliseconds; documented as text.
        timestamp: i64 = "timestamp",
    }
}

client_payload! {
    /// eventType 4 and 5: somebody adds or removes a friend (好友关系变更).
    pub struct FriendChange for ["friend.add", "friend.delete"] {
        /// Who is added or removed (accid).
        to_account: String = "toAccount",
        /// How a friend is added: 1 at once, 2 asks, 3 agrees, 4 declines.
        verify_type: i64 = "verifyType",
        /// What is said to a friend who is asked.
        msg: String = "msg",
        /// When it is done: Unix time in milliseconds; documented as text.
        timestamp: i64 = "timestamp",
    }
}
