//! The plain request: one POST that has arrived whole, as platforms send it, answered without hyper's machinery for all others.
//!
//! hyper stays the judge of HTTP. What is read here is used only where nothing is left to judge: a head that the same parser
//! took, no header that would change how the rest is to be read, and exactly its body behind it. At the first bytes that
//! are anything else the connection is hyper's, these bytes included, and stays that. It costs a sixth less CPU a request
//! (`benches/README.md`).

use std::io;
use std::mem::MaybeUninit;
use std::pin::pin;
use std::sync::Arc;

use bytes::{BufMut, Bytes, BytesMut};
use http::header::{
    CONNECTION, CONTENT_LENGTH, EXPECT, HeaderMap, HeaderName, HeaderValue, TRANSFER_ENCODING, UPGRADE,
};
use http::{Method, Request};
use http_body::Body;
use http_body_util::BodyExt;
use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimePrinter;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_util::sync::CancellationToken;

use super::body::Arriving;
use super::door::Edge;
use super::gate::Connection;
use super::reply::{self, Reply};
use super::stream::WatchedStream;

/// How a connection's plain requests came to an end.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Ended {
    /// With bytes that hyper is to judge; it reads them again.
    WithOtherBytes,
    /// With its last answer, or before a next request.
    WithTheConnection,
}

/// Answers plain requests for as long as these come, until `stop`.
///
/// # Errors
/// Bytes cannot be read or written any more.
pub(super) async fn serve(
    stream: &mut WatchedStream,
    connection: &Arc<Connection>,
    edge: &Edge,
    stop: &CancellationToken,
) -> io::Result<Ended> {
    let mut stopped = pin!(stop.cancelled());
    let (mut room, mut date, mut answer) = (BytesMut::new(), Date::default(), Vec::new());
    loop {
        if room.capacity() < LONGEST {
            room = BytesMut::with_capacity(ROOM);
        }
        tokio::select! {
            // A question that is here already must still be answered.
            biased;
            read = stream.read_buf(&mut room) => if read? == 0 { return Ok(Ended::WithTheConnection) },
            () = &mut stopped => return Ok(Ended::WithTheConnection),
        }
        let came = room.split().freeze();
        let Some(request) = request(&came) else {
            stream.unread(came);
            return Ok(Ended::WithOtherBytes);
        };
        let Ok(mut reply) = edge.clone().answer(request, Some(Arc::clone(connection))).await;
        if stop.is_cancelled() {
            reply::ask_to_close(&mut reply);
        }
        let is_last = reply.headers().contains_key(CONNECTION);
        write(reply, date.at(edge.clock().now()), &mut answer).await;
        stream.write_all(&answer).await?;
        if is_last {
            return Ok(Ended::WithTheConnection);
        }
    }
}

/// The longest request that is read here; hyper has room for longer ones.
const LONGEST: usize = 4 << 10;

/// Several requests are read into one piece of memory, which is freed with the last of their bodies.
const ROOM: usize = 2 * LONGEST;

/// A platform sends a dozen headers.
const HEADERS: usize = 32;

/// The one plain request that `bytes` are, no more and no less.
fn request(bytes: &Bytes) -> Option<Request<Arriving>> {
    let mut lines = [const { MaybeUninit::uninit() }; HEADERS];
    let mut head = httparse::Request::new(&mut []);
    let Ok(httparse::Status::Complete(end)) = head.parse_with_uninit_headers(bytes, &mut lines) else { return None };
    if head.method != Some("POST") || head.version != Some(1) {
        return None;
    }
    let mut headers = HeaderMap::with_capacity(head.headers.len());
    let mut length = None;
    for line in &*head.headers {
        let name = HeaderName::from_bytes(line.name.as_bytes()).ok()?;
        match name {
            TRANSFER_ENCODING | EXPECT | UPGRADE => return None,
            CONNECTION if !line.value.eq_ignore_ascii_case(b"keep-alive") => return None,
            CONTENT_LENGTH if length.is_some() => return None,
            CONTENT_LENGTH => length = Some(digits(line.value)?),
            _ => {}
        }
        headers.append(name, HeaderValue::from_maybe_shared(bytes.slice_ref(line.value)).ok()?);
    }
    let body = bytes.slice(end..);
    if length != Some(body.len()) {
        return None;
    }
    let mut request = Request::new(Arriving::Whole(Some(body)));
    *request.method_mut() = Method::POST;
    *request.uri_mut() = http::Uri::from_maybe_shared(bytes.slice_ref(head.path?.as_bytes())).ok()?;
    *request.headers_mut() = headers;
    Some(request)
}

