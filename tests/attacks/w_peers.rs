//! W7 to W10: foreign pages, handshakes full of offers, and peers that fall silent.

use super::http::{get, post, request};
use super::socket::{HANDSHAKE, Socket, frame, handshake};
use super::target::{PATIENCE, SHORT, Target, eventually, unique};
use crate::support::probed_in;
use std::time::{Duration, Instant};
use tokio::io::AsyncWriteExt;

/// Origins that are neither the own one, `http://x`, nor allowed: `https://good.com` and `https://*.example.com`.
const FOREIGN: &[&str] = &[
    "https://evil.com",
    "null",
    "",
    "https://good.com.evil.com",
    "https://evil-good.com",
    "https://evilgood.com",
    "https://good.com@evil.com",
    "https://good.comx",
    "https://xgood.com",
    "http://good.com",
    "https://good.com:8443",
    "https://good.com:80",
    "https://good.com//",
    "https://good.com/path",
    "https://good.com#x",
    "https://good.com, https://evil.com",
    "https://good.com https://evil.com",
    "https://*",
    "https://*.example.com",
    "https://example.com",
    "https://.example.com.evil.com",
    "https://evilexample.com",
    "https://a.example.com:444",
    "https://g\u{43e}od.com",
    "https://good.com\u{2024}",
    "wss://good.com",
    "wss://x",
    "https://x",
    "http://x:8080",
    "http://x.evil.com",
    "x",
    "good.com",
    "//good.com",
    "file://",
    "javascript:alert(1)",
    "data:text/html,x",
    "chrome-extension://abcdef",
    "*",
];

fn entrances() -> Vec<(&'static str, String, &'static str)> {
    let path = |transport: &str| format!("/e/000/{}/{transport}", unique("foreign"));
    vec![
        ("GET", "/e/info".into(), ""),
        ("GET", "/e/iframe.html".into(), ""),
        ("GET", "/e/websocket".into(), HANDSHAKE),
        ("GET", "/e/".into(), HANDSHAKE),
        ("GET", path("websocket"), HANDSHAKE),
        ("POST", path("xhr"), ""),
        ("POST", path("xhr_streaming"), ""),
        ("POST", path("xhr_send"), ""),
        ("POST", path("jsonp_send"), ""),
        ("GET", path("eventsource"), ""),
        ("GET", path("htmlfile?c=x"), ""),
        ("GET", path("jsonp?c=x"), ""),
        ("OPTIONS", path("xhr"), ""),
        ("OPTIONS", path("xhr_send"), ""),
        ("OPTIONS", "/e/info".into(), ""),
    ]
}

async fn with_origins() -> Target {
    Target::with(|_, settings| {
        settings.origins.allowed = vec!["https://good.com".into(), "https://*.example.com".into()];
    })
    .await
}

#[tokio::test]
async fn w7_pages_of_foreign_origins_get_403_on_every_transport_before_there_is_a_session() {
    let target = with_origins().await;
    let mut refused = 0;
    for origin in FOREIGN {
        for (method, path, headers) in entrances() {
            let bytes = format!("{method} {path} HTTP/1.1\r\nHost: x\r\n{headers}Origin: {origin}\r\n\r\n");
            let answer = target.answer(bytes).await;
            assert_eq!(answer.status, 403, "{method} {path} from {origin:?}: {answer:?}");
            assert_eq!(answer.header("access-control-allow-origin"), None, "{path} {origin}");
            assert_eq!(answer.header("connection"), Some("close"));
            refused += 1;
        }
    }
    assert_eq!(target.refused("origin"), refused);
    assert_eq!(target.opened(), 0);
    target.survives().await;
}

#[tokio::test]
async fn w7_pages_of_the_own_origin_and_of_allowed_ones_are_let_in() {
    let target = with_origins().await;
    for origin in [
        "http://x",
        "http://X",
        "http://x:80",
        "http://x/",
        "ws://x",
        "https://good.com",
        "https://good.com/",
        "https://good.com:443",
        "HTTPS://Good.Com",
        "https://a.example.com",
        "https://a.b.example.com",
    ] {
        let headers = format!("Origin: {origin}\r\n");
        let answer = target.answer(request("GET", "/e/info", &headers)).await;
        assert_eq!(answer.status, 200, "{origin}");
        assert_eq!(answer.header("access-control-allow-origin"), Some(origin));
        let (socket, _) = Socket::offering(target.address(), "/e/websocket", &headers).await;
        socket.close().await;
    }
    target.survives().await;
}

