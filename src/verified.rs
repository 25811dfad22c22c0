//! For people with an axum server of their own: an extractor that believes only what was signed.
//!
//! It verifies and understands, nothing more: no budget, no journal, no recognition of repeats. [`Receiver`] does those.
//!
//! [`Receiver`]: crate::Receiver

use std::ops::Deref;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::{FromRef, FromRequest, Request};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;

use crate::clock::Clock;
use crate::decide::Policy;
use crate::edge;
use crate::event::{Event, EventId};
use crate::kind::Kind;
use crate::payload::FromEvent;
use crate::refusal::Refusal;
use crate::verdict::Verdict;
use crate::yunxin::{self, App, Apps, ProvenHeaders};

/// The largest body that is read where nothing else was said: 1 MiB.
const BODY_LIMIT: usize = 1 << 20;

/// A verified callback: the whole [`Event`], its [`Payload`](crate::Payload), or the content of one kind.
///
/// ```
/// use axum::{Router, response::Response, routing::post};
/// use offhook::yunxin::{App, CallStart};
/// use offhook::{Event, Verdict, Verified, Verifier};
///
/// async fn any(event: Verified<Event>) -> Response {
///     event.answer(&Verdict::allow())
/// }
///
/// // Whatever else comes here, e.g. another kind, is answered without asking this function.
/// async fn calls(call: Verified<CallStart>) -> Response {
///     let verdict = if call.callees().len() > 8 { Verdict::reject(20010) } else { Verdict::allow() };
///     let answer = call.answer(&verdict);
///     let call: CallStart = call.into_inner();
///     println!("{:?} calls {:?}", call.from_account, call.to_account_list);
///     answer
/// }
///
/// let verifier = Verifier::new([App::new("made-up-app-key", "made-up-app-secret")]);
/// let router: Router = Router::new().route("/all", post(any)).route("/calls", post(calls)).with_state(verifier);
/// ```
///
/// The state of your router is a [`Verifier`], or holds one and says so with `FromRef`.
#[derive(Debug, Clone)]
pub struct Verified<T> {
    content: T,
    kind: Kind,
}

/// What a [`Verified`] is verified with. Cheap to clone.
///
/// Without an extractor it says of any request what it is:
///
/// ```
/// use axum::body::Body;
/// use axum::extract::Request;
/// use offhook::clock::Clock;
/// use offhook::yunxin::{App, sign};
/// use offhook::{Refusal, Verifier};
///
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let clock = Clock::fixed("2026-01-01T00:00:01Z".parse()?);
/// let verifier = Verifier::new([App::new("made-up-app-key", "made-up-app-secret")]).clock(clock).body_limit(64 << 10);
///
/// let (body, time) = (r#"{"eventType":20,"fromAccount":"mei"}"#, "1767225600000");
/// let signature = sign("made-up-app-secret", body.as_bytes(), time);
/// let request = |body: &'static str| {
///     let request = Request::post("/callback").header("AppKey", "made-up-app-key").header("CurTime", time);
///     request.header("MD5", &*signature.md5).header("CheckSum", &*signature.check_sum).body(Body::from(body))
/// };
/// assert_eq!(verifier.event(request(body)?).await?.kind().name(), "call.start");
/// assert!(matches!(verifier.event(request("{}")?).await, Err(Refusal::BodyChanged { received: 2 })));
/// # Ok(())
/// # }
/// # tokio::runtime::Builder::new_current_thread().build().expect("a runtime").block_on(example()).expect("as shown");
/// ```
#[derive(Debug, Clone)]
pub struct Verifier {
    apps: Arc<Apps>,
    clock: Clock,
    body_limit: usize,
}

/// Why there is no [`Verified`]. As a response it is what the sender is answered in that case.
///
/// ```
/// use axum::http::Request;
/// use offhook::Verifier;
/// use offhook::verified::NotVerified;
/// use offhook::yunxin::App;
/// # #[tokio::main(flavor = "current_thread")] async fn main() {
/// use axum::response::IntoResponse;
///
/// let verifier = Verifier::new([App::new("app", "made-up")]);
/// let refusal = verifier.event(Request::new("{}".into())).await.unwrap_err();
/// assert_eq!(refusal.code(), "header_missing");
/// assert_eq!(NotVerified::Refused(refusal).into_response().status(), 400);
/// # }
/// ```
#[derive(Debug)]
pub enum NotVerified {
    /// The request was turned away.
    Refused(Refusal),
    /// It is a verified event of another kind than was asked for, or a check of the URL. It is answered as a receiver
    /// without deciders answers it: allowed, but for a login that nobody else would check.
    Other(Box<Event>),
}

impl Verifier {
    /// Believes requests of `apps`, by the machine's clock, up to 1 MiB.
    pub fn new(apps: impl IntoIterator<Item = App>) -> Self {
        Self { apps: Arc::new(apps.into_iter().collect()), clock: Clock::system(), body_limit: BODY_LIMIT }
    }

    /// The same by another clock.
    #[must_use]
    pub fn clock(self, clock: Clock) -> Self {
        Self { clock, ..self }
    }

    /// The same with another limit for bodies, in bytes.
    #[must_use]
    pub fn body_limit(self, body_limit: usize) -> Self {
        Self { body_limit, ..self }
    }

    /// Verifies a request and says what it is: the headers before a byte of the body is read, then the body.
    ///
    /// # Errors
    /// The first check that fails.
    pub async fn event(&self, request: Request) -> Result<Event, Refusal> {
        let received = self.clock.now();
        let (head, body) = request.into_parts();
        let proven = ProvenHeaders::prove(&self.apps, &head.headers, received)?;
        let verified = proven.verify(self.read(body).await?)?;
        Ok(yunxin::decode(verified, EventId::at(received), received)?.event)
    }

    async fn read(&self, body: Body) -> Result<Bytes, Refusal> {
        let limit = self.body_limit;
        // The other reason is a body that breaks off; then nobody is left to be answered.
        axum::body::to_bytes(body, limit).await.map_err(|_| Refusal::BodyTooLarge { limit })
    }
}

impl<T> Verified<T> {
    /// The event, or its content.
    pub fn into_inner(self) -> T {
        self.content
    }

    /// `verdict` as the platform reads it.
    pub fn answer(&self, verdict: &Verdict) -> Response {
        edge::answer(yunxin::encode(&self.kind, verdict)).map(Body::new)
    }
}

impl<T> Deref for Verified<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.content
    }
}

impl<S, T> FromRequest<S> for Verified<T>
where
    S: Send + Sync,
    Verifier: FromRef<S>,
    T: FromEvent,
{
    type Rejection = NotVerified;

    async fn from_request(request: Request, state: &S) -> Result<Self, Self::Rejection> {
        let event = Verifier::from_ref(state).event(request).await.map_err(NotVerified::Refused)?;
        match T::from_event(&event) {
            Some(content) if !event.kind().is_probe() => Ok(Self { content, kind: event.kind().clone() }),
            _ => Err(NotVerified::Other(Box::new(event))),
        }
    }
}

impl IntoResponse for NotVerified {
    fn into_response(self) -> Response {
        let reply = match self {
            Self::Refused(refusal) => edge::refusal(&refusal),
            Self::Other(event) => edge::answer(yunxin::encode(event.kind(), &Policy::default().default_for(&event))),
        };
        reply.map(Body::new)
    }
}
