//! Many connections of one client, looked after by one busy loop.

use super::client::{MARK, PATIENCE};
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
        Ok(Self { poll, events: Events::with_capacity(1024), connections, buffer: vec![0; 64 * 1024] })
    }

    /// Reads what comes and tells `got` which connection got how many messages, until it answers false.
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
                let (_, messages) = read_all(connection, &mut self.buffer)?;
                wanted &= got(connection, at, messages)?;
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
                total += read_all(&mut self.connections[at], &mut self.buffer)?.0;
                last = Instant::now();
            }
        }
        Ok(total)
    }
}

/// Reads until nothing is left; a short read says so, too. Answers how many bytes and how many messages that were.
fn read_all(connection: &mut TcpStream, buffer: &mut [u8]) -> io::Result<(usize, usize)> {
    let (mut bytes, mut messages) = (0, 0);
    loop {
        let read = match connection.read(buffer) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(read) => read,
            Err(e) if e.kind() == io::ErrorKind::WouldBlock => return Ok((bytes, messages)),
            Err(e) => return Err(e),
        };
        bytes += read;
        messages += buffer[..read].iter().filter(|byte| **byte == MARK).count();
        if read < buffer.len() {
            return Ok((bytes, messages));
        }
    }
}
