//! What the public listener allows.

use std::net::SocketAddr;
use std::time::Duration;

use super::peer::Callers;
use crate::kind::Family;

/// The public listener's settings.
///
/// ```
/// use std::time::Duration;
/// use offhook::edge::{Endpoint, Settings};
/// use offhook::kind::Family;
///
/// let callbacks = Endpoint { path: "/hooks/yunxin".to_owned(), family: Family::YunxinCallback };
/// let mut settings = Settings::default();
/// settings.deadline = Duration::from_secs(1);
/// settings.endpoints.push(callbacks);
/// let receiver = offhook::Receiver::builder().server(settings);
/// # let _ = receiver;
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Where it listens.
    pub listen: SocketAddr,
    /// The time a request may take, from its first byte to the last byte of its answer.
    pub deadline: Duration,
    /// The largest body, in bytes.
    pub body_limit: usize,
    /// How many proven requests may be worked on at once; further ones get the fallback verdict.
    pub max_in_flight: usize,
    /// How many connections may be open that have not shown good headers yet.
    pub max_unproven: usize,
    /// How long a kept-alive connection may rest.
    pub idle_timeout: Duration,
    /// Whom requests are taken from.
    pub callers: Callers,
    /// Which path belongs to which family.
    pub endpoints: Vec<Endpoint>,
}

impl Settings {
    /// Who sends to `path`, and what stands where the endpoint has `{token}`. There are a few paths, so a walk is the
    /// fastest way to one.
    pub(super) fn at<'p>(&self, path: &'p str) -> Option<(Family, Option<&'p str>)> {
        self.endpoints.iter().find_map(|endpoint| endpoint.takes(path).map(|token| (endpoint.family, token)))
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([0, 0, 0, 0], 8080)),
            deadline: Duration::from_millis(1500),
            body_limit: 1 << 20,
            max_in_flight: 1024,
            max_unproven: 512,
            idle_timeout: Duration::from_secs(120),
            callers: Callers::default(),
            endpoints: Endpoint::defaults(),
        }
    }
}

/// A path and the family that is received there.
///
/// Example: [`Settings`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// An absolute path without a query; its last part may be `{token}`, which stands for any one part.
    pub path: String,
    /// Who sends there.
    pub family: Family,
}

/// The families that are received, each with its paths where none are configured.
const RECEIVED: [(Family, &[&str]); 4] = [
    (Family::YunxinCallback, &["/receiveMsg.action", "/yunxin/callback"]),
    (Family::YunxinCopy, &["/yunxin/copy"]),
    (Family::TencentCall, &["/tencent/call/{token}"]),
    (Family::TencentTrtc, &["/tencent/trtc"]),
];

impl Endpoint {
    /// The last part of a path that holds a secret of its own.
    pub const TOKEN: &str = "{token}";

    /// The paths used where none are configured.
    pub fn defaults() -> Vec<Self> {
        let of = |(family, paths): &(Family, &[&str])| -> Vec<Self> {
            paths.iter().map(|path| Self { path: (*path).to_owned(), family: *family }).collect()
        };
        RECEIVED.iter().flat_map(of).collect()
    }

    /// The families that can be received.
    pub fn families() -> impl Iterator<Item = Family> {
        RECEIVED.iter().map(|(family, _)| *family)
    }

    /// Whether `path` leads here; with what stands in place of `{token}`, where there is such a part.
    fn takes<'p>(&self, path: &'p str) -> Option<Option<&'p str>> {
        match self.path.strip_suffix(Self::TOKEN) {
            None => (self.path == path).then_some(None),
            Some(stem) => {
                let token = path.strip_prefix(stem)?;
                (!token.is_empty() && !token.contains('/')).then_some(Some(token))
            }
        }
    }
}
