//! May they?

use crate::backend::{Answer, Backend};
use crate::stage::{Plan, nowhere, patterns};
use crate::support::client::http::ask;
use crate::support::stage::{token, until};
use byway::Disconnect;
use byway::hooks::{EventKind, WhenDown};
use byway::messaging::{Messenger, Text};
use byway::policy::{ActionSetting, Revocation, RuleSettings, Who};
use serde_json::json;
use std::sync::{Arc, OnceLock};
use std::time::SystemTime;

fn plan() -> Plan {
    Plan::new().hooks(|hooks| {
        hooks.subscribe = patterns(&["/topic/asked/**"]);
        hooks.send = patterns(&["/topic/asked/**", "/app/**"]);
    })
}

#[tokio::test]
async fn the_backend_is_asked_about_what_reaches_the_destinations_that_are_named() {
    let mut stage = plan().start(|_| Answer::empty(204)).await;
    let mut client = stage.server.connect(&[]).await;
    client.subscribe("a", "/topic/free", &[]).await;
    client.subscribe("b", "/topic/asked/x", &[]).await;
    client.subscribe("c", "/topic/*/y", &[]).await;
    client.publish("/topic/free", "1").await;
    client.publish("/topic/asked/x", "2").await;
    assert_eq!([client.body().await, client.body().await], ["1", "2"]);
    let mut asked = Vec::new();
    for _ in 0..3 {
        let body = stage.backend.call().await.body;
        asked.push((body["type"].clone(), body["destination"].clone()));
    }
    let expected = [("subscribe", "/topic/asked/x"), ("subscribe", "/topic/*/y"), ("send", "/topic/asked/x")];
    assert_eq!(asked, expected.map(|(kind, destination)| (json!(kind), json!(destination))));
    assert_eq!(stage.backend.unseen(), 0);
}

#[tokio::test]
async fn a_no_is_told_with_its_reason_where_it_has_one() {
    let stage = plan().start(|call| match call.body["type"].as_str() {
        Some("send") => Answer::problem(403, "The room is read-only."),
        _ => Answer::empty(403),
    });
    let stage = stage.await;
    let mut client = stage.server.connect(&[]).await;
    client.publish("/topic/asked/x", "1").await;
    let error = client.fails("Forbidden", &Disconnect::FORBIDDEN).await;
    assert!(error.text().contains("The room is read-only."), "{error:?}");
    let mut client = stage.server.connect(&[]).await;
    client.send("SUBSCRIBE", &[("id", "a"), ("destination", "/topic/asked/x")], "").await;
    let error = client.fails("Forbidden", &Disconnect::FORBIDDEN).await;
    assert!(error.text().contains("The rules do not allow it."), "{error:?}");
    let answer = ask(stage.server.address, "GET", "/e/feed/topic/asked/x", &[], b"").await;
    assert_eq!(answer.status(), 403);
}

#[tokio::test]
async fn nobody_is_asked_about_what_the_rules_deny() {
    let deny = RuleSettings::deny(Who::ANYONE, ActionSetting::Any, "/topic/asked/secret");
    let allow = RuleSettings::allow(Who::ANYONE, ActionSetting::Any, "/topic/**");
    let mut stage = plan().rules(&[deny, allow]).start(|_| Answer::empty(204)).await;
    let mut client = stage.server.connect(&[]).await;
    client.publish("/topic/asked/secret", "1").await;
    client.fails("Forbidden", &Disconnect::FORBIDDEN).await;
    assert_eq!(stage.backend.unseen(), 0);
}

#[tokio::test]
async fn an_answer_that_says_for_how_long_is_good_for_the_same_session_and_destination() {
    let mut stage = plan().start(|_| Answer::json(json!({ "cache_seconds": 600 }))).await;
    let mut client = stage.server.connect(&[]).await;
    for destination in ["/topic/asked/x", "/topic/asked/x", "/topic/asked/y", "/topic/asked/x"] {
        client.publish(destination, "1").await;
    }
    client.settle().await;
    assert_eq!(stage.backend.unseen(), 2);
    let mut other = stage.server.connect(&[]).await;
    other.publish("/topic/asked/x", "1").await;
    other.settle().await;
    assert_eq!(stage.backend.unseen(), 1);
}

#[tokio::test]
async fn what_a_user_asks_for_who_is_revoked_before_the_answer_comes_to_nothing() {
    for asked in ["SEND", "SUBSCRIBE"] {
        let messenger = Arc::new(OnceLock::<Messenger>::new());
        let revoking = Arc::clone(&messenger);
        let plan = plan().tokens().hooks(|hooks| hooks.events = vec![EventKind::DestinationOccupied]);
        let stage = plan.start(move |call| {
            if call.body["user"] == "ada" {
                let revoked = revoking.get().unwrap().revoke(&Revocation::User("ada".into()), SystemTime::now());
                assert_eq!(revoked, Ok(1));
            }
            Answer::empty(204)
        });
        let mut stage = stage.await;
        let messenger = messenger.get_or_init(|| stage.server.messenger.clone());
        let mut bob = stage.server.connect(&[]).await;
        bob.subscribe("a", "/topic/asked/*", &[]).await;
        let mut ada = stage.server.connect(&[("token", &token("ada"))]).await;
        ada.send(asked, &[("id", "a"), ("destination", "/topic/asked/x")], "").await;
        ada.closes(&Disconnect::REVOKED).await;
        until(|| messenger.users().sessions_of("ada").is_empty()).await;
        messenger.send_payload("/topic/asked/y", Text("the first".into())).unwrap();
        assert_eq!(bob.body().await, "the first", "{asked}");
        bob.subscribe("b", "/topic/free", &[]).await;
        assert_eq!(occupied(&mut stage.backend, 2).await, ["/topic/asked/*", "/topic/free"], "{asked}");
    }
}

/// The first so many destinations that are told to have subscribers.
async fn occupied(backend: &mut Backend, count: usize) -> Vec<String> {
    let mut occupied = Vec::new();
    while occupied.len() < count {
        let body = backend.call().await.body;
        let events = body["events"].as_array().into_iter().flatten();
        occupied.extend(events.map(|event| event["destination"].as_str().expect("a destination").to_owned()));
    }
    occupied
}

#[tokio::test]
async fn what_goes_to_the_backend_anyway_is_not_asked_about_before() {
    let plan = plan().hooks(|hooks| hooks.app = true);
    let mut stage = plan.start(|_| Answer::empty(204)).await;
    let mut client = stage.server.connect(&[]).await;
    client.publish("/app/x", "1").await;
    client.settle().await;
    assert_eq!(stage.backend.call().await.body["type"], "app");
    assert_eq!(stage.backend.unseen(), 0);
}

#[tokio::test]
async fn without_a_backend_the_answer_is_what_the_operator_says() {
    let down = nowhere().await;
    let refusing = plan().serve(down);
    let mut client = refusing.connect(&[]).await;
    client.publish("/topic/asked/x", "1").await;
    client.fails("Unavailable", &Disconnect::BACKEND_UNAVAILABLE).await;
    let answer = ask(refusing.address, "GET", "/e/feed/topic/asked/x", &[], b"").await;
    assert_eq!((answer.status(), answer.header("retry-after").is_some()), (503, true));
    let allowing = plan().hooks(|hooks| hooks.when_down = WhenDown::Allow).serve(down);
    let mut client = allowing.connect(&[]).await;
    client.subscribe("a", "/topic/asked/x", &[]).await;
    client.publish("/topic/asked/x", "1").await;
    assert_eq!(client.body().await, "1");
}
