use super::header::{Expected, Header, MAX_HEADER, unmask};
use super::message::Message;
use super::{Close, Compression, Error, Event, Limits, Opcode, utf8};
use bytes::Bytes;

/// Turns the bytes of one client into [`Event`]s (RFC 6455 sections 5 and 8.1, RFC 7692 section
/// 7.2.2).
///
/// It owns no buffer while nothing is partial, and is below 96 bytes itself.
///
/// ```
/// use byway::protocol::websocket::{Compression, Decoder, Event, Limits};
///
/// let mut decoder = Decoder::new(Limits::default(), Compression::None);
/// let mut input = *b"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58";
/// let (used, event) = decoder.decode(&mut input)?;
/// assert_eq!((used, event), (11, Some(Event::Text("Hello".into()))));
/// # Ok::<(), byway::protocol::websocket::Error>(())
/// ```
#[derive(Debug)]
pub struct Decoder {
    limits: Limits,
    /// The frame whose payload is arriving; its `len` is what is left of it.
    frame: Option<Header>,
    message: Option<Box<Message>>,
    /// The payload of a control frame of which a part has arrived.
    control: Vec<u8>,
    /// The header of which a part has arrived.
    carry: [u8; MAX_HEADER - 1],
    carried: u8,
    compression: Compression,
}

impl Decoder {
    /// A decoder for a connection that was just opened.
    #[must_use]
    pub fn new(limits: Limits, compression: Compression) -> Self {
        Self {
            limits,
            frame: None,
            message: None,
            control: Vec::new(),
            carry: [0; MAX_HEADER - 1],
            carried: 0,
            compression,
        }
    }

    /// Takes bytes from the front of `input` and says how many, with the event that they complete.
    ///
    /// Everything is taken unless an event ended before the end: then call again with the rest.
    /// What was taken may have been unmasked in place; the rest is as it was.
    ///
    /// # Errors
    /// When the client broke a rule or a limit, at the first byte that does. The connection is
    /// then to be failed: the decoder has lost its place and must not be used again.
    pub fn decode(&mut self, input: &mut [u8]) -> Result<(usize, Option<Event>), Error> {
        let mut used = 0;
        loop {
            let (taken, event) = self.advance(&mut input[used..])?;
            used += taken;
            if event.is_some() || used == input.len() {
                return Ok((used, event));
            }
        }
    }

    /// True between the first byte of a message or frame and its last. A caller runs a deadline on
    /// it, or a client could keep what it has sent so far in memory for ever.
    #[must_use]
    pub fn is_partial(&self) -> bool {
        self.carried > 0 || self.frame.is_some() || self.message.is_some()
    }

    /// How many bytes the message under way has so far, after inflating.
    #[must_use]
    pub fn arrived(&self) -> usize {
        self.message.as_ref().map_or(0, |message| message.len())
    }

    /// Whether a few bytes of input can become many.
    #[must_use]
    pub fn inflates(&self) -> bool {
        self.compression == Compression::Deflate
    }

    /// How many bytes it holds of what is not whole yet.
    #[must_use]
    pub fn held_bytes(&self) -> usize {
        self.control.capacity() + self.message.as_ref().map_or(0, |message| message.held_bytes())
    }

    /// Takes what `input` has of one frame.
    fn advance(&mut self, input: &mut [u8]) -> Result<(usize, Option<Event>), Error> {
        let (mut frame, start) = match self.frame.take() {
            Some(frame) => (frame, 0),
            None => match self.header(input)? {
                Some(parsed) => parsed,
                None => return Ok((input.len(), None)),
            },
        };
        let end = input.len().min(start.saturating_add(frame.len));
        let payload = &mut input[start..end];
        unmask(payload, &mut frame.mask);
        frame.len -= payload.len();
        let event = self.payload(&frame, payload)?;
        if frame.len > 0 {
            self.frame = Some(frame);
        }
        Ok((end, event))
    }

    /// Reads the header of the next frame, and where its payload begins in `input`. When bytes are
    /// missing it keeps those that there are.
    fn header(&mut self, input: &[u8]) -> Result<Option<(Header, usize)>, Error> {
        let parsed =
            if self.carried == 0 { Header::parse(input, &self.expected())? } else { self.carried_header(input)? };
        match parsed {
            Some((header, _)) => self.begin(&header)?,
            None => self.keep(input),
        }
        Ok(parsed)
    }

