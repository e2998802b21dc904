//! The binary as its users meet it: a process with arguments, variables, a file, signals and an exit code.

mod api;
mod client;
mod configuration;
mod process;
mod serving;
mod stopping;
mod tls;
mod token;
