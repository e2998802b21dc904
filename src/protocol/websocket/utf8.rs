//! UTF-8 that arrives in pieces (RFC 6455 section 8.1).

use super::Error;

/// Checks text that is complete.
pub(super) fn validate(bytes: &[u8]) -> Result<&str, Error> {
    simdutf8::basic::from_utf8(bytes).map_err(|_| Error::Utf8)
}

/// The start of a character whose end has not arrived: at most three bytes.
///
/// Only what begins a valid character is ever kept here, so a bad byte is reported when it comes,
/// not when the message ends.
#[derive(Debug, Default)]
pub(super) struct Pending {
    bytes: [u8; 4],
    len: u8,
}

impl Pending {
    /// How many bytes wait for the rest of their character.
    pub(super) fn len(&self) -> usize {
        usize::from(self.len)
    }

    /// Splits off what is complete: the character that waited, if `chunk` ends it, and the text
    /// after it. What `chunk` leaves unfinished waits here.
    pub(super) fn take<'a>(&'a mut self, chunk: &'a [u8]) -> Result<(Option<char>, &'a str), Error> {
        let (character, rest) = self.complete(chunk)?;
        let text = match simdutf8::compat::from_utf8(rest) {
            Ok(text) => text,
            Err(error) if error.error_len().is_some() => return Err(Error::Utf8),
            Err(error) => {
                let (valid, unfinished) = rest.split_at(error.valid_up_to());
                self.keep(unfinished);
                validate(valid)?
            }
        };
        Ok((character, text))
    }

    /// Gives the waiting character its missing bytes one by one, as far as `chunk` has them.
    fn complete<'a>(&mut self, chunk: &'a [u8]) -> Result<(Option<char>, &'a [u8]), Error> {
        if self.len == 0 {
            return Ok((None, chunk));
        }
        for (index, byte) in chunk.iter().enumerate() {
            if let Some(character) = self.push(*byte)? {
                return Ok((Some(character), &chunk[index + 1..]));
            }
        }
        Ok((None, &[]))
    }

    fn push(&mut self, byte: u8) -> Result<Option<char>, Error> {
        self.bytes[self.len()] = byte;
        self.len += 1;
        match std::str::from_utf8(&self.bytes[..self.len()]) {
            Ok(text) => {
                self.len = 0;
                Ok(text.chars().next())
            }
            Err(error) if error.error_len().is_some() => Err(Error::Utf8),
            Err(_) => Ok(None),
        }
    }

    fn keep(&mut self, unfinished: &[u8]) {
        self.bytes[..unfinished.len()].copy_from_slice(unfinished);
        self.len = unfinished.len() as u8;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Feeds byte by byte: the text, or the index of the byte that was refused.
    fn drip(bytes: &[u8]) -> Result<(String, usize), usize> {
        let mut pending = Pending::default();
        let mut text = String::new();
        for (index, byte) in bytes.iter().enumerate() {
            let (character, rest) = pending.take(std::slice::from_ref(byte)).map_err(|_| index)?;
            text.extend(character);
            text.push_str(rest);
        }
        Ok((text, pending.len()))
    }

    #[test]
    fn characters_of_every_length_survive_any_split() {
        let all = "aé€😀z";
        assert_eq!(drip(all.as_bytes()), Ok((all.to_owned(), 0)));
        for cut in 0..=all.len() {
            let (front, back) = all.as_bytes().split_at(cut);
            let mut pending = Pending::default();
            let mut text = pending.take(front).unwrap().1.to_owned();
            let (character, rest) = pending.take(back).unwrap();
            text.extend(character);
            text.push_str(rest);
            assert_eq!(text, all);
        }
    }

    #[test]
    fn an_unfinished_character_waits() {
        assert_eq!(drip(b"a\xf0\x9f\x98"), Ok(("a".to_owned(), 3)));
    }

    #[test]
    fn the_first_bad_byte_is_the_one_that_fails() {
        let cases: [(&[u8], usize); 9] = [
            (b"a\x80", 1),            // a continuation byte alone
            (b"\xc0", 0),             // overlong, two bytes
            (b"\xe0\x80\x80", 1),     // overlong, three bytes
            (b"\xf0\x80\x80\x80", 1), // overlong, four bytes
            (b"\xed\xa0\x80", 1),     // a surrogate
            (b"\xf4\x90\x80\x80", 1), // above U+10FFFF
            (b"\xf5", 0),             // never a first byte
            (b"\xe2\x82a", 2),        // a character cut short by another
            (b"\xce\xba\xff", 2),
        ];
        for (bytes, index) in cases {
            assert_eq!(drip(bytes), Err(index), "{bytes:02x?}");
        }
    }

    #[test]
    fn pieces_fail_at_the_same_byte_as_the_whole() {
        for second in 0..=255u8 {
            for first in [0xc2, 0xe0, 0xe1, 0xed, 0xf0, 0xf1, 0xf4] {
                let bytes = [first, second, 0x80, 0x80];
                assert_eq!(drip(&bytes).err(), first_bad_byte(&bytes), "{bytes:02x?}");
            }
        }
    }

    /// What the standard library says: a character that starts well is bad at the byte after its
    /// good part, any other at its start.
    fn first_bad_byte(bytes: &[u8]) -> Option<usize> {
        let error = std::str::from_utf8(bytes).err()?;
        let start = error.valid_up_to();
        let good = if matches!(bytes[start], 0xc2..=0xf4) { error.error_len()? } else { 0 };
        Some(start + good)
    }
}
