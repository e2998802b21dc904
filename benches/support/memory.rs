//! What sessions that do nothing hold.

use super::client::{self, Kind};
use super::processes::Process;
use super::report::Measured;
use super::roles::Role;
use std::io;
use std::thread::sleep;
use std::time::Duration;

/// Sessions that are there before the baseline: the first ones pay for what all of them share.
const FIRST: usize = 100;

/// After this long, a server that lets go of something has done so.
const REST: Duration = Duration::from_secs(1);

/// The server's own memory for each of many idle sessions, in KiB.
pub fn of_idle(kind: Kind, sessions: usize) -> io::Result<Measured> {
    let server = Process::start(Role::Byway)?;
    let mut clients = open(&server, kind, 0..FIRST)?;
    sleep(REST);
    let before = server.memory()?;
    clients.extend(open(&server, kind, FIRST..FIRST + sessions)?);
    sleep(REST);
    let used = server.memory()?.saturating_sub(before);
    drop(clients);
    Ok(Measured { value: used as f64 / sessions as f64 / 1024.0, floor: None, ratio: None, spread: None })
}

fn open(server: &Process, kind: Kind, which: std::ops::Range<usize>) -> io::Result<Vec<std::net::TcpStream>> {
    which.map(|n| client::open(server.port, "/subscribe", kind, n)).collect()
}
