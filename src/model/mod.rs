//! The words that every layer shares. Nothing here does anything.

mod disconnect;
pub mod duration;
mod message;
mod principal;
mod transport;

pub use disconnect::{CloseCodeError, Disconnect};
pub use message::Message;
pub use principal::Principal;
pub use transport::Transport;

/// Names a session for as long as the process lives. It is for logs and for the application, and no secret: knowing
/// it opens nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SessionId(pub u64);

impl std::fmt::Display for SessionId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "s{}", self.0)
    }
}
