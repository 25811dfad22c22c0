//! Asks a server of yours what it would have answered, with the exact bytes and signed headers of an event.
//!
//! Only after our own answer has left: nothing here can change or delay it.

use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue};
use url::Url;

use crate::cli::send::{self, Signed, conclude};
use crate::cli::verify::fields;
use crate::event::Event;
use crate::kind::Family;
use crate::yunxin::App;

/// Where events are sent on to.
#[derive(Debug)]
pub(in crate::cli) struct Forward {
    to: Url,
    client: reqwest::Client,
    /// Whose signature takes the place of the platform's.
    signed_by: Option<App>,
}

impl Forward {
    pub(in crate::cli) fn to(to: Url) -> anyhow::Result<Self> {
        Ok(Self { client: send::client(&to)?, to, signed_by: None })
    }

    /// The same, with callbacks and copies of Yunxin's signed anew by `app`, as if they came from it and now.
    pub(in crate::cli) fn signed_by(self, app: App) -> Self {
        Self { signed_by: Some(app), ..self }
    }

    /// What your server answers, and what the platform would make of it, each on a line.
    pub(in crate::cli) async fn ask(&self, event: &Event) -> String {
        let (to, signed) = match self.question(event) {
            Ok(question) => question,
            Err(error) => return line("yours", &format!("not asked: {error}")),
        };
        let answer = send::ask(self.client.clone(), to, signed).await;
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

impl Forward {
    /// What is sent where.
    fn question(&self, event: &Event) -> anyhow::Result<(Url, Signed)> {
        if event.kind().is_overruled() {
            anyhow::bail!("it is an event of offhook's own, which no platform sends");
        }
        let mut to = self.to.clone();
        let from_yunxin = matches!(event.family(), Family::YunxinCallback | Family::YunxinCopy);
        if let Some(app) = self.signed_by.as_ref().filter(|_| from_yunxin) {
            return Ok((to, send::signed(app, event.body().clone())));
        }
        let mut headers = HeaderMap::new();
        if event.family() == Family::TencentCall {
            // What proved it stands in the address; its secret part was not kept.
            let query = event.headers().lines().find_map(|line| line.strip_prefix("Query: "));
            to.set_query(query);
        } else {
            headers = fields(event.headers())?;
        }
        headers.entry(CONTENT_TYPE).or_insert(HeaderValue::from_static("application/json; charset=utf-8"));
        Ok((to, Signed::new(headers, event.body().clone())))
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
