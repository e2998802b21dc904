//! Whether a request is meant for this server.

use crate::policy::{OwnHosts, TrustedProxies, host_name};
use http::{Request, StatusCode, Version, header};
use std::net::IpAddr;

/// The names that a server has.
#[derive(Debug)]
pub(super) struct Names {
    pub(super) hosts: OwnHosts,
    pub(super) listen: IpAddr,
    pub(super) proxies: TrustedProxies,
}

const NO_HOST: &str = "Expected one Host field with the name or address of a host.\n";

/// Nothing of the request is in it: it could be shown to others, from a cache.
const FOREIGN: &str = "This server does not have the name that Host says. List it in server.hosts, or, where a proxy passes it \
                       on, list the proxy in trusted_proxies.\n";

impl Names {
    /// Refuses a request that names no host (RFC 9112, section 3.2) or another server (RFC 9110, section 7.4). HTTP/1.0 need not
    /// name any.
    pub(super) fn check<B>(&self, request: &Request<B>, peer: IpAddr) -> Result<(), (StatusCode, &'static str)> {
        let Some(field) = request.headers().get(header::HOST) else {
            let may_lack = request.version() < Version::HTTP_11;
            return may_lack.then_some(()).ok_or((StatusCode::BAD_REQUEST, NO_HOST));
        };
        let host = host_name(field.as_bytes()).ok_or((StatusCode::BAD_REQUEST, NO_HOST))?;
        let is_own = self.hosts.include(&host, self.listen) || self.proxies.contains(peer);
        is_own.then_some(()).ok_or((StatusCode::MISDIRECTED_REQUEST, FOREIGN))
    }
}
