//! The `byway` binary: arguments, configuration, logs, and a server that stops as it should.

mod cli;

use clap::Parser;
use std::process::ExitCode;

fn main() -> ExitCode {
    match cli::run(cli::Arguments::parse()) {
        Ok(code) => code,
        Err(error) => {
            error.lines().for_each(|line| eprintln!("byway: {line}"));
            ExitCode::FAILURE
        }
    }
}
