use super::{Error, Limits, Opcode};

/// A client's frame header (RFC 6455 section 5.2), checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) opcode: Opcode,
    /// The frame ends its message.
    pub(super) fin: bool,
    /// The message that this frame begins is compressed (RSV1, RFC 7692 section 6).
    pub(super) compressed: bool,
    /// Bytes of payload.
    pub(super) len: usize,
    pub(super) mask: [u8; 4],
}

/// What may come next.
pub(super) struct Expected<'a> {
    pub(super) limits: &'a Limits,
    /// Compression was negotiated.
    pub(super) deflate: bool,
    /// Inside a fragmented message: how many bytes of payload it may still take.
    pub(super) continuation: Option<usize>,
}

/// The longest header of a client: two bytes, a 64-bit length, a mask.
pub(super) const MAX_HEADER: usize = 14;

const FIN: u8 = 0x80;
const RSV1: u8 = 0x40;
const RSV2_AND_RSV3: u8 = 0x30;
const MASK: u8 = 0x80;
const MAX_CONTROL: u8 = 125;

impl Header {
    /// Reads a header from the front of `bytes` and says how long it was; `None` when bytes are
    /// missing.
    ///
    /// What is there is checked in the order of the wire, so the answer to bad bytes is the same
    /// however they were cut, and comes as early as it can.
    pub(super) fn parse(bytes: &[u8], expected: &Expected<'_>) -> Result<Option<(Self, usize)>, Error> {
        let Some(&first) = bytes.first() else {
            return Ok(None);
        };
        let opcode = Opcode::from_first_byte(first)?;
        expected.check_first_byte(first, opcode)?;
        let Some(&second) = bytes.get(1) else {
            return Ok(None);
        };
        check_second_byte(second, opcode)?;
        let Some((len, mask_at)) = parse_len(second & !MASK, bytes)? else {
            return Ok(None);
        };
        let compressed = first & RSV1 != 0;
        let len = expected.check_len(len, opcode, compressed)?;
        let Some(mask) = bytes[mask_at..].first_chunk() else {
            return Ok(None);
        };
        let header = Self { opcode, fin: first & FIN != 0, compressed, len, mask: *mask };
        Ok(Some((header, mask_at + mask.len())))
    }
}

impl Expected<'_> {
    fn check_first_byte(&self, first: u8, opcode: Opcode) -> Result<(), Error> {
        let may_compress = self.deflate && matches!(opcode, Opcode::Text | Opcode::Binary);
        if first & RSV2_AND_RSV3 != 0 || (first & RSV1 != 0 && !may_compress) {
            return Err(Error::ReservedBits);
        }
        match (opcode, self.continuation) {
            (Opcode::Continuation, None) => Err(Error::UnexpectedContinuation),
            (Opcode::Text | Opcode::Binary, Some(_)) => Err(Error::ExpectedContinuation),
            _ if opcode.is_control() && first & FIN == 0 => Err(Error::FragmentedControl),
            _ => Ok(()),
        }
    }

    /// Refuses a data frame that cannot be taken. A compressed one may grow or shrink, so its
    /// message is measured while it is inflated.
    fn check_len(&self, len: u64, opcode: Opcode, compressed: bool) -> Result<usize, Error> {
        let len = usize::try_from(len).map_err(|_| Error::FrameTooBig)?;
        if opcode.is_control() {
            return Ok(len);
        }
        if len > self.limits.frame {
            return Err(Error::FrameTooBig);
        }
        let room = self.continuation.unwrap_or(self.limits.message);
        if !compressed && len > room {
            return Err(Error::MessageTooBig);
        }
        Ok(len)
    }
}

fn check_second_byte(second: u8, opcode: Opcode) -> Result<(), Error> {
    if second & MASK == 0 {
        return Err(Error::Unmasked);
    }
    if opcode.is_control() && second & !MASK > MAX_CONTROL {
        return Err(Error::ControlTooLong);
    }
    Ok(())
}

/// The payload's length and where the mask begins; `None` when bytes of the length are missing.
fn parse_len(short: u8, bytes: &[u8]) -> Result<Option<(u64, usize)>, Error> {
    match short {
        126 => match bytes[2..].first_chunk() {
            Some(long) => minimal(u64::from(u16::from_be_bytes(*long)), 126, 4),
            None => Ok(None),
        },
        127 => match bytes[2..].first_chunk() {
            Some(long) => minimal(u64::from_be_bytes(*long), 1 << 16, 10),
            None => Ok(None),
        },
        _ => Ok(Some((u64::from(short), 2))),
    }
}

fn minimal(len: u64, least: u64, mask_at: usize) -> Result<Option<(u64, usize)>, Error> {
    if len < least {
        return Err(Error::LengthNotMinimal);
    }
    if len >> 63 != 0 {
        return Err(Error::LengthOutOfRange);
    }
    Ok(Some((len, mask_at)))
}

