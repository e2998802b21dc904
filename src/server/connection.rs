//! One connection: hyper on one side, the poem endpoint on the other.

use super::ServerSettings;
use super::admission::Permit;
use super::framing::Framing;
use super::stall::StallGuard;
use crate::node::{Io, Upgraded};
use crate::transport::RawUpgrade;
use bytes::Bytes;
use futures_util::future::{BoxFuture, FutureExt, TryFutureExt};
use http::{HeaderValue, StatusCode, header};
use http_body_util::combinators::BoxBody;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use poem::endpoint::DynEndpoint;
use poem::web::{LocalAddr, RemoteAddr};
use poem::{Addr, Endpoint, IntoResponse, Request, Response};
use std::convert::Infallible;
use std::future::Future;
use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::{Sleep, sleep};
use tokio_rustls::server::TlsStream;

type Body = BoxBody<Bytes, io::Error>;

/// What all connections of a server share.
pub(super) struct Shared {
    pub(super) app: Box<dyn DynEndpoint<Output = Response>>,
    pub(super) settings: ServerSettings,
    pub(super) local: SocketAddr,
}

/// A stream that connections come over.
pub(super) trait Transportable: AsyncRead + AsyncWrite + Send + Unpin + 'static {
    const SCHEME: &'static str;

    fn into_io(self) -> Io;
}

impl Transportable for TcpStream {
    const SCHEME: &'static str = "http";

    fn into_io(self) -> Io {
        Io::Tcp(self)
    }
}

impl Transportable for TlsStream<TcpStream> {
    const SCHEME: &'static str = "https";

    fn into_io(self) -> Io {
        Io::Stream(Box::new(self))
    }
}

/// Serves requests until the peer leaves, or, once `stopping` says so, until the current one is answered.
pub(super) async fn serve<S: Transportable>(
    shared: Arc<Shared>,
    stream: S,
    peer: SocketAddr,
    permit: Arc<Permit>,
    mut stopping: watch::Receiver<bool>,
) {
    let settings = &shared.settings;
    let io = TokioIo::new(Guarded::new(stream, settings));
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(settings.header_timeout)
        .max_headers(settings.max_headers)
        // The limit proper: the buffer may take more in its last read, and `Framing` looks no further than the limit.
        .max_header_size(settings.max_head_bytes.max(MIN_BUFFER))
        .max_buf_size(settings.max_head_bytes.max(MIN_BUFFER));
    let caller = Caller { shared: Arc::clone(&shared), peer, permit };
    let connection = http.serve_connection(io, service_fn(|request| caller.call::<S>(request))).with_upgrades();
    let mut connection = pin!(connection);
    tokio::select! {
        result = &mut connection => return log_error(peer, result),
        _ = stopping.wait_for(|stopping| *stopping) => connection.as_mut().graceful_shutdown(),
    }
    log_error(peer, connection.await);
}

/// The least that hyper takes.
const MIN_BUFFER: usize = 8192;

fn log_error(peer: SocketAddr, result: Result<(), hyper::Error>) {
    if let Err(error) = result {
        tracing::debug!(%peer, %error, "connection broke off");
    }
}

struct Caller {
    shared: Arc<Shared>,
    peer: SocketAddr,
    permit: Arc<Permit>,
}

/// Any poem endpoint, whose future holds the request once. As async functions they would hold it once for each layer.
pub(super) struct App<E>(pub(super) E);

impl<E: Endpoint<Output: IntoResponse>> DynEndpoint for App<E> {
    type Output = Response;

    fn call(&self, request: Request) -> BoxFuture<'_, poem::Result<Response>> {
        self.0.call(request).map_ok(IntoResponse::into_response).boxed()
    }
}

impl Caller {
    /// Not an async function, for the same reason.
    fn call<S: Transportable>(
        &self,
        request: http::Request<Incoming>,
    ) -> impl Future<Output = Result<http::Response<Body>, Infallible>> {
        let upgrading = request.headers().contains_key(header::UPGRADE);
        let answer = self.answer::<S>(request);
        async move {
            let mut response = match answer {
                Ok(response) => response.await.unwrap_or_else(|error| error.into_response()),
                Err(refusal) => return Ok(refusal),
            };
            if upgrading && response.status() != StatusCode::SWITCHING_PROTOCOLS {
                // What follows an upgrade is not looked at by `Framing`, so it must not be read as a request either.
                response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
            }
            Ok(response.into())
        }
    }

