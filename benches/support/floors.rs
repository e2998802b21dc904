//! The least that a server could do: the same reads and writes of the same bytes, and nothing else.

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
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// What a client adds to a frame: four bytes of mask.
const CLIENT_FRAME: usize = 70;
const SERVER_FRAME: usize = 66;

const LISTENER: Token = Token(usize::MAX);

/// Writes 66 bytes for each 70 that it reads: a frame with 64 bytes of payload, there and back.
pub fn echo() -> io::Result<()> {
    serve(|connections, at, read| {
        let answer = &read[..read.len() / CLIENT_FRAME * SERVER_FRAME];
        connections[at].write_all(answer)
    })
}

/// The first connection orders how many bytes all others are written, in one write each, as four bytes. What the others
/// send is read and forgotten.
pub fn fanout() -> io::Result<()> {
    let bytes = vec![b'x'; 1 << 20];
    serve(|connections, at, read| {
        let order = <[u8; 4]>::try_from(&*read).map(u32::from_be_bytes).unwrap_or_default();
        let others = connections.iter_mut().skip(1).filter(|_| at == 0);
        for connection in others {
            connection.write_all(&bytes[..order as usize])?;
        }
        Ok(())
    })
}

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

/// Upgrades by hyper, takes a close frame, answers it, and closes.
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
    let mut frame = [0; 64];
    if stream.read(&mut frame).await? > 0 {
        stream.write_all(b"\x88\x02\x03\xe8").await?;
        stream.shutdown().await?;
    }
    Ok(())
}
