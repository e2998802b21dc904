//! The binary as its users meet it: a process with arguments, variables, a file, signals and an exit code.

mod api;
mod bench;
mod client;
mod configuration;
mod identity;
mod logging;
mod peers;
mod process;
mod serving;
mod settings;
mod stopping;
mod stranger;
mod subscribe;
mod tls;
mod token;
