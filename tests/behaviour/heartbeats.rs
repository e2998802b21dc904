//! Signs of life, and their absence.

use crate::stage::Plan;
use crate::support::client::Event;
use byway::{Disconnect, Transport};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;

pub async fn heartbeats_come_when_nothing_else_does(row: Transport) {
    let mut stage = Plan::new(row).heartbeat(30).start();
    let (mut client, _) = stage.open().await;
    for _ in 0..3 {
        assert_eq!(client.next().await, Event::Heartbeat);
    }
}

pub async fn traffic_does_not_put_heartbeats_off(row: Transport) {
    let mut stage = Plan::new(row).heartbeat(100).echo().start();
    let (mut client, _) = stage.open().await;
    loop {
        client.send(&["x"]).await;
        match client.next().await {
            Event::Message(_) => {}
            Event::Heartbeat => break,
            other => panic!("{other:?}"),
        }
    }
}

/// A handler that holds every message until the test lets go.
fn slow(row: Transport) -> (Plan, Arc<Semaphore>) {
    let gate = Arc::new(Semaphore::new(0));
    let held = Arc::clone(&gate);
    let plan = Plan::new(row).on_message(move |session, message| {
        let held = Arc::clone(&held);
        Box::pin(async move {
            held.acquire().await.unwrap().forget();
            session.send(message).unwrap();
        })
    });
    (plan, gate)
}

pub async fn a_slow_handler_holds_up_no_heartbeat(row: Transport) {
    let (plan, gate) = slow(row);
    let mut stage = plan.heartbeat(30).start();
    let (mut client, _) = stage.open().await;
    client.send(&["x"]).await;
    assert_eq!(stage.message().await, "x");
    for _ in 0..3 {
        assert_eq!(client.next().await, Event::Heartbeat);
    }
    gate.add_permits(1);
    assert_eq!(client.next_but_heartbeats().await, Event::message("x"));
}

pub async fn a_slow_handler_holds_up_no_message_to_its_client(row: Transport) {
    let (plan, gate) = slow(row);
    let mut stage = plan.start();
    let (mut client, session) = stage.open().await;
    client.send(&["x"]).await;
    assert_eq!(stage.message().await, "x");
    session.send("meanwhile").unwrap();
    assert_eq!(client.message().await, "meanwhile");
    gate.add_permits(1);
    assert_eq!(client.message().await, "x");
}

pub async fn a_peer_that_answers_no_ping_is_closed(row: Transport) {
    let plan = Plan::new(row).heartbeat(30);
    let mut stage = plan.with(|settings| settings.session.heartbeat_answer = Duration::from_millis(60)).start();
    let (mut client, _) = stage.open().await;
    client.socket.as_mut().unwrap().answers_pings = false;
    assert_eq!(client.next_but_heartbeats().await, Event::Close(3000, "No response from heartbeat".into()));
    assert_eq!(client.next_but_heartbeats().await, Event::End);
    assert_eq!(stage.ended().await, Disconnect::NO_HEARTBEAT);
    stage.is_over().await;
}

pub async fn a_peer_that_answers_pings_stays(row: Transport) {
    let plan = Plan::new(row).heartbeat(25);
    let mut stage = plan.with(|settings| settings.session.heartbeat_answer = Duration::from_millis(500)).start();
    let (mut client, session) = stage.open().await;
    for _ in 0..40 {
        assert_eq!(client.next().await, Event::Heartbeat);
    }
    assert!(session.is_open());
}
