//! `server.allow_from`, `server.trusted_proxies` and `server.forwarded_header`: whom requests are taken from.

use ipnet::IpNet;

use super::reader::{Field, Section};
use crate::edge::{Callers, ForwardedHeader};

const HEADERS: [(&str, ForwardedHeader); 2] =
    [("x-forwarded-for", ForwardedHeader::XForwardedFor), ("forwarded", ForwardedHeader::Forwarded)];

/// Reads the three keys of `[server]`; `None` where a fault was told.
pub(super) fn callers(section: &mut Section<'_>) -> Option<Callers> {
    let header = section.need("forwarded_header", "`x-forwarded-for` or `forwarded`");
    let forwarded_header = header.and_then(|field| field.word(&HEADERS));
    let allow_from = networks(section, "allow_from");
    let proxies = section.take("trusted_proxies");
    let trusted_proxies = networks(section, "trusted_proxies");
    if let (Some(field), Some(networks)) = (proxies, &trusted_proxies)
        && networks.iter().any(|network| network.prefix_len() == 0)
    {
        let path = field.path();
        field.reader.warn(format!("{path}: with a network of every address, anybody may claim to be anybody"));
    }
    Some(Callers { allow_from: allow_from?, trusted_proxies: trusted_proxies?, forwarded_header: forwarded_header? })
}

/// The networks at `key`; none where there is no such key.
fn networks(section: &mut Section<'_>, key: &'static str) -> Option<Vec<IpNet>> {
    let Some(field) = section.take(key) else { return Some(Vec::new()) };
    field.list()?.iter().map(networks_in).collect::<Option<Vec<_>>>().map(|networks| networks.concat())
}

/// One network; several with commas where the text is a variable's.
fn networks_in(field: &Field<'_>) -> Option<Vec<IpNet>> {
    let text = field.text("a network")?;
    let read: Option<Vec<IpNet>> = if field.is_from_variable() {
        text.split(',').map(|text| network(text.trim())).collect()
    } else {
        network(text.trim()).map(|network| vec![network])
    };
    if read.is_none() {
        let hint = "for example `10.0.0.0/8`, `203.0.113.7` or `2001:db8::/32`; names are not looked up";
        field.fault("expected an IP network or address", Some(hint.to_owned()));
    }
    read
}

/// A network, or an address alone.
fn network(text: &str) -> Option<IpNet> {
    text.parse().ok().or_else(|| text.parse().ok().map(|address: std::net::IpAddr| IpNet::from(address)))
}
