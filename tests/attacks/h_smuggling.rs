//! H6 and H7: bytes that two readers could take for different requests, and upgrades that are none.

use super::http::{Answer, Wire, answers, find, post, request};
use super::socket::{HANDSHAKE, Socket, frame, handshake};
use super::target::Target;

/// Is in order, and is answered 200.
const BEFORE: &str = "GET /e/info HTTP/1.1\r\nHost: x\r\n\r\n";

/// Comes behind each attack. Its answer is [`GREETING`], which must never be seen.
const BEHIND: &str = "GET /e/ HTTP/1.1\r\nHost: x\r\n\r\n";

const GREETING: &[u8] = b"Welcome to SockJS!";

/// Header lines of a POST that is refused, and what stands in for its body.
const HEADS: &[(&str, &str)] = &[
    // Two framings beside each other.
    ("Content-Length: 6\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\nG"),
    ("Transfer-Encoding: chunked\r\nContent-Length: 6\r\n", "0\r\n\r\nG"),
    ("Content-Length: 0\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"),
    ("Transfer-Encoding: chunked\r\nContent-Length: 0\r\n", "0\r\n\r\n"),
    // Two lengths.
    ("Content-Length: 2\r\nContent-Length: 3\r\n", "[]G"),
    ("Content-Length: 2\r\nContent-Length: 2\r\n", "[]"),
    ("Content-Length: 2, 2\r\n", "[]"),
    ("Content-Length: 2,3\r\n", "[]G"),
    ("Content-Length: 0\r\nContent-Length: 44\r\n", ""),
    ("content-length: 2\r\nCONTENT-LENGTH: 2\r\n", "[]"),
    // Lengths that are no numbers, or not to everybody.
    ("Content-Length: +2\r\n", "[]"),
    ("Content-Length: -2\r\n", "[]"),
    ("Content-Length: -0\r\n", ""),
    ("Content-Length: 0x2\r\n", "[]"),
    ("Content-Length: 2.0\r\n", "[]"),
    ("Content-Length: 2e0\r\n", "[]"),
    ("Content-Length: 1_0\r\n", "[]        "),
    ("Content-Length: 2 \t3\r\n", "[]"),
    ("Content-Length: \"2\"\r\n", "[]"),
    ("Content-Length: 2;\r\n", "[]"),
    ("Content-Length: \r\n", "[]"),
    ("Content-Length: two\r\n", "[]"),
    ("Content-Length: 18446744073709551618\r\n", "[]"),
    ("Content-Length: 99999999999999999999999999\r\n", "[]"),
    ("Content-Length: \u{661}\r\n", "["),
    // Transfer codings that not everybody reads as chunked.
    ("Transfer-Encoding: xchunked\r\n", "0\r\n\r\n"),
    ("Transfer-Encoding: chunkedx\r\n", "0\r\n\r\n"),
    ("Transfer-Encoding: identity\r\n", "0\r\n\r\n"),
    ("Transfer-Encoding: gzip, chunked\r\n", "0\r\n\r\n"),
    ("Transfer-Encoding: chunked, identity\r\n", "0\r\n\r\n"),
    ("Transfer-Encoding: chunked, chunked\r\n", "0\r\n\r\n"),
    ("Transfer-Encoding: identity, chunked\r\n", "0\r\n\r\n"),
    ("Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n", "0\r\n\r\n"),
    ("Transfer-Encoding: identity\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"),
    ("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"),
    ("Transfer-Encoding: \"chunked\"\r\n", "0\r\n\r\n"),
    ("Transfer-Encoding: chunked;q=1\r\n", "0\r\n\r\n"),
    ("Transfer-Encoding: ,chunked\r\n", "0\r\n\r\n"),
    ("Transfer-Encoding: chunked\u{b}\r\n", "0\r\n\r\n"),
    ("Transfer-Encoding: \u{b}chunked\r\n", "0\r\n\r\n"),
    ("Transfer-Encoding:\r\n", "0\r\n\r\n"),
    // Lines that not everybody ends, or splits, in the same place.
    ("Transfer-Encoding : chunked\r\n", "0\r\n\r\n"),
    ("Content-Length : 2\r\n", "[]"),
    (" Content-Length: 2\r\n", "[]"),
    ("X: y\r\n Transfer-Encoding: chunked\r\n", "0\r\n\r\n"),
    ("Transfer-Encoding:\r\n chunked\r\n", "0\r\n\r\n"),
    ("X: y\r\n\tfolded\r\nContent-Length: 2\r\n", "[]"),
    ("X: y\nContent-Length: 2\r\n", "[]"),
    ("X: y\rContent-Length: 2\r\n", "[]"),
    ("X: y\r\r\nContent-Length: 2\r\n", "[]"),
    ("X: y\0\r\nContent-Length: 2\r\n", "[]"),
    ("X\0: y\r\nContent-Length: 2\r\n", "[]"),
    ("no colon\r\nContent-Length: 2\r\n", "[]"),
    (": no name\r\nContent-Length: 2\r\n", "[]"),
    ("Content-Length: 2\n", "[]"),
    // Whose request it is.
    ("Host: y\r\nContent-Length: 2\r\n", "[]"),
    // Chunks.
    ("Transfer-Encoding: chunked\r\n", "+2\r\n[]\r\n0\r\n\r\n"),
    ("Transfer-Encoding: chunked\r\n", "-2\r\n[]\r\n0\r\n\r\n"),
    ("Transfer-Encoding: chunked\r\n", "0x2\r\n[]\r\n0\r\n\r\n"),
    ("Transfer-Encoding: chunked\r\n", "2 \r\n[]\r\n0\r\n\r\n"),
    ("Transfer-Encoding: chunked\r\n", " 2\r\n[]\r\n0\r\n\r\n"),
    ("Transfer-Encoding: chunked\r\n", "\r\n[]\r\n0\r\n\r\n"),
    ("Transfer-Encoding: chunked\r\n", ";x\r\n[]\r\n0\r\n\r\n"),
    ("Transfer-Encoding: chunked\r\n", "g\r\n[]\r\n0\r\n\r\n"),
    ("Transfer-Encoding: chunked\r\n", "2\n[]\r\n0\r\n\r\n"),
    ("Transfer-Encoding: chunked\r\n", "2\r[]\r\n0\r\n\r\n"),
    ("Transfer-Encoding: chunked\r\n", "2\r\r\n[]\r\n0\r\n\r\n"),
    ("Transfer-Encoding: chunked\r\n", "2;x\ny\r\n[]\r\n0\r\n\r\n"),
    ("Transfer-Encoding: chunked\r\n", "2\r\n[]x\r\n0\r\n\r\n"),
    ("Transfer-Encoding: chunked\r\n", "2\r\n[]\n0\r\n\r\n"),
    ("Transfer-Encoding: chunked\r\n", "2\r\n[]0\r\n\r\n"),
    ("Transfer-Encoding: chunked\r\n", "1\r\n[]\r\n0\r\n\r\n"),
    ("Transfer-Encoding: chunked\r\n", "fffffffffffffffe\r\n[]\r\n0\r\n\r\n"),
    ("Transfer-Encoding: chunked\r\n", "ffffffffffffffff\r\n[]\r\n0\r\n\r\n"),
    ("Transfer-Encoding: chunked\r\n", "10000000000000002\r\n[]\r\n0\r\n\r\n"),
    ("Transfer-Encoding: chunked\r\n", "2\r\n[]\r\n0\r\nX: y\n\r\n"),
    ("Transfer-Encoding: chunked\r\n", "2\r\n[]\r\n0\r\n\n"),
    ("Transfer-Encoding: chunked\r\n", "2\r\n[]\r\n0\n\r\n"),
];

