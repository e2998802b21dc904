//! The accept loop, and how it ends.

use super::ServerSettings;
use super::admission::{Admission, Connections, Permit};
use super::connection::{Shared, Transportable, serve};
use super::names::Names;
use super::vanished::probe;
use crate::hooks::Hooks;
use crate::node::{Byway, Drained, now};
use crate::policy::{OwnHosts, TrustedProxies};
use futures_util::future::{join, join_all, pending};
use poem::{Endpoint, IntoEndpoint, IntoResponse};
use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;

/// Serves a poem endpoint, and the sessions that it opens.
///
/// ```no_run
/// # use byway::{Byway, Handler, Message, SessionHandle, Settings, server::{Server, ServerSettings}};
/// # struct Echo;
/// # impl Handler for Echo { async fn message(&self, _: &SessionHandle, _: Message) {} }
/// # #[tokio::main] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let byway = Byway::new(Settings::default(), Echo)?;
/// let app = poem::Route::new().nest("/ws", byway.endpoint());
/// let listener = Server::bind("127.0.0.1:8080".parse()?)?;
/// let stop = async { tokio::signal::ctrl_c().await.unwrap_or_default() };
/// Server::new(ServerSettings::default()).drain(byway).serve(listener, app, stop).await;
/// # Ok(()) }
/// ```
#[derive(Default)]
pub struct Server {
    settings: ServerSettings,
    tls: Option<Arc<ServerConfig>>,
    trusted_proxies: TrustedProxies,
    byways: Vec<Byway>,
    hooks: Option<Arc<Hooks>>,
    connections: Arc<Connections>,
}

/// How a server ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stopped {
    /// Sessions that were told that the server stops.
    pub sessions_told: usize,
    /// Connections that were still open at the deadline, upgraded ones included.
    pub connections_left: usize,
}

/// How many connections may wait to be accepted.
const BACKLOG: u32 = 4096;

/// How long to wait after an accept that failed for want of resources; doubled up to the second figure.
const BACK_OFF: (Duration, Duration) = (Duration::from_millis(10), Duration::from_secs(1));

impl Server {
    /// A server with these limits.
    pub fn new(settings: ServerSettings) -> Self {
        Self { settings, ..Self::default() }
    }

    /// Speaks TLS with this configuration.
    pub fn tls(mut self, config: Arc<ServerConfig>) -> Self {
        self.tls = Some(config);
        self
    }

    /// Exempts these peers from the limit on connections of one address, and lets them pass on any `Host`.
    pub fn trusted_proxies(mut self, proxies: TrustedProxies) -> Self {
        self.trusted_proxies = proxies;
        self
    }

    /// Drains this endpoint when the server stops.
    pub fn drain(mut self, byway: Byway) -> Self {
        self.byways.push(byway);
        self
    }

    /// Delivers the events of these hooks while the server serves, and what waits of them when it stops.
    pub fn hooks(mut self, hooks: Arc<Hooks>) -> Self {
        self.hooks = Some(hooks);
        self
    }

    /// The numbers of its connections, now and while it serves.
    pub fn connections(&self) -> Arc<Connections> {
        Arc::clone(&self.connections)
    }

    /// Binds an address for [`serve`](Self::serve). Port 0 takes any free one.
    pub fn bind(address: SocketAddr) -> io::Result<TcpListener> {
        let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
        socket.set_reuseaddr(true)?;
        socket.bind(address)?;
        socket.listen(BACKLOG)
    }

    /// Serves `app` until `stop` is ready; then accepts no more, drains the endpoints, and answers what is under way,
    /// within `drain_timeout`.
    ///
    /// # Errors
    ///
    /// `InvalidInput` where `hosts` has what is no name.
    ///
    /// Cancel safety: when dropped, it stops accepting; connections go on in their own tasks.
    pub async fn serve<E>(self, listener: TcpListener, app: E, stop: impl Future<Output = ()>) -> io::Result<Stopped>
    where
        E: IntoEndpoint,
        E::Endpoint: 'static,
        <E::Endpoint as Endpoint>::Output: IntoResponse,
    {
        let local = listener.local_addr()?;
        let hosts = OwnHosts::new(&self.settings.hosts);
        let hosts = hosts.map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))?;
        let names = Names { hosts, listen: local.ip(), proxies: self.trusted_proxies.clone() };
        let shared = Shared::new(app, self.settings.clone(), local, names);
        let (stopping, _) = watch::channel(false);
        let mut acceptor = Acceptor {
            admission: Admission::new(
                self.settings.max_connections,
                self.settings.max_connections_per_ip,
                self.trusted_proxies.clone(),
                Arc::clone(&self.connections),
            ),
            shared: Arc::new(shared),
            tls: self.tls.clone().map(TlsAcceptor::from),
            stopping,
            refusals: Arc::new(Semaphore::new(MAX_REFUSALS)),
            back_off: BACK_OFF.0,
        };
        tokio::select! {
            () = acceptor.run(&listener) => {}
            never = self.deliver() => match never {},
            () = stop => {}
        }
        drop(listener);
        Ok(self.stop(&acceptor).await)
    }

    /// Delivers events for ever.
    async fn deliver(&self) -> Infallible {
        if let Some(hooks) = &self.hooks {
            hooks.deliver().await;
        }
        pending().await
    }

    /// Delivers the events that are left.
    async fn flush(&self) {
        if let Some(hooks) = &self.hooks {
            hooks.flush().await;
        }
    }

    fn tell_lost_events(&self) {
        let events = self.hooks.as_ref().map_or(0, |hooks| hooks.stats().events_queued);
        if events > 0 {
            tracing::warn!(events, "stopped at the deadline, with events that the backend did not take");
        }
    }

    async fn stop(&self, acceptor: &Acceptor) -> Stopped {
        let deadline = now() + self.settings.drain_timeout;
        let draining = join_all(self.byways.iter().map(|byway| byway.drain(self.settings.drain_timeout)));
        let drained = tokio::select! {
            drained = draining => drained,
            never = self.deliver() => match never {},
        };
        // After the sessions, whose last receivers come over connections that are idle in between.
        acceptor.stopping.send_replace(true);
        let rest = join(acceptor.admission.wait_until_empty(), self.flush());
        if tokio::time::timeout_at(deadline.into(), rest).await.is_err() {
            self.tell_lost_events();
        }
        Stopped {
            sessions_told: drained.iter().map(|Drained { told, .. }| told).sum(),
            connections_left: acceptor.admission.open(),
        }
    }
}

