//! Each setting of docs/byway.toml, from a line of a file to what a client sees of it, through a running server.
//!
//! docs/settings.md says which test is which setting's, and `table.rs` that none is missing.

#[path = "../hooks/backend.rs"]
#[allow(dead_code, reason = "the suite of hooks uses all of it")]
mod backend;
#[path = "../support/mod.rs"]
mod support;

mod api;
mod auth;
mod broker;
mod directory;
mod endpoints;
mod feeds;
mod hooks;
mod jwt;
mod limits;
mod messaging;
mod queues;
mod rates;
mod server;
mod session;
mod shares;
mod sockjs;
mod stage;
mod stomp;
mod table;
mod tickets;
mod websocket;
