//! STOMP 1.2 as a client writes and reads it, sans-IO. 1.1 differs in nothing that is used here.

use super::MAX_MESSAGE;
use bytes::{Buf, Bytes, BytesMut};
use std::borrow::Cow;

/// A server's frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// The command and the headers, as they came.
    head: String,
    pub body: Bytes,
}

impl Frame {
    pub fn command(&self) -> &str {
        self.head.lines().next().unwrap_or_default()
    }

    /// The first header of this name: the others do not count (STOMP 1.2, "Repeated Header Entries").
    pub fn header(&self, wanted: &str) -> Option<Cow<'_, str>> {
        self.headers().find(|(name, _)| name == wanted).map(|(_, value)| value)
    }

    pub fn headers(&self) -> impl Iterator<Item = (Cow<'_, str>, Cow<'_, str>)> {
        let lines = self.head.lines().skip(1).filter_map(|line| line.split_once(':'));
        lines.map(|(name, value)| (unescaped(name), unescaped(value)))
    }
}

/// Reads what a server says, cut anywhere.
#[derive(Debug, Default)]
pub struct Decoder {
    input: BytesMut,
    /// Bytes in front that hold no end of a head, or of a body whose length is not known.
    seen: usize,
    /// The head of the frame whose body is under way, and the body's length if it is known.
    head: Option<(String, Option<usize>)>,
}

impl Decoder {
    pub fn feed(&mut self, bytes: &[u8]) {
        self.input.extend_from_slice(bytes);
    }

    /// The next frame that is there as a whole; the error is for people.
    pub fn next(&mut self) -> Result<Option<Frame>, &'static str> {
        if self.head.is_none() {
            self.head = self.read_head()?;
        }
        let Some((_, length)) = &self.head else { return Ok(None) };
        let end = match length {
            Some(length) => Some(*length).filter(|length| self.input.len() > *length),
            None => self.find(b"\0"),
        };
        let Some(end) = end else { return self.wait_for_more() };
        if self.input[end] != 0 {
            return Err("a frame does not end where it says");
        }
        let body = self.input.split_to(end).freeze();
        self.input.advance(1);
        self.seen = 0;
        Ok(self.head.take().map(|(head, _)| Frame { head, body }))
    }

    fn read_head(&mut self) -> Result<Option<(String, Option<usize>)>, &'static str> {
        // EOLs between frames are heart-beats.
        while let Some(b'\n' | b'\r') = self.input.first() {
            self.input.advance(1);
            self.seen = 0;
        }
        let Some(end) = self.find_blank_line() else { return self.wait_for_more() };
        let head = String::from_utf8(self.input.split_to(end).to_vec()).map_err(|_| "a frame's head is no text")?;
        self.seen = 0;
        let length = head.lines().find_map(|line| line.strip_prefix("content-length:"));
        match length.map(|length| length.trim().parse::<usize>()).transpose() {
            Ok(Some(length)) if length > MAX_MESSAGE => Err("a frame is too long"),
            Ok(length) => Ok(Some((head, length))),
            Err(_) => Err("content-length is no number"),
        }
    }

    /// A head, or a body of unknown length, that does not end is not kept for ever.
    fn wait_for_more<T>(&self) -> Result<Option<T>, &'static str> {
        if self.input.len() > MAX_MESSAGE { Err("a frame is too long") } else { Ok(None) }
    }

    /// Where the head's blank line ends.
    fn find_blank_line(&mut self) -> Option<usize> {
        let unseen = self.seen.saturating_sub(3);
        let blank = |at: &usize| self.input[*at..].starts_with(b"\n\n") || self.input[*at..].starts_with(b"\n\r\n");
        let found = (unseen..self.input.len()).find(blank);
        self.seen = self.input.len();
        found.map(|at| at + if self.input[at + 1] == b'\n' { 2 } else { 3 })
    }

    fn find(&mut self, octet: &[u8; 1]) -> Option<usize> {
        let found = self.input[self.seen..].iter().position(|byte| *byte == octet[0]).map(|at| self.seen + at);
        self.seen = self.input.len();
        found
    }
}

/// Writes a client's frame. What a frame cannot carry (NUL in a header) is left out.
pub fn encode(command: &str, headers: &[(&str, &str)], body: &str) -> String {
    let mut frame = String::with_capacity(body.len() + 128);
    frame.push_str(command);
    frame.push('\n');
    // CONNECT has no escapes, so that servers of every version can read it (STOMP 1.2, "Value Encoding").
    let write = if command == "CONNECT" { push_plain } else { push_escaped };
    for (name, value) in headers {
        write(&mut frame, name);
        frame.push(':');
        write(&mut frame, value);
        frame.push('\n');
    }
    frame.push('\n');
    frame.push_str(body);
    frame.push('\0');
    frame
}

