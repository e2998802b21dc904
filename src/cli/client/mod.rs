//! A client of Byway and of servers like it: one session over any transport, with STOMP, a feed, or nothing inside.
//!
//! | file | what it knows |
//! |---|---|
//! | `subscription` | [`Subscription`]: messages of one destination, whatever they come by |
//! | `talk` | [`Talk`]: a STOMP session |
//! | `feed` | a feed as a stream or in polls |
//! | `link` | [`Link`]: one session of a transport, which takes and gives messages |
//! | `dial` | connections, requests, upgrades |
//! | `target` | [`Target`]: where a server is, and when its name has to be said twice |
//! | `failure` | [`Failure`]: why it did not work, and whether trying again can help |
//! | `websocket`, `sockjs`, `stomp`, `events` | the bytes, sans-IO; no code of the server's reads them, so that neither hides the other's mistakes |

mod dial;
mod events;
mod failure;
mod feed;
mod link;
mod sockjs;
mod stomp;
mod subscription;
mod talk;
mod target;
mod websocket;

pub use failure::Failure;
pub use link::{Link, Receiver, Sender};
pub use subscription::{Beginning, Heard, Protocol, Subscription, Wanted};
pub use talk::{Credentials, Hearing, Talk, send};
pub use target::Target;

/// The largest message, frame or line in bytes that is read of a server.
const MAX_MESSAGE: usize = 16 * 1024 * 1024;
