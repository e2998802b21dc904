//! What a node owes its sessions when things race, stall, overflow or panic. One test for each bug that was found.

mod support;

use byway::{Disconnect, Handler, Message, SessionHandle, Settings};
use parking_lot::Mutex;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;
use support::TestServer;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// Does what the message says, and remembers what it was told.
#[derive(Clone, Default)]
struct App {
    log: Arc<Mutex<Vec<String>>>,
}

impl App {
    fn note(&self, text: impl Into<String>) {
        self.log.lock().push(text.into());
    }

    fn noted(&self, text: &str) -> bool {
        self.log.lock().iter().any(|line| line == text)
    }

    async fn until(&self, text: &str) {
        let noted = async {
            while !self.noted(text) {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        let noted = timeout(Duration::from_secs(60), noted).await;
        assert!(noted.is_ok(), "{text:?} did not happen; what did: {:?}", self.log.lock());
    }
}

impl Handler for App {
    #[allow(clippy::manual_async_fn, reason = "it has to panic before it returns its future")]
    fn message(&self, session: &SessionHandle, message: Message) -> impl Future<Output = ()> + Send {
        let text = message.as_str().unwrap_or_default().to_owned();
        self.note(&text);
        assert!(text != "panic", "as the test asked");
        async move {
            match &*text {
                "hang" => std::future::pending().await,
                "wait" => tokio::time::sleep(Duration::from_millis(300)).await,
                "close" => session.close(),
                "join" => session.join("all"),
                "many" => (0..6_000).for_each(|n| session.send(n.to_string()).unwrap()),
                _ => session.send(text).unwrap(),
            }
        }
    }

    async fn ended(&self, _: &SessionHandle, disconnect: &Disconnect) {
        self.note(format!("ended {}", disconnect.label()));
    }
}

/// A socket whose session is a member of the group.
async fn member(server: &TestServer, app: &App) -> (Socket, byway::Group) {
    let mut socket = Socket::raw(server).await;
    socket.send("join").await;
    app.until("join").await;
    let group = server.byway.group("all");
    while group.is_empty() {
        tokio::task::yield_now().await;
    }
    (socket, group)
}

async fn start(app: &App) -> TestServer {
    TestServer::start(Settings::default(), app.clone()).await
}

/// A WebSocket that was opened by hand.
struct Socket(TcpStream);

impl Socket {
    async fn open(server: &TestServer, path: &str) -> Self {
        let mut stream = TcpStream::connect(server.address).await.unwrap();
        let request = format!(
            "GET /e/{path} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await.unwrap());
        }
        assert!(head.starts_with(b"HTTP/1.1 101 "), "{}", head.escape_ascii());
        Self(stream)
    }

    async fn raw(server: &TestServer) -> Self {
        Self::open(server, "websocket").await
    }

    async fn send(&mut self, text: &str) {
        self.0.write_all(&masked(text)).await.unwrap();
    }

    /// The next frame's opcode and payload.
    async fn frame(&mut self) -> (u8, Vec<u8>) {
        let frame = timeout(Duration::from_secs(120), async {
            let opcode = self.0.read_u8().await.unwrap() & 0x0f;
            let length = match self.0.read_u8().await.unwrap() {
                126 => usize::from(self.0.read_u16().await.unwrap()),
                length => usize::from(length),
            };
            let mut payload = vec![0; length];
            self.0.read_exact(&mut payload).await.unwrap();
            (opcode, payload)
        });
        frame.await.expect("a frame")
    }

    async fn text(&mut self) -> String {
        let (opcode, payload) = self.frame().await;
        assert_eq!(opcode, 1, "{}", payload.escape_ascii());
        String::from_utf8(payload).unwrap()
    }
}

/// A text frame under the mask 0, which leaves the text as it is.
fn masked(text: &str) -> Vec<u8> {
    assert!(text.len() < 126);
    [&[0x81, 0x80 | text.len() as u8, 0, 0, 0, 0], text.as_bytes()].concat()
}

async fn request(server: &TestServer, method: &str, path: &str, body: &str) -> TcpStream {
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    let length = body.len();
    let head =
        format!("{method} /e/{path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n");
    stream.write_all(format!("{head}{body}").as_bytes()).await.unwrap();
    stream
}

async fn post(server: &TestServer, path: &str, body: &str) -> String {
    let mut stream = request(server, "POST", path, body).await;
    let mut answer = String::new();
    let read = timeout(Duration::from_secs(5), stream.read_to_string(&mut answer)).await;
    read.expect("an answer").unwrap();
    answer
}

#[tokio::test]
async fn a_panic_before_the_handler_s_future_ends_that_session_with_1011_and_is_told() {
    let app = App::default();
    let server = start(&app).await;
    let mut socket = Socket::raw(&server).await;
    socket.send("panic").await;
    assert_eq!(socket.frame().await, (8, b"\x03\xf3Internal error".to_vec()));
    app.until("ended internal_error").await;
}

#[tokio::test]
async fn messages_behind_the_one_that_ended_the_session_do_not_reach_the_handler() {
    for ending in ["panic", "close"] {
        let app = App::default();
        let server = start(&app).await;
        let mut socket = Socket::open(&server, "0/s/websocket").await;
        socket.send(&format!(r#"["{ending}","behind"]"#)).await;
        assert!(post(&server, "0/p/xhr", "").await.ends_with("o\n"));
        assert!(post(&server, "0/p/xhr_send", &format!(r#"["{ending}","behind"]"#)).await.contains(" 204 "));
        let label = if ending == "panic" { "ended internal_error" } else { "ended normal" };
        let both_ended = async {
            while app.log.lock().iter().filter(|line| *line == label).count() < 2 {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        timeout(Duration::from_secs(5), both_ended).await.expect("both sessions end");
        assert!(!app.noted("behind"), "{:?}", app.log.lock());
    }
}

#[tokio::test]
async fn a_burst_of_more_messages_than_the_queue_holds_is_answered_to_the_last() {
    let app = App::default();
    let server = start(&app).await;
    let mut socket = Socket::raw(&server).await;
    let burst: Vec<u8> = (0..10_000).flat_map(|n| masked(&n.to_string())).collect();
    let (mut read, mut write) = socket.0.into_split();
    let writing = tokio::spawn(async move {
        write.write_all(&burst).await.unwrap();
        write
    });
    let mut answers = Vec::new();
    let expected: usize = (0..10_000).map(|n: usize| n.to_string().len() + 2).sum();
    while answers.len() < expected {
        let count = timeout(Duration::from_secs(20), read.read_buf(&mut answers)).await.expect("all answers").unwrap();
        assert!(count > 0, "it ended after {} of {expected} bytes", answers.len());
    }
    socket = Socket(read.reunite(writing.await.unwrap()).unwrap());
    socket.send("many").await;
    for n in 0..6_000 {
        assert_eq!(socket.text().await, n.to_string());
    }
}

#[tokio::test]
async fn a_burst_of_publications_ends_no_subscriber_that_reads() {
    let app = App::default();
    let server = start(&app).await;
    let (mut socket, group) = member(&server, &app).await;
    (0..10_000).for_each(|n| group.publish(n.to_string()).unwrap());
    for n in 0..10_000 {
        assert_eq!(socket.text().await, n.to_string());
    }
}

/// The test's runtime has one thread, so nothing is carried out until the test waits.
#[tokio::test]
async fn publications_beyond_the_limit_are_refused_until_those_before_are_carried_out() {
    let app = App::default();
    let mut settings = Settings::default();
    settings.limits.publish_messages = 10;
    settings.limits.publish_bytes = 100;
    let server = TestServer::start(settings, app.clone()).await;
    let (mut socket, group) = member(&server, &app).await;
    let taken = (0..20).take_while(|n| group.publish(n.to_string()).is_ok()).count();
    assert_eq!(taken, 10);
    for n in 0..10 {
        assert_eq!(socket.text().await, n.to_string());
    }
    assert!(group.publish("x".repeat(99)).is_ok());
    assert_eq!(group.publish("xx"), Err(byway::PublishError::Overloaded));
    assert_eq!(socket.text().await, "x".repeat(99));
    assert!(group.publish("xx").is_ok());
    assert_eq!(socket.text().await, "xx");
}

#[tokio::test]
async fn posts_to_a_session_that_was_told_to_go_are_refused_at_once() {
    let app = App::default();
    let server = start(&app).await;
    assert!(post(&server, "0/p/xhr", "").await.ends_with("o\n"));
    let byway = server.byway.clone();
    let drain = tokio::spawn(async move { byway.drain(Duration::from_secs(5)).await });
    app.until("ended going_away").await;
    let batch = format!("[{}]", vec!["\"late\""; 1000].join(","));
    for _ in 0..3 {
        assert!(post(&server, "0/p/xhr_send", &batch).await.contains(" 404 "));
    }
    assert!(!app.noted("late"));
    drain.abort();
}

#[tokio::test]
async fn a_slow_handler_is_not_its_client_s_silence() {
    let app = App::default();
    let mut settings = Settings::default();
    settings.session.heartbeat = Duration::from_millis(100);
    settings.session.heartbeat_answer = Duration::from_millis(20);
    let server = TestServer::start(settings, app.clone()).await;
    let mut socket = Socket::raw(&server).await;
    socket.send("wait").await;
    socket.send("still here").await;
    let mut pings = 0;
    loop {
        match socket.frame().await {
            (9, _) => pings += 1,
            (opcode, payload) => {
                assert_eq!((opcode, &*payload), (1, &b"still here"[..]));
                break;
            }
        }
    }
    assert!(pings > 0, "the handler took longer than a heartbeat and its answer");
}

#[tokio::test]
async fn a_connection_that_is_over_is_let_go_of_while_its_handler_hangs() {
    let app = App::default();
    let mut settings = Settings::default();
    settings.session.close_timeout = Duration::from_millis(50);
    let server = TestServer::start(settings, app.clone()).await;
    let mut socket = Socket::raw(&server).await;
    socket.send("hang").await;
    app.until("hang").await;
    server.byway.sessions()[0].close();
    assert_eq!(socket.frame().await.0, 8);
    let end = timeout(Duration::from_secs(5), socket.0.read(&mut [0; 1])).await.expect("the connection ends");
    assert!(matches!(end, Ok(0) | Err(_)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_ending_by_the_server_is_told_to_the_application_at_once_however_the_driver_is_busy() {
    let app = App::default();
    let server = TestServer::start(Settings::default(), app.clone()).await;
    let mut sockets = Vec::new();
    for _ in 0..50 {
        let mut socket = Socket::raw(&server).await;
        socket.send("hello").await;
        sockets.push(socket);
        // A session opens a moment after its client has read the 101.
        while !server.byway.sessions().iter().any(|session| session.is_open()) {
            tokio::task::yield_now().await;
        }
        server.byway.sessions().iter().filter(|session| session.is_open()).for_each(SessionHandle::close);
    }
    let all = async {
        while app.log.lock().iter().filter(|line| line.starts_with("ended")).count() < 50 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let told = timeout(Duration::from_secs(3), all).await;
    assert!(told.is_ok(), "sooner than the close timeout: {:?}", server.byway.stats().ended);
}

#[tokio::test]
async fn ids_that_are_too_long_to_be_remembered_are_unknown() {
    let app = App::default();
    let server = start(&app).await;
    let id = "x".repeat(129);
    assert!(post(&server, &format!("0/{id}/xhr"), "").await.starts_with("HTTP/1.1 404 "));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn traffic_is_counted_once_while_sessions_come_and_go() {
    let app = App::default();
    let server = start(&app).await;
    for n in 1..100 {
        let mut socket = Socket::raw(&server).await;
        socket.send("x").await;
        assert_eq!(socket.text().await, "x");
        drop(socket);
        loop {
            let stats = server.byway.stats();
            assert_eq!((stats.traffic.messages_in, stats.traffic.messages_out), (n, n));
            if stats.current["raw_websocket"] == 0 {
                break;
            }
            tokio::task::yield_now().await;
        }
    }
}
