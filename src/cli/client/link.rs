//! One session of a transport, both ways: messages as a page's SockJS client or WebSocket would take and give them.

use super::dial::{self, Http};
use super::events::{Events, Lines};
use super::sockjs::{self, Frame};
use super::websocket::{self, Event};
use super::{Failure, Target};
use bytes::{Bytes, BytesMut};
use byway::Transport;
use http::{HeaderMap, Method, StatusCode};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use std::collections::VecDeque;
use std::sync::Arc;
use tokio::io::{AsyncReadExt, AsyncWriteExt, ReadHalf, WriteHalf};
use tokio::sync::Mutex;

/// An open session.
pub struct Link {
    pub receiver: Receiver,
    pub sender: Sender,
}

/// What comes.
pub struct Receiver {
    source: Source,
    /// Whether the messages are in SockJS's frames.
    is_sockjs: bool,
    ready: VecDeque<Bytes>,
}

enum Source {
    Socket(Socket),
    Responses(Box<Responses>),
}

/// A reader also has to write: a ping is answered by a pong.
type Writer = Arc<Mutex<WriteHalf<TokioIo<Upgraded>>>>;

struct Socket {
    reader: ReadHalf<TokioIo<Upgraded>>,
    writer: Writer,
    decoder: websocket::Decoder,
}

/// One response after the other: streams up to the server's limit, or polls.
struct Responses {
    http: Http,
    method: Method,
    path: String,
    body: Option<Incoming>,
    text: Text,
}

enum Text {
    Lines(Lines),
    Events(Events),
}

/// What goes.
pub enum Sender {
    /// Messages as they are, or in SockJS's frames.
    Socket { writer: SocketWriter, is_sockjs: bool },
    /// One request for each message.
    Posts(Posts),
}

pub struct SocketWriter(Writer);

pub struct Posts {
    http: Http,
    path: String,
}

impl Link {
    /// Opens a session. `subprotocols` are for a plain WebSocket.
    pub async fn open(
        target: &Arc<Target>,
        transport: Transport,
        subprotocols: Option<&'static str>,
    ) -> Result<Self, Failure> {
        match transport {
            Transport::RawWebsocket => Self::socket(target, &target.socket_path(), subprotocols, false).await,
            _ if target.is_socket => {
                Err(Failure::refused(format!("--url: {transport} takes the endpoint's http:// or https:// URL")))
            }
            Transport::Websocket => {
                let path = format!("{}/websocket", session_path(target)?);
                Self::socket(target, &path, None, true).await?.opened().await
            }
            transport => Self::responses(target, transport)?.opened().await,
        }
    }

    async fn socket(
        target: &Arc<Target>,
        path: &str,
        subprotocols: Option<&'static str>,
        is_sockjs: bool,
    ) -> Result<Self, Failure> {
        let stream = Http::new(target.clone(), HeaderMap::new()).upgrade(path, subprotocols).await?;
        let (reader, writer) = tokio::io::split(stream);
        let writer = Arc::new(Mutex::new(writer));
        let socket = Socket { reader, writer: writer.clone(), decoder: websocket::Decoder::default() };
        let receiver = Receiver { source: Source::Socket(socket), is_sockjs, ready: VecDeque::new() };
        Ok(Self { receiver, sender: Sender::Socket { writer: SocketWriter(writer), is_sockjs } })
    }

    fn responses(target: &Arc<Target>, transport: Transport) -> Result<Self, Failure> {
        let (method, text) = match transport {
            Transport::Eventsource => (Method::GET, Text::Events(Events::default())),
            _ => (Method::POST, Text::Lines(Lines::default())),
        };
        let session = session_path(target)?;
        let http = || Http::new(target.clone(), HeaderMap::new());
        let responses = Responses { http: http(), method, path: format!("{session}/{transport}"), body: None, text };
        let receiver =
            Receiver { source: Source::Responses(Box::new(responses)), is_sockjs: true, ready: VecDeque::new() };
        Ok(Self { receiver, sender: Sender::Posts(Posts { http: http(), path: format!("{session}/xhr_send") }) })
    }

    /// Waits for SockJS's first frame.
    async fn opened(mut self) -> Result<Self, Failure> {
        loop {
            match self.receiver.frame().await? {
                Frame::Open => return Ok(self),
                Frame::Heartbeat => {}
                Frame::Close(code, reason) => return Err(Failure::ended(code, &reason)),
                Frame::Messages(_) => return Err(Failure::refused("messages come before the session is open")),
            }
        }
    }
}

/// `/{server}/{session}` as SockJS clients choose them, below the endpoint.
fn session_path(target: &Target) -> Result<String, Failure> {
    let [a, b, rest @ ..] = dial::random::<16>()?;
    let server = u16::from_be_bytes([a, b]) % 1000;
    let session: String = rest.iter().map(|byte| format!("{byte:02x}")).collect();
    Ok(target.below(&format!("/{server:03}/{session}")))
}

