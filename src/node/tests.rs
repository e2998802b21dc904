//! What can only be broken from inside.

use super::{Byway, Handler, Io, Opening, SessionHandle, Settings, SocketInput, Upgraded};
use crate::model::{Disconnect, Message, Transport};
use crate::protocol::websocket::{Compression, Decoder, Limits};
use crate::session::SocketKind;
use parking_lot::Mutex;
use std::io;
use std::net::Ipv4Addr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, ReadBuf, duplex};

/// Remembers how sessions ended.
#[derive(Clone, Default)]
struct Endings(Arc<Mutex<Vec<Disconnect>>>);

impl Handler for Endings {
    async fn message(&self, _: &SessionHandle, _: Message) {}

    async fn ended(&self, _: &SessionHandle, disconnect: &Disconnect) {
        self.0.lock().push(disconnect.clone());
    }
}

/// A stream whose driver breaks down over it.
struct Broken(DuplexStream);

impl AsyncRead for Broken {
    fn poll_read(self: Pin<&mut Self>, _: &mut Context<'_>, _: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        panic!("as the test asked");
    }
}

impl AsyncWrite for Broken {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}

fn open(byway: &Byway, io: Io) {
    let opening = Opening {
        transport: Transport::RawWebsocket,
        principal: None,
        remote: Ipv4Addr::LOCALHOST.into(),
        protocol: None,
    };
    let decoder = Decoder::new(Limits::default(), Compression::None);
    let upgraded = Upgraded { io, early: Default::default(), permit: None };
    let input = SocketInput { upgraded, decoder, sockjs: None };
    byway.0.upgrade(opening, SocketKind { sockjs: false, deflate: None }, async { Some(input) });
}

#[tokio::test]
async fn a_session_whose_driver_breaks_down_ends_once_and_leaves_nothing() {
    let endings = Endings::default();
    let byway = Byway::new(Settings::default(), endings.clone()).unwrap();
    open(&byway, Io::Stream(Box::new(Broken(duplex(64).0))));
    while endings.0.lock().is_empty() || !byway.sessions().is_empty() {
        tokio::task::yield_now().await;
    }
    assert_eq!(*endings.0.lock(), [Disconnect::INTERNAL_ERROR]);
    assert_eq!(byway.stats().ended["internal_error"], 1);
}

#[tokio::test]
async fn a_panic_over_one_session_of_many_ends_that_session() {
    let endings = Endings::default();
    let byway = Byway::new(Settings::default(), endings.clone()).unwrap();
    let (ours, _theirs) = duplex(64);
    open(&byway, Io::Stream(Box::new(ours)));
    while byway.sessions().is_empty() {
        tokio::task::yield_now().await;
    }
    byway.sessions()[0].0.isolate(|_| panic!("as the test asked"));
    while endings.0.lock().is_empty() {
        tokio::task::yield_now().await;
    }
    assert_eq!(*endings.0.lock(), [Disconnect::INTERNAL_ERROR]);
}
