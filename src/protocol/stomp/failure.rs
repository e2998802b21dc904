use super::encode::{self, push_header};
use super::{DecodeError, Version};
use crate::model::{Destination, Disconnect, Message};
use bytestring::ByteString;

/// Why a connection ends: what the ERROR frame says, and how the session is closed behind it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    disconnect: Disconnect,
    message: ByteString,
    detail: ByteString,
    receipt: Option<ByteString>,
    lists_versions: bool,
    is_harmless: bool,
}

impl Failure {
    /// A failure with a short description and, for people, what would have been right. Both reach the client.
    pub fn new(disconnect: Disconnect, message: impl Into<ByteString>, detail: impl Into<ByteString>) -> Self {
        let (message, detail) = (message.into(), detail.into());
        Self { disconnect, message, detail, receipt: None, lists_versions: false, is_harmless: false }
    }

    /// The client took longer than `frame_timeout` over one frame.
    pub fn frame_timeout() -> Self {
        Self::new(Disconnect::FLOOD, "Frame not finished in time", "A frame ends with a NUL.")
    }

    /// The client sent no CONNECT within `connect_timeout`.
    pub fn connect_timeout() -> Self {
        Self::new(Disconnect::CONNECT_TIMEOUT, "No CONNECT in time", "The first frame has to be CONNECT or STOMP.")
    }

    /// The client was silent for longer than [`Heartbeat::expect_within`](super::Heartbeat::expect_within).
    pub fn silent() -> Self {
        Self::new(Disconnect::NO_HEARTBEAT, "No heartbeat in time", "The client sent less often than it promised.")
    }

    /// No version of the client's is the server's.
    pub(super) fn no_common_version() -> Self {
        let detail = format!("Supported protocol versions are {}.", Version::SUPPORTED);
        let failure = Self::new(Disconnect::STOMP_PROTOCOL_ERROR, "No common protocol version", detail);
        Self { lists_versions: true, ..failure }
    }

    /// A frame that breaks a rule.
    pub(super) fn protocol(message: impl Into<ByteString>, detail: &'static str) -> Self {
        Self::new(Disconnect::STOMP_PROTOCOL_ERROR, message, detail)
    }

    /// A frame that is right in itself, but not now.
    pub(super) fn sequence(message: &'static str, detail: &'static str) -> Self {
        Self::new(Disconnect::STOMP_SEQUENCE, message, detail)
    }

    /// A frame that is one too many.
    pub(super) fn limit(message: &'static str, detail: &'static str) -> Self {
        Self::new(Disconnect::STOMP_LIMIT, message, detail)
    }

    /// The same for a frame that changed nothing, so that the connection could go on
    /// ([`Event::Refused`](super::Event::Refused)). What would leave client and server with different notions of an id is
    /// not harmless, nor is what breaks the framing.
    pub(super) fn harmless(self) -> Self {
        Self { is_harmless: true, ..self }
    }

    pub(super) fn is_harmless(&self) -> bool {
        self.is_harmless
    }

    /// The same for a frame that asked for this receipt: the ERROR names it (STOMP 1.2, "ERROR").
    #[must_use]
    pub fn with_receipt(self, receipt: Option<ByteString>) -> Self {
        Self { receipt, ..self }
    }

    /// The same, with the frame that it is about: its command, and its destination as far as that is short.
    #[must_use]
    pub fn about(self, command: &str, destination: &str) -> Self {
        let end = destination.floor_char_boundary(MAX_DESTINATION.min(destination.len()));
        Self { message: format!("{}: {command} {}", self.message, &destination[..end]).into(), ..self }
    }

    /// How the session ends behind the ERROR.
    pub fn disconnect(&self) -> &Disconnect {
        &self.disconnect
    }

    /// The short description.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// The ERROR frame (STOMP 1.2, "ERROR"), as text. A client without a version has agreed to no escapes, so it gets none.
    pub fn to_frame(&self, version: Option<Version>) -> Message {
        let version = version.unwrap_or(Version::V1_0);
        let mut frame = String::from("ERROR\n");
        push_header(&mut frame, "message", &self.message, version);
        if let Some(receipt) = &self.receipt {
            push_header(&mut frame, "receipt-id", receipt, version);
        }
        if self.lists_versions {
            push_header(&mut frame, "version", Version::SUPPORTED, version);
        }
        encode::push_text_body(&mut frame, &self.detail);
        Message::text(frame)
    }
}

/// How many bytes of a destination an ERROR repeats: the longest that is one.
const MAX_DESTINATION: usize = Destination::MAX_LEN;

impl From<DecodeError> for Failure {
    fn from(error: DecodeError) -> Self {
        Self::new(error.disconnect(), error.to_string(), error.detail())
    }
}
