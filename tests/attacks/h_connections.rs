//! H9: too many connections, connections that say nothing, and no file descriptors left.

use super::alone::{Cpu, alone};
use super::http::{Answer, Wire, get, post};
use super::target::{SHORT, Target, eventually, unique};
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

/// Refuses what would be over the limit and serves what is under it, and again once there is room.
async fn refuses_the_fourth(target: Target) {
    let mut admitted = Vec::new();
    for _ in 0..3 {
        let mut wire = target.connect().await;
        wire.send("GET /e/ HTTP/1.1\r\nHost: x\r\n\r\n").await;
        wire.until("Welcome to SockJS!\n").await;
        admitted.push(wire);
    }
    for _ in 0..20 {
        let mut fourth = target.connect().await;
        fourth.try_send(get("/e/")).await.ok();
        is_unavailable(&fourth.answers().await);
    }
    let mut first = admitted.remove(0);
    first.send(get("/e/")).await;
    assert_eq!(first.answers().await[0].status, 200);
    drop((first, admitted));
    eventually_serves(&target).await;
    target.survives().await;
}

fn is_unavailable(answers: &[Answer]) {
    assert_eq!(answers.len(), 1, "{answers:?}");
    assert_eq!((answers[0].status, answers[0].header("retry-after")), (503, Some("5")), "{answers:?}");
    assert!(answers[0].complete);
}

/// A connection is counted until the server has seen it end.
async fn eventually_serves(target: &Target) {
    for _ in 0..1000 {
        let mut wire = target.connect().await;
        wire.try_send(get("/e/")).await.ok();
        if wire.answers().await.first().is_some_and(|answer| answer.status == 200) {
            return;
        }
        tokio::task::yield_now().await;
    }
    panic!("the server does not recover");
}

#[tokio::test]
async fn h9_a_connection_over_the_limit_gets_503_with_retry_after_and_the_others_go_on() {
    refuses_the_fourth(Target::with(|server, _| server.max_connections = 3).await).await;
}

#[tokio::test]
async fn h9_a_connection_over_the_limit_of_one_address_gets_503_with_retry_after() {
    refuses_the_fourth(Target::with(|server, _| server.max_connections_per_ip = 3).await).await;
}

/// Being told is bounded too; any more are just closed.
#[tokio::test]
async fn h9_a_flood_over_the_limit_is_told_so_or_closed() {
    let target = Target::with(|server, _| server.max_connections = 1).await;
    let mut admitted = target.connect().await;
    admitted.send("GET /e/ HTTP/1.1\r\nHost: x\r\n\r\n").await;
    admitted.until("Welcome to SockJS!\n").await;
    let mut flood = Vec::new();
    for _ in 0..600 {
        flood.push(target.connect().await);
    }
    for wire in &mut flood {
        wire.stream.shutdown().await.ok();
        let answers = wire.answers().await;
        if !answers.is_empty() {
            is_unavailable(&answers);
        }
    }
    admitted.send(get("/e/")).await;
    assert_eq!(admitted.answers().await[0].status, 200);
    eventually_serves(&target).await;
    target.survives().await;
}

#[tokio::test]
async fn h9_connections_that_say_nothing_make_room_in_time() {
    let target = Target::with(|server, _| (server.max_connections, server.header_timeout) = (50, SHORT)).await;
    let mut silent = Vec::new();
    for _ in 0..50 {
        silent.push(target.connect().await);
    }
    for mut wire in silent {
        assert_eq!(wire.rest().await, b"");
    }
    eventually_serves(&target).await;
    target.survives().await;
}

#[tokio::test]
async fn h9_sessions_over_their_limit_are_503_with_retry_after_on_every_transport() {
    let target = Target::with(|_, settings| settings.limits.max_sessions = 2).await;
    for session in ["first", "second"] {
        assert_eq!(target.answer(post(&format!("/e/000/{session}/xhr"), "")).await.text(), "o\n");
    }
    for request in [
        post(&format!("/e/000/{}/xhr", unique("over")), ""),
        post(&format!("/e/000/{}/xhr_streaming", unique("over")), ""),
        get(&format!("/e/000/{}/eventsource", unique("over"))),
        get(&format!("/e/000/{}/htmlfile?c=x", unique("over"))),
        get(&format!("/e/000/{}/jsonp?c=x", unique("over"))),
        super::socket::handshake("/e/000/over/websocket", ""),
        super::socket::handshake("/e/websocket", ""),
    ] {
        let mut wire = target.connect().await;
        wire.send(&request).await;
        let answers = wire.answers().await;
        assert_eq!((answers[0].status, answers[0].header("retry-after")), (503, Some("5")), "{request}");
    }
    assert_eq!(target.refused("sessions_full"), 7);
    assert_eq!(target.answer(post("/e/000/first/xhr_send", "[]")).await.status, 204);
    target.is_empty().await;
    target.survives().await;
}

#[tokio::test]
async fn h9_a_poll_whose_client_closes_its_half_ends_with_its_session() {
    let target = Target::start().await;
    let path = format!("/e/000/{}/xhr", unique("half"));
    assert_eq!(target.answer(post(&path, "")).await.text(), "o\n");
    let mut wire = target.connect().await;
    wire.send(post(&path, "")).await;
    wire.stream.shutdown().await.expect("the connection is open");
    target.ends("interrupted", 1).await;
    target.is_empty().await;
    target.survives().await;
}

/// Server and clients share the process and so its descriptors: the clients take the last ones, and those that the
/// kernel has queued cannot be accepted.
#[test]
fn h9_without_file_descriptors_the_server_waits_without_spinning_and_recovers() {
    alone(
        "attacks::h_connections::h9_without_file_descriptors_the_server_waits_without_spinning_and_recovers",
        "ulimit -n 64",
        async {
            let target = Target::start().await;
            let mut cpu = Cpu::open();
            let mut clients = Vec::new();
            while let Ok(client) = TcpStream::connect(target.address()).await {
                clients.push(Wire::over(client));
            }
            assert!(clients.len() > 10);
            let before = cpu.seconds();
            // What is measured is what the server does in a second when nothing can be done.
            tokio::time::sleep(Duration::from_secs(1)).await;
            let used = cpu.seconds() - before;
            assert!(used < 0.3, "{used} s of CPU");
            drop(clients);
            eventually("descriptors are free again", || std::fs::File::open("/dev/null").is_ok()).await;
            eventually_serves(&target).await;
            target.survives().await;
        },
    );
}
