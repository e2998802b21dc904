//! `byway check`

use byway::config::{Loaded, Samples};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Says what is in force and where it came from if asked to, whether it is right, and what no token of these files has.
pub fn check(loaded: &Loaded, verbose: bool, tokens: &[PathBuf]) -> Result<ExitCode, String> {
    let mut out = io::stdout().lock();
    if verbose {
        for origin in loaded.origins() {
            // Nobody reads a closed pipe: nothing to report.
            writeln!(out, "{} = {}  # {}", origin.key, origin.value, origin.origin).ok();
        }
    }
    loaded.validate().map_err(|error| error.to_string())?;
    if !tokens.is_empty() {
        warn(loaded, tokens)?;
    }
    writeln!(out, "ok").ok();
    Ok(ExitCode::SUCCESS)
}

/// A rule that matches none of a few tokens may be meant for others, so it is not wrong.
fn warn(loaded: &Loaded, tokens: &[PathBuf]) -> Result<(), String> {
    let mut samples = Samples::default();
    for path in tokens {
        let blame = |error: String| format!("--token {}: {error}", path.display());
        let text = read(path).map_err(|error| blame(format!("cannot be read: {error}")))?;
        samples.read(&text).map_err(blame)?;
    }
    for warning in loaded.unmet(&samples).map_err(|error| error.to_string())? {
        writeln!(io::stderr(), "byway: warning: {warning}").ok();
    }
    Ok(())
}

/// A file of a few tokens is small; a larger one is something else.
const MAX_BYTES: u64 = 1 << 20;

/// Tokens come from files and stdin alone: arguments are in the list of processes and in the shell's history.
fn read(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    if path == Path::new("-") {
        io::stdin().lock().take(MAX_BYTES).read_to_string(&mut text)?;
    } else {
        std::fs::File::open(path)?.take(MAX_BYTES).read_to_string(&mut text)?;
    }
    Ok(text)
}
