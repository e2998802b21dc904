//! Request framing, stricter than hyper's: where two readers of the same bytes could disagree on where a request ends,
//! somebody can smuggle one past a proxy (RFC 9112, section 11.2). Such bytes are refused instead of interpreted.
//!
//! hyper accepts bare LF as a line's end, takes `Transfer-Encoding` over a `Content-Length` beside it, and takes equal
//! `Content-Length`s twice; here all three are errors, and so is a second `Host`. Sans-IO: [`Framing`] looks at the bytes of a connection on their
//! way to hyper and follows them from head to body to head.

use super::deadline::Awaited;

/// Follows the requests of one connection.
#[derive(Debug)]
pub(super) struct Framing {
    state: State,
    max_head: usize,
    /// A head came to its end.
    has_had_a_head: bool,
}

/// Why the bytes are refused: they are not framed in the one way that every reader understands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Ambiguous;

#[derive(Debug)]
enum State {
    /// In a head, of which these bytes came.
    Head(Vec<u8>),
    /// In a body of which this much is to come.
    Body(u64),
    /// In a chunked body.
    Chunked(Chunk),
    /// Behind an upgrade, or in what hyper refuses by itself: not ours to read.
    Through,
}

#[derive(Debug)]
enum Chunk {
    /// In a line with a size.
    Size(Vec<u8>),
    /// In a chunk's data and the line end behind it.
    Data(u64),
    /// In the trailer: this many bytes of the current line came.
    Trailer { line: usize, last: u8 },
}

/// The longest line with a chunk's size that is read: 16 digits and a short extension.
const MAX_SIZE_LINE: usize = 64;

impl Framing {
    pub(super) fn new(max_head: usize) -> Self {
        Self { state: State::Head(Vec::new()), max_head, has_had_a_head: false }
    }

    /// What of a head is to come next.
    pub(super) fn awaits(&self) -> Awaited {
        match &self.state {
            State::Head(head) if !head.is_empty() => Awaited::Rest,
            State::Head(_) if !self.has_had_a_head => Awaited::First,
            _ => Awaited::Next,
        }
    }

    /// True when the bytes so far end with a request's end.
    pub(super) fn is_between_requests(&self) -> bool {
        matches!(&self.state, State::Head(head) if head.is_empty())
    }

    /// Looks at the next bytes. On an error, all before `Err`'s position belong to requests that are in order.
    pub(super) fn feed(&mut self, bytes: &[u8]) -> Result<(), (usize, Ambiguous)> {
        let mut request = 0;
        let mut at = 0;
        while at < bytes.len() {
            if self.is_between_requests() {
                request = at;
            }
            at += self.step(&bytes[at..]).map_err(|error| (request, error))?;
        }
        Ok(())
    }

    /// Takes bytes from the front of a non-empty slice; answers how many.
    fn step(&mut self, bytes: &[u8]) -> Result<usize, Ambiguous> {
        match &mut self.state {
            State::Through => Ok(bytes.len()),
            State::Head(_) => self.head(bytes),
            State::Body(left) => {
                let taken = bytes.len().min(usize::try_from(*left).unwrap_or(usize::MAX));
                *left -= taken as u64;
                if *left == 0 {
                    self.state = State::Head(Vec::new());
                }
                Ok(taken)
            }
            State::Chunked(_) => self.chunk(bytes),
        }
    }

    fn head(&mut self, bytes: &[u8]) -> Result<usize, Ambiguous> {
        let State::Head(head) = &mut self.state else { return Ok(0) };
        for (at, byte) in bytes.iter().enumerate() {
            let bare_lf = *byte == b'\n' && head.last() != Some(&b'\r');
            let bare_cr = *byte != b'\n' && head.last() == Some(&b'\r');
            if bare_lf || bare_cr {
                return Err(Ambiguous);
            }
            head.push(*byte);
            if head.len() == 2 && head == b"\r\n" {
                // An empty line before a request is to be ignored (RFC 9112, section 2.2).
                head.clear();
            }
            if head.ends_with(b"\r\n\r\n") {
                self.state = after_head(head)?;
                self.has_had_a_head = true;
                return Ok(at + 1);
            }
            if head.len() > self.max_head {
                self.state = State::Through;
                return Ok(bytes.len());
            }
        }
        Ok(bytes.len())
    }

