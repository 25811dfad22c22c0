//! `offhook verify`: which check of a captured request fails, and what usually causes that.

use std::fs;

use offhook::clock::Clock;
use offhook::yunxin::sign;
use sha1::{Digest, Sha1};

use crate::world::{APP_KEY, APP_SECRET, Question, Said, Yunxin, any_port, offhook_in};

const BODY: &str = r#"{"eventType":20,"fromAccount":"mei","n":1.50}"#;
const APP: [(&str, &str); 2] = [("OFFHOOK_APP_KEY", APP_KEY), ("OFFHOOK_APP_SECRET", APP_SECRET)];

fn yunxin() -> Yunxin {
    Yunxin::new(any_port(), APP_KEY, APP_SECRET, Clock::system())
}

/// What is said about a raw request.
fn verify(raw: &[u8], arguments: &[&str]) -> Said {
    offhook_in(&APP, &[&["verify"], arguments].concat(), raw)
}

/// What is said about a question that must not verify, with the cause that must be named.
#[track_caller]
fn is_explained(question: &Question, code: &str, cause: &str) {
    let said = verify(&question.bytes(), &[]).ends_with(1);
    assert!(said.contains(&format!("refused: {code}")), "{code} in\n{said}");
    assert!(said.contains("hint:") && said.contains(cause), "{cause} in\n{said}");
    let right = sign(APP_SECRET, BODY.as_bytes(), &question.headers_text("CurTime"));
    for digest in [right.md5, right.check_sum] {
        let sent = [question.headers_text("MD5"), question.headers_text("CheckSum")];
        assert!(sent.contains(&digest) || !said.contains(&digest), "it tells the right digest:\n{said}");
    }
    assert!(!said.contains(APP_SECRET), "{said}");
}

/// A question whose CheckSum is the SHA-1 of these parts, put together.
fn summed(question: Question, parts: &[&str]) -> Question {
    question.with("CheckSum", hex::encode(Sha1::digest(parts.concat())))
}

#[test]
fn a_good_request_verifies_in_every_form() {
    let question = yunxin().asks_with(BODY);
    for raw in [question.bytes(), question.clone().in_chunks().bytes()] {
        let said = verify(&raw, &[]).ends_with(0);
        assert!(said.contains("verified") && !said.contains("FAILED"), "{said}");
    }
    let bare = String::from_utf8(question.bytes()).unwrap().replace("\r\n", "\n");
    verify(bare.as_bytes(), &[]).ends_with(0);

    let dir = tempfile::tempdir().unwrap();
    let (headers, body) = (dir.path().join("headers.txt"), dir.path().join("body.json"));
    let head = String::from_utf8(question.head()).unwrap();
    fs::write(&headers, head.split_once("\r\n").unwrap().1).unwrap();
    fs::write(&body, BODY).unwrap();
    let arguments = ["--headers", headers.to_str().unwrap(), "--body", body.to_str().unwrap()];
    verify(b"", &arguments).ends_with(0);
    fs::write(&body, format!("{BODY}\n")).unwrap();
    let said = verify(b"", &arguments).ends_with(1);
    assert!(said.contains("newline"), "{said}");
}

#[test]
fn an_old_request_is_judged_as_of_its_own_time() {
    let question = yunxin().asks_at("1541583920979", BODY);
    is_explained(&question, "stale", "clock skew of");
    verify(&question.bytes(), &["--at", "1541583920979"]).ends_with(0);
    verify(&question.bytes(), &["--at", "2018-11-07T09:45:20Z"]).ends_with(0);
}

#[test]
fn what_is_wrong_with_the_headers_is_told() {
    let question = yunxin().asks_with(BODY);
    for (spoiled, code) in [
        (question.clone().without("CheckSum"), "header_missing"),
        (question.clone().and("md5", "00"), "header_repeated"),
        (question.clone().with("CurTime", "now"), "header_malformed"),
    ] {
        let said = verify(&spoiled.bytes(), &[]).ends_with(1);
        assert!(said.contains(code) && said.contains("FAILED  headers"), "{said}");
    }
    is_explained(&question.with("AppKey", "nobody"), "app_unknown", "AppKey");
}

#[test]
fn what_is_wrong_with_the_clock_is_told() {
    let now = yunxin().now();
    is_explained(&yunxin().asks_at(&(now / 1000).to_string(), BODY), "stale", "in seconds");
    is_explained(&yunxin().asks_at(&(now - 3_600_000).to_string(), BODY), "stale", "behind");
    is_explained(&yunxin().asks_at(&(now + 3_600_000).to_string(), BODY), "from_the_future", "ahead of");
}

