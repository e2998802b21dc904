//! Many connections of one client, looked after by one busy loop.

use super::client::{MARK, PATIENCE};
use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};
use std::io::{self, Read as _};
use std::time::{Duration, Instant};

pub struct Swarm {
    poll: Poll,
    events: Events,
    pub connections: Vec<TcpStream>,
    /// What ends each message.
    pub mark: u8,
    buffer: Vec<u8>,
    /// How much of the buffer the last read filled.
    filled: usize,
}

impl Swarm {
    /// As many connections as `size` says; `open` makes the nth.
    pub fn open(size: usize, open: impl Fn(usize) -> io::Result<std::net::TcpStream>) -> io::Result<Self> {
        let poll = Poll::new()?;
        let mut connections = Vec::with_capacity(size);
        for n in 0..size {
            let stream = open(n)?;
            stream.set_nonblocking(true)?;
            let mut stream = TcpStream::from_std(stream);
            poll.registry().register(&mut stream, Token(n), Interest::READABLE)?;
            connections.push(stream);
        }
        let (events, buffer) = (Events::with_capacity(1024), vec![0; 64 * 1024]);
        Ok(Self { poll, events, connections, mark: MARK, buffer, filled: 0 })
    }

    /// Reads what comes and tells `got` which connection got how many messages, and the bytes that came last, until it
    /// answers false.
    ///
    /// Never sleeps: a server whose client has to be woken pays for the waking.
    pub fn read(
        &mut self,
        mut got: impl FnMut(&mut TcpStream, usize, usize, &[u8]) -> io::Result<bool>,
    ) -> io::Result<()> {
        let started = Instant::now();
        while started.elapsed() < PATIENCE {
            self.poll.poll(&mut self.events, Some(Duration::ZERO))?;
            let mut wanted = true;
            for event in &self.events {
                let Token(at) = event.token();
                let connection = &mut self.connections[at];
                let read = read_all(connection, &mut self.buffer, self.mark)?;
                wanted &= got(connection, at, read.messages, &self.buffer[..read.last])?;
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
                let read = read_all(&mut self.connections[at], &mut self.buffer, self.mark)?;
                (total, self.filled) = (total + read.bytes, read.last);
                last = Instant::now();
            }
        }
        Ok(total)
    }

    /// What one of the connections read last before the silence.
    pub fn last(&self) -> &[u8] {
        &self.buffer[..self.filled]
    }
}

/// What was read from one connection.
#[derive(Default)]
struct Read {
    bytes: usize,
    messages: usize,
    /// How many bytes came last.
    last: usize,
}

/// Reads until nothing is left; a short read says so, too.
fn read_all(connection: &mut TcpStream, buffer: &mut [u8], mark: u8) -> io::Result<Read> {
    let mut all = Read::default();
    loop {
        let read = match connection.read(buffer) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(read) => read,
            Err(e) if e.kind() == io::ErrorKind::WouldBlock => return Ok(all),
            Err(e) => return Err(e),
        };
        all.bytes += read;
        all.last = read;
        all.messages += buffer[..read].iter().filter(|byte| **byte == mark).count();
        if read < buffer.len() {
            return Ok(all);
        }
    }
}
