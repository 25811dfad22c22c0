//! What an open inspector costs the road: offhook with somebody who looks on against offhook without, in alternating rounds.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, bail};

use crate::compare::{Pairs, start_offhook};
use crate::report::Targets;
use crate::{Settings, disk};

/// Runs the case; whether every target was met.
pub(crate) fn inspector(settings: &Settings) -> anyhow::Result<bool> {
    disk::demand_a_disk(&settings.scratch)?;
    let [watched_home, alone_home] = ["watched", "alone"].map(|name| settings.scratch.join(name));
    let (watched, config) = start_offhook(settings, &watched_home, &[])?;
    let (alone, _) = start_offhook(settings, &alone_home, &[])?;
    look_on(admin_of(&config)?)?;
    let names = ["inspector open", "closed"];
    let mut pairs = Pairs { names, offhook: &watched, other: &alone, sent: 0, kept: 0 };
    let many = pairs.run(settings.connections.unwrap_or(64), settings.rounds, settings.seconds)?;
    let [answers, median, ..] = many.print(&pairs.names);
    let mut targets = Targets::default();
    targets.at_least("requests/s with an inspector open over without", answers, 0.98);
    targets.at_most("median answer with an inspector open over without", median, 1.02);
    targets.equal("wrong answers", many.wrong, 0);
    Ok(targets.print())
}

/// Where the admin listener of a configuration is.
fn admin_of(config: &Path) -> anyhow::Result<SocketAddr> {
    let text = std::fs::read_to_string(config)?;
    let (_, rest) = text.split_once("[admin]\nlisten = \"").context("no admin listener")?;
    Ok(rest.split('"').next().unwrap_or_default().parse()?)
}

/// Follows the live stream as a page does, and throws away what it hears.
fn look_on(admin: SocketAddr) -> anyhow::Result<()> {
    let mut stream = TcpStream::connect(admin)?;
    stream.set_read_timeout(Some(Duration::from_secs(30)))?;
    write!(stream, "GET /api/events/live HTTP/1.1\r\nHost: {admin}\r\n\r\n")?;
    let mut begun = [0; 12];
    stream.read_exact(&mut begun)?;
    if begun != *b"HTTP/1.1 200" {
        bail!("the live stream is not there");
    }
    std::thread::spawn(move || {
        let mut heard = vec![0; 1 << 16];
        while stream.read(&mut heard).is_ok_and(|count| count > 0) {}
    });
    Ok(())
}