    fn chunk(&mut self, bytes: &[u8]) -> Result<usize, Ambiguous> {
        let State::Chunked(chunk) = &mut self.state else { return Ok(0) };
        match chunk {
            Chunk::Size(line) => {
                line.push(bytes[0]);
                if line.ends_with(b"\r\n") {
                    *chunk = after_size(line)?;
                } else if line.contains(&b'\n') || line.len() > MAX_SIZE_LINE {
                    return Err(Ambiguous);
                }
                Ok(1)
            }
            Chunk::Data(left) => {
                let taken = bytes.len().min(usize::try_from(*left).unwrap_or(usize::MAX));
                let ends_badly = (1..=taken).any(|n| match *left - n as u64 {
                    1 => bytes[n - 1] != b'\r',
                    0 => bytes[n - 1] != b'\n',
                    _ => false,
                });
                if ends_badly {
                    return Err(Ambiguous);
                }
                *left -= taken as u64;
                if *left == 0 {
                    *chunk = Chunk::Size(Vec::new());
                }
                Ok(taken)
            }
            Chunk::Trailer { line, last } => {
                let ended = bytes[0] == b'\n';
                if ended && *last != b'\r' {
                    return Err(Ambiguous);
                }
                if ended && *line == 1 {
                    self.state = State::Head(Vec::new());
                    return Ok(1);
                }
                (*line, *last) = if ended { (0, 0) } else { (*line + 1, bytes[0]) };
                Ok(1)
            }
        }
    }
}

/// What follows a head.
fn after_head(head: &[u8]) -> Result<State, Ambiguous> {
    let mut length = None;
    let mut chunked = false;
    let mut upgrade = false;
    let mut host = false;
    for line in head.split(|byte| *byte == b'\n').skip(1) {
        let Some(colon) = line.iter().position(|byte| *byte == b':') else { continue };
        let (name, value) = (&line[..colon], line[colon + 1..].trim_ascii());
        if name.eq_ignore_ascii_case(b"content-length") {
            let number = parse_length(value)?;
            if length.replace(number).is_some() {
                return Err(Ambiguous);
            }
        } else if name.eq_ignore_ascii_case(b"transfer-encoding") {
            if chunked || !value.eq_ignore_ascii_case(b"chunked") {
                return Err(Ambiguous);
            }
            chunked = true;
        } else if name.eq_ignore_ascii_case(b"upgrade") {
            upgrade = true;
        } else if name.eq_ignore_ascii_case(b"host") && std::mem::replace(&mut host, true) {
            return Err(Ambiguous);
        }
    }
    match (chunked, length) {
        (true, Some(_)) => Err(Ambiguous),
        (true, None) => Ok(State::Chunked(Chunk::Size(Vec::new()))),
        (false, Some(length)) if length > 0 => Ok(State::Body(length)),
        _ if upgrade => Ok(State::Through),
        _ => Ok(State::Head(Vec::new())),
    }
}

/// Digits and nothing else: no sign, no list, no hexadecimal.
fn parse_length(value: &[u8]) -> Result<u64, Ambiguous> {
    let digits = !value.is_empty() && value.iter().all(u8::is_ascii_digit);
    let text = std::str::from_utf8(value).ok().filter(|_| digits).ok_or(Ambiguous)?;
    text.parse().map_err(|_| Ambiguous)
}

