//! Streams of text, sans-IO: lines, and server-sent events (WHATWG HTML, "Interpreting an event stream").

use super::MAX_MESSAGE;
use bytes::{Buf, BytesMut};

/// Cuts a stream into lines, which end with LF, CR or CRLF.
#[derive(Debug, Default)]
pub struct Lines {
    input: BytesMut,
    /// Bytes in front without a line's end.
    seen: usize,
    /// Whether the last line ended with a CR, whose LF may still come.
    after_cr: bool,
}

impl Lines {
    pub fn feed(&mut self, bytes: &[u8]) {
        self.input.extend_from_slice(bytes);
    }

    /// The next line that is there as a whole, without its end.
    pub fn next(&mut self) -> Result<Option<String>, &'static str> {
        if self.after_cr && self.input.first() == Some(&b'\n') {
            self.input.advance(1);
        }
        self.after_cr &= self.input.is_empty();
        let end = self.input[self.seen..].iter().position(|byte| matches!(byte, b'\n' | b'\r'));
        let Some(end) = end.map(|end| self.seen + end) else {
            self.seen = self.input.len();
            return if self.seen > MAX_MESSAGE { Err("a line is too long") } else { Ok(None) };
        };
        self.seen = 0;
        self.after_cr = self.input[end] == b'\r';
        let line = self.input.split_to(end);
        self.input.advance(1);
        String::from_utf8(line.to_vec()).map(Some).map_err(|_| "what comes is no text")
    }
}

/// One event.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Event {
    /// Empty where it has none.
    pub name: String,
    pub data: String,
    /// The last id that was said, by this event or an earlier one.
    pub id: String,
}

/// Reads server-sent events.
#[derive(Debug, Default)]
pub struct Events {
    lines: Lines,
    name: String,
    data: Option<String>,
    last_id: String,
    is_behind_the_first_line: bool,
}

impl Events {
    pub fn feed(&mut self, bytes: &[u8]) {
        self.lines.feed(bytes);
    }

    /// The id that a reader who is cut off now comes back with; empty where none was said.
    pub fn last_id(&self) -> &str {
        &self.last_id
    }

    /// The next event that is there as a whole.
    pub fn next(&mut self) -> Result<Option<Event>, &'static str> {
        while let Some(line) = self.lines.next()? {
            let is_first = !std::mem::replace(&mut self.is_behind_the_first_line, true);
            let line = if is_first { line.trim_start_matches('\u{feff}') } else { &line };
            if let Some(event) = self.line(line)? {
                return Ok(Some(event));
            }
        }
        Ok(None)
    }

    fn line(&mut self, line: &str) -> Result<Option<Event>, &'static str> {
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "" if line.is_empty() => return Ok(self.dispatch()),
            "event" => self.name = value.to_owned(),
            "data" => self.data(value)?,
            "id" if !value.contains('\0') => self.last_id = value.to_owned(),
            _ => {}
        }
        Ok(None)
    }

    fn data(&mut self, value: &str) -> Result<(), &'static str> {
        match &mut self.data {
            Some(data) if data.len() + value.len() > MAX_MESSAGE => return Err("an event is too long"),
            Some(data) => {
                data.push('\n');
                data.push_str(value);
            }
            None => self.data = Some(value.to_owned()),
        }
        Ok(())
    }

    fn dispatch(&mut self) -> Option<Event> {
        let name = std::mem::take(&mut self.name);
        let data = self.data.take()?;
        Some(Event { name, data, id: self.last_id.clone() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STREAM: &str = "\u{feff}: comment\nretry: 5\nid: 1\n\ndata: a\r\ndata:  b\rdata\n\nevent: gap\ndata: {}\nid\n\n\
        event: lost\n\ndata: last\nid: x\0y\n\n";

    #[test]
    fn events_are_read_however_they_are_cut() {
        let event = |name: &str, data: &str, id: &str| Event { name: name.into(), data: data.into(), id: id.into() };
        let expected = [event("", "a\n b\n", "1"), event("gap", "{}", ""), event("", "last", "")];
        for piece in [1, 2, 3, 5, STREAM.len()] {
            let mut events = Events::default();
            let mut read = Vec::new();
            for piece in STREAM.as_bytes().chunks(piece) {
                events.feed(piece);
                while let Some(event) = events.next().unwrap() {
                    read.push(event);
                }
            }
            assert_eq!(read, expected, "{piece}");
        }
    }

    #[test]
    fn an_id_counts_from_when_it_is_said_even_without_an_event() {
        let mut events = Events::default();
        events.feed(b"id: 12\n\n");
        assert_eq!((events.next(), events.last_id()), (Ok(None), "12"));
    }

    #[test]
    fn a_line_without_an_end_is_not_kept_for_ever() {
        let mut lines = Lines::default();
        lines.feed(&vec![b'x'; MAX_MESSAGE + 1]);
        assert!(lines.next().is_err());
    }
}
