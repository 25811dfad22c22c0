//! The admin listener's JSON, asked as the inspector's page asks it: what it shows, what it hides, whom it answers.

mod actions;
mod guard;
mod stream;

use std::net::SocketAddr;

use ::offhook::admin::Settings;
use ::offhook::receiver::Builder;
use ::offhook::secret::Secret;
use serde_json::{Value, json};

use crate::world::{Answer, Inbox, Plan, Wire, World, any_port};

/// Somebody who asks the admin listener of a world.
pub(crate) struct Asker {
    address: SocketAddr,
    headers: String,
}

impl Asker {
    pub(crate) fn of(world: &World) -> Self {
        Self { address: world.addresses().admin.expect("an admin listener"), headers: String::new() }
    }

    /// The same, with more header lines.
    fn with(&self, headers: &str) -> Self {
        Self { address: self.address, headers: format!("{}{headers}\r\n", self.headers) }
    }

    fn head(&self, method: &str, path: &str) -> String {
        let host = if self.headers.contains("Host: ") { String::new() } else { format!("Host: {}\r\n", self.address) };
        format!("{method} {path} HTTP/1.1\r\n{host}{}", self.headers)
    }

    async fn asks(&self, path: &str) -> Answer {
        let mut wire = Wire::connect(self.address).await;
        wire.writes(format!("{}\r\n", self.head("GET", path))).await;
        wire.answer().await
    }

    async fn posts(&self, path: &str, body: &Value) -> Answer {
        let (mut wire, body) = (Wire::connect(self.address).await, body.to_string());
        wire.writes(format!("{}Content-Length: {}\r\n\r\n{body}", self.head("POST", path), body.len())).await;
        wire.answer().await
    }

    async fn gets(&self, path: &str) -> Value {
        json_of(&self.asks(path).await)
    }

    /// A post as the page makes it.
    async fn orders(&self, path: &str, body: Value) -> Answer {
        self.with("X-Offhook: 1").posts(path, &body).await
    }
}

fn json_of(answer: &Answer) -> Value {
    assert_eq!((answer.status, answer.header("content-type")), (200, "application/json"), "{}", answer.text());
    serde_json::from_slice(&answer.body).expect("JSON")
}

/// What somebody is told who may not.
fn problem(answer: &Answer) -> (u16, String, String) {
    let body: Value = serde_json::from_slice(&answer.body).unwrap_or_else(|_| panic!("no JSON: {answer:?}"));
    let text = |name: &str| body[name].as_str().expect("a text").to_owned();
    (answer.status, text("error"), text("message"))
}

/// A world whose admin listener is open, with these settings.
pub(crate) fn plan(write: bool, token: Option<&str>, adds: impl Fn(Builder) -> Builder + 'static) -> Plan {
    let admin = Settings { listen: any_port(), token: token.map(Secret::new), write, samples: write };
    Plan { admin: Some(admin), ..Plan::adding(adds) }
}

async fn world() -> World {
    World::of(plan(false, None, |builder| builder.handler(Inbox::named("inbox")))).await
}

const MESSAGE: &str = r#"{"eventType":1,"fromAccount":"13812341234","to":"chen.bo","msgType":"TEXT","body":"see you at eight","fromClientIp":"203.0.113.77","token":"opens-something"}"#;

fn ids(list: &Value) -> Vec<&str> {
    list["events"].as_array().expect("a list").iter().map(|event| event["id"].as_str().expect("an id")).collect()
}

#[tokio::test]
async fn the_page_is_small_and_may_load_nothing_from_elsewhere() {
    let world = world().await;
    let asker = Asker::of(&world).with("Accept-Encoding: gzip");
    let page = Asker::of(&world).asks("/").await;
    let policy = page.header("content-security-policy");
    assert!(
        policy.starts_with("default-src 'none'") && !policy.contains("unsafe") && !policy.contains("http"),
        "{policy}"
    );
    assert!(!page.text().contains("<style") && !page.text().contains("style=") && !page.text().contains("onclick"));
    let mut files = vec!["/".to_owned()];
    let mut size = 0;
    let mut at = 0;
    while let Some(file) = files.get(at).cloned() {
        let whole = Asker::of(&world).asks(&file).await;
        assert_eq!(whole.status, 200, "{file}");
        for part in whole.text().split(['"', '\'']) {
            assert!(!part.starts_with("https:"), "{file} mentions {part}");
            let named = part.strip_prefix("./").map(|name| format!("/page/{name}"));
            let named = named.or_else(|| part.starts_with("/page/").then(|| part.to_owned()));
            if let Some(named) = named.filter(|named| !files.contains(named)) {
                files.push(named);
            }
        }
        size += asker.asks(&file).await.body.len() + 400;
        at += 1;
    }
    assert!(files.len() > 10, "{files:?}");
    for path in ["/api/session", "/api/kinds", "/api/events"] {
        size += asker.asks(path).await.body.len() + 200;
    }
    assert!(size < 100 << 10, "the first view takes {size} bytes");
}