/// Request lines, with the rest of the head, that are refused.
const LINES: &[&str] = &[
    "GET /e/info HTTP/1.1\nHost: x\n\n",
    "GET /e/info HTTP/1.1\r\nHost: x\r\n\n",
    "GET /e/info HTTP/1.1\r\nHost: x\n\r\n",
    "\nGET /e/info HTTP/1.1\r\nHost: x\r\n\r\n",
    "GET /e/info HTTP/1.2\r\nHost: x\r\n\r\n",
    "GET /e/info HTTP/2.0\r\nHost: x\r\n\r\n",
    "GET /e/info HTTP/1.1 \r\nHost: x\r\n\r\n",
    "GET /e/info\r\nHost: x\r\n\r\n",
    "GET /e/in fo HTTP/1.1\r\nHost: x\r\n\r\n",
    "GET\0/e/info HTTP/1.1\r\nHost: x\r\n\r\n",
    "G(T /e/info HTTP/1.1\r\nHost: x\r\n\r\n",
    "POST /e/000/smuggle/xhr_send HTTP/1.0\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
];

fn vectors() -> impl Iterator<Item = String> {
    let with_heads = HEADS
        .iter()
        .map(|(head, body)| format!("POST /e/000/smuggle/xhr_send HTTP/1.1\r\nHost: x\r\n{head}\r\n{body}"));
    LINES.iter().map(ToString::to_string).chain(with_heads)
}

