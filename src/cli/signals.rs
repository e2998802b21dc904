//! SIGTERM and SIGINT.

use std::io;
use std::process::exit;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// Both signals that ask to stop.
pub struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

/// The exit code of a shell for what SIGINT ended.
const INTERRUPTED: i32 = 130;

impl Signals {
    /// From now on the signals no longer end the process by themselves.
    pub fn listen() -> io::Result<Self> {
        Ok(Self { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())? })
    }

    /// Waits for the next one; answers its name.
    pub async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "SIGINT",
        }
    }

    /// Ends the process at the next one: whoever asks twice does not want to wait.
    pub fn exit_at_next(mut self) {
        tokio::spawn(async move {
            let signal = self.next().await;
            tracing::warn!(signal, "stopped at once, by a second signal");
            exit(INTERRUPTED);
        });
    }
}
