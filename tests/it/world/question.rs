//! A request before it is sent: properly signed, until a test spoils it.

use std::net::SocketAddr;

use super::{Answer, Wire};

/// A request of Yunxin's, ready to be sent or to be spoiled.
#[derive(Debug, Clone)]
pub(crate) struct Question {
    pub(super) to: SocketAddr,
    pub(super) path: String,
    pub(super) headers: Vec<(String, Vec<u8>)>,
    pub(super) body: Vec<u8>,
    pub(super) chunked: bool,
}

impl Question {
    /// The same with `name` holding another value, or holding one at all.
    pub(crate) fn with(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        self.headers.retain(|(found, _)| !found.eq_ignore_ascii_case(name));
        self.and(name, value)
    }

    /// The same with another header, even where there is one of that name.
    pub(crate) fn and(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        self.headers.push((name.to_owned(), value.as_ref().to_vec()));
        self
    }

    /// The same without any header but the body's type.
    pub(crate) fn bare(mut self) -> Self {
        self.headers.retain(|(found, _)| found.eq_ignore_ascii_case("content-type"));
        self
    }

    /// The same without this header.
    pub(crate) fn without(mut self, name: &str) -> Self {
        self.headers.retain(|(found, _)| !found.eq_ignore_ascii_case(name));
        self
    }

    /// The same, its header names and its header values rewritten.
    pub(crate) fn respelt(mut self, name: fn(&str) -> String, value: fn(&str) -> String) -> Self {
        for (found, bytes) in &mut self.headers {
            *found = name(found);
            if !found.eq_ignore_ascii_case("appkey") {
                *bytes = value(std::str::from_utf8(bytes).expect("text")).into_bytes();
            }
        }
        self
    }

    /// The same, asked elsewhere.
    pub(crate) fn to(mut self, address: SocketAddr) -> Self {
        self.to = address;
        self
    }

    /// The same headers over another body.
    pub(crate) fn over(mut self, body: impl AsRef<[u8]>) -> Self {
        self.body = body.as_ref().to_vec();
        self
    }

    /// The same with its body in chunks.
    pub(crate) fn in_chunks(mut self) -> Self {
        self.chunked = true;
        self
    }

    /// The same on another path.
    pub(crate) fn on_path(mut self, path: &str) -> Self {
        path.clone_into(&mut self.path);
        self
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        let found = self.headers.iter().find(|(found, _)| found.eq_ignore_ascii_case(name)).expect("a header");
        std::str::from_utf8(&found.1).expect("text")
    }

    pub(crate) fn body(&self) -> Vec<u8> {
        self.body.clone()
    }

    /// The value of a header that may not be there.
    pub(crate) fn headers_text(&self, name: &str) -> String {
        let found = self.headers.iter().find(|(found, _)| found.eq_ignore_ascii_case(name));
        found.map(|(_, value)| String::from_utf8_lossy(value).into_owned()).unwrap_or_default()
    }

    pub(crate) fn head(&self) -> Vec<u8> {
        let framing = if self.chunked {
            "Transfer-Encoding: chunked".to_owned()
        } else {
            format!("Content-Length: {}", self.body.len())
        };
        self.head_with(&framing)
    }

    /// The head with this line to say how long the body is.
    pub(crate) fn head_with(&self, framing: &str) -> Vec<u8> {
        let mut head = format!("POST {} HTTP/1.1\r\nHost: yunxinservice.com.cn\r\n", self.path).into_bytes();
        for (name, value) in &self.headers {
            head.extend_from_slice(name.as_bytes());
            head.extend_from_slice(b": ");
            head.extend_from_slice(value);
            head.extend_from_slice(b"\r\n");
        }
        head.extend_from_slice(framing.as_bytes());
        head.extend_from_slice(b"\r\n\r\n");
        head
    }

    /// The body as it goes over the wire.
    pub(crate) fn framed_body(&self) -> Vec<u8> {
        if !self.chunked {
            return self.body.clone();
        }
        let mut framed = Vec::new();
        for chunk in self.body.chunks(1000) {
            framed.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
            framed.extend_from_slice(chunk);
            framed.extend_from_slice(b"\r\n");
        }
        framed.extend_from_slice(b"0\r\n\r\n");
        framed
    }

    /// The whole of it.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        [self.head(), self.framed_body()].concat()
    }

    /// Sends it over a connection of its own and waits for the answer.
    pub(crate) async fn sent(&self) -> Answer {
        let mut wire = Wire::connect(self.to).await;
        wire.writes(self.bytes()).await;
        wire.answer().await
    }
}