fn statuses(bytes: &[u8]) -> Vec<u16> {
    answers(bytes).iter().map(|answer| answer.status).collect()
}

#[tokio::test]
async fn h6_a_request_that_two_readers_could_frame_differently_gets_400_and_nothing_after_it_is_answered() {
    let target = Target::start().await;
    for vector in vectors() {
        let mut wire = target.connect().await;
        wire.send(format!("{BEFORE}{vector}{BEHIND}")).await;
        let bytes = wire.rest().await;
        assert_eq!(statuses(&bytes), [200, 400], "{vector:?}");
        assert_eq!(find(&bytes, GREETING), None, "{vector:?}");
    }
    assert_eq!(target.opened(), 0);
    target.survives().await;
}

#[tokio::test]
async fn h6_bytes_that_come_one_at_a_time_are_refused_like_those_that_come_at_once() {
    let target = Target::start().await;
    for vector in vectors() {
        let mut wire = target.connect().await;
        wire.stream.set_nodelay(true).unwrap();
        for byte in format!("{vector}{BEHIND}").bytes() {
            // The server may have answered and closed before the last byte is sent.
            if wire.try_send([byte]).await.is_err() {
                break;
            }
            tokio::task::yield_now().await;
        }
        let bytes = wire.rest().await;
        assert_eq!(find(&bytes, GREETING), None, "{vector:?}");
        assert_eq!(statuses(&bytes), [400], "{vector:?}");
    }
    target.survives().await;
}

/// The framing looks no further than the limit, so nothing above it may ever be parsed, however large the buffer has grown.
#[tokio::test]
async fn h6_a_head_over_the_limit_hides_no_second_framing() {
    let target = Target::start().await;
    let body = format!("[\"{}\"]", "x".repeat(100_000));
    let before = post("/e/000/x/xhr_send", &body).replace("Connection: close\r\n", "");
    for padding in (16_000..40_000).step_by(500) {
        let padding = "x".repeat(padding);
        let vector = format!(
            "POST /e/000/smuggle/xhr_send HTTP/1.1\r\nHost: x\r\nX: {padding}\r\nContent-Length: 6\r\n\
             Transfer-Encoding: chunked\r\n\r\n0\r\n\r\nG"
        );
        for (before, answered) in [("", 0), (before.as_str(), 1)] {
            let bytes = exchange_bytes(&target, &format!("{before}{vector}{BEHIND}")).await;
            let statuses = statuses(&bytes);
            assert!(matches!(statuses[answered..], [400 | 431]), "{} {statuses:?}", padding.len());
        }
    }
    target.survives().await;
}

async fn exchange_bytes(target: &Target, bytes: &str) -> Vec<u8> {
    let mut wire = target.connect().await;
    // A server that has answered need not read the rest.
    wire.try_send(bytes).await.ok();
    wire.rest().await
}

