//! `[server]`: connections, and what requests may look like.

use crate::stage::{Stage, echo, soon, until};
use crate::support::probed_in;

const PAGE: &str = "/e/sockjs-1.6.1.min.js";

/// The status that another connection is answered, while one is open.
async fn beside_one(setting: &str) -> u16 {
    let stage = echo(setting);
    let mut first = stage.http().await;
    assert_eq!(first.ask("GET", "/e", &[], b"").await.status(), 200);
    stage.get("/e").await.status()
}

#[tokio::test]
async fn connections_are_as_many_as_the_file_says() {
    assert_eq!(beside_one("server.max_connections = 2").await, 200);
    assert_eq!(beside_one("server.max_connections = 1").await, 503);
}

#[tokio::test]
async fn connections_of_one_address_are_as_many_as_the_file_says() {
    assert_eq!(beside_one("server.max_connections_per_ip = 2").await, 200);
    assert_eq!(beside_one("server.max_connections_per_ip = 1").await, 503);
}

#[tokio::test]
async fn a_head_takes_no_longer_than_the_file_says() {
    let stage = echo("server.header_timeout = \"100ms\"");
    let mut http = stage.http().await;
    http.write(b"GET /e HTTP/1.1\r\n").await;
    soon(async { while http.fill().await {} }).await;
}

#[tokio::test]
async fn the_server_s_names_are_those_of_the_file() {
    let stage = echo("server.hosts = [\"example.com\"]");
    for (host, status) in [("example.com", 200), ("localhost", 421)] {
        assert_eq!(stage.get_with("/e", &[("Host", host)]).await.status(), status, "{host}");
    }
}

#[tokio::test]
async fn a_connection_is_idle_no_longer_than_the_file_says() {
    let stage = echo("server.keep_alive_timeout = \"100ms\"");
    let mut http = stage.http().await;
    assert_eq!(http.ask("GET", "/e", &[], b"").await.status(), 200);
    assert!(soon(http.is_at_end()).await);
}

/// What is answered to a request with fields of these sizes.
async fn fields(stage: &Stage, sizes: &[usize]) -> u16 {
    let names: Vec<_> = (0..sizes.len()).map(|n| format!("X-{n}")).collect();
    let values: Vec<_> = sizes.iter().map(|size| "x".repeat(*size)).collect();
    let headers: Vec<_> = names.iter().zip(&values).map(|(name, value)| (&**name, &**value)).collect();
    stage.get_with("/e", &headers).await.status()
}

#[tokio::test]
async fn a_head_has_no_more_bytes_than_the_file_says() {
    assert_eq!(fields(&echo(""), &[9000]).await, 200);
    assert_eq!(fields(&echo("server.max_head_bytes = 8192"), &[9000]).await, 431);
}

#[tokio::test]
async fn a_head_has_no_more_fields_than_the_file_says() {
    let stage = echo("server.max_headers = 3");
    assert_eq!(fields(&stage, &[1, 1]).await, 200);
    assert_eq!(fields(&stage, &[1, 1, 1]).await, 431);
}

#[tokio::test]
async fn a_target_has_no_more_bytes_than_the_file_says() {
    let stage = echo("server.max_target_bytes = 10");
    assert_eq!(stage.get("/e?x=45678").await.status(), 200);
    assert_eq!(stage.get("/e?x=456789").await.status(), 414);
}

#[tokio::test]
async fn a_peer_that_takes_nothing_is_borne_no_longer_than_the_file_says() {
    let stage = echo("server.write_timeout = \"200ms\"");
    let request = format!("GET {PAGE} HTTP/1.1\r\nHost: x\r\n\r\n");
    let _deaf = stage.deaf(request.repeat(200).as_bytes()).await;
    until(|| stage.connections.open() == 1).await;
    until(|| stage.connections.open() == 0).await;
}

#[tokio::test]
async fn a_peer_that_vanishes_is_looked_for_as_soon_as_the_file_says() {
    let stage = echo("server.peer_timeout = \"2m\"");
    let http = stage.http().await;
    let client = http.stream.local_addr().expect("a connected socket has an address");
    until(|| probed_in(stage.address, client).is_some_and(|when| (2000..=3000).contains(&when))).await;
}

#[tokio::test]
async fn a_stop_takes_no_longer_than_the_file_says() {
    let stage = echo("server.drain_timeout = \"200ms\"");
    let _deaf = stage.socket().await;
    assert_eq!(soon(stage.stop()).await.connections_left, 1);
}
