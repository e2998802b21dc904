use crate::model::Disconnect;
use std::fmt;

/// Why a client's bytes are no frame. `Display` is for the client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum DecodeError {
    /// A frame's head holds a NUL: the blank line is missing.
    NulInHead,
    /// A line is longer than `max_line_bytes`.
    LineTooLong,
    /// A head is longer than `max_head_bytes`.
    HeadTooLong,
    /// A frame has more header lines than `max_headers`.
    TooManyHeaders,
    /// A head is not UTF-8.
    Utf8,
    /// A CR that no LF follows.
    CarriageReturn,
    /// A header line without a colon.
    NoColon,
    /// A header line that begins with its colon.
    NoName,
    /// An escape that the version does not have.
    UndefinedEscape,
    /// A command that the version does not have.
    UnknownCommand,
    /// A frame before CONNECT.
    NotConnected,
    /// A `content-length` that is not a number, or too large for one.
    ContentLength,
    /// A body is longer than `max_body_bytes`.
    BodyTooLong,
    /// A body on a frame that can have none.
    UnexpectedBody,
    /// No NUL after as many bytes of body as `content-length` said.
    MissingNul,
}

impl DecodeError {
    /// How the session ends.
    pub fn disconnect(self) -> Disconnect {
        match self {
            Self::LineTooLong | Self::HeadTooLong | Self::TooManyHeaders | Self::BodyTooLong => {
                Disconnect::MESSAGE_TOO_BIG
            }
            Self::NotConnected => Disconnect::STOMP_SEQUENCE,
            _ => Disconnect::STOMP_PROTOCOL_ERROR,
        }
    }

    /// What would have been right.
    pub(super) fn detail(self) -> &'static str {
        match self {
            Self::NulInHead => "A blank line is needed between the headers and the body.",
            Self::LineTooLong | Self::HeadTooLong | Self::TooManyHeaders | Self::BodyTooLong => {
                "The server's settings limit the number of headers and the length of a line, of a head and of a body."
            }
            Self::Utf8 => "Commands and headers are encoded in UTF-8.",
            Self::CarriageReturn => "A carriage return in a header is written \\r.",
            Self::NoColon | Self::NoName => "A header is a name, a colon and a value.",
            Self::UndefinedEscape => "Escapes are \\n, \\c and \\\\, and \\r in STOMP 1.2.",
            Self::UnknownCommand => "Commands are case-sensitive, and each version has its own.",
            Self::NotConnected => "The first frame has to be CONNECT or STOMP.",
            Self::ContentLength => "The content-length is a number of bytes in decimal digits.",
            Self::UnexpectedBody => "Only SEND can have a body.",
            Self::MissingNul => "The content-length counts bytes, not characters; a NUL has to follow.",
        }
    }
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NulInHead => "NUL in the head of a frame",
            Self::LineTooLong => "Header line too long",
            Self::HeadTooLong => "Headers too long",
            Self::TooManyHeaders => "Too many headers",
            Self::Utf8 => "Headers are not UTF-8",
            Self::CarriageReturn => "Carriage return in a header",
            Self::NoColon => "Header without a colon",
            Self::NoName => "Header without a name",
            Self::UndefinedEscape => "Undefined escape in a header",
            Self::UnknownCommand => "Unknown command",
            Self::NotConnected => "Not connected",
            Self::ContentLength => "Malformed content-length",
            Self::BodyTooLong => "Body too long",
            Self::UnexpectedBody => "Frame cannot have a body",
            Self::MissingNul => "No NUL after the body",
        })
    }
}

impl std::error::Error for DecodeError {}
