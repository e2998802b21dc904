use super::head::{self, Body, Head, Scan};
use super::{DecodeError, Frame, StompSettings, Version, frame};
use crate::model::Message;
use bytes::{Buf, Bytes};
use bytestring::ByteString;
use std::sync::Arc;

/// Turns the messages of one client into [`Frame`]s.
///
/// Messages are read as one stream of bytes: a frame may be cut anywhere, and a message may hold several. EOLs between
/// frames are skipped. The work is linear in the bytes, however they are cut; limits are checked before memory grows; and
/// nothing is kept while nothing is partial.
///
/// ```
/// use byway::protocol::stomp::{Decoder, StompSettings};
/// use std::sync::Arc;
///
/// let mut decoder = Decoder::new(Arc::new(StompSettings::default()));
/// decoder.feed("CONNECT\naccept-version:1.2\n".into());
/// assert_eq!(decoder.next_frame(), Ok(None));
/// decoder.feed("\n\0".into());
/// assert!(decoder.next_frame().unwrap().is_some());
/// ```
pub struct Decoder {
    settings: Arc<StompSettings>,
    /// What frames are read as; none before CONNECT, which is then the only frame that there may be.
    version: Option<Version>,
    /// What of the last message is unread, how long the message was, and whether it was text.
    input: Bytes,
    whole: usize,
    text: bool,
    /// What earlier messages brought of the head or the body that is under way.
    carry: Vec<u8>,
    /// How far the head was looked at.
    scan: Scan,
    /// The head of the frame whose body is under way.
    head: Option<Box<Head>>,
    /// Whether the frame that is under way came as text so far.
    text_so_far: bool,
    failed: Option<DecodeError>,
}

impl Decoder {
    /// A decoder for a connection that was just opened: it expects CONNECT.
    pub fn new(settings: Arc<StompSettings>) -> Self {
        Self {
            settings,
            version: None,
            input: Bytes::new(),
            whole: 0,
            text: true,
            carry: Vec::new(),
            scan: Scan::default(),
            head: None,
            text_so_far: true,
            failed: None,
        }
    }

    /// The version of all frames after CONNECT.
    pub fn set_version(&mut self, version: Version) {
        self.version = Some(version);
    }

    /// Takes one message. Take all frames before the next one: what is unread is copied otherwise.
    pub fn feed(&mut self, message: Message) {
        let text = matches!(message, Message::Text(_));
        let bytes = match message {
            Message::Text(text) => text.into_bytes(),
            Message::Binary(bytes) => bytes,
        };
        if self.input.is_empty() {
            (self.input, self.text) = (bytes, text);
        } else {
            self.input = [&self.input[..], &bytes].concat().into();
            self.text &= text;
        }
        self.whole = self.input.len();
    }

    /// The next frame that is there as a whole.
    ///
    /// # Errors
    /// When the client broke a rule or a limit. The decoder has lost its place: it answers the same error from now on.
    pub fn next_frame(&mut self) -> Result<Option<Frame>, DecodeError> {
        if let Some(error) = self.failed {
            return Err(error);
        }
        self.advance().inspect_err(|error| self.fail(*error))
    }

    /// True between the first byte of a frame and its last. A caller runs a deadline on it, or a client could keep what it
    /// has sent so far in memory for ever.
    pub fn is_partial(&self) -> bool {
        self.head.is_some() || !self.carry.is_empty()
    }

    /// How many bytes it holds of what is not whole yet.
    pub fn held_bytes(&self) -> usize {
        let head = self.head.as_ref().map_or(0, |head| frame::cost(head.len, &head.headers));
        self.input.len() + self.carry.capacity() + head
    }

    fn fail(&mut self, error: DecodeError) {
        (self.input, self.carry, self.head) = (Bytes::new(), Vec::new(), None);
        self.failed = Some(error);
    }

    fn advance(&mut self) -> Result<Option<Frame>, DecodeError> {
        if !self.is_partial() {
            self.text_so_far = true;
        }
        if !self.input.is_empty() {
            self.text_so_far &= self.text;
        }
        let head = match self.head.take() {
            Some(head) => head,
            None => match self.read_head()? {
                Some(head) => Box::new(head),
                None => return Ok(None),
            },
        };
        match self.read_body(&head)? {
            Some(body) => Ok(Some(self.frame(*head, body))),
            None => {
                self.head = Some(head);
                Ok(None)
            }
        }
    }