impl Receiver {
    /// The next message. The session is over when this fails.
    pub async fn next(&mut self) -> Result<Bytes, Failure> {
        loop {
            if let Some(message) = self.ready.pop_front() {
                return Ok(message);
            }
            if !self.is_sockjs {
                return self.source.next().await;
            }
            match self.frame().await? {
                Frame::Messages(messages) => self.ready.extend(messages),
                Frame::Open | Frame::Heartbeat => {}
                Frame::Close(code, reason) => return Err(Failure::ended(code, &reason)),
            }
        }
    }

    async fn frame(&mut self) -> Result<Frame, Failure> {
        let frame = self.source.next().await?;
        let frame = std::str::from_utf8(&frame).map_err(|_| Failure::refused("what comes is no text"))?;
        sockjs::parse(frame).map_err(Failure::refused)
    }
}

impl Source {
    async fn next(&mut self) -> Result<Bytes, Failure> {
        match self {
            Self::Socket(socket) => socket.next().await,
            Self::Responses(responses) => responses.next().await,
        }
    }
}

/// How much is read at a time.
const READ: usize = 4096;

impl Socket {
    async fn next(&mut self) -> Result<Bytes, Failure> {
        loop {
            match self.decoder.next().map_err(Failure::refused)? {
                Some(Event::Message(message)) => return Ok(message),
                Some(Event::Ping(payload)) => write(&self.writer, websocket::PONG, &payload).await?,
                Some(Event::Close(code, reason)) => return Err(Failure::ended(code, &reason)),
                None => self.fill().await?,
            }
        }
    }

    async fn fill(&mut self) -> Result<(), Failure> {
        let input: &mut BytesMut = &mut self.decoder.input;
        input.reserve(READ);
        match self.reader.read_buf(input).await? {
            0 => Err(Failure::passing("the connection was lost")),
            _ => Ok(()),
        }
    }
}

impl Responses {
    async fn next(&mut self) -> Result<Bytes, Failure> {
        // A server that answers nothing again and again would keep both busy for ever.
        let mut was_answered = false;
        loop {
            if let Some(frame) = self.text.next()? {
                return Ok(frame.into());
            }
            match &mut self.body {
                Some(body) => match body.frame().await.transpose()? {
                    Some(frame) => self.text.feed(frame.data_ref().map_or(&[], |data| data)),
                    None => self.body = None,
                },
                None if was_answered => return Err(Failure::passing("the server answers nothing")),
                None => {
                    self.body = Some(self.ask().await?);
                    was_answered = true;
                }
            }
        }
    }

    async fn ask(&mut self) -> Result<Incoming, Failure> {
        let response = self.http.ask(self.method.clone(), &self.path, Bytes::new()).await?;
        match response.status() {
            StatusCode::OK => Ok(response.into_body()),
            _ => Err(dial::refusal(response).await),
        }
    }
}

impl Text {
    fn feed(&mut self, bytes: &[u8]) {
        match self {
            Self::Lines(lines) => lines.feed(bytes),
            Self::Events(events) => events.feed(bytes),
        }
    }

    fn next(&mut self) -> Result<Option<String>, Failure> {
        match self {
            Self::Lines(lines) => lines.next(),
            Self::Events(events) => events.next().map(|event| event.map(|event| sockjs::decode_uri(&event.data))),
        }
        .map_err(Failure::refused)
    }
}

impl Sender {
    /// Sends a message, and waits until the server has taken it, which a WebSocket cannot know.
    pub async fn send(&mut self, message: &str) -> Result<(), Failure> {
        match self {
            Self::Socket { writer, is_sockjs: false } => write(&writer.0, websocket::TEXT, message.as_bytes()).await,
            Self::Socket { writer, is_sockjs: true } => {
                write(&writer.0, websocket::TEXT, sockjs::encode(message).as_bytes()).await
            }
            Self::Posts(posts) => posts.send(message).await,
        }
    }

    /// Gives up what only the next message needs, for sessions that have nothing to say for long.
    pub fn rest(&mut self) {
        if let Self::Posts(posts) = self {
            posts.http.disconnect();
        }
    }

    /// Says goodbye as far as the transport can, so that the server need not find out.
    pub async fn close(&mut self) {
        if let Self::Socket { writer, .. } = self {
            // The connection ends in any case.
            write(&writer.0, websocket::CLOSE, &1000_u16.to_be_bytes()).await.ok();
        }
    }
}

impl Posts {
    async fn send(&mut self, message: &str) -> Result<(), Failure> {
        let response = self.http.ask(Method::POST, &self.path, sockjs::encode(message).into()).await?;
        match response.status() {
            StatusCode::OK | StatusCode::NO_CONTENT => dial::body(response).await.map(drop),
            _ => Err(dial::refusal(response).await),
        }
    }
}

async fn write(writer: &Writer, opcode: u8, payload: &[u8]) -> Result<(), Failure> {
    let frame = websocket::encode(opcode, payload, dial::random()?);
    let mut writer = writer.lock().await;
    writer.write_all(&frame).await?;
    Ok(writer.flush().await?)
}