/// How many refused connections are told why at the same time; any more are just closed.
const MAX_REFUSALS: usize = 256;

struct Acceptor {
    shared: Arc<Shared>,
    tls: Option<TlsAcceptor>,
    admission: Arc<Admission>,
    stopping: watch::Sender<bool>,
    refusals: Arc<Semaphore>,
    back_off: Duration,
}

impl Acceptor {
    async fn run(&mut self, listener: &TcpListener) {
        loop {
            match listener.accept().await {
                Ok((stream, peer)) => {
                    self.back_off = BACK_OFF.0;
                    self.take(stream, peer);
                }
                Err(error) => self.wait_after(&error).await,
            }
        }
    }

    /// An error of one connection concerns no other; any other error, such as no free file descriptor, would come back
    /// at once, so it is waited out.
    async fn wait_after(&mut self, error: &io::Error) {
        use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
        if matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset) {
            return;
        }
        tracing::warn!(%error, wait_ms = self.back_off.as_millis() as u64, "cannot accept connections");
        tokio::time::sleep(self.back_off).await;
        self.back_off = (self.back_off * 2).min(BACK_OFF.1);
    }

    fn take(&self, stream: TcpStream, peer: SocketAddr) {
        let Some(permit) = self.admission.admit(peer.ip()) else {
            return self.refuse(stream, peer);
        };
        let permit = Arc::new(permit);
        // Small frames must not wait for an acknowledgement of the ones before. An error means that the peer is gone.
        stream.set_nodelay(true).ok();
        probe(&stream, self.shared.settings.peer_timeout).ok();
        match self.tls.clone() {
            None => self.spawn(stream, peer, permit),
            Some(tls) => self.spawn_tls(tls, stream, peer, permit),
        }
    }

    fn spawn<S: Transportable>(&self, stream: S, peer: SocketAddr, permit: Arc<Permit>) {
        tokio::spawn(serve(Arc::clone(&self.shared), stream, peer, permit, self.stopping.subscribe()));
    }

    fn spawn_tls(&self, tls: TlsAcceptor, stream: TcpStream, peer: SocketAddr, permit: Arc<Permit>) {
        let shared = Arc::clone(&self.shared);
        let stopping = self.stopping.subscribe();
        tokio::spawn(async move {
            match tokio::time::timeout(shared.settings.header_timeout, tls.accept(stream)).await {
                Ok(Ok(stream)) => serve(shared, stream, peer, permit, stopping).await,
                Ok(Err(error)) => tracing::debug!(%peer, %error, "TLS handshake failed"),
                Err(_) => tracing::debug!(%peer, "TLS handshake too slow"),
            }
        });
    }

    /// Over a limit: says so, if not too many are being told already.
    fn refuse(&self, stream: TcpStream, peer: SocketAddr) {
        tracing::debug!(%peer, "connection refused: over the limit");
        if self.tls.is_some() {
            return;
        }
        if let Ok(permit) = Arc::clone(&self.refusals).try_acquire_owned() {
            tokio::spawn(async move {
                let _permit = permit;
                tokio::time::timeout(Duration::from_secs(1), say_unavailable(stream)).await.ok();
            });
        }
    }
}

const UNAVAILABLE: &[u8] =
    b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 5\r\nConnection: close\r\nContent-Length: 21\r\n\r\nToo many connections\n";

/// Answers before anything was asked, then reads until the peer closes: closing with bytes unread would reset the
/// connection, and the answer with it.
async fn say_unavailable(mut stream: TcpStream) -> io::Result<()> {
    stream.write_all(UNAVAILABLE).await?;
    stream.shutdown().await?;
    let mut discarded = [0; 1024];
    while stream.read(&mut discarded).await? > 0 {}
    Ok(())
}
