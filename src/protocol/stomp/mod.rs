//! STOMP 1.0, 1.1 and 1.2 on the server's side: a client's messages in, checked events out; events in, frames out. Nothing
//! here reads a socket, a clock or a random number, and nothing logs.
//!
//! | file | what it knows |
//! |---|---|
//! | `connection` | [`Connection`]: what a client may do when, and what it has open |
//! | `event` | [`Event`]: what a client asks for |
//! | `command` | which headers each frame has to carry, by version |
//! | `transaction` | what open transactions hold |
//! | `decode` | [`Decoder`]: messages to [`Frame`]s, cut anywhere |
//! | `head` | a frame's command and headers, and how its body ends |
//! | `header` | escapes by version, and which headers are whose |
//! | `heartbeat` | [`Heartbeat`]: what both sides agree to |
//! | `encode` | frames that leave; [`Tail`]: what a MESSAGE's receivers share |
//! | `failure` | [`Failure`]: what ERROR says, and how the session ends |
//! | `settings`, `version`, `frame`, `error` | the words that the others share |
//!
//! docs/stomp-coverage.md lists each MUST of the specifications with its test.

mod command;
mod connection;
mod decode;
mod encode;
mod error;
mod event;
mod failure;
mod frame;
mod head;
mod header;
mod heartbeat;
mod settings;
mod transaction;
mod version;

pub use crate::model::{AckMode, Headers};
pub use connection::Connection;
pub use decode::Decoder;
pub use encode::{Form, HEARTBEAT, Tail, receipt};
pub use error::DecodeError;
pub use event::{Ack, AckReference, Action, Connect, Event, Send, Subscribe, SubscriptionId};
pub use failure::Failure;
pub use frame::{Command, Frame};
pub use heartbeat::Heartbeat;
pub use settings::StompSettings;
pub use version::Version;
