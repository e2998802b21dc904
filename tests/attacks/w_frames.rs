//! W1 to W6: frames that lie, flood, or are none.

use super::alone::{alone, resident};
use super::http::Wire;
use super::socket::{Socket, frame, handshake, header};
use super::target::{SHORT, Target, eventually};
use byway::SessionSettings;
use byway::protocol::websocket::{self, Opcode};
use byway::session::{Headroom, Session, SocketKind};
use flate2::{Compress, Compression, FlushCompress};
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::io::AsyncWriteExt;

/// The message limit by default.
const LIMIT: u64 = 128 * 1024;

const BOTH: [&str; 2] = ["/e/websocket", "/e/000/frames/websocket"];

/// Sends `bytes` to both kinds of WebSocket and expects to be closed with `code`.
async fn closes(target: &Target, bytes: &[u8], code: u16) {
    for path in BOTH {
        let mut socket = Socket::open(target.address(), path).await;
        socket.send(bytes).await;
        let shown = bytes[..bytes.len().min(40)].escape_ascii();
        assert_eq!(socket.close_code().await, Some(code), "{path} {shown}");
    }
}

/// A header with this 64-bit length, however senseless.
fn announce(first: u8, len: u64) -> Vec<u8> {
    [&[first, 0x80 | 127], &len.to_be_bytes()[..], &[0; 4]].concat()
}

#[tokio::test]
async fn w1_an_announced_length_over_the_limit_is_1009_on_the_header_alone() {
    let target = Target::start().await;
    for len in [LIMIT + 1, 1 << 24, 1 << 31, 1 << 32, (1 << 63) - 1] {
        closes(&target, &announce(0x81, len), 1009).await;
        closes(&target, &announce(0x02, len), 1009).await;
        // Ten bytes are enough: the mask need not come.
        closes(&target, &announce(0x82, len)[..10], 1009).await;
    }
    for len in [1 << 63, u64::MAX] {
        closes(&target, &announce(0x81, len), 1002).await;
    }
    target.ends("message_too_big", 30).await;
    target.survives().await;
}

const SOCKETS: usize = 2000;

/// Half of the lengths are allowed, so that the server waits for what never comes.
#[test]
fn w1_two_thousand_sockets_that_announce_much_and_send_nothing_cost_less_than_a_kilobyte_each() {
    alone(
        "attacks::w_frames::w1_two_thousand_sockets_that_announce_much_and_send_nothing_cost_less_than_a_kilobyte_each",
        "ulimit -n 8192",
        async {
            let target = Target::start().await;
            let mut sockets = Vec::new();
            for _ in 0..SOCKETS {
                let mut socket = Socket::open(target.address(), "/e/websocket").await;
                socket.text("warm").await;
                socket.frame().await;
                sockets.push(socket);
            }
            let idle = resident();
            for (n, socket) in sockets.iter_mut().enumerate() {
                let len = if n % 2 == 0 { LIMIT } else { u64::MAX >> 1 };
                socket.send(announce(0x82, len)).await;
            }
            target.ends("message_too_big", SOCKETS as u64 / 2).await;
            let grown = resident().saturating_sub(idle) / SOCKETS;
            assert!(grown < 1024, "{grown} bytes each");
            drop(sockets);
            target.is_empty().await;
            target.survives().await;
        },
    );
}

#[tokio::test]
async fn w2_fragments_that_are_over_the_limit_together_are_1009() {
    let target = Target::start().await;
    let half = vec![b'x'; LIMIT as usize / 2];
    let parts = [frame(0x01, &half), frame(0x00, &half)].concat();
    closes(&target, &[parts.clone(), header(0x80, 1)].concat(), 1009).await;
    closes(&target, &[parts, header(0x00, 1)].concat(), 1009).await;
    target.survives().await;
}

#[tokio::test]
async fn w2_more_than_1024_fragments_are_1008() {
    let target = Target::start().await;
    let fragments = |count: usize| [frame(0x01, b""), frame(0x00, b"").repeat(count - 1)].concat();
    closes(&target, &fragments(1025), 1008).await;
    target.ends("flood", 2).await;
    let mut socket = Socket::open(target.address(), BOTH[0]).await;
    socket.send([fragments(1023), frame(0x80, b"all")].concat()).await;
    assert_eq!(socket.frame().await, (0x81, b"all".to_vec()));
    socket.close().await;
    target.survives().await;
}

