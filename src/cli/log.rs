//! Logs go to stderr; stdout is for what was asked for.

mod lines;

pub use lines::Lines;

use byway::config::{LogFormat, LogSection};
use std::backtrace::{Backtrace, BacktraceStatus};
use std::io::IsTerminal;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt;

/// Starts to log; lines that cannot be written are counted in `lost`. Fails where something else logs already.
pub fn start(section: &LogSection, lost: Arc<AtomicU64>) -> Result<Lines, String> {
    let filter = EnvFilter::try_new(&section.level).map_err(|error| error.to_string())?;
    let lines = Lines::to(std::io::stderr(), lost).map_err(|error| format!("cannot log: {error}"))?;
    let builder = fmt().with_env_filter(filter).with_writer(lines.clone()).log_internal_errors(false);
    let started = match section.format {
        LogFormat::Pretty => builder.with_ansi(std::io::stderr().is_terminal()).try_init(),
        LogFormat::Json => builder.json().flatten_event(true).try_init(),
    };
    started.map_err(|error| format!("cannot log: {error}"))?;
    log_panics();
    Ok(lines)
}

/// A panic ends one session and is told like everything else: the default hook writes to stderr itself, and would wait there.
fn log_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let backtrace = Backtrace::capture();
        let backtrace = (backtrace.status() == BacktraceStatus::Captured).then(|| backtrace.to_string());
        tracing::error!(%panic, backtrace, "panicked");
    }));
}
