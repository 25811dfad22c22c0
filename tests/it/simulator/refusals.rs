//! Every request with one thing broken is refused, with the documented code.

use http::HeaderValue;
use offhook::tencent::simulator::Site;
use serde_json::{Value, json};

use super::client::{Asker, broken};

const START: &str = "v4/call_engine_http_srv/start_call_by_robot";

#[tokio::test]
async fn a_call_with_one_field_broken_is_refused_and_does_not_ring() {
    let tencent = Asker::starts(|_| {}).await;
    let whole = Asker::whole_call();
    let long = "x".repeat(1001);
    let breaks: Vec<(&str, Option<Value>, i64)> = vec![
        ("/Robot_Account", None, 101_002),
        ("/Robot_Account", Some(json!(7)), 60015),
        ("/Robot_Account", Some(json!("no spaces")), 101_002),
        ("/CalleeList_Account", None, 101_002),
        ("/CalleeList_Account", Some(json!("mei")), 101_002),
        ("/CalleeList_Account", Some(json!([])), 101_002),
        ("/CalleeList_Account", Some(json!([9_007_199_254_740_993_i64])), 60015),
        ("/CalleeList_Account", Some(json!(["x".repeat(33)])), 101_002),
        ("/Timeout", None, 101_002),
        ("/Timeout", Some(json!(30)), 101_002),
        ("/Timeout", Some(json!("30000")), 101_002),
        ("/Timeout", Some(json!(600_001)), 101_002),
        ("/UserData", Some(json!(long)), 101_002),
        ("/CallInfo", None, 101_002),
        ("/CallInfo/MediaType", None, 101_002),
        ("/CallInfo/MediaType", Some(json!("video")), 101_002),
        ("/CallInfo/RoomId", Some(json!(7)), 101_002),
        ("/CallInfo/RoomId", Some(json!("r".repeat(65))), 101_002),
        ("/CallInfo/RoomIdType", Some(json!(0)), 101_002),
        ("/CallInfo/RoomIdType", Some(json!(1)), 101_002),
        ("/CallInfo/RoomType", Some(json!(2)), 101_002),
        ("/TimeOut", Some(json!(30_000)), 101_002),
        ("/OfflinePushInfo", Some(json!("Reminder")), 101_002),
        ("/OfflinePushInfo/PushFlag", Some(json!(2)), 101_002),
        ("/OfflinePushInfo/Title", Some(json!(1)), 101_002),
        ("/OfflinePushInfo/Ext", Some(json!("x".repeat(3072))), 101_002),
        ("/OfflinePushInfo/BadgeAddNum", Some(json!(100)), 101_002),
        ("/OfflinePushInfo/AndroidInfo/OPPONotifyLevel", Some(json!(3)), 101_002),
        ("/OfflinePushInfo/AndroidInfo/OPPOCategory", None, 101_002),
        ("/OfflinePushInfo/AndroidInfo/HuaWeiImportance", Some(json!("HIGH")), 101_002),
        ("/OfflinePushInfo/ApnsInfo/IsVoipPush", Some(json!(true)), 101_002),
        ("/OfflinePushInfo/HarmonyInfo/SoundDuration", Some(json!(61)), 101_002),
    ];
    for (path, value, code) in breaks {
        let answer = tencent.calls(START, &broken(&whole, path, value)).await;
        assert_eq!(
            (answer["ErrorCode"].as_i64(), &answer["ActionStatus"]),
            (Some(code), &json!("FAIL")),
            "{path}: {answer}"
        );
        let names_it = answer["ErrorInfo"].as_str().is_some_and(|info| info.contains(path.split('/').nth(1).unwrap()));
        assert!(code != 101_002 || names_it, "{answer}");
    }
    assert!(tencent.simulator.seen().rings.is_empty());
    assert_eq!(tencent.calls(START, &whole).await["ErrorCode"], 0);
    assert_eq!(tencent.simulator.seen().rings["mei"], 1);
}