/// Behind an upgrade's head come other bytes than HTTP, so the framing lets them through: after an upgrade that is
/// refused nothing may be read as HTTP any more.
#[tokio::test]
async fn h6_an_upgrade_that_is_refused_hides_no_second_framing() {
    let target = Target::start().await;
    let smuggled =
        "POST /e/000/smuggle/xhr_send HTTP/1.1\nHost: x\nContent-Length: 6\nTransfer-Encoding: chunked\n\n0\n\nG";
    for path in ["/e/info", "/e/", "/e/websocket", "/e/000/smuggle/eventsource?x", "/nowhere"] {
        for upgrade in ["websocket", "h2c", "TLS/1.0", ""] {
            let vector = format!("PUT {path} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: {upgrade}\r\n\r\n");
            let bytes = exchange_bytes(&target, &format!("{vector}{smuggled}{BEHIND}")).await;
            assert_eq!(answers(&bytes).len(), 1, "{path} {upgrade}: {}", String::from_utf8_lossy(&bytes));
        }
    }
    target.survives().await;
}

#[tokio::test]
async fn h6_requests_in_order_are_answered_in_order_whatever_their_bodies_hold() {
    let target = Target::start().await;
    let chunked = "POST /e/000/x/xhr_send HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n";
    let chunks = "0004;name=\"v\"\r\n[\r\n]\r\n0\r\nTrailer: y\r\n\r\n";
    let sized = "POST /e/000/x/xhr_send HTTP/1.1\r\nHost: x\r\nContent-Length: 34\r\n\r\n[\"GET /e/ HTTP/1.1\\r\\n\\r\\n\"]      ";
    let mut wire = target.connect().await;
    wire.send(format!("{BEFORE}{chunked}{chunks}\r\n{sized}{}", request("GET", "/e/", ""))).await;
    let statuses = statuses(&wire.rest().await);
    assert_eq!(statuses, [200, 404, 404, 200]);
    target.survives().await;
}

/// What a handshake can lack, and the answer.
const BAD_HANDSHAKES: &[(&str, u16)] = &[
    ("", 400),
    ("Upgrade: websocket\r\n", 400),
    ("Connection: Upgrade\r\n", 400),
    ("Connection: Upgrade\r\nUpgrade: websocket\r\n", 426),
    ("Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n", 400),
    ("Connection: close\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n", 400),
    ("Connection: Upgrade\r\nUpgrade: h2c\r\nSec-WebSocket-Version: 13\r\n", 400),
    (
        "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 12\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n",
        426,
    ),
    (
        "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 013\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n",
        426,
    ),
    (
        "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ\r\n",
        400,
    ),
    ("Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAA\r\n", 400),
    ("Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key:\r\n", 400),
    (
        "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nContent-Length: 5\r\n",
        400,
    ),
    (
        "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nTransfer-Encoding: chunked\r\n",
        400,
    ),
];

#[tokio::test]
async fn h7_a_handshake_that_lacks_something_is_refused_and_the_connection_closed() {
    let target = Target::start().await;
    for path in ["/e/websocket", "/e/000/upgrade/websocket"] {
        for (headers, status) in BAD_HANDSHAKES {
            let answer = refusal(&target, &format!("GET {path} HTTP/1.1\r\nHost: x\r\n{headers}\r\n")).await;
            assert_eq!(answer.status, *status, "{path} {headers:?} {answer:?}");
            assert_eq!(answer.header("connection"), Some("close"), "{path} {headers:?}");
            let version = (*status == 426).then_some("13");
            assert_eq!(answer.header("sec-websocket-version"), version, "{path} {headers:?}");
        }
        let ten = format!("GET {path} HTTP/1.0\r\nHost: x\r\n{HANDSHAKE}\r\n");
        assert_eq!(refusal(&target, &ten).await.status, 400, "{path}");
        let posted = format!("POST {path} HTTP/1.1\r\nHost: x\r\n{HANDSHAKE}Content-Length: 0\r\n\r\n");
        assert_eq!(refusal(&target, &posted).await.status, 405, "{path}");
    }
    assert_eq!(target.opened(), 0);
    target.survives().await;
}

