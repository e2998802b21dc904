//! Whose address it is, and how it came: what trusted proxies say of those behind them.

use super::forwarded;
use http::HeaderMap;
use ipnet::IpNet;
use std::fmt;
use std::net::IpAddr;

/// The proxies that are believed who their clients are, and by which scheme they were reached. None by default.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TrustedProxies(Vec<IpNet>);

/// A trusted proxy names its client in a way that cannot be read, so that nobody knows whose request it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UnknownClient;

impl fmt::Display for UnknownClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a trusted proxy names its client in X-Forwarded-For or Forwarded by what is no address")
    }
}

impl std::error::Error for UnknownClient {}

impl TrustedProxies {
    /// Trusts the proxies in these networks.
    pub fn new(networks: Vec<IpNet>) -> Self {
        Self(networks)
    }

    /// Whether `peer` is a trusted proxy.
    pub fn contains(&self, peer: IpAddr) -> bool {
        let peer = peer.to_canonical();
        self.0.iter().any(|network| network.contains(&peer))
    }

    /// The client behind `peer`: read from the right, the first address that is no trusted proxy, in `X-Forwarded-For`, or
    /// in `Forwarded` (RFC 7239) where that is not there.
    ///
    /// Whatever an untrusted peer claims is ignored, and so is everything left of its address. An entry that a trusted proxy
    /// vouches for and that is no address makes the client unknown: it is never taken for the proxy itself.
    pub fn client(&self, peer: IpAddr, headers: &HeaderMap) -> Result<IpAddr, UnknownClient> {
        let mut client = peer.to_canonical();
        // Most requests come straight from their clients.
        if !self.contains(client) {
            return Ok(client);
        }
        for hop in forwarded::hops(headers) {
            client = hop.ok_or(UnknownClient)?;
            if !self.contains(client) {
                break;
            }
        }
        Ok(client)
    }

    /// The scheme by which the client reached the first proxy, `http` or `https`, if `peer` is a trusted one and says so in
    /// any of the usual fields. Where they contradict each other it is `https`: then no page is own that came without TLS.
    pub fn scheme(&self, peer: IpAddr, headers: &HeaderMap) -> Option<&'static str> {
        if self.contains(peer) { forwarded::scheme(headers) } else { None }
    }
}

/// What counts as one client in limits: an IPv4 address, or an IPv6 network of 64 bits, which one customer has to itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct AddressKey(IpAddr);