#[tokio::test]
async fn a_query_with_one_part_broken_is_refused() {
    let tencent = Asker::starts(|plan| plan.failed_checks = 100).await;
    let (app, sig) = (tencent.plan.sdk_app_id.to_string(), tencent.user_sig("administrator"));
    let others = offhook::tencent::UserSigKey::new(tencent.plan.sdk_app_id, "another-key");
    let robot = offhook::tencent::UserId::parse("administrator").unwrap();
    let (day, now) = (std::time::Duration::from_secs(86_400), tencent.plan.clock.now());
    let others = others.make(&robot, day, now);
    let old = tencent.key().make(&robot, day, now - day - day);
    let other_app = offhook::tencent::UserSigKey::new(1, tencent.plan.secret_key.clone()).make(&robot, day, now);
    let user_sig = tencent.user_sig("mei");
    let good = [
        ("sdkappid", &*app),
        ("identifier", "administrator"),
        ("usersig", sig.expose()),
        ("random", "7"),
        ("contenttype", "json"),
    ];
    let breaks: Vec<(&str, Option<&str>, i64)> = vec![
        ("sdkappid", None, 60012),
        ("sdkappid", Some("x"), 60006),
        ("sdkappid", Some("1"), 70020),
        ("identifier", None, 60025),
        ("identifier", Some("mei"), 70013),
        ("usersig", None, 60025),
        ("usersig", Some("eJwrVgrxCdYrSy1S"), 70003),
        ("usersig", Some(others.expose()), 70009),
        ("usersig", Some(old.expose()), 70001),
        ("usersig", Some(other_app.expose()), 70014),
        ("usersig", Some(user_sig.expose()), 70013),
        ("random", None, 60002),
        ("random", Some("4294967296"), 60002),
        ("contenttype", None, 60025),
        ("contenttype", Some("JSON"), 60025),
    ];
    for (name, value, code) in breaks {
        let query: Vec<_> = good
            .iter()
            .filter_map(|(key, old)| if *key == name { value.map(|value| (*key, value)) } else { Some((*key, *old)) })
            .collect();
        let answer = tencent.posts(&tencent.url(START, &query), "{}".to_owned()).await;
        assert_eq!(answer["ErrorCode"].as_i64(), Some(code), "{name} {value:?}: {answer}");
    }
    let as_user = [
        ("sdkappid", &*app),
        ("identifier", "mei"),
        ("usersig", user_sig.expose()),
        ("random", "7"),
        ("contenttype", "json"),
    ];
    assert_eq!(tencent.posts(&tencent.url(START, &as_user), "{}".to_owned()).await["ErrorCode"], 60010);
    for (path, body, code) in
        [(START, "", 60003), (START, "[]", 60003), ("v4/call_engine_http_srv/invite", "{}", 60009)]
    {
        assert_eq!(tencent.posts(&tencent.url(path, &good), body.to_owned()).await["ErrorCode"], code, "{path} {body}");
    }
    let answer = tencent.client.get(tencent.url(START, &good)).send().await.unwrap().bytes().await.unwrap();
    assert!(String::from_utf8_lossy(&answer).contains("60002"), "{answer:?}");
}

#[tokio::test]
async fn too_many_wrong_signatures_lock_the_check() {
    let tencent = Asker::starts(|plan| plan.failed_checks = 3).await;
    let app = tencent.plan.sdk_app_id.to_string();
    let query = [
        ("sdkappid", &*app),
        ("identifier", "administrator"),
        ("usersig", "x"),
        ("random", "7"),
        ("contenttype", "json"),
    ];
    for _ in 0..3 {
        assert_eq!(tencent.posts(&tencent.url(START, &query), "{}".to_owned()).await["ErrorCode"], 70003);
    }
    assert_eq!(tencent.calls(START, &Asker::whole_call()).await["ErrorCode"], 70050, "a right one too");
}

#[tokio::test]
async fn one_request_too_many_within_a_second_is_refused() {
    let tencent = Asker::starts(|plan| (plan.calls_a_second, plan.ingests_a_second) = (2, 1)).await;
    let info = async || tencent.calls("v4/call_config/get_callback", &json!({})).await;
    assert_eq!([info().await["ErrorCode"].as_i64(), info().await["ErrorCode"].as_i64()], [Some(100_301); 2]);
    assert_eq!(info().await["ErrorCode"], 60007);
    let ask = json!({ "SdkAppId": tencent.plan.sdk_app_id, "TaskId": "none" });
    assert_eq!(tencent.ingests("DescribeStreamIngest", &ask).await["Status"], "NotExist");
    assert_eq!(tencent.ingests("DescribeStreamIngest", &ask).await["Error"]["Code"], "RequestLimitExceeded");
}

#[tokio::test]
async fn another_site_than_the_apps_is_refused() {
    let tencent = Asker::starts(|plan| plan.host = Some("console.tim.qq.com".to_owned())).await;
    assert_eq!(tencent.calls(START, &Asker::whole_call()).await["ErrorCode"], 60026);
}

