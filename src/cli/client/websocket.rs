//! The client's side of RFC 6455, sans-IO. No extension is asked for, so none comes.

use super::MAX_MESSAGE;
use bytes::{Bytes, BytesMut};

/// What a server says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A whole message, text or not.
    Message(Bytes),
    /// To be answered with a [`PONG`] of the same payload.
    Ping(Bytes),
    /// The last frame: code (1005 where there is none) and reason.
    Close(u16, String),
}

pub const TEXT: u8 = 1;
pub const CLOSE: u8 = 8;
pub const PONG: u8 = 10;
const PING: u8 = 9;
const CONTINUATION: u8 = 0;
const BINARY: u8 = 2;

const FIN: u8 = 0x80;
const MASK: u8 = 0x80;

/// Reads a server's frames.
#[derive(Debug, Default)]
pub struct Decoder {
    /// What came and is not read yet.
    pub input: BytesMut,
    /// What earlier frames brought of the message that is under way.
    message: Option<BytesMut>,
}

struct Header {
    opcode: u8,
    fin: bool,
    /// Bytes of the header itself, and of the payload.
    len: usize,
    payload: usize,
}

impl Decoder {
    /// The next event that is there as a whole; the error is for people.
    pub fn next(&mut self) -> Result<Option<Event>, &'static str> {
        while let Some(header) = Header::parse(&self.input)? {
            if self.input.len() < header.len + header.payload {
                return Ok(None);
            }
            let mut payload = self.input.split_to(header.len + header.payload);
            let payload = payload.split_off(header.len);
            if let Some(event) = self.frame(&header, payload)? {
                return Ok(Some(event));
            }
        }
        Ok(None)
    }

    fn frame(&mut self, header: &Header, payload: BytesMut) -> Result<Option<Event>, &'static str> {
        match (header.opcode, self.message.take()) {
            (TEXT | BINARY, None) => self.part(header.fin, payload),
            (CONTINUATION, Some(mut message)) => {
                if message.len() + payload.len() > MAX_MESSAGE {
                    return Err("a message is too long");
                }
                message.extend_from_slice(&payload);
                self.part(header.fin, message)
            }
            (TEXT | BINARY, Some(_)) => Err("a message begins inside another one"),
            (CONTINUATION, None) => Err("a message goes on that has not begun"),
            (control, message) => {
                self.message = message;
                Ok(self.control(control, payload.freeze()))
            }
        }
    }

    fn part(&mut self, last: bool, message: BytesMut) -> Result<Option<Event>, &'static str> {
        if last {
            return Ok(Some(Event::Message(message.freeze())));
        }
        self.message = Some(message);
        Ok(None)
    }

    fn control(&self, opcode: u8, payload: Bytes) -> Option<Event> {
        match opcode {
            PING => Some(Event::Ping(payload)),
            CLOSE => Some(close(&payload)),
            _ => None,
        }
    }
}

impl Header {
    fn parse(input: &[u8]) -> Result<Option<Self>, &'static str> {
        let [first, second, rest @ ..] = input else { return Ok(None) };
        let opcode = first & 0x0f;
        if first & 0x70 != 0 || !matches!(opcode, CONTINUATION | TEXT | BINARY | CLOSE | PING | PONG) {
            return Err("a frame has bits that nobody agreed to");
        }
        if second & MASK != 0 {
            return Err("a server's frame is masked");
        }
        let (payload, len) = match (second, rest) {
            (126, [a, b, ..]) => (u64::from(u16::from_be_bytes([*a, *b])), 4),
            (127, [a, b, c, d, e, f, g, h, ..]) => (u64::from_be_bytes([*a, *b, *c, *d, *e, *f, *g, *h]), 10),
            (126 | 127, _) => return Ok(None),
            (short, _) => (u64::from(*short), 2),
        };
        match usize::try_from(payload) {
            Ok(payload) if payload <= MAX_MESSAGE => Ok(Some(Self { opcode, fin: first & FIN != 0, len, payload })),
            _ => Err("a frame is too long"),
        }
    }
}

