//! Many connections of one client, looked after by one busy loop.

use super::client::{self, Kind, PATIENCE};
use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};
use std::io::{self, Read};
use std::time::{Duration, Instant};

pub struct Swarm {
    poll: Poll,
    events: Events,
    pub connections: Vec<TcpStream>,
    buffer: Vec<u8>,
}

impl Swarm {
    pub fn open(port: u16, endpoint: &str, kind: Kind, size: usize) -> io::Result<Self> {
        let poll = Poll::new()?;
        let mut connections = Vec::with_capacity(size);
        for n in 0..size {
            let stream = client::open(port, endpoint, kind, n)?;
            stream.set_nonblocking(true)?;
            let mut stream = TcpStream::from_std(stream);
            poll.registry().register(&mut stream, Token(n), Interest::READABLE)?;
            connections.push(stream);
        }
        Ok(Self { poll, events: Events::with_capacity(1024), connections, buffer: vec![0; 64 * 1024] })
    }

    /// Reads what comes and tells `got` which connection got how much, until it answers false.
    ///
    /// Never sleeps: a server whose client has to be woken pays for the waking.
    pub fn read(&mut self, mut got: impl FnMut(&mut TcpStream, usize, usize) -> io::Result<bool>) -> io::Result<()> {
        let started = Instant::now();
        while started.elapsed() < PATIENCE {
            self.poll.poll(&mut self.events, Some(Duration::ZERO))?;
            let mut wanted = true;
            for event in &self.events {
                let Token(at) = event.token();
                let connection = &mut self.connections[at];
                let read = read_all(connection, &mut self.buffer)?;
                wanted &= got(connection, at, read)?;
            }
            if !wanted {
                return Ok(());
            }
        }
        Err(io::ErrorKind::TimedOut.into())
    }

    /// How many bytes come before there is silence.
    pub fn read_until_silence(&mut self, silence: Duration) -> io::Result<usize> {
        let (mut total, mut last) = (0, Instant::now());
        while last.elapsed() < silence {
            self.poll.poll(&mut self.events, Some(silence))?;
            for event in &self.events {
                let Token(at) = event.token();
                total += read_all(&mut self.connections[at], &mut self.buffer)?;
                last = Instant::now();
            }
        }
        Ok(total)
    }
}

/// Reads until nothing is left; a short read says so, too.
fn read_all(connection: &mut TcpStream, buffer: &mut [u8]) -> io::Result<usize> {
    let mut total = 0;
    loop {
        match connection.read(buffer) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(read) if read < buffer.len() => return Ok(total + read),
            Ok(read) => total += read,
            Err(e) if e.kind() == io::ErrorKind::WouldBlock => return Ok(total),
            Err(e) => return Err(e),
        }
    }
}
