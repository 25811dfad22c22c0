//! `offhook call records`: how calls went that are over.

use super::super::journal::point_in_time;
use super::{Common, Exit, Outcome, answered, output, runtime, tencent};
use crate::tencent::call_engine::{CALL_RESULTS, CallEngine, CallRecord, RecordFilter, Request};

/// Tell how calls went that are over
///
/// A record appears about 5 s after the end of a call and stays for 7 days; a --since before that is moved up.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  offhook call records --since 1d
  offhook call records --call-id 35fd577d-1d10-4201-a40d-6d7316560986 --json")]
pub(super) struct Args {
    /// Only this call
    #[arg(long, value_name = "ID", conflicts_with_all = ["since", "until", "result"])]
    call_id: Option<String>,
    /// Calls that began at this time or later: RFC 3339, Unix milliseconds, or how long ago (2h)
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// Calls that began before this time
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
    /// Only those that ended like this: NormalEnd, NotAnswer, Reject, Cancel, CallBusy, Interrupt, Offline
    #[arg(long, value_name = "RESULT")]
    result: Option<String>,
    /// How many are asked for at a time
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..))]
    page_size: u32,
    #[command(flatten)]
    common: Common,
}

/// Tencent's code for a record that is not there.
const NO_RECORD: &str = "101050";

/// More pages than 7 days of calls can fill.
const MOST_PAGES: u32 = 10_000;

pub(super) fn run(args: &Args) -> Outcome {
    let engine = args.common.engine()?;
    let second = |text: &Option<String>| text.as_deref().map(point_in_time).transpose();
    let filter = RecordFilter {
        since: second(&args.since)?.map(|at| at.as_second()),
        until: second(&args.until)?.map(|at| at.as_second()),
        result: args.result.as_deref().map(result),
        per_page: Some(args.page_size),
        page: Some(1),
        ..RecordFilter::default()
    };
    let request = match &args.call_id {
        Some(id) => Request::RecordOfCall(id.clone()),
        None => Request::Records(filter.clone()),
    };
    if args.common.dry_run {
        return tencent::show(&answered(engine.prepare(&request))?, args.common.json);
    }
    runtime::on_this_thread(async {
        match &args.call_id {
            Some(id) => tell(args, &answered(engine.record(id).await)?)?,
            None => all(args, &engine, filter).await?,
        }
        Ok(Exit::Yes)
    })
}

async fn all(args: &Args, engine: &CallEngine, mut filter: RecordFilter) -> anyhow::Result<()> {
    for number in 1..=MOST_PAGES {
        filter.page = Some(number);
        let page = match engine.records(&filter).await {
            // No record fits, or none is left: an answer like any other where many are asked for.
            Err(error) if error.code() == Some(NO_RECORD) => break,
            answer => answered(answer)?,
        };
        for record in &page.records {
            tell(args, record)?;
        }
        // The last page is called 0. A page may hold fewer than were asked for, and not be the last one.
        if page.page <= 0 || page.records.is_empty() {
            break;
        }
    }
    Ok(())
}

fn tell(args: &Args, record: &CallRecord) -> anyhow::Result<()> {
    tencent::tell(args.common.json, record, || {
        let began = jiff::Timestamp::from_second(record.start_time).unwrap_or_default();
        let talked = record.talked().map_or_else(|| "-".to_owned(), |talked| format!("{} s", talked.as_secs()));
        let callees = record.callees.join(",");
        format!("{began}  {}  {:<10} {talked:>8}  {} → {callees}", record.call_id, record.result, record.caller)
    })
}

/// A documented word in its own spelling; another one as it is.
fn result(word: &str) -> String {
    let known = CALL_RESULTS.iter().find(|known| known.eq_ignore_ascii_case(word));
    if known.is_none() {
        output::talk(format_args!("warning: `{word}` is none of {}", CALL_RESULTS.join(", ")));
    }
    known.map_or_else(|| word.to_owned(), |known| (*known).to_owned())
}
