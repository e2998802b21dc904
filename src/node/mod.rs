//! Composition: what makes sessions live. The registry finds them, a driver runs each one, the hub reaches many.
//!
//! Each [`Byway`] is a node of its own: its sessions, groups, limits and counters are shared with no other.

mod addresses;
mod broker;
mod byway;
mod cell;
mod charge;
mod drain;
mod driver;
mod feed;
mod group;
mod handle;
mod handler;
mod hub;
mod inbox;
mod inner;
mod io;
mod quiet;
mod receiver;
mod registry;
mod settings;
mod socket;
mod stats;
mod stomp;
mod tap;
#[cfg(test)]
mod tests;
mod turn;

pub use byway::Byway;
pub use drain::Drained;
pub use feed::FeedSettings;
pub use group::Group;
pub use handle::SessionHandle;
pub use handler::Handler;
pub use hub::PublishError;
pub use settings::{LimitSettings, Settings, SockJsSettings, WebSocketSettings};
pub use stats::Stats;
pub use stomp::Stomp;

pub(crate) use addresses::{AddressFull, Held};
pub(crate) use byway::{Node, Opening};
pub(crate) use feed::{Beginning, Feed, FeedRefusal, FeedRequest, Feeds, Polled};
pub(crate) use inbox::Rejected;
pub(crate) use io::{Io, Upgraded};
pub(crate) use receiver::Receiver;
pub(crate) use registry::{Lookup, OpenError};
pub(crate) use socket::SocketInput;
pub(crate) use tap::{Direction, Seen, Watching};

/// The clock of everything that runs: tokio's, so that tests can pause it.
pub(crate) fn now() -> std::time::Instant {
    tokio::time::Instant::now().into_std()
}
