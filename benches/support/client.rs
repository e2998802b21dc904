//! One connection of a client: how it asks, and how it knows that it was answered.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::Duration;

/// What a client opens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Nothing: a bare connection.
    Bare,
    Websocket,
    SockjsWebsocket,
    XhrStreaming,
    Eventsource,
    /// A parked poll.
    Xhr,
    FeedEvents,
    FeedLines,
    /// A feed's poll that waits.
    FeedPoll,
}

/// How long a server may take for anything.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// Connects over the `n`th of many local addresses, so that ports do not run out, and opens what `kind` says.
pub fn open(port: u16, endpoint: &str, kind: Kind, n: usize) -> io::Result<TcpStream> {
    let mut stream = TcpStream::connect(SocketAddr::from((Ipv4Addr::new(127, 0, 1, (n % 250) as u8 + 1), port)))?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    if kind != Kind::Bare {
        stream.write_all(&request(endpoint, kind, n))?;
        let said = read_until(&mut stream, opening(kind))?;
        if let Some(poll) = next_poll(endpoint, kind, n, &said) {
            stream.write_all(&poll)?;
        }
    }
    Ok(stream)
}

/// The next request of a client that has to ask for every answer, once it was `said` something.
pub fn next_poll(endpoint: &str, kind: Kind, n: usize, said: &[u8]) -> Option<Vec<u8>> {
    match kind {
        Kind::Xhr => Some(request(endpoint, kind, n)),
        Kind::FeedPoll => {
            let after = field(said, "last-event-id: ").unwrap_or("1-0");
            Some(get(&format!("{endpoint}/feed/topic/0?after={after}"), "application/json").into_bytes())
        }
        _ => None,
    }
}

/// What stands behind this in an answer's head, up to the end of the line.
fn field<'a>(answer: &'a [u8], name: &str) -> Option<&'a str> {
    let text = std::str::from_utf8(answer).ok()?;
    text.split_once(name)?.1.lines().next()
}

/// The request by which the `n`th client opens its session, or polls it.
pub fn request(endpoint: &str, kind: Kind, n: usize) -> Vec<u8> {
    let session = format!("{endpoint}/000/session-{n}");
    match kind {
        Kind::Bare => String::new(),
        Kind::Websocket => handshake(&format!("{endpoint}/websocket")),
        Kind::SockjsWebsocket => handshake(&format!("{session}/websocket")),
        Kind::XhrStreaming => format!("POST {session}/xhr_streaming HTTP/1.1\r\n{HOST}\r\nContent-Length: 0\r\n\r\n"),
        Kind::Xhr => format!("POST {session}/xhr HTTP/1.1\r\n{HOST}\r\nContent-Length: 0\r\n\r\n"),
        Kind::Eventsource => get(&format!("{session}/eventsource"), "text/event-stream"),
        Kind::FeedEvents => get(&format!("{endpoint}/feed/topic/0?opening=event"), "text/event-stream"),
        Kind::FeedLines => get(&format!("{endpoint}/feed/topic/0"), "application/x-ndjson"),
        Kind::FeedPoll => get(&format!("{endpoint}/feed/topic/0?wait=0"), "application/json"),
    }
    .into_bytes()
}

/// A request for a media type.
pub fn get(target: &str, media: &str) -> String {
    format!("GET {target} HTTP/1.1\r\n{HOST}\r\nAccept: {media}\r\n\r\n")
}

/// The request by which the `n`th client sends over HTTP.
pub fn post(endpoint: &str, n: usize, body: &str) -> Vec<u8> {
    let length = body.len();
    let path = format!("{endpoint}/000/session-{n}/xhr_send");
    format!("POST {path} HTTP/1.1\r\n{HOST}\r\nContent-Length: {length}\r\n\r\n{body}").into_bytes()
}

pub const HOST: &str = "Host: localhost";

fn handshake(path: &str) -> String {
    format!(
        "GET {path} HTTP/1.1\r\n{HOST}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )
}

/// The end of what a server says before the first message.
fn opening(kind: Kind) -> &'static [u8] {
    match kind {
        Kind::Bare => b"",
        Kind::Websocket => b"\r\n\r\n",
        Kind::SockjsWebsocket => b"\x81\x01o",
        Kind::XhrStreaming => b"\r\no\n\r\n",
        Kind::Eventsource => b"data: o\r\n\r\n\r\n",
        Kind::Xhr => b"o\n",
        Kind::FeedEvents => b"\n\n\r\n",
        Kind::FeedLines => b"}\n\r\n",
        Kind::FeedPoll => b"\r\n\r\n",
    }
}

/// What comes, up to this end; an error where the connection ends before.
pub fn read_until(stream: &mut TcpStream, end: &[u8]) -> io::Result<Vec<u8>> {
    let mut answer = Vec::new();
    let mut buffer = [0; 4096];
    while !answer.ends_with(end) {
        match stream.read(&mut buffer)? {
            0 => return Err(io::Error::other(String::from_utf8_lossy(&answer).into_owned())),
            read => answer.extend_from_slice(&buffer[..read]),
        }
    }
    Ok(answer)
}

/// Ends the payload of every message that is measured, and is nowhere else in what servers send: messages are counted by
/// it, whatever is around them.
pub const MARK: u8 = b'!';

/// A payload of this many bytes.
pub fn payload(bytes: usize) -> String {
    format!("{}{}", "x".repeat(bytes - 1), char::from(MARK))
}

/// A client's text frame, with an empty mask.
pub fn text_frame(payload: &[u8]) -> Vec<u8> {
    let len = payload.len();
    match len < 126 {
        true => [&[0x81, 0x80 | len as u8, 0, 0, 0, 0], payload].concat(),
        false => [&[0x81, 0xfe, (len >> 8) as u8, len as u8, 0, 0, 0, 0], payload].concat(),
    }
}

/// A client's close frame with 1000, and its answer.
pub const CLOSE: &[u8] = b"\x88\x82\0\0\0\0\x03\xe8";
pub const CLOSED: &[u8] = b"\x88\x02\x03\xe8";
