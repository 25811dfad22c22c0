//! Somebody who asks the stand-in, and somebody who takes its callbacks down.

use std::sync::Arc;
use std::time::Duration;

use offhook::clock::Clock;
use offhook::secret::Secret;
use offhook::tencent::simulator::{Phone, Plan, Simulator};
use offhook::tencent::{UserId, UserSigKey, tc3};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::world::{any_port, within_reason};

/// A stand-in that answers, and how to ask it.
pub(super) struct Asker {
    pub(super) simulator: Simulator,
    pub(super) plan: Plan,
    pub(super) client: reqwest::Client,
}

/// What somebody took down: path with query, headers, body.
pub(super) type Letter = (String, http::HeaderMap, Vec<u8>);

/// Takes every callback.
#[derive(Clone)]
pub(super) struct Letterbox {
    pub(super) base: String,
    letters: Arc<watch::Sender<Vec<Letter>>>,
}

impl Letterbox {
    pub(super) async fn opens() -> Self {
        let listener = TcpListener::bind(any_port()).await.expect("a port");
        let base = format!("http://{}", listener.local_addr().expect("an address"));
        let letters: Arc<watch::Sender<Vec<Letter>>> = Arc::default();
        let taken = Arc::clone(&letters);
        let router = axum::Router::new().fallback(move |request: axum::extract::Request| {
            let taken = Arc::clone(&taken);
            async move {
                let (head, body) = request.into_parts();
                let body = axum::body::to_bytes(body, 1 << 20).await.expect("a body").to_vec();
                taken.send_modify(|letters| letters.push((head.uri.to_string(), head.headers, body)));
            }
        });
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { base, letters }
    }

    /// Waits until the letters are `enough`.
    pub(super) async fn gets(&self, enough: impl FnMut(&Vec<Letter>) -> bool) -> Vec<Letter> {
        within_reason(self.letters.subscribe().wait_for(enough)).await.expect("a letterbox").clone()
    }
}

impl Asker {
    /// The published test app; phones are answered at once, and media have no length.
    pub(super) async fn starts(change: impl FnOnce(&mut Plan)) -> Self {
        let mut plan = Plan::of_dev("http://127.0.0.1:9", Clock::system());
        (plan.callback_url, plan.trtc_url) = (None, None);
        plan.any_phone = Phone::Answers { after: Duration::ZERO, talks: None };
        plan.medium = Duration::ZERO;
        plan.record_after = Duration::ZERO;
        plan.hurry = 10_000;
        change(&mut plan);
        let listener = TcpListener::bind(any_port()).await.expect("a port");
        let simulator = Simulator::start(listener, plan.clone(), |_| {}).expect("a stand-in");
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = reqwest::Client::builder().no_proxy().tls_certs_only([]).build().expect("a client");
        Self { simulator, plan, client }
    }

    pub(super) fn key(&self) -> UserSigKey {
        UserSigKey::new(self.plan.sdk_app_id, self.plan.secret_key.clone())
    }

    pub(super) fn user_sig(&self, user: &str) -> Secret {
        let user = UserId::parse(user).expect("a user");
        self.key().make(&user, Duration::from_secs(86_400), self.plan.clock.now())
    }

    pub(super) fn url(&self, path: &str, query: &[(&str, &str)]) -> String {
        let query: String = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(query).finish();
        format!("http://{}/{path}?{query}", self.simulator.address())
    }

    /// Asks the call engine, as documented.
    pub(super) async fn calls(&self, path: &str, body: &Value) -> Value {
        let (app, user_sig) = (self.plan.sdk_app_id.to_string(), self.user_sig("administrator"));
        let query = [
            ("sdkappid", &*app),
            ("identifier", "administrator"),
            ("usersig", user_sig.expose()),
            ("random", "4294967295"),
            ("contenttype", "json"),
        ];
        self.posts(&self.url(path, &query), body.to_string()).await
    }

