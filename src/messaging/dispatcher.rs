use super::event::Listener;
use super::handler::DynHandler;
use super::request::Route;
use super::router::Router;
use super::{
    Client, ErrorKind, Event, Flow, Inbound, Interceptor, Kind, MessageError, MessagingSettings, Messenger,
    OccupancyListeners, Outbound, Outcome, OutgoingDelivery, Reply, Request, Result, States,
};
use crate::model::{Destination, Publication, visible};
use std::error::Error;
use std::fmt;
use std::mem::discriminant;
use std::sync::Arc;

/// An application that was built: what the node calls.
///
/// For what a client asks, in this order: [`inbound`](Self::inbound); the meaning of what came out of it
/// ([`SendAddress`](super::SendAddress), [`SubscribeAddress`](super::SubscribeAddress)); the rules; and then, for the
/// application's destinations, [`dispatch`](Self::dispatch).
pub struct Dispatcher {
    pub(super) send: Router<Box<dyn DynHandler>>,
    pub(super) subscribe: Router<Box<dyn DynHandler>>,
    pub(super) states: States,
    pub(super) errors: Vec<ErrorHandler>,
    pub(super) interceptors: Vec<Box<dyn Interceptor>>,
    pub(super) listeners: Vec<Listener>,
    pub(super) occupancy: OccupancyListeners,
    pub(super) settings: Arc<MessagingSettings>,
}

pub(super) type ErrorHandler = Box<dyn Fn(&MessageError, &Request) -> Result<Reply> + Send + Sync>;

impl Dispatcher {
    /// The prefixes and limits that it was built with.
    pub fn settings(&self) -> &Arc<MessagingSettings> {
        &self.settings
    }

    /// Who is told when destinations get their first subscription and lose their last.
    pub fn occupancy_listeners(&self) -> OccupancyListeners {
        self.occupancy.clone()
    }

    /// Handles a message for the application. It ends when the handler does.
    pub async fn dispatch(&self, request: Request) -> Outcome {
        let path = request.destination.strip(self.settings.app_prefix.as_str());
        let router = if request.kind == Kind::Send { &self.send } else { &self.subscribe };
        let (handler, params) = path.as_ref().and_then(|path| router.find(path)).unzip();
        let route = Route { params: params.unwrap_or_default(), states: self.states.clone(), path };
        let request = request.routed(route);
        let result = match handler {
            Some(handler) => handler.call(&request).await,
            None => Err(no_handler(&request)),
        };
        let result = result.and_then(|reply| reply.deliveries(&request, &self.settings));
        let (deliveries, error) = match result.or_else(|error| self.recover(error, &request)) {
            Ok(deliveries) => (deliveries, None),
            Err(error) => (Vec::new(), Some(error)),
        };
        Outcome { deliveries, error, handled: handler.is_some() }
    }

    fn recover(&self, error: MessageError, request: &Request) -> Result<Vec<OutgoingDelivery>> {
        let log = |error: &MessageError| log(error, &request.client, Some(&request.destination));
        log(&error);
        self.ask_error_handlers(error, request)?.deliveries(request, &self.settings).inspect_err(log)
    }

    /// The first value that one of them has, or the error that the last left.
    fn ask_error_handlers(&self, mut error: MessageError, request: &Request) -> Result<Reply> {
        for handler in &self.errors {
            match handler(&error, request) {
                Ok(reply) => return Ok(reply),
                Err(other) => error = other,
            }
        }
        Err(error)
    }

    /// What interceptors make of what a client asks: to be gone on with, `None` where it is dropped, or refused. Meaning
    /// and rules come after it.
    pub fn inbound(&self, client: &Client, inbound: Inbound) -> Result<Option<Inbound>> {
        let passed = self.interceptors.iter().try_fold(Some(inbound), |inbound, interceptor| match inbound {
            Some(inbound) => intercept(&**interceptor, client, inbound),
            None => Ok(None),
        });
        passed.inspect_err(|error| log(error, client, None))
    }

    /// What interceptors leave of a publication, whoever made it, before it goes to the broker or to a user; `None` where
    /// it goes nowhere.
    pub fn outbound(&self, mut publication: Publication) -> Option<Publication> {
        let Publication { destination, headers, body } = &mut publication;
        for interceptor in &self.interceptors {
            match interceptor.outbound(Outbound { destination, headers, body }) {
                Flow::Pass => {}
                Flow::Drop => return None,
            }
        }
        Some(publication)
    }

    /// Tells listeners, one after the other. What is out of a session's order is told to nobody: a second
    /// [`Event::Disconnected`], or one without [`Event::Connected`].
    pub async fn tell(&self, event: Event, messenger: &Messenger) {
        if !event.take_turn() {
            return;
        }
        for listener in &self.listeners {
            listener(event.clone(), messenger.clone()).await;
        }
    }
}

fn intercept(interceptor: &dyn Interceptor, client: &Client, inbound: Inbound) -> Result<Option<Inbound>> {
    let kind = discriminant(&inbound);
    let is_connect = matches!(inbound, Inbound::Connect { .. });
    match interceptor.inbound(client, inbound)? {
        Some(changed) if discriminant(&changed) != kind => {
            Err(MessageError::internal("an interceptor made another kind of message of one"))
        }
        None if is_connect => Err(MessageError::forbidden("the connection is refused")),
        passed => Ok(passed),
    }
}

fn no_handler(request: &Request) -> MessageError {
    let what = match request.kind {
        Kind::Send => "SEND to",
        Kind::Subscribe => "SUBSCRIBE to",
    };
    MessageError::not_found(format!("no handler for {what} {}", request.destination))
}

/// An own fault is in the log with where it comes from; what a client did wrong only where somebody looks for it.
fn log(error: &MessageError, client: &Client, destination: Option<&Destination>) {
    let (session, destination) = (client.id(), visible(destination.map_or("", Destination::as_str)));
    let destination = &*destination;
    match (error.kind(), error.source()) {
        (ErrorKind::Internal, Some(source)) => {
            let error: &dyn Error = source;
            tracing::error!(%session, destination, error, "a message was not handled");
        }
        (kind, _) => tracing::debug!(%session, destination, kind = kind.label(), "a message was refused"),
    }
}

impl fmt::Debug for Dispatcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Dispatcher").field("settings", &self.settings).finish_non_exhaustive()
    }
}
