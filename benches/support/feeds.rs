//! Feeds of a topic with a history, as the benchmark reads them.

use super::client::{self, Kind};
use super::compare::Workload;
use super::processes::Process;
use super::roles::Role;
use super::server;
use super::swarm::Swarm;
use byway::broker::{BrokerSettings, HistorySettings};
use byway::messaging::Messenger;
use byway::policy::RateSettings;
use byway::{Byway, FeedSettings, Stomp};
use mio::net::TcpStream;
use std::io::{self, Write};
use std::time::Duration;

/// Where the server has feeds.
pub const ENDPOINT: &str = "/feeds";

/// How many messages the topic keeps.
const KEPT: usize = 1000;

/// An endpoint whose topic keeps its last messages, and on which nothing happens by itself within a measurement.
pub fn byway() -> io::Result<(Byway, Messenger)> {
    let pattern = "/topic/*".parse().map_err(io::Error::other)?;
    let history = HistorySettings { messages: KEPT, ..HistorySettings::new(pattern) };
    let broker = BrokerSettings { history: vec![history], ..BrokerSettings::default() };
    let long = Duration::from_secs(600);
    let feeds = FeedSettings { max_wait: long, heartbeat: long, ..FeedSettings::default() };
    Byway::stomp(server::settings(), Stomp::new().rates(RateSettings::unlimited()).broker(broker).feeds(feeds))
        .map_err(io::Error::other)
}

/// Many clients that come at the same moment and read all that is kept, and go.
pub struct Replay {
    server: Process,
    clients: usize,
    request: Vec<u8>,
    /// How many messages the client counts in what one of them gets.
    counted: usize,
    /// The bytes that one of them gets.
    bytes: usize,
}

impl Replay {
    pub fn byway(clients: usize) -> io::Result<Self> {
        let server = Process::start(Role::Byway)?;
        let mut publisher = client::open(server.port, "/publish-feed", Kind::Websocket, 0)?;
        publisher.write_all(&client::text_frame(KEPT.to_string().as_bytes()))?;
        let request = client::get(&format!("{ENDPOINT}/feed/topic/0?history={KEPT}"), "text/event-stream");
        let mut replay = Self { server, clients, request: request.into_bytes(), counted: KEPT, bytes: 0 };
        let mut swarm = replay.ask(1)?;
        replay.bytes = swarm.read_until_silence(Duration::from_millis(500))?;
        Ok(replay)
    }

    /// Bare writes of as many bytes.
    pub fn floor(like: &Self) -> io::Result<Self> {
        let server = Process::start(Role::Replay)?;
        let mut control = client::open(server.port, "", Kind::Bare, 0)?;
        control.write_all(&(like.bytes as u32).to_be_bytes())?;
        Ok(Self { server, request: like.request.clone(), counted: 1, ..*like })
    }

    fn ask(&self, clients: usize) -> io::Result<Swarm> {
        let mut swarm = Swarm::open(clients, |n| client::open(self.server.port, "", Kind::Bare, n))?;
        swarm.connections.iter_mut().try_for_each(|connection: &mut TcpStream| connection.write_all(&self.request))?;
        Ok(swarm)
    }
}

impl Workload for Replay {
    fn server(&self) -> &Process {
        &self.server
    }

    fn step(&mut self) -> io::Result<usize> {
        let mut swarm = self.ask(self.clients)?;
        let mut missing = self.clients * self.counted;
        swarm.read(|_, _, messages, _| {
            missing -= messages;
            Ok(missing > 0)
        })?;
        Ok(self.clients * KEPT)
    }
}
