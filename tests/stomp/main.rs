//! STOMP as its callers see it: each rule of the specifications (docs/stomp-coverage.md), limits, properties.

mod client_frames;
mod connecting;
mod coverage;
mod framing;
mod fuzz;
mod limits;
mod properties;
mod server_frames;
mod support;
mod transactions;
