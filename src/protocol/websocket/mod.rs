//! WebSocket on the server's side: RFC 6455 frames and RFC 7692 compression, as bytes in and
//! events out. Nothing here reads a socket, a clock or a random number, and nothing logs.
//!
//! | file | what it knows |
//! |---|---|
//! | `handshake` | what to answer to an upgrade's headers |
//! | `decode` | [`Decoder`]: a client's bytes to [`Event`]s |
//! | `limits` | [`Limits`]: how much a client may send |
//! | `header` | a frame header, checked in the order of the wire; the mask |
//! | `message` | a message that arrives in parts |
//! | `utf8` | text that arrives in parts |
//! | `deflate` | [`Deflater`] for messages that leave, an inflater for those that arrive |
//! | `encode` | frames that leave, made once and shared |
//! | `close` | what a close frame may say |
//! | `event`, `opcode`, `error` | the words that the others share |
//!
//! The caller answers pings, runs a deadline while [`Decoder::is_partial`], sends
//! [`encode_close`] with [`Error::code`] when decoding fails, and stops decoding after
//! [`Event::Close`].

mod close;
mod decode;
mod deflate;
mod encode;
mod error;
mod event;
pub mod handshake;
mod header;
mod limits;
mod message;
mod opcode;
mod utf8;

pub use close::Close;
pub use decode::Decoder;
pub use deflate::{Compression, Deflater};
pub use encode::{encode, encode_close, encode_deflated};
pub use error::Error;
pub use event::Event;
pub use limits::Limits;
pub use opcode::Opcode;
