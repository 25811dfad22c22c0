//! `offhook simulate`: what another configuration would have answered to kept events.

mod changes;
mod kept;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::journal::{JournalArgs, point_in_time};
use super::{Exit, Outcome, WrongUse, output, runtime};
use crate::budget::Budget;
use crate::clock::Clock;
use crate::config::{self, Deciding, Sources};
use crate::decide::{self, Chain, Load, Shared, Step, Unasked};
use crate::journal::Filter;
use crate::kind::{Family, KindPattern};
use crate::metrics::Metrics;
use crate::telemetry::LogForm;
use crate::verdict::Decision;
use changes::{Changes, Share};
use kept::Kept;

/// Run another configuration over kept events and show which verdicts would change
///
/// FILE is a whole configuration or only its sections `verdict` and `deciders`. `now`, `sentat` and counters use each event's
/// own time. Deciders that ask a service or a program are not asked. Exit 1 when more changes than --max-change.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  offhook simulate --rules new.toml --config offhook.toml --since 1d
  offhook simulate --rules new.toml --from events.jsonl --max-change 1%")]
pub(super) struct Args {
    /// The configuration to try
    #[arg(long, value_name = "FILE")]
    rules: PathBuf,
    /// Only these kinds: a name, or a pattern such as call.*
    #[arg(long = "kind", value_name = "KIND")]
    kinds: Vec<String>,
    /// Only this app
    #[arg(long, value_name = "KEY")]
    app: Option<String>,
    /// Only events received since: RFC 3339, Unix milliseconds, or how long ago, e.g. 2h
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// Only events received before
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
    /// Read the events from a file that `events export --json` wrote, instead of a journal
    #[arg(long, value_name = "EXPORT", conflicts_with_all = ["config", "journal"])]
    from: Option<PathBuf>,
    /// Exit 1 when more than this share of the verdicts would change, e.g. 1%
    #[arg(long, value_name = "SHARE")]
    max_change: Option<Share>,
    /// One JSON object a change
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    journal: JournalArgs,
}

/// What evaluating the rules on one event may take: nobody waits for an answer.
const PATIENCE: Duration = Duration::from_secs(60);

pub(super) fn run(args: Args) -> Outcome {
    runtime::log(LogForm::Text, "error");
    let kinds: Result<Vec<_>, _> = args.kinds.iter().map(|kind| KindPattern::parse(kind).map_err(WrongUse)).collect();
    let time = |text: &Option<String>| text.as_deref().map(point_in_time).transpose();
    let (kinds, app) = (kinds?, args.app.clone());
    let filter = Filter { kinds, app, since: time(&args.since)?, until: time(&args.until)?, ..Filter::default() };
    let mut bench = Bench::of(config::load_deciding(&Sources::new(Some(args.rules.clone()), []), &Clock::system())?)?;
    let mut changes = Changes::new(args.json);
    runtime::on_this_thread(async {
        let mut others = 0_u64;
        for kept in kept::events(args.from.as_deref(), &args.journal, &filter)? {
            let kept: Kept = kept?;
            // Only callbacks ask for a verdict, and what we noted ourselves about one is none.
            if kept.event.family() != Family::YunxinCallback || kept.event.kind().is_overruled() {
                others += 1;
                continue;
            }
            let decision = bench.decide(&kept).await;
            changes.take(&kept, &decision)?;
        }
        bench.talk();
        if others > 0 {
            output::talk(format_args!("{others} event(s) were left out: nobody is asked for a verdict on them"));
        }
        Ok(())
    })?;
    let share = changes.end()?;
    match args.max_change {
        Some(most) if share > most => {
            output::talk(format_args!("error: {share} of the verdicts would change, more than {most}"));
            Ok(Exit::No)
        }
        _ => Ok(Exit::Yes),
    }
}

/// The configuration that is tried, ready to decide.
struct Bench {
    chain: Chain,
    unasked: Vec<Unasked>,
    metrics: Arc<Metrics>,
}

impl Bench {
    fn of(deciding: Deciding) -> anyhow::Result<Self> {
        let metrics = Metrics::new(PATIENCE);
        let shared = Shared::new(Arc::clone(&metrics));
        let mut unasked = Vec::new();
        let mut deciders = Vec::new();
        for mut settings in deciding.deciders {
            settings.link.timeout = None;
            settings.link.late = None;
            if settings.action.is_offline() {
                deciders.push(decide::build(settings, &shared)?);
            } else if !settings.link.shadow {
                let (link, decider, note) = decide::leave_out(settings);
                unasked.push(note);
                deciders.push((link, decider));
            }
        }
        Ok(Self { chain: Chain::new(deciding.policy, deciders, Arc::clone(&metrics))?, unasked, metrics })
    }

    async fn decide(&mut self, kept: &Kept) -> Decision {
        match self.chain.decide_at_once(&kept.event, Load::Normal) {
            Step::Decided(decision) => decision,
            Step::Asks(asking) => self.chain.decide(&kept.event, asking, Budget::starting_now(PATIENCE)).await.decision,
        }
    }

    /// Says what the figures do not show.
    fn talk(&self) {
        for unasked in &self.unasked {
            let (name, times) = (unasked.name(), unasked.times());
            output::talk(format_args!(
                "decider `{name}` was not asked, {times} time(s); it counts as without an opinion"
            ));
        }
        for line in self.metrics.render().lines().filter(|line| line.starts_with("offhook_rule_faults_total{")) {
            if let Some((rule, times)) = line.split_once("rule=\"").and_then(|(_, rest)| rest.split_once("\"} ")) {
                output::talk(format_args!(
                    "rule `{rule}` could not be evaluated on {times} event(s), and had no opinion"
                ));
            }
        }
    }
}
