use super::client::Stage;
use super::{Client, Messenger};
use crate::model::{DestinationPattern, Disconnect};
use bytestring::ByteString;
use futures_util::future::BoxFuture;
use std::future::Future;

/// What happens to a session, for those who listen. Cheap to clone.
///
/// The events of one session come one at a time, in this order: `Connect`, `Connected`, any number of `Subscribed` and
/// `Unsubscribed`, `Disconnected`. `Connected` comes at most once, and `Disconnected` exactly once for each session
/// that had it, however it ended; a session that was refused has neither. The dispatcher holds back what would be out
/// of order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// CONNECT came and interceptors let it pass; nobody has looked at its credentials yet.
    Connect(Client),
    /// The client is signed in, or is let in without; it is told so after the listeners have run. What they send to it
    /// arrives only where it has subscribed.
    Connected(Client),
    /// A subscription is made: what is published from now on reaches it. A client that asked for a receipt gets it after
    /// the listeners have run.
    Subscribed {
        /// Whose it is.
        client: Client,
        /// The id that the client gave it.
        id: ByteString,
        /// Where it listens, as the client wrote it.
        destination: DestinationPattern,
    },
    /// A subscription is given up by its client. Those that end with their session end with `Disconnected` alone.
    Unsubscribed {
        /// Whose it was.
        client: Client,
        /// The id that the client gave it.
        id: ByteString,
        /// Where it listened, as the client wrote it.
        destination: DestinationPattern,
    },
    /// The session has ended. Nothing reaches it any more.
    Disconnected {
        /// Which one.
        client: Client,
        /// How.
        disconnect: Disconnect,
    },
}

impl Event {
    /// The session that it happens to.
    pub fn client(&self) -> &Client {
        match self {
            Self::Connect(client) | Self::Connected(client) => client,
            Self::Subscribed { client, .. } | Self::Unsubscribed { client, .. } => client,
            Self::Disconnected { client, .. } => client,
        }
    }

    /// Whether it is this event's turn; it is over then.
    pub(super) fn take_turn(&self) -> bool {
        let (from, to): (&[Stage], _) = match self {
            Self::Connect(_) => (&[Stage::New], Stage::Connecting),
            Self::Connected(_) => (&[Stage::New, Stage::Connecting], Stage::Connected),
            Self::Subscribed { .. } | Self::Unsubscribed { .. } => (&[Stage::Connected], Stage::Connected),
            Self::Disconnected { .. } => (&[Stage::Connected], Stage::Gone),
        };
        self.client().advance(from, to)
    }
}

pub(super) type Listener = Box<dyn Fn(Event, Messenger) -> BoxFuture<'static, ()> + Send + Sync>;

pub(super) fn listener<F, Done>(listener: F) -> Listener
where
    F: Fn(Event, Messenger) -> Done + Send + Sync + 'static,
    Done: Future<Output = ()> + Send + 'static,
{
    Box::new(move |event, messenger| Box::pin(listener(event, messenger)))
}