    fn answer<S: Transportable>(
        &self,
        mut request: http::Request<Incoming>,
    ) -> Result<BoxFuture<'_, poem::Result<Response>>, http::Response<Body>> {
        if request.uri().path_and_query().is_some_and(|t| t.as_str().len() > self.shared.settings.max_target_bytes) {
            return Err(refusal(StatusCode::URI_TOO_LONG));
        }
        let upgrade = request.headers().contains_key(header::UPGRADE).then(|| self.upgrade::<S>(&mut request));
        let local = LocalAddr(Addr::SocketAddr(self.shared.local));
        let remote = RemoteAddr(Addr::SocketAddr(self.peer));
        let scheme = S::SCHEME.parse().unwrap_or(http::uri::Scheme::HTTP);
        let mut request = Request::from((request, local, remote, scheme));
        if let Some(upgrade) = upgrade {
            request.set_data(RawUpgrade::new(upgrade));
        }
        Ok(DynEndpoint::call(&*self.shared.app, request))
    }

    /// The connection itself, once hyper has written the 101 and let go of it.
    fn upgrade<S: Transportable>(&self, request: &mut http::Request<Incoming>) -> BoxFuture<'static, Option<Upgraded>> {
        let upgrade = hyper::upgrade::on(request);
        let permit = Arc::clone(&self.permit);
        Box::pin(async move {
            let parts = upgrade.await.ok()?.downcast::<TokioIo<Guarded<S>>>().ok()?;
            let stream = parts.io.into_inner().stream.into_inner();
            Some(Upgraded { io: stream.into_io(), early: parts.read_buf, permit: Some(permit) })
        })
    }
}

fn refusal(status: StatusCode) -> http::Response<Body> {
    Response::builder().status(status).header(header::CONNECTION, "close").finish().into()
}

/// A stream whose requests are framed beyond doubt, and whose peer takes what it is sent.
struct Guarded<S> {
    stream: StallGuard<S>,
    framing: Framing,
    /// A request was refused: nothing behind it is looked at, and hyper gets this instead, then an end.
    refused: Option<&'static [u8]>,
    /// Everything is said, and the peer is still listened to until then.
    lingering: Option<Pin<Box<Sleep>>>,
}

/// How long a peer that is in the middle of a request is listened to behind the last answer.
const LINGER: Duration = Duration::from_secs(2);

impl<S> Guarded<S> {
    fn new(stream: S, settings: &ServerSettings) -> Self {
        let framing = Framing::new(settings.max_head_bytes.max(MIN_BUFFER));
        Self { stream: StallGuard::new(stream, settings.write_timeout), framing, refused: None, lingering: None }
    }
}

impl<S: AsyncRead + Unpin> Guarded<S> {
    /// Reads and discards until the peer closes or the time is over. To close with input unread would reset the
    /// connection, and the reset could destroy the answer on its way (RFC 9112, section 9.6).
    fn poll_linger(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let over = self.lingering.get_or_insert_with(|| Box::pin(sleep(LINGER)));
        let mut discarded = [0; 1024];
        loop {
            let mut buf = ReadBuf::new(&mut discarded);
            match Pin::new(&mut self.stream).poll_read(cx, &mut buf) {
                Poll::Ready(Ok(())) if !buf.filled().is_empty() => {}
                Poll::Ready(_) => return Poll::Ready(()),
                Poll::Pending => return over.as_mut().poll(cx),
            }
        }
    }
}

/// Stands in for a request that is refused, or the rest of it: no head and no chunk's size may hold the first byte, so
/// hyper answers 400 and closes, in its turn behind whatever was asked before. The line ends are there because hyper looks
/// at a head only when it sees its end.
const REFUSED: &[u8] = b"\0\r\n\r\n";

impl<S> Guarded<S> {
    /// Gives hyper what stands in for a refused request, as far as there is room.
    fn put_refusal(&mut self, refusal: &'static [u8], buf: &mut ReadBuf<'_>) {
        let (now, later) = refusal.split_at(refusal.len().min(buf.remaining()));
        buf.put_slice(now);
        self.refused = Some(later);
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Guarded<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if let Some(rest) = self.refused {
            self.put_refusal(rest, buf);
            return Poll::Ready(Ok(()));
        }
        let before = buf.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(cx, buf))?;
        if let Err((at, _)) = self.framing.feed(&buf.filled()[before..]) {
            buf.set_filled(before + at);
            self.put_refusal(REFUSED, buf);
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Guarded<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.lingering.is_none() {
            ready!(Pin::new(&mut self.stream).poll_shutdown(cx))?;
        }
        if self.refused.is_some() || !self.framing.is_between_requests() {
            ready!(self.poll_linger(cx));
        }
        Poll::Ready(Ok(()))
    }
}
