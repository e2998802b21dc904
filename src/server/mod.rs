//! Byway's own HTTP server: an accept loop over hyper that feeds a poem endpoint, and what the binary serves with it.
//!
//! It exists because sessions need what `poem::Server` does not give: the raw socket after an upgrade, TCP_NODELAY,
//! deadlines for heads and writes, limits on connections, an accept loop that backs off, handlers that end when their
//! client leaves, and a stop that counts everything. docs/architecture.md has the list.

mod accept;
mod admin;
mod admission;
mod api;
mod application;
mod assets;
mod bodiless;
mod chat;
mod connection;
mod deadline;
mod echo;
mod framing;
mod guarded;
mod head;
mod health;
mod held;
mod limits;
mod metrics;
mod mounted;
mod names;
mod routes;
mod settings;
mod stall;
mod tls;
mod vanished;

pub use accept::{Server, Stopped};
pub use admin::Admin;
pub use admission::Connections;
pub use api::{ApiCounts, ApiKeySettings, ApiSettings, KeyHash, Permission};
pub use application::Application;
pub use health::Health;
pub use limits::CommonSettings;
pub use mounted::Mounted;
pub use routes::Site;
pub use settings::ServerSettings;
pub use tls::{TlsError, tls_config};