/// What follows a line with a chunk's size.
fn after_size(line: &[u8]) -> Result<Chunk, Ambiguous> {
    let size = line[..line.len() - 2].split(|byte| *byte == b';').next().unwrap_or_default();
    let digits = !size.is_empty() && size.iter().all(u8::is_ascii_hexdigit);
    let text = std::str::from_utf8(size).ok().filter(|_| digits).ok_or(Ambiguous)?;
    match u64::from_str_radix(text, 16).map_err(|_| Ambiguous)? {
        0 => Ok(Chunk::Trailer { line: 0, last: 0 }),
        size => size.checked_add(2).map(Chunk::Data).ok_or(Ambiguous),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Where the first request that is refused begins; fed whole and byte by byte, which must agree.
    fn refused_at(bytes: &str) -> Option<usize> {
        let whole = Framing::new(1024).feed(bytes.as_bytes()).err().map(|(at, _)| at);
        let mut framing = Framing::new(1024);
        let bytewise = bytes.bytes().any(|byte| framing.feed(&[byte]).is_err());
        assert_eq!(whole.is_some(), bytewise, "{bytes:?}");
        whole
    }

    #[test]
    fn requests_in_order_pass_whatever_their_bodies_hold() {
        for bytes in [
            "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
            "\r\nGET / HTTP/1.1\r\n\r\nGET / HTTP/1.1\r\n\r\n",
            "POST / HTTP/1.1\r\nContent-Length: 4\r\n\r\n\n\n\n\nGET / HTTP/1.1\r\n\r\n",
            "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3;x=y\r\n\n\n\n\r\n0\r\nTrailer: x\r\n\r\nGET / HTTP/1.1\r\n\r\n",
            "GET / HTTP/1.1\r\nUpgrade: websocket\r\n\r\n\n\n\r\r",
        ] {
            assert_eq!(refused_at(bytes), None, "{bytes:?}");
        }
    }

    #[test]
    fn bytes_that_two_readers_could_frame_differently_are_refused() {
        for bytes in [
            "GET / HTTP/1.1\nHost: a\n\n",
            "GET / HTTP/1.1\r\nHost: a\n\r\n",
            "GET / HTTP/1.1\r\nHost: a\rb\r\n\r\n",
            "POST / HTTP/1.1\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n",
            "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n",
            "POST / HTTP/1.1\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\n",
            "POST / HTTP/1.1\r\nContent-Length: 3, 3\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a\r\nhost: a\r\n\r\n",
            "POST / HTTP/1.1\r\nContent-Length: +3\r\n\r\n",
            "POST / HTTP/1.1\r\nContent-Length: 0x3\r\n\r\n",
            "POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
            "POST / HTTP/1.1\r\nContent-Length: 99999999999999999999\r\n\r\n",
            "POST / HTTP/1.1\r\nTransfer-Encoding: xchunked\r\n\r\n",
            "POST / HTTP/1.1\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
            "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
            "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n+3\r\nabc\r\n0\r\n\r\n",
            "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0x3\r\nabc\r\n0\r\n\r\n",
            "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\nabc\r\n0\r\n\r\n",
            "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabcd\r\n0\r\n\r\n",
            "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n",
            "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n10000000000000000\r\n",
            "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nx\n\r\n",
        ] {
            assert_eq!(refused_at(bytes), Some(0), "{bytes:?}");
        }
    }

    #[test]
    fn what_is_refused_begins_at_its_own_head_not_at_its_predecessor_s() {
        let first = "GET / HTTP/1.1\r\n\r\n";
        assert_eq!(refused_at(&format!("{first}GET / HTTP/1.1\n\n")), Some(first.len()));
    }

    #[test]
    fn what_is_awaited_is_a_first_head_the_rest_of_one_or_another_request() {
        let mut framing = Framing::new(1024);
        for (bytes, awaited) in [
            ("\r\n", Awaited::First),
            ("P", Awaited::Rest),
            ("OST / HTTP/1.1\r\nContent-Length: 1\r\n\r\n", Awaited::Next),
            ("x", Awaited::Next),
            ("GET", Awaited::Rest),
            (" / HTTP/1.1\r\n\r\n", Awaited::Next),
        ] {
            framing.feed(bytes.as_bytes()).unwrap();
            assert_eq!(framing.awaits(), awaited, "{bytes:?}");
        }
    }

    #[test]
    fn a_head_over_the_limit_is_left_to_hyper_which_answers_431() {
        assert_eq!(refused_at(&format!("GET / HTTP/1.1\r\nA: {}\n", "x".repeat(2000))), None);
    }
}
