//! How a session ends when one side wants it to.

use crate::stage::{Plan, until};
use crate::support::client::Event;
use byway::{Disconnect, SendError, Transport};
use std::future::ready;
use std::time::Duration;

pub async fn the_application_s_close_comes_behind_what_it_sent(row: Transport) {
    let mut stage = Plan::new(row).disconnect_delay(100).start();
    let (mut client, session) = stage.open().await;
    for message in ["a", "b", "c"] {
        session.send(message).unwrap();
    }
    session.close_with(3456, "Schluß \"jetzt\"!").unwrap();
    for message in ["a", "b", "c"] {
        assert_eq!(client.message().await, message);
    }
    assert_eq!(client.next().await, Event::Close(3456, "Schluß \"jetzt\"!".into()));
    assert_eq!(client.next().await, Event::End);
    assert_eq!(stage.ended().await, Disconnect::application(3456, "Schluß \"jetzt\"!").unwrap());
    stage.is_over().await;
}

pub async fn a_close_without_words_is_1000_normal_closure(row: Transport) {
    let mut stage = Plan::new(row).disconnect_delay(100).start();
    let (mut client, session) = stage.open().await;
    client.park().await;
    session.close();
    assert_eq!(client.next().await, Event::Close(1000, "Normal closure".into()));
    assert_eq!(client.next().await, Event::End);
    assert_eq!(stage.ended().await, Disconnect::NORMAL);
    stage.is_over().await;
}

pub async fn the_first_close_stays_and_nothing_can_be_sent_behind_it(row: Transport) {
    let mut stage = Plan::new(row).start();
    let (mut client, session) = stage.open().await;
    session.close_with(3000, "first").unwrap();
    session.close_with(4000, "second").unwrap();
    assert_eq!(session.send("late"), Err(SendError::Closed));
    assert_eq!(client.next().await, Event::Close(3000, "first".into()));
    assert_eq!(stage.ended().await.code(), 3000);
}

pub async fn a_session_that_is_closed_while_it_opens_is_greeted_first(row: Transport) {
    let plan = Plan::new(row).on_open(|session, ()| {
        session.close_with(3000, "Go away!").unwrap();
        Box::pin(ready(()))
    });
    let stage = plan.start();
    let mut client = stage.client().open().await;
    assert_eq!(client.next().await, Event::Close(3000, "Go away!".into()));
    assert_eq!(client.next().await, Event::End);
}

pub async fn what_the_client_sent_behind_the_close_is_not_handled(row: Transport) {
    let plan = Plan::new(row).on_message(|session, message| {
        if message.as_str() == Some("stop") {
            session.close();
        }
        Box::pin(ready(()))
    });
    let mut stage = plan.disconnect_delay(100).start();
    let (mut client, _) = stage.open().await;
    client.send(&["a", "stop", "b", "c"]).await;
    assert_eq!(stage.message().await, "a");
    assert_eq!(stage.message().await, "stop");
    assert_eq!(client.next().await, Event::close(&Disconnect::NORMAL));
    let told = stage.told().await;
    assert!(matches!(told, crate::stage::Told::Ended(..)), "{told:?}");
}

pub async fn a_client_s_close_frame_is_answered_in_kind_and_told_once(row: Transport) {
    let mut stage = Plan::new(row).start();
    let (mut client, _) = stage.open().await;
    client.socket.as_mut().unwrap().send_close(3001, "bye").await;
    assert_eq!(client.next().await, Event::Close(3001, "bye".into()));
    assert_eq!(client.next().await, Event::End);
    assert_eq!(stage.ended().await, Disconnect::client(3001, "bye".into()));
    stage.is_over().await;
}

pub async fn a_client_s_close_frame_without_a_code_is_1005(row: Transport) {
    let mut stage = Plan::new(row).start();
    let (mut client, _) = stage.open().await;
    client.socket.as_mut().unwrap().send(crate::support::client::websocket::CLOSE, b"").await;
    assert_eq!(client.next().await, Event::Close(1005, String::new()), "the answer has no code either");
    assert_eq!(stage.ended().await, Disconnect::client(1005, "".into()));
}

pub async fn a_client_that_does_not_answer_the_close_is_let_go(row: Transport) {
    let plan = Plan::new(row).with(|settings| settings.session.close_timeout = Duration::from_millis(50));
    let mut stage = plan.start();
    let (_client, session) = stage.open().await;
    session.close();
    assert_eq!(stage.ended().await, Disconnect::NORMAL);
    until(|| stage.server.byway.sessions().is_empty()).await;
    assert_eq!(stage.server.byway.stats().current[row.name()], 0);
}

pub async fn a_late_receiver_gets_what_is_queued_and_then_the_close(row: Transport) {
    let mut stage = Plan::new(row).short_responses().start();
    let (mut client, session) = stage.open().await;
    session.send("a").unwrap();
    session.send("b").unwrap();
    session.close_with(3000, "Go away!").unwrap();
    assert_eq!(stage.ended().await.code(), 3000);
    assert_eq!(client.message().await, "a");
    assert_eq!(client.message().await, "b");
    assert_eq!(client.receivers, 2, "both came in one frame");
    assert_eq!(client.next().await, Event::Close(3000, "Go away!".into()));
}

pub async fn every_receiver_is_told_of_the_close_until_the_id_is_new_again(row: Transport) {
    let mut stage = Plan::new(row).disconnect_delay(1000).start();
    let (mut client, session) = stage.open().await;
    session.close_with(3000, "Go away!").unwrap();
    for _ in 0..3 {
        assert_eq!(client.next().await, Event::Close(3000, "Go away!".into()));
        assert_eq!(client.next().await, Event::End);
    }
    assert_eq!(stage.ended().await.code(), 3000);
    until(|| stage.server.byway.sessions().is_empty()).await;
    assert_eq!(client.next().await, Event::Open);
    assert_ne!(stage.opened().await, session);
}

pub async fn messages_to_a_closing_session_are_taken_and_dropped(row: Transport) {
    let mut stage = Plan::new(row).disconnect_delay(1000).start();
    let (mut client, session) = stage.open().await;
    session.close();
    assert_eq!(stage.ended().await, Disconnect::NORMAL);
    client.send(&["late"]).await;
    assert_eq!(client.next().await, Event::close(&Disconnect::NORMAL));
    stage.is_over().await;
}

/// The queue is not full: one message is larger than all buffers together.
pub async fn a_client_that_took_nothing_and_reads_again_is_told_why_it_was_closed(row: Transport) {
    const LARGE: usize = 16 << 20;
    let plan = Plan::new(row).with(|settings| {
        settings.session.send_timeout = Duration::from_millis(200);
        settings.session.close_timeout = Duration::from_secs(20);
    });
    let mut stage = plan.start();
    let (mut client, session) = stage.open().await;
    session.send("x".repeat(LARGE)).unwrap();
    session.send("this is dropped").unwrap();
    assert_eq!(stage.ended().await, Disconnect::SLOW_CONSUMER);
    assert_eq!(client.message().await.len(), LARGE);
    assert_eq!(client.next().await, Event::close(&Disconnect::SLOW_CONSUMER));
}
