use super::dispatcher::{Dispatcher, ErrorHandler};
use super::event::{Listener, listener};
use super::handler::{DynHandler, erase};
use super::occupancy;
use super::router::Router;
use super::{
    Event, Interceptor, IntoReply, Kind, MessageError, MessageHandler, MessagingSettings, Messenger, MissingState,
    Occupancy, OccupancyListeners, Request, RouteError, States,
};
use crate::model::DestinationPattern;
use http::Extensions;
use std::fmt;
use std::future::Future;
use std::sync::Arc;

/// An application: which function handles which message.
///
/// Routes are named without the application's prefix: `/chat/{room}` is reached by SEND to `/app/chat/blue`. A segment
/// may be a variable, `{room}`, or `*`; `**` at the end is the rest. The most specific route that matches has the
/// message, in whatever order they are given.
///
/// ```
/// use byway::Principal;
/// use byway::messaging::{Json, Messages, Messenger, Path, Result};
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Deserialize)]
/// struct Say { text: String }
///
/// #[derive(Serialize)]
/// struct Said { from: String, text: String }
///
/// async fn say(Path(room): Path<String>, user: Principal, Json(say): Json<Say>, to: Messenger) -> Result {
///     Ok(to.send(format!("/topic/chat/{room}"), &Said { from: user.name().to_owned(), text: say.text })?)
/// }
///
/// async fn rooms() -> Json<[&'static str; 2]> {
///     Json(["blue", "red"])
/// }
///
/// let app = Messages::new().on_send("/chat/{room}", say).on_subscribe("/rooms", rooms).build()?;
/// # Ok::<(), byway::messaging::MessagesError>(())
/// ```
#[derive(Default)]
pub struct Messages {
    routes: Vec<(Kind, String, Box<dyn DynHandler>)>,
    states: Extensions,
    errors: Vec<ErrorHandler>,
    interceptors: Vec<Box<dyn Interceptor>>,
    listeners: Vec<Listener>,
    occupancy: Vec<occupancy::Listener>,
    settings: MessagingSettings,
}

/// Why an application cannot be built.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MessagesError {
    /// A route cannot be.
    Route {
        /// The route as it was given.
        route: String,
        /// Why.
        error: RouteError,
    },
    /// A handler asks for a state that was not given.
    State {
        /// The handler's route.
        route: String,
        /// Which state.
        error: MissingState,
    },
    /// A setting cannot be.
    Setting {
        /// The setting's name.
        key: &'static str,
        /// What is wrong with it, and what was expected.
        problem: String,
    },
}

impl fmt::Display for MessagesError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Route { route, error } => write!(f, "the route {route}: {error}"),
            Self::State { route, error } => write!(f, "the handler of {route}: {error}"),
            Self::Setting { key, problem } => write!(f, "{key}: {problem}"),
        }
    }
}

impl std::error::Error for MessagesError {}

impl Messages {
    /// An application without handlers.
    pub fn new() -> Self {
        Self::default()
    }

