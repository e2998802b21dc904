//! A reader of the server's frames that shares no code with the writer (RFC 6455, section 5.2).

/// What a client has received.
#[derive(Debug, Default)]
pub struct Reader {
    bytes: Vec<u8>,
}

#[derive(Debug, PartialEq, Eq)]
pub struct Frame {
    pub opcode: u8,
    pub payload: Vec<u8>,
}

impl Reader {
    pub fn push(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// All whole frames.
    pub fn frames(&self) -> Vec<Frame> {
        self.split().0
    }

    /// True when the wire ends within a frame.
    pub fn is_partial(&self) -> bool {
        self.split().1
    }

    fn split(&self) -> (Vec<Frame>, bool) {
        let (mut frames, mut rest) = (Vec::new(), &self.bytes[..]);
        while let Some((frame, behind)) = frame(rest) {
            frames.push(frame);
            rest = behind;
        }
        (frames, !rest.is_empty())
    }
}

fn frame(bytes: &[u8]) -> Option<(Frame, &[u8])> {
    let (first, second) = (*bytes.first()?, *bytes.get(1)?);
    assert_eq!(first & 0xf0, 0x80, "final, and no extension");
    assert!(second < 126, "small and unmasked");
    let payload = bytes.get(2..2 + usize::from(second))?;
    let opcode = first & 0x0f;
    assert!(matches!(opcode, 1 | 2 | 8 | 9 | 10), "a frame of a known kind, not {opcode}");
    Some((Frame { opcode, payload: payload.to_vec() }, &bytes[2 + payload.len()..]))
}

impl Frame {
    pub fn is_text(&self, text: &str) -> bool {
        self.opcode == 1 && self.payload == text.as_bytes()
    }

    /// The number of the message that the frame carries.
    pub fn number(&self, sockjs: bool) -> Option<usize> {
        let text = std::str::from_utf8(&self.payload).ok().filter(|_| self.opcode == 1)?;
        let text = match sockjs {
            true => text.strip_prefix("a[\"")?.strip_suffix("\"]").expect("an array of one"),
            false => text,
        };
        Some(text[..4].parse().expect("a number"))
    }

    /// The number of the ping that it answers.
    pub fn pong(&self) -> Option<usize> {
        (self.opcode == 10).then(|| usize::from_be_bytes(self.payload.as_slice().try_into().expect("a ping's payload")))
    }

    /// The code of a close frame, if it has one.
    pub fn close(&self) -> Option<Option<u16>> {
        let code = || self.payload.first_chunk().map(|code| u16::from_be_bytes(*code));
        (self.opcode == 8).then(code)
    }
}
