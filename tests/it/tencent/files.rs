//! Requests that people write into files: what is wrong with them is told with line and column.

use offhook::tencent::call_engine::{Media, StartCall};
use offhook::tencent::ingest::StartIngest;
use offhook::tencent::{FileError, RoomId};

/// The shape of the request that Tencent's guide publishes: a comment, a missing comma, quotes escaped twice.
const AS_PUBLISHED: &str = r#"{
"Robot_Account":"concierge", // who calls, never checked
"CalleeList_Account":["chen_bo"],
"Timeout":300000,
"CallInfo":{
"MediaType": "Video",
"RoomId":"book-club_7",
"RoomIdType":2
},
"OfflinePushInfo": {
"PushFlag": 0,
"Title":"A call",
"Desc": "Somebody rings"
"Ext": "{\\"entity\\":{\\"k\\":\\"v\\"}}"
}
}"#;

#[test]
fn the_request_as_published_is_refused_with_all_that_is_wrong() {
    let error = StartCall::from_json(AS_PUBLISHED).unwrap_err();
    let FileError::NotJson(faults) = &error else { panic!("{error}") };
    let places: Vec<_> = faults.iter().map(|fault| (fault.line, fault.column)).collect();
    assert_eq!(places, [(2, 30), (14, 1), (14, 13)], "{error}");
    let text = error.to_string();
    for expected in
        ["line 2, column 30: a comment", "line 14, column 1: a comma is missing", "line 14, column 13: the text ended"]
    {
        assert!(text.contains(expected), "{text}");
    }
}

#[test]
fn mended_it_is_read_and_any_case_of_the_media_type_is_taken() {
    let mended = AS_PUBLISHED
        .replace(" // who calls, never checked", "")
        .replace("rings\"\n", "rings\",\n")
        .replace(r"\\", r"\")
        .replace("\"Video\"", "\"video\"");
    let call = StartCall::from_json(&mended).unwrap();
    assert_eq!((call.media, call.room.clone()), (Media::Video, Some(RoomId::Text("book-club_7".to_owned()))));
    assert!(call.warnings().is_empty(), "{:?}", call.warnings());
    assert!(call.to_json().contains(r#""MediaType":"Video""#));
}

#[test]
fn a_field_that_cannot_be_is_told_with_its_place() {
    let whole = r#"{"Robot_Account":"a","CalleeList_Account":["b"],"Timeout":30000,"CallInfo":{"MediaType":"Audio"}}"#;
    assert!(StartCall::from_json(whole).is_ok());
    let rows = [
        ("30000", "\"30000\"", "line 1, column 65: invalid type: string"),
        ("\"CalleeList_Account\":[\"b\"],", "", "missing field `CalleeList_Account`"),
        ("\"Timeout\"", "\"TimeOut\"", "unknown field `TimeOut`, expected one of `Robot_Account`"),
        ("\"Audio\"", "\"Aduio\"", "MediaType `Aduio` is neither Audio nor Video"),
        ("\"Audio\"", "\"Audio\",\"RoomId\":\"x\"", "CallInfo.RoomId: RoomIdType is missing"),
        ("\"Audio\"", "\"Audio\",\"RoomId\":\"x\",\"RoomIdType\":1", "`x` is no number"),
        ("\"Audio\"", "\"Audio\",\"RoomId\":\"x\",\"RoomIdType\":0", "CallInfo.RoomIdType: 0 is neither 1"),
        ("30000", "30", "looks like seconds"),
        ("[\"b\"]", "[\"b c\"]", "the user id `b c`"),
    ];
    for (from, to, expected) in rows {
        let text = StartCall::from_json(&whole.replace(from, to)).unwrap_err().to_string();
        assert!(text.contains(expected), "{text}");
    }
}

#[test]
fn what_vendors_add_to_a_push_passes_and_what_is_known_is_checked() {
    let with = |push: &str| {
        StartCall::from_json(&format!(
            r#"{{"Robot_Account":"a","CalleeList_Account":["b"],"Timeout":30000,"CallInfo":{{"MediaType":"Audio"}},"OfflinePushInfo":{push}}}"#
        ))
    };
    let call = with(r#"{"Title":"t","NewThing":[1],"ApnsInfo":{"IsVoipPush":1,"Later":true}}"#).unwrap();
    assert_eq!(call.push.as_ref().unwrap().apns.as_ref().unwrap().is_voip_push, Some(1));
    let sent: serde_json::Value = serde_json::from_str(&call.to_json()).unwrap();
    assert_eq!(sent["OfflinePushInfo"]["NewThing"], serde_json::json!([1]));
    assert_eq!(sent["OfflinePushInfo"]["ApnsInfo"]["Later"], true);
    let text = with(r#"{"PushFlag":2,"BadgeAddNum":100}"#).unwrap_err().to_string();
    assert!(text.contains("PushFlag: 2 is not from 0 to 1") && text.contains("BadgeAddNum: 100"), "{text}");
    assert!(with(r#"{"Ext":"no JSON"}"#).unwrap().warnings().iter().any(|warning| warning.contains("Ext is not JSON")));
}

#[test]
fn fields_of_ingest_that_tencent_gave_up_are_refused_with_the_new_name() {
    let read = StartIngest::playing_from_json;
    let playing =
        read(r#"{"StreamUrl":"https://a.example/b.mp4","RepeatNum":-1,"MaxDuration":5,"Tempo":1.25}"#).unwrap();
    assert_eq!((playing.repeat, playing.max_minutes, playing.tempo), (Some(-1), Some(5), Some(1.25)));
    let text = read(r#"{"SourceUrl":["https://a.example/b.mp4"],"AudioEncodeParams":{}}"#).unwrap_err().to_string();
    assert!(text.contains("SourceUrl: it is deprecated: give the one URL as StreamUrl"), "{text}");
    assert!(text.contains("AudioEncodeParams: it is deprecated"), "{text}");
    assert!(read(r#"{"StreamUrl":"x","Loop":1}"#).unwrap_err().to_string().contains("unknown field `Loop`"));
}
