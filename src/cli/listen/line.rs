//! The stream of lines from another offhook's admin listener: asked for, read, and given up when it has gone silent.

use std::time::Duration;

use anyhow::Context;
use reqwest::Response;
use tokio::time::timeout;
use url::Url;
use url::form_urlencoded::Serializer;

use crate::admin::stream::Line;
use crate::cli::{WrongUse, send};
use crate::journal::Filter;

/// The path below the listener's address.
const PATH: &str = "api/stream";
/// For the head of the answer, and until the first line says how often one comes.
const GREETING: Duration = Duration::from_secs(10);
/// A body of 1 MiB, each byte of it escaped in JSON, and the rest.
const LONGEST: usize = 16 << 20;
/// Of an answer that is no stream, so much is shown.
const SHOWN: usize = 300;

/// Where lines come from.
pub(super) struct Source {
    client: reqwest::Client,
    url: Url,
    token: Option<String>,
}

/// One connection.
pub(super) struct Lines {
    reply: Response,
    unread: Vec<u8>,
    patience: Duration,
}

/// Why there are no more lines.
#[derive(Debug)]
pub(super) enum Lost {
    /// Another connection may help.
    ForNow(String),
    /// None would.
    ForGood(anyhow::Error),
}

impl From<anyhow::Error> for Lost {
    fn from(error: anyhow::Error) -> Self {
        Self::ForGood(error)
    }
}

/// The filters as the listener takes them.
pub(super) fn query(filter: &Filter) -> String {
    let mut query = Serializer::new(String::new());
    if !filter.kinds.is_empty() {
        let kinds: Vec<&str> = filter.kinds.iter().map(|kind| kind.as_str()).collect();
        query.append_pair("kind", &kinds.join(","));
    }
    let times = [("since", filter.since), ("until", filter.until)];
    let times = times.map(|(name, time)| (name, time.map(|time| time.to_string())));
    let texts = [("app", &filter.app), ("account", &filter.account), ("verdict", &filter.verdict)];
    for (name, value) in texts.into_iter().chain(times.iter().map(|(name, time)| (*name, time))) {
        if let Some(value) = value {
            query.append_pair(name, value);
        }
    }
    for id in &filter.ids {
        query.append_pair("id", &id.to_string());
    }
    query.finish()
}

impl Source {
    /// The admin listener at `from`, whose events are filtered as `query` says.
    pub(super) fn new(from: &Url, token: Option<String>, query: &str) -> anyhow::Result<Self> {
        if !matches!(from.scheme(), "http" | "https") || !from.has_host() {
            return Err(WrongUse(format!("--from {from}: expected a URL of http or https")).into());
        }
        let mut url = from.clone();
        let base = format!("{}/", url.path().trim_end_matches('/'));
        url.set_path(&format!("{base}{PATH}"));
        url.set_query(Some(query));
        Ok(Self { client: send::client(from)?, url, token })
    }

    /// Listens, after `after`.
    pub(super) async fn connect(&self, after: Option<u64>) -> Result<Lines, Lost> {
        let mut url = self.url.clone();
        if let Some(after) = after {
            url.query_pairs_mut().append_pair("after", &after.to_string());
        }
        let mut request = self.client.get(url);
        if let Some(token) = &self.token {
            request = request.bearer_auth(token);
        }
        let reply = match timeout(GREETING, request.send()).await {
            Ok(Ok(reply)) => reply,
            Ok(Err(error)) => return Err(Lost::ForNow(send::why(&error))),
            Err(_) => return Err(Lost::ForNow(format!("no answer within {GREETING:?}"))),
        };
        match reply.status().as_u16() {
            200 => Ok(Lines { reply, unread: Vec::new(), patience: GREETING }),
            status => Err(self.refused(status, reply).await),
        }
    }

    async fn refused(&self, status: u16, reply: Response) -> Lost {
        let said = timeout(GREETING, reply.text()).await;
        let said = said.ok().and_then(Result::ok).unwrap_or_default();
        let said: String = said.trim().chars().take(SHOWN).map(|c| if c.is_control() { ' ' } else { c }).collect();
        let what = match status {
            401 if self.token.is_none() => "it wants its [admin] token: --token-file, --token or OFFHOOK_ADMIN_TOKEN",
            401 => "the token is not its [admin] token",
            404 | 405 => "there is no stream of events: --from must be the admin listener of an offhook that has one",
            300..500 if status != 408 && status != 429 => "it does not take this",
            _ => return Lost::ForNow(format!("{status} {said}")),
        };
        Lost::ForGood(anyhow::anyhow!("{what} ({} said {status}: {said})", self.url.host_str().unwrap_or_default()))
    }
}

impl Lines {
    /// From now on one comes at least so often; with none in twice that time the line is dead.
    pub(super) fn expects_one_each(&mut self, beat: Duration) {
        self.patience = beat.saturating_mul(2).clamp(Duration::from_secs(1), Duration::from_secs(600));
    }

    /// The next line.
    pub(super) async fn next(&mut self) -> Result<Line, Lost> {
        let mut searched = 0;
        loop {
            if let Some(end) = self.unread[searched..].iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.unread.drain(..=searched + end).collect();
                let read = serde_json::from_slice(&line).context("it sends what this version does not understand");
                return Ok(read?);
            }
            searched = self.unread.len();
            if searched > LONGEST {
                return Err(Lost::ForNow(format!("it sent a line of more than {LONGEST} bytes")));
            }
            match timeout(self.patience, self.reply.chunk()).await {
                Ok(Ok(Some(chunk))) => self.unread.extend_from_slice(&chunk),
                Ok(Ok(None)) => return Err(Lost::ForNow("it ended the connection".to_owned())),
                // Whoever stops or dies ends it in the midst of a chunk; what the client then says of chunks helps nobody.
                Ok(Err(_)) => return Err(Lost::ForNow("the connection broke off (was it stopped?)".to_owned())),
                Err(_) => return Err(Lost::ForNow(format!("nothing came for {:?}", self.patience))),
            }
        }
    }
}
