//! The endpoint inside somebody else's application: a plain `poem::Server`, nested twice, two endpoints side by side.

use byway::broker::{BrokerSettings, HistorySettings};
use byway::policy::{AuthError, Authenticator, Credentials, Identity};
use byway::{Byway, Handler, Message, Principal, SessionHandle, Settings, Stomp};
use futures_util::future::BoxFuture;
use poem::listener::{Acceptor, Listener, TcpListener};
use poem::{Endpoint, EndpointExt, Request, Route, Server};
use std::net::SocketAddr;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

/// Answers with what the application can know of the session.
struct WhoAmI;

impl Handler for WhoAmI {
    async fn message(&self, session: &SessionHandle, message: Message) {
        let name = session.principal().map_or("nobody", Principal::name);
        let text = message.as_str().unwrap_or_default();
        session.send(format!("{name} {} {} {text}", session.transport(), session.remote_addr())).ok();
    }
}

/// An application's own authentication.
async fn authenticate<E: Endpoint>(next: E, mut request: Request) -> poem::Result<E::Output> {
    if let Some(name) = request.header("X-User").map(str::to_owned) {
        request.set_data(Principal::new(name));
    }
    next.call(request).await
}

async fn start() -> SocketAddr {
    let byway = |_| Byway::new(Settings::default(), WhoAmI).unwrap();
    let (inner, other) = (byway(0), byway(1));
    let api = Route::new().nest("/live", inner.endpoint().around(authenticate));
    let app = Route::new().nest("/api", api).nest("/other", other.endpoint());
    serve(app).await
}

async fn serve(app: impl Endpoint + 'static) -> SocketAddr {
    let acceptor = TcpListener::bind("127.0.0.1:0").into_acceptor().await.unwrap();
    let address = *acceptor.local_addr()[0].as_socket_addr().unwrap();
    tokio::spawn(Server::new_with_acceptor(acceptor).run(app));
    address
}

async fn exchange(address: SocketAddr, request: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

async fn post(address: SocketAddr, path: &str, user: &str, body: &str) -> String {
    let length = body.len();
    let head = format!("POST {path} HTTP/1.1\r\nHost: x\r\nX-User: {user}\r\nConnection: close\r\n");
    exchange(address, &format!("{head}Content-Length: {length}\r\n\r\n{body}")).await
}

#[tokio::test]
async fn a_poll_works_inside_a_plain_poem_server_and_belongs_to_the_application_s_principal() {
    let address = start().await;
    assert!(post(address, "/api/live/0/s/xhr", "ada", "").await.ends_with("o\n"));
    assert!(post(address, "/api/live/0/s/xhr_send", "ada", "[\"hi\"]").await.starts_with("HTTP/1.1 204"));
    let answer = post(address, "/api/live/0/s/xhr", "ada", "").await;
    assert!(answer.ends_with("a[\"ada xhr 127.0.0.1 hi\"]\n"), "{answer}");
    assert!(post(address, "/api/live/0/s/xhr_send", "eve", "[\"hi\"]").await.starts_with("HTTP/1.1 404"));
}

#[tokio::test]
async fn a_poll_that_waits_inside_a_plain_poem_server_gets_the_message_it_waited_for() {
    let address = start().await;
    assert!(post(address, "/api/live/0/s/xhr", "ada", "").await.ends_with("o\n"));
    let mut poll = TcpStream::connect(address).await.unwrap();
    let head = "POST /api/live/0/s/xhr HTTP/1.1\r\nHost: x\r\nX-User: ada\r\nConnection: close\r\n";
    poll.write_all(format!("{head}Content-Length: 0\r\n\r\n").as_bytes()).await.unwrap();
    // Only a poll that waits has a head before it has a body.
    while poll.read_u8().await.unwrap() != b'\r' {}
    assert!(post(address, "/api/live/0/s/xhr_send", "ada", "[\"hi\"]").await.starts_with("HTTP/1.1 204"));
    let mut answer = String::new();
    poll.read_to_string(&mut answer).await.unwrap();
    assert!(answer.contains("transfer-encoding: chunked\r\n"), "{answer}");
    assert!(answer.ends_with("\r\na[\"ada xhr 127.0.0.1 hi\"]\n\r\n0\r\n\r\n"), "{answer}");
}

#[tokio::test]
async fn endpoints_side_by_side_share_no_sessions() {
    let address = start().await;
    assert!(post(address, "/api/live/0/s/xhr", "ada", "").await.ends_with("o\n"));
    assert!(post(address, "/other/0/s/xhr_send", "ada", "[\"hi\"]").await.starts_with("HTTP/1.1 404"));
    assert!(post(address, "/other/0/s/xhr", "ada", "").await.ends_with("o\n"));
}

#[tokio::test]
async fn a_feed_s_poll_that_waits_is_answered_inside_a_plain_poem_server_too() {
    let pattern = "/topic/*".parse().unwrap();
    let broker = BrokerSettings { history: vec![HistorySettings::new(pattern)], ..BrokerSettings::default() };
    let (byway, messenger) = Byway::stomp(Settings::default(), Stomp::new().broker(broker)).unwrap();
    let app = Route::new().nest("/feed", byway.feeds()).after(|answer| async {
        answer.map(|mut response| {
            response.headers_mut().insert("x-app", "1".parse().unwrap());
            response
        })
    });
    let address = serve(app).await;
    let get =
        |target| format!("GET {target} HTTP/1.1\r\nHost: x\r\nAccept: application/json\r\nConnection: close\r\n\r\n");
    let request = get("/feed/topic/a?wait=20");
    let poll = tokio::spawn(async move { exchange(address, &request).await });
    while byway.sessions().is_empty() {
        tokio::task::yield_now().await;
    }
    messenger.send("/topic/a", &"hi").unwrap();
    let answer = poll.await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.contains("x-app: 1\r\n"), "{answer}");
    assert!(answer.contains("last-event-id: ") && answer.contains("\"body\":\"\\\"hi\\\"\""), "{answer}");
    let nothing = exchange(address, &get("/feed/?destination=/topic/a&wait=0")).await;
    assert!(nothing.starts_with("HTTP/1.1 204 No Content\r\n"), "{nothing}");
}

