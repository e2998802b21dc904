//! Receivers that come and go while the session stays, or do not come.

use crate::stage::Plan;
use crate::support::client::Event;
use byway::{Disconnect, Transport};
use std::time::{Duration, Instant};

pub async fn a_session_without_receiver_ends_as_absent(row: Transport) {
    let mut stage = Plan::new(row).short_responses().disconnect_delay(100).start();
    let (mut client, _) = stage.open().await;
    assert_eq!(stage.ended().await, Disconnect::ABSENT);
    stage.gone().await;
    assert_eq!(client.next().await, Event::close(&Disconnect::INTERRUPTED));
    assert_eq!(client.post(r#"["x"]"#).await.status(), 404);
    stage.is_over().await;
}

pub async fn sending_does_not_keep_a_session_without_receiver(row: Transport) {
    let mut stage = Plan::new(row).short_responses().disconnect_delay(200).start();
    let (mut client, _) = stage.open().await;
    while client.post(r#"["x"]"#).await.status() != 404 {}
    assert_eq!(stage.ended().await, Disconnect::ABSENT);
}

pub async fn a_receiver_in_time_keeps_the_session(row: Transport) {
    let delay = Duration::from_millis(1000);
    let mut stage = Plan::new(row).short_responses().disconnect_delay(1000).echo().start();
    let (mut client, session) = stage.open().await;
    let begun = Instant::now();
    while begun.elapsed() < delay * 3 / 2 {
        client.send(&["x"]).await;
        assert_eq!(client.message().await, "x");
    }
    assert!(session.is_open());
}

pub async fn a_second_receiver_is_refused_and_the_first_stays(row: Transport) {
    let mut stage = Plan::new(row).start();
    let (mut client, session) = stage.open().await;
    client.park().await;
    let mut second = client.twin();
    assert_eq!(second.next().await, Event::Close(2010, "Another connection still open".into()));
    assert_eq!(second.next().await, Event::End);
    session.send("still here").unwrap();
    assert_eq!(client.message().await, "still here");
    assert!(session.is_open());
}

pub async fn messages_wait_for_the_next_receiver_in_one_frame(row: Transport) {
    let mut stage = Plan::new(row).short_responses().start();
    let (mut client, session) = stage.open().await;
    for message in ["a", "b", "c"] {
        session.send(message).unwrap();
    }
    assert_eq!(session.queued(), (3, 3));
    for message in ["a", "b", "c"] {
        assert_eq!(client.message().await, message);
    }
    assert_eq!(client.receivers, 2);
    assert_eq!(session.queued(), (0, 0));
}