impl From<IpAddr> for AddressKey {
    fn from(address: IpAddr) -> Self {
        Self(match address.to_canonical() {
            IpAddr::V6(v6) => IpAddr::V6((u128::from(v6) & !u128::from(u64::MAX)).into()),
            v4 => v4,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(trusted: &[&str], peer: &str, lines: &[(&'static str, &[u8])]) -> Result<String, UnknownClient> {
        let proxies = TrustedProxies::new(trusted.iter().map(|network| network.parse().unwrap()).collect());
        proxies.client(peer.parse().unwrap(), &forwarded::testing::headers(lines)).map(|client| client.to_string())
    }

    const LIST: &str = "x-forwarded-for";

    #[test]
    fn an_untrusted_peer_is_the_client_whatever_it_claims() {
        for (trusted, claim) in [(&[][..], &b"10.0.0.1"[..]), (&["10.0.0.0/8"], b"10.0.0.1"), (&[], b"\xff")] {
            assert_eq!(client(trusted, "192.0.2.9", &[(LIST, claim)]).as_deref(), Ok("192.0.2.9"));
        }
    }

    #[test]
    fn trusted_hops_are_skipped_from_the_right_and_the_spoofed_rest_is_ignored() {
        let trusted = ["10.0.0.0/8"];
        let behind = |lines| client(&trusted, "10.0.0.1", lines);
        assert_eq!(behind(&[(LIST, b"1.1.1.1, 203.0.113.7, 10.0.0.2")]).as_deref(), Ok("203.0.113.7"));
        let lines: [(_, &[u8]); 3] = [(LIST, b"1.1.1.1"), (LIST, b"203.0.113.7"), (LIST, b"10.0.0.2")];
        assert_eq!(behind(&lines).as_deref(), Ok("203.0.113.7"));
        assert_eq!(behind(&[(LIST, b"10.0.0.3, 10.0.0.2")]).as_deref(), Ok("10.0.0.3"));
        for nothing in [&[][..], &[(LIST, &b" , "[..])], &[("forwarded", b"proto=https")]] {
            assert_eq!(behind(nothing).as_deref(), Ok("10.0.0.1"), "{nothing:?}");
        }
    }

    #[test]
    fn a_hop_that_cannot_be_read_is_never_the_proxy_and_hides_no_other() {
        let behind = |list| client(&["10.0.0.0/8"], "10.0.0.1", &[(LIST, list)]);
        for list in [&b"\xff, 203.0.113.7"[..], b"\xff, 203.0.113.7, 10.0.0.2", b"unknown, 203.0.113.7"] {
            assert_eq!(behind(list).as_deref(), Ok("203.0.113.7"), "{list:?}");
        }
        for list in [&b"203.0.113.7, \xff"[..], b"203.0.113.7, \xff, 10.0.0.2", b"unknown", b"caf\xe9"] {
            assert_eq!(behind(list), Err(UnknownClient), "{list:?}");
        }
    }

    #[test]
    fn ports_brackets_and_mapped_addresses_are_understood() {
        for (hop, address) in [
            ("192.0.2.1:4711", "192.0.2.1"),
            ("[2001:db8::1]:80", "2001:db8::1"),
            ("[2001:db8::1]", "2001:db8::1"),
            ("2001:db8::1", "2001:db8::1"),
            ("::ffff:192.0.2.1", "192.0.2.1"),
        ] {
            assert_eq!(client(&["127.0.0.0/8"], "::ffff:127.0.0.1", &[(LIST, hop.as_bytes())]).as_deref(), Ok(address));
        }
    }

    #[test]
    fn forwarded_counts_where_there_is_no_other_list() {
        let behind = |lines: &[(&'static str, &[u8])]| client(&["10.0.0.0/8"], "10.0.0.1", lines);
        let both: [(_, &[u8]); 2] = [("forwarded", b"for=1.1.1.1"), (LIST, b"203.0.113.7")];
        assert_eq!(behind(&both).as_deref(), Ok("203.0.113.7"));
        assert_eq!(
            behind(&[("forwarded", b"for=1.1.1.1, For=\"[2001:db8::7]:80\";proto=https")]).as_deref(),
            Ok("2001:db8::7")
        );
        // The proxy's own entry says nothing of its client, and the one before may be the client's own invention.
        assert_eq!(behind(&[("forwarded", b"for=1.1.1.1, proto=https")]), Err(UnknownClient));
        assert_eq!(behind(&[("forwarded", b"for=_hidden")]), Err(UnknownClient));
    }

    #[test]
    fn the_scheme_is_believed_of_trusted_proxies_alone() {
        let proxies = TrustedProxies::new(vec!["10.0.0.0/8".parse().unwrap()]);
        let headers = forwarded::testing::headers(&[("x-forwarded-proto", b"https")]);
        assert_eq!(proxies.scheme("10.0.0.1".parse().unwrap(), &headers), Some("https"));
        assert_eq!(proxies.scheme("192.0.2.1".parse().unwrap(), &headers), None);
    }

    #[test]
    fn one_ipv6_network_of_64_bits_is_one_client() {
        let key = |address: &str| AddressKey::from(address.parse::<IpAddr>().unwrap());
        assert_eq!(key("2001:db8:0:1::1"), key("2001:db8:0:1:ffff::2"));
        assert_ne!(key("2001:db8:0:1::1"), key("2001:db8:0:2::1"));
        assert_eq!(key("::ffff:192.0.2.1"), key("192.0.2.1"));
    }
}
