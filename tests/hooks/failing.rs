//! Backends that are slow, break off, or are not there.

use crate::backend::{Answer, Backend, Call};
use crate::stage::{Plan, Running, nowhere, patterns};
use crate::support::client::http::Http;
use crate::support::stage::{token, until};
use crate::support::stomp::StompClient;
use byway::Disconnect;
use byway::hooks::HookSettings;
use std::time::Duration;

fn plan(change: impl FnOnce(&mut HookSettings)) -> Plan {
    Plan::new().hooks(|hooks| {
        hooks.app = true;
        change(hooks);
    })
}

/// Sends one message, which is not taken.
async fn fails(server: &Running) {
    let mut client = server.connect(&[]).await;
    client.publish("/app/x", "1").await;
    client.fails("Unavailable", &Disconnect::BACKEND_UNAVAILABLE).await;
}

/// Sends one message, which is taken.
async fn succeeds(server: &Running) {
    let mut client = server.connect(&[]).await;
    client.ask("SEND", &[("destination", "/app/x")], "1").await;
}

#[tokio::test]
async fn what_fails_is_tried_again_under_the_same_id() {
    let mut count = 0;
    let stage = plan(|hooks| hooks.retries = 2).start(move |_| {
        count += 1;
        if count >= 3 { Answer::empty(204) } else { Answer::empty(503) }
    });
    let mut stage = stage.await;
    succeeds(&stage.server).await;
    let first = stage.backend.call().await;
    for _ in 0..2 {
        assert_eq!(stage.backend.call().await.id, first.id);
    }
    succeeds(&stage.server).await;
}

#[tokio::test]
async fn answers_that_break_off_lie_or_are_too_large_are_failures() {
    for answer in [
        Answer::Bytes(String::new()),
        Answer::Bytes("HTTP/1.1 200 X\r\ncontent-length: 10\r\n\r\nhalf".into()),
        Answer::Bytes("junk\r\n\r\n".into()),
        Answer::Status(200, "text/plain", "x".repeat(101)),
        Answer::empty(302),
    ] {
        let script = move |_: &_| answer.clone();
        let stage = plan(|hooks| (hooks.max_answer_bytes, hooks.retries) = (100, 0)).start(script).await;
        fails(&stage.server).await;
        assert_eq!(stage.server.outcomes("app", "failed"), 1);
    }
    let largest = plan(|hooks| hooks.max_answer_bytes = 100);
    let stage = largest.start(|_| Answer::Status(200, "text/plain", "x".repeat(100))).await;
    succeeds(&stage.server).await;
}

#[tokio::test]
async fn a_call_has_one_deadline_with_all_its_attempts() {
    let plan = plan(|hooks| (hooks.timeout, hooks.retries) = (Duration::from_millis(100), 10));
    let mut stage = plan.start(|_| Answer::Never).await;
    fails(&stage.server).await;
    assert_eq!(stage.server.outcomes("app", "timeout"), 1);
    assert_eq!(stage.backend.unseen(), 1);
}

#[tokio::test]
async fn a_backend_that_fails_is_left_alone_until_one_call_finds_it_well() {
    let address = nowhere().await;
    let server = plan(|hooks| {
        hooks.retries = 0;
        (hooks.breaker.failures, hooks.breaker.cooldown) = (2, Duration::from_millis(300));
    });
    let server = server.serve(address);
    for _ in 0..3 {
        fails(&server).await;
    }
    assert_eq!((server.outcomes("app", "failed"), server.outcomes("app", "open")), (2, 1));
    assert!(server.stats().kinds["app"].is_open);
    let _backend = Backend::start_at(address, |_| Answer::empty(204)).await;
    while server.stats().kinds["app"].is_open {
        // Refused until the cooldown is over, and then taken.
        let mut client = server.connect(&[]).await;
        client.send("SEND", &[("destination", "/app/x"), ("receipt", "r")], "1").await;
        client.frame().await;
    }
    succeeds(&server).await;
}

