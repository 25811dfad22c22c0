//! UserSig and TC3 against vectors: published ones, and ones made with the official libraries and a frozen clock.

use std::time::Duration;

use jiff::Timestamp;
use offhook::clock::Clock;
use offhook::tencent::tc3::{Credentials, Request};
use offhook::tencent::user_sig::{ReadError, Untrusted};
use offhook::tencent::{Privileges, RoomId, UserId, UserSig, UserSigKey, UserSigs};
use proptest::prelude::*;
use serde::Deserialize;

/// Made with `tls-sig-api-v2` (npm 1.0.2, `PyPI` 1.1) and with the stored blocks of the Go library.
#[derive(Deserialize)]
struct UserSigVector {
    name: String,
    sdkappid: u32,
    key: String,
    user: String,
    expire: u64,
    time: i64,
    room: Option<serde_json::Value>,
    privileges: Option<u32>,
    sig: String,
    user_buf: Option<String>,
    texts: Vec<String>,
}

#[derive(Deserialize)]
struct Tc3Vector {
    name: String,
    secret_id: String,
    secret_key: String,
    service: String,
    headers: Vec<(String, String)>,
    timestamp: i64,
    body: String,
    canonical: String,
    string_to_sign: String,
    authorization: String,
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).expect("a second")
}

fn user_sig_vectors() -> Vec<UserSigVector> {
    serde_json::from_str(include_str!("vectors/user_sig.json")).expect("vectors")
}

fn privileges(bits: u32) -> Privileges {
    let all = [
        Privileges::CREATE_ROOM,
        Privileges::ENTER_ROOM,
        Privileges::SEND_AUDIO,
        Privileges::RECEIVE_AUDIO,
        Privileges::SEND_VIDEO,
        Privileges::RECEIVE_VIDEO,
        Privileges::SEND_SUB_STREAM,
        Privileges::RECEIVE_SUB_STREAM,
    ];
    let chosen = all.into_iter().filter(|one| bits & one.bits() != 0).reduce(|all, one| all | one).expect("some bits");
    assert_eq!(chosen.bits(), bits);
    chosen
}

#[test]
fn what_official_libraries_make_is_read_and_believed_and_what_we_make_says_the_same() {
    let vectors = user_sig_vectors();
    assert!(vectors.len() >= 8 && vectors.iter().any(|vector| vector.texts.len() == 3));
    for vector in vectors {
        let (name, key) = (&vector.name, UserSigKey::new(vector.sdkappid, vector.key.as_str()));
        let user = UserId::parse(&vector.user).unwrap();
        let (expire, now) = (Duration::from_secs(vector.expire), at(vector.time));
        let room = vector.room.map(|room| match room.as_u64() {
            Some(number) => RoomId::number(number).unwrap(),
            None => RoomId::text(room.as_str().unwrap()).unwrap(),
        });
        let made = match room {
            Some(room) => key.make_private_map_key(&user, &room, privileges(vector.privileges.unwrap()), expire, now),
            None => key.make(&user, expire, now),
        };
        let made = UserSig::read(made.expose()).unwrap();
        assert_eq!(made.sig, vector.sig, "{name}");
        assert_eq!(made.user_buf.is_some(), vector.user_buf.is_some(), "{name}");
        for text in &vector.texts {
            let read = UserSig::read(text).unwrap();
            assert_eq!(read, made, "{name}");
            assert_eq!(read.verify(&key, now), Ok(()), "{name}");
        }
    }
}

#[test]
fn a_published_user_sig_whose_key_nobody_knows_is_read() {
    let text = "eJw1jUsOgkAQBa9CZm1wej4Nmrjwu1AxEeQABAZsDTgBNBrj3RXFbb1UvSc7bCO3oYKNHabaeb6ZJRhcpo94EZkwPYFcjfLQrOUSStof09\
                2wqGxsgwkbOF-V3C3V5mOD1lpwznveZOfEWsq6RXEOvi8R**1m6u5OuPxfaan8NjxE5YHQ0HPKTNVSTj-hqhDBF1Kx1xv7mTKR";
    let read = UserSig::read(text).unwrap();
    assert_eq!((read.sdk_app_id, read.identifier.as_str()), (1_400_188_366, "u46618234"));
    assert_eq!((read.time, read.expire, read.user_buf), (1_766_471_251, 15_552_000, None));
}

