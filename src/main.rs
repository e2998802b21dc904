//! The `byway` binary: arguments, configuration, logs, and a server that stops as it should.

mod cli;

use clap::Parser;
use std::io::Write;
use std::process::ExitCode;

fn main() -> ExitCode {
    match cli::run(cli::Arguments::parse()) {
        Ok(code) => code,
        Err(error) => {
            let mut err = std::io::stderr().lock();
            // Where nobody can be told, the exit code says it.
            error.lines().for_each(|line| writeln!(err, "byway: {line}").unwrap_or_default());
            ExitCode::FAILURE
        }
    }
}