/// The one answer, with nothing behind it though more is asked for.
async fn refusal(target: &Target, bytes: &str) -> Answer {
    let bytes = exchange_bytes(target, &format!("{bytes}{BEHIND}")).await;
    let mut answers = answers(&bytes);
    assert_eq!(answers.len(), 1, "{}", String::from_utf8_lossy(&bytes));
    answers.remove(0)
}

/// Nothing is upgraded there; an answer as without the header, or any 4xx, is right.
#[tokio::test]
async fn h7_upgrades_where_there_is_no_websocket_are_answered_and_the_connection_closed() {
    let target = Target::start().await;
    for (method, path, expected) in [
        ("GET", "/e/info", 200),
        ("GET", "/e/iframe.html", 200),
        ("GET", "/e/000/upgraded/eventsource", 200),
        ("GET", "/e/000/upgraded2/jsonp?c=x", 200),
        ("POST", "/e/000/upgraded3/xhr", 200),
        ("POST", "/e/000/upgraded4/xhr_send", 500),
        ("GET", "/e/000/upgraded5/xhr", 405),
        ("GET", "/nowhere", 404),
    ] {
        let mut wire = target.connect().await;
        wire.send(format!("{method} {path} HTTP/1.1\r\nHost: x\r\n{HANDSHAKE}\r\n")).await;
        let head = wire.until("\r\n\r\n").await;
        assert!(head.starts_with(&format!("HTTP/1.1 {expected} ")), "{path}: {head}");
        assert!(head.contains("connection: close\r\n"), "{path}: {head}");
    }
    target.survives().await;
}

/// A reset right behind a refused upgrade kills sockjs-node 0.3.24.
#[tokio::test]
async fn h7_a_reset_right_behind_a_refused_upgrade_harms_nobody() {
    let target = Target::start().await;
    for path in ["/e/info", "/e/000/reset/eventsource", "/e/000/reset/xhr", "/e/websocket"] {
        for _ in 0..20 {
            let mut wire = target.connect().await;
            wire.send(format!("GET {path} HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n\r\nrubbish")).await;
            reset(wire);
        }
    }
    target.is_empty().await;
    target.survives().await;
}

/// Closes with RST instead of FIN.
fn reset(wire: Wire) {
    wire.stream.set_zero_linger().expect("a socket can be reset");
}

#[tokio::test]
async fn h7_bytes_ahead_of_the_101_are_frames_and_never_a_request() {
    let target = Target::start().await;
    let mut socket = Socket { wire: target.connect().await };
    socket.send([handshake("/e/websocket", "").into_bytes(), frame(0x81, b"early")].concat()).await;
    socket.wire.until("\r\n\r\n").await;
    assert_eq!(socket.frame().await, (0x81, b"early".to_vec()));
    socket.close().await;

    let mut socket = Socket { wire: target.connect().await };
    socket.send(format!("{}{BEHIND}", handshake("/e/websocket", ""))).await;
    socket.wire.until("\r\n\r\n").await;
    assert_eq!(socket.close_code().await, Some(1002));
    target.survives().await;
}

#[tokio::test]
async fn h7_a_session_cannot_be_upgraded_and_its_poll_goes_on() {
    let target = Target::start().await;
    let opened = target.answer(post("/e/000/parked/xhr", "")).await;
    assert_eq!(opened.text(), "o\n");
    let mut parked = target.connect().await;
    parked.send(post("/e/000/parked/xhr", "")).await;
    // The id in a WebSocket's URL means nothing, so this is a session of its own.
    let mut socket = Socket::open(target.address(), "/e/000/parked/websocket").await;
    assert_eq!(socket.frame().await, (0x81, b"o".to_vec()));
    assert_eq!(target.answer(post("/e/000/parked/xhr_send", "[\"mine\"]")).await.status, 204);
    assert_eq!(parked.answers().await[0].text(), "a[\"mine\"]\n");
    target.survives().await;
}