/// A length in digits and nothing else.
fn digits(text: &[u8]) -> Option<usize> {
    let all = !text.is_empty() && text.iter().all(u8::is_ascii_digit);
    std::str::from_utf8(text).ok().filter(|_| all)?.parse().ok()
}

/// Writes `reply` into `answer`, in the order in which hyper would.
async fn write(reply: Reply, date: &str, answer: &mut Vec<u8>) {
    let (head, body) = reply.into_parts();
    answer.clear();
    let reason = head.status.canonical_reason().unwrap_or("<none>");
    for part in ["HTTP/1.1 ", head.status.as_str(), " ", reason, "\r\n"] {
        answer.put_slice(part.as_bytes());
    }
    for (name, value) in &head.headers {
        for part in [name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"] {
            answer.put_slice(part);
        }
    }
    let length = body.size_hint().lower().to_string();
    for part in ["content-length: ", &length, "\r\ndate: ", date, "\r\n\r\n"] {
        answer.put_slice(part.as_bytes());
    }
    let Ok(body) = body.collect().await;
    answer.put_slice(&body.to_bytes());
}

/// The header `Date`, put into words once a second.
#[derive(Default)]
struct Date {
    second: i64,
    text: String,
}

impl Date {
    fn at(&mut self, now: Timestamp) -> &str {
        if self.second != now.as_second() || self.text.is_empty() {
            self.text.clear();
            // Only a year with more than four digits cannot be written.
            let _ = DateTimePrinter::new().print_timestamp_rfc9110(&now, &mut self.text);
            self.second = now.as_second();
        }
        &self.text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Option<Request<Arriving>> {
        request(&Bytes::copy_from_slice(text.as_bytes()))
    }

    #[test]
    fn a_whole_post_is_read_as_it_came() {
        let text = "POST /a?b=c HTTP/1.1\r\nHost: h\r\nConnection: Keep-Alive\r\nAppKey:  k \r\nAppKey: l\r\ncontent-length: 2\r\n\r\n{}";
        let request = parsed(text).expect("a request");
        assert_eq!((request.method(), request.uri().to_string()), (&Method::POST, "/a?b=c".to_owned()));
        assert_eq!(request.headers().get_all("appkey").iter().collect::<Vec<_>>(), ["k", "l"]);
        assert!(matches!(request.into_body(), Arriving::Whole(Some(body)) if *body == *b"{}"));
    }

    #[test]
    fn whatever_needs_a_judge_is_left_to_hyper() {
        let with = |line: &str| format!("POST / HTTP/1.1\r\nHost: h\r\n{line}Content-Length: 2\r\n\r\n{{}}");
        assert!(parsed(&with("")).is_some());
        for line in [
            "Transfer-Encoding: chunked\r\n",
            "Expect: 100-continue\r\n",
            "Upgrade: h2c\r\n",
            "Connection: close\r\n",
            "Connection: keep-alive, upgrade\r\n",
            "Content-Length: 2\r\n",
            "Content-Length: 3\r\n",
            "No colon\r\n",
            "Folded: a\r\n b\r\n",
            "Space : a\r\n",
            "Control: a\u{1}\r\n",
            &"Many: a\r\n".repeat(HEADERS),
        ] {
            assert!(parsed(&with(line)).is_none(), "{line:?}");
        }
        for other in [
            "",
            "POST / HTTP/1.1\r\nHost: h\r\n\r\n",
            "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: +2\r\n\r\n{}",
            "POST / HTTP/1.1\r\nHost: h\r\nContent-Length:\r\n\r\n",
            "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 99999999999999999999\r\n\r\n{}",
            "POST / HTTP/1.0\r\nContent-Length: 2\r\n\r\n{}",
            "GET / HTTP/1.1\r\nContent-Length: 2\r\n\r\n{}",
            "POST / HTTP/1.1\r\nContent-Length: 2\r\n\r\n{",
            "POST / HTTP/1.1\r\nContent-Length: 2\r\n\r\n{}P",
            "POST /\u{1} HTTP/1.1\r\nContent-Length: 2\r\n\r\n{}",
            "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        ] {
            assert!(parsed(other).is_none(), "{other:?}");
        }
    }

    #[test]
    fn the_date_is_written_as_http_wants_it_and_anew_each_second() {
        let mut date = Date::default();
        assert_eq!(date.at(Timestamp::UNIX_EPOCH), "Thu, 01 Jan 1970 00:00:00 GMT");
        assert_eq!(date.at(Timestamp::from_millisecond(999).expect("a time")), "Thu, 01 Jan 1970 00:00:00 GMT");
        assert_eq!(date.at(Timestamp::from_second(1).expect("a time")), "Thu, 01 Jan 1970 00:00:01 GMT");
    }
}
