//! The inspector in a real browser: Chromium without a window, from `scripts/browser`.

mod cast;
mod driver;
mod pace;
mod pictures;

use serde_json::json;

use crate::admin::plan;
use crate::world::{APP_KEY, Inbox, Wire, World, within_reason};
use cast::{Browser, Looks};
use driver::Key;

async fn world() -> World {
    World::of(plan(true, None, |builder| builder.handler(Inbox::named("inbox")))).await
}

/// Sends `count` calls over a few connections, as fast as they are answered.
pub(crate) async fn crowd(world: &World, count: usize) {
    const CONNECTIONS: usize = 16;
    let mut clients = tokio::task::JoinSet::new();
    for _ in 0..CONNECTIONS {
        let yunxin = world.yunxin();
        clients.spawn(async move {
            let mut wire: Wire = yunxin.connects().await;
            for number in 0..count / CONNECTIONS {
                // One at a time is another CurTime each, and no repeat.
                let body = format!(
                    r#"{{"eventType":20,"fromAccount":"caller-{number}","mark":{:?}}}"#,
                    crate::world::random(0..usize::MAX)
                );
                wire.writes(yunxin.asks_with(body).bytes()).await;
                wire.answer().await.is_allowed();
            }
        });
    }
    while let Some(done) = clients.join_next().await {
        done.expect("an answer");
    }
}

const ROWS: &str = "[...document.querySelectorAll('.row')].filter((row) => !row.hidden)";

