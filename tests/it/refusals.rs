//! Who is turned away, with which words, and in which order that is found out.

use offhook::clock::Clock;
use offhook::edge;
use offhook::yunxin::{App, AppSecret, Apps, sign};

use crate::world::{APP_KEY, APP_SECRET, Plan, Question, World, any_port};

const HEADERS: [&str; 4] = ["AppKey", "CurTime", "MD5", "CheckSum"];

/// Sends `question` and checks that nothing was kept for it.
async fn refused(world: &World, question: &Question, status: u16, code: &str) -> String {
    let message = question.sent().await.is_refused(status, code);
    assert_eq!(world.metric(&format!("offhook_refusals_total{{reason=\"{code}\"}}")), 1.0, "{code}");
    message
}

#[tokio::test]
async fn a_request_without_one_of_the_headers_is_told_which() {
    for header in HEADERS {
        let world = World::start().await;
        let question = world.yunxin().asks("call.start").without(header);
        let message = refused(&world, &question, 400, "header_missing").await;
        assert!(message.contains(header), "{message}");
    }
}

#[tokio::test]
async fn a_header_sent_twice_is_refused_even_where_both_are_equal() {
    for header in HEADERS {
        let world = World::start().await;
        let question = world.yunxin().asks("call.start");
        let again = question.header(header).to_owned();
        let message = refused(&world, &question.and(&header.to_lowercase(), again), 400, "header_repeated").await;
        assert!(message.contains(header), "{message}");
    }
}

#[tokio::test]
async fn a_header_that_is_not_what_it_should_be_is_told_which() {
    let malformed: [(&str, &[u8]); 13] = [
        ("AppKey", b""),
        ("AppKey", b"\xff\xfe"),
        ("CurTime", b""),
        ("CurTime", b"yesterday"),
        ("CurTime", b"-1541583920979"),
        ("CurTime", b"1541583920979.5"),
        ("CurTime", b"99999999999999999999"),
        ("MD5", b"e89c284a5ad9a76b3176e23108920f8"),
        ("MD5", b"e89c284a5ad9a76b3176e23108920f811"),
        ("MD5", b"g89c284a5ad9a76b3176e23108920f81"),
        ("CheckSum", b"6f08c5ee2dd16a5fc34a12005e5d5f1411e657a"),
        ("CheckSum", b"6f08c5ee2dd16a5fc34a12005e5d5f1411e657a1 "),
        ("CheckSum", b"zf08c5ee2dd16a5fc34a12005e5d5f1411e657a1"),
    ];
    let world = World::start().await;
    for (header, value) in malformed {
        let question = world.yunxin().asks("call.start").with(header, value);
        let answer = question.sent().await;
        if value.ends_with(b" ") {
            // Blanks around a value are no part of it, so this is a well-formed CheckSum that is wrong.
            answer.is_refused(401, "check_sum_mismatch");
            continue;
        }
        let message = answer.is_refused(400, "header_malformed");
        assert!(message.contains(header), "{header} {value:?}: {message}");
    }
}

#[tokio::test]
async fn strangers_are_refused_each_with_its_reason() {
    let world = World::start().await;
    let yunxin = world.yunxin();
    let nobody = yunxin.signing("nobodys-key", APP_SECRET).asks("call.start");
    refused(&world, &nobody, 401, "app_unknown").await;
    refused(&world, &yunxin.signing(APP_KEY, "another").asks("call.start"), 401, "check_sum_mismatch").await;
    let mut changed = yunxin.asks("call.start");
    changed = changed.over(include_str!("../../src/yunxin/samples/call.start.json").replace("20,", "21,"));
    refused(&world, &changed, 401, "body_changed").await;
    let an_hour = 60 * 60 * 1000;
    let old = yunxin.asks_at(&(yunxin.now() - an_hour).to_string(), "{\"eventType\":20}");
    let message = refused(&world, &old, 401, "stale").await;
    assert!(message.contains("3600 s behind") || message.contains("3599 s behind"), "{message}");
    let early = yunxin.asks_at(&(yunxin.now() + an_hour).to_string(), "{\"eventType\":20}");
    let message = refused(&world, &early, 401, "from_the_future").await;
    assert!(message.contains("ahead of"), "{message}");
    yunxin.forges("call.start").await.is_refused(401, "check_sum_mismatch");
    assert!(world.kept().is_empty());
}

