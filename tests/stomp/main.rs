//! STOMP as its callers see it: each rule of the specifications (docs/stomp-coverage.md), limits, properties.

mod client_frames;
mod connecting;
mod coverage;
#[allow(dead_code, reason = "each suite uses its own part of this")]
#[path = "../support/documented.rs"]
mod documented;
mod framing;
mod fuzz;
mod limits;
mod properties;
mod server_frames;
mod support;
mod transactions;
