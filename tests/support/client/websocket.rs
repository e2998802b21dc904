//! The client's side of RFC 6455, in as few lines as it takes.

use super::http::{Head, Http};
use std::net::SocketAddr;

/// One WebSocket connection, or an attempt at one.
pub struct WebSocket {
    pub http: Http,
    /// What the server said to the handshake.
    pub head: Head,
    /// Whether pings are answered by themselves, as browsers do.
    pub answers_pings: bool,
}

/// What a server sends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Received {
    Text(String),
    Binary(Vec<u8>),
    Ping(Vec<u8>),
    Pong(Vec<u8>),
    /// A close frame, with its code and reason if it has any.
    Close(Option<(u16, String)>),
    /// The connection ended.
    End,
}

pub const TEXT: u8 = 0x1;
pub const BINARY: u8 = 0x2;
pub const CLOSE: u8 = 0x8;
pub const PING: u8 = 0x9;
pub const PONG: u8 = 0xa;

/// The example in RFC 6455, section 1.3.
pub const KEY: (&str, &str) = ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==");
pub const ACCEPT: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

/// The headers of a handshake.
pub const HANDSHAKE: [(&str, &str); 4] =
    [("Connection", "Upgrade"), ("Upgrade", "websocket"), ("Sec-WebSocket-Version", "13"), KEY];

impl WebSocket {
    /// Shakes hands; the answer is in `head`, whatever it is.
    pub async fn attempt(address: SocketAddr, target: &str, headers: &[(&str, &str)]) -> Self {
        let mut http = Http::connect(address).await;
        http.send("GET", target, &[&HANDSHAKE, headers].concat(), b"").await;
        let head = http.head().await;
        Self { http, head, answers_pings: true }
    }

    /// Shakes hands; the server must agree.
    pub async fn connect(address: SocketAddr, target: &str, headers: &[(&str, &str)]) -> Self {
        let socket = Self::attempt(address, target, headers).await;
        assert_eq!(socket.head.status, 101, "{:?}", socket.head);
        assert_eq!(socket.head.header("sec-websocket-accept"), Some(ACCEPT));
        socket
    }

    pub async fn send_text(&mut self, text: &str) {
        self.http.write(&frame(TEXT, text.as_bytes())).await;
    }

    /// Sends a frame, masked as RFC 6455, section 5.3, demands.
    pub async fn send(&mut self, opcode: u8, payload: &[u8]) {
        self.http.write(&frame(opcode, payload)).await;
    }

    pub async fn send_close(&mut self, code: u16, reason: &str) {
        self.send(CLOSE, &[&code.to_be_bytes(), reason.as_bytes()].concat()).await;
    }

    /// The next frame. Servers neither mask, nor use reserved bits, nor, here, fragment.
    pub async fn receive(&mut self) -> Received {
        let Some((opcode, payload)) = self.receive_frame().await else { return Received::End };
        match opcode {
            TEXT => Received::Text(String::from_utf8(payload).expect("text is UTF-8")),
            BINARY => Received::Binary(payload),
            PING => {
                if self.answers_pings {
                    self.send(PONG, &payload).await;
                }
                Received::Ping(payload)
            }
            PONG => Received::Pong(payload),
            CLOSE => Received::Close(close(&payload)),
            unknown => panic!("opcode {unknown}"),
        }
    }

    async fn receive_frame(&mut self) -> Option<(u8, Vec<u8>)> {
        while self.http.buffer().len() < 2 {
            if !self.http.fill().await {
                assert!(self.http.buffer().is_empty(), "the connection ended in a frame");
                return None;
            }
        }
        let (first, second) = (self.http.buffer()[0], self.http.buffer()[1]);
        assert_eq!(first & 0xf0, 0x80, "one whole frame without reserved bits");
        assert_eq!(second & 0x80, 0, "servers do not mask");
        let (head, length) = match second {
            126 => (4, self.big_endian(2).await),
            127 => (10, self.big_endian(8).await),
            length => (2, usize::from(length)),
        };
        self.http.fill_to(head + length).await;
        let frame = self.http.take(head + length);
        Some((first & 0xf, frame[head..].to_vec()))
    }

    async fn big_endian(&mut self, bytes: usize) -> usize {
        self.http.fill_to(2 + bytes).await;
        self.http.buffer()[2..2 + bytes].iter().fold(0, |number, byte| number << 8 | usize::from(*byte))
    }
}

fn close(payload: &[u8]) -> Option<(u16, String)> {
    let (code, reason) = payload.split_first_chunk::<2>()?;
    Some((u16::from_be_bytes(*code), String::from_utf8(reason.to_vec()).expect("a reason is UTF-8")))
}

/// One whole frame of a client.
pub fn frame(opcode: u8, payload: &[u8]) -> Vec<u8> {
    const MASK: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];
    let mut frame = vec![0x80 | opcode];
    match payload.len() {
        length @ 0..=125 => frame.push(0x80 | length as u8),
        length @ 126..=0xffff => {
            frame.push(0x80 | 126);
            frame.extend((length as u16).to_be_bytes());
        }
        length => {
            frame.push(0x80 | 127);
            frame.extend((length as u64).to_be_bytes());
        }
    }
    frame.extend(MASK);
    frame.extend(payload.iter().zip(MASK.iter().cycle()).map(|(byte, mask)| byte ^ mask));
    frame
}
