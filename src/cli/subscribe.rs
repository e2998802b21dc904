//! `byway subscribe`

use super::arguments::{ServerArguments, SubscribeArguments};
use super::client::{Beginning, Credentials, Failure, Heard, Protocol, Subscription, Target, Wanted, seen};
use super::signals::Signals;
use bytes::Bytes;
use byway::{Secret, Transport};
use std::future::pending;
use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::Interest;
use tokio::net::unix::pipe;

/// Where the token is. A command line can be read by everybody on the machine.
const TOKEN: &str = "BYWAY_TOKEN";

/// The first and the longest pause before another attempt; each is twice as long as the one before.
const PAUSES: (Duration, Duration) = (Duration::from_millis(250), Duration::from_secs(8));

/// The longest that a server can ask for with `Retry-After`. What it says by mistake should not be for ever.
const MAX_RETRY_AFTER: Duration = Duration::from_secs(60 * 60);

/// Prints what is published, until it is enough, Ctrl-C, or the server does not want to.
pub fn subscribe(arguments: &SubscribeArguments) -> Result<ExitCode, String> {
    let wanted = wanted(arguments)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| format!("cannot start: {error}"))?;
    let subscriber = Subscriber { wanted, printer: Printer::new(arguments), was_there: false, pause: PAUSES.0 };
    runtime.block_on(async {
        let mut signals = Signals::listen().map_err(|error| format!("cannot listen for signals: {error}"))?;
        tokio::select! {
            ended = subscriber.run() => ended,
            () = reader_is_gone() => Ok(()),
            _ = signals.next() => Ok(()),
        }
    })?;
    // A name that is still being looked up is not waited for.
    runtime.shutdown_background();
    Ok(ExitCode::SUCCESS)
}

/// Who the client is, from the environment.
pub fn credentials(login: Option<&str>, virtual_host: Option<&str>, target: &Target) -> Result<Credentials, String> {
    let token = std::env::var(TOKEN).ok().filter(|token| !token.is_empty()).map(Secret::from);
    if token.is_some() && !target.server.is_private() {
        return Err(format!("--url: expected https:// or wss://, because {TOKEN} could be read on its way"));
    }
    Ok(Credentials { token, login: login.map(str::to_owned), virtual_host: virtual_host.map(str::to_owned) })
}

/// Where the server is. What is taken as it is can only be a stream: how others poll differs.
pub fn target(server: &ServerArguments, destination: &str) -> Result<Target, String> {
    let target = match (server.as_is, server.transport) {
        (false, _) => Target::parse(&server.url),
        (true, Transport::FeedEvents | Transport::FeedLines) => Target::as_is(&server.url, destination),
        (true, _) => return Err("--as-is: expected --transport feed_events or feed_lines".to_owned()),
    };
    target.map_err(|error| format!("--url: {error}"))
}

fn wanted(arguments: &SubscribeArguments) -> Result<Wanted, String> {
    let destination = arguments.destination.clone().unwrap_or_default();
    let target = Arc::new(target(&arguments.server, &destination)?);
    let who = credentials(arguments.server.login.as_deref(), arguments.server.virtual_host.as_deref(), &target)?;
    let beginning = match (&arguments.since, arguments.history) {
        (Some(since), _) => Beginning::After(since.clone()),
        (None, Some(count)) => Beginning::Last(count),
        (None, None) => Beginning::Now,
    };
    Ok(Wanted { target, transport: arguments.server.transport, protocol: Protocol::Stomp, destination, who, beginning })
}

struct Subscriber {
    wanted: Wanted,
    printer: Printer,
    /// Whether a subscription has been open: then a server that is gone may come back.
    was_there: bool,
    pause: Duration,
}

/// How listening to one subscription ended.
enum Ended {
    /// Enough was printed, or nobody reads it any more.
    Enough,
    Failed(Failure),
}

