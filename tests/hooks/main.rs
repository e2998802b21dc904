//! Hooks over real sockets: STOMP clients on one side, a backend that does as it is told on the other.

#[path = "../support/mod.rs"]
mod support;

mod application;
mod asking;
mod backend;
mod connecting;
mod failing;
mod stage;
mod telling;
mod watching;
