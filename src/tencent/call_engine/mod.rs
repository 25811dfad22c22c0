//! The client of Tencent's call engine: rings users from the server, ends calls, and tells how they went.
//!
//! It never rings twice: what may have been done is not tried again. A request is checked before it leaves, and HTTP's
//! 200 proves nothing: the code in the body decides.

mod code;
mod push;
mod reply;
mod request;
mod start;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

pub use code::{CODES, Code};
pub use push::{AndroidPush, ApnsPush, HarmonyPush, LanguageContent, OfflinePush};
pub use reply::{CallInfo, CallRecord, CallbackSetting, CalleeResult, Member, RecordPage, Started};
pub use request::{Api, CALL_RESULTS, CALLBACK_COMMANDS, RecordFilter, Request};
pub use start::{LONGEST_TIMEOUT, MANY_CALLEES, MAX_USER_DATA, Media, SHORTEST_TIMEOUT, StartCall};

use super::chance::Chance;
use super::error::{Class, Refused, RequestError, Unknown};
use super::exchange::{Asked, ClientError, Exchange, Judged, Patience};
use super::limiter::Limiter;
use super::{Host, Outgoing, UserId, UserSigKey, UserSigs};
use crate::clock::Clock;
use crate::metrics::Metrics;
use reply::Envelope;

/// Under Tencent's 200 a second for each interface.
const PER_SECOND: u32 = 198;
/// How long Tencent believes no UserSig after too many wrong ones (70050).
const LOCK_OUT: Duration = Duration::from_secs(60);

/// What a client is made from.
///
/// ```
/// use offhook::clock::Clock;
/// use offhook::tencent::call_engine::{CallEngine, Settings};
/// use offhook::tencent::user_sig::UserSigKey;
/// use offhook::tencent::{Chance, ClientError, Host, Patience, UserId};
///
/// let settings = Settings {
///     key: UserSigKey::new(1_400_000_000, "made-up"),
///     admin: UserId::administrator(),
///     host: Host::parse("http://127.0.0.1:8082").expect("a host"),
///     patience: Patience::default(),
/// };
/// let engine = CallEngine::new(settings, Clock::system(), Chance::random())?;
/// # let _ = engine;
/// # Ok::<(), ClientError>(())
/// ```
#[derive(Debug, Clone)]
pub struct Settings {
    /// The app and the key that signs its UserSigs.
    pub key: UserSigKey,
    /// An administrator of the app.
    pub admin: UserId,
    /// Where its call engine answers.
    pub host: Host,
    /// How long a request may take.
    pub patience: Patience,
}

/// A client of one app. Keeps its connections; one client is enough for a process.
///
/// ```no_run
/// use offhook::clock::Clock;
/// use offhook::tencent::call_engine::{Media, StartCall};
/// use offhook::tencent::{Account, RoomId};
///
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// // `offhook dev --tencent` plays Tencent for this account.
/// let engine = Account::of_dev().call_engine(&Clock::system())?;
/// let call = StartCall {
///     robot: "concierge".to_owned(),
///     callees: vec!["jack".to_owned()],
///     timeout_ms: 30_000,
///     user_data: None,
///     media: Media::Audio,
///     room: Some(RoomId::text("stage-7")?),
///     push: None,
/// };
/// let started = engine.start(&call).await?;
/// if let Some(call_id) = started.call_id {
///     engine.end(&call_id).await?;
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct CallEngine {
    exchange: Exchange,
    admin: UserId,
    user_sigs: Arc<UserSigs>,
    limiters: [Limiter; Api::ALL.len()],
    locked_until: Mutex<Option<Instant>>,
}

impl CallEngine {
    /// A client; `clock` for UserSigs, `chance` for what is random in a request.
    ///
    /// # Errors
    /// [`ClientError`] where https has no certificates to rely on.
    pub fn new(settings: Settings, clock: Clock, chance: Chance) -> Result<Self, ClientError> {
        let Settings { key, admin, host, patience } = settings;
        Ok(Self {
            exchange: Exchange::new(host, patience, chance)?,
            admin,
            user_sigs: Arc::new(UserSigs::new(key, super::user_sig::ADVISED_VALIDITY, clock)),
            limiters: std::array::from_fn(|_| Limiter::new(PER_SECOND)),
            locked_until: Mutex::default(),
        })
    }

    /// Rings users from the server.
    ///
    /// # Errors
    /// [`RequestError`]; where it is [`RequestError::Unknown`], it may ring all the same.
    pub async fn start(&self, call: &StartCall) -> Result<Started, RequestError> {
        let envelope = self.ask(&Request::Start(Box::new(call.clone()))).await?;
        Ok(Started::read(&envelope))
    }

    /// Ends a call. One that is over already is refused with 101004.
    ///
    /// # Errors
    /// [`RequestError`].
    pub async fn end(&self, call_id: &str) -> Result<(), RequestError> {
        self.ask(&Request::End(call_id.to_owned())).await.map(|_| ())
    }

    /// Tells who is in a call.
    ///
    /// # Errors
    /// [`RequestError`]; 101004 where the call is over or was never there.
    pub async fn info(&self, call_id: &str) -> Result<CallInfo, RequestError> {
        self.ask_for(&Request::Info(call_id.to_owned()), CallInfo::read).await
    }

