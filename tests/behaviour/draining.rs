//! A server that stops.

use crate::stage::{Plan, Stage};
use crate::support::client::Event;
use byway::{Disconnect, Transport};
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(20);

pub async fn a_drain_tells_every_client_that_the_server_goes(row: Transport) {
    let mut stage = Plan::new(row).disconnect_delay(100).start();
    let (mut client, session) = stage.open().await;
    session.send("last words").unwrap();
    assert_eq!(client.message().await, "last words");
    client.park().await;
    let byway = stage.server.byway.clone();
    let draining = tokio::spawn(async move { byway.drain(PATIENCE).await });
    assert_eq!(client.next().await, Event::Close(1001, "Server shutting down".into()));
    assert_eq!(client.next().await, Event::End);
    assert_eq!(stage.ended().await, Disconnect::GOING_AWAY);
    let drained = draining.await.unwrap();
    assert_eq!((drained.told, drained.left), (1, 0));
}

pub async fn a_draining_endpoint_refuses_new_sessions(row: Transport) {
    let stage = Plan::new(row).start();
    stage.server.byway.drain(PATIENCE).await;
    assert_eq!(stage.client().attempt().await, 503);
    assert_eq!(stage.server.byway.stats().refused, [("draining", 1)].into());
}

pub async fn a_server_that_stops_lets_go_of_every_connection(row: Transport) {
    let mut stage = Plan::new(row).disconnect_delay(100).start();
    let (mut client, _) = stage.open().await;
    client.park().await;
    let Stage { server, .. } = stage;
    let stopping = tokio::spawn(server.stop());
    assert_eq!(client.next().await, Event::close(&Disconnect::GOING_AWAY));
    assert_eq!(client.next().await, Event::End);
    let stopped = stopping.await.unwrap();
    assert_eq!((stopped.sessions_told, stopped.connections_left), (1, 0));
}