impl Subscriber {
    async fn run(mut self) -> Result<(), String> {
        loop {
            let failure = match self.session().await {
                Ok(Ended::Enough) => return Ok(()),
                Ok(Ended::Failed(failure)) => failure,
                Err(failure) if failure.is_final() || !self.was_there => {
                    return Err(format!("{}: {failure}", self.wanted.target));
                }
                Err(failure) => failure,
            };
            let pause = failure.retry_after().map_or(self.pause, |asked| asked.clamp(self.pause, MAX_RETRY_AFTER));
            complain(&format!("{failure}; coming back in {pause:?}"));
            tokio::time::sleep(pause).await;
            self.pause = (self.pause * 2).min(PAUSES.1);
        }
    }

    /// Opens a subscription and prints what comes, until either ends.
    async fn session(&mut self) -> Result<Ended, Failure> {
        let mut subscription = Subscription::open(&self.wanted).await?;
        self.was_there = true;
        let ended = loop {
            match subscription.next().await {
                Ok(heard) => {
                    self.pause = PAUSES.0;
                    if !self.printer.print(&heard) {
                        subscription.close().await;
                        break Ended::Enough;
                    }
                }
                Err(failure) => break Ended::Failed(failure),
            }
        };
        // Without one nothing that is kept has come, and it begins again as it did.
        if let Some(position) = subscription.position() {
            self.wanted.beginning = Beginning::After(position.to_owned());
        }
        Ok(ended)
    }
}

struct Printer {
    is_json: bool,
    /// Whether people read it where it is printed.
    is_terminal: bool,
    /// How many more there may be.
    left: Option<u64>,
}

impl Printer {
    fn new(arguments: &SubscribeArguments) -> Self {
        Self { is_json: arguments.json, is_terminal: io::stdout().is_terminal(), left: arguments.count }
    }

    /// Prints a line; false when there may be no more, or when nobody reads them.
    fn print(&mut self, heard: &Heard) -> bool {
        let line = match heard {
            Heard::Gap(missed) => {
                let missed = missed.map_or("an unknown number of".to_owned(), |missed| missed.to_string());
                complain(&format!("{missed} messages are gone for good"));
                return true;
            }
            Heard::Message(message) if self.is_json => message.to_json().to_string().into(),
            Heard::Message(message) => message.body.clone(),
        };
        let line = if self.is_terminal { harmless(&line) } else { line };
        let mut out = io::stdout().lock();
        let printed = out.write_all(&line).and_then(|()| out.write_all(b"\n")).and_then(|()| out.flush());
        self.left = self.left.map(|left| left.saturating_sub(1));
        printed.is_ok() && self.left != Some(0)
    }
}

/// Ready when nobody reads stdout any more, such as a `head` that has enough; otherwise only the next message would show it.
/// Files and terminals do not go, and cannot be waited for.
async fn reader_is_gone() {
    // A pipe that is opened anew does not wait, and leaves stdout's own writes as they are.
    match pipe::OpenOptions::new().open_sender("/dev/stdout") {
        Ok(pipe) if pipe.ready(Interest::ERROR).await.is_ok() => {}
        Err(error) if error.raw_os_error() == Some(NO_READER) => {}
        _ => pending().await,
    }
}

/// ENXIO: why a pipe that nobody reads cannot be opened (fifo(7)).
const NO_READER: i32 = 6;

/// A publisher could otherwise write commands to the reader's terminal, or text that reads as another.
fn harmless(line: &[u8]) -> Bytes {
    let plain = |c: char| if matches!(c, '\n' | '\t') { c } else { seen(c) };
    String::from_utf8_lossy(line).chars().map(plain).collect::<String>().into()
}

fn complain(text: &str) {
    // Nobody reads a closed pipe: nothing to report.
    writeln!(io::stderr(), "byway: {text}").ok();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_terminal_is_shown_text_and_no_commands() {
        let line = "two\n\tlines \x1b[2J\u{9b}2J\x07 \u{f6}".as_bytes();
        assert_eq!(harmless(line), "two\n\tlines \u{fffd}[2J\u{fffd}2J\u{fffd} \u{f6}".as_bytes());
        assert_eq!(harmless(b"\xff"), "\u{fffd}".as_bytes());
    }
}
