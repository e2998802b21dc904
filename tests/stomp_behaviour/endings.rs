//! The server goes, or breaks down.

use crate::support::client::{Kind, Leave, kind};
use crate::support::gate::{Gate, SlowAuthorizer};
use crate::support::stage::{Plan, until};
use crate::support::stomp::{Heard, StompClient};
use byway::messaging::{Messages, Text};
use byway::{Disconnect, SendError, SessionHandle, Transport};
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
    client.client.leave(Leave::HalfClose).await;
    assert_eq!(stage.ended().await, Disconnect::INTERRUPTED);
}

/// The client is lost while the server asks whether it may send the first of its messages.
pub async fn what_a_client_sent_before_it_was_lost_is_published(row: Transport) {
    let gate = Gate::new();
    let slow = SlowAuthorizer(gate.clone());
    let mut stage = Plan::new(row).stomp(|stomp| stomp.authorizer(slow)).start();
    let mut listener = stage.connect().await;
    gate.let_in();
    listener.subscribe("0", "/topic/a", &[]).await;
    gate.arrival().await;
    let mut client = stage.connect().await;
    let session = stage.server.byway.sessions().into_iter().max_by_key(SessionHandle::id).unwrap();
    client.client.park().await;
    for body in ["1", "2", "3"] {
        client.publish("/topic/a", body).await;
    }
    gate.arrival().await;
    client.client.leave(Leave::Close).await;
    match kind(row) {
        // Nothing is read meanwhile, so it is found out by writing.
        Kind::Socket => until(|| session.send("\n") == Err(SendError::Closed)).await,
        Kind::Stream | Kind::Poll => until(|| !session.is_open()).await,
    }
    for body in ["1", "2", "3"] {
        gate.let_in();
        assert_eq!(listener.body().await, body);
    }
    assert_eq!(stage.ended().await, Disconnect::INTERRUPTED);
}

/// What may not be done any more is not done, however long before it was sent.
pub async fn what_a_client_sent_before_it_was_sent_away_is_not_published(row: Transport) {
    let slow = Gate::new();
    let authorizer = SlowAuthorizer(slow.clone());
    let stage = Plan::new(row).tokens().stomp(|stomp| stomp.authorizer(authorizer)).start();
    let mut listener = stage.connect_as("grace").await;
    slow.let_in();
    listener.subscribe("0", "/topic/a", &[]).await;
    slow.arrival().await;
    let mut client = stage.connect_as("ada").await;
    client.client.park().await;
    client.publish("/topic/a", "1").await;
    client.publish("/topic/a", "2").await;
    slow.arrival().await;
    assert_eq!(stage.messenger.disconnect_user("ada", &Disconnect::REVOKED), 1);
    (0..10).for_each(|_| slow.let_in());
    client.closes(&Disconnect::REVOKED).await;
    stage.messenger.send_payload("/topic/a", Text("the only one".into())).unwrap();
    assert_eq!(listener.body().await, "the only one");
}
