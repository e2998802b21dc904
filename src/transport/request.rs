//! What every request is asked: where it comes from, and for its body within limits.

use crate::policy::{Origin, OwnHosts, TrustedProxies, UnknownClient, host_name};
use bytes::Bytes;
use http::header;
use poem::Request;
use poem::error::ReadBodyError;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

/// Why a body was not read to its end.
pub(crate) enum BodyError {
    TooLarge,
    /// It was cut off, or is not what its framing says.
    Broken,
    Slow,
}

/// Data of a request whose server answers to the name in its `Host` field.
#[derive(Debug, Clone, Copy)]
pub(crate) struct HostIsOwn;

/// Reads a body of at most so many bytes, in at most this time; one that announces too much is not read at all.
pub(crate) async fn read_body(request: &mut Request, max_bytes: usize, within: Duration) -> Result<Bytes, BodyError> {
    let announced = request.header(header::CONTENT_LENGTH).and_then(|length| length.parse::<usize>().ok());
    if announced.is_some_and(|length| length > max_bytes) {
        return Err(BodyError::TooLarge);
    }
    match tokio::time::timeout(within, request.take_body().into_bytes_limit(max_bytes)).await {
        Ok(Ok(body)) => Ok(body),
        Ok(Err(ReadBodyError::PayloadTooLarge)) => Err(BodyError::TooLarge),
        Ok(Err(_)) => Err(BodyError::Broken),
        Err(_) => Err(BodyError::Slow),
    }
}

/// Where the request comes from: the peer, or what trusted proxies say.
pub(crate) fn client_address(proxies: &TrustedProxies, request: &Request) -> Result<IpAddr, UnknownClient> {
    proxies.client(peer_address(request), request.headers())
}

/// A peer without an IP address, such as a Unix socket's, is this machine.
pub(super) fn peer_address(request: &Request) -> IpAddr {
    request.remote_addr().as_socket_addr().map_or(Ipv4Addr::LOCALHOST.into(), SocketAddr::ip)
}

/// The origin that the request was sent to; `None` where it names no host, or one that is not this server's own. Only trusted
/// proxies may say that they were reached by another scheme, or pass on other names than a server on loopback has.
pub(super) fn own_origin(proxies: &TrustedProxies, request: &Request) -> Option<Origin> {
    let field = request.headers().get(header::HOST)?.as_bytes();
    let host = host_name(field)?;
    let peer = peer_address(request);
    let is_own = request.data::<HostIsOwn>().is_some() || proxies.contains(peer) || is_listened_to_as(request, &host);
    let scheme = proxies.scheme(peer, request.headers()).unwrap_or_else(|| request.scheme().as_str());
    Origin::of_request(scheme, std::str::from_utf8(field).ok()?.trim()).filter(|_| is_own)
}

/// Whether a server of somebody else's is asked for as one is that listens there.
fn is_listened_to_as(request: &Request, host: &str) -> bool {
    let listen = request.local_addr().as_socket_addr().map(SocketAddr::ip);
    listen.is_none_or(|listen| OwnHosts::default().include(host, listen))
}
