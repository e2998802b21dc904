//! The loads.

use super::client::{self, Kind};
use super::compare::Workload;
use super::processes::Process;
use super::roles::Role;
use super::swarm::Swarm;
use std::io::{self, Write};
use std::net::TcpStream;
use std::time::Duration;

const ECHOED: [u8; 64] = [b'x'; 64];
/// What comes back: the same with a shorter header.
const ECHO_FRAME: usize = 66;
const ECHOES_PER_STEP: usize = 4096;

/// Messages of 64 bytes to and fro, a window of them at a time on each connection.
pub struct Echo {
    server: Process,
    swarm: Swarm,
    batch: Vec<u8>,
    window: usize,
    /// How many bytes each connection waits for.
    missing: Vec<usize>,
}

impl Echo {
    pub fn start(role: Role, kind: Kind, connections: usize, window: usize) -> io::Result<Self> {
        let server = Process::start(role)?;
        let swarm = Swarm::open(server.port, "/echo", kind, connections)?;
        let batch = client::text_frame(&ECHOED).repeat(window);
        Ok(Self { server, swarm, batch, window, missing: vec![0; connections] })
    }
}

impl Workload for Echo {
    fn server(&self) -> &Process {
        &self.server
    }

    fn step(&mut self) -> io::Result<usize> {
        let Self { swarm, batch, window, missing, .. } = self;
        missing.fill(*window * ECHO_FRAME);
        for connection in &mut swarm.connections {
            connection.write_all(batch)?;
        }
        let (mut left, mut echoed) = (missing.len(), 0);
        swarm.read(|connection, at, read| {
            missing[at] -= read;
            if missing[at] > 0 {
                return Ok(true);
            }
            echoed += *window;
            if echoed < ECHOES_PER_STEP {
                missing[at] = *window * ECHO_FRAME;
                connection.write_all(batch)?;
            } else {
                left -= 1;
            }
            Ok(left > 0)
        })?;
        Ok(echoed)
    }
}

/// A burst of messages to every subscriber, and then the next.
pub struct Fanout {
    server: Process,
    swarm: Swarm,
    publisher: TcpStream,
    /// What the publisher sends for one burst.
    order: Vec<u8>,
    burst: usize,
    /// The bytes that a subscriber gets for one burst.
    pub bytes: usize,
    again: Option<Kind>,
}

impl Fanout {
    /// Byway, and its subscribers.
    pub fn byway(kind: Kind, subscribers: usize, burst: usize) -> io::Result<Self> {
        let server = Process::start(Role::Byway)?;
        let publisher = client::open(server.port, "/publish", Kind::Websocket, 0)?;
        let order = client::text_frame(burst.to_string().as_bytes());
        let swarm = Swarm::open(server.port, "/subscribe", kind, subscribers)?;
        let mut fanout = Self { server, swarm, publisher, order, burst, bytes: 0, again: None };
        fanout.learn()?;
        fanout.again = (kind == Kind::Xhr).then_some(kind);
        fanout.poll_again()?;
        Ok(fanout)
    }

    /// Bare writes of as many bytes.
    pub fn floor(like: &Self) -> io::Result<Self> {
        let server = Process::start(Role::Fanout)?;
        let publisher = client::open(server.port, "", Kind::Bare, 0)?;
        let swarm = Swarm::open(server.port, "", Kind::Bare, like.swarm.connections.len())?;
        let order = (like.bytes as u32).to_be_bytes().to_vec();
        Ok(Self { server, swarm, publisher, order, burst: like.burst, bytes: like.bytes, again: like.again })
    }

    /// Publishes once to see how many bytes a subscriber gets.
    fn learn(&mut self) -> io::Result<()> {
        self.swarm.read_until_silence(Duration::from_millis(200))?;
        self.publisher.write_all(&self.order)?;
        let total = self.swarm.read_until_silence(Duration::from_secs(1))?;
        let subscribers = self.swarm.connections.len();
        if total == 0 || !total.is_multiple_of(subscribers) {
            return Err(io::Error::other(format!("{total} bytes for {subscribers} subscribers")));
        }
        self.bytes = total / subscribers;
        Ok(())
    }

    /// Whoever polls has to ask anew for every answer.
    fn poll_again(&mut self) -> io::Result<()> {
        let Some(kind) = self.again else { return Ok(()) };
        for (n, connection) in self.swarm.connections.iter_mut().enumerate() {
            connection.write_all(&client::request("/subscribe", kind, n))?;
        }
        Ok(())
    }
}

impl Workload for Fanout {
    fn server(&self) -> &Process {
        &self.server
    }

    fn step(&mut self) -> io::Result<usize> {
        let Self { swarm, publisher, order, again, bytes, burst, .. } = self;
        let subscribers = swarm.connections.len();
        publisher.write_all(order)?;
        let mut missing = subscribers * *bytes;
        swarm.read(|connection, at, read| {
            missing -= read;
            if let Some(kind) = again {
                connection.write_all(&client::request("/subscribe", *kind, at))?;
            }
            Ok(missing > 0)
        })?;
        Ok(subscribers * *burst)
    }
}

/// A WebSocket opened and closed, with both handshakes.
pub struct Opening {
    server: Process,
    opened: usize,
}

impl Opening {
    pub fn start(role: Role) -> io::Result<Self> {
        Ok(Self { server: Process::start(role)?, opened: 0 })
    }
}

impl Workload for Opening {
    fn server(&self) -> &Process {
        &self.server
    }

    fn step(&mut self) -> io::Result<usize> {
        self.opened += 1;
        let mut stream = client::open(self.server.port, "/echo", Kind::Websocket, self.opened)?;
        stream.write_all(client::CLOSE)?;
        client::read_until(&mut stream, client::CLOSED)?;
        Ok(1)
    }
}