/// Answers what is about `slow` never, and all else at once.
fn stumbling(slow: &'static str) -> impl FnMut(&Call) -> Answer + Send + 'static {
    move |call| if call.body["destination"] == slow { Answer::Never } else { Answer::empty(204) }
}

fn impatient(change: impl FnOnce(&mut HookSettings)) -> Plan {
    Plan::new().tokens().hooks(|hooks| {
        (hooks.retries, hooks.timeout) = (0, Duration::from_millis(100));
        (hooks.breaker.failures, hooks.breaker.cooldown) = (2, Duration::from_secs(3600));
        change(hooks);
    })
}

#[tokio::test]
async fn one_destination_at_which_the_backend_is_slow_is_left_alone_and_no_other() {
    let plan = impatient(|hooks| hooks.subscribe = patterns(&["/topic/**"]));
    let stage = plan.start(stumbling("/topic/slow")).await;
    for (user, outcomes) in [("ada", (1, 0)), ("bob", (2, 0)), ("eve", (2, 1))] {
        let mut client = stage.server.connect(&[("token", &token(user))]).await;
        client.send("SUBSCRIBE", &[("id", "0"), ("destination", "/topic/slow")], "").await;
        client.fails("Unavailable", &Disconnect::BACKEND_UNAVAILABLE).await;
        let (late, held_back) = outcomes;
        assert_eq!(stage.server.outcomes("subscribe", "timeout"), late, "{user}");
        assert_eq!(stage.server.outcomes("subscribe", "open"), held_back, "{user}");
    }
    for n in 0..40 {
        let mut client = stage.server.connect(&[("token", &token(&format!("user-{n}")))]).await;
        client.subscribe("0", &format!("/topic/{n}"), &[]).await;
    }
    assert!(!stage.server.stats().kinds["subscribe"].is_open);
}

#[tokio::test]
async fn one_client_over_whom_the_backend_stumbles_is_left_alone_and_no_other() {
    let stage = impatient(|hooks| hooks.app = true).start(stumbling("/app/poison")).await;
    for _ in 0..3 {
        let mut client = stage.server.connect(&[("token", &token("eve"))]).await;
        client.publish("/app/poison", "1").await;
        client.fails("Unavailable", &Disconnect::BACKEND_UNAVAILABLE).await;
    }
    assert_eq!((stage.server.outcomes("app", "timeout"), stage.server.outcomes("app", "open")), (2, 1));
    let mut client = stage.server.connect(&[("token", &token("ada"))]).await;
    client.ask("SEND", &[("destination", "/app/x")], "1").await;
    client.publish("/app/poison", "it is asked about").await;
    client.fails("Unavailable", &Disconnect::BACKEND_UNAVAILABLE).await;
    assert_eq!((stage.server.outcomes("app", "timeout"), stage.server.outcomes("app", "open")), (3, 1));
}

#[tokio::test]
async fn a_backend_that_answers_nobody_is_left_alone_by_all() {
    let stage = impatient(|hooks| hooks.app = true).start(|_| Answer::Never).await;
    for user in ["ada", "bob", "eve"] {
        let mut client = stage.server.connect(&[("token", &token(user))]).await;
        client.publish(&format!("/app/{user}"), "1").await;
        client.fails("Unavailable", &Disconnect::BACKEND_UNAVAILABLE).await;
    }
    assert_eq!((stage.server.outcomes("app", "timeout"), stage.server.outcomes("app", "open")), (2, 1));
    assert!(stage.server.stats().kinds["app"].is_open);
}

#[tokio::test]
async fn one_kind_of_call_that_fails_stops_no_other() {
    let plan = plan(|hooks| (hooks.connect, hooks.retries, hooks.breaker.failures) = (true, 0, 1));
    let stage = plan.start(|call| Answer::empty(if call.body["type"] == "app" { 500 } else { 204 })).await;
    fails(&stage.server).await;
    fails(&stage.server).await;
    assert_eq!((stage.server.outcomes("app", "open"), stage.server.outcomes("connect", "answered")), (1, 2));
}

#[tokio::test]
async fn no_more_calls_are_made_at_a_time_than_may_be_and_no_more_wait() {
    let plan = plan(|hooks| (hooks.concurrency, hooks.max_waiting, hooks.timeout) = (2, 1, Duration::from_secs(60)));
    let stage = plan.start(|_| Answer::Never).await;
    let mut clients = Vec::new();
    for _ in 0..2 {
        clients.push(sending(&stage.server).await);
    }
    until(|| stage.backend.under_way() == 2).await;
    let mut third = sending(&stage.server).await;
    // Whether the third waits shows nowhere but in the fourth's answer; one of the two is told at once.
    let mut fourth = sending(&stage.server).await;
    tokio::select! {
        () = overloaded(&mut third) => {}
        () = overloaded(&mut fourth) => {}
    }
    assert_eq!((stage.server.outcomes("app", "busy"), stage.backend.most_at_a_time()), (1, 2));
}

async fn sending(server: &Running) -> StompClient {
    let mut client = server.connect(&[]).await;
    client.publish("/app/x", "1").await;
    client
}

async fn overloaded(client: &mut StompClient) {
    client.fails("Overloaded", &Disconnect::OVERLOADED).await;
}

#[tokio::test]
async fn who_waits_for_a_turn_gets_it_when_another_is_done() {
    let plan = plan(|hooks| hooks.concurrency = 1);
    let mut stage = plan.start(|_| Answer::empty(204)).await;
    let mut clients = Vec::new();
    for _ in 0..8 {
        let mut client = stage.server.connect(&[]).await;
        client.send("SEND", &[("destination", "/app/x"), ("receipt", "r")], "1").await;
        clients.push(client);
    }
    for client in &mut clients {
        client.receipt("r").await;
    }
    assert_eq!((stage.backend.unseen(), stage.backend.most_at_a_time()), (8, 1));
}

#[tokio::test]
async fn connections_are_kept_and_one_that_the_backend_closed_costs_no_call() {
    let mut count = 0;
    let stage = plan(|hooks| hooks.retries = 0).start(move |_| {
        count += 1;
        match count {
            3 => Answer::Bytes("HTTP/1.1 204 X\r\n\r\n".into()),
            _ => Answer::empty(204),
        }
    });
    let mut stage = stage.await;
    let mut client = stage.server.connect(&[]).await;
    let mut connections = Vec::new();
    for _ in 0..4 {
        client.ask("SEND", &[("destination", "/app/x")], "1").await;
        connections.push(stage.backend.call().await.connection);
    }
    assert_eq!(connections, [1, 1, 1, 2]);
}

#[tokio::test]
async fn a_feed_whose_reader_leaves_takes_its_call_with_it_and_its_turn_is_anothers() {
    let plan = plan(|hooks| (hooks.connect, hooks.concurrency, hooks.timeout) = (true, 1, Duration::from_secs(60)));
    let stage = plan.start(|_| Answer::Never).await;
    for _ in 0..2 {
        let mut reader = Http::connect(stage.server.address).await;
        reader.send("GET", "/e/feed/topic/a", &[], b"").await;
        until(|| stage.backend.under_way() == 1).await;
        drop(reader);
        until(|| stage.backend.under_way() == 0).await;
    }
}
