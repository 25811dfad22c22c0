//! Asks a server of yours what it would have answered, with the exact bytes and signed headers of an event.
//!
//! Only after our own answer has left: nothing here can change or delay it.

use http::HeaderValue;
use http::header::CONTENT_TYPE;
use url::Url;

use crate::cli::send::{self, Signed, conclude};
use crate::cli::verify::fields;
use crate::event::Event;
use crate::kind::Family;

/// Where events are sent on to.
#[derive(Debug)]
pub(super) struct Forward {
    to: Url,
    client: reqwest::Client,
}

impl Forward {
    pub(super) fn to(to: Url) -> anyhow::Result<Self> {
        Ok(Self { client: send::client(&to)?, to })
    }

    /// What your server answers, and what the platform would make of it, each on a line.
    pub(super) async fn ask(&self, event: &Event) -> String {
        let mut headers = match fields(event.headers()) {
            Ok(headers) => headers,
            Err(error) => return line("yours", &format!("not asked: {error}")),
        };
        headers.entry(CONTENT_TYPE).or_insert(HeaderValue::from_static("application/json; charset=utf-8"));
        let answer = send::ask(self.client.clone(), self.to.clone(), Signed::new(headers, event.body().clone())).await;
        let took = answer.took.as_secs_f64() * 1000.0;
        let came = match &answer.reply {
            Ok((status, body)) => format!("{status} {} in {took:.1} ms", plain(body)),
            Err(why) => format!("{why}, after {took:.1} ms"),
        };
        let yours = line("yours", &came);
        if event.family() != Family::YunxinCallback {
            return yours;
        }
        let (conclusion, ours) = (conclude(&answer), event.decision().map(|decision| &decision.verdict));
        let code = |allows, code| if allows { None } else { Some(i64::from(code)) };
        let beside = match ours {
            Some(ours) if conclusion.is_verdict() && conclusion.code() == code(ours.allows(), ours.code()) => {
                ", as here".to_owned()
            }
            Some(ours) => format!("; here: {}", ours.word()),
            None => String::new(),
        };
        format!("{yours}\n{}", line("which means", &format!("{}{beside}", conclusion.words())))
    }
}

fn line(name: &str, value: &str) -> String {
    format!("  {name:<18}{value}")
}

/// An answer on one line, and not more of it than fits a screen.
fn plain(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body);
    text.trim().chars().take(200).map(|c| if c.is_control() { ' ' } else { c }).collect()
}