#[tokio::test]
async fn a_websocket_works_inside_a_plain_poem_server() {
    let mut stream = TcpStream::connect(start().await).await.unwrap();
    let handshake = "GET /api/live/websocket HTTP/1.1\r\nHost: x\r\nX-User: ada\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
                     Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    stream.write_all(handshake.as_bytes()).await.unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.unwrap());
    }
    assert!(head.starts_with(b"HTTP/1.1 101 "));

    stream.write_all(b"\x81\x82\0\0\0\0hi").await.unwrap();
    let expected = b"ada raw_websocket 127.0.0.1 hi";
    let mut echo = vec![0; expected.len() + 2];
    stream.read_exact(&mut echo).await.unwrap();
    assert_eq!(echo[..2], [0x81, expected.len() as u8]);
    assert_eq!(&echo[2..], expected);

    stream.write_all(b"\x88\x82\0\0\0\0\x03\xe8").await.unwrap();
    let mut close = Vec::new();
    stream.read_to_end(&mut close).await.unwrap();
    assert_eq!(close, b"\x88\x02\x03\xe8", "the close frame is answered, and the connection ends");
}

/// A server of somebody else's does not know its names, so the endpoint looks where it listens.
#[tokio::test]
async fn a_page_that_gives_its_own_name_the_loopback_address_is_foreign_inside_a_plain_poem_server_too() {
    let address = start().await;
    for (host, origin, status) in [
        ("evil.com", "http://evil.com", "403"),
        ("localhost", "http://localhost", "200"),
        ("127.0.0.1:1", "http://127.0.0.1:1", "200"),
        ("caf\u{e9}.com", "http://caf\u{e9}.com", "403"),
    ] {
        let head =
            format!("GET /api/live/info HTTP/1.1\r\nHost: {host}\r\nOrigin: {origin}\r\nConnection: close\r\n\r\n");
        assert!(exchange(address, &head).await.starts_with(&format!("HTTP/1.1 {status}")), "{host}");
    }
}

#[tokio::test]
async fn head_opens_no_session_inside_a_plain_poem_server_either() {
    let address = start().await;
    let head = "HEAD /api/live/0/headed/eventsource HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    let answer = exchange(address, head).await;
    assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with("\r\n\r\n"), "{answer}");
    assert!(post(address, "/api/live/0/headed/xhr_send", "ada", "[]").await.starts_with("HTTP/1.1 404"));
}

#[tokio::test]
async fn the_iframe_page_names_the_library_below_the_path_that_the_client_used() {
    let address = start().await;
    let get = |path| format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    let page = exchange(address, &get("/api/live/iframe.html")).await;
    assert!(page.contains("<script src=\"/api/live/sockjs-1.6.1.min.js\"></script>"), "{page}");
    assert!(exchange(address, &get("/api/live/sockjs-1.6.1.min.js")).await.starts_with("HTTP/1.1 200 OK"));
}

/// Tells when it gets ready, which takes for ever.
struct Preparing(UnboundedSender<()>);

impl Authenticator for Preparing {
    fn authenticate<'a>(&'a self, _: &'a Credentials) -> BoxFuture<'a, Result<Identity, AuthError>> {
        Box::pin(async { Ok(Identity::ANONYMOUS) })
    }

    fn prepare(&self) -> BoxFuture<'_, ()> {
        self.0.send(()).expect("the test is there");
        Box::pin(std::future::pending())
    }
}

fn preparing() -> (Byway, UnboundedReceiver<()>) {
    let (teller, told) = unbounded_channel();
    let stomp = Stomp::new().authenticator(Preparing(teller));
    (Byway::stomp(Settings::default(), stomp).expect("the test's settings are valid").0, told)
}

#[tokio::test]
async fn whoever_decides_who_clients_are_gets_ready_once_before_there_are_any() {
    let (byway, mut told) = preparing();
    let _endpoints = (byway.endpoint(), byway.endpoint());
    told.recv().await.expect("it gets ready");
    // The only other tasks of this thread run until they have to wait.
    for _ in 0..10 {
        tokio::task::yield_now().await;
    }
    assert!(told.try_recv().is_err(), "once");
}

#[test]
fn an_endpoint_that_is_made_outside_a_runtime_gets_ready_with_its_first_session() {
    let (byway, mut told) = preparing();
    let endpoint = byway.endpoint();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        assert!(told.try_recv().is_err());
        let request = Request::builder().method(http::Method::POST).uri_str("/0/s/xhr").finish();
        endpoint.call(request).await.unwrap();
        told.recv().await.expect("it gets ready");
    });
}