fn push_plain(frame: &mut String, text: &str) {
    frame.extend(text.chars().filter(|c| !matches!(c, '\r' | '\n' | '\0')));
}

fn push_escaped(frame: &mut String, text: &str) {
    for c in text.chars() {
        match c {
            '\n' => frame.push_str("\\n"),
            '\r' => frame.push_str("\\r"),
            ':' => frame.push_str("\\c"),
            '\\' => frame.push_str("\\\\"),
            '\0' => {}
            c => frame.push(c),
        }
    }
}

/// Escapes that nobody defined stay as they are: a client is no judge.
fn unescaped(text: &str) -> Cow<'_, str> {
    if !text.contains('\\') {
        return text.into();
    }
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('\\') {
        plain.push_str(before);
        let known = after.chars().next().and_then(|c| Some((c, meaning(c)?)));
        plain.push(known.map_or('\\', |(_, meaning)| meaning));
        rest = known.map_or(after, |(c, _)| &after[c.len_utf8()..]);
    }
    plain.push_str(rest);
    plain.into()
}

fn meaning(escape: char) -> Option<char> {
    match escape {
        'n' => Some('\n'),
        'r' => Some('\r'),
        'c' => Some(':'),
        '\\' => Some('\\'),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytestring::ByteString;
    use byway::Headers;
    use byway::protocol::stomp as server;
    use std::sync::Arc;

    fn read(bytes: &[u8], piece: usize) -> Result<Vec<Frame>, &'static str> {
        let mut decoder = Decoder::default();
        let mut frames = Vec::new();
        for piece in bytes.chunks(piece) {
            decoder.feed(piece);
            while let Some(frame) = decoder.next()? {
                frames.push(frame);
            }
        }
        Ok(frames)
    }

    #[test]
    fn what_servers_write_is_read_however_it_is_cut() {
        let headers: Headers = ["line\n\\end", "second"]
            .into_iter()
            .map(|value| (ByteString::from("a:b"), ByteString::from(value)))
            .collect();
        let form = server::Form { subscription: Some("s"), message_id: "1", ack: None };
        let tail = server::Tail::new(server::Version::V1_2, "/topic/a", &headers, &byway::Message::text("b\0dy"));
        let mut wire = tail.message(&form).as_bytes().to_vec();
        wire.extend_from_slice(b"\n\r\nRECEIPT\r\nreceipt-id:7\r\n\r\n\0ERROR\nmessage:no\n\nwhy\0\n");
        for piece in [1, 2, 3, 10, wire.len()] {
            let frames = read(&wire, piece).unwrap();
            let commands: Vec<_> = frames.iter().map(Frame::command).collect();
            assert_eq!(commands, ["MESSAGE", "RECEIPT", "ERROR"], "{piece}");
            assert_eq!(frames[0].header("a:b").as_deref(), Some("line\n\\end"));
            assert_eq!((&frames[0].body[..], &frames[2].body[..]), (&b"b\0dy"[..], &b"why"[..]));
            assert_eq!(frames[1].header("receipt-id").as_deref(), Some("7"));
        }
    }

    #[test]
    fn what_is_no_frame_is_refused() {
        assert!(read(b"MESSAGE\ncontent-length:1\n\nab\0", 1).is_err());
        assert!(read(b"MESSAGE\ncontent-length:x\n\n\0", 1).is_err());
        assert!(read(b"MESSAGE\ncontent-length:99999999999\n\n", 1).is_err());
        assert!(read(b"\xff\n\n\0", 1).is_err());
    }

    #[test]
    fn a_frame_without_an_end_is_not_kept_for_ever_be_it_of_a_head_or_of_a_body() {
        for begins in ["", "MESSAGE\n\n"] {
            let mut decoder = Decoder::default();
            decoder.feed(begins.as_bytes());
            decoder.feed(&vec![b'x'; MAX_MESSAGE + 1]);
            assert_eq!(decoder.next(), Err("a frame is too long"), "{begins}");
        }
    }

    #[test]
    fn the_server_reads_what_is_written() {
        let mut decoder = server::Decoder::new(Arc::default());
        decoder.feed(encode("CONNECT", &[("accept-version", "1.2"), ("passcode", "a:b\\\n")], "").into());
        let connect = decoder.next_frame().unwrap().unwrap();
        assert_eq!(connect.headers.get("passcode").map(|value| &**value), Some("a:b\\"));
        decoder.set_version(server::Version::V1_2);
        decoder.feed(encode("SEND", &[("destination", "/topic/a"), ("k:\n", "\\v\r\0")], "body").into());
        let send = decoder.next_frame().unwrap().unwrap();
        assert_eq!(send.headers.get("k:\n").map(|value| &**value), Some("\\v\r"));
        assert_eq!(send.body.as_bytes(), b"body");
    }
}
