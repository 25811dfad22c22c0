//! Bodies that are not as the tables of fields say: real ones are not either.

use super::{Case, must, should};
use crate::cli::conform::case::Expects;

pub(super) const CASES: &[Case] = &[
    must(
        "fields_missing",
        r#"the body {"eventType":20}: no other field"#,
        |platform| vec![platform.ask(r#"{"eventType":20}"#)],
        Expects::Verdict,
        "the documentation warns that any field may be missing",
    ),
    must(
        "fields_unknown",
        "a call with fields that nobody documents, an object among them",
        |platform| {
            vec![
                platform
                    .ask(r#"{"eventType":20,"fromAccount":"lin.yue","aNewField":{"deep":[1,{"er":null}]},"x":1.5}"#),
            ]
        },
        Expects::Verdict,
        "the platform adds fields; strict parsing would refuse every call from that day on",
    ),
    must(
        "numbers_as_text",
        "a call with numbers and booleans as texts, and texts as numbers",
        |platform| {
            vec![platform.ask(
                r#"{"callType":"2","eventType":20,"forceKeepCalling":1,"fromAccount":"lin.yue","fromClientPort":50867,"fromClientType":2,"timestamp":1767225600000,"toAccountList":"[\"chen.bo\"]"}"#,
            )]
        },
        Expects::Verdict,
        "types differ between the platform's own pages, samples and SDKs",
    ),
    should(
        "types_impossible",
        "a call whose fields have types that make no sense",
        |platform| {
            vec![platform.ask(r#"{"eventType":20,"callType":{},"fromAccount":null,"toAccountList":7,"timestamp":[]}"#)]
        },
        Expects::Verdict,
        "a field that cannot be used is no reason to leave the question unanswered",
    ),
    should(
        "event_type_as_text",
        r#"a call with "eventType":"20""#,
        |platform| vec![platform.ask(r#"{"eventType":"20","fromAccount":"lin.yue"}"#)],
        Expects::Verdict,
        "message copies write it as text, and an address is easily entered in the wrong place",
    ),
    must(
        "big_ids",
        "a recall (eventType 35) with a msgId above 2^53",
        |platform| {
            vec![platform.ask(
                r#"{"eventType":35,"fromAccount":"lin.yue","msgId":184409700039655569,"opeType":8,"time":1767225600000,"timestamp":"1767225600000","toAccount":"chen.bo"}"#,
            )]
        },
        Expects::Verdict,
        "ids are larger than a double can hold exactly",
    ),
    must(
        "unicode",
        "Chinese text and emoji as UTF-8",
        |platform| {
            vec![platform.ask(r#"{"eventType":1,"fromAccount":"lin.yue","fromNick":"林月 👩‍👩‍👧","body":"晚上八点开会，别忘了 𠮷","to":"chen.bo"}"#)]
        },
        Expects::Verdict,
        "a digest over text in the machine's own charset is wrong as soon as a name is Chinese",
    ),
    must(
        "escapes",
        "the same call written in other ways: escapes, blanks, line ends, another order of keys, 1.0",
        |platform| {
            let written: [&[u8]; 4] = [
                br#"{"notifyAttach":"\u5468\u672b \/ \ud83d\udc4b","eventType":20,"fromAccount":"lin.yue"}"#,
                b"{ \"timestamp\" : \"1767225600000\",\r\n\t\"eventType\" : 20, \"fromAccount\":\"lin.yue\" }\n",
                br#"{"zeta":1.0,"eventType":20,"fromAccount":"lin.yue","alpha":1e2}"#,
                br#"{"fromAccount":"lin.yue","eventType":20,"fromAccount":"lin.yue"}"#,
            ];
            written.map(|body| platform.ask(body)).to_vec()
        },
        Expects::Verdict,
        "the digest is over the bytes as they came; over parsed and rewritten JSON it is another one",
    ),
];
