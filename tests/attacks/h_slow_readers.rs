//! H3: clients that take nothing. Their queue is bounded, they are dropped in time, and nobody else notices.

use super::http::{Wire, get, post};
use super::socket::{Socket, handshake};
use super::target::{SHORT, Target, unique};
use std::net::SocketAddr;
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
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.set_recv_buffer_size(2048).expect("a buffer can be small");
    Wire::over(socket.connect(address).await.expect("the server accepts"))
}

async fn target() -> Target {
    Target::with(|server, settings| {
        server.write_timeout = SHORT;
        settings.session.send_timeout = SHORT;
        settings.session.close_timeout = SHORT;
        settings.session.disconnect_delay = SHORT;
        settings.session.queue_bytes = QUEUE_BYTES;
        settings.sockjs.response_limit = 1 << 40;
    })
    .await
}

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
            assert!(queued <= QUEUE_BYTES, "{transport}: {queued} bytes queued");
            published += 1;
        }
        super::target::eventually("the slow session is gone", || target.sessions() == 1).await;
        assert_eq!(target.ended("slow_consumer"), 1, "{transport}");
        peer.close().await;
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
        // An HTTP response that takes nothing is cut off by the connection, which knows no sessions.
        let label = if transport.contains("websocket") { "slow_consumer" } else { "interrupted" };
        target.ends(label, 1).await;
        target.is_empty().await;
        target.survives().await;
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
