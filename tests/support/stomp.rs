//! A STOMP client for every transport. It shares no code with the server, and reads strictly: one byte out of place is a
//! panic.

use super::client::{Client, Event};
use byway::Disconnect;
use std::time::Duration;

/// How long a server may be silent before a test gives up: far above every deadline that the tests set.
const PATIENCE: Duration = Duration::from_secs(20);

/// What a server says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    pub command: String,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

/// What a client hears.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Heard {
    Frame(Frame),
    /// An EOL between frames: STOMP's heartbeat.
    Beat,
    /// The transport's own heartbeat: SockJS's `h`, or a WebSocket's ping.
    Heartbeat,
    Close(u16, String),
    End,
}

impl Frame {
    /// The value of a header. STOMP lets headers repeat; this server never does.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut values = self.headers.iter().filter(|(have, _)| have == name);
        let value = values.next().map(|(_, value)| value.as_str());
        assert!(values.next().is_none(), "{name} comes twice in {self:?}");
        value
    }

    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).expect("the tests send text")
    }

    /// The header by which a MESSAGE is acknowledged.
    pub fn ack(&self) -> &str {
        self.header("ack").unwrap_or_else(|| panic!("no ack in {self:?}"))
    }

    /// Reads one whole frame and nothing behind it. `escapes` is false for STOMP 1.0.
    pub fn parse(bytes: &[u8], escapes: bool) -> Self {
        let shown = String::from_utf8_lossy(bytes);
        let end = bytes.windows(2).position(|two| two == b"\n\n").unwrap_or_else(|| panic!("no head: {shown:?}"));
        let head = std::str::from_utf8(&bytes[..end]).expect("heads are UTF-8");
        let (last, body) = bytes[end + 2..].split_last().unwrap_or_else(|| panic!("no NUL: {shown:?}"));
        assert_eq!(*last, 0, "a frame ends with NUL: {shown:?}");
        let mut lines = head.split('\n');
        let command = lines.next().unwrap_or_default().to_owned();
        let escapes = escapes && command != "CONNECTED";
        let headers = lines.map(|line| parse_header(line, escapes)).collect();
        let frame = Self { command, headers, body: body.to_vec() };
        frame.check();
        frame
    }

    /// What the specification demands of each frame of a server's.
    fn check(&self) {
        let required: &[&str] = match self.command.as_str() {
            "CONNECTED" => &[],
            "MESSAGE" => &["destination", "message-id", "content-length"],
            "RECEIPT" => &["receipt-id"],
            "ERROR" => &["message", "content-length"],
            other => panic!("a server has no frame {other:?}"),
        };
        required.iter().for_each(|name| assert!(self.header(name).is_some(), "no {name} in {self:?}"));
        match self.header("content-length") {
            Some(length) => assert_eq!(length, self.body.len().to_string(), "{self:?}"),
            None => assert!(self.body.is_empty(), "{self:?}"),
        }
    }
}

fn parse_header(line: &str, escapes: bool) -> (String, String) {
    assert!(!line.contains('\r'), "a bare CR in {line:?}");
    let (name, value) = line.split_once(':').unwrap_or_else(|| panic!("no colon in {line:?}"));
    assert!(!escapes || !value.contains(':'), "a bare colon in {line:?}");
    match escapes {
        true => (unescape(name), unescape(value)),
        false => (name.to_owned(), value.to_owned()),
    }
}

fn unescape(text: &str) -> String {
    let mut plain = String::new();
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        plain.push(match character {
            '\\' => match characters.next() {
                Some('n') => '\n',
                Some('r') => '\r',
                Some('c') => ':',
                Some('\\') => '\\',
                other => panic!("the undefined escape {other:?} in {text:?}"),
            },
            other => other,
        });
    }
    plain
}

fn escape(text: &str) -> String {
    text.replace('\\', "\\\\").replace('\n', "\\n").replace('\r', "\\r").replace(':', "\\c")
}

/// A client's frame in STOMP 1.2.
pub fn frame(command: &str, headers: &[(&str, &str)], body: &str) -> String {
    let plain = command == "CONNECT";
    let lines = headers.iter().map(|(name, value)| match plain {
        true => format!("{name}:{value}\n"),
        false => format!("{}:{}\n", escape(name), escape(value)),
    });
    format!("{command}\n{}\n{body}\0", lines.collect::<String>())
}

/// One STOMP connection.
pub struct StompClient {
    pub client: Client,
    escapes: bool,
}

impl StompClient {
    /// Connects by the client's transport, and says nothing yet.
    pub async fn open(client: Client) -> Self {
        Self { client: client.open().await, escapes: true }
    }

    /// Connects and is let in.
    pub async fn connect(client: Client, headers: &[(&str, &str)]) -> Self {
        let mut stomp = Self::open(client).await;
        stomp.say_connect(headers).await;
        let connected = stomp.frame().await;
        assert_eq!((connected.command.as_str(), connected.header("version")), ("CONNECTED", Some("1.2")));
        stomp
    }

