use super::{Client, Result};
use crate::model::{Destination, DestinationPattern, Headers, Message, Publication};
use std::fmt;

/// Sees what comes in and what goes out, and may change, drop or refuse it.
///
/// Interceptors run in the order in which they were given. They wait for nothing; what has to ask elsewhere is an
/// authenticator or an authorizer.
///
/// No interceptor can take a check away: inbound they run before destinations get their meaning and before rules are
/// asked, so what they make of a message is what is checked; outbound they cannot change where a message goes.
pub trait Interceptor: Send + Sync + 'static {
    /// A client asks for something. The answer goes on to the next interceptor:
    ///
    /// - `Ok(Some(..))`: what came, or something else in its place, of the same kind;
    /// - `Ok(None)`: it is dropped. The client sees no difference: a receipt that it asked for is sent. A CONNECT cannot
    ///   be dropped without leaving its client waiting, and is refused instead;
    /// - `Err(..)`: it is refused, and the client is told so.
    fn inbound(&self, client: &Client, inbound: Inbound) -> Result<Option<Inbound>> {
        let _ = client;
        Ok(Some(inbound))
    }

    /// Something is about to be published: once for each publication, before it is copied to its subscribers. They all
    /// get what is left in it, or nothing where the answer is [`Flow::Drop`].
    fn outbound(&self, outbound: Outbound<'_>) -> Flow {
        let _ = outbound;
        Flow::Pass
    }
}

/// What a client asks for.
#[derive(Clone, PartialEq, Eq)]
pub enum Inbound {
    /// To be let in. The headers may have credentials, which the authenticator sees after the interceptors.
    Connect {
        /// All of CONNECT's headers.
        headers: Headers,
    },
    /// To send a message.
    Send(Publication),
    /// To listen. Its id is not for interceptors to change.
    Subscribe {
        /// Where.
        destination: DestinationPattern,
        /// The client's other headers.
        headers: Headers,
    },
}

/// Credentials and contents stay out of logs: headers by their names alone, and no body.
impl fmt::Debug for Inbound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (kind, destination, headers) = match self {
            Self::Connect { headers } => ("Connect", None, headers),
            Self::Send(publication) => ("Send", Some(publication.destination.as_str()), &publication.headers),
            Self::Subscribe { destination, headers } => ("Subscribe", Some(destination.as_str()), headers),
        };
        let names: Vec<_> = headers.iter().map(|(name, _)| name).collect();
        f.debug_struct(kind).field("destination", &destination).field("headers", &names).finish()
    }
}

/// What is about to be published.
#[derive(Debug)]
pub struct Outbound<'a> {
    /// Where it goes.
    pub destination: &'a Destination,
    /// Its headers.
    pub headers: &'a mut Headers,
    /// Its content.
    pub body: &'a mut Message,
}

/// What becomes of a publication.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flow {
    /// It goes on.
    Pass,
    /// It reaches nobody.
    Drop,
}
