//! One connection: hyper on one side, the poem endpoint on the other.

use super::ServerSettings;
use super::admission::Permit;
use super::deadline::HeadTimer;
use super::guarded::{Guarded, MIN_BUFFER};
use super::head::Asked;
use super::held::Answer;
use super::names::Names;
use crate::node::{Io, Upgraded};
use crate::transport::{HostIsOwn, RawUpgrade, Waits};
use bytes::Bytes;
use futures_util::future::{BoxFuture, FutureExt, TryFutureExt, pending};
use http::{HeaderValue, StatusCode, header};
use http_body_util::combinators::BoxBody;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use parking_lot::Mutex;
use poem::endpoint::DynEndpoint;
use poem::web::{LocalAddr, RemoteAddr};
use poem::{Addr, Endpoint, IntoEndpoint, IntoResponse, Request, Response};
use std::convert::Infallible;
use std::future::{Future, poll_fn};
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio_rustls::server::TlsStream;

type Body = BoxBody<Bytes, io::Error>;

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// What all connections of a server share.
pub(super) struct Shared {
    app: Box<dyn DynEndpoint<Output = Response>>,
    pub(super) settings: ServerSettings,
    local: SocketAddr,
    names: Names,
    http: http1::Builder,
}

impl Shared {
    pub(super) fn new<E>(app: E, settings: ServerSettings, local: SocketAddr, names: Names) -> Self
    where
        E: IntoEndpoint<Endpoint: Endpoint<Output: IntoResponse> + 'static>,
    {
        let mut http = http1::Builder::new();
        // Each connection has a timer of its own, which knows better; here the time-out is switched on.
        http.header_read_timeout(settings.header_timeout)
            .max_headers(settings.max_headers)
            // The limit proper: the buffer may take more in its last read, and `Framing` looks no further than the limit.
            .max_header_size(settings.max_head_bytes.max(MIN_BUFFER))
            .max_buf_size(settings.max_head_bytes.max(MIN_BUFFER));
        Self { app: Box::new(App(app.into_endpoint())), settings, local, names, http }
    }
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
    stopping: watch::Receiver<bool>,
) {
    let stream = Guarded::new(stream, &shared.settings);
    let caller = Caller { shared, peer, permit, held: Mutex::default() };
    if let Err(error) = caller.converse(stream, stopping).await {
        tracing::debug!(%peer, %error, "connection broke off");
    }
}

struct Caller {
    shared: Arc<Shared>,
    peer: SocketAddr,
    permit: Arc<Permit>,
    /// A response that hyper is not to send.
    held: Mutex<Option<Answer>>,
}

/// Any poem endpoint, whose future holds the request once. As async functions they would hold it once for each layer.
struct App<E>(E);

impl<E: Endpoint<Output: IntoResponse>> DynEndpoint for App<E> {
    type Output = Response;

    fn call(&self, request: Request) -> BoxFuture<'_, poem::Result<Response>> {
        self.0.call(request).map_ok(IntoResponse::into_response).boxed()
    }
}

impl Caller {
    /// Leaves the connection to hyper, but for the time in which a response is held.
    async fn converse<S: Transportable>(
        &self,
        mut stream: Guarded<S>,
        mut stopping: watch::Receiver<bool>,
    ) -> Result<(), BoxError> {
        while let Some((held, behind)) = self.serve_until_held(stream, &mut stopping).await? {
            match held.send(behind, &stopping).await? {
                Some(reusable) => stream = reusable,
                None => break,
            }
        }
        Ok(())
    }

    /// hyper's part; `None` when the connection is over.
    async fn serve_until_held<S: Transportable>(
        &self,
        stream: Guarded<S>,
        stopping: &mut watch::Receiver<bool>,
    ) -> hyper::Result<Option<(Answer, Guarded<S>)>> {
        let stuck = stream.stuck();
        let service = service_fn(|request| self.call::<S>(request));
        let mut http = self.shared.http.clone();
        http.timer(HeadTimer::new(stream.progress(), &self.shared.settings));
        let mut connection = http.serve_connection(TokioIo::new(stream), service).with_upgrades();
        let held = tokio::select! {
            held = poll_fn(|cx| self.poll_until_held(&mut connection, &stuck, cx)) => Some(held?),
            _ = stopping.wait_for(|stopping| *stopping) => None,
        };
        let held = match held {
            Some(held) => held,
            None => {
                Pin::new(&mut connection).graceful_shutdown();
                poll_fn(|cx| self.poll_until_held(&mut connection, &stuck, cx)).await?
            }
        };
        Ok(held.zip(connection.into_parts()).map(|(held, parts)| {
            let mut stream = parts.io.into_inner();
            stream.take_back(&parts.read_buf);
            (held, stream)
        }))
    }

