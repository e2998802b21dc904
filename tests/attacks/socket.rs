//! A WebSocket client that can do everything wrong.

use super::http::{Answer, Wire, answers};
use std::net::SocketAddr;

/// The key of RFC 6455, section 1.3, with what else a handshake needs.
pub const HANDSHAKE: &str = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
                             Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";

pub struct Socket {
    pub wire: Wire,
}

impl Socket {
    /// Shakes hands.
    pub async fn open(address: SocketAddr, path: &str) -> Self {
        Self::offering(address, path, "").await.0
    }

    /// Shakes hands with more header lines, and gives the 101 as well.
    pub async fn offering(address: SocketAddr, path: &str, headers: &str) -> (Self, Answer) {
        let mut wire = Wire::connect(address).await;
        wire.send(handshake(path, headers)).await;
        let head = wire.until("\r\n\r\n").await;
        let answer = answers(head.as_bytes()).remove(0);
        assert_eq!(answer.status, 101, "{head}");
        (Self { wire }, answer)
    }

    pub async fn text(&mut self, text: &str) {
        self.wire.send(frame(0x81, text.as_bytes())).await;
    }

    pub async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.wire.send(bytes).await;
    }

    /// The next frame: its first byte and its payload.
    pub async fn frame(&mut self) -> (u8, Vec<u8>) {
        self.next().await.expect("a frame before the end")
    }

    /// The next frame, or `None` at the end.
    pub async fn next(&mut self) -> Option<(u8, Vec<u8>)> {
        let head = self.wire.exactly(2).await?;
        assert_eq!(head[1] & 0x80, 0, "a server masks nothing");
        let len = match head[1] {
            126 => u16::from_be_bytes(self.wire.exactly(2).await?.try_into().ok()?).into(),
            127 => u64::from_be_bytes(self.wire.exactly(8).await?.try_into().ok()?),
            short => short.into(),
        };
        Some((head[0], self.wire.exactly(usize::try_from(len).ok()?).await?))
    }

    /// The close frame's code, whatever comes before it; `None` when the connection ends without one.
    pub async fn close_code(&mut self) -> Option<u16> {
        self.farewell().await.map(|(code, _)| code)
    }

    /// The close frame's code and reason, whatever comes before it.
    pub async fn farewell(&mut self) -> Option<(u16, String)> {
        while let Some((first, payload)) = self.next().await {
            if first == 0x88 {
                let code = payload.first_chunk().map_or(1005, |code| u16::from_be_bytes(*code));
                return Some((code, String::from_utf8_lossy(payload.get(2..).unwrap_or_default()).into_owned()));
            }
        }
        None
    }

    /// Closes as one should.
    pub async fn close(mut self) {
        self.send(frame(0x88, &1000u16.to_be_bytes())).await;
        assert_eq!(self.close_code().await, Some(1000));
    }
}

pub fn handshake(path: &str, headers: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: x\r\n{HANDSHAKE}{headers}\r\n")
}

/// A client's frame with an empty mask.
pub fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    [header(first, payload.len() as u64), payload.to_vec()].concat()
}

/// A client's frame header with an empty mask, announcing `len` bytes.
pub fn header(first: u8, len: u64) -> Vec<u8> {
    let len = match len {
        0..126 => vec![0x80 | len as u8],
        126..65_536 => [&[0x80 | 126], &(len as u16).to_be_bytes()[..]].concat(),
        _ => [&[0x80 | 127], &len.to_be_bytes()[..]].concat(),
    };
    [vec![first], len, vec![0; 4]].concat()
}