/// Takes the mask off (RFC 6455 section 5.3), eight bytes at a time, and turns `mask` so that it
/// fits the byte after `payload`.
pub(super) fn unmask(payload: &mut [u8], mask: &mut [u8; 4]) {
    let [a, b, c, d] = *mask;
    let wide = u64::from_ne_bytes([a, b, c, d, a, b, c, d]);
    let (words, tail) = payload.as_chunks_mut();
    for word in words {
        *word = (u64::from_ne_bytes(*word) ^ wide).to_ne_bytes();
    }
    for (byte, key) in tail.iter_mut().zip([a, b, c, d, a, b, c, d]) {
        *byte ^= key;
    }
    mask.rotate_left(tail.len() % 4);
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits = Limits { message: 70_000, frame: 70_000, fragments: 8 };
    const FRESH: Expected<'static> = Expected { limits: &LIMITS, deflate: false, continuation: None };
    const DEFLATE: Expected<'static> = Expected { deflate: true, ..FRESH };
    const INSIDE: Expected<'static> = Expected { continuation: Some(10), ..DEFLATE };

    /// A header whose payload is `len` bytes.
    fn parsed_len(bytes: &[u8]) -> Result<usize, Error> {
        let (header, used) = Header::parse(bytes, &FRESH)?.expect("a whole header");
        assert_eq!(used, bytes.len());
        Ok(header.len)
    }

    fn refusal(bytes: &[u8], expected: &Expected<'_>) -> Option<Error> {
        Header::parse(bytes, expected).err()
    }

    #[test]
    fn the_masked_hello_of_the_rfc_is_read() {
        let header =
            Header { opcode: Opcode::Text, fin: true, compressed: false, len: 5, mask: [0x37, 0xfa, 0x21, 0x3d] };
        let bytes = b"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58";
        assert_eq!(Header::parse(bytes, &FRESH), Ok(Some((header, 6))));
    }

    #[test]
    fn lengths_of_all_three_forms_are_read() {
        assert_eq!(parsed_len(b"\x82\x80mask"), Ok(0));
        assert_eq!(parsed_len(b"\x82\xfdmask"), Ok(125));
        assert_eq!(parsed_len(b"\x82\xfe\x00\x7emask"), Ok(126));
        assert_eq!(parsed_len(b"\x82\xfe\xff\xffmask"), Ok(65_535));
        assert_eq!(parsed_len(b"\x82\xff\x00\x00\x00\x00\x00\x01\x00\x00mask"), Ok(65_536));
    }

    #[test]
    fn a_header_that_is_cut_anywhere_is_not_there_yet() {
        for bytes in [&b"\x82\xfdmask"[..], b"\x82\xfe\x01\x00mask", b"\x82\xff\0\0\0\0\0\x01\0\0mask"] {
            for len in 0..bytes.len() {
                assert_eq!(Header::parse(&bytes[..len], &FRESH), Ok(None));
            }
        }
    }

    #[test]
    fn a_length_longer_than_it_needs_or_over_63_bits_is_refused() {
        assert_eq!(refusal(b"\x82\xfe\x00\x7d", &FRESH), Some(Error::LengthNotMinimal));
        assert_eq!(refusal(b"\x82\xff\0\0\0\0\0\0\xff\xff", &FRESH), Some(Error::LengthNotMinimal));
        assert_eq!(refusal(b"\x82\xff\x80\0\0\0\0\0\0\0", &FRESH), Some(Error::LengthOutOfRange));
    }

    #[test]
    fn a_length_over_a_limit_is_refused_before_the_mask_has_come() {
        assert_eq!(refusal(b"\x82\xff\0\0\0\0\0\x01\x11\x71", &FRESH), Some(Error::FrameTooBig));
        assert_eq!(refusal(b"\x82\xff\x7f\xff\xff\xff\xff\xff\xff\xff", &FRESH), Some(Error::FrameTooBig));
        assert_eq!(refusal(b"\x80\x8b", &INSIDE), Some(Error::MessageTooBig));
        assert_eq!(refusal(b"\x80\x8a", &INSIDE), None);
    }

    #[test]
    fn a_frame_without_a_mask_is_refused_at_its_second_byte() {
        assert_eq!(refusal(b"\x81\x05", &FRESH), Some(Error::Unmasked));
    }

    #[test]
    fn reserved_bits_and_opcodes_are_refused_at_the_first_byte() {
        for bit in [0x40, 0x20, 0x10] {
            assert_eq!(refusal(&[0x81 | bit], &FRESH), Some(Error::ReservedBits));
        }
        assert_eq!(refusal(b"\x83", &FRESH), Some(Error::ReservedOpcode(3)));
        assert_eq!(refusal(b"\x8b", &FRESH), Some(Error::ReservedOpcode(11)));
    }

    #[test]
    fn rsv1_is_allowed_only_on_the_first_frame_of_a_message_when_negotiated() {
        assert_eq!(refusal(b"\xc1", &DEFLATE), None);
        assert_eq!(refusal(b"\x42", &DEFLATE), None);
        assert_eq!(refusal(b"\xe1", &DEFLATE), Some(Error::ReservedBits));
        assert_eq!(refusal(b"\xc0", &INSIDE), Some(Error::ReservedBits));
        assert_eq!(refusal(b"\xc9", &DEFLATE), Some(Error::ReservedBits));
    }

    #[test]
    fn fragments_come_in_their_order() {
        assert_eq!(refusal(b"\x80", &FRESH), Some(Error::UnexpectedContinuation));
        assert_eq!(refusal(b"\x81", &INSIDE), Some(Error::ExpectedContinuation));
        assert_eq!(refusal(b"\x89", &INSIDE), None);
    }

    #[test]
    fn control_frames_are_whole_and_at_most_125_bytes() {
        assert_eq!(refusal(b"\x09", &FRESH), Some(Error::FragmentedControl));
        assert_eq!(refusal(b"\x89\xfe", &FRESH), Some(Error::ControlTooLong));
        assert_eq!(refusal(b"\x89\xfd", &FRESH), None);
    }

    #[test]
    fn a_mask_comes_off_in_pieces_as_at_once() {
        let plain: Vec<u8> = (0..40).collect();
        for cut in 0..=plain.len() {
            let mut mask = [0x37, 0xfa, 0x21, 0x3d];
            let keys = mask.iter().cycle();
            let mut masked: Vec<u8> = plain.iter().zip(keys).map(|(byte, key)| byte ^ key).collect();
            let (front, back) = masked.split_at_mut(cut);
            unmask(front, &mut mask);
            unmask(back, &mut mask);
            assert_eq!(masked, plain);
        }
    }
}