fn close(payload: &[u8]) -> Event {
    match payload {
        [high, low, reason @ ..] => {
            Event::Close(u16::from_be_bytes([*high, *low]), String::from_utf8_lossy(reason).into_owned())
        }
        _ => Event::Close(1005, String::new()),
    }
}

/// One frame, masked as a client's has to be (RFC 6455 section 5.3). `mask` has to be random.
pub fn encode(opcode: u8, payload: &[u8], mask: [u8; 4]) -> Vec<u8> {
    let mut frame = Vec::with_capacity(payload.len() + 14);
    frame.push(FIN | opcode);
    match payload.len() {
        len @ 0..126 => frame.push(MASK | len as u8),
        len @ 126..0x1_0000 => {
            frame.push(MASK | 126);
            frame.extend_from_slice(&(len as u16).to_be_bytes());
        }
        len => {
            frame.push(MASK | 127);
            frame.extend_from_slice(&(len as u64).to_be_bytes());
        }
    }
    frame.extend_from_slice(&mask);
    frame.extend(payload.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask));
    frame
}

#[cfg(test)]
mod tests {
    use super::*;
    use byway::protocol::websocket as server;

    fn read(bytes: &[u8], piece: usize) -> Result<Vec<Event>, &'static str> {
        let mut decoder = Decoder::default();
        let mut events = Vec::new();
        for piece in bytes.chunks(piece) {
            decoder.input.extend_from_slice(piece);
            while let Some(event) = decoder.next()? {
                events.push(event);
            }
        }
        Ok(events)
    }

    #[test]
    fn what_a_server_writes_is_read_however_it_is_cut() {
        let long = "x".repeat(70_000);
        let mut wire = server::encode(server::Opcode::Text, b"hello").to_vec();
        wire.extend_from_slice(&server::encode(server::Opcode::Ping, b"p"));
        wire.extend_from_slice(&[0x01, 2, b'a', b'b', 0x89, 0, 0x80, 1, b'c']);
        wire.extend_from_slice(&server::encode(server::Opcode::Binary, &[7; 300]));
        wire.extend_from_slice(&server::encode(server::Opcode::Text, long.as_bytes()));
        wire.extend_from_slice(&server::encode_close(Some((1001, "bye"))));
        let expected = vec![
            Event::Message("hello".into()),
            Event::Ping("p".into()),
            Event::Ping("".into()),
            Event::Message("abc".into()),
            Event::Message(vec![7; 300].into()),
            Event::Message(long.into()),
            Event::Close(1001, "bye".into()),
        ];
        for piece in [1, 2, 3, 7, 1000, wire.len()] {
            assert_eq!(read(&wire, piece).as_ref(), Ok(&expected), "{piece}");
        }
    }

    #[test]
    fn what_breaks_the_rules_is_refused_before_it_is_waited_for() {
        for bad in [&[0xc1, 0][..], &[0x83, 0], &[0x81, 0x80], &[0x80, 0], &[0x01, 0, 0x81, 0]] {
            assert!(read(bad, 1).is_err(), "{bad:?}");
        }
        assert_eq!(read(&[0x82, 127, 0, 0, 1, 0, 0, 0, 0, 0], 1), Err("a frame is too long"));
    }

    #[test]
    fn the_server_s_decoder_reads_what_is_written() {
        for len in [0, 1, 125, 126, 65_535, 65_536] {
            let text = "y".repeat(len);
            let mut wire = encode(TEXT, text.as_bytes(), [1, 2, 3, 4]);
            let limits = server::Limits { frame: 1 << 20, message: 1 << 20, ..server::Limits::default() };
            let mut decoder = server::Decoder::new(limits, server::Compression::None);
            let (used, event) = decoder.decode(&mut wire).unwrap();
            assert_eq!((used, event), (wire.len(), Some(server::Event::Text(text.into()))), "{len}");
        }
    }
}
