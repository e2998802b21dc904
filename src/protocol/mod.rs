//! What goes over the wire, sans-IO: bytes in, events out; events in, bytes out. No HTTP, no sessions, no clock.

pub mod feed;
pub mod sockjs;
pub mod stomp;
pub mod websocket;
