//! Connections whose answer is long in coming: what becomes of them, and of what the client sends meanwhile.
//!
//! On `/quick` a poll that has nothing to tell is answered by a heartbeat after 30 ms, so it has always waited.

use crate::server::serve;
use crate::support::client::http::{Answer, Http, request};
use std::net::SocketAddr;

const GREETING: &str = "Welcome to SockJS!\n";

/// A connection that has opened a session by a poll.
async fn opened(address: SocketAddr) -> Http {
    let mut http = Http::connect(address).await;
    assert_eq!(http.ask("POST", "/quick/000/s/xhr", &[], b"").await.body, "o\n");
    http
}

fn poll() -> Vec<u8> {
    request("POST", "/quick/000/s/xhr", &[], b"")
}

fn assert_heartbeat(answer: &Answer) {
    assert_eq!((answer.status(), answer.body.as_str(), answer.header("content-length")), (200, "h\n", Some("2")));
    assert_eq!(answer.header("transfer-encoding"), None);
}

#[tokio::test]
async fn a_poll_that_waited_announces_its_length_and_keeps_the_connection() {
    let server = serve().await;
    let mut http = opened(server.address).await;
    for _ in 0..3 {
        http.write(&poll()).await;
        let answer = http.answer().await;
        assert_heartbeat(&answer);
        assert_eq!((answer.head.version.as_str(), answer.header("connection")), ("HTTP/1.1", None));
        assert!(answer.header("date").is_some_and(|date| date.ends_with(" GMT")));
    }
}

#[tokio::test]
async fn requests_behind_a_waiting_poll_are_answered_in_their_turn() {
    let server = serve().await;
    let mut http = opened(server.address).await;
    // More than is read ahead, and cut in two where nothing ends.
    let behind = request("GET", "/echo", &[], b"").repeat(500);
    http.write(&[poll(), behind[..1001].to_vec()].concat()).await;
    http.write(&behind[1001..]).await;
    assert_heartbeat(&http.answer().await);
    for _ in 0..500 {
        assert_eq!(http.answer().await.body, GREETING);
    }
}

#[tokio::test]
async fn bytes_that_two_readers_could_frame_differently_are_refused_behind_a_waiting_poll_too() {
    for cut in [0, 1, 20] {
        let server = serve().await;
        let mut http = opened(server.address).await;
        let bad = b"GET /echo HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n";
        http.write(&[&poll(), &bad[..cut]].concat()).await;
        http.write(&bad[cut..]).await;
        assert_heartbeat(&http.answer().await);
        assert_eq!(http.answer().await.status(), 400);
        assert!(http.is_at_end().await);
    }
}

#[tokio::test]
async fn a_waiting_poll_of_http_1_0_keeps_the_connection_only_when_asked_to() {
    let server = serve().await;
    let mut http = opened(server.address).await;
    http.write(b"POST /quick/000/s/xhr HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n").await;
    let answer = http.answer().await;
    assert_heartbeat(&answer);
    assert_eq!((answer.head.version.as_str(), answer.header("connection")), ("HTTP/1.0", Some("keep-alive")));
    http.write(b"POST /quick/000/s/xhr HTTP/1.0\r\n\r\n").await;
    assert_heartbeat(&http.answer().await);
    assert!(http.is_at_end().await);
}

#[tokio::test]
async fn a_waiting_client_that_wants_its_connection_closed_gets_that() {
    let server = serve().await;
    let mut http = opened(server.address).await;
    for connection in ["keep-alive", "Close"] {
        let answer = http.ask("POST", "/quick/000/s/xhr", &[("Connection", connection)], b"").await;
        assert_heartbeat(&answer);
        assert_eq!(answer.header("connection"), (connection == "Close").then_some("close"));
    }
    assert!(http.is_at_end().await);
}

#[tokio::test]
async fn an_upgrade_behind_a_waiting_poll_gets_its_own_bytes_and_no_others() {
    let server = serve().await;
    let mut http = opened(server.address).await;
    let handshake = request(
        "GET",
        "/echo/websocket",
        &[
            ("Connection", "Upgrade"),
            ("Upgrade", "websocket"),
            ("Sec-WebSocket-Version", "13"),
            ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
        ],
        b"",
    );
    http.write(&[&poll(), &handshake[..], b"\x81\x82\0\0\0\0hi"].concat()).await;
    assert_heartbeat(&http.answer().await);
    assert_eq!(http.head().await.status, 101);
    http.fill_to(4).await;
    assert_eq!(http.take(4), b"\x81\x02hi");
}
