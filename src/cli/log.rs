//! Logs go to stderr; stdout is for what was asked for.

use byway::config::{LogFormat, LogSection};
use std::io::IsTerminal;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt;

/// Starts to log. Fails where something else has already.
pub fn start(section: &LogSection) -> Result<(), String> {
    let filter = EnvFilter::try_new(&section.level).map_err(|error| error.to_string())?;
    let builder = fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let started = match section.format {
        LogFormat::Pretty => builder.with_ansi(std::io::stderr().is_terminal()).try_init(),
        LogFormat::Json => builder.json().flatten_event(true).try_init(),
    };
    started.map_err(|error| format!("cannot log: {error}"))
}
