//! Byway: one real-time session over WebSocket, Server-Sent Events, HTTP streaming and HTTP long-polling.
//!
//! A [`Byway`] is an endpoint: a [`Handler`] (the application), its [`Settings`], and the sessions that are open on it.
//! Nest [`Byway::endpoint`] into a poem application; serve that with [`server::Server`], which gives WebSockets their raw
//! sockets, or with any other server that speaks poem.
//!
//! [`Byway::stomp`] makes an endpoint that speaks STOMP, with topics, queues and users' own destinations, for an application of
//! typed handlers: [`messaging::Messages`].
//!
//! Layers, from the bottom; each knows only those before it:
//!
//! - [`model`]: the words that all layers share
//! - [`protocol`]: SockJS, STOMP and WebSocket, sans-IO
//! - [`session`]: the life of one session, sans-IO
//! - [`policy`]: who may come in
//! - [`broker`]: what becomes of a publication, sans-IO
//! - [`messaging`]: what destinations mean to an application: handlers, replies, events
//! - [`hooks`]: a backend that is asked and told over HTTP
//! - `node`: sessions made to live: registry, driver, hub
//! - `transport`: poem endpoints, one file for each way in
//! - [`server`]: the accept loop, and what the binary serves
//! - [`config`]: what the binary can be told
//!
//! Beside them stands [`http_client`], for what they ask other servers.
//!
//! docs/architecture.md is the map, and says where what belongs.

pub mod broker;
pub mod config;
pub mod hooks;
pub mod http_client;
pub mod messaging;
pub mod model;
mod node;
pub mod policy;
pub mod protocol;
pub mod server;
pub mod session;
mod transport;

pub use model::{
    AckMode, CloseCodeError, Destination, DestinationError, DestinationPattern, Disconnect, Headers, Message,
    Principal, Publication, Secret, SessionId, SettingsError, Transport,
};
pub use node::{
    Byway, Drained, FeedSettings, Group, Handler, LimitSettings, PublishError, SessionHandle, Settings, SockJsSettings,
    Stats, Stomp, WebSocketSettings,
};
pub use policy::OriginSettings;
pub use session::{Overflow, SendError, SessionSettings, Traffic};
pub use transport::{Endpoint, FeedEndpoint};

/// The README's program is compiled with the other examples, and so are the guides' examples.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
#[doc = include_str!("../docs/messaging.md")]
#[doc = include_str!("../docs/coming-from-spring.md")]
struct Readme;
