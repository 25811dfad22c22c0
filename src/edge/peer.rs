//! Who is on the other side: the connection's own address or, where that is a trusted proxy's, the one it tells of.
//!
//! Only the one header that the configuration names is believed: a proxy that writes one of them passes the other on as a
//! stranger sent it.

use std::net::{IpAddr, SocketAddr};

use http::HeaderMap;
use ipnet::IpNet;

/// Whom a receiver takes requests from, and by whose word it knows them.
///
/// ```
/// use offhook::edge::{Callers, ForwardedHeader, Settings};
///
/// // Behind a proxy in 10.0.0.0/8, which says in `Forwarded` who asks.
/// let trusted_proxies = vec!["10.0.0.0/8".parse()?];
/// let callers = Callers { trusted_proxies, forwarded_header: ForwardedHeader::Forwarded, ..Callers::default() };
/// let settings = Settings { callers, ..Settings::default() };
/// # let _ = settings;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Callers {
    /// The addresses that may ask anything but health; empty: all.
    pub allow_from: Vec<IpNet>,
    /// The proxies whose word on who asks is believed.
    pub trusted_proxies: Vec<IpNet>,
    /// Where they write it.
    pub forwarded_header: ForwardedHeader,
}

/// The header in which proxies write who asks.
///
/// Example: [`Callers`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ForwardedHeader {
    /// `X-Forwarded-For`
    #[default]
    XForwardedFor,
    /// `Forwarded`, RFC 7239.
    Forwarded,
}

/// The address at the other end of a connection: an extension of requests that come over a listener of yours.
///
/// ```
/// use axum::http::Request;
/// use offhook::edge::PeerAddress;
///
/// // A listener of yours says who is at the other end; without it nobody's address is known.
/// let mut request = Request::new(());
/// request.extensions_mut().insert(PeerAddress("203.0.113.7:40312".parse()?));
/// # Ok::<(), std::net::AddrParseError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PeerAddress(pub SocketAddr);

impl Callers {
    /// Who asks: the last address in the header that is not a trusted proxy's. What cannot be read is not believed, nor
    /// anything before it: then it is the last proxy that was.
    pub(super) fn peer(&self, connection: IpAddr, headers: &HeaderMap) -> IpAddr {
        let mut peer = connection.to_canonical();
        if !self.trusts(peer) {
            return peer;
        }
        let name = match self.forwarded_header {
            ForwardedHeader::XForwardedFor => "x-forwarded-for",
            ForwardedHeader::Forwarded => "forwarded",
        };
        for value in headers.get_all(name).iter().rev() {
            // A header that is no text hides who is in it.
            let Ok(value) = value.to_str() else { return peer };
            for element in value.rsplit(',') {
                match self.address(element) {
                    Some(address) => peer = address,
                    None => return peer,
                }
                if !self.trusts(peer) {
                    return peer;
                }
            }
        }
        peer
    }

    /// Whether requests of `peer` are taken at all. One that is not known is not among those that are listed.
    pub(super) fn allows(&self, peer: Option<IpAddr>) -> bool {
        self.allow_from.is_empty() || peer.is_some_and(|peer| contain(&self.allow_from, peer))
    }

    fn trusts(&self, address: IpAddr) -> bool {
        contain(&self.trusted_proxies, address)
    }

    fn address(&self, element: &str) -> Option<IpAddr> {
        match self.forwarded_header {
            ForwardedHeader::XForwardedFor => node(element.trim()),
            ForwardedHeader::Forwarded => element
                .split(';')
                .find_map(|pair| {
                    let (name, value) = pair.split_once('=')?;
                    name.trim().eq_ignore_ascii_case("for").then_some(value)
                })
                .and_then(|value| node(value.trim().trim_matches('"'))),
        }
    }
}

/// An address, perhaps with brackets and a port.
fn node(text: &str) -> Option<IpAddr> {
    let address = text.parse().ok().or_else(|| text.parse::<SocketAddr>().ok().map(|with_port| with_port.ip()));
    let address = address.or_else(|| text.strip_prefix('[')?.strip_suffix(']')?.parse().ok());
    address.map(|address| address.to_canonical())
}

