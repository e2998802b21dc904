use super::Error;

/// What a frame is (RFC 6455 section 5.2, "Opcode").
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Opcode {
    /// The next fragment of the message that is under way.
    Continuation = 0x0,
    /// A message that is UTF-8 text, or its first fragment.
    Text = 0x1,
    /// A message of bytes, or its first fragment.
    Binary = 0x2,
    /// The start of the closing handshake, or its answer.
    Close = 0x8,
    /// A question whether the peer is there.
    Ping = 0x9,
    /// The answer to a ping, or a sign of life that nobody asked for.
    Pong = 0xA,
}

impl Opcode {
    /// Reads the low four bits of a frame's first byte; the eleven reserved values are refused.
    pub(super) fn from_first_byte(byte: u8) -> Result<Self, Error> {
        match byte & 0x0F {
            0x0 => Ok(Self::Continuation),
            0x1 => Ok(Self::Text),
            0x2 => Ok(Self::Binary),
            0x8 => Ok(Self::Close),
            0x9 => Ok(Self::Ping),
            0xA => Ok(Self::Pong),
            reserved => Err(Error::ReservedOpcode(reserved)),
        }
    }

    /// Whether this is a control frame: close, ping or pong (RFC 6455 section 5.5).
    #[must_use]
    pub fn is_control(self) -> bool {
        self as u8 >= 0x8
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_six_opcodes_of_the_rfc_are_known_and_the_others_are_reserved() {
        for value in 0..16 {
            match Opcode::from_first_byte(0x80 | value) {
                Ok(opcode) => assert_eq!(opcode as u8, value),
                Err(error) => assert_eq!(error, Error::ReservedOpcode(value)),
            }
        }
        let known = (0..16).filter(|value| Opcode::from_first_byte(*value).is_ok());
        assert_eq!(known.collect::<Vec<_>>(), [0, 1, 2, 8, 9, 10]);
    }

    #[test]
    fn only_close_ping_and_pong_are_control_frames() {
        assert!([Opcode::Close, Opcode::Ping, Opcode::Pong].into_iter().all(Opcode::is_control));
        let data = [Opcode::Continuation, Opcode::Text, Opcode::Binary];
        assert!(!data.into_iter().any(Opcode::is_control));
    }
}
