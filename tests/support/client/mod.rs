//! A client of every transport, so that one test can be run over all of them.
//!
//! It shares no code with the server: what the server writes is read by parsers of its own, and strictly.

pub mod envelope;
pub mod http;
pub mod websocket;

use byway::{Disconnect, Transport};
use envelope::{CALLBACK, parse_frame, prelude, unwrap};
use http::{Answer, Http};
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::io::AsyncWriteExt;
use websocket::{Received, WebSocket};

/// What every transport tells its client, whatever the bytes are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    Open,
    Heartbeat,
    Message(String),
    Binary(Vec<u8>),
    Close(u16, String),
    /// The response or the connection that told of the close has ended.
    End,
}

impl Event {
    pub fn message(text: &str) -> Self {
        Self::Message(text.to_owned())
    }

    pub fn close(disconnect: &Disconnect) -> Self {
        Self::Close(disconnect.code(), disconnect.reason().to_owned())
    }
}

/// What carries a transport's frames to the client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A WebSocket: both ways, and one for the session's whole life.
    Socket,
    /// Responses that go on until they reach a limit.
    Stream,
    /// Responses of one frame.
    Poll,
}

/// A transport that has no arm here does not compile: every transport has a row.
pub fn kind(transport: Transport) -> Kind {
    match transport {
        Transport::Websocket | Transport::RawWebsocket => Kind::Socket,
        Transport::XhrStreaming | Transport::Eventsource | Transport::Htmlfile => Kind::Stream,
        Transport::Xhr | Transport::Jsonp => Kind::Poll,
        Transport::FeedEvents | Transport::FeedLines | Transport::FeedPoll => panic!("tests/feeds reads feeds"),
    }
}

/// How a client goes without a word.
#[derive(Debug, Clone, Copy)]
pub enum Leave {
    /// With a TCP reset.
    Reset,
    /// By closing its connection.
    Close,
    /// By closing its half of the connection.
    HalfClose,
}

/// One client of one session.
pub struct Client {
    pub transport: Transport,
    pub address: SocketAddr,
    /// The endpoint's path.
    pub base: String,
    /// The session id, which means nothing on WebSockets.
    pub id: String,
    headers: Vec<(String, String)>,
    /// What stands behind the question mark of a receiver's URL.
    pub query: String,
    /// What receivers send as a body, which nobody wants.
    pub receiver_body: &'static [u8],
    pub socket: Option<WebSocket>,
    /// The connection that receivers come by, one after the other.
    pub receiver: Option<Http>,
    phase: Phase,
    /// The connection that messages go by.
    sender: Option<Http>,
    events: VecDeque<Event>,
    /// How many responses received so far.
    pub receivers: usize,
}

/// Where the receiving response is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// None was asked for.
    Idle,
    /// It was asked for.
    Asked,
    /// Its head has come, and its prelude.
    Receiving,
    /// It brought the close, and is to end.
    Closing,
}

