use super::{Error, utf8};
use bytestring::ByteString;

/// What a close frame says (RFC 6455 section 5.5.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Close {
    /// Why, as a number that [`Close::allows`].
    pub code: u16,
    /// Why, in words for a log; at most 123 bytes, often empty.
    pub reason: ByteString,
}

impl Close {
    /// Whether a close frame may carry this code (RFC 6455 section 7.4 and the IANA registry):
    /// 1000 to 1003, 1007 to 1014, and 3000 to 4999. The others are reserved, or stand for what
    /// happened to a connection without a close frame (1005, 1006, 1015).
    #[must_use]
    pub fn allows(code: u16) -> bool {
        matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999)
    }

    /// Reads a close frame's payload; `None` when it is empty.
    pub(super) fn parse(payload: &[u8]) -> Result<Option<Self>, Error> {
        match payload {
            [] => Ok(None),
            [_] => Err(Error::CloseTooShort),
            [high, low, reason @ ..] => Self::new(u16::from_be_bytes([*high, *low]), reason).map(Some),
        }
    }

    fn new(code: u16, reason: &[u8]) -> Result<Self, Error> {
        if !Self::allows(code) {
            return Err(Error::CloseCode(code));
        }
        let reason = utf8::validate(reason)?.into();
        Ok(Self { code, reason })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_codes_that_may_be_sent_are_allowed() {
        let allowed = [1000, 1003, 1007, 1011, 1012, 1014, 3000, 3999, 4000, 4999];
        let refused = [0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535];
        assert!(allowed.into_iter().all(Close::allows));
        assert!(!refused.into_iter().any(Close::allows));
    }

    #[test]
    fn an_empty_payload_is_a_close_without_a_code() {
        assert_eq!(Close::parse(b""), Ok(None));
    }

    #[test]
    fn a_code_and_a_reason_are_read() {
        let close = Close { code: 1001, reason: "bye".into() };
        assert_eq!(Close::parse(b"\x03\xe9bye"), Ok(Some(close)));
    }

    #[test]
    fn one_byte_a_forbidden_code_and_a_bad_reason_are_refused() {
        assert_eq!(Close::parse(b"\x03"), Err(Error::CloseTooShort));
        assert_eq!(Close::parse(&1005u16.to_be_bytes()), Err(Error::CloseCode(1005)));
        assert_eq!(Close::parse(b"\x03\xe8\xff"), Err(Error::Utf8));
        assert_eq!(Close::parse(b"\x03\xe8\xc3"), Err(Error::Utf8));
    }
}