    /// Handles what is sent to `route`. What the handler returns goes to `/topic` and the message's path, or to where it
    /// says: see [`IntoReply`].
    #[must_use]
    pub fn on_send<Args: 'static>(self, route: impl Into<String>, handler: impl MessageHandler<Args>) -> Self {
        self.on(Kind::Send, route, handler)
    }

    /// Answers who subscribes to `route`. What the handler returns goes to that subscription alone, once; no subscription
    /// stays.
    #[must_use]
    pub fn on_subscribe<Args: 'static>(self, route: impl Into<String>, handler: impl MessageHandler<Args>) -> Self {
        self.on(Kind::Subscribe, route, handler)
    }

    fn on<Args: 'static>(mut self, kind: Kind, route: impl Into<String>, handler: impl MessageHandler<Args>) -> Self {
        self.routes.push((kind, route.into(), erase(handler)));
        self
    }

    /// Says what becomes of errors: of handlers, of extractors, and of messages that no handler is for.
    ///
    /// What is returned counts in the error's place: a value goes out like a handler's, `()` is silence, and an `Err` is
    /// told to the sender. Several are asked in their order; each gets the `Err` of the one before it, and a value ends
    /// it. Without any, the error is told to the sender. An error of kind
    /// [`Internal`](super::ErrorKind::Internal) is in the log before the first is asked.
    ///
    /// ```
    /// use byway::messaging::{Messages, MessageError, Reply, Request, Text};
    ///
    /// let app = Messages::new().on_error(|error: &MessageError, _: &Request| {
    ///     match error.downcast_ref::<std::num::ParseIntError>() {
    ///         Some(_) => Ok(Reply::to_sender("/queue/errors", Text("that is no number".into()))),
    ///         None => Err(error.clone()),
    ///     }
    /// });
    /// ```
    #[must_use]
    pub fn on_error<R: IntoReply>(
        mut self,
        handler: impl Fn(&MessageError, &Request) -> R + Send + Sync + 'static,
    ) -> Self {
        self.errors.push(Box::new(move |error, request| handler(error, request).into_reply()));
        self
    }

    /// Gives handlers a value, which they take as [`State`](super::State) of its type. One for each type; the last counts.
    #[must_use]
    pub fn with<T: Clone + Send + Sync + 'static>(mut self, state: T) -> Self {
        self.states.insert(state);
        self
    }

    /// Adds an interceptor behind those that are there.
    #[must_use]
    pub fn intercept(mut self, interceptor: impl Interceptor) -> Self {
        self.interceptors.push(Box::new(interceptor));
        self
    }

    /// Adds a listener behind those that are there: an async function of the [`Event`] and a [`Messenger`]. They run one
    /// after the other, and the session waits for them.
    #[must_use]
    pub fn on_event<F, Done>(mut self, listen: F) -> Self
    where
        F: Fn(Event, Messenger) -> Done + Send + Sync + 'static,
        Done: Future<Output = ()> + Send + 'static,
    {
        self.listeners.push(listener(listen));
        self
    }

    /// Adds a listener that is told when a destination of the broker's gets its first subscription and loses its last:
    /// each topic, pattern of topics, and queue, as it was subscribed. It must not wait, nor call the broker: whoever
    /// subscribes waits for it.
    #[must_use]
    pub fn on_occupancy(mut self, listen: impl Fn(&DestinationPattern, Occupancy) + Send + Sync + 'static) -> Self {
        self.occupancy.push(Box::new(listen));
        self
    }

    /// Prefixes and limits. Default: [`MessagingSettings::default`].
    #[must_use]
    pub fn settings(self, settings: MessagingSettings) -> Self {
        Self { settings, ..self }
    }

    /// Checks it all: settings, routes, and that every [`State`](super::State) is there.
    pub fn build(self) -> Result<Dispatcher, MessagesError> {
        self.settings.validate().map_err(|(key, problem)| MessagesError::Setting { key, problem })?;
        let states = States::from(self.states);
        let (mut send, mut subscribe) = (Router::default(), Router::default());
        for (kind, route, handler) in self.routes {
            if let Err(error) = handler.check(&states) {
                return Err(MessagesError::State { route, error });
            }
            let router = if kind == Kind::Send { &mut send } else { &mut subscribe };
            router.insert(&route, handler).map_err(|error| MessagesError::Route { route, error })?;
        }
        Ok(Dispatcher {
            send,
            subscribe,
            states,
            errors: self.errors,
            interceptors: self.interceptors,
            listeners: self.listeners,
            occupancy: OccupancyListeners::new(self.occupancy),
            settings: Arc::new(self.settings),
        })
    }
}

impl fmt::Debug for Messages {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let routes = self.routes.iter().map(|(kind, route, _)| (kind, route));
        f.debug_list().entries(routes).finish()
    }
}
