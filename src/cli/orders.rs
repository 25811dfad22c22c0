//! Gives an order about deliveries: to the server of the journal, or carries it out here where none runs.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use tokio::time::sleep;

use super::journal::JournalArgs;
use super::{output, runtime, serve};
use crate::admin::control;
use crate::clock::Clock;
use crate::config;
use crate::deliver::{self, AnyHandler, LaneSettings, Order, Orders, Taken};
use crate::journal::{Erasure, Journal, Options, Parked, Reader, Replay, Retention, Which};
use crate::metrics::Metrics;

/// How often it is looked how far an order is.
const LOOK: Duration = Duration::from_millis(100);
/// What was accepted must be durable when this command ends.
const CLOSING: Duration = Duration::from_secs(10);

/// An order that was given; it may still be under way.
pub(super) struct Given {
    pub(super) taken: Taken,
    journal: Options,
}

/// Gives `order`.
pub(super) fn give(journal: &JournalArgs, order: &Order) -> anyhow::Result<Given> {
    let options = journal.options()?;
    // It must be a journal before anything is done to it.
    Reader::of(&options)?;
    runtime::on_all_cores(async {
        let taken = match control::ask(&options.path, order).await? {
            Some(taken) => taken,
            None => carry_out_here(journal, &options, order).await?,
        };
        Ok(Given { taken, journal: options })
    })
}

impl Given {
    /// Waits until the replay is over.
    pub(super) fn replay(&self, number: i64) -> anyhow::Result<Replay> {
        self.wait(|reader| {
            let replay = reader.replay(number)?.with_context(|| format!("replay {number} is not in the journal"))?;
            Ok(replay.ended.then_some(replay))
        })
    }

    /// Waits until the erasure is over.
    pub(super) fn erasure(&self, number: i64) -> anyhow::Result<Erasure> {
        self.wait(|reader| {
            let erasure = reader.erasure(number)?;
            let erasure = erasure.with_context(|| format!("erasure {number} is not in the journal"))?;
            Ok(erasure.ended_at.is_some().then_some(erasure))
        })
    }

    /// Waits until each of `which` was tried; those that are parked still.
    pub(super) fn parked(&self, which: &Which) -> anyhow::Result<Vec<Parked>> {
        self.wait(|reader| {
            let parked = meant(reader, which)?;
            Ok(parked.iter().all(|parked| !parked.asked).then_some(parked))
        })
    }

    fn wait<T>(&self, mut look: impl FnMut(&Reader) -> anyhow::Result<Option<T>>) -> anyhow::Result<T> {
        let reader = Reader::of(&self.journal)?;
        runtime::on_this_thread(async {
            loop {
                if let Some(found) = look(&reader)? {
                    return Ok(found);
                }
                sleep(LOOK).await;
            }
        })
    }
}

/// The parked deliveries that `which` means.
pub(super) fn meant(reader: &Reader, which: &Which) -> anyhow::Result<Vec<Parked>> {
    let mut parked = reader.parked(which.handler.as_deref())?;
    parked.retain(|parked| which.ids.is_empty() || which.ids.contains(&parked.id));
    Ok(parked)
}

/// No server runs on the journal: this command is it for a moment. Handlers come from the configuration.
async fn carry_out_here(journal: &JournalArgs, place: &Options, order: &Order) -> anyhow::Result<Taken> {
    let clock = Clock::system();
    let needs_handlers = matches!(order, Order::Replay { .. } | Order::Retry(_));
    let configuration = journal.configuration();
    let (options, handlers) = if needs_handlers {
        let config = config::load(&configuration, &clock)
            .map_err(anyhow::Error::from)
            .context("no server runs on this journal, so its handlers are taken from the configuration")?;
        runtime::log(config.log, "warn");
        let place = Options { path: place.path.clone(), nats: place.nats.clone(), ..config.journal };
        (place, serve::handlers_of(config.handlers, &clock)?)
    } else {
        (place.clone(), Vec::new())
    };
    // A command that delivers does not delete.
    let options = Options { retention: Retention::default(), ..options };
    output::talk("no server runs on this journal; this command does it itself");
    let metrics = Metrics::new(Duration::from_secs(1));
    let opened = Journal::open(options, clock.clone(), Arc::clone(&metrics))?;
    let orders = Orders::new(opened.clone(), clock.clone());
    orders.are_for(handlers.iter().map(|(lane, _)| Arc::clone(&lane.name)).collect());
    let taken = tokio::task::spawn_blocking({
        let (orders, order) = (orders.clone(), order.clone());
        move || orders.take(&order)
    });
    let taken = taken.await??;
    finish(&orders, &opened, handlers, &metrics, &clock).await?;
    if let (Order::Erase { .. }, Some(number)) = (order, taken.replay) {
        let reader = opened.reader();
        while reader.erasure(number)?.is_some_and(|erasure| erasure.ended_at.is_none()) {
            sleep(LOOK).await;
        }
    }
    opened.close(CLOSING).await;
    Ok(taken)
}

async fn finish(
    orders: &Orders,
    journal: &Journal,
    handlers: Vec<(LaneSettings, AnyHandler)>,
    metrics: &Metrics,
    clock: &Clock,
) -> anyhow::Result<()> {
    let work = deliver::carry_out(orders, journal, handlers, metrics, clock);
    tokio::select! {
        done = work => done.map_err(anyhow::Error::msg),
        _ = runtime::asked_to_stop() => anyhow::bail!("stopped; what is left is done when `serve` starts again"),
    }
}
