//! Session logic, sans-IO: the life of one session, its outbound queue, its timers and the rules of its carriers.
//!
//! [`Session`] is a state machine. Time comes in as an argument, nothing is read, written, spawned or logged here.
//! What happens is told by calling it (`attach_*`, `send`, `close`, `detach`, `handle_timeout`); what it wants is
//! asked for (`poll_timeout`, `next_frame`, `write_to`, `state`). Every method leaves it in a state that is right.

mod core;
mod deflate;
mod excess;
mod headroom;
mod keys;
mod outgoing;
mod queue;
mod receiver;
mod settings;
mod socket;
mod supply;
mod timers;
mod watch;

pub use self::core::{SendError, Session, State, Traffic};
pub use deflate::Window;
pub use headroom::Headroom;
pub use outgoing::{Form, OnFull, Outgoing};
pub use queue::{OutboundQueue, Pushed};
pub use receiver::{AttachError, Detach, Frame, ReceiverId, Take};
pub use settings::{Overflow, SessionSettings};
pub use socket::{Farewell, SocketKind, WriteProgress};
pub use supply::Room;
pub use watch::{Deadline, Ending, KeepAlive};