#[tokio::test]
async fn w2_a_message_that_does_not_end_in_time_is_1008_wherever_it_stops() {
    let target = Target::with(|_, settings| settings.session.message_timeout = SHORT).await;
    for start in [&b"\x81"[..], b"\x81\xfe\x01", b"\x81\x85\0\0\0\0ab", b"\x01\x82\0\0\0\0ab", b"\x89\x85\0\0\0\0ab"] {
        closes(&target, start, 1008).await;
    }
    target.survives().await;
}

/// A deadline that every byte pushed back would be none.
#[tokio::test]
async fn w2_neither_pings_nor_more_fragments_push_the_deadline_of_a_message_back() {
    let target = Target::with(|_, settings| {
        settings.session.message_timeout = SHORT;
        settings.session.control_frames_per_second = 1_000_000;
    })
    .await;
    for drip in [frame(0x00, b"x"), frame(0x89, b"")] {
        let mut socket = Socket::open(target.address(), BOTH[0]).await;
        socket.send(frame(0x01, b"x")).await;
        let ended = target.ended("flood");
        eventually("the message is given up", || {
            socket.wire.stream.try_write(&drip).ok();
            target.ended("flood") > ended
        })
        .await;
        assert_eq!(socket.close_code().await, Some(1008));
    }
    target.survives().await;
}

#[tokio::test]
async fn w3_more_than_100_pings_or_pongs_in_a_second_are_1008() {
    let target = Target::start().await;
    for control in [frame(0x89, b"?"), frame(0x8a, b"!")] {
        closes(&target, &control.repeat(101), 1008).await;
    }
    target.ends("flood", 4).await;
    let mut socket = Socket::open(target.address(), BOTH[0]).await;
    socket.send(frame(0x8a, b"").repeat(99)).await;
    socket.close().await;
    target.survives().await;
}

/// RFC 6455, section 5.5.3: only the latest ping needs an answer.
#[test]
fn w3_a_socket_that_takes_nothing_has_one_pong_waiting_however_many_pings_came() {
    let now = Instant::now();
    let mut session = Session::new(Arc::new(SessionSettings::default()), Headroom::new(0), now);
    session.attach_socket(SocketKind { sockjs: false, deflate: None }, now);
    for n in 0..90_u8 {
        session.ping_received(&[n], now);
        session.write_to(|_| Err(io::ErrorKind::WouldBlock.into()), || now).unwrap();
    }
    let mut written = Vec::new();
    let write = |slices: &[io::IoSlice<'_>]| {
        slices.iter().for_each(|slice| written.extend_from_slice(slice));
        Ok(slices.iter().map(|slice| slice.len()).sum())
    };
    session.write_to(write, || now).unwrap();
    assert_eq!(written, websocket::encode(Opcode::Pong, &[89]));
}

#[tokio::test]
async fn w3_control_frames_that_are_long_or_split_are_1002() {
    let target = Target::start().await;
    for opcode in [0x8, 0x9, 0xa] {
        closes(&target, &frame(0x80 | opcode, &[b'x'; 126]), 1002).await;
        closes(&target, &frame(opcode, b""), 1002).await;
        closes(&target, &announce(0x80 | opcode, 1 << 40), 1002).await;
    }
    target.survives().await;
}

/// Bytes that are no UTF-8, or that no UTF-8 can begin with.
const BAD_UTF8: &[&[u8]] = &[
    b"a\xff",
    b"a\xc0\x80",
    b"a\xc1\xbf",
    b"\x80",
    b"\xed\xa0\x80",
    b"\xed\xbf\xbf",
    b"\xe0\x80\x80",
    b"\xf0\x80\x80\x80",
    b"\xf4\x90\x80\x80",
    b"\xf5",
    b"\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5\xed\xa0\x80edited",
];

#[tokio::test]
async fn w4_text_that_is_no_utf8_is_1007_at_its_first_bad_byte() {
    let target = Target::start().await;
    for bad in BAD_UTF8 {
        closes(&target, &frame(0x81, bad), 1007).await;
        // The frame goes on, and the message too: neither is waited for.
        closes(&target, &[header(0x01, 1000), bad.to_vec()].concat(), 1007).await;
        let split: Vec<u8> = bad.iter().enumerate().flat_map(|(n, byte)| frame(u8::from(n == 0), &[*byte])).collect();
        closes(&target, &split, 1007).await;
        closes(&target, &frame(0x88, &[&[0x03, 0xe8], *bad].concat()), 1007).await;
    }
    // A character that the end cuts off is bad only there.
    closes(&target, &frame(0x81, b"\xe2\x82"), 1007).await;
    closes(&target, &[frame(0x01, b"\xe2\x82"), frame(0x80, b"")].concat(), 1007).await;
    target.survives().await;
}

