use super::{Failure, Heartbeat, Version};
use crate::model::{AckMode, Headers, Message};
use bytestring::ByteString;
use std::fmt;

/// What a client asks for, checked as its version demands.
///
/// Whoever carries an event out sends its receipt behind it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// The client wants to connect. Nothing follows before [`Connection::connected`](super::Connection::connected).
    Connect(Connect),
    /// Something outside a transaction.
    Action(Action),
    /// A new subscription.
    Subscribe(Subscribe),
    /// The end of a subscription that there was.
    Unsubscribe {
        /// Which one.
        id: SubscriptionId,
        /// The receipt that the client asked for.
        receipt: Option<ByteString>,
    },
    /// A transaction takes effect: all of this, in this order, or nothing.
    Commit {
        /// What was done in the transaction. Their receipts were given when they came.
        actions: Vec<Action>,
        /// The receipt that the client asked for.
        receipt: Option<ByteString>,
    },
    /// Something was done within the connection; there is only a receipt to send.
    Receipt(ByteString),
    /// A frame that is right in itself changed nothing, and does no harm: it names a subscription or a transaction that there
    /// is not, or would begin one too many. Whether the client, which is to be told, may go on is the caller's to say.
    Refused(Failure),
    /// The client leaves. The receipt is never to be withheld: clients wait for it.
    Disconnect {
        /// The receipt that the client asked for.
        receipt: Option<ByteString>,
    },
}

/// What a transaction can hold (STOMP 1.2, "BEGIN").
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// A message to a destination.
    Send(Send),
    /// A message was consumed.
    Ack(Ack),
    /// A message was not consumed.
    Nack(Ack),
}

impl Action {
    /// The receipt that the client asked for.
    pub fn receipt(&self) -> Option<&ByteString> {
        match self {
            Self::Send(send) => send.receipt.as_ref(),
            Self::Ack(ack) | Self::Nack(ack) => ack.receipt.as_ref(),
        }
    }
}

/// CONNECT or STOMP. `Debug` shows no secrets.
#[derive(Clone, PartialEq, Eq)]
pub struct Connect {
    /// The version from now on: the highest that both sides have.
    pub version: Version,
    /// The virtual host. 1.1 and 1.2 demand it, but common clients send none, so none is accepted.
    pub host: Option<ByteString>,
    /// The user's name.
    pub login: Option<ByteString>,
    /// The user's password or token.
    pub passcode: Option<ByteString>,
    /// What both sides agreed to; none in 1.0.
    pub heartbeat: Heartbeat,
    /// All other headers, such as `Authorization`.
    pub headers: Headers,
}

impl fmt::Debug for Connect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connect")
            .field("version", &self.version)
            .field("host", &self.host)
            .field("login", &self.login)
            .field("heartbeat", &self.heartbeat)
            .field("headers", &self.headers)
            .finish_non_exhaustive()
    }
}

/// SEND.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Send {
    /// Where to, unchecked.
    pub destination: ByteString,
    /// What reaches the MESSAGE: `content-type` and the user's own. What means the frame itself, and what is the server's to
    /// set, is left out.
    pub headers: Headers,
    /// The body: text when the frame came as text.
    pub body: Message,
    /// The receipt that the client asked for.
    pub receipt: Option<ByteString>,
}

/// SUBSCRIBE.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subscribe {
    /// What the client calls it. It stays taken until the client unsubscribes, whatever becomes of the subscription.
    pub id: SubscriptionId,
    /// What to, unchecked.
    pub destination: ByteString,
    /// How messages are acknowledged.
    pub ack: AckMode,
    /// All other headers, such as `selector`.
    pub headers: Headers,
    /// The receipt that the client asked for.
    pub receipt: Option<ByteString>,
}

/// How a client tells its subscriptions apart; unique on a connection.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum SubscriptionId {
    /// By the `id` of SUBSCRIBE.
    Named(ByteString),
    /// By the destination: STOMP 1.0 may give no id. MESSAGE then has no `subscription` header.
    Destination(ByteString),
}

impl SubscriptionId {
    /// What the client calls it.
    pub fn as_text(&self) -> &ByteString {
        match self {
            Self::Named(id) | Self::Destination(id) => id,
        }
    }

    /// The `subscription` header of MESSAGE, where there is one.
    pub fn header(&self) -> Option<&ByteString> {
        match self {
            Self::Named(id) => Some(id),
            Self::Destination(_) => None,
        }
    }
}

/// ACK or NACK.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ack {
    /// What is meant.
    pub reference: AckReference,
    /// The receipt that the client asked for.
    pub receipt: Option<ByteString>,
}

/// What an ACK or NACK means; whether there is such a message is the caller's to say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AckReference {
    /// The value of MESSAGE's `ack` header (1.2).
    Id(ByteString),
    /// The `message-id` of a MESSAGE (1.0 and 1.1).
    Message {
        /// The `message-id`.
        id: ByteString,
        /// The `id` of the subscription that it came by: always in 1.1, perhaps in 1.0.
        subscription: Option<ByteString>,
    },
}
