//! HTTP/1.0 and 1.1: how long connections live, and how bodies are framed.

use crate::server::serve;
use crate::support::client::http::Http;

const GREETING: &str = "Welcome to SockJS!\n";

#[tokio::test]
async fn a_client_of_http_1_0_gets_a_length_and_then_the_end() {
    let server = serve().await;
    let mut http = Http::connect(server.address).await;
    http.write(b"GET /echo HTTP/1.0\r\n\r\n").await;
    let answer = http.answer().await;
    assert_eq!((answer.status(), answer.body.as_str()), (200, GREETING));
    assert_eq!(answer.header("content-length"), Some("19"));
    assert_eq!(answer.header("transfer-encoding"), None);
    assert!(http.is_at_end().await);
}

#[tokio::test]
async fn a_client_of_http_1_0_can_keep_its_connection() {
    let server = serve().await;
    let mut http = Http::connect(server.address).await;
    for _ in 0..2 {
        http.write(b"GET /echo HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n").await;
        let answer = http.answer().await;
        assert_eq!((answer.status(), answer.body.as_str()), (200, GREETING));
        assert_eq!(answer.header("connection").map(str::to_ascii_lowercase).as_deref(), Some("keep-alive"));
        assert_eq!(answer.header("transfer-encoding"), None);
    }
}

#[tokio::test]
async fn a_stream_for_a_client_of_http_1_0_is_not_chunked_and_ends_with_the_connection() {
    let server = serve().await;
    for (session, connection) in [("s1", ""), ("s2", "Connection: Keep-Alive\r\n")] {
        let mut http = Http::connect(server.address).await;
        let head = format!("POST /close/000/{session}/xhr_streaming HTTP/1.0\r\n{connection}Content-Length: 0\r\n\r\n");
        http.write(head.as_bytes()).await;
        let answer = http.answer().await;
        assert_eq!(
            (answer.status(), answer.header("transfer-encoding"), answer.header("content-length")),
            (200, None, None)
        );
        let expected = format!("{}\no\nc[3000,\"Go away!\"]\n", "h".repeat(2048));
        assert_eq!(answer.body, expected);
        assert!(http.is_at_end().await);
    }
}

#[tokio::test]
async fn a_poll_works_over_http_1_0() {
    let server = serve().await;
    for frame in ["o\n", "c[3000,\"Go away!\"]\n"] {
        let mut http = Http::connect(server.address).await;
        http.write(b"POST /close/000/s/xhr HTTP/1.0\r\n\r\n").await;
        assert_eq!(http.answer().await.body, frame);
    }
}

#[tokio::test]
async fn a_client_of_http_1_1_keeps_its_connection_through_every_kind_of_answer() {
    let server = serve().await;
    let mut http = Http::connect(server.address).await;
    for (method, target, body, status) in [
        ("GET", "/echo", "", 200),
        ("POST", "/echo/000/s/xhr", "", 200),
        ("POST", "/echo/000/s/xhr_send", "[\"x\"]", 204),
        ("POST", "/echo/000/s/xhr_send", "[", 500),
        ("POST", "/echo/000/unknown/xhr_send", "[\"x\"]", 404),
        ("OPTIONS", "/echo/000/s/xhr", "", 204),
        ("PUT", "/echo/000/s/xhr", "a body", 405),
        ("POST", "/nowhere", "a body", 404),
        ("POST", "/close/000/s/xhr_streaming", "", 200),
        ("GET", "/echo/info", "", 200),
    ] {
        let answer = http.ask(method, target, &[("Connection", "Keep-Alive")], body.as_bytes()).await;
        assert_eq!(answer.status(), status, "{method} {target}");
        assert_ne!(answer.header("connection"), Some("close"), "{method} {target}");
    }
}

#[tokio::test]
async fn a_client_that_wants_its_connection_closed_gets_that() {
    let server = serve().await;
    let mut http = Http::connect(server.address).await;
    let answer = http.ask("GET", "/echo", &[("Connection", "close")], b"").await;
    assert_eq!(answer.body, GREETING);
    assert!(http.is_at_end().await);
}

#[tokio::test]
async fn a_stream_for_a_client_of_http_1_1_is_chunked_to_its_last_empty_chunk() {
    let server = serve().await;
    let (mut http, head) = server.begin("POST", "/close/000/s/xhr_streaming", &[]).await;
    assert_eq!((head.header("transfer-encoding"), head.header("content-length")), (Some("chunked"), None));
    assert!(http.chunk().await.unwrap().starts_with('h'));
    assert_eq!(http.chunk().await.unwrap(), "o\n");
    assert_eq!(http.chunk().await.unwrap(), "c[3000,\"Go away!\"]\n");
    assert_eq!(http.chunk().await, None);
    assert_eq!(http.ask("GET", "/echo", &[], b"").await.body, GREETING);
}
