//! All or nothing.

use crate::support::client::Leave;
use crate::support::stage::Plan;
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
