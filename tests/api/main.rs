//! The HTTP API over real sockets, with STOMP clients on the other side.

#[path = "../support/mod.rs"]
mod support;

mod destinations;
mod history;
mod keys;
mod looking;
mod presence;
mod publishing;
mod repeating;
mod stage;
mod tickets;
