//! A client by hand: HTTP/1.1 and the WebSocket handshake over any stream.

use crate::process::PATIENCE;
use std::io::{Read, Write};
use std::net::TcpStream;
use tungstenite::WebSocket;
use tungstenite::protocol::Role;

pub fn connect(address: &str) -> TcpStream {
    let stream = TcpStream::connect(address).expect("a connection");
    stream.set_read_timeout(Some(PATIENCE)).expect("a limit");
    stream
}

/// An answer, whose body has a length or reaches to the connection's end.
pub struct Answer {
    pub head: String,
    pub body: String,
}

impl Answer {
    #[track_caller]
    pub fn assert_header(&self, line: &str) {
        let found = self.head.lines().any(|header| header.eq_ignore_ascii_case(line));
        assert!(found, "no \"{line}\" in\n{}", self.head);
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        let mut fields = self.head.lines().filter_map(|line| line.split_once(": "));
        fields.find(|(field, _)| field.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    pub fn status(&self) -> &str {
        self.head.split(' ').nth(1).expect("a status")
    }
}

pub fn get(address: &str, path: &str) -> Answer {
    get_with(address, path, "")
}

pub fn get_with(address: &str, path: &str, headers: &str) -> Answer {
    ask(&mut connect(address), &format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n{headers}\r\n"))
}

/// Asks over a connection that can be used again where the answer's body has a length.
pub fn ask(stream: &mut (impl Read + Write), request: &str) -> Answer {
    stream.write_all(request.as_bytes()).expect("the request is taken");
    answer(stream)
}

/// Asks for a head without a body.
pub fn head_of(stream: &mut (impl Read + Write), request: &str) -> Answer {
    stream.write_all(request.as_bytes()).expect("the request is taken");
    Answer { head: head(stream), body: String::new() }
}

pub fn answer(stream: &mut impl Read) -> Answer {
    let head = head(stream);
    let mut answer = Answer { head, body: String::new() };
    let length = answer.header("content-length").map(|length| length.parse().expect("a length"));
    match length {
        Some(length) => stream.take(length).read_to_string(&mut answer.body),
        None => stream.read_to_string(&mut answer.body),
    }
    .expect("the body comes");
    answer
}

pub fn post(path: &str, body: &str) -> String {
    format!("POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {}\r\n\r\n{body}", body.len())
}

/// Reads byte by byte, so that nothing behind the head is taken.
pub fn head(stream: &mut impl Read) -> String {
    read_until(stream, "\r\n\r\n")
}

pub fn read_until(stream: &mut impl Read, end: &str) -> String {
    let mut bytes = Vec::new();
    while !bytes.ends_with(end.as_bytes()) {
        let mut byte = [0];
        stream.read_exact(&mut byte).unwrap_or_else(|e| panic!("{e} after {:?}", String::from_utf8_lossy(&bytes)));
        bytes.push(byte[0]);
    }
    String::from_utf8(bytes).expect("text")
}

/// Shakes hands by hand.
pub fn websocket<S: Read + Write>(mut stream: S, path: &str) -> WebSocket<S> {
    let request = format!(
        "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).expect("the request is taken");
    let head = head(&mut stream);
    assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
    assert!(head.contains("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="), "{head}");
    WebSocket::from_raw_socket(stream, Role::Client, None)
}
