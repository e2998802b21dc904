use super::Opcode;
use bytes::Bytes;

/// The most bytes of a close frame's reason: 125 of a control frame, less two for the code.
const MAX_REASON: usize = 123;

const FIN: u8 = 0x80;
const RSV1: u8 = 0x40;

/// One unmasked, unfragmented frame (RFC 6455 section 5.2): header and payload in one allocation,
/// to be shared by every connection that it goes to.
///
/// The payload of a control frame must not be over 125 bytes (section 5.5), and that of a text
/// frame must be UTF-8 (section 5.6).
#[must_use]
pub fn encode(opcode: Opcode, payload: &[u8]) -> Bytes {
    debug_assert!(!opcode.is_control() || payload.len() <= 125);
    frame(FIN | opcode as u8, payload)
}

/// One frame as [`encode`] makes it, of a message that [`Deflater`](super::Deflater) compressed:
/// RSV1 is set (RFC 7692 section 6). Only for a connection that negotiated compression.
#[must_use]
pub fn encode_deflated(opcode: Opcode, compressed: &[u8]) -> Bytes {
    debug_assert!(matches!(opcode, Opcode::Text | Opcode::Binary));
    frame(FIN | RSV1 | opcode as u8, compressed)
}

/// A close frame (RFC 6455 section 5.5.1), with a code that [`Close::allows`](super::Close::allows)
/// and a reason, or empty. A reason over 123 bytes is cut at the end of a character.
#[must_use]
pub fn encode_close(close: Option<(u16, &str)>) -> Bytes {
    let Some((code, reason)) = close else {
        return encode(Opcode::Close, &[]);
    };
    let reason = &reason[..reason.floor_char_boundary(MAX_REASON)];
    encode(Opcode::Close, &[&code.to_be_bytes(), reason.as_bytes()].concat())
}

fn frame(first: u8, payload: &[u8]) -> Bytes {
    let mut frame = Vec::with_capacity(header_len(payload.len()) + payload.len());
    frame.push(first);
    match payload.len() {
        len @ 0..126 => frame.push(len as u8),
        len @ 126..0x1_0000 => {
            frame.push(126);
            frame.extend_from_slice(&(len as u16).to_be_bytes());
        }
        len => {
            frame.push(127);
            frame.extend_from_slice(&(len as u64).to_be_bytes());
        }
    }
    frame.extend_from_slice(payload);
    frame.into()
}

fn header_len(payload: usize) -> usize {
    match payload {
        0..126 => 2,
        126..0x1_0000 => 4,
        _ => 10,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_unmasked_examples_of_the_rfc_are_written_byte_for_byte() {
        assert_eq!(encode(Opcode::Text, b"Hello")[..], *b"\x81\x05Hello");
        assert_eq!(encode(Opcode::Ping, b"Hello")[..], *b"\x89\x05Hello");
        assert_eq!(encode(Opcode::Binary, &[0; 256])[..4], *b"\x82\x7e\x01\x00");
        assert_eq!(encode(Opcode::Binary, &[0; 65536])[..10], *b"\x82\x7f\x00\x00\x00\x00\x00\x01\x00\x00");
    }

    #[test]
    fn a_length_takes_as_few_bytes_as_it_can() {
        for (len, header) in [(0, 2), (125, 2), (126, 4), (65535, 4), (65536, 10)] {
            assert_eq!(encode(Opcode::Binary, &vec![0; len]).len(), header + len);
        }
    }

    #[test]
    fn a_compressed_frame_has_rsv1_set() {
        let hello = [0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00];
        let frame = encode_deflated(Opcode::Text, &hello);
        assert_eq!(frame[..], *b"\xc1\x07\xf2\x48\xcd\xc9\xc9\x07\x00");
    }

    #[test]
    fn a_close_frame_carries_code_and_reason_or_nothing() {
        assert_eq!(encode_close(None)[..], *b"\x88\x00");
        assert_eq!(encode_close(Some((1001, "bye")))[..], *b"\x88\x05\x03\xe9bye");
    }

    #[test]
    fn a_long_reason_is_cut_between_two_characters() {
        let frame = encode_close(Some((1000, &"€".repeat(50))));
        assert_eq!(frame.len(), 2 + 2 + 123);
        let frame = encode_close(Some((1000, &format!("a{}", "€".repeat(50)))));
        assert_eq!(frame.len(), 2 + 2 + 121);
        assert!(std::str::from_utf8(&frame[4..]).is_ok());
    }
}
