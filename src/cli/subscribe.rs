//! `byway subscribe`

use super::arguments::SubscribeArguments;
use super::client::{Beginning, Credentials, Failure, Heard, Protocol, Subscription, Target, Wanted};
use super::signals::Signals;
use byway::Secret;
use std::io::{self, Write};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

/// Where the token is. A command line can be read by everybody on the machine.
const TOKEN: &str = "BYWAY_TOKEN";

/// The first and the longest pause before another attempt; each is twice as long as the one before.
const PAUSES: (Duration, Duration) = (Duration::from_millis(250), Duration::from_secs(8));

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
    if token.is_some() && !target.is_private() {
        return Err(format!("--url: expected https:// or wss://, because {TOKEN} could be read on its way"));
    }
    Ok(Credentials { token, login: login.map(str::to_owned), virtual_host: virtual_host.map(str::to_owned) })
}

fn wanted(arguments: &SubscribeArguments) -> Result<Wanted, String> {
    let target = Arc::new(Target::parse(&arguments.server.url)?);
    let who = credentials(arguments.server.login.as_deref(), arguments.server.virtual_host.as_deref(), &target)?;
    let beginning = match (&arguments.since, arguments.history) {
        (Some(since), _) => Beginning::After(since.clone()),
        (None, Some(count)) => Beginning::Last(count),
        (None, None) => Beginning::Now,
    };
    let destination = arguments.destination.clone();
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
            complain(&format!("{failure}; coming back in {:?}", self.pause));
            tokio::time::sleep(self.pause).await;
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
        if let Some(position) = subscription.position() {
            self.wanted.beginning = Beginning::After(position.to_owned());
        } else if let Beginning::Last(_) = self.wanted.beginning {
            // What was kept has been printed.
            self.wanted.beginning = Beginning::Now;
        }
        Ok(ended)
    }
}

struct Printer {
    is_json: bool,
    /// How many more there may be.
    left: Option<u64>,
}

impl Printer {
    fn new(arguments: &SubscribeArguments) -> Self {
        Self { is_json: arguments.json, left: arguments.count }
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
        let mut out = io::stdout().lock();
        let printed = out.write_all(&line).and_then(|()| out.write_all(b"\n")).and_then(|()| out.flush());
        self.left = self.left.map(|left| left.saturating_sub(1));
        printed.is_ok() && self.left != Some(0)
    }
}

fn complain(text: &str) {
    // Nobody reads a closed pipe: nothing to report.
    writeln!(io::stderr(), "byway: {text}").ok();
}
