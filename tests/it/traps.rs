//! What is known to go wrong with Yunxin's callbacks: each trap of the documentation, and what becomes of it here.

#![expect(clippy::unwrap_used, reason = "a test that cannot get its world ready must stop")]

use offhook::lenient::Typed;
use offhook::yunxin::{
    ClientType, FriendChange, LoginChatroom, LoginIm, LoginQchat, Message, MessageRecall, TeamCreate, TeamInvite,
    TeamManagers, UserUpdate, sample,
};
use offhook::{Event, Payload};

fn typed<T: Typed>(body: &str) -> T {
    Event::from_json(body.to_owned()).unwrap().typed().unwrap()
}

#[test]
fn a_recall_has_its_own_time_as_text_and_the_messages_as_a_number() {
    let recall: MessageRecall =
        typed(r#"{"eventType":35,"opeType":8,"time":1767225840213,"timestamp":"1767227700000"}"#);
    assert_eq!((recall.time, recall.timestamp), (Some(1_767_225_840_213), Some(1_767_227_700_000)));
    let swapped: MessageRecall = typed(r#"{"eventType":35,"time":"1767225840213","timestamp":1767227700000}"#);
    assert_eq!((swapped.time, swapped.timestamp), (recall.time, recall.timestamp));
}

#[test]
fn a_message_id_above_two_to_the_53rd_keeps_every_digit() {
    for raw in ["184409700039655569", "\"184409700039655569\"", "18446744073709551615"] {
        let event = Event::from_json(format!(r#"{{"eventType":35,"msgId":{raw}}}"#)).unwrap();
        let digits = raw.trim_matches('"');
        assert_eq!(event.typed::<MessageRecall>().unwrap().msg_id_text().as_deref(), Some(digits));
        assert_eq!(event.message_id_text().as_deref(), Some(digits));
        assert_eq!(event.message_id().map(|id| id.to_string()).as_deref(), Some(digits));
        let written = serde_json::to_string(&event.payload()).unwrap();
        assert_eq!(written, format!(r#"{{"msgId":{digits}}}"#));
        assert_eq!(event.field("msgId").unwrap().get(), raw);
    }
}

#[test]
fn a_list_is_a_list_or_the_text_of_one() {
    for list in [r#"["an","bo"]"#, r#""[\"an\",\"bo\"]""#, r#""[\"an\", \"bo\"]""#] {
        let body = |number: i64, name: &str| format!(r#"{{"eventType":{number},"{name}":{list}}}"#);
        let expected = Some(vec!["an".to_owned(), "bo".to_owned()]);
        assert_eq!(typed::<TeamCreate>(&body(7, "inviteList")).invite_list, expected, "{list}");
        assert_eq!(typed::<TeamInvite>(&body(9, "inviteList")).invite_list, expected, "{list}");
        assert_eq!(typed::<TeamInvite>(&body(23, "inviteList")).invite_list, expected, "{list}");
        assert_eq!(typed::<TeamManagers>(&body(12, "managerList")).manager_list, expected, "{list}");
    }
}

#[test]
fn a_chatroom_logins_tags_are_no_json_and_its_roomid_has_a_small_i() {
    let login: LoginChatroom = typed(r#"{"eventType":37,"roomid":2600417,"tags":"[reader, host]","timestamp":""}"#);
    assert_eq!((login.roomid, login.timestamp), (Some(2_600_417), None));
    assert_eq!((login.tags.as_deref(), login.tags()), (Some("[reader, host]"), vec!["reader", "host"]));
    let real: LoginChatroom = typed(r#"{"eventType":37,"tags":"[\"reader\",\"host\"]","roomid":"2600417"}"#);
    assert_eq!((real.roomid, real.tags()), (Some(2_600_417), vec!["reader", "host"]));
    for nothing in [r#""""#, r#""[]""#, "null"] {
        let login: LoginChatroom = typed(&format!(r#"{{"eventType":37,"tags":{nothing}}}"#));
        assert_eq!(login.tags(), [""; 0], "{nothing}");
    }
}

#[test]
fn the_body_that_is_printed_for_a_login_is_a_recall_and_is_still_a_login_with_what_fits() {
    let body = sample("message.recall").unwrap().replace(r#""eventType":35"#, r#""eventType":36"#);
    let event = Event::from_json(body.clone()).unwrap();
    assert_eq!((event.kind().name(), event.subject()), ("login.im", Some("lin.yue")));
    let login: LoginIm = event.typed().unwrap();
    assert_eq!(login.from_client_type, Some(ClientType::Android));
    assert_eq!((login.auth_type, login.token), (None, None));
    assert_eq!(login.other["msgId"].get(), "187250631984726301");
    let mut again: Vec<_> = login.other.keys().map(String::as_str).collect();
    again.sort_unstable();
    assert_eq!(again, ["attach", "msg", "msgFromAccid", "msgId", "msgidClient", "opeType", "time", "toAccount"]);
}

#[test]
fn who_acts_has_another_name_in_a_profile_and_in_a_new_team() {
    let event = Event::from_json(r#"{"eventType":3,"account":"zhao.qing","fromAccount":"nobody"}"#).unwrap();
    assert_eq!(event.subject(), Some("zhao.qing"));
    assert_eq!(event.typed::<UserUpdate>().unwrap().account.as_deref(), Some("zhao.qing"));
    let event = Event::from_json(r#"{"eventType":7,"creator":"lin.yue"}"#).unwrap();
    assert_eq!(event.subject(), Some("lin.yue"));
    assert_eq!(event.client_type(), None);
    let event = Event::from_json(r#"{"eventType":3,"clientType":"mac"}"#).unwrap();
    assert_eq!(event.client_type(), Some(ClientType::Mac));
}

#[test]
fn a_clients_own_type_is_text_in_one_login_and_a_number_in_the_other() {
    for raw in ["0", "\"0\""] {
        let im: LoginIm = typed(&format!(r#"{{"eventType":36,"customClientType":{raw}}}"#));
        let qchat: LoginQchat = typed(&format!(r#"{{"eventType":40,"customClientType":{raw}}}"#));
        assert_eq!((im.custom_client_type.as_deref(), qchat.custom_client_type), (Some("0"), Some(0)));
    }
}

#[test]
fn a_number_may_be_a_text_and_an_attachment_an_object() {
    for raw in ["1", "\"1\"", "\" 1 \""] {
        let team: TeamCreate = typed(&format!(r#"{{"eventType":7,"type":{raw},"level":{raw}}}"#));
        assert_eq!((team.r#type, team.level), (Some(1), Some(1)));
        let friend: FriendChange = typed(&format!(r#"{{"eventType":4,"verifyType":{raw}}}"#));
        assert_eq!(friend.verify_type, Some(1));
    }
    for raw in [r#"{"name":"a.pdf","size":9007199254740993}"#, r#""{\"name\":\"a.pdf\",\"size\":9007199254740993}""#] {
        let message: Message = typed(&format!(r#"{{"eventType":1,"msgType":"FILE","attach":{raw}}}"#));
        let attach: serde_json::Value = message.attach().unwrap();
        assert_eq!((&attach["name"], &attach["size"]), (&"a.pdf".into(), &9_007_199_254_740_993_u64.into()));
    }
    let message: Message = typed(r#"{"eventType":1,"attach":"not JSON"}"#);
    assert_eq!(message.attach::<serde_json::Value>(), None);
    assert_eq!(message.attach.unwrap().as_str(), "not JSON");
}

#[test]
fn a_login_whose_number_came_as_text_is_the_login() {
    for (number, kind) in [(36, "login.im"), (37, "login.chatroom"), (40, "login.qchat")] {
        let event = Event::from_json(format!(r#"{{"eventType":"{number}","token":"t"}}"#)).unwrap();
        assert_eq!(event.kind().name(), kind);
        assert!(!matches!(event.payload(), Payload::Unknown(_)), "{kind}");
    }
}

#[test]
fn a_login_with_a_field_named_data_is_no_copy_that_everybody_may_send() {
    for (number, kind) in [(36, "login.im"), (37, "login.chatroom"), (40, "login.qchat")] {
        let event = Event::from_json(format!(r#"{{"eventType":{number},"authType":2,"data":{{}}}}"#)).unwrap();
        assert_eq!(event.kind().name(), kind);
        let copy = Event::from_json(format!(r#"{{"eventType":{number},"data":{{}}}}"#)).unwrap();
        assert_eq!(copy.kind().name(), format!("rtc.unknown.{number}"));
    }
}

#[test]
fn a_token_is_not_shown_by_a_debug_print() {
    for kind in ["login.im", "login.chatroom", "login.qchat"] {
        let event = Event::from_json(sample(kind).unwrap()).unwrap();
        let shown = format!("{:?} {event:?}", event.payload());
        assert!(!shown.contains("made-up-"), "{shown}");
    }
}