fn contain(networks: &[IpNet], address: IpAddr) -> bool {
    networks.iter().any(|network| network.contains(&address))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn callers(forwarded_header: ForwardedHeader) -> Callers {
        let networks = |texts: &[&str]| texts.iter().map(|text| text.parse().expect("a network")).collect();
        Callers {
            allow_from: networks(&["203.0.113.0/24", "2001:db8::/32"]),
            trusted_proxies: networks(&["10.0.0.0/8", "fd00::/8"]),
            forwarded_header,
        }
    }

    fn seen(callers: &Callers, connection: &str, name: &'static str, values: &[&str]) -> String {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(name, value.parse().expect("a value"));
        }
        callers.peer(connection.parse().expect("an address"), &headers).to_string()
    }

    #[test]
    fn the_last_address_that_is_no_trusted_proxy_counts() {
        let callers = callers(ForwardedHeader::XForwardedFor);
        for (connection, values, expected) in [
            ("198.51.100.9", &["203.0.113.7"][..], "198.51.100.9"),
            ("10.0.0.1", &[], "10.0.0.1"),
            ("::ffff:10.0.0.1", &["203.0.113.7"], "203.0.113.7"),
            ("10.0.0.1", &["203.0.113.7"], "203.0.113.7"),
            ("10.0.0.1", &["1.1.1.1, 203.0.113.7 ,10.9.9.9"], "203.0.113.7"),
            ("10.0.0.1", &["203.0.113.7", "198.51.100.1, 10.2.2.2"], "198.51.100.1"),
            ("10.0.0.1", &["203.0.113.7:4711"], "203.0.113.7"),
            ("fd00::1", &["2001:db8::5"], "2001:db8::5"),
            ("fd00::1", &["[2001:db8::5]:4711"], "2001:db8::5"),
            ("fd00::1", &["[2001:db8::5]"], "2001:db8::5"),
            ("10.0.0.1", &["10.0.0.2, 10.0.0.3"], "10.0.0.2"),
            ("10.0.0.1", &["203.0.113.7, unknown, 10.0.0.2"], "10.0.0.2"),
            ("10.0.0.1", &["203.0.113.7,"], "10.0.0.1"),
            ("10.0.0.1", &["localhost"], "10.0.0.1"),
        ] {
            assert_eq!(seen(&callers, connection, "x-forwarded-for", values), expected, "{connection} {values:?}");
        }
        assert_eq!(seen(&callers, "10.0.0.1", "forwarded", &["for=203.0.113.7"]), "10.0.0.1", "the other header");
    }

    #[test]
    fn the_standard_header_is_read_where_it_is_the_one() {
        let callers = callers(ForwardedHeader::Forwarded);
        for (values, expected) in [
            (&["for=203.0.113.7;proto=http;by=10.0.0.1"][..], "203.0.113.7"),
            (&["proto=https;For=\"[2001:db8::5]:4711\""], "2001:db8::5"),
            (&["for=203.0.113.7, for=10.0.0.2"], "203.0.113.7"),
            (&["for=203.0.113.7", "for=198.51.100.1"], "198.51.100.1"),
            (&["for=_hidden"], "10.0.0.1"),
            (&["by=203.0.113.7"], "10.0.0.1"),
            (&["203.0.113.7"], "10.0.0.1"),
        ] {
            assert_eq!(seen(&callers, "10.0.0.1", "forwarded", values), expected, "{values:?}");
        }
        assert_eq!(seen(&callers, "10.0.0.1", "x-forwarded-for", &["203.0.113.7"]), "10.0.0.1", "the other header");
    }

    #[test]
    fn only_the_listed_are_let_in_and_a_stranger_without_address_is_not() {
        let address = |text: &str| Some(text.parse().expect("an address"));
        let callers = callers(ForwardedHeader::default());
        assert!(callers.allows(address("203.0.113.200")) && callers.allows(address("2001:db8::1")));
        assert!(!callers.allows(address("10.0.0.1")) && !callers.allows(None));
        assert!(Callers::default().allows(None));
    }
}