    fn carried_header(&mut self, input: &[u8]) -> Result<Option<(Header, usize)>, Error> {
        let carried = usize::from(self.carried);
        let fresh = input.len().min(MAX_HEADER - carried);
        let mut bytes = [0; MAX_HEADER];
        bytes[..carried].copy_from_slice(&self.carry[..carried]);
        bytes[carried..carried + fresh].copy_from_slice(&input[..fresh]);
        let parsed = Header::parse(&bytes[..carried + fresh], &self.expected())?;
        Ok(parsed.map(|(header, len)| (header, len - carried)))
    }

    fn keep(&mut self, input: &[u8]) {
        let carried = usize::from(self.carried);
        self.carry[carried..carried + input.len()].copy_from_slice(input);
        self.carried += input.len() as u8;
    }

    fn expected(&self) -> Expected<'_> {
        Expected {
            limits: &self.limits,
            deflate: self.compression == Compression::Deflate,
            continuation: self.message.as_ref().map(|message| message.room()),
        }
    }

    fn begin(&mut self, header: &Header) -> Result<(), Error> {
        self.carried = 0;
        match &mut self.message {
            Some(message) if header.opcode == Opcode::Continuation => message.next_frame(),
            _ => Ok(()),
        }
    }

    fn payload(&mut self, frame: &Header, payload: &[u8]) -> Result<Option<Event>, Error> {
        let last = frame.len == 0;
        if frame.opcode.is_control() {
            return self.control(frame.opcode, payload, last);
        }
        let alone = self.message.is_none() && !frame.compressed;
        if alone && frame.fin && last {
            return whole(frame.opcode, payload).map(Some);
        }
        self.part(frame, payload, frame.fin && last)
    }

    /// Adds to the message that is under way, or to one that begins here.
    fn part(&mut self, frame: &Header, payload: &[u8], last: bool) -> Result<Option<Event>, Error> {
        let mut message = self.message.take().unwrap_or_else(|| {
            let text = frame.opcode == Opcode::Text;
            Box::new(Message::new(text, frame.compressed, self.limits))
        });
        message.push(payload)?;
        if last {
            return message.finish().map(Some);
        }
        self.message = Some(message);
        Ok(None)
    }

    fn control(&mut self, opcode: Opcode, payload: &[u8], last: bool) -> Result<Option<Event>, Error> {
        if last && self.control.is_empty() {
            return control(opcode, payload).map(Some);
        }
        self.control.extend_from_slice(payload);
        if !last {
            return Ok(None);
        }
        control(opcode, &std::mem::take(&mut self.control)).map(Some)
    }
}

/// A message that is one frame and all there: checked and copied once.
fn whole(opcode: Opcode, payload: &[u8]) -> Result<Event, Error> {
    Ok(match opcode {
        Opcode::Text => Event::Text(utf8::validate(payload)?.into()),
        _ => Event::Binary(Bytes::copy_from_slice(payload)),
    })
}

