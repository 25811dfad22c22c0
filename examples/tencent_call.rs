//! A call that the server places through Tencent's call engine, with media played into it.
//!
//! Run `offhook dev --tencent` in one terminal and `cargo run --example tencent_call` in another: a pretend phone rings,
//! is answered, hears the media, and is hung up.

#![expect(clippy::print_stdout, reason = "it tells how the call goes")]

use offhook::clock::Clock;
use offhook::tencent::call_engine::{Media, StartCall};
use offhook::tencent::ingest::Playing;
use offhook::tencent::play::{Asking, Plan, Played, Step, play};
use offhook::tencent::{Account, RoomId};

pub(crate) async fn call(account: &Account) -> Result<Played, Box<dyn std::error::Error>> {
    let clock = Clock::system();
    let (engine, ingests) = (account.call_engine(&clock)?, account.ingests(&clock)?);

    // A room with a letter in its name: Tencent's two documents disagree about others.
    let call = StartCall {
        room: Some(RoomId::text("clinic-7")?),
        user_data: Some("bed 7".to_owned()),
        ..StartCall::new("reminder-bot", vec!["jack".to_owned()], Media::Video)
    };
    let playing = Playing::once("https://example.com/please-take-your-medicine.mp4");
    let plan = Plan { call, playing, private_map_key: false };

    // Without callbacks the engine is asked once a second how the call goes.
    let mut witness = Asking::new(&engine, "reminder-bot");
    let tell = |step: Step| println!("{step:?}");
    let stop = async {
        // Ctrl-C stops the media and hangs up; without a signal to wait for, it is never asked to stop.
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    };
    Ok(play(&engine, &ingests, &plan, &mut witness, tell, stop).await?)
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    // The published test app, whose hosts are those of `dev --tencent`; in earnest, your app's key, region and pair.
    let played = call(&Account::of_dev()).await?;
    println!("{played:?}");
    Ok(())
}
