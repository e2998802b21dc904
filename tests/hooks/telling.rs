//! What the backend hears.

use crate::backend::{Answer, Backend};
use crate::stage::{Plan, nowhere};
use crate::support::stage::until;
use byway::hooks::{EventKind, HookSettings};
use serde_json::{Value, json};
use std::collections::HashSet;
use std::time::Duration;

fn plan(change: impl FnOnce(&mut HookSettings)) -> Plan {
    Plan::new().hooks(|hooks| {
        hooks.events = vec![EventKind::Disconnected];
        change(hooks);
    })
}

/// The next so many events, in batches.
async fn batches(backend: &mut Backend, events: usize) -> Vec<Vec<Value>> {
    let mut batches = Vec::new();
    while batches.iter().map(Vec::len).sum::<usize>() < events {
        let body = backend.call().await.body;
        assert_eq!(body["type"], "events");
        batches.push(body["events"].as_array().expect("a list").clone());
    }
    batches
}

#[tokio::test]
async fn sessions_that_come_and_go_are_told() {
    let plan = plan(|hooks| hooks.events = vec![EventKind::Connected, EventKind::Disconnected]).tokens();
    let mut stage = plan.start(|_| Answer::empty(204)).await;
    let token = crate::support::stage::token("ada");
    let mut ada = stage.server.connect(&[("token", &token)]).await;
    ada.send("DISCONNECT", &[], "").await;
    let mut refused = stage.server.open().await;
    refused.say_connect(&[("token", "junk")]).await;
    let events = batches(&mut stage.backend, 2).await.concat();
    for (event, kind) in events.iter().zip(["connected", "disconnected"]) {
        assert_eq!((&event["type"], &event["user"], &event["session"]), (&json!(kind), &json!("ada"), &json!("s1")));
        assert_eq!((&event["endpoint"], &event["transport"]), (&json!("main"), &json!("raw_websocket")));
        assert!(event["time"].as_u64().is_some_and(|time| time > 1_600_000_000_000), "{event}");
    }
    assert_eq!((&events[1]["code"], &events[1]["reason"]), (&json!(1000), &json!("Normal closure")));
    assert_ne!(events[0]["id"], events[1]["id"]);
}

#[tokio::test]
async fn destinations_that_get_their_first_subscriber_and_lose_their_last_are_told() {
    let plan = plan(|hooks| hooks.events = vec![EventKind::DestinationOccupied, EventKind::DestinationEmpty]);
    let mut stage = plan.start(|_| Answer::empty(204)).await;
    for destination in ["/topic/a", "/topic/*", "/queue/a"] {
        let mut one = stage.server.connect(&[]).await;
        let mut other = stage.server.connect(&[]).await;
        one.subscribe("x", destination, &[]).await;
        other.subscribe("x", destination, &[]).await;
        one.ask("UNSUBSCRIBE", &[("id", "x")], "").await;
        other.send("DISCONNECT", &[], "").await;
        let events = batches(&mut stage.backend, 2).await.concat();
        let told: Vec<_> = events.iter().map(|event| (event["type"].as_str(), event["destination"].as_str())).collect();
        let expected =
            [(Some("destination_occupied"), Some(destination)), (Some("destination_empty"), Some(destination))];
        assert_eq!(told, expected);
    }
}

#[tokio::test]
async fn what_nobody_asked_for_is_not_told() {
    let stage = plan(|hooks| hooks.events = vec![EventKind::DestinationEmpty]).start(|_| Answer::empty(204)).await;
    let mut client = stage.server.connect(&[]).await;
    client.subscribe("x", "/topic/a", &[]).await;
    assert_eq!(stage.server.stats().events_queued, 0);
}

#[tokio::test]
async fn events_that_a_backend_misses_arrive_when_it_is_back_and_none_is_missing() {
    let address = nowhere().await;
    let server = plan(|_| ()).serve(address);
    for _ in 0..3 {
        drop(server.connect(&[]).await);
    }
    until(|| server.stats().events_queued == 3 && server.outcomes("events", "failed") > 0).await;
    let mut fails = true;
    let backend = Backend::start_at(address, move |_| match std::mem::take(&mut fails) {
        true => Answer::empty(500),
        false => Answer::empty(204),
    });
    let mut backend = backend.await;
    let missed = backend.call().await;
    let again = backend.call().await;
    assert_eq!((&missed.id, &missed.body), (&again.id, &again.body), "the same batch, under the same id");
    let mut events = again.body["events"].as_array().unwrap().clone();
    if events.len() < 3 {
        events.extend(batches(&mut backend, 3 - events.len()).await.concat());
    }
    let sessions: HashSet<_> = events.iter().map(|event| event["session"].as_str().unwrap()).collect();
    assert_eq!(sessions, HashSet::from(["s1", "s2", "s3"]));
    until(|| server.stats().events_delivered == 3).await;
    assert_eq!(server.stats().events_queued, 0);
}

#[tokio::test]
async fn events_go_in_batches_of_limited_size() {
    let plan = plan(|hooks| (hooks.delivery.batch, hooks.delivery.delay) = (2, Duration::from_secs(60)));
    let mut stage = plan.start(|_| Answer::empty(204)).await;
    for _ in 0..4 {
        drop(stage.server.connect(&[]).await);
    }
    let batches = batches(&mut stage.backend, 4).await;
    assert_eq!(batches.iter().map(Vec::len).collect::<Vec<_>>(), [2, 2]);
}

#[tokio::test]
async fn one_event_more_than_may_wait_is_lost_and_counted() {
    let server = plan(|hooks| hooks.delivery.max_events = 2).serve(nowhere().await);
    for _ in 0..3 {
        drop(server.connect(&[]).await);
    }
    until(|| server.stats().events_dropped == 1).await;
    assert_eq!(server.stats().events_queued, 2);
}

#[tokio::test]
async fn a_server_that_stops_tells_first_who_was_there() {
    let plan = plan(|hooks| hooks.delivery.delay = Duration::from_secs(60));
    let mut stage = plan.start(|_| Answer::empty(204)).await;
    let mut clients = vec![stage.server.connect(&[]).await, stage.server.connect(&[]).await];
    let stopping = stage.server.stop();
    let leaving = async {
        for client in &mut clients {
            client.last().await;
        }
        drop(clients);
    };
    tokio::join!(stopping, leaving);
    let events = batches(&mut stage.backend, 2).await.concat();
    assert!(events.iter().all(|event| event["code"] == 1001), "{events:?}");
}