#[tokio::test]
async fn w5_frames_that_rfc_6455_forbids_are_1002() {
    let target = Target::start().await;
    for opcode in [0x3, 0x4, 0x5, 0x6, 0x7, 0xb, 0xc, 0xd, 0xe, 0xf] {
        closes(&target, &frame(0x80 | opcode, b""), 1002).await;
    }
    for bits in [0x10, 0x20, 0x40, 0x70] {
        closes(&target, &frame(0x81 | bits, b"x"), 1002).await;
        closes(&target, &frame(0x89 | bits, b"x"), 1002).await;
    }
    for bytes in [
        &b"\x81\x01x"[..],
        b"\x88\x02\x03\xe8",
        b"\x80\x81\0\0\0\0x",
        b"\x00\x81\0\0\0\0x",
        b"\x01\x81\0\0\0\0x\x81\x81\0\0\0\0x",
        b"\x81\xfe\x00\x05\0\0\0\0hello",
        b"\x81\xff\0\0\0\0\0\0\0\x05\0\0\0\0hello",
        b"\x88\x81\0\0\0\0\x03",
        b"GET / HTTP/1.1\r\n\r\n",
        b"\0",
    ] {
        closes(&target, bytes, 1002).await;
    }
    for code in [0_u16, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 65535] {
        closes(&target, &frame(0x88, &code.to_be_bytes()), 1002).await;
    }
    target.survives().await;
}

#[tokio::test]
async fn w5_whatever_follows_a_forbidden_frame_is_not_read() {
    let target = Target::start().await;
    let mut socket = Socket::open(target.address(), BOTH[0]).await;
    socket.send([frame(0x83, b""), frame(0x81, b"panic"), frame(0x81, b"echo")].concat()).await;
    let (first, payload) = socket.frame().await;
    assert_eq!((first, &payload[..2]), (0x88, &1002u16.to_be_bytes()[..]));
    assert!(socket.next().await.is_none());
    target.survives().await;
}

/// What SockJS's WebSocket cannot take ends it with its own codes.
#[tokio::test]
async fn w5_what_is_no_sockjs_closes_a_sockjs_websocket() {
    let target = Target::start().await;
    for (bytes, code) in [
        (frame(0x81, b"hello"), 3000),
        (frame(0x81, b"[\"a\""), 3000),
        (frame(0x81, b"{}"), 3000),
        (frame(0x81, b"[1]"), 3000),
        (frame(0x81, "[".repeat(100_000).as_bytes()), 3000),
        (frame(0x82, b"[\"a\"]"), 1003),
    ] {
        let mut socket = Socket::open(target.address(), BOTH[1]).await;
        socket.send(bytes).await;
        assert_eq!(socket.close_code().await, Some(code));
    }
    target.survives().await;
}

const EXTENSION: &str = "Sec-WebSocket-Extensions: permessage-deflate\r\n";

/// A message of this many zeros, compressed by about a thousand to one.
fn bomb(zeros: usize) -> Vec<u8> {
    let mut wire = Vec::with_capacity(zeros / 500 + 1024);
    let mut stream = Compress::new(Compression::best(), false);
    stream.compress_vec(&vec![0; zeros], &mut wire, FlushCompress::Sync).expect("zeros compress");
    assert_eq!(stream.total_in(), zeros as u64);
    wire.truncate(wire.len() - 4);
    frame(0xc2, &wire)
}

#[tokio::test]
async fn w6_compression_is_off_by_default_so_a_compressed_frame_is_1002() {
    let target = Target::start().await;
    let (mut socket, answer) = Socket::offering(target.address(), BOTH[0], EXTENSION).await;
    assert_eq!(answer.header("sec-websocket-extensions"), None);
    socket.send(bomb(1 << 20)).await;
    assert_eq!(socket.close_code().await, Some(1002));
    target.survives().await;
}

