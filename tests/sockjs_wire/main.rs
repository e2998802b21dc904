//! SockJS on the wire, byte for byte: what the public sockjs-protocol suite demands, what sockjs-node 0.3.24 sends where
//! that suite is silent, and, in tests whose names say so, where Byway deliberately does better.

#[path = "../support/mod.rs"]
mod support;

mod cors;
mod held;
mod http_versions;
mod methods;
mod pages;
mod paths;
mod receivers;
mod senders;
mod server;
mod websockets;