    /// Reads command and headers up to the blank line, and skips the EOLs before them.
    fn read_head(&mut self) -> Result<Option<Head>, DecodeError> {
        while !self.input.is_empty() {
            match self.scan.advance(&self.input, &self.settings)? {
                None => self.keep(self.input.len()),
                Some(end) if std::mem::take(&mut self.scan).is_blank() => {
                    self.carry = Vec::new();
                    self.input.advance(end);
                }
                Some(end) => {
                    let text = ByteString::try_from(self.take(end)).map_err(|_| DecodeError::Utf8)?;
                    return head::parse(&text, self.version, &self.settings).map(Some);
                }
            }
        }
        Ok(None)
    }

    /// Reads the body and the NUL behind it.
    fn read_body(&mut self, head: &Head) -> Result<Option<Bytes>, DecodeError> {
        let end = match head.body {
            Body::Sized(len) => Some(len - self.carry.len()).filter(|end| *end < self.input.len()),
            Body::UpTo(limit) => self.find_nul(limit).ok_or(head.too_long())?,
        };
        let Some(end) = end else {
            self.keep_body(head);
            return Ok(None);
        };
        if self.input[end] != 0 {
            return Err(DecodeError::MissingNul);
        }
        let body = self.take(end);
        self.input.advance(1);
        Ok(Some(body))
    }

    /// Where the NUL is that ends a body of unknown length, if it is there already; `None` when the body is over `limit`.
    fn find_nul(&self, limit: usize) -> Option<Option<usize>> {
        let room = limit - self.carry.len();
        let end = self.input.iter().take(room + 1).position(|octet| *octet == 0);
        (end.is_some() || self.input.len() <= room).then_some(end)
    }

    fn keep_body(&mut self, head: &Head) {
        let missing = match head.body {
            Body::Sized(len) => len - self.carry.len(),
            Body::UpTo(_) => usize::MAX,
        };
        self.keep(missing.min(self.input.len()));
    }

    /// Moves the next `len` bytes of the input to those that wait for their end.
    fn keep(&mut self, len: usize) {
        self.carry.extend_from_slice(&self.input[..len]);
        self.input.advance(len);
    }

    /// What waited, with the next `len` bytes of the input.
    ///
    /// A slice of the message keeps all of it in memory, so only what is at least half of it is one.
    fn take(&mut self, len: usize) -> Bytes {
        if self.carry.is_empty() {
            let slice = self.input.split_to(len);
            return if len >= self.whole / 2 { slice } else { Bytes::copy_from_slice(&slice) };
        }
        self.keep(len);
        let mut whole = std::mem::take(&mut self.carry);
        whole.shrink_to_fit();
        whole.into()
    }

    fn frame(&self, head: Head, body: Bytes) -> Frame {
        let len = head.len + body.len();
        let body = match self.text_so_far {
            true => ByteString::try_from(body.clone()).map_or(Message::Binary(body), Message::Text),
            false => Message::Binary(body),
        };
        Frame { command: head.command, headers: head.headers, body, len }
    }
}

impl std::fmt::Debug for Decoder {
    /// Without what clients said: it can be a password.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Decoder").field("version", &self.version).field("failed", &self.failed).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_decoder_keeps_no_buffer_between_frames() {
        let mut decoder = Decoder::new(Arc::default());
        for part in ["CONN", "ECT\naccept-version:1.2\n", "\n", "\0\n", "\r", "\n"] {
            decoder.feed(part.into());
            let _ = decoder.next_frame();
        }
        assert!(!decoder.is_partial());
        assert_eq!((decoder.carry.capacity(), decoder.input.len()), (0, 0));
    }

    #[test]
    fn an_announced_length_reserves_nothing() {
        let mut decoder = Decoder::new(Arc::default());
        decoder.set_version(Version::V1_2);
        decoder.feed("SEND\ndestination:/a\ncontent-length:65536\n\nabc".into());
        assert_eq!(decoder.next_frame(), Ok(None));
        assert!(decoder.carry.capacity() < 16);
    }

    #[test]
    fn a_decoder_that_failed_stays_failed_and_keeps_nothing() {
        let mut decoder = Decoder::new(Arc::default());
        for part in ["SEND\n\n\0", "CONNECT\naccept-version:1.2\n\n\0"] {
            decoder.feed(part.into());
            assert_eq!(decoder.next_frame(), Err(DecodeError::NotConnected));
        }
        assert!(!decoder.is_partial());
    }
}
