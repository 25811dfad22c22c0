//! What is said in the log about requests that proved nothing: some of it, never all, or strangers could fill the disk.

use std::net::IpAddr;

use crate::refusal::Refusal;
use crate::sparing::Sparing;

#[derive(Debug, Default)]
pub(super) struct Strangers(Sparing);

impl Strangers {
    pub(super) fn mention(&self, refusal: &Refusal, peer: Option<IpAddr>) {
        self.0.say(|unsaid| {
            let peer = peer.map(tracing::field::display);
            tracing::warn!(refusal = refusal.code(), peer, unsaid, "unproven request refused: {refusal}");
        });
    }
}
