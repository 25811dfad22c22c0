//! Where requests go: the call engine by the region of an app's data centre, or any host of your own.

use std::fmt;

use url::{Host as UrlHost, Url};

/// The region of an app's data centre.
///
/// Example: [`Host`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Region {
    /// Mainland China.
    China,
    /// Singapore.
    Singapore,
    /// Seoul.
    Seoul,
    /// Frankfurt.
    Frankfurt,
    /// Silicon Valley.
    SiliconValley,
    /// Jakarta.
    Jakarta,
    /// Tokyo. Listed for Chat, not for calls.
    Tokyo,
}

/// Where requests go: `https://` and a name, or plain `http://` on loopback.
///
/// ```
/// use offhook::tencent::{Host, HostError, Region};
///
/// let region = Region::named("singapore").expect("a region");
/// assert_eq!(Host::from(region).to_string(), "https://adminapisgp.im.qcloud.com");
/// // Without TLS only to this machine itself.
/// assert!(Host::parse("http://127.0.0.1:8082").is_ok());
/// assert!(matches!(Host::parse("http://example.com"), Err(HostError::Plain)));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Host(Url);

/// Why a text is no [`Host`].
///
/// Example: [`Host`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HostError {
    /// It is no URL of https or http.
    #[error("expected a host such as `adminapisgp.im.qcloud.com`, or its URL with https")]
    NoUrl,
    /// It has more than a host.
    #[error("expected nothing after the host: no path, no query, no user")]
    NotBare,
    /// It is plain http somewhere else than here.
    #[error("expected https: plain http would show the signature to everybody; it is for 127.0.0.1 and localhost")]
    Plain,
}

impl Region {
    /// All of them, each with the word that a configuration has for it.
    pub const WORDS: [(&'static str, Self); 7] = [
        ("china", Self::China),
        ("singapore", Self::Singapore),
        ("seoul", Self::Seoul),
        ("frankfurt", Self::Frankfurt),
        ("silicon-valley", Self::SiliconValley),
        ("jakarta", Self::Jakarta),
        ("tokyo", Self::Tokyo),
    ];

    /// The region's host name.
    pub fn host_name(self) -> &'static str {
        match self {
            Self::China => "console.tim.qq.com",
            Self::Singapore => "adminapisgp.im.qcloud.com",
            Self::Seoul => "adminapikr.im.qcloud.com",
            Self::Frankfurt => "adminapiger.im.qcloud.com",
            Self::SiliconValley => "adminapiusa.im.qcloud.com",
            Self::Jakarta => "adminapiidn.im.qcloud.com",
            Self::Tokyo => "adminapijpn.im.qcloud.com",
        }
    }

    /// The region of this word.
    pub fn named(word: &str) -> Option<Self> {
        Self::WORDS.iter().find(|(name, _)| *name == word).map(|(_, region)| *region)
    }
}

impl Host {
    /// The host that `text` names: `name`, `https://name`, or on loopback `http://127.0.0.1:8082`.
    ///
    /// # Errors
    /// [`HostError`] says what was expected. It does not hold the text, which may have a password in it.
    pub fn parse(text: &str) -> Result<Self, HostError> {
        let text = text.trim();
        let whole = if text.contains("://") { text.to_owned() } else { format!("https://{text}") };
        let url = Url::parse(&whole).map_err(|_| HostError::NoUrl)?;
        let bare = url.path() == "/" && url.query().is_none() && url.fragment().is_none();
        let anonymous = url.username().is_empty() && url.password().is_none();
        match (url.scheme(), url.host()) {
            ("https" | "http", Some(_)) if !bare || !anonymous => Err(HostError::NotBare),
            ("https", Some(_)) => Ok(Self(url)),
            ("http", Some(host)) if is_loopback(&host) => Ok(Self(url)),
            ("http", Some(_)) => Err(HostError::Plain),
            _ => Err(HostError::NoUrl),
        }
    }

    /// A name that is known to be one.
    pub(super) fn named(name: &'static str) -> Self {
        // The names are constants, each tried by a test.
        Self(Url::parse(&format!("https://{name}")).expect("a host name"))
    }

    /// Whether it is this machine.
    pub fn is_loopback(&self) -> bool {
        self.0.host().is_some_and(|host| is_loopback(&host))
    }

    /// As a URL with an empty path.
    pub fn url(&self) -> &Url {
        &self.0
    }

    /// Its name, with its port where it has one: the header `host`.
    pub fn authority(&self) -> String {
        let name = self.0.host_str().unwrap_or_default();
        self.0.port().map_or_else(|| name.to_owned(), |port| format!("{name}:{port}"))
    }
}

impl From<Region> for Host {
    fn from(region: Region) -> Self {
        Self::named(region.host_name())
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.as_str().trim_end_matches('/'))
    }
}

fn is_loopback(host: &UrlHost<&str>) -> bool {
    match host {
        UrlHost::Domain(name) => *name == "localhost",
        UrlHost::Ipv4(address) => address.is_loopback(),
        UrlHost::Ipv6(address) => address.is_loopback(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_region_has_a_host() {
        for (word, region) in Region::WORDS {
            assert_eq!(Region::named(word), Some(region));
            assert_eq!(Host::from(region).authority(), region.host_name());
        }
    }

    #[test]
    fn a_host_is_https_or_here() {
        let shown = |text| Host::parse(text).map(|host| host.to_string());
        for good in ["https://a.example", "a.example", " a.example/ "] {
            assert_eq!(shown(good), Ok("https://a.example".to_owned()));
        }
        for good in ["http://127.0.0.1:8082", "http://localhost:1", "http://[::1]:2"] {
            assert_eq!(shown(good), Ok(good.to_owned()));
        }
        assert_eq!(shown("http://a.example"), Err(HostError::Plain));
        assert_eq!(shown("http://127.0.0.1.a.example"), Err(HostError::Plain));
        for bad in ["https://a.example/v4", "https://a:b@a.example", "a.example?x=1"] {
            assert_eq!(shown(bad), Err(HostError::NotBare), "{bad}");
        }
        for bad in ["", "ftp://a.example", "https://"] {
            assert_eq!(shown(bad), Err(HostError::NoUrl), "{bad}");
        }
    }
}
