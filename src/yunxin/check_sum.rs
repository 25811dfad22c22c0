//! The signature: `CheckSum = sha1hex(AppSecret + MD5 + CurTime)`, where `MD5 = md5hex(body)`.
//!
//! Source: the overview of third-party callbacks (`jI3ODc2ODE`); no nonce, no HMAC, no separators.

use std::ops::BitAnd;

use md5::Md5;
use sha1::{Digest, Sha1};
use subtle::{Choice, ConstantTimeEq};

use crate::secret::Secret;

/// The two digests that go into a request's headers, in lower-case hex.
///
/// Example: [`sign`].
#[derive(Clone, PartialEq, Eq)]
pub struct Signature {
    /// The `MD5` header: 32 digits.
    pub md5: String,
    /// The `CheckSum` header: 40 digits.
    pub check_sum: String,
}

/// Signs `body` as Yunxin does; `cur_time` is Unix time in milliseconds, as decimal text.
///
/// ```
/// let signature = offhook::yunxin::sign("app-secret", br#"{"eventType":1}"#, "1710000000");
/// assert_eq!(signature.md5, "59073e4bdf25c0fcdc8790a8b274bc27");
/// assert_eq!(signature.check_sum, "ded804776b42a2758e418cb77fe4d4374185135f");
/// ```
pub fn sign(app_secret: &str, body: &[u8], cur_time: &str) -> Signature {
    let md5 = hex::encode(md5_of(body));
    let check_sum = hex::encode(check_sum_of(app_secret, &md5, cur_time));
    Signature { md5, check_sum }
}

/// The `CheckSum` for an `MD5` header, whatever the body is: for those who try out receivers.
pub(crate) fn check_sum(app_secret: &str, md5: &str, cur_time: &str) -> String {
    hex::encode(check_sum_of(app_secret, md5, cur_time))
}

/// The MD5 of the bytes that were signed.
pub(super) fn md5_of(body: &[u8]) -> [u8; 16] {
    Md5::digest(body).into()
}

/// Whether two digests are the same, compared in constant time; four bytes at once, since what is compared so is hidden
/// from the optimiser one by one.
pub(super) fn is_same<const N: usize>(one: &[u8; N], other: &[u8; N]) -> bool {
    const { assert!(N.is_multiple_of(4)) };
    fn words(digest: &[u8]) -> impl Iterator<Item = u32> {
        digest.as_chunks().0.iter().map(|word| u32::from_ne_bytes(*word))
    }
    let same = words(one).zip(words(other)).map(|(one, other)| one.ct_eq(&other));
    same.fold(Choice::from(1), Choice::bitand).into()
}

/// Whether `secret` gives `check_sum` for these headers, compared in constant time.
///
/// The header texts are hashed as they came; a sender that writes its MD5 in capitals may have hashed either form.
pub(super) fn proves(secret: &Secret, md5: &str, cur_time: &str, check_sum: &[u8; 20]) -> bool {
    let matches = |md5: &str| is_same(&check_sum_of(secret.expose(), md5, cur_time), check_sum);
    matches(md5) || (md5.bytes().any(|byte| byte.is_ascii_uppercase()) && matches(&md5.to_ascii_lowercase()))
}

/// Whether `secret` gives `check_sum` in the old meeting kit's order, in which the body's MD5 is not sent.
pub(super) fn proves_meeting(secret: &Secret, nonce: &str, cur_time: &str, md5: &str, check_sum: &[u8; 20]) -> bool {
    is_same(&meeting_check_sum_of(secret.expose(), nonce, cur_time, md5), check_sum)
}

/// Signs `body` as the old meeting kit does: `sha1hex(AppSecret + Nonce + CurTime + md5hex(body))`.
///
/// ```
/// let check_sum = offhook::yunxin::sign_meeting("made-up-app-secret", "4711", b"{}", "1767225600000");
/// assert_eq!(check_sum.len(), 40);
/// ```
pub fn sign_meeting(app_secret: &str, nonce: &str, body: &[u8], cur_time: &str) -> String {
    hex::encode(meeting_check_sum_of(app_secret, nonce, cur_time, &hex::encode(md5_of(body))))
}

fn meeting_check_sum_of(secret: &str, nonce: &str, cur_time: &str, md5: &str) -> [u8; 20] {
    Sha1::new().chain_update(secret).chain_update(nonce).chain_update(cur_time).chain_update(md5).finalize().into()
}

fn check_sum_of(secret: &str, md5: &str, cur_time: &str) -> [u8; 20] {
    Sha1::new().chain_update(secret).chain_update(md5).chain_update(cur_time).finalize().into()
}

impl std::fmt::Debug for Signature {
    /// Never shows the digests: with them the secret can be searched for.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Signature(***)")
    }
}