fn control(opcode: Opcode, payload: &[u8]) -> Result<Event, Error> {
    Ok(match opcode {
        Opcode::Close => Event::Close(Close::parse(payload)?),
        Opcode::Ping => Event::Ping(Bytes::copy_from_slice(payload)),
        _ => Event::Pong(Bytes::copy_from_slice(payload)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decoder() -> Decoder {
        Decoder::new(Limits::default(), Compression::None)
    }

    /// A client's frame with an empty mask, whose payload is at most 125 bytes.
    fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
        [&[first, 0x80 | payload.len() as u8, 0, 0, 0, 0], payload].concat()
    }

    #[test]
    fn a_decoder_is_below_96_bytes() {
        assert!(size_of::<Decoder>() < 96, "{}", size_of::<Decoder>());
    }

    #[test]
    fn the_fragmented_hello_of_the_rfc_is_one_message() {
        let mut decoder = decoder();
        let mut input = [frame(0x01, b"Hel"), frame(0x80, b"lo")].concat();
        let event = Some(Event::Text("Hello".into()));
        assert_eq!(decoder.decode(&mut input), Ok((input.len(), event)));
        assert!(!decoder.is_partial());
    }

    #[test]
    fn a_ping_between_two_fragments_comes_before_their_message() {
        let mut decoder = decoder();
        let mut input = [frame(0x01, b"Hel"), frame(0x89, b"?"), frame(0x80, b"lo")].concat();
        let ping = Event::Ping(Bytes::from_static(b"?"));
        assert_eq!(decoder.decode(&mut input), Ok((16, Some(ping))));
        assert!(decoder.is_partial());
        let text = Event::Text("Hello".into());
        assert_eq!(decoder.decode(&mut input[16..]), Ok((8, Some(text))));
    }

    #[test]
    fn bytes_after_an_event_are_left_as_they_were() {
        let mut input = [frame(0x82, b"a"), b"\x82\x81mask?".to_vec()].concat();
        let event = Some(Event::Binary(Bytes::from_static(b"a")));
        assert_eq!(decoder().decode(&mut input), Ok((7, event)));
        assert_eq!(input[7..], *b"\x82\x81mask?");
    }

    #[test]
    fn a_decoder_is_partial_from_the_first_byte_to_the_last() {
        let mut decoder = decoder();
        let mut input = [frame(0x02, b"ab"), frame(0x80, b"")].concat();
        let (last, before) = input.split_last_mut().unwrap();
        assert!(!decoder.is_partial());
        for byte in before {
            assert_eq!(decoder.decode(std::slice::from_mut(byte)), Ok((1, None)));
            assert!(decoder.is_partial());
        }
        let (_, event) = decoder.decode(std::slice::from_mut(last)).unwrap();
        assert_eq!(event, Some(Event::Binary(Bytes::from_static(b"ab"))));
        assert!(!decoder.is_partial());
        assert_eq!(decoder.decode(&mut []), Ok((0, None)));
    }

    #[test]
    fn an_announced_length_reserves_nothing() {
        let mut decoder = decoder();
        decoder.decode(&mut b"\x82\xff\0\0\0\0\0\x01\0\0mask".to_vec()).unwrap();
        assert!(decoder.message.is_none_or(|message| message.room() == 65_536));
        assert_eq!(decoder.control.capacity(), 0);
    }

    #[test]
    fn a_control_frame_leaves_no_buffer_behind() {
        let mut decoder = decoder();
        let mut ping = frame(0x89, &[7; 125]);
        let (front, back) = ping.split_at_mut(60);
        assert_eq!(decoder.decode(front), Ok((60, None)));
        let event = Event::Ping(Bytes::from_static(&[7; 125]));
        assert_eq!(decoder.decode(back), Ok((71, Some(event))));
        assert_eq!(decoder.control.capacity(), 0);
    }

    #[test]
    fn text_fails_at_its_first_bad_byte_though_its_frame_goes_on() {
        let mut decoder = decoder();
        let mut input = *b"\x81\xfd\0\0\0\0ok\xce\xba";
        assert_eq!(decoder.decode(&mut input), Ok((10, None)));
        assert_eq!(decoder.decode(&mut [0xff]), Err(Error::Utf8));
    }

    #[test]
    fn fragments_are_counted_and_control_frames_are_not() {
        let limits = Limits { fragments: 3, ..Limits::default() };
        let mut decoder = Decoder::new(limits, Compression::None);
        for first in [0x02, 0x89, 0x00, 0x89, 0x00, 0x89] {
            decoder.decode(&mut frame(first, b"")).unwrap();
        }
        assert_eq!(decoder.decode(&mut frame(0x80, b"")), Err(Error::TooManyFragments));
    }

    #[test]
    fn fragments_count_together_against_the_message_limit() {
        let limits = Limits { message: 5, ..Limits::default() };
        let mut decoder = Decoder::new(limits, Compression::None);
        decoder.decode(&mut frame(0x02, b"abc")).unwrap();
        assert_eq!(decoder.decode(&mut b"\x80\x83".to_vec()), Err(Error::MessageTooBig));
    }

    #[test]
    fn a_close_is_read_with_its_code_and_reason() {
        let close = Close { code: 1000, reason: "done".into() };
        let (_, event) = decoder().decode(&mut frame(0x88, b"\x03\xe8done")).unwrap();
        assert_eq!(event, Some(Event::Close(Some(close))));
        assert_eq!(decoder().decode(&mut frame(0x88, b"")), Ok((6, Some(Event::Close(None)))));
    }

    #[test]
    fn the_compressed_hello_of_the_rfc_is_read_in_one_frame_and_in_two() {
        let mut decoder = Decoder::new(Limits::default(), Compression::Deflate);
        let hello = b"\xf2\x48\xcd\xc9\xc9\x07\x00";
        let one = frame(0xc1, hello);
        let two = [frame(0x41, &hello[..3]), frame(0x80, &hello[3..])].concat();
        for mut input in [one, two] {
            let (_, event) = decoder.decode(&mut input).unwrap();
            assert_eq!(event, Some(Event::Text("Hello".into())));
            assert!(!decoder.is_partial());
        }
    }

    #[test]
    fn compressed_text_fails_at_its_first_bad_byte() {
        let mut decoder = Decoder::new(Limits::default(), Compression::Deflate);
        // A stored block of four bytes, of which the last is not there.
        let mut input = frame(0x41, b"\x00\x04\x00\xfb\xffa\xff\xff");
        assert_eq!(decoder.decode(&mut input), Err(Error::Utf8));
    }
}
