//! The journal in NATS: one that several instances share, with a real server.

mod cast;
mod cluster;
mod commands;
mod lanes;
mod mute;
mod privacy;
mod sharing;
mod trouble;
