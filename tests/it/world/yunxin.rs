//! The platform: signs, asks once, never asks again – and those who only pretend to be it.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use ::offhook::clock::Clock;
use ::offhook::yunxin::{sample, sign, sign_meeting};

use super::{APP_KEY, APP_SECRET, Answer, Question, Wire};

#[derive(Debug, Clone)]
pub(crate) struct Yunxin {
    address: SocketAddr,
    app_key: String,
    secret: String,
    clock: Clock,
    last: Arc<AtomicI64>,
}

impl Yunxin {
    pub(crate) fn new(address: SocketAddr, app_key: &str, secret: &str, clock: Clock) -> Self {
        let (app_key, secret) = (app_key.to_owned(), secret.to_owned());
        Self { address, app_key, secret, clock, last: Arc::default() }
    }

    /// The platform of the usual app, for a receiver that listens there.
    pub(crate) fn asking(address: SocketAddr) -> Self {
        Self::new(address, APP_KEY, APP_SECRET, Clock::system())
    }

    /// The same platform, asking elsewhere.
    pub(crate) fn at(&self, address: SocketAddr) -> Self {
        Self { address, ..self.clone() }
    }

    /// The same platform, signing for another app or with another secret.
    pub(crate) fn signing(&self, app_key: &str, secret: &str) -> Self {
        Self { app_key: app_key.to_owned(), secret: secret.to_owned(), ..self.clone() }
    }

    /// A question with the golden sample of `kind`, signed now.
    pub(crate) fn asks(&self, kind: &str) -> Question {
        self.asks_with(sample(kind).expect("a sample"))
    }

    /// A question with this body, signed now. No two questions have the same `CurTime`.
    pub(crate) fn asks_with(&self, body: impl AsRef<[u8]>) -> Question {
        self.asks_at(&self.now().to_string(), body)
    }

    /// A question with this body, signed at `cur_time`.
    pub(crate) fn asks_at(&self, cur_time: &str, body: impl AsRef<[u8]>) -> Question {
        let signature = sign(&self.secret, body.as_ref(), cur_time);
        let question = Question {
            to: self.address,
            path: "/receiveMsg.action".to_owned(),
            headers: Vec::new(),
            body: body.as_ref().to_vec(),
            chunked: false,
        };
        let question = question.and("AppKey", &self.app_key).and("CurTime", cur_time).and("MD5", signature.md5);
        question.and("CheckSum", signature.check_sum).and("Content-Type", "application/json")
    }

    /// A copy with this body for the copies' path, signed now.
    pub(crate) fn copies(&self, body: impl AsRef<[u8]>) -> Question {
        self.asks_with(body).on_path("/yunxin/copy")
    }

    /// A copy of the old meeting kit's, which signs in its own order and sends no MD5.
    pub(crate) fn copies_meeting(&self, body: impl AsRef<[u8]>) -> Question {
        let question = self.copies(body.as_ref()).without("MD5").and("Nonce", "a1b2c3");
        let check_sum = sign_meeting(&self.secret, "a1b2c3", body.as_ref(), question.header("CurTime"));
        question.with("CheckSum", check_sum)
    }

    pub(crate) async fn sends(&self, kind: &str) -> Answer {
        self.asks(kind).sent().await
    }

    pub(crate) async fn sends_body(&self, body: impl AsRef<[u8]>) -> Answer {
        self.asks_with(body).sent().await
    }

    /// Somebody who knows all but the secret sends the golden sample of `kind`.
    pub(crate) async fn forges(&self, kind: &str) -> Answer {
        self.signing(&self.app_key, "not-the-secret").sends(kind).await
    }

    pub(crate) async fn connects(&self) -> Wire {
        Wire::connect(self.address).await
    }

    pub(crate) async fn tries_to_connect(&self) -> io::Result<Wire> {
        Wire::try_connect(self.address).await
    }

    /// Sends a whole question and goes away without waiting for the answer.
    pub(crate) async fn hangs_up_after_body(&self, question: &Question) {
        self.connects().await.writes(question.bytes()).await;
    }

    /// The clock in milliseconds, each one once.
    pub(crate) fn now(&self) -> i64 {
        let now = self.clock.now().as_millisecond();
        let later = |last: i64| Some(now.max(last + 1));
        let last = self.last.fetch_update(Ordering::Relaxed, Ordering::Relaxed, later).expect("always some");
        now.max(last + 1)
    }
}
