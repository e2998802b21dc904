//! The least that a server could do: the same reads and writes of the same bytes, and nothing else.

use super::client::{self, CLOSE, CLOSED, MARK};
use super::roles;
use http_body_util::Empty;
use hyper::body::{Bytes, Incoming};
use hyper::header::{CONNECTION, SEC_WEBSOCKET_ACCEPT, UPGRADE};
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode, server::conn::http1};
use hyper_util::rt::TokioIo;
use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Token};
use std::convert::Infallible;
use std::io::{self, Read, Write};
use std::sync::Arc;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

const LISTENER: Token = Token(usize::MAX);

/// The first connection says how many bytes a frame of the others has, and how many its answer: twice four bytes. From
/// then on every frame is answered.
pub fn echo() -> io::Result<()> {
    let (mut frame, mut answers) = (1, Vec::new());
    serve(|connections, at, read| {
        if let (0, Ok(sizes)) = (at, <[u8; 8]>::try_from(&*read)) {
            let [asked, answered] =
                [0, 4].map(|from| u32::from_be_bytes([0, 1, 2, 3].map(|n| sizes[from + n])) as usize);
            (frame, answers) = (asked, message(answered).repeat(MANY));
            return connections[at].write_all(&[MARK]);
        }
        let answer = read.len() / frame * (answers.len() / MANY);
        connections[at].write_all(&answers[..answer])
    })
}

/// More answers than one read asks for.
const MANY: usize = 1024;

/// A message of this many bytes.
fn message(bytes: usize) -> Vec<u8> {
    client::payload(bytes).into_bytes()
}

/// The first connection orders how many bytes all others are written, in one write each, as four bytes. What the others
/// send is read and forgotten.
pub fn fanout() -> io::Result<()> {
    let bytes = message(1 << 20);
    serve(|connections, at, read| {
        let order = <[u8; 4]>::try_from(&*read).map(u32::from_be_bytes).unwrap_or_default() as usize;
        let others = connections.iter_mut().skip(1).filter(|_| at == 0);
        for connection in others {
            connection.write_all(&bytes[bytes.len() - order..])?;
        }
        Ok(())
    })
}

/// The first connection says how many bytes are written to each of the others that says something, as four bytes.
#[tokio::main(flavor = "current_thread")]
pub async fn replay() -> io::Result<()> {
    let listener = byway::server::Server::bind(roles::ANYWHERE)?;
    roles::announce(listener.local_addr()?)?;
    let mut order = [0; 4];
    listener.accept().await?.0.read_exact(&mut order).await?;
    let bytes: Arc<[u8]> = message(u32::from_be_bytes(order) as usize).into();
    loop {
        let (mut stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let bytes = Arc::clone(&bytes);
        tokio::spawn(async move {
            let mut asked = [0; 1024];
            while stream.read(&mut asked).await? > 0 {
                for piece in bytes.chunks(PIECE) {
                    stream.write_all(piece).await?;
                }
            }
            io::Result::Ok(())
        });
    }
}

/// How many bytes a server hands to the kernel in one go.
const PIECE: usize = 16 * 1024;

/// One epoll loop; `react` is given what one read of a connection returned.
fn serve(mut react: impl FnMut(&mut [TcpStream], usize, &mut [u8]) -> io::Result<()>) -> io::Result<()> {
    let mut poll = Poll::new()?;
    let mut listener = TcpListener::bind(roles::ANYWHERE)?;
    poll.registry().register(&mut listener, LISTENER, Interest::READABLE)?;
    roles::announce(listener.local_addr()?)?;
    let mut connections = Vec::new();
    let mut buffer = vec![0; 64 * 1024];
    let mut events = Events::with_capacity(1024);
    loop {
        poll.poll(&mut events, None)?;
        for event in &events {
            match event.token() {
                LISTENER => accept(&poll, &listener, &mut connections)?,
                Token(at) => {
                    let read = connections[at].read(&mut buffer)?;
                    react(&mut connections, at, &mut buffer[..read])?;
                }
            }
        }
    }
}

fn accept(poll: &Poll, listener: &TcpListener, connections: &mut Vec<TcpStream>) -> io::Result<()> {
    while let Ok((mut connection, _)) = listener.accept() {
        connection.set_nodelay(true)?;
        poll.registry().register(&mut connection, Token(connections.len()), Interest::READABLE)?;
        connections.push(connection);
    }
    Ok(())
}

/// Upgrades by hyper, answers what comes with as much as CONNECTED is, takes a close frame, answers it, and closes.
#[tokio::main(flavor = "current_thread")]
pub async fn upgrade() -> io::Result<()> {
    let listener = byway::server::Server::bind(roles::ANYWHERE)?;
    roles::announce(listener.local_addr()?)?;
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service_fn(switch));
        tokio::spawn(connection.with_upgrades());
    }
}

async fn switch(mut request: Request<Incoming>) -> Result<Response<Empty<Bytes>>, Infallible> {
    let upgrade = hyper::upgrade::on(&mut request);
    tokio::spawn(async move {
        let Ok(upgraded) = upgrade.await else { return };
        let Ok(parts) = upgraded.downcast::<TokioIo<tokio::net::TcpStream>>() else { return };
        take_leave(parts.io.into_inner()).await.ok();
    });
    let response = Response::builder()
        .status(StatusCode::SWITCHING_PROTOCOLS)
        .header(CONNECTION, "Upgrade")
        .header(UPGRADE, "websocket")
        .header(SEC_WEBSOCKET_ACCEPT, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")
        .body(Empty::new());
    Ok(response.expect("the response is well formed"))
}

async fn take_leave(mut stream: tokio::net::TcpStream) -> io::Result<()> {
    let mut frame = [0; 4096];
    while stream.read(&mut frame).await? > 0 {
        if frame[0] == CLOSE[0] {
            stream.write_all(CLOSED).await?;
            return stream.shutdown().await;
        }
        stream.write_all(GREETING.as_bytes()).await?;
    }
    Ok(())
}

/// As long as Byway's CONNECTED.
const GREETING: &str =
    "xxxxCONNECTED\nversion:1.2\nheart-beat:0,0\nserver:byway\nsession:0123456789abcdef\nuser-name:bench\n\n\0";
