//! Work queues: who gets what, and what becomes of what is not acknowledged.

use crate::support::client::Leave;
use crate::support::stage::{Plan, Stage, until};
use crate::support::stomp::{Frame, StompClient};
use byway::messaging::DestinationQuery;
use byway::{Disconnect, Transport};
use std::time::Duration;

const INDIVIDUAL: &[(&str, &str)] = &[("ack", "client-individual")];

/// Refused messages come again at once.
fn stage(row: Transport) -> Stage {
    Plan::new(row).broker(|broker| broker.queue.redelivery_delay = Duration::ZERO).start()
}

/// A consumer that got `count` messages: their bodies are numbers from 0 on.
async fn consumer(stage: &Stage, ack: &str, count: usize) -> (StompClient, Vec<Frame>) {
    let mut client = stage.connect().await;
    client.subscribe("0", "/queue/a", &[("ack", ack)]).await;
    let mut got = Vec::new();
    for n in 0..count {
        stage.messenger.send("/queue/a", &n).unwrap();
        let message = client.message().await;
        assert_eq!((message.text(), message.header("delivery-count")), (&*n.to_string(), Some("1")));
        got.push(message);
    }
    (client, got)
}

/// What a new consumer finds in the queue, up to a mark that is put behind it.
async fn rest(stage: &Stage) -> Vec<(String, String)> {
    stage.messenger.send("/queue/a", &"mark").unwrap();
    let mut client = stage.connect().await;
    client.listen("0", "/queue/a", "client-individual").await;
    let mut found = Vec::new();
    loop {
        let message = client.message().await;
        if message.text() == "\"mark\"" {
            return found;
        }
        found.push((message.text().to_owned(), message.header("delivery-count").unwrap().to_owned()));
    }
}

fn twice(bodies: &[&str]) -> Vec<(String, String)> {
    bodies.iter().map(|body| (body.to_string(), "2".to_owned())).collect()
}

pub async fn what_is_acknowledged_is_done_with_and_the_rest_goes_to_another_when_its_consumer_is_lost(row: Transport) {
    let mut stage = stage(row);
    let (mut client, got) = consumer(&stage, "client-individual", 3).await;
    client.ack(got[1].ack()).await;
    client.settle().await;
    client.client.park().await;
    client.client.leave(Leave::Reset).await;
    assert_eq!(stage.ended().await, Disconnect::INTERRUPTED);
    assert_eq!(rest(&stage).await, twice(&["0", "2"]));
}

pub async fn a_client_ack_is_for_all_that_came_before(row: Transport) {
    let mut stage = stage(row);
    let (mut client, got) = consumer(&stage, "client", 4).await;
    client.ack(got[2].ack()).await;
    client.ask("DISCONNECT", &[], "").await;
    assert_eq!(stage.ended().await, Disconnect::NORMAL);
    assert_eq!(rest(&stage).await, twice(&["3"]));
}

pub async fn what_is_refused_comes_again_and_says_so(row: Transport) {
    let stage = stage(row);
    let (mut client, got) = consumer(&stage, "client-individual", 1).await;
    assert_eq!(got[0].header("redelivered"), None);
    client.nack(got[0].ack()).await;
    let again = client.message().await;
    assert_eq!((again.text(), again.header("delivery-count")), ("0", Some("2")));
    assert_eq!(again.header("redelivered"), Some("true"));
    assert_ne!(again.ack(), got[0].ack());
    client.ack(again.ack()).await;
    client.ask("UNSUBSCRIBE", &[("id", "0")], "").await;
    assert_eq!(rest(&stage).await, []);
}

pub async fn an_unsubscribe_gives_back_what_is_not_acknowledged(row: Transport) {
    let stage = stage(row);
    let (mut client, _) = consumer(&stage, "client", 2).await;
    client.ask("UNSUBSCRIBE", &[("id", "0")], "").await;
    assert_eq!(rest(&stage).await, twice(&["0", "1"]));
}

pub async fn an_acknowledgement_of_nothing_is_refused_and_changes_nothing(row: Transport) {
    let mut stage = stage(row);
    for wrong in ["again", "ahead", "junk", "foreign"] {
        let (mut other, others) = consumer(&stage, "client-individual", 1).await;
        let mut client = stage.connect().await;
        let queue = format!("/queue/{wrong}");
        client.subscribe("0", &queue, INDIVIDUAL).await;
        client.publish(&queue, "mine").await;
        let mine = client.message().await.ack().to_owned();
        let id = match wrong {
            "again" => mine.clone(),
            "ahead" => format!("{}-{}", mine.split('-').next().unwrap(), 999),
            "foreign" => format!("9{}", others[0].ack()),
            junk => junk.to_owned(),
        };
        if wrong == "again" {
            client.ack(&mine).await;
        }
        client.ack(&id).await;
        client.fails("Unknown message", &Disconnect::STOMP_PROTOCOL_ERROR).await;
        stage.ended().await;
        other.ack(others[0].ack()).await;
        other.ask("DISCONNECT", &[], "").await;
        stage.ended().await;
    }
}

pub async fn a_message_that_is_refused_too_often_is_a_dead_letter(row: Transport) {
    let plan = Plan::new(row).broker(|broker| {
        broker.queue.redelivery_delay = Duration::ZERO;
        broker.queue.max_deliveries = 2;
    });
    let stage = plan.start();
    let mut client = stage.connect().await;
    client.subscribe("dead", "/queue/dead-letter", &[]).await;
    client.subscribe("0", "/queue/a", INDIVIDUAL).await;
    client.send("SEND", &[("destination", "/queue/a"), ("mine", "kept")], "poison").await;
    for _ in 0..2 {
        let message = client.message().await;
        client.nack(message.ack()).await;
    }
    let dead = client.message().await;
    assert_eq!((dead.text(), dead.header("subscription")), ("poison", Some("dead")));
    for (name, value) in [
        ("mine", "kept"),
        ("original-destination", "/queue/a"),
        ("dead-letter-reason", "rejected"),
        ("delivery-count", "2"),
    ] {
        assert_eq!(dead.header(name), Some(value));
    }
}

