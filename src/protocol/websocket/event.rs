use super::Close;
use bytes::Bytes;
use bytestring::ByteString;

/// What a client said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A whole message of text.
    Text(ByteString),
    /// A whole message of bytes.
    Binary(Bytes),
    /// To be answered with a pong of the same payload, at most 125 bytes (RFC 6455 section 5.5.2).
    Ping(Bytes),
    /// To be ignored, but for the sign of life (RFC 6455 section 5.5.3).
    Pong(Bytes),
    /// The last frame of the client (RFC 6455 section 5.5.1): nothing after it is to be decoded.
    Close(Option<Close>),
}
