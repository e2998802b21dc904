//! A server of what a file says, as `byway serve` runs it but within the test's own process; and clients in a line each.

use crate::support::client::Client;
use crate::support::client::http::{Answer, Http};
use crate::support::client::websocket::WebSocket;
use crate::support::stage::token;
use crate::support::stomp::StompClient;
use byway::config::{Config, Flag, Loaded, Parts};
use byway::hooks::HookStats;
use byway::messaging::{Messenger, Text};
use byway::server::{Connections, Health, KeyHash, Server, Stopped};
use byway::{Byway, Stats, Transport};
use figment::value::{Empty, Tag, Value};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// A file that goes when it is dropped.
pub struct File(pub PathBuf);

impl File {
    pub fn new(content: &str) -> Self {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let name = format!("byway-settings-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(name);
        std::fs::write(&path, content).expect("a new file");
        Self(path)
    }

    /// As a value in TOML.
    pub fn quoted(&self) -> String {
        format!("{:?}", self.0.display().to_string())
    }
}

impl Drop for File {
    fn drop(&mut self) {
        std::fs::remove_file(&self.0).ok();
    }
}

/// A running server.
pub struct Stage {
    pub address: SocketAddr,
    /// Where the API is, which is the same address unless the file says otherwise.
    pub api: SocketAddr,
    pub connections: Arc<Connections>,
    parts: Parts,
    stop: Option<oneshot::Sender<()>>,
    serving: JoinHandle<std::io::Result<Stopped>>,
    serving_api: Option<JoinHandle<std::io::Result<Stopped>>>,
}

/// The variable that names a setting which is ignored: what the file says of it does not count. So it is seen whether a test
/// notices.
pub const IGNORED: &str = "TEST_IGNORES_SETTING";

/// What a file with this content is, or why it is refused.
pub fn read(content: &str) -> Result<Parts, String> {
    let file = File::new(content);
    // Clients ask for `byway.test`, which a server on loopback does not take for its own name.
    let any_name = (!content.contains("server.hosts")).then(|| Flag::new("the test", "server.hosts", vec!["*"]));
    let ignored = std::env::var(IGNORED).ok().map(|key| by_default(&key));
    let parts = Loaded::load(Some(&file.0), any_name.into_iter().chain(ignored)).and_then(|loaded| loaded.validate());
    parts.map_err(|error| error.to_string())
}

/// A flag that sets a setting back to its default.
fn by_default(key: &str) -> Flag {
    let defaults = Value::serialize(Config::default()).expect("settings can be written");
    let default = defaults.find(&key.replace(".*.", ".chat.")).unwrap_or(Value::Empty(Tag::Default, Empty::None));
    Flag::new("the test", key.replace(".*.", ".e.").leak(), default)
}

/// Serves what the file says, at any free port.
pub fn serve(content: &str) -> Stage {
    let parts = read(content).unwrap_or_else(|error| panic!("{error}"));
    let (listener, address) = bind();
    let server = parts.server();
    let connections = server.connections();
    let routes = parts.site.routes(&Health::default(), &connections);
    let (stop, stopped) = oneshot::channel::<()>();
    let serving = tokio::spawn(server.serve(listener, routes, async {
        stopped.await.ok();
    }));
    let (api, serving_api) = match parts.site.api.listen {
        None => (address, None),
        Some(_) => {
            let (listener, address) = bind();
            let routes = parts.site.api_routes(&connections);
            (address, Some(tokio::spawn(parts.api_server().serve(listener, routes, std::future::pending()))))
        }
    };
    Stage { address, api, connections, parts, stop: Some(stop), serving, serving_api }
}

fn bind() -> (TcpListener, SocketAddr) {
    let listener = Server::bind(([127, 0, 0, 1], 0).into()).expect("a free port");
    let address = listener.local_addr().expect("a bound listener has an address");
    (listener, address)
}

/// An endpoint `e` that runs this application at `/e`, and what else the file says.
fn with_endpoint(app: &str, content: &str) -> Stage {
    serve(&format!("endpoints.e.path = \"/e\"\nendpoints.e.app = \"{app}\"\n{content}"))
}

pub fn stomp(content: &str) -> Stage {
    with_endpoint("stomp", content)
}

pub fn echo(content: &str) -> Stage {
    with_endpoint("echo", content)
}

/// The same as [`stomp`], where only those with a token of the tests come in.
pub fn tokens(content: &str) -> Stage {
    stomp(&format!("{JWT}{content}"))
}

/// Whose tokens are good: [`token`]'s.
pub const JWT: &str = "auth.jwt.secret = \"a secret of at least 32 bytes for tests\"\n\
                       auth.jwt.require_issuer = false\nauth.jwt.require_audience = false\n";

/// The key of [`with_api`].
pub const KEY: &str = "byway_the-key-of-the-tests";

/// STOMP, with an API in which [`KEY`] may do everything.
pub fn with_api(content: &str) -> Stage {
    let allow = "allow = [\"publish\", \"read\", \"disconnect\", \"tickets\"]";
    stomp(&format!("api.keys = [{{ name = \"all\", hash = \"{}\", {allow} }}]\n{content}", KeyHash::of(KEY)))
}

impl Stage {
    pub fn byway(&self) -> &Byway {
        &self.parts.site.endpoints[0].byway
    }