pub async fn what_becomes_no_dead_letter_is_counted_as_lost(row: Transport) {
    let plan = Plan::new(row).broker(|broker| {
        broker.queue.max_deliveries = 1;
        broker.queue.dead_letter = None;
    });
    let stage = plan.start();
    let mut client = stage.connect().await;
    client.subscribe("0", "/queue/a", INDIVIDUAL).await;
    client.publish("/queue/a", "poison").await;
    let message = client.message().await;
    client.ask("NACK", &[("id", message.ack())], "").await;
    assert_eq!(stage.server.byway.stats().queue_losses, [("rejected", 1)].into());
}

pub async fn consumers_take_turns_and_none_gets_more_than_it_may_hold(row: Transport) {
    let stage = stage(row);
    let (mut one, mut other) = (stage.connect().await, stage.connect().await);
    for client in [&mut one, &mut other] {
        client.subscribe("0", "/queue/a", &[("ack", "client-individual"), ("prefetch-count", "1")]).await;
    }
    (0..3).for_each(|n| stage.messenger.send("/queue/a", &n).unwrap());
    let (first, second) = (one.message().await, other.message().await);
    assert_eq!((first.text(), second.text()), ("0", "1"));
    other.ack(second.ack()).await;
    assert_eq!(other.body().await, "2");
    stage.messenger.send("/queue/a", &3).unwrap();
    one.ack(first.ack()).await;
    assert_eq!(one.body().await, "3");
}

pub async fn a_queue_keeps_what_comes_before_its_first_consumer(row: Transport) {
    let stage = stage(row);
    (0..5).for_each(|n| stage.messenger.send("/queue/a", &n).unwrap());
    let mut client = stage.connect().await;
    client.listen("0", "/queue/a", "auto").await;
    for n in 0..5 {
        let message = client.message().await;
        assert_eq!((message.text(), message.header("ack")), (&*n.to_string(), None));
    }
}

pub async fn a_full_queue_refuses_its_sender_and_a_session_that_ends_gives_back_its_turn(row: Transport) {
    let mut stage = Plan::new(row).broker(|broker| broker.queue.max_messages = 2).start();
    let mut sender = stage.connect().await;
    sender.publish("/queue/a", "0").await;
    sender.publish("/queue/a", "1").await;
    sender.publish("/queue/a", "2").await;
    sender.fails("Overloaded", &Disconnect::OVERLOADED).await;
    assert_eq!(stage.ended().await, Disconnect::OVERLOADED);
    let mut client = stage.connect().await;
    client.listen("0", "/queue/a", "auto").await;
    assert_eq!(client.body().await, "0");
    assert_eq!(client.body().await, "1");
}

pub async fn a_queue_that_nobody_consumes_lasts_for_a_time_and_longer_where_somebody_known_uses_it(row: Transport) {
    let plan = Plan::new(row).broker(|broker| {
        broker.queue.unused_time_anonymous = Duration::from_millis(50);
        broker.queue.unused_time = Duration::from_secs(3600);
    });
    let stage = plan.start();
    let mut client = stage.connect().await;
    client.subscribe("held", "/queue/held", &[("ack", "client")]).await;
    stage.messenger.send("/queue/known", &1).unwrap();
    for (queue, body) in [("/queue/known", "2"), ("/queue/held", "3"), ("/queue/a", "4")] {
        client.publish(queue, body).await;
    }
    assert_eq!(client.body().await, "3");
    client.listen("dead", "/queue/dead-letter", "auto").await;
    let dead = client.message().await;
    assert_eq!((dead.text(), dead.header("dead-letter-reason")), ("4", Some("unused")));
    client.listen("known", "/queue/known", "auto").await;
    assert_eq!([client.body().await, client.body().await], ["1", "2"]);
    let query = DestinationQuery { prefix: "/queue/a".into(), pattern: None, after: "".into(), limit: 10 };
    assert!(stage.messenger.destinations(&query).destinations.is_empty(), "its place is free");
}

/// The application's, which has no account that is asked about, and whose queue is given up as well.
#[tokio::test]
async fn a_queue_of_somebody_known_is_given_up_in_its_own_time_and_one_of_dead_letters_never() {
    let plan = Plan::new(Transport::RawWebsocket).broker(|broker| {
        broker.queue.unused_time = Duration::from_millis(50);
        broker.queue.unused_time_anonymous = Duration::ZERO;
        broker.queue.max_messages = 1;
    });
    let stage = plan.start();
    let mut client = stage.connect().await;
    client.publish("/queue/anonymous", "lasts for ever").await;
    client.settle().await;
    stage.messenger.send("/queue/a", &"a").unwrap();
    let query = DestinationQuery { prefix: "/queue/dead".into(), pattern: None, after: "".into(), limit: 1 };
    until(|| !stage.messenger.destinations(&query).destinations.is_empty()).await;
    // By the time that this one is given up, the dead letter has waited for as long.
    stage.messenger.send("/queue/b", &"b").unwrap();
    until(|| stage.server.byway.stats().queue_losses.get("unused") == Some(&1)).await;
    client.listen("0", "/queue/dead-letter", "auto").await;
    assert_eq!(client.body().await, "\"a\"");
    client.listen("1", "/queue/anonymous", "auto").await;
    assert_eq!(client.body().await, "lasts for ever");
}
