//! Who is this?

use crate::backend::{Answer, Call};
use crate::stage::{Plan, nowhere};
use crate::support::client::http::ask;
use crate::support::stage::{token, token_with};
use byway::Disconnect;
use byway::hooks::WhenDown;
use serde_json::{Value, json};
use std::time::Duration;

fn plan() -> Plan {
    Plan::new().hooks(|hooks| hooks.connect = true)
}

fn says(body: Value) -> Answer {
    Answer::json(body)
}

#[tokio::test]
async fn the_backend_says_who_a_client_is() {
    let mut stage = plan().no_strangers().start(|_| says(json!({ "user": "ada", "claims": { "team": "a" } }))).await;
    let mut client = stage.server.open().await;
    client.say_connect(&[("login", "ada@x"), ("lang", "en"), ("passcode", "canary"), ("token", "canary")]).await;
    assert_eq!(client.frame().await.header("user-name"), Some("ada"));
    let call = stage.backend.call().await;
    assert_eq!(call.target, "/hooks?x=y");
    let expected = json!({
        "type": "connect", "endpoint": "main", "session": "s1", "transport": "raw_websocket", "address": "127.0.0.1",
        "user": null, "claims": null, "login": "ada@x",
        "headers": { "lang": "en" },
    });
    assert_eq!(call.body, expected);
}

#[tokio::test]
async fn credentials_are_sent_on_only_where_that_is_said_by_name() {
    let plan = plan().hooks(|hooks| hooks.forward_credentials = true);
    let mut stage = plan.start(|_| Answer::empty(204)).await;
    let _client = stage.server.connect(&[("token", "t"), ("passcode", "p")]).await;
    let call = stage.backend.call().await;
    assert_eq!((&call.body["token"], &call.body["passcode"]), (&json!("t"), &json!("p")));
    assert!(!call.body["headers"].to_string().contains("token"), "{call:?}");
}

#[tokio::test]
async fn a_refusal_is_told_with_its_reason_and_counts_as_a_failed_attempt() {
    let stage = plan().start(|_| Answer::problem(401, "Your trial is over.")).await;
    for _ in 0..3 {
        let mut client = stage.server.open().await;
        client.say_connect(&[("login", "ada"), ("passcode", "a guess")]).await;
        let error = client.fails("Authentication failed", &Disconnect::AUTHENTICATION_FAILED).await;
        assert_eq!(error.text(), "Your trial is over.");
    }
    let mut client = stage.server.open().await;
    client.say_connect(&[("login", "ada"), ("passcode", "a guess")]).await;
    client.fails("Too many failed attempts", &Disconnect::TOO_MANY_FAILURES).await;
    assert_eq!(stage.server.outcomes("connect", "answered"), 3);
}

/// Passwords are guessed; a token is not.
#[tokio::test]
async fn of_an_address_that_failed_too_often_the_backend_is_asked_only_about_whom_a_token_names() {
    let may = |call: &Call| Answer::empty(if call.body["user"] == "ada" { 204 } else { 403 });
    let stage = plan().tokens().start(may).await;
    for wrong in 0..4 {
        let mut client = stage.server.open().await;
        client.say_connect(&[("login", "ada"), ("passcode", "a guess")]).await;
        match wrong {
            3 => drop(client.fails("Too many failed attempts", &Disconnect::TOO_MANY_FAILURES).await),
            _ => drop(client.fails("Authentication failed", &Disconnect::AUTHENTICATION_FAILED).await),
        }
    }
    assert_eq!(stage.server.outcomes("connect", "answered"), 3);
    stage.server.connect(&[("token", &token("ada"))]).await;
    assert_eq!(stage.server.outcomes("connect", "answered"), 4);
    let mut other = stage.server.open().await;
    other.say_connect(&[("token", &token("bob"))]).await;
    other.fails("Too many failed attempts", &Disconnect::TOO_MANY_FAILURES).await;
}

#[tokio::test]
async fn whom_the_backend_does_not_name_comes_in_only_where_anybody_may() {
    for nothing in [|| Answer::empty(204), || says(json!({})), || Answer::empty(200)] {
        let stage = plan().start(move |_| nothing()).await;
        stage.server.connect(&[]).await;
        let stage = plan().no_strangers().start(move |_| nothing()).await;
        let mut client = stage.server.open().await;
        client.say_connect(&[]).await;
        client.fails("Authentication failed", &Disconnect::AUTHENTICATION_FAILED).await;
    }
}

