//! A connection, byte by byte: what is sent when matters here.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::interval;

use super::{Answer, within_reason};

pub(crate) struct Wire {
    stream: TcpStream,
    came: Vec<u8>,
}

impl Wire {
    pub(crate) async fn connect(to: SocketAddr) -> Self {
        Self::try_connect(to).await.expect("a connection")
    }

    pub(crate) async fn try_connect(to: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(to).await?;
        stream.set_nodelay(true)?;
        Ok(Self::over(stream))
    }

    pub(crate) fn over(stream: TcpStream) -> Self {
        Self { stream, came: Vec::new() }
    }

    pub(crate) async fn writes(&mut self, bytes: impl AsRef<[u8]>) {
        within_reason(self.stream.write_all(bytes.as_ref())).await.expect("still connected");
    }

    pub(crate) async fn tries_to_write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes).await
    }

    /// Writes one byte of `bytes` every so often, spread over `time`, for as long as the other side takes them.
    pub(crate) async fn drips(&mut self, bytes: &[u8], time: Duration) {
        let mut drops = interval(time / u32::try_from(bytes.len()).expect("few bytes"));
        for byte in bytes {
            drops.tick().await;
            if self.stream.write_all(&[*byte]).await.is_err() {
                return;
            }
        }
    }

    /// Says that no more will be written; reading goes on.
    pub(crate) async fn says_no_more(&mut self) {
        self.stream.shutdown().await.expect("still connected");
    }

    /// Goes away in the rudest way there is.
    pub(crate) fn resets(self) {
        self.stream.set_zero_linger().expect("an option");
    }

    /// The next answer.
    pub(crate) async fn answer(&mut self) -> Answer {
        within_reason(self.try_answer()).await.expect("an answer")
    }

    /// The next answer, or how the connection ended before it.
    pub(crate) async fn try_answer(&mut self) -> io::Result<Answer> {
        let end = loop {
            match find(&self.came, b"\r\n\r\n") {
                Some(end) => break end,
                None => self.more().await?,
            }
        };
        let head = String::from_utf8(self.came[..end].to_vec()).map_err(io::Error::other)?;
        let mut lines = head.split("\r\n");
        let status_line = lines.next().unwrap_or_default();
        let status = status_line.split(' ').nth(1).and_then(|status| status.parse().ok());
        let status: u16 = status.ok_or_else(|| io::Error::other(format!("no status: {status_line}")))?;
        let headers: Vec<_> = lines
            .filter_map(|line| line.split_once(": "))
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        let mut answer = Answer { status, headers, body: Vec::new() };
        let length: usize = answer.header("content-length").parse().unwrap_or(0);
        while self.came.len() < end + 4 + length {
            self.more().await?;
        }
        answer.body = self.came[end + 4..end + 4 + length].to_vec();
        self.came.drain(..end + 4 + length);
        Ok(answer)
    }

    /// Waits until what comes contains `text`, and gives all of it so far.
    pub(crate) async fn until(&mut self, text: &str) -> String {
        while find(&self.came, text.as_bytes()).is_none() {
            within_reason(self.more()).await.unwrap_or_else(|error| panic!("{error} before `{text}`"));
        }
        String::from_utf8_lossy(&self.came).into_owned()
    }

    /// Waits until the other side closes, in whatever way; gives what came before that.
    pub(crate) async fn ends(&mut self) -> Vec<u8> {
        while within_reason(self.more()).await.is_ok() {}
        std::mem::take(&mut self.came)
    }

    async fn more(&mut self) -> io::Result<()> {
        match self.stream.read_buf(&mut self.came).await? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            _ => Ok(()),
        }
    }
}

fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes.windows(wanted.len()).position(|window| window == wanted)
}
