//! What can only be broken from inside.

use super::cell::Cell;
use super::{Byway, Handler, Io, Opening, SessionHandle, Settings, SocketInput, Upgraded, now};
use crate::model::{Disconnect, Message, Transport};
use crate::protocol::websocket::{Compression, Decoder, Deflater, Limits};
use crate::session::{Deadline, Ending, KeepAlive, Outgoing, SendError, SocketKind};
use futures_util::FutureExt;
use parking_lot::Mutex;
use std::future::poll_fn;
use std::io;
use std::net::Ipv4Addr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream, ReadBuf, duplex};
use tokio::sync::{Semaphore, oneshot};

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
    upgrade(byway, async { Some(io) });
}

/// A request that was answered 101, and its connection to come.
fn upgrade(byway: &Byway, io: impl Future<Output = Option<Io>> + Send + 'static) {
    upgrade_to(byway, || Decoder::new(Limits::default(), Compression::None), io);
}

fn upgrade_to(
    byway: &Byway,
    decoder: impl Fn() -> Decoder + Send + 'static,
    io: impl Future<Output = Option<Io>> + Send + 'static,
) {
    let opening = Opening {
        transport: Transport::RawWebsocket,
        principal: None,
        remote: Ipv4Addr::LOCALHOST.into(),
        protocol: None,
        token: None,
    };
    let input = move |io| SocketInput {
        upgraded: Upgraded { io, early: Default::default(), permit: None },
        decoder: decoder(),
        sockjs: false,
    };
    let tenant = byway.0.admit(&opening).unwrap();
    byway.0.upgrade((opening, tenant), SocketKind { sockjs: false, deflate: None }, async move { io.await.map(input) });
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

fn outgoing(text: &str) -> Arc<Outgoing> {
    Outgoing::new(Message::text(text))
}

/// An endpoint with one session, and its silent client's end. The driver waits for nothing but the first heartbeat.
async fn at_rest() -> (Byway, Arc<Cell>, DuplexStream) {
    let mut settings = Settings::default();
    settings.session.close_timeout = Duration::from_millis(1);
    let byway = Byway::new(settings, Endings::default()).unwrap();
    let (ours, theirs) = duplex(1024);
    open(&byway, Io::Stream(Box::new(ours)));
    while byway.sessions().is_empty() {
        tokio::task::yield_now().await;
    }
    // The only other task of this thread runs until it has to wait.
    for _ in 0..10 {
        tokio::task::yield_now().await;
    }
    let cell = Arc::clone(&byway.sessions()[0].0);
    (byway, cell, theirs)
}

/// What the client gets until the session is over, long before the first heartbeat.
async fn everything(mut client: DuplexStream) -> String {
    let mut bytes = Vec::new();
    let read = client.read_to_end(&mut bytes);
    tokio::time::timeout(Duration::from_secs(10), read).await.expect("the driver knows of the new deadline").unwrap();
    bytes.escape_ascii().to_string()
}

#[tokio::test]
async fn signs_of_life_that_are_asked_for_later_are_kept_up_and_watched() {
    let (_byway, session, client) = at_rest().await;
    session.keep_alive(KeepAlive {
        send_every: Some(Duration::from_millis(10)),
        filler: outgoing("filler"),
        expect_within: Some(Duration::from_millis(200)),
        last_words: Some(outgoing("last words")),
    });
    let written = everything(client).await;
    let (fillers, rest) = written.split_at(written.find(r"\x81\nlast words").expect("last words"));
    assert!(fillers.len() > 2 * r"\x81\x06filler".len(), "{fillers}");
    assert_eq!(fillers.replace(r"\x81\x06filler", ""), r"\x89\x00", "it is asked once whether it lives");
    assert_eq!(rest, r"\x81\nlast words\x88\x1c\x0b\xb8No response from heartbeat");
}

#[tokio::test]
async fn a_deadline_that_is_set_later_is_met() {
    let (_byway, session, client) = at_rest().await;
    let ending = |after, disconnect| {
        Some(Ending { at: now() + Duration::from_millis(after), disconnect, last_words: Some(outgoing("too late")) })
    };
    session.end_at(Deadline::Frame, ending(5, Disconnect::INVALID_DATA));
    session.end_at(Deadline::Frame, None);
    session.end_at(Deadline::Authentication, ending(10, Disconnect::FLOOD));
    assert_eq!(everything(client).await, r"\x81\x08too late\x88\x12\x03\xf0Policy violation");
}

#[tokio::test]
async fn many_messages_go_out_in_order_and_last_words_behind_them() {
    let (_byway, session, client) = at_rest().await;
    for text in ["1", "2", "3"] {
        assert_eq!(session.send(outgoing(text)), Ok(()));
    }
    session.close_with_last_words(Disconnect::NORMAL, outgoing("bye"));
    assert_eq!(session.send(outgoing("4")), Err(SendError::Closed));
    let expected = r"\x81\x011\x81\x012\x81\x013\x81\x03bye\x88\x10\x03\xe8Normal closure";
    assert_eq!(everything(client).await, expected);
}

#[tokio::test]
async fn a_drain_waits_for_sockets_whose_101_is_written_and_whose_session_is_still_to_open_and_tells_them() {
    let (byway, session, client) = at_rest().await;
    session.close(Disconnect::NORMAL);
    everything(client).await;
    let ((opens, opened), (breaks_off, broken_off)) = (oneshot::channel(), oneshot::channel::<Io>());
    upgrade(&byway, async { opened.await.ok() });
    upgrade(&byway, async { broken_off.await.ok() });
    let mut draining = pin!(byway.drain(Duration::from_secs(20)));
    drop(breaks_off);
    for _ in 0..10 {
        assert_eq!(draining.as_mut().now_or_never(), None);
        tokio::task::yield_now().await;
    }
    let (ours, client) = duplex(1024);
    assert!(opens.send(Io::Stream(Box::new(ours))).is_ok());
    let (drained, said) = tokio::join!(draining, everything(client));
    assert_eq!(said, r"\x88\x16\x03\xe9Server shutting down");
    assert_eq!((drained.told, drained.left), (0, 0));
}

/// An application that demands signs of life, and is at work with a message until the test lets go.
struct Held(Arc<Semaphore>);

impl Handler for Held {
    async fn message(&self, session: &SessionHandle, _: Message) {
        session.0.keep_alive(KeepAlive {
            send_every: Some(Duration::from_millis(5)),
            filler: outgoing("filler"),
            expect_within: Some(Duration::from_millis(20)),
            last_words: None,
        });
        self.0.acquire().await.unwrap().forget();
    }
}

#[tokio::test]
async fn a_client_whose_message_is_still_worked_on_is_not_silent() {
    let gate = Arc::new(Semaphore::new(0));
    let mut settings = Settings::default();
    settings.session.close_timeout = Duration::from_millis(1);
    let byway = Byway::new(settings, Held(Arc::clone(&gate))).unwrap();
    let (ours, mut client) = duplex(1024);
    open(&byway, Io::Stream(Box::new(ours)));
    client.write_all(b"\x81\x81\0\0\0\0x").await.unwrap();
    let mut fillers = [0; 40 * b"\x81\x06filler".len()];
    client.read_exact(&mut fillers).await.unwrap();
    assert_eq!(fillers[..], b"\x81\x06filler".repeat(40)[..], "ten times as long as silence may last");
    gate.add_permits(1);
    while !byway.sessions().is_empty() {
        tokio::task::yield_now().await;
    }
    assert_eq!(byway.stats().ended["no_heartbeat"], 1);
}

/// Counts its messages, and another task's turns until each.
#[derive(Clone, Default)]
struct Turns {
    messages: Arc<AtomicUsize>,
    others: Arc<AtomicUsize>,
    before_each: Arc<Mutex<Vec<usize>>>,
}

impl Handler for Turns {
    async fn message(&self, _: &SessionHandle, _: Message) {
        self.messages.fetch_add(1, Ordering::Relaxed);
        self.before_each.lock().push(self.others.swap(0, Ordering::Relaxed));
    }
}

impl Turns {
    /// Another task of the same thread, which is always ready, until there are so many messages.
    async fn take_part(&self, messages: usize) {
        let other = self.clone();
        let all = poll_fn(move |cx| {
            if other.messages.load(Ordering::Relaxed) == messages {
                return Poll::Ready(());
            }
            other.others.fetch_add(1, Ordering::Relaxed);
            cx.waker().wake_by_ref();
            Poll::Pending
        });
        tokio::spawn(all).await.unwrap();
    }

    /// The turns that the other task had before each of some messages that are there at once, each of so many bytes.
    async fn before_messages(count: usize, bytes: usize) -> Vec<usize> {
        let turns = Self::default();
        let byway = Byway::new(Settings::default(), turns.clone()).unwrap();
        let message = Deflater::new(15).compress(&vec![0; bytes]).unwrap();
        let head = [0xc2, 0xfe, (message.len() >> 8) as u8, message.len() as u8, 0, 0, 0, 0];
        let (ours, mut client) = duplex(64 * 1024);
        client.write_all(&[&head, &*message].concat().repeat(count)).await.unwrap();
        let limits = move || Limits { message: bytes, frame: bytes, ..Limits::default() };
        upgrade_to(&byway, move || Decoder::new(limits(), Compression::Deflate), async {
            Some(Io::Stream(Box::new(ours)))
        });
        turns.take_part(count).await;
        turns.before_each.lock().split_off(0)
    }
}

#[tokio::test]
async fn after_each_message_that_inflates_to_a_turn_s_worth_others_have_theirs() {
    let turns = Turns::before_messages(32, 128 * 1024).await;
    assert!(turns[1..].iter().all(|turns| *turns > 0), "{turns:?}");
}

#[tokio::test]
async fn a_message_that_inflates_to_many_turns_worth_takes_as_many() {
    let turns = Turns::before_messages(1, 4 << 20).await;
    assert!(turns[0] >= 4, "{turns:?}");
}
