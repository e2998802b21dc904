//! SockJS, sans-IO: its URLs, frames and wrappings, as sockjs-node 0.3.24 writes them and the sockjs-protocol test
//! suite demands them. docs/sockjs.md lists where Byway deliberately does better.
//!
//! [`SockJsPath`] reads a URL; [`frame`] writes `o h a c`; [`Envelope`] wraps a frame for one HTTP transport;
//! [`parse_array`] and [`parse_frame`] read what clients send.

mod callback;
mod envelope;
mod escape;
pub mod frame;
mod iframe;
mod info;
mod path;
mod payload;

pub use callback::{CallbackError, MAX_CALLBACK, callback};
pub use envelope::{EVENTSOURCE_PRELUDE, Envelope, htmlfile_prelude, xhr_streaming_prelude};
pub use iframe::iframe_page;
pub use info::Info;
pub use path::{MAX_ID, SockJsPath};
pub use payload::{Batch, PayloadError, parse_array, parse_frame};

/// The body of the greeting, `GET` on the endpoint itself.
pub const GREETING: &str = "Welcome to SockJS!\n";
