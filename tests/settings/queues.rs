//! `[broker.queue]`, `broker.queues`, and what queues may have together.

use crate::stage::{Stage, soon, stomp, until};
use crate::support::stomp::StompClient;

const INDIVIDUAL: (&str, &str) = ("ack", "client-individual");

/// Sends these to `/queue/a`, or elsewhere where one says so, and answers the last answer.
async fn send(stage: &Stage, bodies: &[&str]) -> String {
    let mut client = stage.connect().await;
    for body in bodies {
        client.send("SEND", &[("destination", "/queue/a"), ("receipt", "r")], body).await;
        let frame = client.frame().await;
        if frame.command != "RECEIPT" {
            return frame.header("message").expect("an ERROR").replace(": SEND /queue/a", "");
        }
    }
    "taken".to_owned()
}

async fn consumer(stage: &Stage, headers: &[(&str, &str)]) -> StompClient {
    let mut client = stage.connect().await;
    let headers = [&[("id", "0"), ("destination", "/queue/a"), INDIVIDUAL], headers].concat();
    client.send("SUBSCRIBE", &headers, "").await;
    client
}

#[tokio::test]
async fn a_queue_has_as_many_messages_as_the_file_says() {
    let stage = stomp("broker.queue.max_messages = 2");
    assert_eq!(send(&stage, &["1", "2"]).await, "taken");
    assert_eq!(send(&stage, &["3"]).await, "Overloaded");
}

#[tokio::test]
async fn a_queue_has_as_many_bytes_as_the_file_says() {
    let (large, stage) = ("x".repeat(600), stomp("broker.queue.max_bytes = 1000"));
    assert_eq!(send(&stage, &[&large]).await, "taken");
    assert_eq!(send(&stage, &[&large]).await, "Overloaded");
}

#[tokio::test]
async fn what_a_full_queue_does_is_what_the_file_says() {
    let stage = stomp("broker.queue.max_messages = 2\nbroker.queue.on_full = \"drop_oldest\"");
    assert_eq!(send(&stage, &["1", "2", "3"]).await, "taken");
    assert_eq!(consumer(&stage, &[]).await.body().await, "2");
}

#[tokio::test]
async fn a_queue_has_as_many_consumers_as_the_file_says() {
    let stage = stomp("broker.queue.max_consumers = 1");
    let mut one = consumer(&stage, &[("receipt", "r")]).await;
    one.receipt("r").await;
    assert_eq!(
        consumer(&stage, &[]).await.frame().await.header("message"),
        Some("Too many consumers: SUBSCRIBE /queue/a")
    );
}

/// How many of three messages a consumer gets that acknowledges none.
async fn unacknowledged(setting: &str, headers: &[(&str, &str)]) -> usize {
    let stage = stomp(setting);
    let mut client = consumer(&stage, headers).await;
    send(&stage, &["1", "2", "3"]).await;
    client.send("BEGIN", &[("transaction", "end"), ("receipt", "end")], "").await;
    let mut got = 0;
    while client.frame().await.command == "MESSAGE" {
        got += 1;
    }
    got
}

#[tokio::test]
async fn a_consumer_may_have_as_many_unacknowledged_as_the_file_says() {
    assert_eq!(unacknowledged("", &[]).await, 3);
    assert_eq!(unacknowledged("broker.queue.prefetch = 2", &[]).await, 2);
}

#[tokio::test]
async fn a_consumer_may_ask_for_as_many_as_the_file_says() {
    let setting = "broker.queue.prefetch = 1\nbroker.queue.max_prefetch = 2";
    assert_eq!(unacknowledged(setting, &[("prefetch-count", "3")]).await, 2);
}

/// Refuses a message until it is a dead letter; answers how often it came.
async fn deliveries(settings: &str, dead_letter: &str) -> usize {
    let stage = stomp(&format!("broker.queue.redelivery_delay = \"0s\"\n{settings}"));
    let mut client = consumer(&stage, &[]).await;
    client.subscribe("dead", dead_letter, &[]).await;
    send(&stage, &["poison"]).await;
    let mut count = 0;
    loop {
        let message = client.message().await;
        if message.header("subscription") == Some("dead") {
            assert_eq!(message.header("dead-letter-reason"), Some("rejected"));
            return count;
        }
        client.nack(message.ack()).await;
        count += 1;
    }
}

