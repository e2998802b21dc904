//! The server goes, or breaks down.

use crate::support::stage::Plan;
use crate::support::stomp::{Heard, StompClient};
use byway::messaging::{Messages, Text};
use byway::{Disconnect, Transport};
use std::time::Duration;

pub async fn a_drain_tells_every_client_that_the_server_goes(row: Transport) {
    let mut stage =
        Plan::new(row).with(|settings| settings.session.disconnect_delay = Duration::from_millis(500)).start();
    let mut client = stage.connect().await;
    client.subscribe("0", "/topic/a", &[]).await;
    client.client.park().await;
    let byway = stage.server.byway.clone();
    let draining = tokio::spawn(async move { byway.drain(Duration::from_secs(20)).await });
    client.closes(&Disconnect::GOING_AWAY).await;
    assert_eq!(client.next().await, Heard::End);
    assert_eq!(stage.ended().await, Disconnect::GOING_AWAY);
    let drained = draining.await.unwrap();
    assert_eq!((drained.told, drained.left), (1, 0));
}

/// Panics without the message on stderr.
async fn panic(_: Text) {
    std::panic::resume_unwind(Box::new("the handler panics"))
}

fn application(messages: Messages) -> Messages {
    messages.on_send("/panic", panic)
}

pub async fn a_panic_ends_its_own_session_and_what_that_held_goes_to_others(row: Transport) {
    let mut stage = Plan::new(row).tokens().messages(application).start();
    let (mut other, mut client) = (stage.connect_as("ada").await, stage.connect_as("ada").await);
    client.subscribe("0", "/queue/a", &[("ack", "client")]).await;
    client.publish("/queue/a", "work").await;
    client.message().await;
    client.publish("/app/panic", "").await;
    client.closes(&Disconnect::INTERNAL_ERROR).await;
    assert_eq!(stage.ended().await, Disconnect::INTERNAL_ERROR);
    assert_eq!(stage.messenger.users().sessions_of("ada").len(), 1);
    other.listen("0", "/queue/a", "client").await;
    assert_eq!(other.message().await.header("delivery-count"), Some("2"));
}

pub async fn a_transport_that_closes_ends_the_session(row: Transport) {
    let mut stage = Plan::new(row).start();
    let mut client = StompClient::connect(stage.client(), &[]).await;
    client.client.park().await;
    client.client.leave(crate::support::client::Leave::HalfClose).await;
    assert_eq!(stage.ended().await, Disconnect::INTERRUPTED);
}
