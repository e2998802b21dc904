//! By which names a server is asked for.

use crate::model::SettingsError;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The names by which a server may be asked for: the host of a request that names another is none of its own, so no page of
/// that host is either. Without a list they follow from where it listens.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OwnHosts(Vec<HostRule>);

impl OwnHosts {
    /// Reads names without ports: `example.com`, `*.example.com` for its sub-domains, `[2001:db8::1]`, or `*` for all.
    ///
    /// # Errors
    ///
    /// What is no name of a host is refused, as `server.hosts`.
    pub fn new(names: &[String]) -> Result<Self, SettingsError> {
        let expected =
            "expected names without ports, such as \"example.com\", \"*.example.com\", \"192.0.2.1\" or \"*\"";
        let rule =
            |name: &String| split(name).filter(|(_, port)| port.is_none()).and_then(|(host, _)| HostRule::new(host));
        let rules = names.iter().map(|name| rule(name).ok_or_else(|| SettingsError::new("server.hosts", expected)));
        rules.collect::<Result<_, _>>().map(Self)
    }

    /// Whether a server that listens at `listen` may be asked for by this name. Where none is listed, one that only this
    /// machine reaches has the names of this machine (RFC 6761, section 6.3), lest a page gives its own name the loopback
    /// address and so becomes the server's own (DNS rebinding); others have any.
    pub fn include(&self, host: &str, listen: IpAddr) -> bool {
        match self.0.is_empty() {
            true => !listen.to_canonical().is_loopback() || is_loopback_name(host),
            false => self.0.iter().any(|rule| rule.matches(host)),
        }
    }
}

/// `localhost`, what is below it, and loopback addresses; in lower case.
pub fn is_loopback_name(host: &str) -> bool {
    let name = host.strip_suffix('.').unwrap_or(host);
    let v6 = || name.strip_prefix('[')?.strip_suffix(']')?.parse::<Ipv6Addr>().ok();
    let address = name.parse::<Ipv4Addr>().ok().map(IpAddr::from).or_else(|| v6().map(IpAddr::from));
    name == "localhost" || name.ends_with(".localhost") || address.is_some_and(|a| a.to_canonical().is_loopback())
}

/// The name in a `Host` field, in lower case and without its port; `None` where the field is not valid (RFC 9110,
/// section 7.2), or empty.
pub fn host_name(field: &[u8]) -> Option<String> {
    let (host, port) = split(std::str::from_utf8(field.trim_ascii()).ok()?)?;
    let is_one = !host.is_empty() && !host.contains('*') && port.is_none_or(|port| port.parse::<u16>().is_ok());
    is_one.then_some(host)
}

/// `host` or `host:port`. The host is in lower case, and may have wildcards or be empty; the port is not looked at.
pub(super) fn split(authority: &str) -> Option<(String, Option<&str>)> {
    let port_at = authority.rfind(':').filter(|at| !authority[*at..].contains(']'));
    let (host, port) = match port_at {
        Some(at) => (&authority[..at], Some(&authority[at + 1..])),
        None => (authority, None),
    };
    is_host(host).then(|| (host.to_ascii_lowercase(), port.filter(|port| !port.is_empty())))
}

fn is_host(host: &str) -> bool {
    match host.strip_prefix('[') {
        Some(rest) => rest.strip_suffix(']').is_some_and(|address| address.parse::<Ipv6Addr>().is_ok()),
        None => host.chars().all(|c| c.is_ascii_alphanumeric() || "-._*".contains(c)),
    }
}

/// Which hosts are meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum HostRule {
    Any,
    /// With its leading dot.
    SubdomainOf(String),
    Exactly(String),
}

impl HostRule {
    /// `None` for wildcards in other places than in front.
    pub(super) fn new(host: String) -> Option<Self> {
        match host.strip_prefix('*') {
            Some("") => Some(Self::Any),
            Some(suffix) if suffix.starts_with('.') && !suffix.contains('*') => {
                Some(Self::SubdomainOf(suffix.to_owned()))
            }
            None if !host.contains('*') => Some(Self::Exactly(host)),
            _ => None,
        }
    }

    pub(super) fn matches(&self, host: &str) -> bool {
        match self {
            Self::Any => !host.is_empty(),
            Self::SubdomainOf(suffix) => host.len() > suffix.len() && host.ends_with(suffix),
            Self::Exactly(wanted) => host == wanted,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOOPBACK: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
    const ANY: IpAddr = IpAddr::V4(Ipv4Addr::UNSPECIFIED);

    fn hosts(names: &[&str]) -> Result<OwnHosts, SettingsError> {
        OwnHosts::new(&names.iter().map(ToString::to_string).collect::<Vec<_>>())
    }

    #[test]
    fn a_server_on_loopback_has_this_machine_s_names_and_no_others() {
        let own = OwnHosts::default();
        for host in
            ["localhost", "localhost.", "app.localhost", "127.0.0.1", "127.8.8.8", "[::1]", "[::ffff:127.0.0.1]"]
        {
            assert!(own.include(host, LOOPBACK) && own.include(host, Ipv6Addr::LOCALHOST.into()), "{host}");
        }
        for host in ["evil.com", "localhost.evil.com", "notlocalhost", "0.0.0.0", "127.0.0.1.evil.com", "[::2]", ""] {
            assert!(!own.include(host, LOOPBACK) && own.include(host, ANY), "{host}");
        }
    }

    #[test]
    fn names_that_are_listed_are_the_only_ones() {
        let own = hosts(&["Example.com", "*.example.org", "[2001:db8::1]"]).unwrap();
        for host in ["example.com", "a.example.org", "[2001:db8::1]"] {
            assert!(own.include(host, LOOPBACK) && own.include(host, ANY), "{host}");
        }
        assert!(!own.include("localhost", LOOPBACK) && !own.include("example.org", ANY));
        assert!(hosts(&["*"]).unwrap().include("any.where", LOOPBACK));
        for wrong in ["example.com:80", "https://example.com", "a*.com", "*.*.com", "a b", "[::1"] {
            assert_eq!(hosts(&[wrong]).unwrap_err().key, "server.hosts", "{wrong}");
        }
    }

    #[test]
    fn a_host_field_is_a_name_or_an_address_with_or_without_a_port() {
        let name = |field: &str| host_name(field.as_bytes());
        for (field, host) in [
            ("Example.COM:8080", "example.com"),
            ("a_b.example:", "a_b.example"),
            ("[2001:DB8::1]:80", "[2001:db8::1]"),
            ("192.0.2.1", "192.0.2.1"),
        ] {
            assert_eq!(name(field).as_deref(), Some(host));
        }
        for field in
            ["", " ", ":80", "a b", "a:b", "a:99999", "*", "a*.com", "user@a", "a/b", "[::1", "::1", "caf\u{e9}"]
        {
            assert_eq!(name(field), None, "{field}");
        }
        assert_eq!(host_name(b"caf\xe9.com"), None);
    }
}
