//! What is sent: requests signed as the platform signs them, and what can be done to them before they leave.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use super::wire::{Piece, Target};
use crate::clock::Clock;
use crate::secret::Secret;
use crate::yunxin;

/// The platform, as far as one app sees it.
pub(super) struct Platform {
    app_key: String,
    secret: Secret,
    clock: Clock,
    last: AtomicI64,
}

/// A request that can be sent.
#[derive(Debug, Clone)]
pub(super) struct Ask {
    headers: Vec<(String, Vec<u8>)>,
    body: Vec<u8>,
    framing: Framing,
    /// What no answer to it may contain.
    pub(super) hidden: Vec<String>,
}

#[derive(Debug, Clone, Copy)]
enum Framing {
    Length,
    Chunks(usize),
}

impl Platform {
    pub(super) fn new(app_key: &str, secret: Secret, clock: Clock) -> Self {
        Self { app_key: app_key.to_owned(), secret, clock, last: AtomicI64::new(0) }
    }

    /// The clock in milliseconds, each of them once: two requests of equal time and body are one request.
    pub(super) fn now(&self) -> i64 {
        let now = self.clock.now().as_millisecond();
        let later = |last: i64| Some(now.max(last + 1));
        let last = self.last.fetch_update(Ordering::Relaxed, Ordering::Relaxed, later).unwrap_or(now);
        now.max(last + 1)
    }

    /// `body`, signed now.
    pub(super) fn ask(&self, body: impl AsRef<[u8]>) -> Ask {
        self.ask_at(&self.now().to_string(), body)
    }

    /// `body`, signed with this `CurTime`.
    pub(super) fn ask_at(&self, cur_time: &str, body: impl AsRef<[u8]>) -> Ask {
        self.signed(&self.app_key, self.secret.expose(), cur_time, body.as_ref())
    }

    /// `body`, signed now by somebody who has another secret; the answer must not tell what would have been right.
    pub(super) fn forged(&self, body: impl AsRef<[u8]>) -> Ask {
        let (body, cur_time) = (body.as_ref(), self.now().to_string());
        let mut ask = self.signed(&self.app_key, "another-secret", &cur_time, body);
        ask.hidden =
            vec![self.secret.expose().to_owned(), yunxin::sign(self.secret.expose(), body, &cur_time).check_sum];
        ask
    }

    /// `body`, signed now by another app with its own secret.
    pub(super) fn of_another_app(&self, body: impl AsRef<[u8]>) -> Ask {
        self.signed("0f0e0d0c0b0a09080706050403020100", "another-secret", &self.now().to_string(), body.as_ref())
    }

    /// `body`, with the signature of `signed_body`.
    pub(super) fn ask_instead_of(&self, signed_body: impl AsRef<[u8]>, body: impl AsRef<[u8]>) -> Ask {
        Ask { body: body.as_ref().to_vec(), ..self.ask(signed_body) }
    }

    /// `body`, with a `CheckSum` made for this `MD5` header.
    pub(super) fn ask_with_md5(&self, md5: &str, body: impl AsRef<[u8]>) -> Ask {
        let cur_time = self.now().to_string();
        let check_sum = yunxin::check_sum(self.secret.expose(), md5, &cur_time);
        self.ask_at(&cur_time, body).with("MD5", md5).with("CheckSum", check_sum)
    }

    fn signed(&self, app_key: &str, secret: &str, cur_time: &str, body: &[u8]) -> Ask {
        let signature = yunxin::sign(secret, body, cur_time);
        let headers = [
            ("Content-Type", "application/json; charset=utf-8"),
            ("AppKey", app_key),
            ("CurTime", cur_time),
            ("MD5", &signature.md5),
            ("CheckSum", &signature.check_sum),
        ];
        let headers = headers.map(|(name, value)| (name.to_owned(), value.as_bytes().to_vec())).to_vec();
        Ask { headers, body: body.to_vec(), framing: Framing::Length, hidden: Vec::new() }
    }
}

impl Ask {
    /// The same with one header's value changed.
    pub(super) fn with(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        for (_, old) in self.headers.iter_mut().filter(|(found, _)| found == name) {
            *old = value.as_ref().to_vec();
        }
        self
    }

    /// The same with one more header.
    pub(super) fn and(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        self.headers.push((name.to_owned(), value.as_ref().to_vec()));
        self
    }

    /// The same without a header.
    pub(super) fn without(mut self, name: &str) -> Self {
        self.headers.retain(|(found, _)| found != name);
        self
    }

    /// The same with its header names written otherwise.
    pub(super) fn spelt(mut self, spell: fn(&str) -> String) -> Self {
        for (name, _) in &mut self.headers {
            *name = spell(name);
        }
        self
    }

    /// The same with one header's value in capitals.
    pub(super) fn capital(mut self, name: &str) -> Self {
        for (_, value) in self.headers.iter_mut().filter(|(found, _)| found == name) {
            value.make_ascii_uppercase();
        }
        self
    }

    /// The same, the body in chunks of this many bytes.
    pub(super) fn in_chunks(self, size: usize) -> Self {
        Self { framing: Framing::Chunks(size), ..self }
    }

    /// Everything before the body.
    pub(super) fn head(&self, target: &Target) -> Vec<u8> {
        let mut head = format!("POST {} HTTP/1.1\r\nHost: {}\r\n", target.path, target.authority).into_bytes();
        for (name, value) in &self.headers {
            head.extend([name.as_bytes(), b": ", value, b"\r\n"].concat());
        }
        let framing = match self.framing {
            Framing::Length => format!("Content-Length: {}\r\n\r\n", self.body.len()),
            Framing::Chunks(_) => "Transfer-Encoding: chunked\r\n\r\n".to_owned(),
        };
        head.extend(framing.into_bytes());
        head
    }

    /// The body as it goes over the wire.
    pub(super) fn framed_body(&self) -> Vec<u8> {
        let Framing::Chunks(size) = self.framing else { return self.body.clone() };
        let chunks = self.body.chunks(size).map(|chunk| {
            let head = format!("{:X}\r\n", chunk.len()).into_bytes();
            [&head, chunk, b"\r\n"].concat()
        });
        let mut framed: Vec<u8> = chunks.flatten().collect();
        framed.extend_from_slice(b"0\r\n\r\n");
        framed
    }

    /// The whole of it, in one piece.
    pub(super) fn at_once(&self, target: &Target) -> Vec<Piece> {
        vec![Piece { pause: Duration::ZERO, bytes: [self.head(target), self.framed_body()].concat() }]
    }
}