    /// Ready with a held response once hyper has written everything before it, and with `None` when hyper is done.
    fn poll_until_held(
        &self,
        connection: &mut (impl Future<Output = hyper::Result<()>> + Unpin),
        stuck: &AtomicBool,
        cx: &mut Context<'_>,
    ) -> Poll<hyper::Result<Option<Answer>>> {
        if let Poll::Ready(result) = Pin::new(connection).poll(cx) {
            return Poll::Ready(result.map(|()| None));
        }
        // hyper writes what it has before it waits, so only a peer that takes nothing makes it keep something.
        if stuck.load(Ordering::Relaxed) {
            return Poll::Pending;
        }
        self.held.lock().take().map_or(Poll::Pending, |held| Poll::Ready(Ok(Some(held))))
    }

    /// Not an async function, for the same reason.
    fn call<S: Transportable>(
        &self,
        request: http::Request<Incoming>,
    ) -> impl Future<Output = Result<http::Response<Body>, Infallible>> {
        let upgrading = request.headers().contains_key(header::UPGRADE);
        let asked = Asked::by(&request);
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
            match Answer::new(response, asked) {
                Ok(held) => self.hold(held).await,
                Err(response) => Ok(response.into()),
            }
        }
    }

    /// Waits until hyper, and this with it, is dropped.
    fn hold<T>(&self, answer: Answer) -> impl Future<Output = T> {
        *self.held.lock() = Some(answer);
        pending()
    }

    fn answer<S: Transportable>(
        &self,
        mut request: http::Request<Incoming>,
    ) -> Result<BoxFuture<'_, poem::Result<Response>>, http::Response<Body>> {
        if request.uri().path_and_query().is_some_and(|t| t.as_str().len() > self.shared.settings.max_target_bytes) {
            return Err(refusal(StatusCode::URI_TOO_LONG, ""));
        }
        self.shared.names.check(&request, self.peer.ip()).map_err(|(status, text)| refusal(status, text))?;
        let upgrade = request.headers().contains_key(header::UPGRADE).then(|| self.upgrade::<S>(&mut request));
        let local = LocalAddr(Addr::SocketAddr(self.shared.local));
        let remote = RemoteAddr(Addr::SocketAddr(self.peer));
        let scheme = S::SCHEME.parse().unwrap_or(http::uri::Scheme::HTTP);
        let mut request = Request::from((request, local, remote, scheme));
        request.set_data(Waits);
        request.set_data(HostIsOwn);
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
            let mut guarded = parts.io.into_inner();
            guarded.take_back(&parts.read_buf);
            let (stream, early) = guarded.into_parts();
            Some(Upgraded { io: stream.into_io(), early: early.into(), permit: Some(permit) })
        })
    }
}

fn refusal(status: StatusCode, text: &'static str) -> http::Response<Body> {
    let response = Response::builder().status(status).header(header::CONNECTION, "close");
    match text {
        "" => response.finish().into(),
        text => response.content_type("text/plain; charset=utf-8").body(text).into(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::admission::{Admission, Connections};
    use super::*;
    use crate::policy::{OwnHosts, TrustedProxies};
    use crate::transport::Held;
    use std::net::Ipv4Addr;
    use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};

    impl Transportable for DuplexStream {
        const SCHEME: &'static str = "http";

        fn into_io(self) -> Io {
            Io::Stream(Box::new(self))
        }
    }

    #[poem::handler]
    fn held(_read: String) -> Response {
        let mut response = Response::builder().body("held");
        response.set_data(Held::Whole);
        response
    }

    async fn serve_one(stream: DuplexStream) {
        let [peer, local] = [1, 2].map(|port| SocketAddr::from((Ipv4Addr::LOCALHOST, port)));
        let admission = Admission::new(1, 1, TrustedProxies::default(), Arc::<Connections>::default());
        let permit = Arc::new(admission.admit(Ipv4Addr::LOCALHOST.into()).unwrap());
        let app = poem::Route::new().at("/held", held);
        let names = Names { hosts: OwnHosts::default(), listen: local.ip(), proxies: TrustedProxies::default() };
        let shared = Arc::new(Shared::new(app, ServerSettings::default(), local, names));
        let (_stopping, stopping) = watch::channel(false);
        serve(shared, stream, peer, permit, stopping).await;
    }

    #[tokio::test]
    async fn a_held_answer_loses_nothing_of_what_the_peer_was_sent_before_and_is_slow_to_take() {
        let (mut client, server) = duplex(16);
        let server = tokio::spawn(serve_one(server));
        let head = "POST /held HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n";
        client.write_all(head.as_bytes()).await.unwrap();
        client.write_all(b"body").await.unwrap();
        // The server runs until it waits for this client, before anything is read.
        tokio::task::yield_now().await;
        let mut answers = String::new();
        client.read_to_string(&mut answers).await.unwrap();
        assert!(answers.starts_with("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n"), "{answers}");
        assert!(answers.ends_with("\r\n\r\nheld"), "{answers}");
        server.await.unwrap();
    }
}
