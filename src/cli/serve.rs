//! `offhook serve`: the receiver.

mod reload;

use std::path::PathBuf;
use std::sync::Arc;

use super::{Exit, Outcome, output, runtime};
use crate::app::App;
use crate::clock::Clock;
use crate::config::{self, Config, Sources};
use crate::decide::{self, Shared};
use crate::deliver::{AnyHandler, LaneSettings};
use crate::handlers;
use crate::metrics::Metrics;
use crate::receiver::Builder;

/// Receive, decide, keep, answer and deliver
///
/// Needs at least one app: from the configuration, or OFFHOOK_APP_KEY and OFFHOOK_APP_SECRET.
/// SIGHUP or a changed file (this one, a list, a secret) reloads apps, secrets, verdicts, deciders, lists and handlers; a bad new file keeps the old one.
/// SIGTERM and Ctrl-C finish what was accepted first. Exit 75 if something accepted is not durable.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  offhook serve --config offhook.toml
  OFFHOOK_APP_KEY=… OFFHOOK_APP_SECRET=… offhook serve")]
pub(super) struct Args {
    /// The configuration [default: the defaults and the environment]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

pub(super) fn run(args: Args) -> Outcome {
    let clock = Clock::system();
    let config = config::load(&Sources::of_process(args.config.clone()), &clock)?;
    runtime::log(config.log, "info");
    for warning in &config.warnings {
        tracing::warn!("{warning}");
    }
    runtime::allow_many_connections();
    runtime::on_all_cores(async {
        let (admin, lasting) = (config.admin.clone(), config.lasting());
        let (shared, files) = (Shared::new(Metrics::new(config.edge.deadline)), config.files());
        let app = App::build(builder(config, &clock, &shared)?, Some(admin)).await?;
        let addresses = app.addresses()?;
        let admin = addresses.admin.map(tracing::field::display);
        tracing::info!(public = %addresses.public, admin, "ready");
        let keeping_up = reload::whenever_asked(Arc::clone(app.receiver()), args.config, files, lasting, shared, clock);
        let ended = tokio::select! {
            ended = app.run(runtime::asked_to_stop()) => ended,
            never = keeping_up => match never {},
        };
        if ended.unkept == 0 {
            tracing::info!("stopped: everything accepted is on disk");
            return Ok(Exit::Yes);
        }
        output::talk(format_args!("error: {} accepted event(s) could not be made durable in time", ended.unkept));
        Ok(Exit::NotDurable)
    })
}

/// The handlers that a configuration describes; what they print goes to stdout.
pub(super) fn handlers_of(
    settings: Vec<handlers::Settings>,
    clock: &Clock,
) -> Result<Vec<(LaneSettings, AnyHandler)>, handlers::BuildError> {
    let stdout = || Box::new(std::io::stdout()) as Box<dyn std::io::Write + Send>;
    settings.into_iter().map(|settings| handlers::build(settings, clock, stdout)).collect()
}

/// The receiver that `config` describes; `shared` is what outlives a reload.
pub(super) fn builder(config: Config, clock: &Clock, shared: &decide::Shared) -> anyhow::Result<Builder> {
    let Config { edge, apps, callbacks, policy, deciders, journal, handlers, .. } = config;
    let deciders: Result<Vec<_>, _> = deciders.into_iter().map(|settings| decide::build(settings, shared)).collect();
    let handlers = handlers_of(handlers, clock)?;
    let apps = apps.iter().cloned().collect();
    Ok(Builder {
        settings: edge,
        apps,
        tencent: callbacks,
        policy,
        deciders: deciders?,
        journal,
        handlers,
        clock: clock.clone(),
        metrics: Some(Arc::clone(&shared.metrics)),
    })
}
