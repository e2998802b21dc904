//! All or nothing.

use crate::support::client::Leave;
use crate::support::stage::Plan;
use crate::support::stomp::StompClient;
use byway::broker::{OnFull, QueueOverride, QueueSettings};
use byway::messaging::{MessageError, Messages, Result, Text};
use byway::{Disconnect, Transport};

const TX: (&str, &str) = ("transaction", "t");
const TO: (&str, &str) = ("destination", "/topic/a");

pub async fn what_a_transaction_holds_is_published_by_its_commit_in_order(row: Transport) {
    let stage = Plan::new(row).start();
    let (mut client, mut listener) = (stage.connect().await, stage.connect().await);
    listener.subscribe("0", "/topic/a", &[]).await;
    client.ask("BEGIN", &[TX], "").await;
    for body in ["1", "2"] {
        client.ask("SEND", &[TO, TX], body).await;
    }
    client.ask("SEND", &[TO], "0").await;
    client.ask("COMMIT", &[TX], "").await;
    for body in ["0", "1", "2"] {
        let message = listener.message().await;
        assert_eq!((message.text(), message.header("transaction")), (body, None));
    }
}

pub async fn what_is_aborted_or_lost_is_never_published(row: Transport) {
    let mut stage = Plan::new(row).start();
    let (mut client, mut listener) = (stage.connect().await, stage.connect().await);
    listener.subscribe("0", "/topic/a", &[]).await;
    client.ask("BEGIN", &[TX], "").await;
    client.ask("SEND", &[TO, TX], "aborted").await;
    client.ask("ABORT", &[TX], "").await;
    client.ask("BEGIN", &[TX], "").await;
    client.ask("SEND", &[TO, TX], "lost").await;
    client.client.park().await;
    client.client.leave(Leave::Reset).await;
    assert_eq!(stage.ended().await, Disconnect::INTERRUPTED);
    listener.publish("/topic/a", "mark").await;
    assert_eq!(listener.body().await, "mark");
}

pub async fn acknowledgements_wait_for_the_commit(row: Transport) {
    let mut stage = Plan::new(row).start();
    let mut client = stage.connect().await;
    client.subscribe("0", "/queue/a", &[("ack", "client-individual")]).await;
    for body in ["committed", "aborted"] {
        client.publish("/queue/a", body).await;
        let message = client.message().await;
        client.ask("BEGIN", &[("transaction", body)], "").await;
        client.ask("ACK", &[("id", message.ack()), ("transaction", body)], "").await;
    }
    client.ask("COMMIT", &[("transaction", "committed")], "").await;
    client.ask("ABORT", &[("transaction", "aborted")], "").await;
    client.ask("DISCONNECT", &[], "").await;
    stage.ended().await;
    let mut other = stage.connect().await;
    other.listen("0", "/queue/a", "auto").await;
    assert_eq!(other.body().await, "aborted");
    other.publish("/queue/a", "mark").await;
    assert_eq!(other.body().await, "mark");
}

pub async fn a_transaction_that_cannot_be_carried_out_is_not_begun(row: Transport) {
    let stage = Plan::new(row).start();
    let mut listener = stage.connect().await;
    listener.subscribe("0", "/topic/a", &[]).await;
    let wrong = [("SEND", ("destination", "/nowhere"), "Forbidden"), ("ACK", ("id", "0-1"), "Unknown message")];
    for (command, header, message) in wrong {
        let mut client = stage.connect().await;
        client.ask("BEGIN", &[TX], "").await;
        client.ask("SEND", &[TO, TX], "half").await;
        client.ask(command, &[header, TX], "").await;
        client.send("COMMIT", &[TX, ("receipt", "never")], "").await;
        assert_eq!(client.error(message).await.header("receipt-id"), Some("never"));
    }
    listener.publish("/topic/a", "mark").await;
    assert_eq!(listener.body().await, "mark");
}

pub async fn unknown_and_open_transactions_are_out_of_sequence(row: Transport) {
    let stage = Plan::new(row).start();
    for command in ["COMMIT", "ABORT"] {
        let mut client = stage.connect().await;
        client.send(command, &[TX], "").await;
        assert_eq!(client.frame().await.command, "ERROR");
        client.closes(&Disconnect::STOMP_SEQUENCE).await;
    }
    let mut client = stage.connect().await;
    client.ask("BEGIN", &[TX], "").await;
    client.send("BEGIN", &[TX], "").await;
    assert_eq!(client.frame().await.command, "ERROR");
    client.closes(&Disconnect::STOMP_SEQUENCE).await;
}

/// SENDs that wait for their commit.
async fn put(client: &mut StompClient, destination: &str, bodies: &[&str]) {
    for body in bodies {
        client.ask("SEND", &[("destination", destination), TX], body).await;
    }
}

/// A commit of which nothing comes, and that its client is told so.
async fn fails(mut client: StompClient, message: &str) {
    client.send("COMMIT", &[TX, ("receipt", "never")], "").await;
    assert_eq!(client.error(message).await.header("receipt-id"), Some("never"));
}

