use super::{Client, Messenger};
use crate::model::{Destination, Headers, Message};
use bytestring::ByteString;
use http::Extensions;
use std::fmt;
use std::sync::Arc;

/// What the client does with the destination.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// It sends a message there.
    Send,
    /// It asks for what is there.
    Subscribe,
}

/// A message for the application, with all that is known of it. Handlers take what they need of it by extractors.
#[derive(Debug)]
pub struct Request {
    /// Sent or subscribed.
    pub kind: Kind,
    /// Where to, as the client wrote it: `/app/chat/blue`.
    pub destination: Destination,
    /// What the client says of the message.
    pub headers: Headers,
    /// The content; empty for SUBSCRIBE.
    pub body: Message,
    /// The session that it came from.
    pub client: Client,
    /// How to publish.
    pub messenger: Messenger,
    route: Route,
}

/// What the dispatcher adds to a request.
#[derive(Default)]
pub(super) struct Route {
    pub(super) params: Params,
    pub(super) states: States,
    pub(super) path: Option<Destination>,
}

/// Names and values of a route's variables, in their order.
pub(super) type Params = Vec<(ByteString, ByteString)>;

impl fmt::Debug for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.params.fmt(f)
    }
}

/// The values that were given to [`Messages::with`](super::Messages::with), one for each type. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct States(Option<Arc<Extensions>>);

impl States {
    /// The value of this type.
    pub fn get<T: Clone + Send + Sync + 'static>(&self) -> Option<&T> {
        self.0.as_ref()?.get()
    }
}

impl From<Extensions> for States {
    fn from(values: Extensions) -> Self {
        Self(Some(Arc::new(values)))
    }
}

impl Request {
    /// A message with this content, not routed yet.
    pub fn new(kind: Kind, destination: Destination, body: Message, client: Client, messenger: Messenger) -> Self {
        let (headers, route) = (Headers::new(), Route::default());
        Self { kind, destination, headers, body, client, messenger, route }
    }

    /// The same with these headers.
    #[must_use]
    pub fn with_headers(self, headers: Headers) -> Self {
        Self { headers, ..self }
    }

    pub(super) fn routed(self, route: Route) -> Self {
        Self { route, ..self }
    }

    /// The values of the route's variables, in their order: `("room", "blue")` of `/chat/{room}`.
    pub fn params(&self) -> impl ExactSizeIterator<Item = (&str, &str)> {
        self.route.params.iter().map(|(name, value)| (&**name, &**value))
    }

    /// What the application was given for its handlers.
    pub fn states(&self) -> &States {
        &self.route.states
    }

    /// What routes are about: the destination without the application's prefix, `/chat/blue`. Before a request is
    /// dispatched it is the whole destination.
    pub fn path(&self) -> &Destination {
        self.route.path.as_ref().unwrap_or(&self.destination)
    }
}
