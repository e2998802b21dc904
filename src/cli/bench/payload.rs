//! What a message of a load says: which run it is of, who sent it, its number, and when.

/// A message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stamp {
    /// Tells the messages of this run from those of others.
    pub run: u32,
    pub publisher: u32,
    /// Counts each publisher's messages from 0.
    pub number: u64,
    /// When it was sent, in nanoseconds since the run began.
    pub sent: u64,
}

const WORD: &str = "byway ";

impl Stamp {
    /// Text of `size` bytes, or a little more where the numbers take that. It needs no escaping anywhere.
    pub fn encode(&self, size: usize) -> String {
        let Self { run, publisher, number, sent } = self;
        let mut text = format!("{WORD}{run:08x} {publisher} {number} {sent} ");
        text.extend(std::iter::repeat_n('x', size.saturating_sub(text.len())));
        text
    }

    /// Reads a message, which a server may have put into words of its own, such as a string in JSON; `None` if it is not one
    /// of a load.
    pub fn find(body: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(body).ok()?;
        text.match_indices(WORD).find_map(|(at, word)| Self::parse(&text[at + word.len()..]))
    }

    fn parse(text: &str) -> Option<Self> {
        let mut words = text.split(' ');
        let run = u32::from_str_radix(words.next()?, 16).ok()?;
        let publisher = words.next()?.parse().ok()?;
        Some(Self { run, publisher, number: words.next()?.parse().ok()?, sent: words.next()?.parse().ok()? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_has_its_size_and_is_read_back() {
        let stamp = Stamp { run: 7, publisher: 9_999, number: 123_456_789, sent: 86_400_000_000_000 };
        for size in [80, 100, 1000] {
            let text = stamp.encode(size);
            assert_eq!((text.len(), Stamp::find(text.as_bytes())), (size, Some(stamp)));
        }
    }

    #[test]
    fn a_message_is_found_in_whatever_a_server_puts_it() {
        let stamp = Stamp { run: 7, publisher: 1, number: 2, sent: 3 };
        let text = stamp.encode(80);
        for body in [format!("{{\"topic\":\"byway news\",\"data\":\"{text}\"}}"), format!("<{}>", stamp.encode(0))] {
            assert_eq!(Stamp::find(body.as_bytes()), Some(stamp), "{body}");
        }
    }

    #[test]
    fn what_others_say_is_no_message_of_a_load() {
        for body in [&b""[..], b"byway", b"hello world", b"byway 1 2", b"byway x 1 2 3 ", b"\xff"] {
            assert_eq!(Stamp::find(body), None);
        }
    }
}