#[test]
fn what_happened_to_the_body_is_told() {
    let signed = |body: &str| yunxin().asks_with(body);
    is_explained(&signed(BODY).over(format!("{BODY}\n")), "body_changed", "newline were added");
    is_explained(&signed(&format!("{BODY}\n")).over(BODY), "body_changed", "lost its newline");
    let lines = BODY.replace(',', ",\n");
    is_explained(&signed(&lines).over(lines.replace('\n', "\r\n")), "body_changed", "line ends");
    is_explained(&signed(&lines.replace('\n', "\r\n")).over(&lines), "body_changed", "line ends");
    is_explained(&signed(BODY).over(format!("\u{feff}{BODY}")), "body_changed", "byte order mark");
    let compact = r#"{"eventType":20,"fromAccount":"mei"}"#;
    is_explained(&signed(compact).over(compact.replace(',', ", ")), "body_changed", "wrote it again");
    is_explained(&signed(BODY).over(""), "body_changed", "the body is empty");
    is_explained(&signed(BODY).over(BODY.replace("mei", "wei")), "body_changed", "changed on its way");
}

#[test]
fn what_is_wrong_with_the_checksum_is_told() {
    let question = yunxin().asks_with(BODY);
    let (md5, cur_time) = (question.headers_text("MD5"), question.headers_text("CurTime"));
    is_explained(&yunxin().signing(APP_KEY, "another-secret").asks_with(BODY), "check_sum_mismatch", "wrong secret");
    let order = summed(question.clone(), &[APP_SECRET, &cur_time, &md5]);
    is_explained(&order, "check_sum_mismatch", "another order");
    let unit = summed(question.clone(), &[APP_SECRET, &md5, &cur_time[..cur_time.len() - 3]]);
    is_explained(&unit, "check_sum_mismatch", "another unit");
    let other_md5 = question.clone().with("MD5", "00".repeat(16));
    is_explained(&other_md5, "check_sum_mismatch", "MD5 header was changed after signing");
    let other_time = question.clone().with("CurTime", (yunxin().now() + 1).to_string());
    is_explained(&other_time, "check_sum_mismatch", "wrong secret");
    let nothing_fits = question.with("CheckSum", "00".repeat(20)).over("{}");
    is_explained(&nothing_fits, "check_sum_mismatch", "another request");
}

#[test]
fn secrets_of_the_configuration_are_told_apart() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("offhook.toml");
    let text = concat!(
        "[[apps]]\napp_key = \"app-one\"\nsecrets = [\"one-new\", { value = \"one-old\", not_after = \"2020-01-01T00:00:00Z\" }]\n",
        "[[apps]]\napp_key = \"app-two\"\nsecrets = [\"two\"]\n",
        "[[apps]]\napp_key = \"app-three\"\nsecrets = [\" three \"]\n",
    );
    fs::write(&file, text).unwrap();
    let verify = |app_key: &str, secret: &str| {
        let question = yunxin().signing(app_key, secret).asks_with(BODY);
        offhook_in(&[], &["verify", "--config", file.to_str().unwrap()], &question.bytes())
    };
    verify("app-one", "one-new").ends_with(0);
    for (app_key, secret, cause) in [
        ("app-one", "one-old", "past its `not_after`"),
        ("app-one", "two", "the secret of another app, app-two"),
        ("app-three", "three", "blanks around it"),
    ] {
        let said = verify(app_key, secret).ends_with(1);
        assert!(said.contains("check_sum_mismatch") && said.contains(cause), "{cause} in\n{said}");
    }
}

#[test]
fn a_capture_that_is_cut_short_is_told_so() {
    let raw = yunxin().asks_with(BODY).bytes();
    let said = verify(&raw[..raw.len() - 5], &[]);
    assert!(said.code == 1 && said.err.contains("cut short"), "{said:?}");
    let said = verify(b"POST / HTTP/1.1\r\nAppKey: x", &[]);
    assert!(said.code == 1 && said.err.contains("no empty line"), "{said:?}");
}