    pub(super) async fn posts(&self, url: &str, body: String) -> Value {
        let answer = within_reason(self.client.post(url).body(body).send()).await.expect("an answer");
        assert_eq!(answer.status(), 200, "errors are told in the body");
        serde_json::from_slice(&answer.bytes().await.expect("a body")).expect("JSON")
    }

    /// Asks the Cloud API, signed; `change` may spoil the headers after signing.
    pub(super) async fn ingests_with(
        &self,
        action: &str,
        body: &Value,
        change: impl FnOnce(&mut http::HeaderMap),
    ) -> Value {
        let (body, now) = (body.to_string(), self.plan.clock.now());
        let host = self.simulator.address().to_string();
        let signed = [("content-type", "application/json; charset=utf-8"), ("host", &*host), ("x-tc-action", action)];
        let credentials = tc3::Credentials {
            secret_id: self.plan.cloud_secret_id.clone(),
            secret_key: self.plan.cloud_secret_key.clone(),
            token: None,
        };
        let request = tc3::Request { service: "trtc", headers: &signed, body: body.as_bytes(), at: now };
        let mut headers = http::HeaderMap::new();
        let mut put = |name: &'static str, value: &str| headers.insert(name, value.parse().expect("a value"));
        put("content-type", signed[0].1);
        put("x-tc-action", action);
        put("x-tc-version", "2019-07-22");
        put("x-tc-region", "ap-singapore");
        put("x-tc-timestamp", &now.as_second().to_string());
        put("authorization", &request.authorization(&credentials));
        change(&mut headers);
        let request = self.client.post(format!("http://{host}/")).headers(headers).body(body);
        let answer = within_reason(request.send()).await.expect("an answer");
        let answer: Value = serde_json::from_slice(&answer.bytes().await.expect("a body")).expect("JSON");
        answer["Response"].clone()
    }

    pub(super) async fn ingests(&self, action: &str, body: &Value) -> Value {
        self.ingests_with(action, body, |_| {}).await
    }

    /// A call that is documented in every field.
    pub(super) fn whole_call() -> Value {
        json!({
            "Robot_Account": "reminder-bot",
            "CalleeList_Account": ["mei"],
            "Timeout": 30_000,
            "UserData": "bed 7",
            "CallInfo": { "MediaType": "Video", "RoomId": "clinic-7", "RoomIdType": 2 },
            "OfflinePushInfo": {
                "PushFlag": 0, "Title": "Reminder", "Desc": "Please take your medicine", "Ext": "{\"bed\":7}",
                "AndroidInfo": { "OPPOCategory": "IM", "OPPONotifyLevel": 16, "HuaWeiImportance": "NORMAL" },
                "ApnsInfo": { "IsVoipPush": 1, "BadgeMode": 1 }, "HarmonyInfo": { "SoundDuration": 30 },
                "BadgeAddNum": 1, "VendorNovelty": true
            }
        })
    }

    /// An ingest into the room of that call, by the reading of this stand-in.
    pub(super) fn whole_ingest(&self) -> Value {
        let room = offhook::tencent::RoomId::text("clinic-7").expect("a room");
        json!({
            "SdkAppId": self.plan.sdk_app_id, "RoomId": "clinic-7",
            "RoomIdType": room.ingest_type(self.plan.room_reading),
            "UserId": "reminder-bot", "UserSig": self.user_sig("reminder-bot").expose(),
            "StreamUrl": "https://example.com/prompt.mp4",
            "SeekSecond": 0, "AutoPush": false, "RepeatNum": 1, "Volume": 80
        })
    }
}

/// The same with one value changed (`path` is a JSON pointer), or taken away.
pub(super) fn broken(whole: &Value, path: &str, value: Option<Value>) -> Value {
    let mut body = whole.clone();
    let (parent, name) = path.rsplit_once('/').expect("a pointer");
    let parent = body.pointer_mut(parent).and_then(Value::as_object_mut).expect("an object");
    match value {
        Some(value) => _ = parent.insert(name.to_owned(), value),
        None => assert!(parent.remove(name).is_some(), "{path}"),
    }
    body
}
