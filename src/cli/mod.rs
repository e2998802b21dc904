//! What the binary does with its arguments. Errors are text for the operator.

mod arguments;
mod banner;
mod bench;
mod check;
mod client;
mod key;
mod log;
mod publish;
mod serve;
mod signals;
mod subscribe;
mod token;

pub use arguments::Arguments;

use arguments::Command;
use std::process::ExitCode;

/// Runs the command; answers the exit code.
pub fn run(arguments: Arguments) -> Result<ExitCode, String> {
    let load = || arguments.load().map_err(|error| error.to_string());
    match arguments.command() {
        Command::Serve => serve::serve(load()?.validate().map_err(|error| error.to_string())?),
        Command::Check { verbose, tokens } => check::check(&load()?, verbose, &tokens),
        Command::Key => key::key(),
        Command::Subscribe(subscribe) => subscribe::subscribe(&subscribe),
        Command::Bench(bench) => bench::bench(&bench),
        Command::Publish(publish) => publish::publish(&publish),
        Command::Token(token) => token::token(&load()?.config.auth.jwt, &token),
    }
}
