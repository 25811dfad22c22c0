//! `offhook health`: asks a running receiver whether it is ready; for a container's HEALTHCHECK.

use std::time::Duration;

use anyhow::Context;

use super::{Exit, Outcome, output, runtime, send, web_url};

/// Ask a running receiver whether it is ready
///
/// Exit 0 when it is, 1 when it is not or does not answer within 2 s.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  offhook health
  offhook health --url http://127.0.0.1:8081")]
pub(super) struct Args {
    /// Where it listens
    #[arg(long, value_name = "BASE", value_parser = web_url, default_value = "http://127.0.0.1:8080")]
    url: url::Url,
}

pub(super) fn run(args: &Args) -> Outcome {
    let url = args.url.join("/readyz").context("--url needs a base such as http://127.0.0.1:8080")?;
    runtime::on_this_thread(async {
        let answer = send::client(&url)?.get(url.clone()).timeout(Duration::from_secs(2)).send().await;
        let answer = match answer {
            Ok(answer) => answer,
            Err(error) => {
                output::talk(format_args!("not ready: {url} does not answer ({})", send::why(&error)));
                return Ok(Exit::No);
            }
        };
        let status = answer.status();
        let text = answer.text().await.unwrap_or_default();
        output::data(format_args!("{} {}", status.as_u16(), text.trim_end()))?;
        Ok(if status.is_success() { Exit::Yes } else { Exit::No })
    })
}
