use super::{Headers, Version};
use crate::model::Message;
use bytestring::ByteString;

/// What a client can ask for (STOMP 1.2, "Client Frames").
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Command {
    /// The first frame of a connection; `STOMP` is another name for it.
    Connect,
    /// A message to a destination.
    Send,
    /// Messages of a destination, from now on.
    Subscribe,
    /// No more messages of a subscription.
    Unsubscribe,
    /// A message was consumed.
    Ack,
    /// A message was not consumed; not in 1.0.
    Nack,
    /// A transaction begins.
    Begin,
    /// A transaction takes effect.
    Commit,
    /// A transaction is forgotten.
    Abort,
    /// The last frame of a connection.
    Disconnect,
}

impl Command {
    /// The command with this name in a version, or on a connection that has none yet. Names are case-sensitive.
    pub(super) fn parse(name: &str, version: Option<Version>) -> Option<Self> {
        Some(match name {
            "CONNECT" | "STOMP" => Self::Connect,
            "SEND" => Self::Send,
            "SUBSCRIBE" => Self::Subscribe,
            "UNSUBSCRIBE" => Self::Unsubscribe,
            "ACK" => Self::Ack,
            "NACK" if version != Some(Version::V1_0) => Self::Nack,
            "BEGIN" => Self::Begin,
            "COMMIT" => Self::Commit,
            "ABORT" => Self::Abort,
            "DISCONNECT" => Self::Disconnect,
            _ => return None,
        })
    }
}

/// A client's frame, read but not yet understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// What the client asks for.
    pub command: Command,
    /// The headers, unescaped. They share one allocation, which is as large as the frame's head.
    pub headers: Headers,
    /// The body: text when the whole frame came in text messages. It keeps at most twice its bytes in memory.
    pub body: Message,
    /// Bytes of head and body as they came.
    pub len: usize,
}

/// What a header takes beside its bytes, and a frame beside those and its headers.
const HEADER_COST: usize = size_of::<(ByteString, ByteString)>();
const FRAME_COST: usize = 256;

impl Frame {
    /// What it takes in memory, in bytes: more than came where it has many small headers.
    pub(super) fn cost(&self) -> usize {
        cost(self.len, &self.headers)
    }
}

/// The same of `len` bytes with these headers.
pub(super) fn cost(len: usize, headers: &Headers) -> usize {
    len + headers.len() * HEADER_COST + FRAME_COST
}
