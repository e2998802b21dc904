//! What the binary does with its arguments. Errors are text for the operator.

mod arguments;
mod banner;
mod bench;
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
use byway::config::Loaded;
use std::io::Write;
use std::process::ExitCode;

/// Runs the command; answers the exit code.
pub fn run(arguments: Arguments) -> Result<ExitCode, String> {
    let load = || arguments.load().map_err(|error| error.to_string());
    match arguments.command() {
        Command::Serve => serve::serve(load()?.validate().map_err(|error| error.to_string())?),
        Command::Check { verbose } => check(&load()?, verbose),
        Command::Key => key::key(),
        Command::Subscribe(subscribe) => subscribe::subscribe(&subscribe),
        Command::Bench(bench) => bench::bench(&bench),
        Command::Publish(publish) => publish::publish(&publish),
        Command::Token(token) => token::token(&load()?.config.auth.jwt, &token),
    }
}

/// Says what is in force and where it came from if asked to, and whether it is right.
fn check(loaded: &Loaded, verbose: bool) -> Result<ExitCode, String> {
    let mut out = std::io::stdout().lock();
    if verbose {
        for origin in loaded.origins() {
            // Nobody reads a closed pipe: nothing to report.
            writeln!(out, "{} = {}  # {}", origin.key, origin.value, origin.origin).ok();
        }
    }
    loaded.validate().map_err(|error| error.to_string())?;
    writeln!(out, "ok").ok();
    Ok(ExitCode::SUCCESS)
}
