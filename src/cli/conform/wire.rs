//! One connection to a receiver, byte by byte: which bytes leave when matters here, and no HTTP client leaves that to
//! its user.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use rustls_platform_verifier::ConfigVerifierExt;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadHalf, WriteHalf};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use url::Url;

use crate::cli::WrongUse;

/// Where the receiver is.
pub(super) struct Target {
    host: String,
    port: u16,
    tls: Option<(TlsConnector, ServerName<'static>)>,
    /// What goes into the `Host` header.
    pub(super) authority: String,
    /// The path with its query.
    pub(super) path: String,
}

/// An open connection.
pub(super) struct Connection {
    reader: Reader,
    writer: WriteHalf<Box<dyn Stream>>,
}

/// Bytes that leave in one piece, after a pause.
pub(super) struct Piece {
    pub(super) pause: Duration,
    pub(super) bytes: Vec<u8>,
}

/// What came back, as it was on the wire.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Reply {
    pub(super) status: u16,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Vec<u8>,
    /// Whether the receiver said that it closes the connection after this.
    pub(super) closes: bool,
}

trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

struct Reader {
    half: ReadHalf<Box<dyn Stream>>,
    came: Vec<u8>,
}

/// No receiver has so much to say.
const LONGEST_REPLY: usize = 1 << 20;

impl Target {
    pub(super) fn of(url: &Url) -> anyhow::Result<Self> {
        let wrong = |what: &str| WrongUse(format!("--to {url}: {what}"));
        let host = url.host_str().ok_or_else(|| wrong("there is no host in it"))?;
        let port = url.port_or_known_default().ok_or_else(|| wrong("http or https expected"))?;
        let tls = match url.scheme() {
            "http" => None,
            "https" => {
                // Fails only where one is installed already, which is as good.
                let _ = rustls::crypto::ring::default_provider().install_default();
                let config = ClientConfig::with_platform_verifier().context("no certificates to trust")?;
                let name = host.trim_matches(['[', ']']).to_owned();
                let name = ServerName::try_from(name).map_err(|_| wrong("the host is no name for TLS"))?;
                Some((TlsConnector::from(Arc::new(config)), name))
            }
            _ => return Err(wrong("http or https expected").into()),
        };
        let authority = url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"));
        let path = url.query().map_or_else(|| url.path().to_owned(), |query| format!("{}?{query}", url.path()));
        Ok(Self { host: host.trim_matches(['[', ']']).to_owned(), port, tls, authority, path })
    }

    pub(super) async fn connect(&self) -> io::Result<Connection> {
        let stream = TcpStream::connect((&*self.host, self.port)).await?;
        stream.set_nodelay(true)?;
        let stream: Box<dyn Stream> = match &self.tls {
            None => Box::new(stream),
            Some((connector, name)) => Box::new(connector.connect(name.clone(), stream).await?),
        };
        let (half, writer) = tokio::io::split(stream);
        Ok(Connection { reader: Reader { half, came: Vec::new() }, writer })
    }
}

impl Connection {
    /// Writes the pieces and waits for the answer, which may come before all of them are gone.
    pub(super) async fn exchange(&mut self, pieces: Vec<Piece>) -> io::Result<Reply> {
        let Self { reader, writer } = self;
        let reading = reader.reply();
        tokio::pin!(reading);
        tokio::select! {
            written = write_all(writer, pieces) => match (written, reading.await) {
                // The answer counts, also where the receiver did not want all of the request.
                (_, Ok(reply)) => Ok(reply),
                (Ok(()), Err(error)) | (Err(error), Err(_)) => Err(error),
            },
            reply = &mut reading => reply,
        }
    }

    /// Writes the pieces and does not wait for anything.
    pub(super) async fn write(&mut self, pieces: Vec<Piece>) -> io::Result<()> {
        write_all(&mut self.writer, pieces).await
    }
}

