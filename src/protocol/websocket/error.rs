use std::fmt;

/// Why a client's bytes were refused. The connection is to be failed with [`code`](Self::code)
/// (RFC 6455 section 7.1.7). `Display` names the section that was broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Error {
    /// A bit is set that no negotiated extension gives a meaning.
    ReservedBits,
    /// An opcode is used that no RFC gives a meaning.
    ReservedOpcode(u8),
    /// A client's frame is not masked.
    Unmasked,
    /// A control frame is split.
    FragmentedControl,
    /// A control frame carries more than 125 bytes.
    ControlTooLong,
    /// A continuation comes while no message is under way.
    UnexpectedContinuation,
    /// A new message begins while another one is under way.
    ExpectedContinuation,
    /// A length is written in more bytes than it needs.
    LengthNotMinimal,
    /// A 64-bit length has its highest bit set.
    LengthOutOfRange,
    /// A close frame's payload is one byte: neither empty nor a code.
    CloseTooShort,
    /// A close frame carries a code that must not be sent.
    CloseCode(u16),
    /// Text or a close reason is not UTF-8.
    Utf8,
    /// A compressed message is not deflate data, or ends inside a block.
    Deflate,
    /// A message comes in more frames than [`Limits::fragments`](super::Limits::fragments).
    TooManyFragments,
    /// A frame is longer than [`Limits::frame`](super::Limits::frame).
    FrameTooBig,
    /// A message is longer than [`Limits::message`](super::Limits::message).
    MessageTooBig,
}

impl Error {
    /// The close code that tells the peer: 1002 for a broken rule, 1007 for data that is not what
    /// it claims to be, 1008 for too many fragments, 1009 for too many bytes
    /// (RFC 6455 section 7.4.1).
    #[must_use]
    pub fn code(self) -> u16 {
        match self {
            Self::Utf8 | Self::Deflate => 1007,
            Self::TooManyFragments => 1008,
            Self::FrameTooBig | Self::MessageTooBig => 1009,
            _ => 1002,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (what, section) = match self {
            Self::ReservedOpcode(opcode) => {
                return write!(f, "reserved opcode {opcode:#x} (RFC 6455 section 5.2)");
            }
            Self::CloseCode(code) => {
                return write!(f, "close code {code} must not be sent (RFC 6455 section 7.4)");
            }
            Self::ReservedBits => ("reserved bit set", "6455 section 5.2"),
            Self::Unmasked => ("client frame not masked", "6455 section 5.1"),
            Self::FragmentedControl => ("control frame fragmented", "6455 section 5.5"),
            Self::ControlTooLong => ("control frame over 125 bytes", "6455 section 5.5"),
            Self::UnexpectedContinuation => ("continuation without a message", "6455 section 5.4"),
            Self::ExpectedContinuation => ("message inside a message", "6455 section 5.4"),
            Self::LengthNotMinimal => ("length not minimally encoded", "6455 section 5.2"),
            Self::LengthOutOfRange => ("length over 63 bits", "6455 section 5.2"),
            Self::CloseTooShort => ("close payload of one byte", "6455 section 5.5.1"),
            Self::Utf8 => ("not UTF-8", "6455 section 8.1"),
            Self::Deflate => ("not deflate data", "7692 section 7.2.2"),
            Self::TooManyFragments => ("too many fragments", "6455 section 10.4"),
            Self::FrameTooBig => ("frame too big", "6455 section 10.4"),
            Self::MessageTooBig => ("message too big", "6455 section 10.4"),
        };
        write!(f, "{what} (RFC {section})")
    }
}

impl std::error::Error for Error {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_small_and_says_which_rule_was_broken() {
        assert!(size_of::<Error>() <= 4);
        assert_eq!(Error::ReservedOpcode(0xB).to_string(), "reserved opcode 0xb (RFC 6455 section 5.2)");
        assert_eq!(Error::CloseCode(1005).to_string(), "close code 1005 must not be sent (RFC 6455 section 7.4)");
        assert_eq!(Error::Utf8.to_string(), "not UTF-8 (RFC 6455 section 8.1)");
    }

    #[test]
    fn each_kind_of_error_has_the_close_code_of_the_rfc() {
        assert_eq!(Error::Unmasked.code(), 1002);
        assert_eq!(Error::Utf8.code(), 1007);
        assert_eq!(Error::Deflate.code(), 1007);
        assert_eq!(Error::TooManyFragments.code(), 1008);
        assert_eq!(Error::FrameTooBig.code(), 1009);
        assert_eq!(Error::MessageTooBig.code(), 1009);
    }
}
