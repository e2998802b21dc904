//! What every request is asked: where it comes from, and for its body within limits.

use crate::policy::TrustedProxies;
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
pub(crate) fn client_address(proxies: &TrustedProxies, request: &Request) -> IpAddr {
    let forwarded = request.headers().get_all("X-Forwarded-For").into_iter();
    let forwarded: Vec<_> = forwarded.filter_map(|value| value.to_str().ok()).collect();
    proxies.client(peer_address(request), forwarded.into_iter())
}

/// A peer without an IP address, such as a Unix socket's, is this machine.
pub(super) fn peer_address(request: &Request) -> IpAddr {
    request.remote_addr().as_socket_addr().map_or(Ipv4Addr::LOCALHOST.into(), SocketAddr::ip)
}