#[tokio::test]
async fn a_clock_is_tolerated_up_to_its_limit_and_no_millisecond_further() {
    let now = "2026-03-01T12:00:00Z".parse().unwrap();
    let clock = Clock::fixed(now);
    let world = World::of(Plan { clock, ..Plan::default() }).await;
    let yunxin = world.yunxin();
    let sent = |offset: i64| {
        let question = yunxin.asks_at(&(now.as_millisecond() + offset).to_string(), "{\"eventType\":20}");
        async move { question.sent().await }
    };
    sent(-300_000).await.is_allowed();
    sent(300_000).await.is_allowed();
    sent(-300_001).await.is_refused(401, "stale");
    sent(300_001).await.is_refused(401, "from_the_future");
}

#[tokio::test]
async fn a_time_in_seconds_is_stale_and_named_as_such() {
    let world = World::start().await;
    let yunxin = world.yunxin();
    let seconds = (yunxin.now() / 1000).to_string();
    let message = refused(&world, &yunxin.asks_at(&seconds, "{\"eventType\":20}"), 401, "stale").await;
    assert!(message.contains("seconds") && message.contains("milliseconds"), "{message}");
}

#[tokio::test]
async fn of_several_faults_the_first_in_the_order_of_checks_is_told() {
    let world = World::start().await;
    let yunxin = world.yunxin();
    let old = (yunxin.now() - 60 * 60 * 1000).to_string();
    // From the last check to the first: each step adds a fault that is found earlier.
    let question = yunxin.asks_with("[not json");
    question.sent().await.is_refused(400, "body_not_json");
    let question = question.over("[not the signed bytes");
    question.sent().await.is_refused(401, "body_changed");
    let stale = yunxin.asks_at(&old, "{\"eventType\":20}").over("changed");
    stale.sent().await.is_refused(401, "stale");
    let huge = yunxin.asks_at(&old, "{\"eventType\":20}").over(vec![b' '; (1 << 20) + 1]);
    huge.sent().await.is_refused(401, "stale");
    let forged = yunxin.signing(APP_KEY, "another").asks_at(&old, "{\"eventType\":20}").over("changed");
    forged.sent().await.is_refused(401, "check_sum_mismatch");
    let forged = forged.with("AppKey", "nobodys-key");
    forged.sent().await.is_refused(401, "app_unknown");
    let forged = forged.with("CheckSum", "nonsense");
    forged.sent().await.is_refused(400, "header_malformed");
    let forged = forged.without("MD5");
    forged.sent().await.is_refused(400, "header_missing");
}

#[tokio::test]
async fn bad_headers_are_answered_before_a_byte_of_the_body_is_sent() {
    let world = World::start().await;
    let yunxin = world.yunxin();
    let bad = [
        (yunxin.asks("call.start").without("CheckSum"), 400, "header_missing"),
        (yunxin.asks("call.start").with("AppKey", "nobody"), 401, "app_unknown"),
        (yunxin.signing(APP_KEY, "another").asks("call.start"), 401, "check_sum_mismatch"),
        (yunxin.asks_at("1541583920979", "{\"eventType\":20}"), 401, "stale"),
    ];
    for (question, status, code) in bad {
        let mut wire = yunxin.connects().await;
        wire.writes(question.head_with("Content-Length: 1000000")).await;
        wire.answer().await.is_refused(status, code);
        wire.ends().await;
    }
    assert_eq!(world.metric("offhook_in_flight"), 0.0);
}