pub async fn a_commit_for_which_there_is_no_room_reaches_nobody(row: Transport) {
    let stage = Plan::new(row).broker(|broker| broker.queue.max_messages = 3).start();
    let mut listener = stage.connect().await;
    listener.subscribe("0", "/topic/a", &[]).await;
    for too_many in [&["1", "2", "3", "4", "5"][..], &["1", "2", "3", "4"]] {
        let mut client = stage.connect().await;
        client.ask("BEGIN", &[TX], "").await;
        put(&mut client, "/topic/a", &["half"]).await;
        put(&mut client, "/queue/b", &["half"]).await;
        put(&mut client, "/queue/a", too_many).await;
        put(&mut client, "/queue/c", &["half"]).await;
        fails(client, "Overloaded").await;
    }
    let mut client = stage.connect().await;
    client.ask("BEGIN", &[TX], "").await;
    put(&mut client, "/queue/a", &["1", "2", "3"]).await;
    put(&mut client, "/topic/a", &["whole"]).await;
    client.ask("COMMIT", &[TX], "").await;
    assert_eq!(listener.body().await, "whole");
    for (at, queue) in ["/queue/a", "/queue/b", "/queue/c"].into_iter().enumerate() {
        let expected = if at == 0 { vec!["1", "2", "3"] } else { vec![] };
        listener.listen(&format!("q{at}"), queue, "auto").await;
        for body in expected {
            assert_eq!(listener.body().await, body);
        }
        listener.publish(queue, "mark").await;
        assert_eq!(listener.body().await, "mark", "{queue}");
    }
}

pub async fn a_commit_makes_room_by_what_is_older_and_never_by_its_own(row: Transport) {
    let plan = Plan::new(row).broker(|broker| {
        let settings = QueueSettings { max_messages: 3, on_full: OnFull::DropOldest, ..QueueSettings::default() };
        broker.queues = vec![QueueOverride { pattern: "/queue/a".parse().unwrap(), settings }];
    });
    let stage = plan.start();
    let mut client = stage.connect().await;
    for body in ["old 1", "old 2"] {
        client.ask("SEND", &[("destination", "/queue/a")], body).await;
    }
    client.ask("BEGIN", &[TX], "").await;
    put(&mut client, "/queue/a", &["1", "2", "3"]).await;
    client.ask("COMMIT", &[TX], "").await;
    client.ask("BEGIN", &[TX], "").await;
    put(&mut client, "/queue/a", &["4", "5", "6", "7"]).await;
    fails(client, "Overloaded").await;
    let mut consumer = stage.connect().await;
    for (id, queue, bodies) in
        [("0", "/queue/a", &["1", "2", "3"][..]), ("1", "/queue/dead-letter", &["old 1", "old 2"])]
    {
        consumer.listen(id, queue, "auto").await;
        for body in bodies {
            assert_eq!(consumer.body().await, *body);
        }
    }
}

pub async fn what_is_acknowledged_twice_in_a_transaction_undoes_all_of_it(row: Transport) {
    let mut stage = Plan::new(row).start();
    let mut listener = stage.connect().await;
    listener.subscribe("0", "/topic/a", &[]).await;
    for ack in ["client", "client-individual"] {
        let (mut client, queue) = (stage.connect().await, format!("/queue/{ack}"));
        client.subscribe("0", &queue, &[("ack", ack)]).await;
        let mut ids = Vec::new();
        for body in ["1", "2"] {
            client.publish(&queue, body).await;
            ids.push(client.message().await.ack().to_owned());
        }
        client.ask("BEGIN", &[TX], "").await;
        put(&mut client, "/topic/a", &["half"]).await;
        let again = if ack == "client" { &ids[0] } else { &ids[1] };
        for id in [&ids[1], again] {
            client.ask("ACK", &[("id", id), TX], "").await;
        }
        fails(client, "Unknown message").await;
        stage.ended().await;
        let mut other = stage.connect().await;
        other.listen("0", &queue, "auto").await;
        assert_eq!([other.body().await, other.body().await], ["1", "2"]);
    }
    listener.publish("/topic/a", "mark").await;
    assert_eq!(listener.body().await, "mark");
}

async fn work(Text(text): Text) -> Text {
    Text(text)
}

async fn refuse() -> Result {
    Err(MessageError::not_found("nothing here"))
}

pub async fn handlers_are_asked_where_there_is_room_and_before_the_broker_takes_anything(row: Transport) {
    let application = |messages: Messages| messages.on_send("/work", work).on_send("/refuse", refuse);
    let stage = Plan::new(row).broker(|broker| broker.queue.max_messages = 3).messages(application).start();
    let mut listener = stage.connect().await;
    for (id, topic) in [("0", "/topic/a"), ("1", "/topic/work")] {
        listener.subscribe(id, topic, &[]).await;
    }
    let mut client = stage.connect().await;
    client.ask("BEGIN", &[TX], "").await;
    put(&mut client, "/app/work", &["not asked"]).await;
    put(&mut client, "/queue/a", &["1", "2", "3", "4"]).await;
    fails(client, "Overloaded").await;
    let mut client = stage.connect().await;
    client.ask("BEGIN", &[TX], "").await;
    put(&mut client, "/topic/a", &["half"]).await;
    put(&mut client, "/app/work", &["asked"]).await;
    put(&mut client, "/app/refuse", &[""]).await;
    put(&mut client, "/app/work", &["not asked either"]).await;
    fails(client, "Not found").await;
    assert_eq!(listener.body().await, "asked");
    let mut client = stage.connect().await;
    client.ask("BEGIN", &[TX], "").await;
    put(&mut client, "/topic/a", &["behind"]).await;
    put(&mut client, "/app/work", &["before"]).await;
    client.ask("COMMIT", &[TX], "").await;
    assert_eq!([listener.body().await, listener.body().await], ["before", "behind"]);
}
