//! The mistake: the `CheckSum` is checked against the `MD5` header, and nobody hashes the body.

use axum::body::Bytes;
use axum::http::HeaderMap;
use axum::response::Response;

use super::receiver::{ALLOW, is_fresh, is_ours, is_signed, refused, verdict};

pub(crate) fn answers(headers: &HeaderMap, _body: &Bytes) -> Response {
    if is_ours(headers) && is_signed(headers) && is_fresh(headers) { verdict(ALLOW) } else { refused() }
}

/// The rows that find it out.
pub(crate) const FAILS: &[&str] = &["body_changed", "body_replaced", "body_extended", "wrong_md5", "md5_empty"];
