//! Media into rooms, and the two readings of a room's type.

use offhook::tencent::{RoomId, RoomReading};
use serde_json::json;
use std::time::Duration;

use super::client::Asker;
use crate::world::within_reason;

#[tokio::test]
async fn each_reading_takes_its_own_type_and_refuses_the_other_for_a_text_room() {
    for reading in [RoomReading::CallGuide, RoomReading::ApiReference] {
        let tencent = Asker::starts(|plan| plan.room_reading = reading).await;
        let mut ingest = tencent.whole_ingest();
        let room = RoomId::text("clinic-7").expect("a room");
        ingest["RoomIdType"] = json!(room.ingest_type(reading.other()));
        let answer = tencent.ingests("StartStreamIngest", &ingest).await;
        assert_eq!(answer["Error"]["Code"], "InvalidParameter.RoomId", "{reading:?}");
        ingest["RoomIdType"] = json!(room.ingest_type(reading));
        assert!(tencent.ingests("StartStreamIngest", &ingest).await["TaskId"].is_string(), "{reading:?}");
        // What makes the contradiction dangerous: digits are a room in both.
        (ingest["RoomId"], ingest["RoomIdType"]) = (json!("70707"), json!(room.ingest_type(reading.other())));
        assert!(tencent.ingests("StartStreamIngest", &ingest).await["TaskId"].is_string());
        let rooms: Vec<_> = tencent.simulator.seen().played.into_iter().map(|played| played.room).collect();
        assert_eq!(rooms, [r#""clinic-7""#, "70707"]);
    }
}

#[tokio::test]
async fn a_task_plays_is_changed_and_stopped() {
    let tencent = Asker::starts(|plan| plan.medium = Duration::from_secs(3600)).await;
    let started = tencent.ingests("StartStreamIngest", &tencent.whole_ingest()).await;
    let of_task = |more: serde_json::Value| {
        let mut body = json!({ "SdkAppId": tencent.plan.sdk_app_id, "TaskId": started["TaskId"] });
        body.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
        body
    };
    let again = tencent.ingests("StartStreamIngest", &tencent.whole_ingest()).await;
    assert_eq!(again["Error"]["Code"], "FailedOperation.TaskExist");
    let status = async || tencent.ingests("DescribeStreamIngest", &of_task(json!({}))).await["Status"].clone();
    assert_eq!(status().await, "InProgress");
    let changed = tencent.ingests("UpdateStreamIngest", &of_task(json!({ "Volume": 50, "IsPause": true }))).await;
    assert_eq!(changed["Status"], "InProgress");
    let changed = tencent.ingests("UpdateStreamIngest", &of_task(json!({ "IsPause": 1 }))).await;
    assert_eq!(changed["Error"]["Code"], "InvalidParameter.BodyParamsError");
    let stopped = tencent.ingests("StopStreamIngest", &of_task(json!({}))).await;
    assert_eq!(stopped.as_object().map(serde_json::Map::len), Some(1), "{stopped}");
    assert_eq!(status().await, "NotExist");
    let code = async |action: &str, body| tencent.ingests(action, &body).await["Error"]["Code"].clone();
    assert_eq!(code("StopStreamIngest", of_task(json!({}))).await, "FailedOperation.TaskFinished");
    assert_eq!(code("UpdateStreamIngest", of_task(json!({}))).await, "FailedOperation.TaskNotExist");
    let other = json!({ "SdkAppId": tencent.plan.sdk_app_id, "TaskId": "another" });
    assert_eq!(code("StopStreamIngest", other).await, "InvalidParameter.TaskId");
}

#[tokio::test]
async fn a_medium_that_cannot_be_played_says_so() {
    let letterbox = super::client::Letterbox::opens().await;
    let tencent = Asker::starts(|plan| {
        plan.media_play = false;
        plan.trtc_url = Some(format!("{}/tencent/trtc", letterbox.base));
    })
    .await;
    assert!(tencent.ingests("StartStreamIngest", &tencent.whole_ingest()).await["TaskId"].is_string());
    let letters = within_reason(letterbox.gets(|letters| !letters.is_empty())).await;
    let event: serde_json::Value = serde_json::from_slice(&letters[0].2).expect("JSON");
    assert_eq!((&event["EventType"], &event["EventInfo"]["Status"]), (&json!(701), &json!(1)));
}
