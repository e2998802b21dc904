//! A small HTTP/1.1 client, of which every byte that comes and goes can be seen.

use std::net::SocketAddr;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// One connection.
pub struct Http {
    pub stream: TcpStream,
    buffer: Vec<u8>,
    body: Framing,
    /// The answer under way said that it is the connection's last.
    pub closes: bool,
}

/// How the rest of the answer under way is framed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Framing {
    /// So many bytes.
    Length(usize),
    /// Chunks, each with its size.
    Chunked,
    /// Whatever comes until the connection ends.
    ToTheEnd,
}

/// The head of an answer.
#[derive(Debug, Clone)]
pub struct Head {
    pub version: String,
    pub status: u16,
    pub headers: Vec<(String, String)>,
}

/// A whole answer.
#[derive(Debug, Clone)]
pub struct Answer {
    pub head: Head,
    pub body: String,
}

impl Head {
    /// The value of the header with this name, in lower case; it must not be there twice.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut values = self.headers.iter().filter(|(have, _)| have.eq_ignore_ascii_case(name));
        let value = values.next().map(|(_, value)| value.as_str());
        assert!(values.next().is_none(), "{name} comes twice in {self:?}");
        value
    }
}

impl Answer {
    pub fn status(&self) -> u16 {
        self.head.status
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.head.header(name)
    }
}

/// A request with `Content-Length` for what has a body, and for every POST.
pub fn request(method: &str, target: &str, headers: &[(&str, &str)], body: &[u8]) -> Vec<u8> {
    let mut head = format!("{method} {target} HTTP/1.1\r\n");
    if !headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("host")) {
        head.push_str("Host: byway.test\r\n");
    }
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    if method == "POST" || !body.is_empty() {
        head.push_str(&format!("Content-Length: {}\r\n", body.len()));
    }
    head.push_str("\r\n");
    [head.as_bytes(), body].concat()
}

impl Http {
    pub async fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).await.expect("the server accepts connections");
        stream.set_nodelay(true).expect("a connected socket takes options");
        Self { stream, buffer: Vec::new(), body: Framing::Length(0), closes: false }
    }

    /// Sends a request, and waits for nothing.
    pub async fn send(&mut self, method: &str, target: &str, headers: &[(&str, &str)], body: &[u8]) {
        self.write(&request(method, target, headers, body)).await;
    }

    pub async fn write(&mut self, bytes: &[u8]) {
        // A server that has closed the connection may have answered before; what it said is still to be read.
        self.stream.write_all(bytes).await.ok();
    }

    /// The head of the next answer.
    pub async fn head(&mut self) -> Head {
        self.try_head().await.expect("the server answers")
    }

    /// The head of the next answer; `None` when the connection ends instead.
    pub async fn try_head(&mut self) -> Option<Head> {
        let end = loop {
            match self.buffer.windows(4).position(|four| four == b"\r\n\r\n") {
                Some(end) => break end + 4,
                None if self.fill().await => {}
                None => return None,
            }
        };
        let head = String::from_utf8(self.take(end)).expect("a head is text");
        let head = parse_head(&head);
        self.body = framing(&head);
        self.closes = head.header("connection").is_some_and(|connection| connection.eq_ignore_ascii_case("close"));
        Some(head)
    }

    /// The next chunk of a chunked body; for others what came, up to the body's end. `None` at the end.
    pub async fn chunk(&mut self) -> Option<String> {
        let chunk = match self.body {
            Framing::Chunked => self.sized_chunk().await?,
            Framing::Length(0) => return None,
            Framing::Length(length) => {
                self.fill_to(length).await;
                self.body = Framing::Length(0);
                self.take(length)
            }
            Framing::ToTheEnd => {
                if self.buffer.is_empty() && !self.fill().await {
                    return None;
                }
                std::mem::take(&mut self.buffer)
            }
        };
        Some(String::from_utf8(chunk).expect("SockJS is text"))
    }

    async fn sized_chunk(&mut self) -> Option<Vec<u8>> {
        let size = loop {
            match self.buffer.windows(2).position(|two| two == b"\r\n") {
                Some(end) => break String::from_utf8(self.take(end + 2)).expect("a size is text"),
                None if self.fill().await => {}
                None => panic!("the connection ended in a chunked body, behind {:?}", self.buffer),
            }
        };
        let size = usize::from_str_radix(size.trim_end(), 16).expect("a size is hexadecimal");
        self.fill_to(size + 2).await;
        let mut chunk = self.take(size + 2);
        assert_eq!(chunk.split_off(size), b"\r\n", "a chunk ends with its size");
        if size == 0 {
            self.body = Framing::Length(0);
            return None;
        }
        Some(chunk)
    }

    /// The rest of the body.
    pub async fn body(&mut self) -> String {
        let mut body = String::new();
        while let Some(chunk) = self.chunk().await {
            body.push_str(&chunk);
        }
        body
    }

    /// Sends a request and waits for its whole answer.
    pub async fn ask(&mut self, method: &str, target: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
        self.send(method, target, headers, body).await;
        self.answer().await
    }

    /// The next answer.
    pub async fn answer(&mut self) -> Answer {
        let head = self.head().await;
        Answer { body: self.body().await, head }
    }

    /// Whether the connection ends here, without another byte.
    pub async fn is_at_end(&mut self) -> bool {
        self.buffer.is_empty() && !self.fill().await
    }

    /// Reads once; false when the connection has ended.
    pub async fn fill(&mut self) -> bool {
        let mut read = [0; 16 * 1024];
        let length = self.stream.read(&mut read).await.unwrap_or(0);
        self.buffer.extend_from_slice(&read[..length]);
        length > 0
    }

    pub async fn fill_to(&mut self, length: usize) {
        while self.buffer.len() < length {
            assert!(self.fill().await, "the connection ended {} bytes early", length - self.buffer.len());
        }
    }

    pub fn buffer(&self) -> &[u8] {
        &self.buffer
    }

    pub fn take(&mut self, length: usize) -> Vec<u8> {
        let rest = self.buffer.split_off(length);
        std::mem::replace(&mut self.buffer, rest)
    }
}

fn parse_head(head: &str) -> Head {
    let mut lines = head.trim_end().split("\r\n");
    let status_line = lines.next().unwrap_or_default();
    let mut words = status_line.splitn(3, ' ');
    let version = words.next().unwrap_or_default().to_owned();
    let status = words.next().and_then(|status| status.parse().ok()).expect("a status line has a status");
    let headers = lines.map(|line| {
        let (name, value) = line.split_once(':').expect("a header has a colon");
        (name.to_ascii_lowercase(), value.trim().to_owned())
    });
    Head { version, status, headers: headers.collect() }
}

fn framing(head: &Head) -> Framing {
    let bodiless = matches!(head.status, 101 | 204 | 304);
    match (head.header("transfer-encoding"), head.header("content-length")) {
        _ if bodiless => Framing::Length(0),
        (Some(encoding), None) => {
            assert_eq!(encoding, "chunked");
            Framing::Chunked
        }
        (None, Some(length)) => Framing::Length(length.parse().expect("a length is a number")),
        (None, None) => Framing::ToTheEnd,
        both => panic!("two framings in one answer: {both:?}"),
    }
}

/// One request on a connection of its own.
pub async fn ask(address: SocketAddr, method: &str, target: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
    Http::connect(address).await.ask(method, target, headers, body).await
}
