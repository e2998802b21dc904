//! H3: clients that take nothing. Their queue is bounded, they are dropped in time, and nobody else notices.

use super::http::{Wire, get, post};
use super::socket::{Socket, handshake};
use super::target::{SHORT, Target, unique};
use crate::support::TestServer;
use byway::server::ServerSettings;
use byway::{Byway, SessionHandle, Settings, Stomp};
use poem::Route;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::net::TcpSocket;

const QUEUE_BYTES: usize = 64 * 1024;
const MESSAGE_BYTES: usize = 16 * 1024;

/// The requests by which a client gets messages without asking again.
fn streams() -> [(&'static str, String); 4] {
    [
        ("raw websocket", handshake("/e/websocket", "")),
        ("websocket", handshake("/e/000/slow/websocket", "")),
        ("xhr_streaming", post(&format!("/e/000/{}/xhr_streaming", unique("slow")), "")),
        ("eventsource", get(&format!("/e/000/{}/eventsource", unique("slow")))),
    ]
}

/// Connects with a receive buffer that is full at once.
async fn narrow(address: SocketAddr) -> Wire {
    with_buffer(address, 2048).await
}

async fn with_buffer(address: SocketAddr, bytes: u32) -> Wire {
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.set_recv_buffer_size(bytes).expect("a buffer can be small");
    Wire::over(socket.connect(address).await.expect("the server accepts"))
}

async fn target() -> Target {
    Target::with(|server, settings| {
        server.write_timeout = SHORT;
        settings.session.send_timeout = SHORT;
        settings.session.close_timeout = SHORT;
        settings.session.disconnect_delay = SHORT;
        settings.session.queue_bytes = QUEUE_BYTES;
        settings.session.slow_time = SHORT;
        settings.limits.burst_bytes = HEADROOM;
        settings.sockjs.response_limit = 1 << 40;
    })
    .await
}

/// All that may wait beyond the queues. Half is left for others, and the messages' places in queues take some.
const HEADROOM: usize = 1 << 20;

/// The healthy peer gets each message before the next is published, so it is the slow one's queue that fills.
#[tokio::test]
async fn h3_a_reader_whose_queue_is_full_is_dropped_as_slow_and_its_peers_miss_nothing() {
    for (transport, request) in streams() {
        let target = target().await;
        let mut peer = Socket::open(target.address(), "/e/websocket").await;
        let mut slow = narrow(target.address()).await;
        slow.send(request).await;
        let group = target.server.byway.group("all");
        super::target::eventually("both are there", || group.len() == 2).await;
        let mut published = 0;
        while target.ended("slow_consumer") == 0 {
            assert!(published < 4096, "{transport}: {} MiB and no end", (published * MESSAGE_BYTES) >> 20);
            let message = format!("{published:0MESSAGE_BYTES$}");
            group.publish(message.clone()).ok();
            assert_eq!(peer.frame().await, (0x81, message.into_bytes()), "{transport}");
            let queued = target.server.byway.stats().queued_bytes as usize;
            assert!(queued <= QUEUE_BYTES + HEADROOM / 2, "{transport}: {queued} bytes queued");
            let beyond = target.server.byway.stats().burst_bytes as usize;
            assert!(beyond <= HEADROOM, "{transport}: {beyond} bytes of the headroom");
            published += 1;
        }
        super::target::eventually("the slow session is gone", || target.sessions() == 1).await;
        assert_eq!(target.ended("slow_consumer"), 1, "{transport}");
        peer.close().await;
        target.survives().await;
    }
}

/// It stays a little over what its queue allows, far from what all may have together: time tells.
#[tokio::test]
async fn h3_a_reader_that_stays_over_its_queue_is_dropped_as_slow_in_time() {
    for (_, request) in streams() {
        let target = Target::with(|_, settings| {
            settings.session.slow_time = SHORT;
            settings.session.queue_bytes = QUEUE_BYTES;
            settings.sockjs.response_limit = 1 << 40;
        });
        let target = target.await;
        let mut slow = narrow(target.address()).await;
        slow.send(request).await;
        let group = target.server.byway.group("all");
        super::target::eventually("it is there", || group.len() == 1).await;
        // One for what is between the server and its reader, and what its queue holds.
        group.publish("x".repeat(16 << 20)).ok();
        for _ in 0..QUEUE_BYTES / MESSAGE_BYTES + 1 {
            group.publish("x".repeat(MESSAGE_BYTES)).ok();
        }
        target.ends("slow_consumer", 1).await;
        target.survives().await;
    }
}

/// One message larger than all buffers, and no second: nothing overflows, but nothing moves either.
#[tokio::test]
async fn h3_a_reader_that_takes_nothing_is_dropped_though_its_queue_is_not_full() {
    for (transport, request) in streams() {
        let target = target().await;
        let mut slow = narrow(target.address()).await;
        slow.send(request).await;
        let group = target.server.byway.group("all");
        super::target::eventually("it is there", || group.len() == 1).await;
        group.publish("x".repeat(16 << 20)).ok();
        target.ends("slow_consumer", 1).await;
        assert_eq!(target.ended("slow_consumer"), 1, "{transport}");
        target.is_empty().await;
        target.survives().await;
    }
}

/// More than a connection's buffers take, and a reader whose own is not so small that it takes long to catch up.
const LARGE: usize = 8 << 20;
const CATCHING_UP: u32 = 64 * 1024;

/// What the last word looks like at the end of a stream.
const LAST_WORD: &[u8] = b"c[1008,\"Slow consumer\"]";

/// Reads all that a slow reader was sent, to the word by which it learns why that is all.
async fn hears_why(transport: &str, mut slow: Wire) {
    if transport.contains("websocket") {
        slow.until("\r\n\r\n").await;
        assert_eq!(Socket { wire: slow }.farewell().await, Some((1008, "Slow consumer".into())), "{transport}");
        return;
    }
    ends_with(transport, slow, LAST_WORD).await;
}

/// Reads a stream to its end, which is complete and has this in its last chunk.
async fn ends_with(transport: &str, mut slow: Wire, last_word: &[u8]) {
    let stream = slow.rest().await;
    let end = &stream[stream.len().saturating_sub(200)..];
    let shown = end.escape_ascii();
    assert!(end.windows(last_word.len()).any(|word| word == last_word), "{transport}: {shown}");
    assert!(end.ends_with(b"\r\n0\r\n\r\n"), "{transport}: {shown}");
}

/// It took nothing for as long as it may, and is given as long again to take the rest of what is under way.
#[tokio::test]
async fn h3_a_reader_that_took_nothing_and_reads_again_is_told_why_it_was_dropped() {
    for (transport, request) in streams() {
        let target = Target::with(|server, settings| {
            server.write_timeout = Duration::from_secs(2);
            settings.session.send_timeout = Duration::from_secs(2);
            settings.session.close_timeout = Duration::from_secs(4);
            settings.sockjs.response_limit = 1 << 40;
        })
        .await;
        let mut slow = with_buffer(target.address(), CATCHING_UP).await;
        slow.send(request).await;
        let group = target.server.byway.group("all");
        super::target::eventually("it is there", || group.len() == 1).await;
        group.publish("x".repeat(LARGE)).ok();
        target.ends("slow_consumer", 1).await;
        assert_eq!(target.server.byway.stats().queued_bytes, 0, "{transport}");
        hears_why(transport, slow).await;
        target.survives().await;
    }
}

/// The session's own patience is over long before the connection's: its last word stays.
#[tokio::test]
async fn h3_a_stream_whose_session_is_gone_tells_its_reader_why_all_the_same() {
    for (transport, request) in streams() {
        if transport.contains("websocket") {
            continue;
        }
        let target = Target::with(|_, settings| {
            settings.session.close_timeout = SHORT;
            settings.session.queue_bytes = QUEUE_BYTES;
            settings.sockjs.response_limit = 1 << 40;
        })
        .await;
        let mut slow = with_buffer(target.address(), CATCHING_UP).await;
        slow.send(request).await;
        let session = opened(&target).await;
        while session.send("x".repeat(MESSAGE_BYTES)).is_ok() {
            tokio::task::yield_now().await;
        }
        target.is_empty().await;
        hears_why(transport, slow).await;
        target.survives().await;
    }
}

async fn opened(target: &Target) -> SessionHandle {
    super::target::eventually("it is there", || target.sessions() == 1).await;
    target.server.byway.sessions().remove(0)
}

#[tokio::test]
async fn h3_a_feed_s_reader_that_took_nothing_and_reads_again_is_told_why() {
    for format in ["events", "lines"] {
        let (byway, messenger) = Byway::stomp(Settings::default(), Stomp::new()).expect("the defaults are valid");
        let routes = Route::new().nest("/e", byway.endpoint());
        let server = ServerSettings { write_timeout: Duration::from_secs(2), ..ServerSettings::default() };
        let server = TestServer::serve(server, byway, routes);
        let mut slow = with_buffer(server.address, CATCHING_UP).await;
        slow.send(get(&format!("/e/feed/topic/x?format={format}"))).await;
        super::target::eventually("it is there", || server.byway.sessions().len() == 1).await;
        messenger.send("/topic/x", &"x".repeat(LARGE)).expect("a topic takes it");
        let stats = || server.byway.stats();
        super::target::eventually("it is slow", || stats().ended.contains_key("slow_consumer")).await;
        ends_with(format, slow, b"Slow consumer").await;
    }
}

/// The cap is on what is queued, so a reader that is merely slow gets all, in order.
#[tokio::test]
async fn h3_a_reader_that_is_slow_but_reads_loses_nothing() {
    let target = Target::start().await;
    let mut slow = Socket { wire: narrow(target.address()).await };
    slow.send(handshake("/e/websocket", "")).await;
    slow.wire.until("\r\n\r\n").await;
    let group = target.server.byway.group("all");
    super::target::eventually("it is there", || group.len() == 1).await;
    for n in 0..60 {
        group.publish(format!("{n:0MESSAGE_BYTES$}")).ok();
    }
    for n in 0..60 {
        assert_eq!(slow.frame().await, (0x81, format!("{n:0MESSAGE_BYTES$}").into_bytes()));
    }
    slow.close().await;
    target.survives().await;
}
