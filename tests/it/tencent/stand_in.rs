//! A server on loopback that answers what it was told to, and remembers what it was asked.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

/// What it does with one request.
#[derive(Debug, Clone)]
pub(crate) enum Says {
    /// Answers 200 with this body.
    Body(String),
    /// Answers this status with this body.
    Status(u16, &'static str),
    /// Closes the connection without an answer.
    Nothing,
    /// Neither answers nor closes.
    Silence,
}

/// A request that came.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    pub(crate) at: Instant,
    pub(crate) target: String,
    pub(crate) headers: HashMap<String, String>,
    pub(crate) body: String,
}

#[derive(Debug, Clone)]
pub(crate) struct StandIn {
    url: String,
    asked: Arc<Mutex<Vec<Asked>>>,
}

/// Says this once; an answer given last goes on for ever.
pub(crate) fn body(text: impl ToString) -> Says {
    Says::Body(text.to_string())
}

impl StandIn {
    /// Answers with each of `says` in turn, and then with the last one again.
    pub(crate) async fn saying(says: impl IntoIterator<Item = Says>) -> Self {
        let says: Vec<Says> = says.into_iter().collect();
        Self::answering(move |place, _| says[place.min(says.len() - 1)].clone()).await
    }

    /// Answers with what `answer` makes of each request, which it gets with its place.
    pub(crate) async fn answering(answer: impl Fn(usize, &Asked) -> Says + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let asked: Arc<Mutex<Vec<Asked>>> = Arc::default();
        let (answer, log) = (Arc::new(answer), Arc::clone(&asked));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (answer, log) = (Arc::clone(&answer), Arc::clone(&log));
                tokio::spawn(async move {
                    let mut stream = BufReader::new(stream);
                    while let Some(request) = read(&mut stream).await {
                        let place = {
                            let mut log = log.lock().expect("the log");
                            log.push(request.clone());
                            log.len() - 1
                        };
                        let (status, body) = match answer(place, &request) {
                            Says::Body(body) => (200, body),
                            Says::Status(status, body) => (status, body.to_owned()),
                            Says::Nothing => return,
                            Says::Silence => std::future::pending().await,
                        };
                        let length = body.len();
                        let reply = format!("HTTP/1.1 {status} x\r\ncontent-length: {length}\r\n\r\n{body}");
                        if stream.write_all(reply.as_bytes()).await.is_err() {
                            return;
                        }
                    }
                });
            }
        });
        Self { url, asked }
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().expect("the log").clone()
    }
}

impl Asked {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).expect("a JSON body")
    }

    /// The query's fields, decoded, in their order.
    pub(crate) fn query(&self) -> Vec<(String, String)> {
        let url = url::Url::parse(&format!("http://x{}", self.target)).expect("a target");
        url.query_pairs().into_owned().collect()
    }
}

async fn read(stream: &mut BufReader<TcpStream>) -> Option<Asked> {
    let mut line = String::new();
    if stream.read_line(&mut line).await.ok()? == 0 {
        return None;
    }
    let target = line.split_whitespace().nth(1)?.to_owned();
    let mut headers = HashMap::new();
    loop {
        let mut line = String::new();
        stream.read_line(&mut line).await.ok()?;
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
    }
    let length = headers.get("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await.ok()?;
    Some(Asked { at: Instant::now(), target, headers, body: String::from_utf8(body).ok()? })
}
