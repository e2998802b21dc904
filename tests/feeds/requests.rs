//! How one asks.

use crate::in_time;
use crate::stage::{Plan, Stage};
use byway::Transport;

#[tokio::test]
async fn what_keeps_no_history_is_not_polled() {
    let stage = Stage::start();
    for target in ["/topic/live", "/topic/kept/*"] {
        let refusal = stage.refusal(Transport::FeedPoll, target, &[]).await;
        assert!(refusal.status() == 400 && refusal.body.contains("keeps no history"), "{target}: {refusal:?}");
    }
}

#[tokio::test]
async fn the_query_says_the_format_where_accept_does_not() {
    let stage = Stage::start();
    for (format, media) in [("events", "text/event-stream"), ("lines", "application/x-ndjson")] {
        let mut http = stage.http().await;
        http.send("GET", &format!("/e/feed/topic/live?format={format}"), &[], b"").await;
        assert_eq!(in_time(http.head()).await.header("content-type"), Some(media));
    }
    let answer = stage.http().await.ask("GET", "/e/feed/topic/kept/a?format=poll&wait=0", &[], b"").await;
    assert_eq!(answer.status(), 204);
}

#[tokio::test]
async fn a_path_is_a_destination_without_its_encoding() {
    let stage = Stage::start();
    let mut events = stage.events("/topic/kept/a%20b+c=d%26%C3%BC").await;
    stage.publish("/topic/kept/a b+c=d&ü", ["here"]);
    assert_eq!(events.take(1).await, ["here"]);
}

#[tokio::test]
async fn a_page_that_is_listed_may_say_who_it_is_and_read_where_it_is() {
    let allowed = "https://app.example.com";
    let stage = Plan::new().with(|plan| plan.settings.origins.allowed = vec![allowed.to_owned()]).start();
    let asks = [("Origin", allowed), ("Access-Control-Request-Headers", "authorization")];
    let preflight = stage.http().await.ask("OPTIONS", "/e/feed/topic/kept/a", &asks, b"").await;
    assert_eq!(preflight.status(), 204);
    assert_eq!(preflight.header("access-control-allow-methods"), Some("OPTIONS, GET"));
    assert_eq!(preflight.header("access-control-allow-headers"), Some("authorization"));
    let headers = [("Origin", allowed), ("Accept", "application/json")];
    let answer = stage.http().await.ask("GET", "/e/feed/topic/kept/a?wait=0", &headers, b"").await;
    assert_eq!(answer.header("access-control-expose-headers"), Some("Last-Event-ID"));
}

#[tokio::test]
async fn only_get_is_answered() {
    let stage = Stage::start();
    let answer = stage.http().await.ask("POST", "/e/feed/topic/kept/a", &[], b"x").await;
    assert_eq!((answer.status(), answer.header("allow")), (405, Some("OPTIONS, GET")));
}
