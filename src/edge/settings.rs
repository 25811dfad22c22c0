//! What the public listener allows.

use std::net::SocketAddr;
use std::time::Duration;

use super::peer::Callers;
use crate::kind::Family;

/// The public listener's settings.
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
    /// Who sends to `path`. There are a few paths, so a walk is the fastest way to one.
    pub(super) fn family_at(&self, path: &str) -> Option<Family> {
        self.endpoints.iter().find(|endpoint| endpoint.path == path).map(|endpoint| endpoint.family)
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
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// An absolute path without a query.
    pub path: String,
    /// Who sends there.
    pub family: Family,
}

impl Endpoint {
    /// The paths used where none are configured.
    pub fn defaults() -> Vec<Self> {
        let at = |path: &str| Self { path: path.to_owned(), family: Family::YunxinCallback };
        vec![at("/receiveMsg.action"), at("/yunxin/callback")]
    }
}