    /// Tells the record of a call that is over; it appears about 5 s after the end.
    ///
    /// # Errors
    /// [`RequestError`]; 101050 where there is none.
    pub async fn record(&self, call_id: &str) -> Result<CallRecord, RequestError> {
        self.ask_for(&Request::RecordOfCall(call_id.to_owned()), CallRecord::read).await
    }

    /// Tells one page of records.
    ///
    /// # Errors
    /// [`RequestError`].
    pub async fn records(&self, filter: &RecordFilter) -> Result<RecordPage, RequestError> {
        self.ask_for(&Request::Records(filter.clone()), RecordPage::read).await
    }

    /// Says where callbacks go. An app has one URL: another tool's is replaced.
    ///
    /// # Errors
    /// [`RequestError`].
    pub async fn set_callback(&self, url: &str, commands: Vec<String>) -> Result<(), RequestError> {
        self.ask(&Request::SetCallback { url: url.to_owned(), commands }).await.map(|_| ())
    }

    /// Tells where callbacks go.
    ///
    /// # Errors
    /// [`RequestError`]; 100301 where none is set.
    pub async fn callback(&self) -> Result<CallbackSetting, RequestError> {
        self.ask_for(&Request::GetCallback, CallbackSetting::read).await
    }

    /// Ends callbacks.
    ///
    /// # Errors
    /// [`RequestError`].
    pub async fn delete_callback(&self) -> Result<(), RequestError> {
        self.ask(&Request::DeleteCallback).await.map(|_| ())
    }

    /// From now on counts what requests come to.
    pub fn counts_in(&self, metrics: &Metrics) {
        self.exchange.counts_in(metrics);
    }

    /// The UserSigs of the app.
    pub fn user_sigs(&self) -> &Arc<UserSigs> {
        &self.user_sigs
    }

    /// The request as it would leave now.
    ///
    /// # Errors
    /// [`RequestError::Invalid`] where it would not leave.
    pub fn prepare(&self, request: &Request) -> Result<Outgoing, RequestError> {
        let faults = request.faults();
        if !faults.is_empty() {
            return Err(RequestError::Invalid(faults));
        }
        Ok(self.outgoing(request.api(), request.body()))
    }

    fn outgoing(&self, api: Api, body: String) -> Outgoing {
        let user_sig = self.user_sigs.get(&self.admin);
        let mut url = self.exchange.host().url().clone();
        url.set_path(api.path());
        url.query_pairs_mut()
            .append_pair("sdkappid", &self.user_sigs.key().sdk_app_id().to_string())
            .append_pair("identifier", self.admin.as_str())
            .append_pair("usersig", user_sig.expose())
            .append_pair("random", &self.exchange.chance().number().to_string())
            .append_pair("contenttype", "json");
        let headers = vec![("content-type", "application/json".to_owned())];
        Outgoing { url, headers, body, hidden: vec![user_sig] }
    }

    async fn ask_for<T>(&self, request: &Request, read: fn(&Envelope) -> Option<T>) -> Result<T, RequestError> {
        let envelope = self.ask(request).await?;
        read(&envelope).ok_or_else(|| {
            let (api, find_out) = (request.api().name(), request.api().find_out());
            let why = "the answer lacks what is documented".to_owned();
            RequestError::Unknown(Box::new(Unknown { api, why, find_out, code: None, request_id: envelope.request_id }))
        })
    }

    async fn ask(&self, request: &Request) -> Result<Envelope, RequestError> {
        let faults = request.faults();
        if !faults.is_empty() {
            return Err(RequestError::Invalid(faults));
        }
        let (api, body) = (request.api(), request.body());
        let asked = Asked { api: api.name(), repeatable: api.is_repeatable(), find_out: api.find_out() };
        let outgoing = || {
            self.locked_out()?;
            Ok(self.outgoing(api, body.clone()))
        };
        let refused = |class| match class {
            Class::NewUserSig => self.user_sigs.forget(&self.admin),
            Class::LockOut => *self.lock() = Some(Instant::now() + LOCK_OUT),
            _ => {}
        };
        self.exchange.ask(asked, &self.limiters[api.place()], outgoing, |body| judge(api, body), refused).await
    }

    fn locked_out(&self) -> Result<(), RequestError> {
        let left = self.lock().and_then(|until| until.checked_duration_since(Instant::now()));
        left.filter(|left| !left.is_zero()).map_or(Ok(()), |left| Err(RequestError::LockedOut(left)))
    }

    fn lock(&self) -> MutexGuard<'_, Option<Instant>> {
        self.locked_until.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// HTTP's 200 proves nothing: the code in the body decides.
fn judge(api: Api, body: &[u8]) -> Judged<Envelope> {
    let Some(envelope) = Envelope::read(body) else { return Judged::Strange };
    if envelope.code == 0 && !envelope.failed {
        return Judged::Done(envelope);
    }
    let code = Code::of(envelope.code);
    // A failure without a code says nothing about what was done.
    let unsaid = if envelope.code == 0 { Class::Ambiguous } else { Class::Final };
    let refused = Refused {
        api: api.name(),
        code: envelope.code.to_string(),
        known: code.map(|code| code.known),
        info: envelope.info,
        request_id: envelope.request_id,
    };
    Judged::Refused(code.map_or(unsaid, |code| code.class), refused)
}
