use crate::cli::arguments::{BenchArguments, Traffic};
use crate::cli::client::{Beginning, Outlet, Protocol, Target, Wanted};
use crate::cli::subscribe::{credentials, target};
use byway::Transport;
use std::sync::Arc;
use std::time::Duration;

/// A load that can be run.
pub struct Plan {
    pub wanted: Wanted,
    pub publish_by: PublishBy,
    pub traffic: Traffic,
    pub subscribers: usize,
    pub publishers: usize,
    /// Messages a second of all publishers together.
    pub rate: f64,
    /// Bytes of a message.
    pub size: usize,
    pub warmup: Duration,
    pub duration: Duration,
    pub wait: Duration,
    /// Sessions to open in a second.
    pub ramp: f64,
    pub threads: u16,
    pub pids: Vec<u32>,
}

/// How publishers send.
pub enum PublishBy {
    /// By sessions of their own.
    Session(Transport),
    /// By requests.
    Outlet(Outlet),
}

/// The longest time of any kind. What is asked for by mistake should end.
const MAX_TIME: Duration = Duration::from_secs(24 * 60 * 60);

/// File descriptors for other things than sessions.
const SPARE_FILES: u64 = 64;

impl Plan {
    /// Checks what was asked for.
    pub fn new(arguments: &BenchArguments) -> Result<Self, String> {
        let server = &arguments.server;
        let target = Arc::new(target(server, &arguments.destination)?);
        check_host("--url", &target, arguments.allow_remote.as_deref())?;
        check_times(arguments)?;
        let is_feed = Transport::FEEDS.contains(&server.transport);
        if is_feed && arguments.traffic != Traffic::Topic {
            return Err("--traffic: a feed is of topics".to_owned());
        }
        let wanted = Wanted {
            who: credentials(server.login.as_deref(), server.virtual_host.as_deref(), &target)?,
            target,
            transport: server.transport,
            protocol: if arguments.traffic == Traffic::Topic { Protocol::Stomp } else { Protocol::Raw },
            destination: arguments.destination.clone(),
            beginning: Beginning::Now,
        };
        Ok(Self {
            publish_by: publish_by(arguments)?,
            wanted,
            traffic: arguments.traffic,
            subscribers: arguments.subscribers as usize,
            publishers: if arguments.traffic == Traffic::Echo { 0 } else { arguments.publishers as usize },
            rate: arguments.rate,
            size: arguments.size as usize,
            warmup: arguments.warmup,
            duration: arguments.duration,
            wait: arguments.wait,
            ramp: arguments.ramp,
            threads: arguments.threads,
            pids: arguments.pids.clone(),
        })
    }

    /// How many files may be open at a time: a session that comes by HTTP can have one connection for each direction.
    pub fn files(&self) -> u64 {
        let sessions = (self.subscribers + self.publishers) as u64;
        sessions * 2 + SPARE_FILES
    }

    /// How many messages there are at the most.
    pub fn messages(&self) -> u64 {
        ((self.warmup + self.duration).as_secs_f64() * self.rate).ceil() as u64
    }
}

fn check_times(arguments: &BenchArguments) -> Result<(), String> {
    let times = [("--duration", arguments.duration), ("--warmup", arguments.warmup), ("--wait", arguments.wait)];
    match times.into_iter().find(|(_, time)| *time > MAX_TIME) {
        Some((name, _)) => Err(format!("{name}: expected at most 1 day")),
        None => Ok(()),
    }
}

/// A load generator is a weapon: it points at this machine unless another one is named twice.
fn check_host(name: &str, target: &Target, allowed: Option<&str>) -> Result<(), String> {
    let host = target.server.host();
    if target.server.is_here() || allowed == Some(host) {
        return Ok(());
    }
    Err(format!("{name}: {host} is not this machine; if it is yours to load, add --allow-remote {host}"))
}

fn publish_by(arguments: &BenchArguments) -> Result<PublishBy, String> {
    match &arguments.publish_url {
        Some(_) if arguments.traffic != Traffic::Topic => Err("--publish-url: only topics are published to".to_owned()),
        Some(url) => Ok(PublishBy::Outlet(outlet(arguments, url)?)),
        None if arguments.server.as_is => Err("--as-is: expected --publish-url, too".to_owned()),
        None => Ok(PublishBy::Session(publish_transport(arguments)?)),
    }
}

fn outlet(arguments: &BenchArguments, url: &str) -> Result<Outlet, String> {
    let named = |error| format!("--publish-url: {error}");
    let outlet = match arguments.server.as_is {
        true => Outlet::as_is(Target::as_is(url, &arguments.destination).map_err(named)?)?,
        false => Outlet::api(Target::parse(url).map_err(named)?, &arguments.destination)?,
    };
    check_host("--publish-url", outlet.target(), arguments.allow_remote.as_deref())?;
    Ok(outlet)
}

fn publish_transport(arguments: &BenchArguments) -> Result<Transport, String> {
    let chosen = arguments.publish_transport.unwrap_or(match arguments.traffic {
        Traffic::Topic => Transport::RawWebsocket,
        Traffic::Broadcast | Traffic::Echo => arguments.server.transport,
    });
    match Transport::FEEDS.contains(&chosen) {
        true => Err("--publish-transport: nothing can be sent by a feed".to_owned()),
        false => Ok(chosen),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_machine_has_to_be_named_twice() {
        let check = |url: &str, allowed| check_host("--url", &Target::parse(url).unwrap(), allowed).is_ok();
        assert!(check("http://127.0.0.1:8080/stomp", None) && check("ws://localhost/", None));
        assert!(check("http://10.0.0.1/x", Some("10.0.0.1")));
        assert!(!check("http://10.0.0.1/x", None) && !check("https://example.com/", Some("example.org")));
    }
}
