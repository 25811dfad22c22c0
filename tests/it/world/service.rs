//! A service of the user's that is asked for verdicts, and the manners in which it answers.

use std::future::pending;
use std::net::SocketAddr;
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::time::{interval, timeout};

use super::handlers::reserved;

/// How the service answers.
#[derive(Debug, Clone)]
pub(crate) enum Manner {
    /// 200 with this body.
    Says(&'static str),
    /// This status, with the body of an allow.
    Status(u16),
    /// An allow, after so long.
    After(Duration),
    /// Nothing, ever.
    Never,
    /// Closes the connection instead.
    Closes,
    /// An allow, a byte each second.
    Drips,
    /// These bytes, whatever they are, and then it closes.
    Bytes(Vec<u8>),
}

/// What the service was asked.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    pub(crate) head: String,
    pub(crate) event: Value,
    pub(crate) from: SocketAddr,
}

#[derive(Debug, Clone)]
pub(crate) struct Service {
    address: SocketAddr,
    manner: watch::Sender<Manner>,
    asked: watch::Sender<Vec<Asked>>,
}

const ALLOW: &str = r#"{"verdict":"allow"}"#;

impl Service {
    pub(crate) fn with(manner: Manner) -> Self {
        let listener = reserved().listen(1024).expect("a listener");
        let address = listener.local_addr().expect("an address");
        let service = Self { address, manner: watch::Sender::new(manner), asked: watch::Sender::default() };
        tokio::spawn(service.clone().serves(listener));
        service
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/decide?token=hush", self.address)
    }

    /// From now on answers like this.
    pub(crate) fn turns(&self, manner: Manner) {
        self.manner.send_replace(manner);
    }

    /// What it was asked so far.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.asked.borrow().clone()
    }

    async fn serves(self, listener: TcpListener) {
        while let Ok((stream, from)) = listener.accept().await {
            tokio::spawn(self.clone().converses(stream, from));
        }
    }

    async fn converses(self, mut stream: TcpStream, from: SocketAddr) -> Option<()> {
        let mut came = Vec::new();
        loop {
            let end = loop {
                match came.windows(4).position(|window| window == b"\r\n\r\n") {
                    Some(end) => break end + 4,
                    None => more(&mut stream, &mut came).await?,
                }
            };
            let head = String::from_utf8(came[..end].to_vec()).ok()?;
            let length = head.to_ascii_lowercase().split_once("content-length: ").map(|(_, rest)| rest.to_owned())?;
            let length: usize = length.lines().next()?.trim().parse().ok()?;
            while came.len() < end + length {
                more(&mut stream, &mut came).await?;
            }
            let event = serde_json::from_slice(&came[end..end + length]).expect("JSON");
            came.drain(..end + length);
            self.asked.send_modify(|asked| asked.push(Asked { head, event, from }));
            let manner = self.manner.borrow().clone();
            answers(&mut stream, manner).await?;
        }
    }
}

/// None where the connection is to be closed.
async fn answers(stream: &mut TcpStream, manner: Manner) -> Option<()> {
    let whole = |status: u16, body: &str| {
        format!("HTTP/1.1 {status} As Told\r\ncontent-length: {}\r\nlocation: /elsewhere\r\n\r\n{body}", body.len())
    };
    match manner {
        Manner::Says(body) => stream.write_all(whole(200, body).as_bytes()).await.ok(),
        Manner::Status(204) => stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").await.ok(),
        Manner::Status(status) => stream.write_all(whole(status, ALLOW).as_bytes()).await.ok(),
        Manner::After(time) => {
            // Only the time is waited for.
            let _ = timeout(time, pending::<()>()).await;
            stream.write_all(whole(200, ALLOW).as_bytes()).await.ok()
        }
        Manner::Never => pending().await,
        Manner::Closes => None,
        Manner::Drips => {
            let mut drops = interval(Duration::from_secs(1));
            for byte in whole(200, ALLOW).bytes() {
                drops.tick().await;
                stream.write_all(&[byte]).await.ok()?;
            }
            Some(())
        }
        Manner::Bytes(bytes) => {
            stream.write_all(&bytes).await.ok()?;
            None
        }
    }
}

async fn more(stream: &mut TcpStream, came: &mut Vec<u8>) -> Option<()> {
    matches!(stream.read_buf(came).await, Ok(1..)).then_some(())
}