#[tokio::test]
async fn a_token_is_checked_first_and_the_backend_may_refuse_whom_it_names() {
    let stage = plan().no_strangers().tokens().start(|call| match call.body["user"].as_str() {
        Some("bob") => Answer::problem(403, "Not today"),
        _ => says(json!({ "claims": { "role": "admin" } })),
    });
    let mut stage = stage.await;
    let mut stranger = stage.server.open().await;
    stranger.say_connect(&[("token", "junk")]).await;
    stranger.fails("Authentication failed", &Disconnect::AUTHENTICATION_FAILED).await;
    assert_eq!(stage.backend.unseen(), 0, "nobody is asked about a bad token");
    let _ada = stage.server.connect(&[("token", &token("ada"))]).await;
    let call = stage.backend.call().await;
    assert_eq!((&call.body["user"], &call.body["claims"]["sub"]), (&json!("ada"), &json!("ada")));
    let mut bob = stage.server.open().await;
    bob.say_connect(&[("token", &token("bob"))]).await;
    bob.fails("Authentication failed", &Disconnect::AUTHENTICATION_FAILED).await;
}

#[tokio::test]
async fn a_session_ends_when_the_backend_or_the_token_says_so_whichever_is_first() {
    for (backend, lasts) in [(json!({ "expires_in": 1 }), 3600), (json!({ "expires_in": 3600 }), 1)] {
        let stage = plan().tokens().start(move |_| says(backend.clone())).await;
        let token = token_with("ada", Duration::from_secs(lasts), json!({}));
        let mut ada = stage.server.connect(&[("token", &token)]).await;
        ada.fails("Token expired", &Disconnect::TOKEN_EXPIRED).await;
    }
}

#[tokio::test]
async fn what_is_no_answer_lets_nobody_in_and_counts_for_nobody() {
    for answer in [
        says(json!({ "user": "" })),
        says(json!({ "user": "x".repeat(257) })),
        says(json!({ "user": "ada\r\n" })),
        says(json!({ "user": 1 })),
        says(json!([])),
        Answer::Status(200, "application/json", "{".into()),
        Answer::Status(200, "text/html", "{}".into()),
        Answer::empty(404),
        Answer::Bytes("HTTP/1.1 302 X\r\nlocation: /else\r\ncontent-length: 0\r\n\r\n".into()),
    ] {
        let stage = plan().no_strangers().start({
            let answer = answer.clone();
            move |_| answer.clone()
        });
        let mut stage = stage.await;
        for _ in 0..4 {
            let mut client = stage.server.open().await;
            client.say_connect(&[]).await;
            client.fails("Authentication unavailable", &Disconnect::AUTHENTICATION_UNAVAILABLE).await;
        }
        assert_eq!(stage.backend.unseen(), 4, "asked once each, and nowhere else: {answer:?}");
        assert_eq!(stage.server.byway.stats().connect_failures, 0);
    }
}

#[tokio::test]
async fn without_a_backend_clients_are_told_to_try_again_whatever_is_allowed_without_one() {
    let down = nowhere().await;
    for when_down in [WhenDown::Refuse, WhenDown::Allow] {
        let server = plan().hooks(|hooks| (hooks.when_down, hooks.retries) = (when_down, 0)).serve(down);
        let mut client = server.open().await;
        client.say_connect(&[]).await;
        client.fails("Authentication unavailable", &Disconnect::AUTHENTICATION_UNAVAILABLE).await;
        let answer = ask(server.address, "GET", "/e/feed/topic/a", &[], b"").await;
        assert_eq!((answer.status(), answer.header("retry-after").is_some()), (503, true));
        assert_eq!(server.byway.stats().connect_failures, 0);
    }
}

#[tokio::test]
async fn without_a_backend_a_token_is_enough_where_that_is_said_by_name() {
    let plan = plan().tokens().hooks(|hooks| hooks.when_down = WhenDown::Allow);
    let server = plan.serve(nowhere().await);
    let _ada = server.connect(&[("token", &token("ada"))]).await;
    let mut nobody = server.open().await;
    nobody.say_connect(&[]).await;
    nobody.fails("Authentication unavailable", &Disconnect::AUTHENTICATION_UNAVAILABLE).await;
}
