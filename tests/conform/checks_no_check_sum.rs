//! The mistake: the body's MD5 is checked, which anybody can make, and not the `CheckSum`, which needs the secret.

use axum::body::Bytes;
use axum::http::HeaderMap;
use axum::response::Response;

use super::receiver::{ALLOW, is_fresh, is_hashed, is_ours, refused, verdict};

pub(crate) fn answers(headers: &HeaderMap, body: &Bytes) -> Response {
    if is_ours(headers) && is_hashed(headers, body) && is_fresh(headers) { verdict(ALLOW) } else { refused() }
}

/// The rows that find it out.
pub(crate) const FAILS: &[&str] = &[
    "wrong_secret",
    "check_sum_missing",
    "check_sum_malformed",
    "cur_time_changed",
    "nothing_told",
    "repeated_forged",
];
