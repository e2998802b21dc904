//! A frame's head: the command, the headers and the blank line.

use super::header;
use super::header::unescape;
use super::{Command, DecodeError, Headers, StompSettings, Version};
use bytestring::ByteString;

/// How far a head was looked at, line by line, while its bytes come.
#[derive(Debug, Default)]
pub(super) struct Scan {
    /// Bytes before those that are looked at next, in the whole head and in the line that is under way.
    head: usize,
    line: usize,
    /// Lines that have ended.
    lines: usize,
    /// Whether the last byte was a CR.
    cr: bool,
}

impl Scan {
    /// Looks at more bytes. Answers how many of them belong to the head once its blank line is among them.
    pub(super) fn advance(&mut self, input: &[u8], settings: &StompSettings) -> Result<Option<usize>, DecodeError> {
        let mut used = 0;
        while used < input.len() {
            let rest = &input[used..];
            let lf = rest.iter().position(|octet| *octet == b'\n');
            self.part_of_line(&rest[..lf.unwrap_or(rest.len())], settings)?;
            if lf.is_none() {
                return Ok(None);
            }
            used = input.len() - rest.len() + lf.map_or(0, |lf| lf + 1);
            if self.end_of_line(settings)? {
                return Ok(Some(used));
            }
        }
        Ok(None)
    }

    /// Whether the head was an EOL and nothing else: a heartbeat.
    pub(super) fn is_blank(&self) -> bool {
        self.lines == 0
    }

    /// A NUL that comes before a limit is what is wrong, and not the limit, however the bytes were cut.
    fn part_of_line(&mut self, part: &[u8], settings: &StompSettings) -> Result<(), DecodeError> {
        let line_room = settings.max_line_bytes - self.line;
        let head_room = settings.max_head_bytes - self.head;
        let room = line_room.min(head_room);
        if part[..part.len().min(room)].contains(&0) {
            return Err(DecodeError::NulInHead);
        }
        if part.len() > room {
            return Err(if line_room <= head_room { DecodeError::LineTooLong } else { DecodeError::HeadTooLong });
        }
        self.line += part.len();
        self.head += part.len();
        self.cr = part.last().map_or(self.cr, |octet| *octet == b'\r');
        Ok(())
    }

    /// Counts the LF; true when it ends the head.
    fn end_of_line(&mut self, settings: &StompSettings) -> Result<bool, DecodeError> {
        if self.head == settings.max_head_bytes {
            return Err(DecodeError::HeadTooLong);
        }
        self.head += 1;
        let blank = self.line == usize::from(self.cr);
        (self.line, self.cr) = (0, false);
        if blank {
            return Ok(true);
        }
        self.lines += 1;
        // The command is no header.
        if self.lines > settings.max_headers + 1 {
            return Err(DecodeError::TooManyHeaders);
        }
        Ok(false)
    }
}

/// A head that was read.
#[derive(Debug)]
pub(super) struct Head {
    pub(super) command: Command,
    pub(super) headers: Headers,
    pub(super) body: Body,
    /// Its bytes.
    pub(super) len: usize,
}

/// How a body ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Body {
    /// After this many bytes, of which any may be NUL; then a NUL must follow.
    Sized(usize),
    /// With the first NUL, after at most this many bytes.
    UpTo(usize),
}

impl Head {
    /// What is wrong when there is more of a body than may be.
    pub(super) fn too_long(&self) -> DecodeError {
        match self.body {
            Body::UpTo(0) => DecodeError::UnexpectedBody,
            _ => DecodeError::BodyTooLong,
        }
    }
}

/// Reads a whole head, with its blank line.
pub(super) fn parse(
    head: &ByteString,
    version: Option<Version>,
    settings: &StompSettings,
) -> Result<Head, DecodeError> {
    let mut lines = head.split('\n').map(|line| line.strip_suffix('\r').unwrap_or(line));
    let command = Command::parse(lines.next().unwrap_or_default(), version).ok_or(DecodeError::UnknownCommand)?;
    if version.is_none() && command != Command::Connect {
        return Err(DecodeError::NotConnected);
    }
    // CONNECT has no escapes, so that servers of every version can read it (STOMP 1.2, "Value Encoding").
    let escapes = version.filter(|_| command != Command::Connect).unwrap_or(Version::V1_0);
    let headers = read_headers(head, lines, escapes)?;
    let headers = if is_padded(command, version, &headers) { header::trimmed(&headers) } else { headers };
    let body = body(command, version, &headers, settings)?;
    Ok(Head { command, headers, body, len: head.len() })
}

fn read_headers<'a>(
    head: &ByteString,
    lines: impl Iterator<Item = &'a str>,
    escapes: Version,
) -> Result<Headers, DecodeError> {
    let unescape = |text| unescape(head.slice_ref(text), escapes).map_err(|_| DecodeError::UndefinedEscape);
    let mut headers = Headers::new();
    for line in lines.take_while(|line| !line.is_empty()) {
        if line.contains('\r') {
            return Err(DecodeError::CarriageReturn);
        }
        let (name, value) = line.split_once(':').ok_or(DecodeError::NoColon)?;
        if name.is_empty() {
            return Err(DecodeError::NoName);
        }
        headers.push(unescape(name)?, unescape(value)?);
    }
    Ok(headers)
}

/// STOMP 1.0's examples have spaces around values; later versions forbid to trim them. A CONNECT is 1.0's when that is what
/// it leads to.
fn is_padded(command: Command, version: Option<Version>, headers: &Headers) -> bool {
    let negotiated = || Version::negotiate(headers.get("accept-version").map(|accepted| &**accepted));
    version.or_else(|| negotiated().filter(|_| command == Command::Connect)) == Some(Version::V1_0)
}

/// How the body ends, and whether there may be one: only SEND has one, but 1.0 has others ignored.
fn body(
    command: Command,
    version: Option<Version>,
    headers: &Headers,
    settings: &StompSettings,
) -> Result<Body, DecodeError> {
    let allowed = command == Command::Send || version == Some(Version::V1_0);
    let limit = if allowed { settings.max_body_bytes } else { 0 };
    match headers.get("content-length") {
        None => Ok(Body::UpTo(limit)),
        Some(value) => match content_length(value)? {
            len if len <= limit => Ok(Body::Sized(len)),
            _ if allowed => Err(DecodeError::BodyTooLong),
            _ => Err(DecodeError::UnexpectedBody),
        },
    }
}

/// Spaces around a number mean nothing, and there are clients that write them. Those around texts belong to these (STOMP 1.2,
/// "Value Encoding").
fn content_length(value: &str) -> Result<usize, DecodeError> {
    let value = value.trim_matches(' ');
    // A number's own parser would take a sign, and none is no length.
    if !value.bytes().all(|octet| octet.is_ascii_digit()) {
        return Err(DecodeError::ContentLength);
    }
    value.parse().map_err(|_| DecodeError::ContentLength)
}