#[tokio::test]
async fn the_list_is_newest_first_and_in_pages_and_filtered_like_events_list() {
    let world = world().await;
    for kind in ["call.start", "message.p2p", "call.start", "room.create", "login.im"] {
        world.yunxin().sends(kind).await;
    }
    world.keeps(5).await;
    let asker = Asker::of(&world);
    let all = asker.gets("/api/events").await;
    let kinds: Vec<_> = all["events"].as_array().unwrap().iter().map(|event| event["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["login.im", "room.create", "call.start", "message.p2p", "call.start"]);
    assert_eq!((all["last"].as_u64(), &all["next"]), (Some(5), &Value::Null));
    let first = asker.gets("/api/events?limit=2").await;
    let second = asker.gets(&format!("/api/events?limit=2&before={}", first["next"])).await;
    assert_eq!([ids(&first), ids(&second)].concat(), ids(&all)[..4]);
    for (query, count) in [
        ("kind=call.*", 2),
        ("kind=call.start,login.im", 3),
        ("verdict=reject", 0),
        ("verdict=default", 5),
        ("account=nobody", 0),
        ("app=another", 0),
        ("since=1h", 5),
        ("until=1h", 0),
        ("since=2020-01-01T00:00:00Z&until=4102444800000", 5),
        (&format!("id={}", ids(&all)[1]), 1),
    ] {
        assert_eq!(ids(&asker.gets(&format!("/api/events?{query}")).await).len(), count, "{query}");
    }
    for wrong in
        ["kind=no.such", "since=yesterday", "since=99999999999d", "id=x", "before=-1", "limit=many", "colour=red"]
    {
        let (status, code, message) = problem(&asker.asks(&format!("/api/events?{wrong}")).await);
        assert_eq!((status, &*code), (400, "wrong_request"), "{wrong}: {message}");
    }
}

#[tokio::test]
async fn what_people_are_and_wrote_is_masked_until_somebody_asks_for_it() {
    let world = world().await;
    world.yunxin().sends_body(MESSAGE).await.is_allowed();
    let id = world.only_event().await.id();
    let asker = Asker::of(&world);
    let (list, detail) = (asker.asks("/api/events").await, asker.asks(&format!("/api/events/{id}")).await);
    for text in [list.text(), detail.text()] {
        for hidden in ["13812341234", "see you", "203.0.113", "opens-something"] {
            assert!(!text.contains(hidden), "{hidden} in {text}");
        }
        assert!(text.contains("138****1234"), "{text}");
    }
    let detail = json_of(&detail);
    let data: Value = serde_json::from_str(detail["data"].as_str().unwrap()).unwrap();
    assert_eq!(data["body"], "••• (16)");
    assert_eq!((&detail["masked"], &detail["raw"]), (&json!(true), &Value::Null));
    let whole = json_of(&asker.orders(&format!("/api/events/{id}/unmask"), json!({})).await);
    assert_eq!((whole["raw"].as_str(), &whole["masked"]), (Some(MESSAGE), &json!(false)));
    assert!(whole["data"].as_str().unwrap().contains("see you at eight"));
    assert!(!whole["data"].as_str().unwrap().contains("opens-something"), "what opens something stays masked");
    let headers = whole["headers"].to_string();
    let (md5, check_sum) = (&whole["headers"][2], &whole["headers"][3]);
    assert!(
        md5[1].as_str().unwrap().chars().count() == 5 && check_sum[1].as_str().unwrap().ends_with('…'),
        "{headers}"
    );
}

#[tokio::test]
async fn an_event_tells_its_verdict_its_checks_its_deliveries_and_how_to_send_it_again() {
    let inbox = Inbox::named("inbox");
    let kept = inbox.clone();
    let world = World::of(plan(false, None, move |builder| builder.handler(kept.clone()))).await;
    world.yunxin().sends("call.start").await.is_allowed();
    let id = inbox.gets(1).await[0].id();
    let asker = Asker::of(&world);
    let detail = asker.gets(&format!("/api/events/{id}")).await;
    assert_eq!(detail["decision"]["by"], "default");
    let passed: Vec<_> =
        detail["checks"]["findings"].as_array().unwrap().iter().map(|one| one["passed"].as_bool()).collect();
    assert_eq!(passed, [Some(true); 5], "{}", detail["checks"]);
    assert_eq!(detail["road"], Value::Null, "nobody looked on, so nothing is invented");
    let (curl, send) = (detail["curl"].as_str().unwrap(), detail["send"].as_str().unwrap());
    assert!(curl.contains("OFFHOOK_APP_SECRET") && curl.contains("/receiveMsg.action"), "{curl}");
    assert!(send.contains("offhook send event.json --to http://127.0.0.1:"), "{send}");
    let delivered = async {
        loop {
            let detail = asker.gets(&format!("/api/events/{id}")).await;
            if detail["deliveries"][0]["state"] == "delivered" {
                return detail["deliveries"][0].clone();
            }
        }
    };
    let delivered = crate::world::within_reason(delivered).await;
    assert_eq!((&delivered["handler"], &delivered["attempts"]), (&json!("inbox"), &json!(1)));
    let attempt = &delivered["tries"][0];
    assert_eq!(
        (&attempt["ended"], &attempt["answer"], &attempt["asked"]),
        (&json!("done"), &Value::Null, &json!(false))
    );
    assert!(attempt["at"].is_i64() && attempt["took_us"].is_u64(), "{attempt}");
    let unknown = asker.asks("/api/events/01a2006a-171b-717b-844e-363aa4bbb7c1").await;
    assert_eq!(problem(&unknown).0, 404);
    assert_eq!(problem(&asker.asks("/api/events/nonsense").await).0, 400);
}

#[tokio::test]
async fn refusals_are_told_with_their_cure_and_without_what_was_sent() {
    let world = world().await;
    let yunxin = world.yunxin();
    for _ in 0..3 {
        yunxin.forges("call.start").await;
    }
    let body = r#"{"eventType":20,"fromAccount":"secret-words"}"#;
    yunxin
        .asks_with(body)
        .over(r#"{"eventType":20,"fromAccount":"secret-worse"}"#)
        .sent()
        .await
        .is_refused(401, "body_changed");
    assert_eq!(yunxin.asks("call.start").on_path("/elsewhere").sent().await.status, 404);
    let asker = Asker::of(&world);
    let told = asker.gets("/api/refusals").await;
    let rows: Vec<_> = told["refusals"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| (row["code"].as_str().unwrap(), row["count"].as_u64().unwrap(), row["proven"].as_bool().unwrap()))
        .collect();
    assert_eq!(rows, [("404", 1, false), ("body_changed", 1, true), ("check_sum_mismatch", 3, false)]);
    assert_eq!(told["refusals"][2]["app"], crate::world::APP_KEY);
    assert!(told["cures"]["check_sum_mismatch"].as_str().unwrap().contains("secret differs"), "{}", told["cures"]);
    assert!(!told.to_string().contains("secret-wor"));
    let chinese = asker.gets("/api/refusals?lang=zh").await;
    assert!(chinese["cures"]["check_sum_mismatch"].as_str().unwrap().contains("密钥"));
}

#[tokio::test]
async fn the_numbers_and_the_lanes_are_told() {
    let world = world().await;
    world.yunxin().sends("call.start").await;
    world.yunxin().forges("call.start").await;
    world.keeps(1).await;
    let asker = Asker::of(&world);
    let told = asker.gets("/api/numbers").await;
    let look = &told["looks"].as_array().unwrap().last().unwrap().clone();
    assert_eq!((look["allow"].as_f64(), look["refused"].as_f64()), (Some(1.0), Some(1.0)));
    assert_eq!(look["buckets"].as_array().unwrap().len(), told["bounds"].as_array().unwrap().len());
    assert_eq!(look["buckets"].as_array().unwrap().last().unwrap(), 1.0);
    assert_eq!(told["deadline"], 1.5);
    let lanes = asker.gets("/api/lanes").await;
    assert_eq!((&lanes["lanes"][0]["handler"], &lanes["lanes"][0]["parked"]), (&json!("inbox"), &json!(0)));
}