#[tokio::test]
async fn header_names_and_digests_may_be_written_in_any_case() {
    let world = World::start().await;
    let yunxin = world.yunxin();
    let as_is = |text: &str| text.to_owned();
    let [lower, upper] = [str::to_lowercase as fn(&str) -> String, str::to_uppercase as fn(&str) -> String];
    for (names, values) in [(lower, as_is as fn(&str) -> String), (upper, as_is), (lower, upper), (upper, upper)] {
        yunxin.asks("call.start").respelt(names, values).sent().await.is_allowed();
    }
}

#[tokio::test]
async fn a_checksum_over_a_capital_md5_is_good_too() {
    let world = World::start().await;
    let yunxin = world.yunxin();
    let question = yunxin.asks("call.start");
    let (md5, cur_time) = (question.header("MD5").to_uppercase(), question.header("CurTime").to_owned());
    let check_sum = {
        use sha1::{Digest, Sha1};
        hex::encode_upper(Sha1::digest(format!("{APP_SECRET}{md5}{cur_time}")))
    };
    question.with("MD5", md5).with("CheckSum", check_sum).sent().await.is_allowed();
}

#[tokio::test]
async fn each_app_is_believed_with_each_of_its_secrets_and_with_no_other() {
    let one = App { secrets: vec![AppSecret::new("one-old"), AppSecret::new("one-new")], ..App::new("app-one", "x") };
    let apps = vec![one, App::new("app-two", "two")];
    let world = World::of(Plan { apps, ..Plan::default() }).await;
    let yunxin = world.yunxin();
    for (app_key, secret) in [("app-one", "one-old"), ("app-one", "one-new"), ("app-two", "two")] {
        yunxin.signing(app_key, secret).sends("call.start").await.is_allowed();
    }
    for (app_key, secret) in [("app-one", "two"), ("app-two", "one-old"), ("app-one", "x"), ("app-two", "")] {
        yunxin.signing(app_key, secret).sends("call.start").await.is_refused(401, "check_sum_mismatch");
    }
    let kept = world.keeps(3).await;
    let apps: Vec<_> = kept.iter().map(|event| &**event.app_key()).collect();
    assert_eq!(apps, ["app-one", "app-one", "app-two"]);
}

#[tokio::test]
async fn a_secret_proves_nothing_from_its_end_on() {
    let end = "2026-03-01T12:00:00Z".parse().unwrap();
    let app = || {
        let secrets = vec![AppSecret::new("ending").until(Some(end)), AppSecret::new("staying")];
        App { secrets, ..App::new(APP_KEY, "x") }
    };
    for (now, believed) in [("2026-03-01T11:59:59.999Z", true), ("2026-03-01T12:00:00Z", false)] {
        let clock = Clock::fixed(now.parse().unwrap());
        let world = World::of(Plan { apps: vec![app()], clock, ..Plan::default() }).await;
        world.yunxin().signing(APP_KEY, "staying").sends("call.start").await.is_allowed();
        let answer = world.yunxin().signing(APP_KEY, "ending").sends("call.start").await;
        if believed {
            answer.is_allowed();
        } else {
            answer.is_refused(401, "check_sum_mismatch");
        }
    }
}