async fn write_all(writer: &mut WriteHalf<Box<dyn Stream>>, pieces: Vec<Piece>) -> io::Result<()> {
    for Piece { pause, bytes } in pieces {
        if !pause.is_zero() {
            tokio::time::sleep(pause).await;
        }
        writer.write_all(&bytes).await?;
        writer.flush().await?;
    }
    Ok(())
}

impl Reply {
    /// The first value of a header.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| &**value)
    }
}

impl Reader {
    /// The next answer that is final: 100 Continue is none.
    async fn reply(&mut self) -> io::Result<Reply> {
        loop {
            let mut reply = self.head().await?;
            if (100..200).contains(&reply.status) {
                continue;
            }
            let chunked =
                reply.header("transfer-encoding").is_some_and(|coding| coding.eq_ignore_ascii_case("chunked"));
            let length = reply.header("content-length").map(|length| length.trim().parse::<usize>());
            reply.body = match length {
                _ if matches!(reply.status, 204 | 304) => Vec::new(),
                _ if chunked => self.chunks().await?,
                Some(Ok(length)) => self.take(length).await?,
                Some(Err(_)) => return Err(invalid("its Content-Length is no number")),
                None => {
                    reply.closes = true;
                    self.rest().await?
                }
            };
            return Ok(reply);
        }
    }

    async fn head(&mut self) -> io::Result<Reply> {
        loop {
            let mut headers = [httparse::EMPTY_HEADER; 64];
            let mut head = httparse::Response::new(&mut headers);
            let parsed = head.parse(&self.came).map_err(|error| invalid(&format!("it is no HTTP answer: {error}")))?;
            let httparse::Status::Complete(end) = parsed else {
                self.more().await?;
                continue;
            };
            let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
            let headers = head.headers.iter().map(|header| (header.name.to_owned(), text(header.value))).collect();
            let (status, version) = (head.code.unwrap_or_default(), head.version);
            let mut reply = Reply { status, headers, body: Vec::new(), closes: version == Some(0) };
            reply.closes |= reply.header("connection").is_some_and(|words| words.eq_ignore_ascii_case("close"));
            self.came.drain(..end);
            return Ok(reply);
        }
    }

    async fn chunks(&mut self) -> io::Result<Vec<u8>> {
        let mut body = Vec::new();
        loop {
            let parsed = httparse::parse_chunk_size(&self.came).map_err(|_| invalid("its chunks are malformed"))?;
            let httparse::Status::Complete((start, size)) = parsed else {
                self.more().await?;
                continue;
            };
            self.came.drain(..start);
            if size == 0 {
                // Trailers, if any, up to an empty line.
                while self.line().await? != b"\r\n" {}
                return Ok(body);
            }
            body.extend(self.take(usize::try_from(size).unwrap_or(usize::MAX)).await?);
            self.line().await?;
        }
    }

    /// The next line, its end included.
    async fn line(&mut self) -> io::Result<Vec<u8>> {
        loop {
            if let Some(end) = self.came.iter().position(|byte| *byte == b'\n') {
                return Ok(self.came.drain(..=end).collect());
            }
            self.more().await?;
        }
    }

    async fn take(&mut self, length: usize) -> io::Result<Vec<u8>> {
        while self.came.len() < length {
            self.more().await?;
        }
        Ok(self.came.drain(..length).collect())
    }

    async fn rest(&mut self) -> io::Result<Vec<u8>> {
        loop {
            match self.more().await {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                    return Ok(std::mem::take(&mut self.came));
                }
                Err(error) => return Err(error),
            }
        }
    }

    async fn more(&mut self) -> io::Result<()> {
        if self.came.len() > LONGEST_REPLY {
            return Err(invalid("it is longer than 1 MiB"));
        }
        match self.half.read_buf(&mut self.came).await? {
            0 => Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the connection was closed before an answer")),
            _ => Ok(()),
        }
    }
}

fn invalid(why: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, why.to_owned())
}
