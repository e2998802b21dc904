//! A proxy that does to connections what proxies, firewalls and virus scanners do. Each thing can be had alone and with others.
//!
//! It takes one request from each connection, as a proxy does that knows no persistent ones.

pub mod chunks;
mod flow;
mod heads;

use flow::{Flow, Then};
use heads::{Answers, is_upgrade};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// What the proxy does. The default is nothing.
#[derive(Debug, Clone, Default)]
pub struct Habits {
    /// `Upgrade` does not reach the server.
    pub strips_upgrade: bool,
    /// To the server it speaks HTTP/1.0.
    pub old_to_server: bool,
    /// To the client it speaks HTTP/1.0: no chunks, and the body ends with the connection.
    pub old_to_client: bool,
    /// Header names arrive in lower case, and those that come more than once as one.
    pub rewrites_headers: bool,
    /// Nothing of an answer goes on before all of it is there.
    pub holds_all: bool,
    /// What comes goes on when the next comes.
    pub holds_last: bool,
    /// An answer goes on in blocks of so many bytes.
    pub blocks: Option<usize>,
    /// After so many bytes of an answer the connection is reset.
    pub cuts_at: Option<usize>,
    /// After so many bytes of an answer the connection is closed.
    pub ends_at: Option<usize>,
    /// After so many bytes of an answer nothing goes on, and nothing ends.
    pub stalls_at: Option<usize>,
    /// Connections on which nothing happens for so long are closed.
    pub idle: Option<Duration>,
    /// Of so many connections one is closed as soon as it is there.
    pub drops_one_of: Option<usize>,
}

/// A proxy in front of one server. It ends when it is dropped, and with it all connections.
pub struct Proxy {
    pub address: SocketAddr,
    connections: Arc<AtomicUsize>,
    serving: JoinHandle<()>,
}

impl Proxy {
    pub async fn start(server: SocketAddr, habits: Habits) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a free port");
        let address = listener.local_addr().expect("a bound listener has an address");
        let connections = Arc::new(AtomicUsize::new(0));
        let serving = tokio::spawn(serve(listener, server, habits, Arc::clone(&connections)));
        Self { address, connections, serving }
    }

    /// How many connections there were.
    pub fn connections(&self) -> usize {
        self.connections.load(Ordering::Relaxed)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn serve(listener: TcpListener, server: SocketAddr, habits: Habits, connections: Arc<AtomicUsize>) {
    let mut carried = tokio::task::JoinSet::new();
    while let Ok((near, _)) = listener.accept().await {
        let number = connections.fetch_add(1, Ordering::Relaxed);
        if habits.drops_one_of.is_some_and(|count| number.is_multiple_of(count)) {
            near.set_zero_linger().ok();
            continue;
        }
        carried.spawn(carry(near, server, habits.clone()));
        while carried.try_join_next().is_some() {}
    }
}

/// Carries one request and its answer. What goes wrong on the way ends both connections, as it does everywhere.
async fn carry(mut near: TcpStream, server: SocketAddr, habits: Habits) -> Option<()> {
    let (head, rest) = heads::read(&mut near).await?;
    let upgrades = is_upgrade(&head) && !habits.strips_upgrade;
    let mut far = TcpStream::connect(server).await.ok()?;
    far.set_nodelay(true).ok()?;
    near.set_nodelay(true).ok()?;
    far.write_all(heads::request(&head, &habits, upgrades).as_bytes()).await.ok()?;
    far.write_all(&rest).await.ok()?;
    let mut answers = Answers::new(&habits, upgrades);
    let mut flow = Flow::new(&habits);
    let (mut up, mut down) = ([0; 16 * 1024], [0; 16 * 1024]);
    loop {
        let then = tokio::select! {
            read = near.read(&mut up) => match read.ok()? {
                0 => return None,
                length => { far.write_all(&up[..length]).await.ok()?; Then::GoOn }
            },
            read = far.read(&mut down) => match read.ok()? {
                0 => { near.write_all(&flow.end()).await.ok()?; Then::End }
                length => {
                    let (bytes, then) = flow.pass(&answers.pass(&down[..length]));
                    near.write_all(&bytes).await.ok()?;
                    then
                }
            },
            () = idle(habits.idle) => Then::End,
        };
        match then {
            Then::GoOn => {}
            Then::Stall => return stall(near).await,
            Then::Reset => return near.set_zero_linger().ok(),
            Then::End => return near.shutdown().await.ok(),
        }
    }
}

async fn idle(time: Option<Duration>) {
    match time {
        Some(time) => tokio::time::sleep(time).await,
        None => std::future::pending().await,
    }
}

/// Lets nothing more through in either direction, until the client gives up.
async fn stall(mut near: TcpStream) -> Option<()> {
    tokio::io::copy(&mut near, &mut tokio::io::sink()).await.ok().map(drop)
}
