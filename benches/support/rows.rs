//! The table's rows: what is measured, and what it may cost.

use super::client::Kind;
use super::compare::compare;
use super::memory;
use super::report::Measured;
use super::roles::Role;
use super::workloads::{Echo, Fanout, Opening};
use std::io;
use std::time::Duration;

pub struct Row {
    pub name: &'static str,
    pub kind: What,
    /// What it may cost: as a ratio to the floor, or in KiB. Not every row has a budget.
    pub budget: Option<f64>,
}

pub enum What {
    /// On this many connections, with this window.
    Echo(usize, usize),
    /// To this many subscribers, in bursts of this size.
    Fanout(Kind, usize, usize),
    Open,
    Memory(Kind),
}

pub struct Settings {
    /// For how long each row is measured.
    pub time: Duration,
    pub sessions: usize,
}

pub const ALL: &[Row] = &[
    row("echo-window-1", What::Echo(64, 1), Some(1.2)),
    row("echo-window-16", What::Echo(64, 16), None),
    row("fanout-one", What::Fanout(Kind::Websocket, 1000, 1), Some(1.15)),
    row("fanout-burst-16", What::Fanout(Kind::Websocket, 1000, 16), Some(1.5)),
    row("fanout-sockjs", What::Fanout(Kind::SockjsWebsocket, 500, 1), None),
    row("fanout-sockjs-burst-16", What::Fanout(Kind::SockjsWebsocket, 500, 16), None),
    row("fanout-xhr-streaming", What::Fanout(Kind::XhrStreaming, 500, 1), None),
    row("fanout-xhr-streaming-burst-16", What::Fanout(Kind::XhrStreaming, 500, 16), None),
    row("fanout-eventsource", What::Fanout(Kind::Eventsource, 500, 1), None),
    row("fanout-eventsource-burst-16", What::Fanout(Kind::Eventsource, 500, 16), None),
    row("fanout-xhr-poll", What::Fanout(Kind::Xhr, 500, 1), None),
    row("open", What::Open, Some(2.0)),
    row("memory-websocket", What::Memory(Kind::Websocket), Some(3.0)),
    row("memory-sockjs-websocket", What::Memory(Kind::SockjsWebsocket), None),
    row("memory-eventsource", What::Memory(Kind::Eventsource), Some(12.0)),
    row("memory-xhr-poll", What::Memory(Kind::Xhr), Some(12.0)),
];

const fn row(name: &'static str, kind: What, budget: Option<f64>) -> Row {
    Row { name, kind, budget }
}

impl What {
    pub fn run(&self, settings: &Settings) -> io::Result<Measured> {
        match *self {
            Self::Echo(connections, window) => {
                let mut floor = Echo::start(Role::Echo, Kind::Bare, connections, window)?;
                let mut byway = Echo::start(Role::Byway, Kind::Websocket, connections, window)?;
                compare(&mut floor, &mut byway, settings.time)
            }
            Self::Fanout(kind, subscribers, burst) => {
                let mut byway = Fanout::byway(kind, subscribers, burst)?;
                let mut floor = Fanout::floor(&byway)?;
                compare(&mut floor, &mut byway, settings.time)
            }
            Self::Open => {
                let mut floor = Opening::start(Role::Upgrade)?;
                let mut byway = Opening::start(Role::Byway)?;
                compare(&mut floor, &mut byway, settings.time)
            }
            Self::Memory(kind) => memory::of_idle(kind, settings.sessions),
        }
    }

    pub fn unit(&self) -> &'static str {
        match self {
            Self::Memory(_) => "KiB",
            _ => "us",
        }
    }
}