#[tokio::test]
async fn an_ingest_with_one_field_broken_is_refused_and_plays_nothing() {
    let tencent = Asker::starts(|plan| plan.ingests_a_second = 1000).await;
    let whole = tencent.whole_ingest();
    let mei = json!(tencent.user_sig("mei").expose());
    let breaks: Vec<(&str, Option<Value>, &str)> = vec![
        ("/SdkAppId", None, "MissingParameter.SdkAppId"),
        ("/SdkAppId", Some(json!(1)), "InvalidParameter.SdkAppId"),
        ("/SdkAppId", Some(json!("88888888")), "InvalidParameter.SdkAppId"),
        ("/RoomId", None, "MissingParameter.RoomId"),
        ("/RoomId", Some(json!(7)), "InvalidParameter.RoomId"),
        ("/RoomId", Some(json!("房间")), "InvalidParameter.StrRoomId"),
        ("/RoomId", Some(json!("r".repeat(65))), "InvalidParameter.StrRoomId"),
        ("/RoomIdType", None, "MissingParameter"),
        ("/RoomIdType", Some(json!(0)), "InvalidParameter.RoomId"),
        ("/RoomIdType", Some(json!(2)), "InvalidParameter.BodyParamsError"),
        ("/UserId", None, "MissingParameter"),
        ("/UserId", Some(json!("mei")), "InvalidParameter.UserSig"),
        ("/UserSig", None, "MissingParameter"),
        ("/UserSig", Some(mei), "InvalidParameter.UserSig"),
        ("/StreamUrl", None, "MissingParameter"),
        ("/StreamUrl", Some(json!("file:///prompt.mp4")), "InvalidParameter.StreamUrl"),
        ("/PrivateMapKey", Some(json!("abcdefg")), "InvalidParameter.BodyParamsError"),
        ("/SeekSecond", Some(json!(-1)), "InvalidParameter.BodyParamsError"),
        ("/AutoPush", Some(json!("true")), "InvalidParameter.BodyParamsError"),
        ("/RepeatNum", Some(json!(0)), "InvalidParameter.BodyParamsError"),
        ("/RepeatNum", Some(json!(1001)), "InvalidParameter.BodyParamsError"),
        ("/MaxDuration", Some(json!(10)), "InvalidParameter.BodyParamsError"),
        ("/Volume", Some(json!(101)), "InvalidParameter.BodyParamsError"),
        ("/Tempo", Some(json!(1.5)), "UnknownParameter"),
        ("/SourceUrl", Some(json!(["https://a.example/1", "https://b.example/2"])), "InvalidParameter.StreamUrl"),
        ("/VideoEncodeParams", Some(json!({ "Width": 4096 })), "InvalidParameter.BodyParamsError"),
    ];
    for (path, value, code) in breaks {
        let answer = tencent.ingests("StartStreamIngest", &broken(&whole, path, value)).await;
        assert_eq!(answer["Error"]["Code"], code, "{path}: {answer}");
    }
    assert!(tencent.simulator.seen().played.is_empty());
    assert!(tencent.ingests("StartStreamIngest", &whole).await["TaskId"].is_string());
}

#[tokio::test]
async fn a_head_with_one_part_broken_is_refused() {
    let tencent = Asker::starts(|plan| plan.ingests_a_second = 1000).await;
    let ask = json!({ "SdkAppId": tencent.plan.sdk_app_id, "TaskId": "none" });
    let hour_ago = (tencent.plan.clock.now().as_second() - 3600).to_string();
    let breaks = [
        ("authorization", None, "AuthFailure.InvalidAuthorization"),
        ("authorization", Some("Bearer x"), "AuthFailure.InvalidAuthorization"),
        ("x-tc-timestamp", None, "MissingParameter"),
        ("x-tc-timestamp", Some(&*hour_ago), "AuthFailure.SignatureExpire"),
        ("x-tc-action", Some("StopStreamIngest"), "AuthFailure.SignatureFailure"),
        ("content-type", Some("application/json"), "AuthFailure.SignatureFailure"),
        ("x-tc-version", Some("2020-01-01"), "NoSuchVersion"),
        ("x-tc-version", None, "MissingParameter"),
        ("x-tc-region", Some("ap-beijing"), "UnsupportedRegion"),
        ("x-tc-region", None, "MissingParameter"),
        ("x-tc-language", Some("de-DE"), "InvalidParameter"),
        ("x-tc-token", Some("x"), "AuthFailure.TokenFailure"),
    ];
    for (name, value, code) in breaks {
        let answer = tencent.ingests_with("DescribeStreamIngest", &ask, |headers| match value {
            Some(value) => _ = headers.insert(name, HeaderValue::from_str(value).expect("a value")),
            None => _ = headers.remove(name),
        });
        let answer = answer.await;
        assert_eq!(answer["Error"]["Code"], code, "{name} {value:?}: {answer}");
    }
    let other = |plan: &mut offhook::tencent::simulator::Plan, id: &str, key: &str| {
        (plan.cloud_secret_id, plan.cloud_secret_key) = (id.to_owned(), key.into());
    };
    for (id, key, code) in
        [("another", "x", "AuthFailure.SecretIdNotFound"), ("offhook-dev-test-id", "x", "AuthFailure.SignatureFailure")]
    {
        let mut stranger = Asker::starts(|_| {}).await;
        other(&mut stranger.plan, id, key);
        assert_eq!(stranger.ingests("DescribeStreamIngest", &ask).await["Error"]["Code"], code);
    }
    assert_eq!(tencent.ingests("StartEverything", &ask).await["Error"]["Code"], "InvalidAction");
}

#[tokio::test]
async fn the_site_in_china_takes_its_own_fields_and_regions() {
    let tencent = Asker::starts(|plan| plan.site = Site::China).await;
    let mut whole = tencent.whole_ingest();
    for (name, value) in
        [("Tempo", json!(1.25)), ("IdleTimeout", json!(600)), ("Volume", json!(200)), ("EnableProgress", json!(true))]
    {
        whole[name] = value;
    }
    assert!(tencent.ingests("StartStreamIngest", &whole).await["TaskId"].is_string());
    whole["Tempo"] = json!(1.1);
    assert_eq!(tencent.ingests("StartStreamIngest", &whole).await["Error"]["Code"], "InvalidParameter.BodyParamsError");
}