impl Client {
    /// A client that has not connected yet, with a session id of its own.
    pub fn new(address: SocketAddr, transport: Transport) -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        Self {
            transport,
            address,
            base: "/e".to_owned(),
            id: format!("session-{}", NEXT.fetch_add(1, Ordering::Relaxed)),
            headers: Vec::new(),
            query: String::new(),
            receiver_body: b"",
            socket: None,
            receiver: None,
            phase: Phase::Idle,
            sender: None,
            events: VecDeque::new(),
            receivers: 0,
        }
    }

    /// Sends this header with every request.
    pub fn with_header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Another client that means the same session.
    pub fn twin(&self) -> Self {
        let mut twin = Self::new(self.address, self.transport);
        (twin.base, twin.id, twin.headers) = (self.base.clone(), self.id.clone(), self.headers.clone());
        twin.receiver_body = self.receiver_body;
        twin
    }

    fn headers(&self) -> Vec<(&str, &str)> {
        self.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect()
    }

    /// The URL that receives.
    pub fn target(&self) -> String {
        let Self { base, id, transport, .. } = self;
        match transport {
            Transport::RawWebsocket if self.query.is_empty() => format!("{base}/websocket"),
            Transport::RawWebsocket => format!("{base}/websocket?{}", self.query),
            Transport::Htmlfile | Transport::Jsonp => format!("{base}/000/{id}/{transport}?c={CALLBACK}"),
            _ if self.query.is_empty() => format!("{base}/000/{id}/{transport}"),
            _ => format!("{base}/000/{id}/{transport}?{}", self.query),
        }
    }

    pub fn method(&self) -> &'static str {
        match self.transport {
            Transport::Xhr | Transport::XhrStreaming => "POST",
            _ => "GET",
        }
    }

    /// The URL that sends.
    pub fn send_target(&self) -> String {
        let sender = if self.transport == Transport::Jsonp { "jsonp_send" } else { "xhr_send" };
        format!("{}/000/{}/{sender}", self.base, self.id)
    }

    /// Connects and is greeted.
    pub async fn open(mut self) -> Self {
        assert_eq!(self.next().await, Event::Open);
        self
    }

    /// Tries to open a session, or to receive from one; answers the status.
    pub async fn attempt(&mut self) -> u16 {
        let (target, method) = (self.target(), self.method());
        if kind(self.transport) == Kind::Socket {
            return WebSocket::attempt(self.address, &target, &self.headers()).await.head.status;
        }
        http::ask(self.address, method, &target, &self.headers(), b"").await.status()
    }

    /// What comes next. Receivers are asked for as needed.
    pub async fn next(&mut self) -> Event {
        loop {
            if let Some(event) = self.events.pop_front() {
                return event;
            }
            match kind(self.transport) {
                Kind::Socket => self.read_socket().await,
                Kind::Stream | Kind::Poll => self.read_response().await,
            }
        }
    }

    /// The next message; nothing else may come before it.
    pub async fn message(&mut self) -> String {
        match self.next().await {
            Event::Message(text) => text,
            other => panic!("{other:?} instead of a message"),
        }
    }

    /// The next event that is no heartbeat.
    pub async fn next_but_heartbeats(&mut self) -> Event {
        loop {
            match self.next().await {
                Event::Heartbeat => {}
                event => return event,
            }
        }
    }

    async fn read_socket(&mut self) {
        let target = self.target();
        let Some(socket) = &mut self.socket else {
            self.socket = Some(WebSocket::connect(self.address, &target, &self.headers()).await);
            if self.transport == Transport::RawWebsocket {
                self.events.push_back(Event::Open);
            }
            return;
        };
        let raw = self.transport == Transport::RawWebsocket;
        match socket.receive().await {
            Received::Text(text) if raw => self.events.push_back(Event::Message(text)),
            Received::Text(frame) => self.events.extend(parse_frame(&frame)),
            Received::Binary(bytes) => self.events.push_back(Event::Binary(bytes)),
            // SockJS's own heartbeat comes with the ping.
            Received::Ping(_) if raw => self.events.push_back(Event::Heartbeat),
            Received::Ping(_) | Received::Pong(_) => {}
            Received::Close(close) => {
                let code = close.as_ref().map(|(code, _)| code.to_be_bytes().to_vec());
                socket.send(websocket::CLOSE, &code.unwrap_or_default()).await;
                let (code, reason) = close.unwrap_or((1005, String::new()));
                let end = socket.receive().await;
                assert_eq!(end, Received::End, "nothing follows a close frame");
                if self.phase != Phase::Closing {
                    self.events.push_back(Event::Close(code, reason));
                }
                self.events.push_back(Event::End);
            }
            Received::End => self.events.push_back(Event::End),
        }
        if matches!(self.events.back(), Some(Event::Close(..))) {
            self.phase = Phase::Closing;
        }
    }

    async fn read_response(&mut self) {
        match self.phase {
            Phase::Idle => self.ask().await,
            Phase::Asked => self.read_head().await,
            Phase::Receiving | Phase::Closing => self.read_frame().await,
        }
    }

    /// Asks for a response, and does not wait for it.
    pub async fn ask(&mut self) {
        let (target, method) = (self.target(), self.method());
        let mut http = match self.receiver.take().filter(|http| !http.closes) {
            Some(http) => http,
            None => Http::connect(self.address).await,
        };
        http.send(method, &target, &self.headers(), self.receiver_body).await;
        self.receiver = Some(http);
        self.phase = Phase::Asked;
        self.receivers += 1;
    }

    async fn read_head(&mut self) {
        let Some(http) = &mut self.receiver else { return };
        let head = http.head().await;
        assert_eq!(head.status, 200, "{head:?}");
        if kind(self.transport) == Kind::Stream {
            assert_eq!(http.chunk().await, Some(prelude(self.transport)));
        }
        self.phase = Phase::Receiving;
    }

    /// Every chunk is one frame.
    async fn read_frame(&mut self) {
        let Some(http) = &mut self.receiver else { return };
        match http.chunk().await {
            Some(chunk) => {
                self.events.extend(parse_frame(&unwrap(self.transport, &chunk)));
                if matches!(self.events.back(), Some(Event::Close(..))) {
                    self.phase = Phase::Closing;
                }
            }
            None if self.phase == Phase::Closing => {
                self.phase = Phase::Idle;
                self.events.push_back(Event::End);
            }
            None => self.phase = Phase::Idle,
        }
    }

    /// Waits until the server has a receiver of this client's attached. A session that has something to say would say
    /// it instead, and a response that has ended, which this cannot know, does not count.
    pub async fn park(&mut self) {
        match kind(self.transport) {
            Kind::Socket => assert!(self.socket.is_some()),
            Kind::Stream => {
                while self.phase != Phase::Receiving {
                    self.read_response().await;
                }
            }
            Kind::Poll => self.park_poll().await,
        }
    }

    /// A parked poll says nothing. But of two polls one is refused at once, and then the other is parked.
    async fn park_poll(&mut self) {
        while self.phase != Phase::Idle {
            self.read_frame().await;
        }
        let mut other = self.twin();
        self.ask().await;
        other.ask().await;
        let (Some(first), Some(second)) = (&mut self.receiver, &mut other.receiver) else { return };
        tokio::select! {
            head = first.head() => {
                assert_eq!(head.status, 200);
                std::mem::swap(&mut self.receiver, &mut other.receiver);
            }
            head = second.head() => assert_eq!(head.status, 200),
        }
        other.phase = Phase::Receiving;
        assert_eq!(other.next().await, Event::close(&Disconnect::ANOTHER_CONNECTION));
    }

    /// Sends messages: those of one call in one request or frame, where the transport can.
    pub async fn send(&mut self, messages: &[&str]) {
        if self.transport == Transport::RawWebsocket {
            let Some(socket) = &mut self.socket else { panic!("not connected") };
            for message in messages {
                socket.send_text(message).await;
            }
            return;
        }
        self.send_json(&serde_json::to_string(messages).expect("strings are JSON")).await;
    }

    /// Sends a JSON array, by which a SockJS client sends messages.
    pub async fn send_json(&mut self, json: &str) {
        if let Some(socket) = &mut self.socket {
            return socket.send_text(json).await;
        }
        let answer = self.post(json).await;
        match self.transport {
            Transport::Jsonp => assert_eq!((answer.status(), answer.body.as_str()), (200, "ok")),
            _ => assert_eq!((answer.status(), answer.body.as_str()), (204, "")),
        }
    }

    /// Posts a JSON array on the sending connection; answers what the server says.
    pub async fn post(&mut self, json: &str) -> Answer {
        let mut http = match self.sender.take() {
            Some(http) => http,
            None => Http::connect(self.address).await,
        };
        let (body, content_type) = match self.transport {
            Transport::Jsonp => (form(json), "application/x-www-form-urlencoded"),
            _ => (json.to_owned(), "text/plain;charset=UTF-8"),
        };
        let headers = [self.headers(), vec![("Content-Type", content_type)]].concat();
        let answer = http.ask("POST", &self.send_target(), &headers, body.as_bytes()).await;
        if answer.header("connection") != Some("close") {
            self.sender = Some(http);
        }
        answer
    }

    /// Leaves without a word.
    pub async fn leave(mut self, how: Leave) {
        let http = self.socket.map(|socket| socket.http).or(self.receiver.take());
        let mut stream = http.expect("connected").stream;
        match how {
            Leave::Reset => stream.set_zero_linger().expect("a connected socket takes options"),
            Leave::Close => {}
            Leave::HalfClose => {
                stream.shutdown().await.expect("the half can be closed");
                // The other half stays open for as long as the server likes.
                tokio::spawn(async move {
                    let mut http = stream;
                    tokio::io::copy(&mut http, &mut tokio::io::sink()).await.ok();
                });
            }
        }
    }
}

fn form(json: &str) -> String {
    form_urlencoded::Serializer::new(String::new()).append_pair("d", json).finish()
}