/// By default only the own origin is allowed, and `null` is allowed by its name alone.
#[tokio::test]
async fn w7_without_a_list_every_origin_but_the_own_one_is_foreign() {
    let target = Target::start().await;
    for (origin, status) in [("http://x", 200), ("https://good.com", 403), ("null", 403), ("http://x:8080", 403)] {
        let answer = target.answer(request("GET", "/e/info", &format!("Origin: {origin}\r\n"))).await;
        assert_eq!(answer.status, status, "{origin}");
    }
    target.survives().await;
}

#[tokio::test]
async fn w8_offers_of_a_thousand_subprotocols_or_none_that_is_one_choose_none() {
    let target = Target::with(|_, settings| settings.websocket.protocols = vec!["v12.stomp".into()]).await;
    let many = (0..1000).map(|n| format!("p{n}")).chain(["v12.stomp".into()]).collect::<Vec<_>>().join(",");
    for (offer, chosen) in [
        ("v12.stomp", Some("v12.stomp")),
        ("v10.stomp, v12.stomp", Some("v12.stomp")),
        (many.as_str(), None),
        ("V12.STOMP", None),
        ("v12.stomp, \"quoted\"", Some("v12.stomp")),
        ("v12.stomp; x=y", None),
        ("v12 .stomp", None),
        (",,,,,", None),
        ("", None),
    ] {
        let headers = format!("Sec-WebSocket-Protocol: {offer}\r\n");
        let (socket, answer) = Socket::offering(target.address(), "/e/websocket", &headers).await;
        assert_eq!(answer.header("sec-websocket-protocol"), chosen, "{}", &offer[..offer.len().min(40)]);
        socket.close().await;
    }
    target.survives().await;
}

/// Work that grows with the square of these headers would take seconds for each handshake.
#[tokio::test]
async fn w8_junk_in_place_of_extensions_costs_time_in_its_length_and_no_more() {
    let target = Target::with(|_, settings| settings.websocket.deflate = true).await;
    let begun = Instant::now();
    for junk in
        ["x;", "x,", "permessage-deflate; y,", "permessage-deflate; server_max_window_bits=8,", "\"", "a=\"\\", ",;="]
    {
        let headers = format!("Sec-WebSocket-Extensions: {}\r\n", junk.repeat(15_000 / junk.len()));
        let lines = format!("Sec-WebSocket-Extensions: {junk}\r\n").repeat(80);
        for headers in [headers, lines] {
            let (socket, answer) = Socket::offering(target.address(), "/e/websocket", &headers).await;
            assert_eq!(answer.header("sec-websocket-extensions"), None, "{junk}");
            socket.close().await;
        }
    }
    assert!(begun.elapsed() < PATIENCE / 4, "{:?}", begun.elapsed());
    target.survives().await;
}

async fn with_heartbeats() -> Target {
    Target::with(|_, settings| {
        settings.session.heartbeat = SHORT;
        settings.session.heartbeat_answer = SHORT;
        settings.session.close_timeout = SHORT;
    })
    .await
}

#[tokio::test]
async fn w9_a_peer_that_answers_no_heartbeat_is_dropped_by_the_second() {
    let target = with_heartbeats().await;
    for path in ["/e/websocket", "/e/000/silent/websocket"] {
        let ended = target.ended("no_heartbeat");
        let begun = Instant::now();
        let mut socket = Socket::open(target.address(), path).await;
        target.ends("no_heartbeat", ended + 1).await;
        assert!(begun.elapsed() >= 2 * SHORT, "{:?}", begun.elapsed());
        // It is told, and need not answer that either.
        assert!(socket.close_code().await.is_some());
        target.is_empty().await;
    }
    target.survives().await;
}

/// Anything that comes from the peer shows that it lives; a browser's WebSocket answers pings by itself.
#[tokio::test]
async fn w9_a_peer_that_answers_its_heartbeats_stays() {
    let target = with_heartbeats().await;
    let mut socket = Socket::open(target.address(), "/e/websocket").await;
    for _ in 0..5 {
        assert_eq!(socket.frame().await, (0x89, Vec::new()));
        socket.send(frame(0x8a, b"")).await;
    }
    assert_eq!(target.ended("no_heartbeat"), 0);
    socket.close().await;
    target.survives().await;
}

#[tokio::test]
async fn w9_a_peer_that_closes_its_half_without_a_close_frame_is_gone_at_once() {
    let target = Target::start().await;
    for (path, start) in [("/e/websocket", &b""[..]), ("/e/000/half/websocket", b""), ("/e/websocket", b"\x81\x85\0\0")]
    {
        let ended = target.ended("interrupted");
        let mut socket = Socket::open(target.address(), path).await;
        socket.send(start).await;
        socket.wire.stream.shutdown().await.expect("an open socket");
        target.ends("interrupted", ended + 1).await;
        target.is_empty().await;
    }
    target.survives().await;
}

