//! What a child process can be.

use super::{api, floors, processes, server, strangers, tokens};
use std::io::{self, Write};
use std::net::{Ipv4Addr, SocketAddr};

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
pub enum Role {
    /// Byway.
    Byway,
    /// Byway with the defaults of a public server.
    Public,
    /// Byway with an endpoint for each kind of token.
    Tokens,
    /// Reads and writes as much as it is told to.
    Echo,
    /// Writes the same bytes to every connection when told to.
    Fanout,
    /// Writes the same bytes to every connection that asks.
    Replay,
    /// A handler that takes JSON and answers some, and nothing else.
    Json,
    /// hyper's upgrade, and no session behind it.
    Upgrade,
}

impl Role {
    pub fn name(self) -> &'static str {
        match self {
            Self::Byway => "byway",
            Self::Public => "public",
            Self::Tokens => "tokens",
            Self::Echo => "echo",
            Self::Fanout => "fanout",
            Self::Replay => "replay",
            Self::Json => "json",
            Self::Upgrade => "upgrade",
        }
    }
}

/// Runs until killed.
pub fn play(role: Role) -> io::Result<()> {
    processes::pin_server();
    match role {
        Role::Byway => server::run(server::routes),
        Role::Public => strangers::serve(),
        Role::Tokens => server::run(tokens::routes),
        Role::Echo => floors::echo(),
        Role::Fanout => floors::fanout(),
        Role::Replay => floors::replay(),
        Role::Json => server::run(api::floor),
        Role::Upgrade => floors::upgrade(),
    }
}

/// Any free port, on every local address.
pub const ANYWHERE: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0);

/// Tells the parent where to connect.
pub fn announce(address: SocketAddr) -> io::Result<()> {
    let mut stdout = io::stdout();
    writeln!(stdout, "{}", address.port())?;
    stdout.flush()
}