#[tokio::test(flavor = "multi_thread")]
async fn the_list_is_live_filtered_and_speaks_two_languages() {
    let world = world().await;
    let Some(browser) = Browser::opens(&world, Looks::default()).await else { return };
    browser.reads("No callback yet").await;
    browser.reads("offhook send call.start --to http://127.0.0.1:").await;
    world.yunxin().sends("call.start").await.is_allowed();
    browser.sees(&format!("{ROWS}.length === 1")).await;
    browser.sees("document.querySelector('.row .ms')?.textContent.endsWith('s')").await;
    for kind in ["message.p2p", "login.im", "call.start"] {
        world.yunxin().sends(kind).await;
    }
    browser.sees(&format!("{ROWS}.length === 4")).await;
    browser.types("input[name=kind]", "call.*").await;
    browser.sees(&format!("{ROWS}.length === 2")).await;
    world.yunxin().sends("room.create").await;
    world.yunxin().sends("call.start").await;
    browser.sees(&format!("{ROWS}.length === 3 && {ROWS}.every((row) => row.innerText.includes('call.start'))")).await;
    browser.types("input[name=kind]", "message.*").await;
    browser.sees(&format!("{ROWS}.length === 1 && {ROWS}[0].innerText.includes('message.p2p')")).await;
    browser.clicks("[data-do=language]").await;
    browser.reads("裁决者").await;
    browser.sees("document.querySelector('input[name=kind]')?.value === 'message.*'").await;
    browser.sees("document.documentElement.lang === 'zh-CN'").await;
    browser.reloads().await;
    browser.reads("裁决").await;
    browser.closes().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_event_is_opened_by_keys_unmasked_and_delivered_again() {
    let inbox = Inbox::named("inbox");
    let kept = inbox.clone();
    let world = World::of(plan(true, None, move |builder| builder.handler(kept.clone()))).await;
    let Some(browser) = Browser::opens(&world, Looks { language: "zh-CN", ..Looks::default() }).await else { return };
    browser.sees("document.querySelector('.state.live')").await;
    let body = r#"{"eventType":1,"fromAccount":"13812341234","body":"see you at eight"}"#;
    world.yunxin().sends_body(body).await.is_allowed();
    let id = inbox.gets(1).await[0].id();
    browser.sees(&format!("{ROWS}.length === 1")).await;
    browser.runs("document.querySelector('.rows').focus()").await;
    browser.presses(&[Key::Down, Key::Enter]).await;
    browser.sees(&format!("location.hash === '#/events/{id}'")).await;
    browser.reads("写入磁盘").await;
    browser.sees("document.querySelector('[data-handler=inbox] .tries li')?.innerText.includes('送达')").await;
    browser.sees("document.querySelectorAll('.detail .tick').length === 5").await;
    let shown = browser.text(".detail").await;
    assert!(shown.contains("138****1234") && !shown.contains("see you") && !shown.contains("13812341234"), "{shown}");
    browser.clicks("[data-do=unmask]").await;
    browser.reads("see you at eight").await;
    browser.clicks("[data-do=raw]").await;
    browser.sees(&format!("document.querySelector('.detail pre')?.textContent === {}", json!(body))).await;
    browser.clicks("[data-do=replay]").await;
    browser.reads("已重新投递给 inbox").await;
    assert!(inbox.gets(2).await[1].is_replayed());
    browser.sees("document.querySelector('.tries li:nth-child(2)')?.innerText.includes('人工触发')").await;
    browser.runs("document.querySelector('[data-do=close]').focus()").await;
    browser.presses(&[Key::Escape]).await;
    browser.sees("document.querySelector('.detail')?.hidden").await;
    // A link leads to it directly.
    browser.goes_to(&format!("/#/events/{id}")).await;
    browser.reloads().await;
    browser.sees("document.querySelector('.detail h1')?.innerText.includes('message.p2p')").await;
    browser.closes().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn why_a_callback_was_refused_is_found_without_reading_logs() {
    let world = world().await;
    let Some(browser) = Browser::opens(&world, Looks::default()).await else { return };
    world.yunxin().forges("call.start").await;
    browser.sees("document.querySelector('.badge')?.textContent === '1'").await;
    browser.reads("Something came, and was refused: 1 so far.").await;
    browser.clicks(".empty a[href='#/refusals']").await;
    browser.reads("check_sum_mismatch").await;
    browser.reads("The secret differs from the console's").await;
    browser.sees(&format!("document.querySelector('.apps')?.innerText.includes({})", json!(APP_KEY))).await;
    browser.clicks("nav a[data-view=send]").await;
    browser.sees("document.querySelector('textarea')?.value.includes('eventType')").await;
    browser.runs("document.querySelector('[name=tamper]').value = 'stale'").await;
    browser.clicks("[data-do=send-sample]").await;
    browser.reads("CurTime is 3600 s behind").await;
    browser.runs("document.querySelector('[name=tamper]').value = ''").await;
    browser.clicks("[data-do=send-sample]").await;
    browser.reads("responseCode").await;
    browser.clicks("nav a[data-view=overview]").await;
    browser.reads("Verdicts by kind").await;
    browser.sees("document.querySelectorAll('.bars .track').length >= 3").await;
    browser.sees("[...document.querySelectorAll('td')].some((cell) => cell.textContent === 'inbox')").await;
    browser.closes().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn with_a_token_one_signs_in_first() {
    let world = World::of(plan(false, Some("open-sesame-4711"), |builder| builder)).await;
    let Some(browser) = Browser::opens(&world, Looks::default()).await else { return };
    browser.sees("document.querySelector('input[name=token]')").await;
    browser.types("input[name=token]", "guess").await;
    browser.reads("This is not the token").await;
    browser.types("input[name=token]", "open-sesame-4711").await;
    browser.reads("No callback yet").await;
    world.yunxin().sends("call.start").await.is_allowed();
    browser.sees(&format!("{ROWS}.length === 1")).await;
    assert_eq!(browser.runs("return document.cookie").await, "", "no script can read it");
    browser.reloads().await;
    browser.sees(&format!("{ROWS}.length === 1")).await;
    browser.clicks(".top button:last-child").await;
    browser.sees("document.querySelector('input[name=token]')").await;
    browser.closes().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_rows_scroll_and_a_burst_leaves_the_page_at_ease() {
    let world = world().await;
    crowd(&world, 10_000).await;
    let Some(browser) = Browser::opens(&world, Looks::default()).await else { return };
    browser.sees("document.querySelector('.state.live')").await;
    // Down to the end, page after page, as long as there is more.
    let scrolled = "const rows = document.querySelector('.rows'); rows.scrollTop = rows.scrollHeight; \
                    return Number(document.querySelector('.row').getAttribute('aria-setsize'))";
    within_reason(async { while browser.runs(scrolled).await != 10_000 {} }).await;
    browser.runs("document.querySelector('.rows').scrollTop = 150000").await;
    let filled = "(() => { const box = document.querySelector('.rows').getBoundingClientRect(); \
                  return document.elementFromPoint(box.left + 300, box.top + box.height / 2)?.closest('.row'); })()";
    browser.sees(filled).await;
    browser.sees("document.querySelectorAll('.row').length < 80").await;
    browser.runs("document.querySelector('.rows').focus()").await;
    browser.presses(&[Key::End]).await;
    browser.sees("document.querySelector('.row[aria-selected=true]')?.getAttribute('aria-posinset') === '10000'").await;
    browser
        .runs(
            "document.querySelector('.rows').scrollTop = 0; window.frames_ = 0; \
        const count = () => { window.frames_ += 1; requestAnimationFrame(count); }; count();",
        )
        .await;
    // A burst: the page goes on drawing, and ends up with all of it.
    let before = world.keeps(10_000).await.len();
    crowd(&world, 3200).await;
    browser
        .sees(&format!("document.querySelector('.row')?.getAttribute('aria-setsize') === '{}'", before + 3200))
        .await;
    browser.sees("window.frames_ > 10 && document.querySelectorAll('.row').length < 80").await;
    browser.closes().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn on_a_phone_nothing_sticks_out() {
    let world = world().await;
    let phone = Looks { language: "zh-CN", dark: true, size: (390, 844) };
    let Some(browser) = Browser::opens(&world, phone).await else { return };
    browser.reads("还没有收到回调").await;
    world.yunxin().sends("call.start").await.is_allowed();
    world.yunxin().forges("call.start").await;
    let fits = "document.documentElement.scrollWidth <= innerWidth";
    for view in ["events", "refusals", "overview", "send"] {
        browser.clicks(&format!("nav a[data-view={view}]")).await;
        browser
            .sees(&format!("document.querySelector('[aria-current=page]').dataset.view === '{view}' && {fits}"))
            .await;
    }
    browser.clicks("nav a[data-view=events]").await;
    browser.clicks(".row").await;
    browser.sees(&format!("document.querySelector('.detail h1') && {fits}")).await;
    browser.sees("getComputedStyle(document.querySelector('.split .left .left')).display === 'none'").await;
    browser.clicks("[data-do=close]").await;
    browser.sees(&format!("{ROWS}.length === 1 && {ROWS}[0].getBoundingClientRect().width <= innerWidth")).await;
    browser.closes().await;
}