#[tokio::test]
async fn w9_a_poll_of_a_peer_that_is_gone_without_a_word_ends_with_the_heartbeat() {
    let target = Target::with(|server, settings| {
        settings.session.heartbeat = SHORT;
        settings.session.disconnect_delay = SHORT;
        server.header_timeout = SHORT;
    })
    .await;
    let path = format!("/e/000/{}/xhr", unique("gone"));
    assert_eq!(target.answer(post(&path, "")).await.text(), "o\n");
    let mut wire = target.connect().await;
    wire.send(post(&path, "")).await;
    // It neither reads the answer nor asks again.
    target.ends("absent", 1).await;
    target.is_empty().await;
    // The id is remembered as lost, so that the client learns of it.
    assert_eq!(target.answer(post(&path, "")).await.text(), "c[1002,\"Connection interrupted\"]\n");
    target.survives().await;
}

#[tokio::test]
async fn w10_a_peer_that_never_answers_a_close_is_cut_off_in_time() {
    let target = Target::with(|_, settings| settings.session.close_timeout = SHORT).await;
    for (path, farewell) in [("/e/websocket", (3000, "Go away!")), ("/e/000/stays/websocket", (1000, "Normal closure"))]
    {
        for talkative in [false, true] {
            let mut socket = Socket::open(target.address(), path).await;
            socket.text(if path == "/e/websocket" { "close" } else { "[\"close\"]" }).await;
            assert_eq!(socket.farewell().await, Some((farewell.0, farewell.1.to_owned())));
            let begun = Instant::now();
            eventually("the connection is cut off", || {
                if talkative {
                    socket.wire.stream.try_write(&frame(0x81, b"more")).ok();
                }
                target.sessions() == 0
            })
            .await;
            assert!(begun.elapsed() < PATIENCE / 2, "{:?}", begun.elapsed());
            socket.wire.rest().await;
        }
    }
    assert_eq!(target.ended("application"), 4);
    target.survives().await;
}

#[tokio::test]
async fn w10_a_peer_that_goes_on_behind_its_mistake_is_cut_off_in_time() {
    let target = Target::with(|_, settings| settings.session.close_timeout = SHORT).await;
    let mut socket = Socket::open(target.address(), "/e/websocket").await;
    socket.send(frame(0x83, b"")).await;
    assert_eq!(socket.close_code().await, Some(1002));
    eventually("the connection is cut off", || {
        socket.wire.stream.try_write(&[0; 4096]).ok();
        target.sessions() == 0
    })
    .await;
    target.survives().await;
}

/// A handshake whose client leaves before the answer opens no session that stays.
#[tokio::test]
async fn w9_a_peer_that_leaves_during_the_handshake_leaves_nothing_behind() {
    let target = Target::start().await;
    for _ in 0..50 {
        let mut wire = target.connect().await;
        wire.send(handshake("/e/websocket", "")).await;
        drop(wire);
    }
    for _ in 0..50 {
        let mut wire = target.connect().await;
        wire.send(get(&format!("/e/000/{}/eventsource", unique("leaves")))).await;
        drop(wire);
    }
    // Those that were seen to leave end at once; one whose request came after its end was never a session.
    target.is_empty().await;
    tokio::time::timeout(Duration::from_secs(10), target.survives()).await.expect("in time");
}

/// Cutting a network is not for a test; that the kernel is asked to look is.
#[tokio::test]
async fn w9_a_peer_that_vanishes_without_a_word_is_looked_for_on_every_connection() {
    for (timeout, probed) in [(None, 500..=700), (Some(120), 2000..=3000)] {
        let target = Target::with(|server, _| {
            server.peer_timeout = timeout.map_or(server.peer_timeout, Duration::from_secs);
        })
        .await;
        for request in [
            handshake("/e/websocket", ""),
            post(&format!("/e/000/{}/xhr_streaming", unique("silent")), ""),
            get(&format!("/e/000/{}/eventsource", unique("silent"))),
        ] {
            let mut wire = target.connect().await;
            wire.send(request).await;
            wire.until("\r\n\r\n").await;
            let client = wire.stream.local_addr().expect("a connected socket has an address");
            let waits = || probed_in(target.address(), client).is_some_and(|when| probed.contains(&when));
            eventually("the peer is probed in time", waits).await;
        }
        target.survives().await;
    }
}
