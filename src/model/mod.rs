//! The words that every layer shares. Nothing here does anything.

mod ack;
mod claims;
mod destination;
mod disconnect;
pub mod duration;
pub mod fields;
mod headers;
mod message;
mod principal;
mod publication;
mod secret;
mod settings_error;
mod transport;
mod visible;

pub use ack::AckMode;
pub use claims::{Claims, claim_has, claim_names, find_claim};
pub use destination::{Destination, DestinationError, DestinationPattern};
pub use disconnect::{CloseCodeError, Disconnect};
pub use headers::Headers;
pub use message::Message;
pub use principal::{NameError, Principal};
pub use publication::Publication;
pub use secret::Secret;
pub use settings_error::SettingsError;
pub use transport::Transport;
pub use visible::{is_invisible, visible};

/// Names a session for as long as the process lives. It is for logs and for the application, and no secret: knowing
/// it opens nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SessionId(pub u64);

impl std::fmt::Display for SessionId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "s{}", self.0)
    }
}
