//! `rules`, and `[auth]` but for keys and tickets.

use crate::stage::{stomp, tokens};
use crate::support::stage::token;
use crate::support::stomp::StompClient;
use byway::Transport;

#[tokio::test]
async fn what_clients_may_do_is_what_the_file_says() {
    let stage = stomp("rules = [{ who = \"anyone\", destination = \"/topic/free\", effect = \"allow\" }]");
    let mut client = stage.connect().await;
    client.subscribe("0", "/topic/free", &[]).await;
    client.publish("/topic/secret", "").await;
    client.error("Forbidden").await;
}

#[tokio::test]
async fn clients_without_a_token_come_in_where_the_file_says_so() {
    assert_eq!(tokens("").greeting(&[]).await, "Authentication failed");
    assert_eq!(tokens("auth.anonymous = \"allow\"").greeting(&[]).await, "CONNECTED");
}

#[tokio::test]
async fn an_address_fails_as_often_as_the_file_says() {
    let stage = tokens("auth.failures_per_minute = 2");
    let mut said = Vec::new();
    for _ in 0..3 {
        said.push(stage.greeting(&[("token", "junk")]).await);
    }
    assert_eq!(said, ["Authentication failed", "Authentication failed", "Too many failed attempts"]);
}

#[tokio::test]
async fn a_token_has_no_more_bytes_than_the_file_says() {
    let ada = token("ada");
    assert!((100..200).contains(&ada.len()), "{}", ada.len());
    assert_eq!(tokens("auth.token.max_bytes = 200").greeting(&[("token", &ada)]).await, "CONNECTED");
    assert_eq!(tokens("auth.token.max_bytes = 100").greeting(&[("token", &ada)]).await, "Authentication failed");
}

#[tokio::test]
async fn a_passcode_is_a_token_where_the_file_says_so() {
    let ada = token("ada");
    let passcode = [("login", "guest"), ("passcode", &*ada)];
    assert_eq!(tokens("").greeting(&passcode).await, "Authentication failed");
    assert_eq!(tokens("auth.token.passcode = true").greeting(&passcode).await, "CONNECTED");
}

#[tokio::test]
async fn a_query_parameter_is_a_token_where_the_file_names_it() {
    for (setting, command) in [("", "ERROR"), ("auth.token.query_parameter = \"t\"", "CONNECTED")] {
        let stage = tokens(setting);
        let mut client = stage.client(Transport::RawWebsocket);
        client.query = format!("t={}", token("ada"));
        assert_eq!(answer(client).await, command);
    }
}

#[tokio::test]
async fn a_cookie_is_a_token_where_the_file_names_it() {
    for (setting, command) in [("", "ERROR"), ("auth.token.cookie = \"t\"", "CONNECTED")] {
        let stage = tokens(setting);
        let client = stage.client(Transport::RawWebsocket);
        assert_eq!(answer(client.with_header("Cookie", &format!("a=b; t={}", token("ada")))).await, command);
    }
}

async fn answer(client: crate::support::client::Client) -> String {
    let mut client = StompClient::open(client).await;
    client.say_connect(&[]).await;
    client.frame().await.command
}
