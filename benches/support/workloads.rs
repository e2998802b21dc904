//! The loads.

use super::client::{self, Kind};
use super::compare::Workload;
use super::feeds;
use super::processes::Process;
use super::roles::Role;
use super::stomp::{self, Ids};
use super::swarm::Swarm;
use super::tokens;
use std::io::{self, Write};
use std::net::TcpStream;
use std::time::Duration;

const ECHOED: usize = 64;
const ECHOES_PER_STEP: usize = 2048;

/// Messages of 64 bytes to and fro, a window of them at a time on each connection.
pub struct Echo {
    server: Process,
    swarm: Swarm,
    /// What each connection sends at a time.
    batches: Vec<Vec<u8>>,
    window: usize,
    /// How many bytes a message has, and its answer.
    sizes: (usize, usize),
    /// How many messages each connection waits for.
    missing: Vec<usize>,
}

impl Echo {
    /// Byway sends back what it gets.
    pub fn raw(connections: usize, window: usize) -> io::Result<Self> {
        let server = Process::start(Role::Byway)?;
        let open = |n| client::open(server.port, "/echo", Kind::Websocket, n);
        let swarm = Swarm::open(connections, open)?;
        Self::learn(server, swarm, |_| client::text_frame(client::payload(ECHOED).as_bytes()), window)
    }

    /// Every client sends to a topic that nobody but itself hears.
    pub fn stomp(connections: usize, window: usize) -> io::Result<Self> {
        let server = Process::start(Role::Byway)?;
        let topic = |n| format!("/topic/{n:03}");
        let open = |n| stomp::open(server.port, Kind::Websocket, n, &[("sub-0".to_owned(), topic(n))]);
        let swarm = Swarm::open(connections, open)?;
        let send = |n| client::text_frame(stomp::send(&topic(n), &client::payload(ECHOED)).as_bytes());
        Self::learn(server, swarm, send, window)
    }

    /// Bare reads and writes of as many bytes.
    pub fn floor(like: &Self) -> io::Result<Self> {
        let server = Process::start(Role::Echo)?;
        let mut control = client::open(server.port, "", Kind::Bare, 0)?;
        control.write_all(&[like.sizes.0, like.sizes.1].map(|size| (size as u32).to_be_bytes()).concat())?;
        client::read_until(&mut control, &[client::MARK])?;
        let swarm = Swarm::open(like.batches.len(), |n| client::open(server.port, "", Kind::Bare, n))?;
        let (batches, missing) = (like.batches.clone(), vec![0; like.batches.len()]);
        Ok(Self { server, swarm, batches, window: like.window, sizes: like.sizes, missing })
    }

    /// Sends one message to see how many bytes its answer has.
    fn learn(server: Process, mut swarm: Swarm, frame: impl Fn(usize) -> Vec<u8>, window: usize) -> io::Result<Self> {
        let connections = swarm.connections.len();
        let asked = frame(0);
        swarm.connections[0].write_all(&asked)?;
        let sizes = (asked.len(), swarm.read_until_silence(Duration::from_millis(200))?);
        let batches = (0..connections).map(|n| frame(n).repeat(window)).collect();
        Ok(Self { server, swarm, batches, window, sizes, missing: vec![0; connections] })
    }
}

impl Workload for Echo {
    fn server(&self) -> &Process {
        &self.server
    }

    fn step(&mut self) -> io::Result<usize> {
        let Self { swarm, batches, window, missing, .. } = self;
        missing.fill(*window);
        for (connection, batch) in swarm.connections.iter_mut().zip(&*batches) {
            connection.write_all(batch)?;
        }
        let (mut left, mut echoed) = (missing.len(), 0);
        swarm.read(|connection, at, messages, _| {
            missing[at] -= messages;
            if missing[at] > 0 || messages == 0 {
                return Ok(true);
            }
            echoed += *window;
            if echoed < ECHOES_PER_STEP {
                missing[at] = *window;
                connection.write_all(&batches[at])?;
            } else {
                left -= 1;
            }
            Ok(left > 0)
        })?;
        Ok(echoed)
    }
}

/// Who is published to.
#[derive(Clone, Copy)]
pub enum Audience {
    /// The members of a group.
    Raw(Kind),
    /// The subscribers of a topic.
    Stomp(Kind, Ids),
    /// The readers of a feed of a topic with a history.
    Feed(Kind),
}

impl Audience {
    fn kind(self) -> Kind {
        let (Self::Raw(kind) | Self::Stomp(kind, _) | Self::Feed(kind)) = self;
        kind
    }

