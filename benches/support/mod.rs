//! The parts of the benchmark.

pub mod api;
pub mod client;
pub mod compare;
pub mod feeds;
pub mod floors;
pub mod memory;
pub mod processes;
pub mod report;
pub mod roles;
pub mod rows;
pub mod server;
pub mod stomp;
pub mod strangers;
pub mod swarm;
pub mod tokens;
pub mod workloads;
