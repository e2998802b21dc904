//! Tickets: made over the API, shown by clients.

use crate::stage::{KEY, Stage, json, refused};
use crate::support::client::Client;
use crate::support::client::http::{Answer, ask};
use crate::support::stomp::StompClient;
use byway::{Disconnect, Transport};
use serde_json::{Value, json};
use std::time::{Duration, SystemTime};

const FEED: &str = "/e/feed/topic/kept/a?format=poll&wait=0";

async fn ticket(stage: &Stage, what: Value) -> Value {
    let answer = stage.ask("POST", "/api/tickets", &what).await;
    assert_eq!((answer.status(), answer.header("cache-control")), (200, Some("no-store")), "{answer:?}");
    json(&answer)
}

async fn ticket_of(stage: &Stage, user: &str) -> String {
    ticket(stage, json!({ "user": user })).await["ticket"].as_str().unwrap().to_owned()
}

/// A poll of a feed with a ticket, and nothing else that could let it in.
async fn poll(stage: &Stage, ticket: &str, headers: &[(&str, &str)]) -> Answer {
    ask(stage.server.address, "GET", &format!("{FEED}&ticket={ticket}"), headers, b"").await
}

#[track_caller]
fn is_refused(answer: &Answer, ticket: &str, text: &str) {
    assert_eq!(answer.status(), 401, "{answer:?}");
    assert!(answer.body.contains(text) && !answer.body.contains(ticket), "{answer:?}");
}

#[tokio::test]
async fn a_ticket_opens_a_feed_once() {
    let stage = Stage::closed();
    let made = ticket(&stage, json!({ "user": "ada" })).await;
    let ticket = made["ticket"].as_str().unwrap();
    let until = humantime::parse_rfc3339(made["expires_at"].as_str().unwrap()).unwrap();
    assert!(ticket.starts_with("byway_t_") && until <= SystemTime::now() + Duration::from_secs(30), "{made}");
    assert_eq!(poll(&stage, ticket, &[]).await.status(), 204);
    is_refused(&poll(&stage, ticket, &[]).await, ticket, "the ticket is unknown, used, or too old");
    is_refused(&poll(&stage, "byway_t_none", &[]).await, "byway_t_none", "unknown");
    is_refused(&poll(&stage, "none", &[]).await, "none", "there is no token");
}

#[tokio::test]
async fn no_ticket_is_made_for_whom_nobody_can_be() {
    let stage = Stage::closed();
    for (name, what) in [("ada\r", "U+000D"), ("a\nda", "U+000A"), ("\u{1b}ada", "U+001B"), ("a\0da", "U+0000")] {
        let problem =
            refused(&stage.ask("POST", "/api/tickets", &json!({ "user": name })).await, 400, "invalid_request");
        let detail = problem["detail"].as_str().unwrap();
        assert!(detail.contains("no control characters") && detail.contains(what), "{problem}");
    }
}

#[tokio::test]
async fn whoever_shows_where_it_was_may_show_its_ticket_again() {
    let stage = Stage::closed();
    let ticket = ticket_of(&stage, "ada").await;
    let id = poll(&stage, &ticket, &[]).await.header("last-event-id").map(str::to_owned);
    stage.publish(&json!({ "destination": "/topic/kept/a", "body": "one" })).await;
    let id = id.unwrap_or_else(|| "1-0".to_owned());
    for _ in 0..2 {
        let answer = poll(&stage, &ticket, &[("Last-Event-ID", &id)]).await;
        assert_eq!((answer.status(), &json(&answer)[0]["body"]), (200, &json!("one")), "{answer:?}");
    }
    let target = format!("{ticket}&after={id}");
    is_refused(&poll(&stage, &target, &[]).await, &ticket, "used");
}

#[tokio::test]
async fn a_dead_ticket_does_not_count_against_its_address() {
    let stage = Stage::closed();
    for _ in 0..30 {
        is_refused(&poll(&stage, "byway_t_old", &[]).await, "byway_t_old", "too old");
    }
    assert_eq!(poll(&stage, &ticket_of(&stage, "ada").await, &[]).await.status(), 204);
}

