use super::deflate::Inflater;
use super::{Error, Event, Limits, utf8};

/// A text or binary message of which a part has arrived (RFC 6455 section 5.4).
#[derive(Debug)]
pub(super) struct Message {
    body: Body,
    inflater: Option<Inflater>,
    /// Frames so far.
    frames: usize,
    limits: Limits,
}

/// What has arrived, unmasked, inflated and checked.
#[derive(Debug)]
enum Body {
    Text(String, utf8::Pending),
    Binary(Vec<u8>),
}

impl Message {
    pub(super) fn new(text: bool, compressed: bool, limits: Limits) -> Self {
        let body = if text { Body::Text(String::new(), utf8::Pending::default()) } else { Body::Binary(Vec::new()) };
        Self { body, inflater: compressed.then(Inflater::new), frames: 1, limits }
    }

    /// What has arrived so far.
    pub(super) fn len(&self) -> usize {
        self.body.len()
    }

    /// Bytes of payload that the next frame may bring. What is compressed is measured only when it
    /// is inflated.
    pub(super) fn room(&self) -> usize {
        match self.inflater {
            Some(_) => usize::MAX,
            None => self.limits.message - self.body.len(),
        }
    }

    /// What it has in memory.
    pub(super) fn held_bytes(&self) -> usize {
        self.body.capacity() + self.inflater.as_ref().map_or(0, |_| Inflater::BYTES)
    }

    /// Counts one more frame.
    pub(super) fn next_frame(&mut self) -> Result<(), Error> {
        self.frames += 1;
        if self.frames > self.limits.fragments {
            return Err(Error::TooManyFragments);
        }
        Ok(())
    }

    pub(super) fn push(&mut self, payload: &[u8]) -> Result<(), Error> {
        let limit = self.limits.message;
        match &mut self.inflater {
            Some(inflater) => inflater.push(payload, |bytes| self.body.push(bytes, limit)),
            None => self.body.push(payload, limit),
        }
    }

    pub(super) fn finish(mut self) -> Result<Event, Error> {
        let limit = self.limits.message;
        if let Some(inflater) = self.inflater {
            inflater.finish(|bytes| self.body.push(bytes, limit))?;
        }
        self.body.finish()
    }
}

impl Body {
    fn len(&self) -> usize {
        match self {
            Self::Text(text, pending) => text.len() + pending.len(),
            Self::Binary(data) => data.len(),
        }
    }

    fn capacity(&self) -> usize {
        match self {
            Self::Text(text, _) => text.capacity(),
            Self::Binary(data) => data.capacity(),
        }
    }

    /// Takes as much as `limit` allows before it refuses the rest, so that text which is bad before
    /// the limit is called bad and not too big, however it was cut.
    fn push(&mut self, bytes: &[u8], limit: usize) -> Result<(), Error> {
        let fits = bytes.len().min(limit - self.len());
        self.reserve(fits, limit);
        match self {
            Self::Text(text, pending) => push_text(text, pending, &bytes[..fits])?,
            Self::Binary(data) => data.extend_from_slice(&bytes[..fits]),
        }
        if fits < bytes.len() { Err(Error::MessageTooBig) } else { Ok(()) }
    }

    /// Grows by doubling, but never beyond `limit`, so a message costs at most twice what arrived.
    fn reserve(&mut self, more: usize, limit: usize) {
        let needed = self.len() + more;
        if needed > self.capacity() {
            let capacity = needed.max(limit.min(self.capacity() * 2));
            match self {
                Self::Text(text, _) => text.reserve_exact(capacity - text.len()),
                Self::Binary(data) => data.reserve_exact(capacity - data.len()),
            }
        }
    }

    /// Gives back what it reserved too much: a message may be kept for long.
    fn finish(self) -> Result<Event, Error> {
        match self {
            Self::Text(_, pending) if pending.len() > 0 => Err(Error::Utf8),
            Self::Text(mut text, _) => {
                text.shrink_to_fit();
                Ok(Event::Text(text.into()))
            }
            Self::Binary(mut data) => {
                data.shrink_to_fit();
                Ok(Event::Binary(data.into()))
            }
        }
    }
}

fn push_text(text: &mut String, pending: &mut utf8::Pending, bytes: &[u8]) -> Result<(), Error> {
    let (character, rest) = pending.take(bytes)?;
    text.extend(character);
    text.push_str(rest);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits(message: usize) -> Limits {
        Limits { message, ..Limits::default() }
    }

    #[test]
    fn a_message_never_reserves_more_than_twice_its_bytes_or_its_limit() {
        for chunk in [1, 3, 100] {
            let mut message = Message::new(false, false, limits(1000));
            for arrived in (chunk..=1000).step_by(chunk) {
                message.push(&vec![0; chunk]).unwrap();
                assert!(message.body.capacity() <= (2 * arrived).min(1000));
            }
        }
    }

    #[test]
    fn a_finished_message_keeps_no_spare_room() {
        let mut message = Message::new(false, false, limits(1000));
        (0..7).for_each(|_| message.push(b"0123456789").unwrap());
        let Ok(Event::Binary(data)) = message.finish() else { panic!("no message") };
        assert_eq!(data.try_into_mut().unwrap().capacity(), 70);
    }

    #[test]
    fn text_that_is_bad_before_the_limit_is_bad_and_not_too_big() {
        let mut message = Message::new(true, false, limits(4));
        assert_eq!(message.push(b"ab\xffdefgh"), Err(Error::Utf8));
        let mut message = Message::new(true, false, limits(4));
        assert_eq!(message.push(b"abcd\xff"), Err(Error::MessageTooBig));
    }

    #[test]
    fn text_that_ends_inside_a_character_is_refused() {
        let mut message = Message::new(true, false, limits(4));
        message.push(b"a\xe2\x82").unwrap();
        assert_eq!(message.finish(), Err(Error::Utf8));
    }

    #[test]
    fn the_frame_after_the_last_allowed_one_is_refused() {
        let mut message = Message::new(true, false, Limits { fragments: 2, ..limits(4) });
        assert_eq!(message.next_frame(), Ok(()));
        assert_eq!(message.next_frame(), Err(Error::TooManyFragments));
    }
}
