//! What the Rust suites share. Servers run inside the test's own process, on a port that the system chooses.

#![allow(dead_code, reason = "each suite uses its own part of this")]

pub mod client;
pub mod documented;
pub mod gate;
pub mod proxy;
pub mod stage;
pub mod stomp;
pub mod tls;

use byway::policy::RateSettings;
use byway::server::{Server, ServerSettings, Stopped};
use byway::{Byway, Handler, Settings};
use poem::listener::{Acceptor, Listener, TcpListener};
use poem::{Endpoint, IntoEndpoint, IntoResponse, Route};
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// Tests ask for `byway.test`, which a server on loopback does not take for its own name.
pub fn known_by_any_name(settings: ServerSettings) -> ServerSettings {
    let hosts = if settings.hosts.is_empty() { vec!["*".to_owned()] } else { settings.hosts };
    ServerSettings { hosts, ..settings }
}

/// A server that serves one endpoint at `/e`. It stops when it is dropped.
pub struct TestServer {
    pub address: SocketAddr,
    pub byway: Byway,
    stop: Option<oneshot::Sender<()>>,
    serving: JoinHandle<std::io::Result<Stopped>>,
}

impl TestServer {
    pub async fn start(settings: Settings, handler: impl Handler) -> Self {
        Self::start_with(ServerSettings::default(), settings, handler).await
    }

    pub async fn start_with(server: ServerSettings, settings: Settings, handler: impl Handler) -> Self {
        let byway =
            Byway::with_rates(settings, &RateSettings::unlimited(), handler).expect("the test's settings are valid");
        let routes = Route::new().nest("/e", byway.endpoint());
        Self::serve(server, byway, routes)
    }

    /// Serves an application that holds `byway`'s endpoint somewhere.
    pub fn serve<E>(server: ServerSettings, byway: Byway, app: E) -> Self
    where
        E: IntoEndpoint + Send + 'static,
        E::Endpoint: 'static,
        <E::Endpoint as Endpoint>::Output: IntoResponse,
    {
        Self::run(Server::new(known_by_any_name(server)), byway, app)
    }

    fn run<E>(server: Server, byway: Byway, app: E) -> Self
    where
        E: IntoEndpoint + Send + 'static,
        E::Endpoint: 'static,
        <E::Endpoint as Endpoint>::Output: IntoResponse,
    {
        let listener = Server::bind(([127, 0, 0, 1], 0).into()).expect("a free port");
        let address = listener.local_addr().expect("a bound listener has an address");
        let (stop, stopped) = oneshot::channel::<()>();
        let server = server.drain(byway.clone());
        let serving = tokio::spawn(server.serve(listener, app, async {
            stopped.await.ok();
        }));
        Self { address, byway, stop: Some(stop), serving }
    }

    /// The same inside a plain `poem::Server`, where upgraded connections are streams that only a session's driver writes to.
    pub async fn serve_inside_poem(byway: Byway, app: Route) -> Self {
        let acceptor = TcpListener::bind("127.0.0.1:0").into_acceptor().await.expect("a free port");
        let address = *acceptor.local_addr()[0].as_socket_addr().expect("a bound listener has an address");
        let serving = tokio::spawn(async {
            poem::Server::new_with_acceptor(acceptor).run(app).await?;
            unreachable!("nobody stops it")
        });
        Self { address, byway, stop: None, serving }
    }

    /// The same over TLS. Its address is that of a tunnel, so that clients that know nothing of TLS reach it.
    pub async fn serve_tls<E>(settings: ServerSettings, byway: Byway, app: E) -> Self
    where
        E: IntoEndpoint + Send + 'static,
        E::Endpoint: 'static,
        <E::Endpoint as Endpoint>::Output: IntoResponse,
    {
        let tls = tls::Tls::new();
        let server = Server::new(known_by_any_name(settings)).tls(Arc::clone(&tls.server));
        let mut served = Self::run(server, byway, app);
        served.address = tls.tunnel(served.address).await;
        served
    }

    /// Begins to stop, as at SIGTERM, and waits until it has.
    pub async fn stop(mut self) -> Stopped {
        drop(self.stop.take());
        (&mut self.serving).await.expect("the server does not panic").expect("the server stops")
    }
}

impl Drop for TestServer {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl TestServer {
    /// A server whose routes the test made of `byway` itself: behind a middleware, say.
    pub async fn start_routes(byway: Byway, routes: Route) -> Self {
        let listener = Server::bind(([127, 0, 0, 1], 0).into()).expect("a free port");
        let address = listener.local_addr().expect("a bound listener has an address");
        let (stop, stopped) = oneshot::channel::<()>();
        let server = Server::new(known_by_any_name(ServerSettings::default())).drain(byway.clone());
        let serving = tokio::spawn(server.serve(listener, routes, async {
            stopped.await.ok();
        }));
        Self { address, byway, stop: Some(stop), serving }
    }
}

/// In how many hundredths of a second the server's kernel probes a peer that is silent, as Linux tells it in the column
/// `tr tm->when` of this table; nothing where it never does.
pub fn probed_in(server: SocketAddr, client: SocketAddr) -> Option<u64> {
    let hex = |address: SocketAddr| format!("0100007F:{:04X}", address.port());
    let table = std::fs::read_to_string("/proc/net/tcp").expect("this test runs on Linux");
    let columns = |line: &str| line.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    let line = table.lines().map(columns).find(|line| line[1] == hex(server) && line[2] == hex(client));
    let timer = line.expect("the connection is there")[5].clone();
    let (kind, when) = timer.split_once(':').expect("a kind and a time");
    (kind == "02").then(|| u64::from_str_radix(when, 16).expect("a time"))
}
