//! Whom the admin listener answers: the token, signing in, foreign pages.

use serde_json::json;

use super::{Asker, json_of, plan, problem};
use crate::world::World;

const TOKEN: &str = "open-sesame-4711";

async fn locked() -> World {
    World::of(plan(true, Some(TOKEN), |builder| builder)).await
}

#[tokio::test]
async fn without_the_token_the_page_is_there_and_tells_nothing() {
    let world = locked().await;
    let asker = Asker::of(&world);
    assert_eq!(asker.asks("/").await.status, 200);
    assert_eq!(asker.gets("/api/session").await, json!({"needs_token": true, "signed_in": false}));
    for path in [
        "/metrics",
        "/api/events",
        "/api/events/live",
        "/api/refusals",
        "/api/numbers",
        "/api/lanes",
        "/api/parked",
        "/api/samples",
        "/api/kinds",
    ] {
        let (status, code, message) = problem(&asker.asks(path).await);
        assert_eq!((status, &*code), (401, "token_needed"), "{path}: {message}");
    }
    for path in ["/api/send", "/api/replays", "/api/parked/retry", "/api/parked/drop", "/api/refusals/unmask"] {
        assert_eq!(asker.orders(path, json!({})).await.status, 401, "{path}");
    }
    let shown = asker.with(&format!("Authorization: Bearer {TOKEN}"));
    assert_eq!(shown.gets("/api/session").await["signed_in"], true);
    assert_eq!(shown.asks("/api/events").await.status, 200);
}

#[tokio::test]
async fn signing_in_gives_a_cookie_that_scripts_and_other_sites_cannot_use() {
    let world = locked().await;
    let asker = Asker::of(&world);
    let wrong = asker.orders("/api/login", json!({"token": "guess"})).await;
    assert_eq!((wrong.status, wrong.header("set-cookie")), (401, ""));
    let right = asker.orders("/api/login", json!({"token": TOKEN})).await;
    let cookie = right.header("set-cookie").to_owned();
    for part in ["HttpOnly", "SameSite=Strict", "Path=/", "Max-Age="] {
        assert!(cookie.contains(part), "{part} in {cookie}");
    }
    assert!(!cookie.contains(TOKEN));
    let pair = cookie.split(';').next().unwrap_or_default();
    let signed_in = asker.with(&format!("Cookie: a=b; {pair}"));
    assert_eq!(json_of(&signed_in.asks("/api/session").await)["write"], true);
    assert_eq!(signed_in.asks("/api/events").await.status, 200);
    assert_eq!(asker.with("Cookie: offhook_session=x").asks("/api/events").await.status, 401);
    signed_in.orders("/api/logout", json!({})).await;
    assert_eq!(signed_in.asks("/api/events").await.status, 401, "signing out ends it here too");
}

#[tokio::test]
async fn a_foreign_page_can_neither_read_nor_post() {
    let world = World::of(plan(true, None, |builder| builder)).await;
    let asker = Asker::of(&world);
    for headers in ["Host: evil.example", "Origin: http://evil.example", "Origin: null"] {
        for path in ["/", "/api/session", "/api/events", "/api/events/live"] {
            assert_eq!(asker.with(headers).asks(path).await.status, 403, "{headers} {path}");
        }
        assert_eq!(asker.with(headers).orders("/api/send", json!({"body": "{}"})).await.status, 403, "{headers}");
    }
    // A picture on another page may not even be asked for: it could hold a stream open.
    for site in ["cross-site", "same-site"] {
        let picture = asker.with(&format!("Sec-Fetch-Site: {site}")).with("Sec-Fetch-Dest: image");
        assert_eq!(picture.asks("/api/events/live").await.status, 403, "{site}");
        let link = asker.with(&format!("Sec-Fetch-Site: {site}")).with("Sec-Fetch-Dest: document");
        assert_eq!(link.asks("/").await.status, 200, "{site}");
    }
    assert_eq!(asker.with("Sec-Fetch-Site: none").asks("/api/events").await.status, 200);
    let own = format!("Origin: http://{}", asker.address);
    assert_eq!(asker.with(&own).asks("/api/events").await.status, 200);
    let (status, code, message) = problem(&asker.with(&own).posts("/api/send", &json!({"body": "{}"})).await);
    assert_eq!((status, &*code), (403, "header_needed"), "{message}");
    assert_eq!(asker.with(&own).orders("/api/send", json!({"body": "{}"})).await.status, 200);
}
