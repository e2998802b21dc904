//! What a destination means to an application: handlers for `/app/**`, users' own destinations, publishing, events.
//!
//! An application is [`Messages`]: async functions with extractors, as in poem. What a client's destination means is
//! decided in one place, [`SendAddress`] and [`SubscribeAddress`]. Everything goes out through a [`Messenger`].
//! docs/messaging.md is the guide, docs/coming-from-spring.md has each thing's counterpart in Spring.

mod address;
mod client;
mod destinations;
mod dispatcher;
mod error;
mod event;
mod extract;
mod handler;
mod history;
mod interceptor;
mod messages;
mod messenger;
mod occupancy;
mod reply;
mod request;
mod router;
mod settings;
mod users;

pub use address::{AddressError, SendAddress, SubscribeAddress};
pub use client::{Client, ClientInfo};
pub use destinations::{
    DestinationInfo, DestinationPage, DestinationQuery, DestinationState, HistoryState, QueueState,
};
pub use dispatcher::Dispatcher;
pub use error::{ErrorKind, MessageError, Result};
pub use event::Event;
pub use extract::{
    Attribute, Body, FromRequest, Header, IntoPayload, Json, MissingState, NamedHeader, OptionalFromRequest, Path,
    Payload, State, Text,
};
pub use handler::MessageHandler;
pub use history::{HistoryPage, HistoryQuery};
pub use interceptor::{Flow, Inbound, Interceptor, Outbound};
pub use messages::{Messages, MessagesError};
pub use messenger::{Messenger, Outlet, PublishError};
pub use occupancy::{Occupancy, OccupancyListeners};
pub use reply::{IntoReply, Outcome, OutgoingDelivery, Reply, ToSender};
pub use request::{Kind, Request, States};
pub use router::RouteError;
pub use settings::{MessagingSettings, Refusals};
pub use users::{TooManySessions, User, UserSession, UserSubscription, Users};
