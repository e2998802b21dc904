//! HTTP as bytes: requests that are written by hand, and answers that are read without the help of any HTTP library.

use super::target::PATIENCE;
use std::net::SocketAddr;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// A POST whose connection ends behind the answer.
pub fn post(path: &str, body: &str) -> String {
    let length = body.len();
    format!("POST {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{body}")
}

/// A GET whose connection ends behind the answer.
pub fn get(path: &str) -> String {
    request("GET", path, "")
}

/// A request without a body, with more header lines, whose connection ends behind the answer.
pub fn request(method: &str, path: &str, headers: &str) -> String {
    format!("{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{headers}\r\n")
}

/// A connection of an attacker's.
pub struct Wire {
    pub stream: TcpStream,
    /// Read, and not consumed yet.
    buffer: Vec<u8>,
}

impl Wire {
    pub async fn connect(address: SocketAddr) -> Self {
        Self::over(TcpStream::connect(address).await.expect("the server accepts"))
    }

    pub fn over(stream: TcpStream) -> Self {
        Self { stream, buffer: Vec::new() }
    }

    pub async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        timeout(PATIENCE, self.stream.write_all(bytes.as_ref())).await.expect("in time").expect("the server reads");
    }

    /// Sends what the server may not want any more.
    pub async fn try_send(&mut self, bytes: impl AsRef<[u8]>) -> std::io::Result<()> {
        timeout(PATIENCE, self.stream.write_all(bytes.as_ref())).await.expect("in time")
    }

    /// Everything until the server closes; a reset is an end like any other.
    pub async fn rest(&mut self) -> Vec<u8> {
        while self.fill().await {}
        std::mem::take(&mut self.buffer)
    }

    /// All answers until the server closes.
    pub async fn answers(&mut self) -> Vec<Answer> {
        let bytes = self.rest().await;
        answers(&bytes)
    }

    /// Everything up to and with `end`.
    pub async fn until(&mut self, end: &str) -> String {
        loop {
            if let Some(at) = find(&self.buffer, end.as_bytes()) {
                let taken = self.buffer.drain(..at + end.len()).collect();
                return String::from_utf8(taken).expect("text");
            }
            assert!(self.fill().await, "closed before {end:?}: {:?}", String::from_utf8_lossy(&self.buffer));
        }
    }

    /// Exactly this many bytes, or `None` when the connection ends before.
    pub async fn exactly(&mut self, count: usize) -> Option<Vec<u8>> {
        while self.buffer.len() < count {
            if !self.fill().await {
                return None;
            }
        }
        Some(self.buffer.drain(..count).collect())
    }

    /// Reads once; false at the end.
    async fn fill(&mut self) -> bool {
        let read = timeout(PATIENCE, self.stream.read_buf(&mut self.buffer)).await;
        let seen = || String::from_utf8_lossy(&self.buffer[..self.buffer.len().min(300)]).into_owned();
        read.unwrap_or_else(|_| panic!("neither bytes nor an end came; so far {:?}", seen())).unwrap_or(0) > 0
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
    /// The body ended where its head said.
    pub complete: bool,
}

impl Answer {
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).expect("answers are text")
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(given, _)| given.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }
}

/// Reads one answer after the other.
pub fn answers(mut bytes: &[u8]) -> Vec<Answer> {
    let mut answers = Vec::new();
    while !bytes.is_empty() {
        let (answer, rest) = answer(bytes);
        answers.push(answer);
        bytes = rest;
    }
    answers
}

fn answer(bytes: &[u8]) -> (Answer, &[u8]) {
    let shown = || String::from_utf8_lossy(&bytes[..bytes.len().min(300)]).into_owned();
    let end = find(bytes, b"\r\n\r\n").unwrap_or_else(|| panic!("no head: {:?}", shown()));
    let head = std::str::from_utf8(&bytes[..end]).expect("heads are text");
    let mut lines = head.split("\r\n");
    let status = lines.next().and_then(|line| line.split(' ').nth(1)).and_then(|code| code.parse().ok());
    let status = status.unwrap_or_else(|| panic!("no status: {:?}", shown()));
    let headers = lines.map(|line| line.split_once(": ").unwrap_or_else(|| panic!("no header: {line:?}")));
    let headers = headers.map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned())).collect();
    let mut answer = Answer { status, headers, body: Vec::new(), complete: true };
    let rest = read_body(&mut answer, &bytes[end + 4..]);
    (answer, rest)
}

fn read_body<'a>(answer: &mut Answer, bytes: &'a [u8]) -> &'a [u8] {
    if matches!(answer.status, 100..=199 | 204 | 304) {
        return bytes;
    }
    if answer.header("transfer-encoding") == Some("chunked") {
        return read_chunks(answer, bytes);
    }
    let length = answer.header("content-length").map(|length| length.parse().expect("a length"));
    let taken = length.unwrap_or(bytes.len()).min(bytes.len());
    answer.complete = length.is_none_or(|length| length == taken);
    answer.body = bytes[..taken].to_vec();
    &bytes[taken..]
}

fn read_chunks<'a>(answer: &mut Answer, mut bytes: &'a [u8]) -> &'a [u8] {
    loop {
        let size = find(bytes, b"\r\n").map(|end| (&bytes[..end], end + 2));
        let size = size.and_then(|(line, after)| {
            usize::from_str_radix(std::str::from_utf8(line).ok()?, 16).ok().map(|size| (size, after))
        });
        let Some((size, after)) = size.filter(|(size, after)| bytes.len() >= after + size + 2) else {
            answer.complete = false;
            return &[];
        };
        answer.body.extend_from_slice(&bytes[after..after + size]);
        bytes = &bytes[after + size + 2..];
        if size == 0 {
            return bytes;
        }
    }
}

pub fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes.windows(wanted.len()).position(|window| window == wanted)
}