#[test]
fn a_user_sig_holds_until_its_last_second_and_for_its_own_key_only() {
    let key = UserSigKey::new(1_400_704_311, "a-made-up-key");
    let user = UserId::parse("lin_yue").unwrap();
    let made = UserSig::read(key.make(&user, Duration::from_secs(60), at(1000)).expose()).unwrap();
    assert_eq!(made.verify(&key, at(1060)), Ok(()));
    assert_eq!(made.verify(&key, at(1061)), Err(Untrusted::Expired(at(1060))));
    let other = UserSigKey::new(1_400_704_311, "a-made-up-kez");
    assert_eq!(made.verify(&other, at(1000)), Err(Untrusted::Signature));
    let elsewhere = UserSigKey::new(1_400_704_312, "a-made-up-key");
    let refused = Untrusted::OtherApp { expected: 1_400_704_312, found: 1_400_704_311 };
    assert_eq!(made.verify(&elsewhere, at(1000)), Err(refused));
    for change in [
        |sig: &mut UserSig| sig.identifier.push('x'),
        |sig: &mut UserSig| sig.expire += 1,
        |sig: &mut UserSig| sig.time += 1,
        |sig: &mut UserSig| sig.user_buf = Some(vec![1]),
    ] {
        let mut changed = made.clone();
        change(&mut changed);
        assert_eq!(changed.verify(&key, at(1001)), Err(Untrusted::Signature));
    }
}

#[test]
fn what_is_no_user_sig_is_told_apart() {
    let key = UserSigKey::new(1_400_704_311, "a-made-up-key");
    let good = key.make(&UserId::parse("lin_yue").unwrap(), Duration::from_secs(60), at(1000));
    let good = good.expose();
    let read = |text: &str| UserSig::read(text).unwrap_err();
    assert_eq!(read(&good[..good.len() / 2 / 4 * 4]), ReadError::NotZlib);
    assert_eq!(read(&good.replace('e', "%")), ReadError::NotBase64);
    assert_eq!(read("abcd"), ReadError::NotZlib);
    assert_eq!(read(""), ReadError::NotZlib);
    assert_eq!(read(&"A".repeat(20_000)), ReadError::TooLong(20_000));
    let unpadded = good.trim_end_matches('_');
    assert!(UserSig::read(unpadded).is_ok());
}

#[test]
fn a_user_sig_at_hand_is_renewed_long_before_it_ends_and_when_it_was_refused() {
    let now = std::sync::Arc::new(std::sync::atomic::AtomicI64::new(1000));
    let clock = {
        let now = std::sync::Arc::clone(&now);
        Clock::custom(move || at(now.load(std::sync::atomic::Ordering::Relaxed)))
    };
    let user_sigs = UserSigs::new(UserSigKey::new(1, "k"), Duration::from_secs(400), clock);
    let user = UserId::parse("administrator").unwrap();
    let time = |second: i64| {
        now.store(second, std::sync::atomic::Ordering::Relaxed);
        UserSig::read(user_sigs.get(&user).expose()).unwrap().time
    };
    assert_eq!([time(1000), time(1299), time(1300)], [1000, 1000, 1300]);
    assert_eq!(time(1200), 1200, "a clock set back");
    now.store(1201, std::sync::atomic::Ordering::Relaxed);
    user_sigs.forget(&user);
    assert_eq!(time(1201), 1201);
}

#[test]
fn tc3_holds_byte_for_byte() {
    let vectors: Vec<Tc3Vector> = serde_json::from_str(include_str!("vectors/tc3.json")).unwrap();
    assert_eq!(vectors.iter().filter(|vector| vector.name.starts_with("published")).count(), 4);
    for vector in vectors {
        let headers: Vec<_> = vector.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let request = Request {
            service: &vector.service,
            headers: &headers,
            body: vector.body.as_bytes(),
            at: at(vector.timestamp),
        };
        assert_eq!(request.canonical(), vector.canonical, "{}", vector.name);
        assert_eq!(request.string_to_sign(), vector.string_to_sign, "{}", vector.name);
        let (secret_id, secret_key) = (vector.secret_id.clone(), vector.secret_key.into());
        let credentials = Credentials { secret_id, secret_key, token: None };
        assert_eq!(request.authorization(&credentials), vector.authorization, "{}", vector.name);
    }
}

proptest! {
    #[test]
    fn whatever_is_made_is_read_back(user in "[a-zA-Z0-9_-]{1,32}", app: u32, key in ".{1,80}", time in 0_i64..4_000_000_000, expire in 0_u64..40_000_000) {
        let key = UserSigKey::new(app, key);
        let made = key.make(&UserId::parse(&user).unwrap(), Duration::from_secs(expire), at(time));
        let read = UserSig::read(made.expose()).unwrap();
        prop_assert_eq!((&*read.identifier, read.sdk_app_id, read.time, read.expire), (&*user, app, time, expire));
        prop_assert_eq!(read.verify(&key, at(time)), Ok(()));
    }

    #[test]
    fn no_text_makes_reading_panic(text in "[a-zA-Z0-9*_-]{0,300}", any in ".{0,60}") {
        let _ = UserSig::read(&text);
        let _ = UserSig::read(&any);
    }
}