#[tokio::test]
async fn a_stomp_client_comes_in_with_a_ticket_in_its_headers_or_in_its_url() {
    let stage = Stage::closed();
    for transport in [Transport::Websocket, Transport::RawWebsocket, Transport::XhrStreaming, Transport::Xhr] {
        let ticket = ticket_of(&stage, "ada").await;
        let mut client = StompClient::open(Client::new(stage.server.address, transport)).await;
        client.say_connect(&[("ticket", &ticket)]).await;
        assert_eq!(client.frame().await.header("user-name"), Some("ada"), "{transport}");

        let mut client = Client::new(stage.server.address, transport);
        client.query = format!("ticket={}", ticket_of(&stage, "bob").await);
        let mut client = StompClient::open(client).await;
        client.say_connect(&[]).await;
        assert_eq!(client.frame().await.header("user-name"), Some("bob"), "{transport}");

        let mut again = StompClient::open(Client::new(stage.server.address, transport)).await;
        again.say_connect(&[("ticket", &ticket)]).await;
        let error = again.fails("Authentication failed", &Disconnect::AUTHENTICATION_FAILED).await;
        assert!(error.text().contains("ticket is unknown, used") && !error.text().contains(&ticket), "{error:?}");
    }
}

#[tokio::test]
async fn a_revocation_takes_tickets_back_that_were_made_before() {
    let stage = Stage::closed();
    let (before, by_id) = (ticket_of(&stage, "ada").await, ticket(&stage, json!({ "user": "bob" })).await);
    let until = humantime::format_rfc3339_seconds(SystemTime::now() + Duration::from_secs(3600)).to_string();
    let revoke = async |what: Value| json(&stage.ask("POST", "/api/revocations", &what).await);

    let mut bob = StompClient::open(Client::new(stage.server.address, Transport::RawWebsocket)).await;
    bob.say_connect(&[("ticket", by_id["ticket"].as_str().unwrap())]).await;
    assert_eq!(bob.frame().await.command, "CONNECTED");
    assert_eq!(revoke(json!({ "token": by_id["id"], "until": until })).await, json!({ "sessions_ended": 1 }));
    bob.closes(&Disconnect::REVOKED).await;

    revoke(json!({ "user": "ada", "until": until })).await;
    is_refused(&poll(&stage, &before, &[]).await, &before, "the token was revoked");
    assert_eq!(poll(&stage, &ticket_of(&stage, "ada").await, &[]).await.status(), 204);
}

#[tokio::test]
async fn a_session_ends_when_its_ticket_said_so() {
    let stage = Stage::closed();
    let made = ticket(&stage, json!({ "user": "ada", "session_expires_in": 1 })).await;
    let mut client = StompClient::open(Client::new(stage.server.address, Transport::RawWebsocket)).await;
    client.say_connect(&[("ticket", made["ticket"].as_str().unwrap())]).await;
    assert_eq!(client.frame().await.command, "CONNECTED");
    client.fails("Token expired", &Disconnect::TOKEN_EXPIRED).await;
}

#[tokio::test]
async fn what_a_ticket_claims_is_what_its_session_is_asked_for() {
    let stage = Stage::closed();
    let made = ticket(&stage, json!({ "user": "ada", "claims": { "roles": ["desk"] }, "uses": 2 })).await;
    let target =
        format!("/e/feed?destination=/topic/kept/desk&format=poll&wait=0&ticket={}", made["ticket"].as_str().unwrap());
    assert_eq!(ask(stage.server.address, "GET", &target, &[], b"").await.status(), 204);
    let other = ticket_of(&stage, "ada").await;
    let target = format!("/e/feed?destination=/topic/kept/desk&format=poll&wait=0&ticket={other}");
    assert_eq!(ask(stage.server.address, "GET", &target, &[], b"").await.status(), 403);
}

#[tokio::test]
async fn a_ticket_that_cannot_be_made_is_refused() {
    let stage = Stage::start();
    for wrong in [
        json!({}),
        json!({ "user": "" }),
        json!({ "user": "é".repeat(200) }),
        json!({ "user": "ada", "expires_in": 0 }),
        json!({ "user": "ada", "expires_in": 301 }),
        json!({ "user": "ada", "uses": 101 }),
        json!({ "user": "ada", "claims": "admin" }),
        json!({ "user": "ada", "claims": { "x": "x".repeat(2048) } }),
        json!({ "user": "ada", "admin": true }),
    ] {
        refused(&stage.ask("POST", "/api/tickets", &wrong).await, 400, "invalid_request");
    }
    let chat = stage.ask_with(KEY, &[], "POST", "/api/tickets?endpoint=chat", &json!({ "user": "ada" })).await;
    refused(&chat, 400, "no_destinations");
}