#[test]
fn a_copy_is_judged_as_a_copy_and_the_old_meeting_kit_by_its_own_signature() {
    let copy = r#"{"eventType":"7","msgId":"9007199254740993","from":"mei","to":"an"}"#;
    let old = yunxin().asks_at("1541583920979", copy);
    // By its path, by what it is, and by what it lacks.
    for question in [
        old.clone().on_path("/yunxin/copy"),
        old.clone().on_path("/hooks/im"),
        old.clone().on_path("/hooks/im").without("AppKey"),
        yunxin().copies_meeting(r#"{"msgType":"MEETING_MEMBER_ENTRY","msgBody":{}}"#),
        yunxin().copies_meeting(copy).without("AppKey").on_path("/hooks/meeting"),
    ] {
        let said = verify(&question.bytes(), &[]).ends_with(0);
        assert!(said.starts_with("judged as a copy") && !said.contains("FAILED"), "{said}");
    }
    let unnamed = verify(&old.clone().on_path("/yunxin/copy").without("AppKey").bytes(), &[]).ends_with(0);
    assert!(unnamed.contains("not named") && unnamed.contains(APP_KEY), "{unnamed}");
    // On a callback's path it is judged as the receiver would judge it there.
    let said = verify(&old.bytes(), &[]).ends_with(1);
    assert!(said.contains("refused: stale"), "{said}");
    verify(&old.bytes(), &["--as", "copy"]).ends_with(0);
    verify(&old.on_path("/yunxin/copy").bytes(), &["--as", "callback"]).ends_with(1);
}

#[test]
fn what_is_wrong_with_a_copy_is_told() {
    let copy = r#"{"eventType":"7","from":"mei"}"#;
    let yunxin = yunxin();
    let refused = |question: &Question, code: &str, cause: &str| {
        let said = verify(&question.bytes(), &[]).ends_with(1);
        assert!(said.contains(&format!("refused: {code}")) && said.contains(cause), "{code}, {cause} in\n{said}");
        assert!(!said.contains(APP_SECRET), "{said}");
    };
    refused(&yunxin.copies(copy).over(format!("{copy}\n")), "body_changed", "blanks or a newline");
    refused(&yunxin.signing(APP_KEY, "another").copies(copy).without("AppKey"), "check_sum_mismatch", "wrong secret");
    refused(&yunxin.signing("e7e7", APP_SECRET).copies(copy), "app_unknown", "correct the AppKey");
    refused(&yunxin.copies(copy).without("MD5"), "header_missing", "MD5");
    let kit = yunxin.copies_meeting(copy);
    refused(&kit.clone().over(format!("{copy}\n")), "check_sum_mismatch", "blanks or a newline");
    refused(&kit.clone().over(copy.replace("mei", "eve")), "check_sum_mismatch", "cannot be told apart");
    refused(&kit.clone().without("CheckSum"), "header_missing", "CheckSum");
    let signed = sign(APP_SECRET, copy.as_bytes(), kit.header("CurTime"));
    refused(&kit.with("CheckSum", signed.check_sum), "check_sum_mismatch", "AppSecret + Nonce + CurTime");
}

#[test]
fn a_body_that_verifies_but_is_nothing_is_refused_as_a_receiver_would() {
    let signed = |body: &str| yunxin().asks_with(body);
    for (body, code) in [
        ("{\"eventType\":", "body_not_json"),
        ("[20]", "body_not_an_object"),
        (r#"{"eventType":null}"#, "event_type_malformed"),
    ] {
        let said = verify(&signed(body).bytes(), &[]).ends_with(1);
        assert!(said.contains("ok      body") && said.contains("FAILED  content"), "{said}");
        assert!(said.contains(&format!("refused: {code}\n")) && said.contains("hint:"), "{said}");
        let as_copy = verify(&signed(body).bytes(), &["--as", "copy"]).ends_with(1);
        assert!(as_copy.contains(&format!("refused: {code}\n")), "{as_copy}");
    }
    verify(&signed("{}").bytes(), &[]).ends_with(0);
    let told = verify(&signed("[20]").bytes(), &["--json"]).ends_with(1);
    let told: serde_json::Value = serde_json::from_str(&told).unwrap();
    assert_eq!((&told["verified"], &told["refusal"]), (&false.into(), &"body_not_an_object".into()), "{told}");
    assert_eq!((&told["as"], &told["findings"][5]["check"]), (&"callback".into(), &"content".into()), "{told}");
    let told = verify(&signed("{}").bytes(), &["--json"]).ends_with(0);
    assert!(told.contains(r#""verified":true"#) && told.contains(r#""refusal":null"#), "{told}");
    verify(&signed(r#"{"eventType":4711}"#).bytes(), &[]).ends_with(0);
}

#[test]
fn a_file_that_cannot_be_read_is_no_verdict_on_it() {
    let dir = tempfile::tempdir().unwrap();
    let nowhere = dir.path().join("nowhere");
    let nowhere = nowhere.to_str().unwrap();
    for arguments in [&["--headers", nowhere, "--body", nowhere][..], &["--app-key", "k", "--app-secret-file", nowhere]]
    {
        let said = verify(&yunxin().asks_with(BODY).bytes(), arguments);
        assert!(said.code == 2 && said.err.contains(&format!("cannot read {nowhere}: ")), "{said:?}");
    }
}