#[tokio::test]
async fn a_message_is_handed_out_as_often_as_the_file_says() {
    assert_eq!(deliveries("broker.queue.max_deliveries = 2", "/queue/dead-letter").await, 2);
}

#[tokio::test]
async fn dead_letters_go_where_the_file_says() {
    assert_eq!(deliveries("broker.queue.dead_letter = \"/queue/buried\"", "/queue/buried").await, 5);
}

#[tokio::test]
async fn queues_have_settings_of_their_own_where_the_file_says() {
    let queues = "broker.queues = [{ pattern = \"/queue/a\", settings = { max_deliveries = 1 } }]";
    assert_eq!(deliveries(queues, "/queue/dead-letter").await, 1);
}

/// At once, a message that was refused comes before newer ones; with a delay they overtake it.
#[tokio::test]
async fn a_refused_message_waits_as_long_as_the_file_says() {
    for (delay, order) in [("0s", ["1", "2"]), ("1h", ["2", "3"])] {
        let stage = stomp(&format!("broker.queue.prefetch = 1\nbroker.queue.redelivery_delay = \"{delay}\""));
        let mut client = consumer(&stage, &[]).await;
        send(&stage, &["1", "2", "3"]).await;
        let refused = client.message().await;
        client.nack(refused.ack()).await;
        for body in order {
            let message = client.message().await;
            assert_eq!(message.text(), body, "{delay}");
            client.ack(message.ack()).await;
        }
    }
}

#[tokio::test]
async fn a_message_waits_no_longer_than_the_file_says() {
    let stage = stomp("broker.queue.max_age = \"100ms\"");
    let mut client = stage.connect().await;
    client.subscribe("dead", "/queue/dead-letter", &[]).await;
    send(&stage, &["old"]).await;
    assert_eq!(soon(client.message()).await.header("dead-letter-reason"), Some("expired"));
}

/// What becomes of a message in a queue that nobody consumes.
async fn unused(stage: &Stage, put: impl AsyncFnOnce(&Stage)) {
    let mut client = stage.connect().await;
    client.subscribe("dead", "/queue/dead-letter", &[]).await;
    put(stage).await;
    assert_eq!(soon(client.message()).await.header("dead-letter-reason"), Some("unused"));
}

#[tokio::test]
async fn a_queue_that_nobody_consumes_lasts_as_long_as_the_file_says() {
    let stage = stomp("broker.queue.unused_time = \"100ms\"");
    unused(&stage, async |stage: &Stage| stage.publish("/queue/a", "")).await;
}

#[tokio::test]
async fn a_queue_of_clients_without_an_account_lasts_as_long_as_the_file_says() {
    let stage = stomp("broker.queue.unused_time_anonymous = \"100ms\"");
    unused(&stage, async |stage: &Stage| assert_eq!(send(stage, &[""]).await, "taken")).await;
}

/// One address may have all.
const ALL: &str = "broker.shares = { address = 100, anonymous = 100 }";

#[tokio::test]
async fn queues_are_as_many_as_the_file_says() {
    let stage = stomp("broker.max_queues = 1");
    assert_eq!(send(&stage, &["1"]).await, "taken");
    let mut client = stage.connect().await;
    client.publish("/queue/b", "2").await;
    client.error("Overloaded").await;
}

#[tokio::test]
async fn queues_have_as_many_bytes_together_as_the_file_says() {
    let stage = stomp(&format!("broker.max_queue_bytes = 1000\n{ALL}"));
    assert_eq!(send(&stage, &[&"x".repeat(600)]).await, "taken");
    let mut client = stage.connect().await;
    client.publish("/queue/b", &"x".repeat(600)).await;
    client.error("Overloaded").await;
    until(|| stage.endings("overloaded") == 1).await;
}
