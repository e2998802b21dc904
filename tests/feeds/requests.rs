//! What is asked for wrongly, and by whom.

use crate::stage::{KEPT, Plan, Stage};
use byway::policy::{RateSettings, ScopeSettings};

async fn refusal(stage: &Stage, target: &str, headers: &[(&str, &str)]) -> (u16, String) {
    let answer = stage.http().await.ask("GET", &format!("/e/feed{target}"), headers, b"").await;
    (answer.status(), answer.body)
}

#[tokio::test]
async fn what_cannot_be_answered_is_said_with_its_reason() {
    let stage = Plan::new().with(|plan| plan.feeds.max_destinations = 2).start();
    for (target, status, reason) in [
        ("", 400, "name a destination"),
        ("/", 400, "a destination"),
        ("/topic//a", 400, "no empty segment"),
        ("/queue/work", 400, "a feed is of topics"),
        ("/app/rooms", 400, "a feed is of topics"),
        ("/nowhere/a", 404, "no such destination"),
        ("/topic/kept/a?destination=/topic/b&destination=/topic/c", 400, "at most 2 destinations"),
        ("/topic/kept/a?after=junk", 400, "the id of an event"),
        ("/topic/kept/a?after=1-1.2-2", 400, "of the same destinations"),
        ("/topic/kept/a?history=many", 400, "history has to be a whole number"),
        ("/topic/kept/a?wait=-1", 400, "wait has to be a whole number"),
        ("/topic/kept/a?format=xml", 400, "format is events, lines or poll"),
        ("/topic/live?format=poll", 400, "keeps no history"),
        ("/topic/kept/*?format=poll", 400, "keeps no history"),
    ] {
        let (found, body) = refusal(&stage, target, &[]).await;
        assert!(found == status && body.contains(reason), "{target}: {found} {body}");
    }
    assert!(stage.server.byway.sessions().is_empty());
}

#[tokio::test]
async fn a_path_is_a_destination_without_its_encoding() {
    let stage = Stage::start();
    let mut events = stage.events("/topic/kept/a%20b+c=d%26%C3%BC").await;
    stage.publish("/topic/kept/a b+c=d&ü", ["here"]);
    assert_eq!(events.take(1).await, ["here"]);
}

#[tokio::test]
async fn a_foreign_page_gets_no_feed_and_one_that_is_listed_may_read_it() {
    let allowed = "https://app.example.com";
    let stage = Plan::new().with(|plan| plan.settings.origins.allowed = vec![allowed.to_owned()]).start();
    assert_eq!(refusal(&stage, "/topic/kept/a", &[("Origin", "https://evil.example")]).await.0, 403);
    stage.publish(KEPT, ["one"]);
    let headers = [("Origin", allowed), ("Accept", "application/json")];
    let answer = stage.http().await.ask("GET", "/e/feed/topic/kept/a?history=1", &headers, b"").await;
    assert_eq!(answer.header("access-control-allow-origin"), Some(allowed));
    assert_eq!(answer.header("access-control-expose-headers"), Some("Last-Event-ID"));
    let asks = [("Origin", allowed), ("Access-Control-Request-Headers", "authorization")];
    let preflight = stage.http().await.ask("OPTIONS", "/e/feed/topic/kept/a", &asks, b"").await;
    assert_eq!(preflight.status(), 204);
    assert_eq!(preflight.header("access-control-allow-methods"), Some("OPTIONS, GET"));
    assert_eq!(preflight.header("access-control-allow-headers"), Some("authorization"));
}

#[tokio::test]
async fn only_get_is_answered() {
    let stage = Stage::start();
    let answer = stage.http().await.ask("POST", "/e/feed/topic/kept/a", &[], b"x").await;
    assert_eq!((answer.status(), answer.header("allow")), (405, Some("OPTIONS, GET")));
}

#[tokio::test]
async fn where_feeds_are_switched_off_there_are_none() {
    let stage = Plan::new().with(|plan| plan.feeds.enabled = false).start();
    assert_eq!(refusal(&stage, "/topic/kept/a", &[]).await.0, 404);
}

#[tokio::test]
async fn whoever_asks_too_often_is_told_when_to_come_back() {
    let scope = ScopeSettings {
        messages_per_second: Some(1),
        excess: byway::policy::Excess::Refuse,
        ..ScopeSettings::default()
    };
    let rates = RateSettings { address: scope, ..RateSettings::default() };
    let stage = Plan::new().stomp(|stomp| stomp.rates(rates)).start();
    assert_eq!(stage.poll("/topic/kept/a?wait=0").await.0, 204);
    let answer = stage.http().await.ask("GET", "/e/feed/topic/kept/a", &[], b"").await;
    assert_eq!((answer.status(), answer.header("retry-after")), (429, Some("1")));
}

#[tokio::test]
async fn a_node_that_is_full_or_stops_opens_no_feed() {
    let stage = Plan::new().with(|plan| plan.settings.limits.max_sessions = 1).start();
    let _one = stage.events("/topic/live").await;
    assert_eq!(refusal(&stage, "/topic/live", &[]).await.0, 503);
    assert_eq!(stage.server.byway.stats().refused["sessions_full"], 1);
}
