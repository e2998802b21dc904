//! `[broker.shares]`

use crate::stage::{Stage, stomp, tokens};
use crate::support::stomp::StompClient;
use byway::Transport;

/// How many queues of ten a client makes, before one is refused and its session ends.
async fn makes(mut client: StompClient, name: &str) -> usize {
    for n in 0.. {
        client.send("SEND", &[("destination", &format!("/queue/{name}/{n}")), ("receipt", "r")], "").await;
        if client.frame().await.command == "ERROR" {
            return n;
        }
    }
    unreachable!("somebody has a share of all")
}

#[tokio::test]
async fn an_address_holds_as_much_as_the_file_says() {
    let stage = stomp("broker.max_queues = 10\nbroker.shares.address = 30");
    assert_eq!(makes(stage.connect().await, "a").await, 3);
}

#[tokio::test]
async fn a_user_holds_as_much_as_the_file_says() {
    let stage = tokens("broker.max_queues = 10\nbroker.shares.user = 40");
    assert_eq!(makes(stage.connect_as("ada").await, "a").await, 4);
}

async fn connect_from(stage: &Stage, address: &str) -> StompClient {
    let client = stage.client(Transport::RawWebsocket).with_header("X-Forwarded-For", address);
    StompClient::connect(client, &[]).await
}

#[tokio::test]
async fn all_without_an_account_hold_as_much_as_the_file_says() {
    let proxy = "endpoints.e.trusted_proxies = [\"127.0.0.0/8\"]";
    let stage = stomp(&format!("broker.max_queues = 10\nbroker.shares = {{ address = 10, anonymous = 20 }}\n{proxy}"));
    for (address, made) in [("192.0.2.1", 1), ("192.0.2.2", 1), ("192.0.2.3", 0)] {
        assert_eq!(makes(connect_from(&stage, address).await, address).await, made);
    }
}
