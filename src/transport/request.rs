//! What every request is asked: where it comes from, and for its body within limits.

use crate::policy::{Origin, OwnHosts, TrustedProxies, UnknownClient, host_name};
use bytes::Bytes;
use http::header;
use poem::{Body, Request};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::pin::pin;
use std::time::Duration;
use tokio_stream::StreamExt;

/// Why a body was not read to its end.
pub(crate) enum BodyError {
    TooLarge,
    /// It was cut off, or is not what its framing says.
    Broken,
    Slow,
    /// There is no memory for it.
    NoRoom,
}

/// Data of a request whose server answers to the name in its `Host` field.
#[derive(Debug, Clone, Copy)]
pub(crate) struct HostIsOwn;

/// Reads a body of at most so many bytes, in at most this time; one that announces too much is not read at all.
pub(crate) async fn read_body(request: &mut Request, max_bytes: usize, within: Duration) -> Result<Bytes, BodyError> {
    IncomingBody::of(request).read(max_bytes, within, |_| true).await
}

/// A request's body that is to be read.
pub(super) struct IncomingBody {
    body: Body,
    announced: Option<usize>,
}

impl IncomingBody {
    pub(super) fn of(request: &mut Request) -> Self {
        let announced = request.header(header::CONTENT_LENGTH).and_then(|length| length.parse().ok());
        Self { body: request.take_body(), announced }
    }

    /// Reads it, asking for room as it grows: for how many bytes in all.
    pub(super) async fn read(
        self,
        max_bytes: usize,
        within: Duration,
        has_room: impl FnMut(usize) -> bool,
    ) -> Result<Bytes, BodyError> {
        if self.announced.is_some_and(|length| length > max_bytes) {
            return Err(BodyError::TooLarge);
        }
        let collecting = collect(self.body, max_bytes, has_room);
        tokio::time::timeout(within, collecting).await.unwrap_or(Err(BodyError::Slow))
    }
}

/// Room is doubled as bytes come, up to what there may be.
async fn collect(body: Body, max_bytes: usize, mut has_room: impl FnMut(usize) -> bool) -> Result<Bytes, BodyError> {
    let (mut pieces, mut collected) = (pin!(body.into_bytes_stream()), Vec::new());
    while let Some(piece) = pieces.next().await {
        let piece = piece.map_err(|_| BodyError::Broken)?;
        let needed = collected.len() + piece.len();
        if needed > max_bytes {
            return Err(BodyError::TooLarge);
        }
        if needed > collected.capacity() {
            let room = needed.max(max_bytes.min(2 * collected.capacity()));
            if !has_room(room) {
                return Err(BodyError::NoRoom);
            }
            collected.reserve_exact(room - collected.len());
        }
        collected.extend_from_slice(&piece);
    }
    Ok(collected.into())
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