    fn endpoint(self) -> &'static str {
        match self {
            Self::Raw(_) => "/subscribe",
            Self::Stomp(..) => stomp::ENDPOINT,
            Self::Feed(_) => feeds::ENDPOINT,
        }
    }

    fn publisher(self) -> &'static str {
        match self {
            Self::Raw(_) => "/publish",
            Self::Stomp(..) => "/publish-stomp",
            Self::Feed(_) => "/publish-feed",
        }
    }

    fn open(self, port: u16, n: usize) -> io::Result<TcpStream> {
        match self {
            Self::Raw(kind) | Self::Feed(kind) => client::open(port, self.endpoint(), kind, n),
            Self::Stomp(kind, ids) => stomp::open(port, kind, n, &stomp::topics(ids, n, 1)),
        }
    }

    /// The request for the next answer, where one has to ask for each.
    fn polls(self, n: usize, said: &[u8]) -> Option<Vec<u8>> {
        client::next_poll(self.endpoint(), self.kind(), n, said)
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
    /// How many messages the client counts in one burst.
    counted: usize,
    /// The bytes that a subscriber gets for one burst.
    bytes: usize,
    audience: Audience,
}

impl Fanout {
    /// Byway, and its subscribers.
    pub fn byway(audience: Audience, subscribers: usize, burst: usize) -> io::Result<Self> {
        let server = Process::start(Role::Byway)?;
        let publisher = client::open(server.port, audience.publisher(), Kind::Websocket, 0)?;
        let order = client::text_frame(burst.to_string().as_bytes());
        let swarm = Swarm::open(subscribers, |n| audience.open(server.port, n))?;
        let mut fanout = Self { server, swarm, publisher, order, burst, counted: burst, bytes: 0, audience };
        fanout.learn()?;
        fanout.poll_again()?;
        Ok(fanout)
    }

    /// Bare writes of as many bytes.
    pub fn floor(like: &Self) -> io::Result<Self> {
        let server = Process::start(Role::Fanout)?;
        let publisher = client::open(server.port, "", Kind::Bare, 0)?;
        let swarm = Swarm::open(like.swarm.connections.len(), |n| client::open(server.port, "", Kind::Bare, n))?;
        let order = (like.bytes as u32).to_be_bytes().to_vec();
        Ok(Self { server, swarm, publisher, order, counted: 1, ..*like })
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

    /// Whoever polls has to ask anew for every answer. All were said the same.
    fn poll_again(&mut self) -> io::Result<()> {
        let said = self.swarm.last().to_vec();
        for (n, connection) in self.swarm.connections.iter_mut().enumerate() {
            if let Some(request) = self.audience.polls(n, &said) {
                connection.write_all(&request)?;
            }
        }
        Ok(())
    }
}

impl Workload for Fanout {
    fn server(&self) -> &Process {
        &self.server
    }

    fn step(&mut self) -> io::Result<usize> {
        let Self { swarm, publisher, order, audience, counted, burst, .. } = self;
        let subscribers = swarm.connections.len();
        publisher.write_all(order)?;
        let mut missing = subscribers * *counted;
        swarm.read(|connection, at, messages, said| {
            missing -= messages;
            if let Some(request) = audience.polls(at, said).filter(|_| messages > 0) {
                connection.write_all(&request)?;
            }
            Ok(missing > 0)
        })?;
        Ok(subscribers * *burst)
    }
}

/// A WebSocket opened and closed, with both handshakes, and with CONNECT between them where there is one.
pub struct Opening {
    server: Process,
    endpoint: String,
    connect: Option<Vec<u8>>,
    opened: usize,
}

impl Opening {
    pub fn raw() -> io::Result<Self> {
        Ok(Self { server: Process::start(Role::Byway)?, endpoint: "/echo".to_owned(), connect: None, opened: 0 })
    }

    /// CONNECT without a token.
    pub fn stomp() -> io::Result<Self> {
        let server = Process::start(Role::Byway)?;
        Ok(Self { server, endpoint: stomp::ENDPOINT.to_owned(), connect: connect(None), opened: 0 })
    }

    /// CONNECT with a token that is signed so.
    pub fn with_token(signature: &str) -> io::Result<Self> {
        let server = Process::start(Role::Tokens)?;
        let connect = connect(Some(&tokens::fetch(server.port, signature)?));
        Ok(Self { server, endpoint: format!("/{signature}"), connect, opened: 0 })
    }

    /// hyper's upgrade, with the same message and an answer of the same size.
    pub fn floor(like: &Self) -> io::Result<Self> {
        let server = Process::start(Role::Upgrade)?;
        Ok(Self { server, endpoint: like.endpoint.clone(), connect: like.connect.clone(), opened: 0 })
    }
}

fn connect(token: Option<&str>) -> Option<Vec<u8>> {
    Some(client::text_frame(stomp::connect(token).as_bytes()))
}

impl Workload for Opening {
    fn server(&self) -> &Process {
        &self.server
    }

    fn step(&mut self) -> io::Result<usize> {
        self.opened += 1;
        let mut stream = client::open(self.server.port, &self.endpoint, Kind::Websocket, self.opened)?;
        if let Some(connect) = &self.connect {
            stream.write_all(connect)?;
            client::read_until(&mut stream, stomp::END_OF_FRAME)?;
        }
        stream.write_all(client::CLOSE)?;
        client::read_until(&mut stream, client::CLOSED)?;
        Ok(1)
    }
}
