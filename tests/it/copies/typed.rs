//! What copies say, in all the forms in which their senders write it, and in those nobody expects.

#![expect(clippy::unwrap_used, reason = "a test that cannot get its world ready must stop")]

use offhook::lenient::Typed;
use offhook::yunxin::*;
use offhook::{Event, Payload};
use proptest::prelude::*;

#[track_caller]
fn read<T: Typed>(body: &str) -> T {
    let event = Event::from_json(body.to_owned()).unwrap();
    event.typed().unwrap_or_else(|| panic!("{} has another content", event.kind()))
}

#[test]
fn an_attachment_is_read_as_text_and_as_the_object_it_should_not_be() {
    let object = r#"{"name":"a.pdf","size":"20480","url":"https://files.example/a"}"#;
    let text = serde_json::to_string(object).unwrap();
    for attach in [object, &text] {
        let body = format!(r#"{{"eventType":"4","msgType":"file","attach":{attach}}}"#);
        let message: CopyChatroomMessage = read(&body);
        let Some(Attachment::File(file)) = message.attachment() else { panic!("{message:?}") };
        assert_eq!((file.name.as_deref(), file.size), (Some("a.pdf"), Some(20480)));
    }
    // Of a text message it is the text.
    let message: CopyChatroomMessage = read(r#"{"eventType":"4","msgType":"TEXT","attach":"晚上好"}"#);
    assert_eq!(message.attach.unwrap().as_str(), "晚上好");
    let nothing: CopyMessage = read(r#"{"eventType":"1","msgType":"PICTURE","attach":""}"#);
    assert!(nothing.attachment().is_none());
    let broken: CopyMessage = read(r#"{"eventType":"1","msgType":"PICTURE","attach":"{\"size\":"}"#);
    assert!(broken.attachment().is_none());
    assert_eq!(broken.attach.unwrap().as_str(), r#"{"size":"#);
}

#[test]
fn what_else_can_be_attached() {
    let attached = |msg_type: &str, attach: &str| {
        let body = serde_json::json!({"eventType": "1", "msgType": msg_type, "attach": attach}).to_string();
        read::<CopyMessage>(&body).attachment().unwrap()
    };
    let Attachment::Location(place) = attached("LOCATION", r#"{"lng":120.1908686708565,"title":"湖边"}"#) else {
        panic!("a place")
    };
    assert_eq!(place.lng.as_deref(), Some("120.1908686708565"));
    let call = r#"{"type":1,"channelId":184409700039655569,"status":1,"durations":[{"accid":"mei","duration":7}]}"#;
    let Attachment::Call(call) = attached("NRTC_NETCALL", call) else { panic!("a call") };
    assert_eq!((call.channel_id, call.durations.unwrap()[0].duration), (Some(184_409_700_039_655_569), Some(7)));
    for (id, operation) in [(9, TeamOperation::InvitationAccepted), (411, TeamOperation::InvitationAccepted)] {
        let notice = format!(r#"{{"id":{id},"data":{{"ids":["an"],"tinfo":{{"1":"41"}}}}}}"#);
        let Attachment::Notification(notice) = attached("NOTIFICATION", &notice) else { panic!("a notice") };
        assert_eq!(notice.operation(), Some(operation));
        let data = notice.data.unwrap();
        assert_eq!((data.ids.unwrap(), data.tinfo.unwrap().tid), (vec!["an".to_owned()], Some(41)));
    }
    assert!(matches!(attached("FRIEND_ADD", r#"{"vt":1}"#), Attachment::Friend(notice) if notice.vt == Some(1)));
    assert!(matches!(attached("CUSTOM", "whatever"), Attachment::Other(other) if other.as_str() == "whatever"));
}

#[test]
fn a_team_notice_says_what_the_team_and_its_users_are_now_wherever_that_stands() {
    let team = r#""1":"4100023871","3":"reading","5":"lin.yue","10":"1767225720000","11":"1767225720000","16":"1","2":"x",
        "15":"[{\"title\":\"Friday\",\"content\":\"7 pm\",\"creator\":\"lin.yue\",\"time\":1767225720,\"number\":\"1\"}]""#;
    let notices = [
        (
            "NOTIFICATION",
            format!(r#"{{"id":3,"data":{{"tinfo":{{{team}}},"uinfos":[{{"1":"an","3":"An","6":"2"}}]}}}}"#),
        ),
        ("TEAM_INVITE", format!(r#"{{"tinfo":{{{team}}}}}"#)),
        ("SUPERTEAM_INVITE", format!(r#"{{"data":{{"tinfo":{{{team}}}}}}}"#)),
        ("NOTIFICATION", format!("{{{team}}}")),
    ];
    for (msg_type, attach) in notices {
        let body = serde_json::json!({"eventType": "1", "msgType": msg_type, "attach": attach}).to_string();
        let message: CopyMessage = read(&body);
        let Some(Attachment::Notification(notice)) = message.attachment() else { panic!("{message:?}") };
        let told = notice.team().unwrap();
        assert_eq!((told.tid, told.tname.as_deref(), told.joinmode), (Some(4_100_023_871), Some("reading"), Some(1)));
        assert_eq!((told.members_updated, told.other["2"].get()), (Some(1_767_225_720_000), r#""x""#));
        let announcement = &told.announcements.unwrap()[0];
        assert_eq!((announcement.time, announcement.title.as_deref()), (Some(1_767_225_720), Some("Friday")));
        if let Some(users) = notice.data.and_then(|data| data.uinfos) {
            assert_eq!((users[0].account.as_deref(), users[0].gender), (Some("an"), Some(2)));
        }
    }
    let nothing: CopyMessage = read(r#"{"eventType":"1","msgType":"NOTIFICATION","attach":"{\"id\":4}"}"#);
    assert!(matches!(nothing.attachment(), Some(Attachment::Notification(notice)) if notice.team().is_none()));
}

#[test]
fn what_the_content_checks_found_is_read_to_its_last_label() {
    let message: CopyMessage = read(sample("copy.message").unwrap());
    let label = message.yidun().unwrap().labels.unwrap().remove(0);
    assert_eq!((label.level, label.rate.as_deref(), label.label), (Some(2), Some("0.98"), Some(200)));
    let audit = read::<RtcContentAudit>(sample("rtc.content_audit").unwrap()).data.unwrap();
    let evidences = audit.evidences.unwrap();
    let seen = evidences.video.unwrap().labels.unwrap().remove(0).sub_labels.unwrap().remove(0);
    assert_eq!(seen.details.unwrap().hit_location_infos.unwrap()[0].x1.as_deref(), Some("0.20926562"));
    let heard = evidences.audio.unwrap().segments.unwrap().remove(0).sub_labels.unwrap().remove(0);
    assert_eq!(heard.sub_label.as_deref(), Some("200009"));
    assert_eq!(audit.review_evidences.unwrap().action, Some(2));
}

#[test]
fn numbers_and_texts_stand_for_one_another() {
    for (code, timestamp) in [("200", "1767225720000"), (r#""200""#, r#""1767225720000""#)] {
        let logout: CopyLogout =
            read(&format!(r#"{{"eventType":"3","code":{code},"timestamp":{timestamp},"logoutReason":"4"}}"#));
        assert_eq!((logout.code, logout.timestamp, logout.reason()), (Some(200), Some(1_767_225_720_000), Some(4)));
    }
    for client in [r#""HARMONY""#, r#""Harmony""#, "65"] {
        let login: CopyLogin = read(&format!(r#"{{"eventType":"2","clientType":{client}}}"#));
        assert_eq!(login.client_type, Some(ClientType::Harmony), "{client}");
    }
    for client in [r#""iOS""#, r#""IOS""#, "2", r#""2""#] {
        let login: CopyLogin = read(&format!(r#"{{"eventType":"2","clientType":{client}}}"#));
        assert_eq!(login.client_type, Some(ClientType::Ios), "{client}");
    }
    for resent in ["1", r#""1""#, "true", r#""true""#] {
        let message: CopyMessage = read(&format!(r#"{{"eventType":"1","resendFlag":{resent}}}"#));
        assert_eq!(message.resend_flag, Some(true), "{resent}");
    }
    for kind in ["1", r#""1""#] {
        let task: CopyUploadTask = read(&format!(r#"{{"eventType":"36","type":{kind}}}"#));
        assert_eq!(task.task_type, Some(1));
    }
}

#[test]
fn no_id_loses_a_digit() {
    for id in ["18446744073709551615", r#""18446744073709551615""#] {
        let recall: CopyRecall = read(&format!(r#"{{"eventType":"7","msgId":{id}}}"#));
        assert_eq!(recall.msg_id, Some(u64::MAX));
    }
    let audit: RtcContentAudit = read(r#"{"type":400,"data":{"dataId":370435748723511885531616758864450038930}}"#);
    assert_eq!(audit.data.unwrap().data_id.as_deref(), Some("370435748723511885531616758864450038930"));
}

#[test]
fn tags_are_no_json_and_members_are_no_json_either() {
    let presence: CopyChatroomPresence = read(r#"{"eventType":"9","tags":"[reader, host]","logOutReason":"EXIT"}"#);
    assert_eq!(presence.tags.as_deref(), Some("[reader, host]"));
    assert_eq!(presence.log_out_reason.as_deref(), Some("EXIT"));
    for members in [r#""[mei, an.2, 300]""#, r#""[\"mei\",\"an.2\",300]""#, r#"["mei","an.2","300"]"#] {
        let message: CopyMessage = read(&format!(r#"{{"eventType":"1","tMembers":{members}}}"#));
        assert_eq!(message.t_members.as_deref().unwrap(), ["mei", "an.2", "300"], "{members}");
    }
}

#[test]
fn lists_come_as_lists_and_as_text_and_whole_numbers_with_a_fraction() {
    let list = r#"[{"fromAccount":"mei","toAccount":"an","timestamp":1767225729000}]"#;
    for objects in [list.to_owned(), serde_json::to_string(list).unwrap()] {
        let receipt: CopyReadReceipt = read(&format!(r#"{{"eventType":"30","objects":{objects}}}"#));
        assert_eq!(receipt.objects.unwrap()[0].timestamp, Some(1_767_225_729_000));
    }
    let safety: CopyContentSafety = read(sample("copy.content_safety").unwrap());
    let found = safety.objects.unwrap().remove(0);
    assert_eq!((found.server_msg_id, found.yidun_res.unwrap().action), (Some(9_007_199_254_740_993), Some(2)));
    let duration: CopyCallDuration = read(sample("copy.call_duration").unwrap());
    let members = duration.members().unwrap();
    assert_eq!((members[0].caller, members[1].caller, members[1].duration), (Some(true), None, Some(62)));
    let recording: CopyCallRecording = read(sample("copy.call_recording").unwrap());
    assert_eq!(recording.files().unwrap()[0].size, Some(1_048_576));
    let line: CopyDedicatedLineEnd = read(sample("copy.dedicated_line_end").unwrap());
    assert_eq!(line.call().unwrap().legs.unwrap()[0].hang_cause.as_deref(), Some("NORMAL_CLEARING"));
    let conference = r#"{"eventType":"10","callback":"{\"members\":\"[\\\"+1 202\\\",\\\"+1 203\\\"]\"}"}"#;
    let conference: CopyDedicatedLineEnd = read(conference);
    assert_eq!(conference.call().unwrap().members.unwrap(), ["+1 202", "+1 203"]);
}

#[test]
fn rooms_and_meetings_are_one_content_whatever_the_word() {
    let room: NeRoom = read(sample("neroom.create_room").unwrap());
    assert!(room.body.unwrap().as_str().contains("roomUuid"));
    let event = Event::from_json(sample("neroom.meeting_member_entry").unwrap()).unwrap();
    let Payload::NeRoom(meeting) = event.payload() else { panic!("{:?}", event.payload()) };
    assert_eq!(meeting.msg_type.as_deref(), Some("MEETING_MEMBER_ENTRY"));
    assert!(meeting.msg_body.unwrap().as_str().contains("184409700039655569"));
}

#[test]
fn what_is_impossible_is_absent_and_the_rest_is_there() {
    let body = r#"{"eventType":4,"data":{"channelId":{},"uid":[1],"user":"mei","timestamp":true,"new":1.50}}"#;
    let data = read::<RtcUser>(body).data.unwrap();
    assert_eq!((data.channel_id, data.uid, data.timestamp), (None, None, None));
    assert_eq!((data.user.as_deref(), data.other["new"].get()), (Some("mei"), "1.50"));
    let message: CopyMessage = read(r#"{"eventType":"1","msgidServer":-1,"aiParams":[],"to":7}"#);
    assert_eq!((message.msgid_server, message.ai_params.is_none(), message.to.as_deref()), (None, true, Some("7")));
}

/// Values of every JSON type, with the digits and characters that are lost most easily.
fn json() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just("null".to_owned()),
        any::<bool>().prop_map(|truth| truth.to_string()),
        any::<i128>().prop_map(|number| number.to_string()),
        "(0|[1-9][0-9]{0,2})\\.[0-9]{1,30}",
        ".{0,12}".prop_map(|text| serde_json::to_string(&text).unwrap()),
        Just(r#""\ud83d""#.to_owned()),
        Just(r#""[a, \"b\", {""#.to_owned()),
    ];
    leaf.prop_recursive(3, 24, 4, |inner| {
        let text = inner.clone().prop_map(|json| serde_json::to_string(&json).unwrap());
        let list = prop::collection::vec(inner.clone(), 0..4).prop_map(|items| format!("[{}]", items.join(",")));
        let object = prop::collection::vec((name(), inner), 0..4).prop_map(|fields| object_of(&fields));
        prop_oneof![text, list, object]
    })
}

/// Names that copies have.
fn name() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        "data",
        "attach",
        "objects",
        "msgType",
        "type",
        "tMembers",
        "yidunRes",
        "members",
        "fileinfo",
        "callback",
        "callbackBody",
        "channelId",
        "id",
        "evidences",
        "labels",
        "body",
        "msgBody",
        "timestamp",
        "msgidServer",
        "x",
    ])
}

fn object_of(fields: &[(&'static str, String)]) -> String {
    let fields: Vec<_> = fields.iter().map(|(name, value)| format!("\"{name}\":{value}")).collect();
    format!("{{{}}}", fields.join(","))
}

/// Reads everything there is to read on demand.
fn dig(event: &Event) {
    match event.payload() {
        Payload::CopyMessage(message) => drop((message.attachment(), message.yidun())),
        Payload::CopyChatroomMessage(message) => drop((message.attachment(), message.yidun())),
        Payload::CopyCallDuration(call) => drop(call.members()),
        Payload::CopyCallRecording(recording) => drop(recording.files()),
        Payload::CopyDedicatedLineEnd(line) => drop(line.call()),
        other => drop(serde_json::to_string(&other).unwrap()),
    }
}

proptest! {
    #[test]
    fn any_object_is_some_kind_of_copy_and_keeps_every_character(
        number in prop_oneof![0..100_i64, any::<i64>()],
        form in 0..4_u8,
        fields in prop::collection::vec((name(), json()), 0..8),
    ) {
        let event_type = match form {
            0 => format!("\"{number}\""),
            1 => number.to_string(),
            2 => format!("\"WORD_{number}\""),
            _ => "null".to_owned(),
        };
        let mut fields = fields;
        if form < 3 {
            fields.push(("eventType", event_type));
        }
        let body = object_of(&fields);
        let Ok(event) = Event::from_json(body.clone()) else {
            prop_assert!(form == 3, "{body}");
            return Ok(());
        };
        prop_assert_eq!(event.data().get(), &body);
        dig(&event);
    }
}