#[tokio::test]
async fn a_refusal_tells_no_digest_no_secret_and_nothing_of_the_body() {
    let world = World::start().await;
    let yunxin = world.yunxin();
    let body = r#"{"eventType":20,"fromAccount":"whispering-mei"}"#;
    let questions = [
        yunxin.asks_with(body).without("MD5"),
        yunxin.asks_with(body).with("CheckSum", "0123"),
        yunxin.asks_with(body).with("AppKey", "nobody"),
        yunxin.signing(APP_KEY, "somebody-elses").asks_with(body),
        yunxin.asks_at("1541583920979", body),
        yunxin.asks_with(body).over(body.replace("mei", "wei")),
        yunxin.asks_with(&body[..body.len() - 1]),
        yunxin.asks_with(r#"{"eventType":"","fromAccount":"whispering-mei"}"#),
    ];
    for question in questions {
        let answer = question.sent().await;
        let cur_time = question.headers_text("CurTime");
        let right = sign(APP_SECRET, body.as_bytes(), &cur_time);
        let sent = [question.headers_text("MD5"), question.headers_text("CheckSum")];
        let told = format!("{:?}", answer.headers) + answer.text();
        assert!((400..=401).contains(&answer.status), "{told}");
        for hidden in [&right.md5, &right.check_sum, APP_SECRET, "whispering", "somebody-elses", &sent[0], &sent[1]] {
            assert!(hidden.is_empty() || !told.contains(hidden), "{hidden} in {told}");
        }
    }
}

#[test]
fn no_debug_text_shows_a_secret_a_digest_or_a_body() {
    let app = App::new(APP_KEY, APP_SECRET);
    let apps: Apps = [app.clone()].into_iter().collect();
    let now = Clock::system().now();
    let cur_time = now.as_millisecond().to_string();
    let body = r#"{"eventType":20,"fromAccount":"whispering-mei"}"#;
    let signature = sign(APP_SECRET, body.as_bytes(), &cur_time);
    let mut headers = http::HeaderMap::new();
    for (name, value) in
        [("appkey", APP_KEY), ("curtime", &cur_time), ("md5", &signature.md5), ("checksum", &signature.check_sum)]
    {
        headers.insert(name, value.parse().unwrap());
    }
    let proven = offhook::yunxin::ProvenHeaders::prove(&apps, &headers, now).unwrap();
    let shown = format!("{proven:?}");
    let verified = offhook::yunxin::verify(&apps, &headers, body.into(), now).unwrap();
    let shown = shown + &format!("{verified:?}");
    let decoded = offhook::yunxin::decode(verified, offhook::event::EventId::at(now), now).unwrap();
    let settings = edge::Settings { listen: any_port(), ..edge::Settings::default() };
    let builder = offhook::Receiver::builder().with_app(app.clone()).server(settings);
    let shown = shown + &format!("{app:?} {apps:?} {signature:?} {decoded:?} {builder:?} {:?}", app.secrets);
    let digest_bytes = format!("{:?}", hex::decode(&signature.md5).unwrap());
    let sum_bytes = format!("{:?}", hex::decode(&signature.check_sum).unwrap());
    let hidden = [APP_SECRET, &signature.md5, &signature.check_sum, "whispering", &digest_bytes, &sum_bytes];
    for hidden in hidden {
        let hidden = hidden.trim_matches(['[', ']']);
        assert!(!shown.contains(hidden), "{hidden} in {shown}");
    }
}

#[tokio::test]
async fn other_paths_methods_and_heads_get_the_usual_answers() {
    let world = World::start().await;
    let yunxin = world.yunxin();
    assert_eq!(yunxin.asks("call.start").on_path("/elsewhere").sent().await.status, 404);
    yunxin.asks("call.start").on_path("/yunxin/callback").sent().await.is_allowed();
    let mut wire = yunxin.connects().await;
    wire.writes("GET /receiveMsg.action HTTP/1.1\r\nHost: x\r\n\r\n").await;
    let answer = wire.answer().await;
    assert_eq!((answer.status, answer.header("allow")), (405, "POST"));
    let mut wire = yunxin.connects().await;
    let long = format!("GET /healthz HTTP/1.1\r\nHost: x\r\nX: {}\r\n\r\n", "a".repeat(100_000));
    // It may be cut off while it is still writing.
    let _ = wire.tries_to_write(long.as_bytes()).await;
    assert_eq!(wire.answer().await.status, 431);
    let mut wire = yunxin.connects().await;
    wire.writes("what is this?\r\n\r\n").await;
    assert_eq!(wire.answer().await.status, 400);
}