    pub fn stats(&self) -> Stats {
        self.byway().stats()
    }

    /// How many sessions ended with this label.
    pub fn endings(&self, label: &str) -> u64 {
        self.stats().ended.get(label).copied().unwrap_or_default()
    }

    pub fn messenger(&self) -> &Messenger {
        self.parts.site.endpoints[0].messenger.as_ref().expect("the endpoint speaks STOMP")
    }

    pub fn hooks(&self) -> HookStats {
        self.parts.site.hooks.as_ref().expect("there are hooks").stats()
    }

    /// Publishes as the application would.
    pub fn publish(&self, destination: &str, body: &str) {
        self.messenger().send_payload(destination, Text(body.to_owned().into())).expect("it is taken");
    }

    pub fn client(&self, transport: Transport) -> Client {
        Client::new(self.address, transport)
    }

    /// A STOMP client that has said nothing yet.
    pub async fn open(&self) -> StompClient {
        StompClient::open(self.client(Transport::RawWebsocket)).await
    }

    pub async fn connect(&self) -> StompClient {
        StompClient::connect(self.client(Transport::RawWebsocket), &[]).await
    }

    pub async fn connect_as(&self, user: &str) -> StompClient {
        StompClient::connect(self.client(Transport::RawWebsocket), &[("token", &token(user))]).await
    }

    /// What CONNECT is answered with: the frame's command and the header that says more.
    pub async fn greeting(&self, headers: &[(&str, &str)]) -> String {
        let mut client = self.open().await;
        client.say_connect(headers).await;
        let frame = client.frame().await;
        frame.header("message").unwrap_or(&frame.command).to_owned()
    }

    /// A plain WebSocket.
    pub async fn socket(&self) -> WebSocket {
        WebSocket::connect(self.address, "/e/websocket", &[]).await
    }

    /// A peer that says this, and takes next to nothing of what it is answered.
    pub async fn deaf(&self, request: &[u8]) -> TcpStream {
        let socket = TcpSocket::new_v4().expect("a socket");
        socket.set_recv_buffer_size(2048).expect("a buffer can be small");
        let mut peer = socket.connect(self.address).await.expect("the server accepts");
        peer.write_all(request).await.expect("the server reads");
        peer
    }

    pub async fn http(&self) -> Http {
        Http::connect(self.address).await
    }

    pub async fn get(&self, target: &str) -> Answer {
        self.get_with(target, &[]).await
    }

    pub async fn get_with(&self, target: &str, headers: &[(&str, &str)]) -> Answer {
        in_time(self.http().await.ask("GET", target, headers, b"")).await
    }

    pub async fn post(&self, target: &str, body: &str) -> Answer {
        in_time(self.http().await.ask("POST", target, &[], body.as_bytes())).await
    }

    /// A request of the API's, with its key.
    pub async fn api(&self, method: &str, target: &str, body: &serde_json::Value) -> Answer {
        self.api_with(&[], method, target, body).await
    }

    pub async fn api_with(
        &self,
        headers: &[(&str, &str)],
        method: &str,
        target: &str,
        body: &serde_json::Value,
    ) -> Answer {
        let key = format!("Bearer {KEY}");
        let headers = [headers, &[("Authorization", &*key), ("Content-Type", "application/json")]].concat();
        let body = if body.is_null() { Vec::new() } else { body.to_string().into_bytes() };
        in_time(Http::connect(self.api).await.ask(method, target, &headers, &body)).await
    }

    /// Begins to stop, as at SIGTERM, and waits until it has.
    pub async fn stop(mut self) -> Stopped {
        drop(self.stop.take());
        (&mut self.serving).await.expect("the server does not panic").expect("the server stops")
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        self.serving.abort();
        self.serving_api.iter().for_each(JoinHandle::abort);
    }
}

/// What comes because a time was set that is over at once: long before the default would be over, so that the default
/// does not pass for it, and long after what was set, so that a busy machine does not fail.
pub async fn soon<T>(coming: impl Future<Output = T>) -> T {
    let bound = Duration::from_millis(4500);
    tokio::time::timeout(bound, coming).await.expect("it comes long before the default would have it come")
}

/// What comes at once, unless what is tested does not hold.
pub async fn in_time<T>(coming: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(20), coming).await.expect("everything that is waited for comes")
}

/// Waits until something holds that announces itself by nothing.
pub async fn until(holds: impl FnMut() -> bool) {
    soon(crate::support::stage::until(holds)).await;
}
