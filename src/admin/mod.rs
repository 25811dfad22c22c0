//! The admin listener: numbers and health for the people who run offhook.

use std::net::SocketAddr;

use crate::secret::Secret;

/// The admin listener's settings.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where it listens.
    pub listen: SocketAddr,
    /// What a caller must show; required off loopback.
    pub token: Option<Secret>,
}
