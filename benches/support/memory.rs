//! What sessions that do nothing hold.

use super::processes::Process;
use super::report::Measured;
use super::roles::Role;
use std::io;
use std::net::TcpStream;
use std::ops::Range;
use std::thread::sleep;
use std::time::Duration;

/// Sessions that are there before the baseline: the first ones pay for what all of them share.
const FIRST: usize = 100;

/// After this long, a server that lets go of something has done so.
const REST: Duration = Duration::from_secs(1);

/// The server's own memory for each of many idle sessions, in KiB. `open` opens the nth on a port.
pub fn of_idle(sessions: usize, open: impl Fn(u16, usize) -> io::Result<TcpStream>) -> io::Result<Measured> {
    let server = Process::start(Role::Byway)?;
    let opened = |which: Range<usize>| which.map(|n| open(server.port, n)).collect::<io::Result<Vec<_>>>();
    let mut clients = opened(0..FIRST)?;
    sleep(REST);
    let before = server.memory()?;
    clients.extend(opened(FIRST..FIRST + sessions)?);
    sleep(REST);
    let used = server.memory()?.saturating_sub(before);
    drop(clients);
    Ok(Measured { value: used as f64 / sessions as f64 / 1024.0, floor: None, ratio: None, spread: None })
}
