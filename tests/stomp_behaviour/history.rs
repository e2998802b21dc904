//! Topics that keep their last publications for those who come late, or come back.

use crate::support::stage::{Plan, Stage};
use crate::support::stomp::{Frame, StompClient};
use byway::broker::HistorySettings;
use byway::messaging::Text;
use byway::{Disconnect, Transport};

const TOPIC: &str = "/topic/kept/a";

/// A server that keeps so many publications of each topic below `/topic/kept`.
fn keeping(row: Transport, messages: usize) -> Stage {
    let pattern = "/topic/kept/*".parse().expect("a pattern");
    let history = HistorySettings { messages, ..HistorySettings::new(pattern) };
    Plan::new(row).broker(|broker| broker.history = vec![history]).start()
}

fn publish(stage: &Stage, numbers: std::ops::Range<usize>) {
    numbers.for_each(|n| stage.messenger.send_payload(TOPIC, Text(n.to_string().into())).expect("there is room"));
}

/// Subscribes with a header; what is kept comes at once.
async fn subscribe(client: &mut StompClient, header: (&str, &str)) {
    client.send("SUBSCRIBE", &[("id", "0"), ("destination", TOPIC), header], "").await;
}

async fn bodies(client: &mut StompClient, count: usize) -> Vec<String> {
    let mut bodies = Vec::new();
    for _ in 0..count {
        bodies.push(client.body().await);
    }
    bodies
}

fn offset(message: &Frame) -> String {
    message.header("offset").expect("every message of a topic with a history has one").to_owned()
}

fn texts(numbers: std::ops::Range<usize>) -> Vec<String> {
    numbers.map(|n| n.to_string()).collect()
}

pub async fn a_subscription_that_asks_for_history_gets_the_last_ones_before_the_live_ones(row: Transport) {
    let stage = keeping(row, 100);
    publish(&stage, 0..5);
    let mut client = stage.connect().await;
    subscribe(&mut client, ("history", "3")).await;
    let first = client.message().await;
    assert_eq!((first.text(), first.header("subscription")), ("2", Some("0")));
    assert_eq!(bodies(&mut client, 2).await, ["3", "4"]);
    publish(&stage, 5..6);
    let live = client.message().await;
    assert_eq!(live.text(), "5");
    // An offset counts the topic's publications, whoever was there.
    assert!(offset(&first).ends_with("-3") && offset(&live).ends_with("-6"), "{first:?} {live:?}");
    let mut other = stage.connect().await;
    subscribe(&mut other, ("history", "100")).await;
    assert_eq!(bodies(&mut other, 6).await, texts(0..6), "or as many as there are");
}

pub async fn a_subscription_since_an_offset_gets_what_came_behind_it_once_each(row: Transport) {
    let stage = keeping(row, 100);
    let mut client = stage.connect().await;
    client.subscribe("0", TOPIC, &[]).await;
    publish(&stage, 0..2);
    let (_, last) = (client.message().await, client.message().await);
    drop(client);
    publish(&stage, 2..5);
    let mut client = stage.connect().await;
    subscribe(&mut client, ("since", &offset(&last))).await;
    assert_eq!(bodies(&mut client, 3).await, texts(2..5));
    publish(&stage, 5..6);
    let newest = client.message().await;
    assert_eq!(newest.text(), "5");
    let mut client = stage.connect().await;
    subscribe(&mut client, ("since", &offset(&newest))).await;
    client.settle().await;
    publish(&stage, 6..7);
    assert_eq!(client.body().await, "6", "nothing was missed, so nothing comes before it");
}

pub async fn what_is_not_kept_any_more_is_told_in_front_as_a_gap(row: Transport) {
    let stage = keeping(row, 2);
    let mut client = stage.connect().await;
    client.subscribe("0", TOPIC, &[]).await;
    publish(&stage, 0..1);
    let since = offset(&client.message().await);
    drop(client);
    publish(&stage, 1..6);
    let mut client = stage.connect().await;
    subscribe(&mut client, ("since", &since)).await;
    let gap = client.message().await;
    assert_eq!((gap.header("gap"), gap.text(), gap.header("offset")), (Some("3"), "", None));
    assert_eq!(gap.header("destination"), Some(TOPIC));
    assert_eq!(bodies(&mut client, 2).await, ["4", "5"]);
}

pub async fn an_offset_of_another_history_brings_all_that_is_kept_behind_an_unknown_gap(row: Transport) {
    let stage = keeping(row, 100);
    let mut client = stage.connect().await;
    subscribe(&mut client, ("since", "1f-7")).await;
    assert_eq!(client.message().await.header("gap"), Some("unknown"), "a history that is not there any more");
    publish(&stage, 0..2);
    let mine = client.message().await;
    let mut other = stage.connect().await;
    subscribe(&mut other, ("since", "1f-7")).await;
    assert_eq!(other.message().await.header("gap"), Some("unknown"), "a history that has begun anew");
    assert_eq!(offset(&other.message().await), offset(&mine));
    assert_eq!(other.body().await, "1");
}

pub async fn history_that_cannot_be_had_is_refused(row: Transport) {
    let stage = keeping(row, 2);
    for (header, text) in [(("since", "yesterday"), "since has to be"), (("history", "all"), "history has to be")] {
        let mut client = stage.connect().await;
        subscribe(&mut client, header).await;
        let error = client.fails("Bad header", &Disconnect::STOMP_PROTOCOL_ERROR).await;
        assert!(error.text().contains(text), "{error:?}");
    }
    let mut client = stage.connect().await;
    client.send("SUBSCRIBE", &[("id", "0"), ("destination", "/topic/kept/*"), ("history", "1")], "").await;
    client.fails("Forbidden", &Disconnect::FORBIDDEN).await;
}

pub async fn publishers_that_race_with_a_late_subscriber_are_each_heard_once_in_order(row: Transport) {
    const EACH: usize = 300;
    let stage = keeping(row, EACH);
    publish(&stage, 0..1);
    let mut client = stage.connect().await;
    let messenger = stage.messenger.clone();
    let racing = tokio::task::spawn_blocking(move || {
        (1..EACH).for_each(|n| messenger.send_payload(TOPIC, Text(n.to_string().into())).expect("there is room"));
    });
    subscribe(&mut client, ("history", "300")).await;
    assert_eq!(bodies(&mut client, EACH).await, texts(0..EACH));
    racing.await.expect("all were published");
}