#[test]
fn w6_a_deflate_bomb_is_1009_and_inflated_no_further_than_the_limit() {
    alone("attacks::w_frames::w6_a_deflate_bomb_is_1009_and_inflated_no_further_than_the_limit", "true", async {
        let target = Target::with(|_, settings| settings.websocket.deflate = true).await;
        let bomb = bomb(16 << 20);
        explode(&target, &bomb).await;
        let before = resident();
        for _ in 0..20 {
            explode(&target, &bomb).await;
        }
        let grown = resident().saturating_sub(before);
        assert!(grown < 8 << 20, "{grown} bytes");
        target.ends("message_too_big", 21).await;
        target.survives().await;
    });
}

async fn explode(target: &Target, bomb: &[u8]) {
    let (mut socket, answer) = Socket::offering(target.address(), BOTH[0], EXTENSION).await;
    assert!(answer.header("sec-websocket-extensions").is_some_and(|agreed| agreed.contains("no_context_takeover")));
    socket.send(bomb).await;
    assert_eq!(socket.close_code().await, Some(1009));
}

/// Every byte that comes becomes a thousand, which the server has to inflate, and to compress for the answer.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn w11_sockets_whose_messages_inflate_a_thousandfold_leave_others_served() {
    const ATTACKERS: usize = 8;
    let target = Target::with(|_, settings| {
        settings.websocket.deflate = true;
        settings.session.heartbeat = Duration::from_secs(600);
    })
    .await;
    let largest = bomb(LIMIT as usize);
    let mut attackers = Vec::new();
    for _ in 0..ATTACKERS {
        let (socket, _) = Socket::offering(target.address(), BOTH[0], EXTENSION).await;
        let (mut reading, mut writing) = socket.wire.stream.into_split();
        let burst = largest.repeat(100);
        attackers.push(tokio::spawn(async move { while writing.write_all(&burst).await.is_ok() {} }));
        attackers.push(tokio::spawn(async move { _ = tokio::io::copy(&mut reading, &mut tokio::io::sink()).await }));
    }
    let mut client = Socket::open(target.address(), BOTH[0]).await;
    for n in 0..10 {
        client.text(&n.to_string()).await;
        assert_eq!(client.frame().await, (0x81, n.to_string().into_bytes()));
    }
    let inflated = target.server.byway.stats().traffic.bytes_in;
    assert!(inflated > LIMIT, "the attack was under way: {inflated}");
    attackers.iter().for_each(|attacker| attacker.abort());
    client.close().await;
    target.is_empty().await;
    target.survives().await;
}

#[tokio::test]
async fn w6_compressed_data_that_does_not_inflate_is_1007_and_a_good_message_comes_through() {
    let target = Target::with(|_, settings| settings.websocket.deflate = true).await;
    for bad in [&b"\xff\xff\xff"[..], b"\x06", b"\x00\x04\x00\xfb\xffa", b"\xf2\x48"] {
        let (mut socket, _) = Socket::offering(target.address(), BOTH[0], EXTENSION).await;
        socket.send(frame(0xc1, bad)).await;
        assert_eq!(socket.close_code().await, Some(1007), "{bad:?}");
    }
    let (mut socket, _) = Socket::offering(target.address(), BOTH[0], EXTENSION).await;
    socket.send(frame(0xc1, b"\xf2\x48\xcd\xc9\xc9\x07\x00")).await;
    assert_eq!(socket.frame().await, (0x81, b"Hello".to_vec()));
    socket.close().await;
    target.survives().await;
}

/// A frame after the handshake in the same packet, and every frame in pieces of one byte, are read alike.
#[tokio::test]
async fn w5_frames_that_come_one_byte_at_a_time_are_refused_alike() {
    let target = Target::start().await;
    for (bytes, code) in [
        (announce(0x81, LIMIT + 1), 1009),
        (frame(0x83, b""), 1002),
        (frame(0x81, b"a\xff"), 1007),
        (frame(0x88, &1005u16.to_be_bytes()), 1002),
    ] {
        let mut wire: Wire = target.connect().await;
        wire.stream.set_nodelay(true).expect("an open socket");
        for byte in [handshake(BOTH[0], "").into_bytes(), bytes].concat() {
            if wire.try_send([byte]).await.is_err() {
                break;
            }
            tokio::task::yield_now().await;
        }
        let mut socket = Socket { wire };
        socket.wire.until("\r\n\r\n").await;
        assert_eq!(socket.close_code().await, Some(code));
    }
    target.survives().await;
}