    /// Sends CONNECT for STOMP 1.2 with these headers beside.
    pub async fn say_connect(&mut self, headers: &[(&str, &str)]) {
        let headers = [&[("accept-version", "1.2"), ("host", "byway.test")], headers].concat();
        self.send("CONNECT", &headers, "").await;
    }

    /// From now on the server's headers are read as they are: STOMP 1.0.
    pub fn expect_no_escapes(&mut self) {
        self.escapes = false;
    }

    pub async fn send(&mut self, command: &str, headers: &[(&str, &str)], body: &str) {
        self.raw(&frame(command, headers, body)).await;
    }

    /// Sends a message of the transport's as it is.
    pub async fn raw(&mut self, message: &str) {
        self.client.send(&[message]).await;
    }

    /// Sends a message and does not wait for its receipt.
    pub async fn publish(&mut self, destination: &str, body: &str) {
        self.send("SEND", &[("destination", destination)], body).await;
    }

    /// Subscribes; when this returns, the subscription is there. What comes before the receipt is lost.
    pub async fn subscribe(&mut self, id: &str, destination: &str, headers: &[(&str, &str)]) {
        let headers = [&[("id", id), ("destination", destination)], headers].concat();
        self.ask("SUBSCRIBE", &headers, "").await;
    }

    /// Subscribes where messages wait already: the first may come before any receipt.
    pub async fn listen(&mut self, id: &str, destination: &str, ack: &str) {
        self.send("SUBSCRIBE", &[("id", id), ("destination", destination), ("ack", ack)], "").await;
    }

    /// Sends a frame and waits until it was processed.
    pub async fn ask(&mut self, command: &str, headers: &[(&str, &str)], body: &str) {
        let headers = [headers, &[("receipt", "asked")]].concat();
        self.send(command, &headers, body).await;
        self.receipt("asked").await;
    }

    /// Waits until everything that was sent before was processed.
    pub async fn settle(&mut self) {
        self.ask("BEGIN", &[("transaction", "settling")], "").await;
        self.ask("ABORT", &[("transaction", "settling")], "").await;
    }

    pub async fn ack(&mut self, id: &str) {
        self.send("ACK", &[("id", id)], "").await;
    }

    pub async fn nack(&mut self, id: &str) {
        self.send("NACK", &[("id", id)], "").await;
    }

    /// What comes next, whatever it is.
    pub async fn hear(&mut self) -> Heard {
        let next = tokio::time::timeout(PATIENCE, self.client.next()).await;
        match next.expect("everything that is waited for comes") {
            Event::Message(text) if text == "\n" => Heard::Beat,
            Event::Message(text) => Heard::Frame(Frame::parse(text.as_bytes(), self.escapes)),
            Event::Binary(bytes) if bytes == b"\n" => Heard::Beat,
            Event::Binary(bytes) => Heard::Frame(Frame::parse(&bytes, self.escapes)),
            Event::Heartbeat => Heard::Heartbeat,
            Event::Close(code, reason) => Heard::Close(code, reason),
            Event::End => Heard::End,
            Event::Open => panic!("a session opens once"),
        }
    }

    /// What comes next that is no sign of life.
    pub async fn next(&mut self) -> Heard {
        loop {
            match self.hear().await {
                Heard::Beat | Heard::Heartbeat => {}
                heard => return heard,
            }
        }
    }

    /// The next frame.
    pub async fn frame(&mut self) -> Frame {
        match self.next().await {
            Heard::Frame(frame) => frame,
            other => panic!("{other:?} instead of a frame"),
        }
    }

    /// The next frame, which is a MESSAGE.
    pub async fn message(&mut self) -> Frame {
        self.of_command("MESSAGE").await
    }

    /// The body of the next MESSAGE.
    pub async fn body(&mut self) -> String {
        self.message().await.text().to_owned()
    }

    /// The next frame, which is the RECEIPT of this name.
    pub async fn receipt(&mut self, id: &str) {
        let receipt = self.of_command("RECEIPT").await;
        assert_eq!(receipt.header("receipt-id"), Some(id));
    }

    /// The next frame, which is an ERROR whose message begins so; what it is about may follow.
    pub async fn error(&mut self, message: &str) -> Frame {
        let error = self.of_command("ERROR").await;
        let said = error.header("message").unwrap_or_default();
        assert!(
            said.strip_prefix(message).is_some_and(|about| about.is_empty() || about.starts_with(": ")),
            "{error:?}"
        );
        error
    }

    /// The next frame is an ERROR with this message, and behind it the session ends in this way.
    pub async fn fails(&mut self, message: &str, disconnect: &Disconnect) -> Frame {
        let error = self.error(message).await;
        self.closes(disconnect).await;
        error
    }

    /// The session ends in this way, and nothing comes before.
    pub async fn closes(&mut self, disconnect: &Disconnect) {
        assert_eq!(self.next().await, Heard::Close(disconnect.code(), disconnect.reason().to_owned()));
    }

    async fn of_command(&mut self, command: &str) -> Frame {
        let frame = self.frame().await;
        assert_eq!(frame.command, command, "{frame:?}");
        frame
    }
}
