//! What is refused, whatever the format.

use crate::client::{Heard, accept};
use crate::in_time;
use crate::stage::{LIVE, Plan, bearer};
use byway::Transport;
use byway::messaging::{Messages, MessagingSettings};
use byway::policy::{Excess, RateSettings, ScopeSettings};
use std::time::Duration;

pub async fn what_cannot_be_answered_is_said_with_its_reason(row: Transport) {
    let stage = Plan::new().with(|plan| plan.feeds.max_destinations = 2).start();
    for (target, status, reason) in [
        ("", 400, "name a destination"),
        ("/", 400, "name a destination"),
        ("/topic//a", 400, "no empty segment"),
        ("/queue/work", 400, "a feed is of topics"),
        ("/app/rooms", 400, "a feed is of topics"),
        ("/nowhere/a", 404, "no such destination"),
        ("/topic/kept/a?destination=/topic/b&destination=/topic/c", 400, "at most 2 destinations"),
        ("/topic/kept/a?history=many", 400, "history has to be a whole number"),
        ("/topic/kept/a?wait=-1", 400, "wait has to be a whole number"),
        ("/topic/kept/a?format=xml", 400, "format is events, lines or poll"),
        ("/topic/kept/a?opening=data", 400, "opening is event"),
    ] {
        let refusal = stage.refusal(row, target, &[]).await;
        assert!(refusal.status() == status && refusal.body.contains(reason), "{target}: {refusal:?}");
    }
    assert!(stage.server.byway.sessions().is_empty());
}

pub async fn a_foreign_page_gets_no_feed_and_one_that_is_listed_may_read_it(row: Transport) {
    let allowed = "https://app.example.com";
    let stage = Plan::new().with(|plan| plan.settings.origins.allowed = vec![allowed.to_owned()]).start();
    assert_eq!(stage.refusal(row, "/topic/kept/a", &[("Origin", "https://evil.example")]).await.status(), 403);
    let mut feed = stage.read_with(row, "/topic/kept/a", &[("Origin", allowed)]).await;
    stage.publish("/topic/kept/a", ["one"]);
    assert_eq!(feed.take(1).await, ["one"]);
    let asks = [("Origin", allowed), accept(row)];
    let mut http = stage.http().await;
    http.send("GET", "/e/feed/topic/kept/a?wait=0", &asks, b"").await;
    let head = in_time(http.head()).await;
    assert_eq!(head.header("access-control-allow-origin"), Some(allowed));
    assert_eq!(head.header("access-control-allow-credentials"), Some("true"));
}

pub async fn whoever_asks_too_often_is_told_when_to_come_back(row: Transport) {
    let scope = ScopeSettings { messages_per_second: Some(1), excess: Excess::Refuse, ..ScopeSettings::default() };
    let rates = RateSettings { address: scope, ..RateSettings::default() };
    let stage = Plan::new().stomp(|stomp| stomp.rates(rates)).start();
    let _one = stage.read(row, "/topic/kept/a").await;
    let refusal = stage.refusal(row, "/topic/kept/a", &[]).await;
    assert_eq!((refusal.status(), refusal.header("retry-after")), (429, Some("1")));
    assert_eq!(refusal.header("access-control-expose-headers"), Some("Retry-After"), "pages of other origins see it");
    assert_eq!(stage.server.byway.stats().limit_hits["address_messages"], 1);
}

pub async fn a_node_that_is_full_opens_no_feed(row: Transport) {
    let stage = Plan::new().with(|plan| plan.settings.limits.max_sessions = 1).start();
    let _one = stage.events("/topic/live").await;
    let refusal = stage.refusal(row, "/topic/kept/a", &[]).await;
    assert_eq!((refusal.status(), refusal.header("retry-after")), (503, Some("5")));
    assert_eq!(stage.server.byway.stats().refused["sessions_full"], 1);
}

pub async fn a_user_has_only_so_many_feeds(row: Transport) {
    let settings = MessagingSettings { max_sessions_per_user: 1, ..Default::default() };
    let stage = Plan::new().tokens().stomp(|stomp| stomp.messages(Messages::new().settings(settings))).start();
    let (ada, bob) = (bearer("ada", Duration::from_secs(3600)), bearer("bob", Duration::from_secs(3600)));
    let mut one = stage.read_with(row, "/topic/kept/a", &[("Authorization", &ada)]).await;
    one.park(&stage).await;
    assert_eq!(stage.refusal(row, "/topic/kept/a", &[("Authorization", &ada)]).await.status(), 429);
    let mut bobs = stage.read_with(row, "/topic/kept/a", &[("Authorization", &bob)]).await;
    bobs.park(&stage).await;
}

pub async fn an_address_that_guesses_tokens_has_to_wait_and_the_right_one_is_let_in(row: Transport) {
    let stage = Plan::new().tokens().stomp(|stomp| stomp.failures_per_minute(2)).start();
    for _ in 0..5 {
        assert_eq!(stage.refusal(row, "/topic/kept/a", &[]).await.status(), 401, "who shows nothing guesses nothing");
    }
    for status in [401, 401, 429] {
        assert_eq!(stage.refusal(row, "/topic/kept/a", &[("Authorization", "Bearer junk")]).await.status(), status);
    }
    let good = bearer("ada", Duration::from_secs(3600));
    let mut feed = stage.read_with(row, "/topic/kept/a", &[("Authorization", &good)]).await;
    feed.park(&stage).await;
}

pub async fn a_stream_on_which_nothing_happens_has_signs_of_life(row: Transport) {
    let stage = Plan::new().with(|plan| plan.feeds.heartbeat = Duration::from_millis(30)).start();
    let mut feed = stage.read(row, "/topic/live").await;
    for _ in 0..3 {
        assert_eq!(feed.hear().await, Heard::Beat);
    }
    stage.publish(LIVE, ["one"]);
    assert_eq!(feed.take(1).await, ["one"]);
}

pub async fn the_client_s_address_is_what_a_trusted_proxy_says_and_nobody_else(row: Transport) {
    for (trusted, address) in [(vec!["127.0.0.1/32".parse().unwrap()], "192.0.2.7"), (vec![], "127.0.0.1")] {
        let stage = Plan::new().with(|plan| plan.settings.trusted_proxies = trusted).start();
        let headers = [("X-Forwarded-For", "198.51.100.1, 192.0.2.7")];
        let mut feed = stage.read_with(row, "/topic/kept/a", &headers).await;
        feed.park(&stage).await;
        let session = stage.session();
        assert_eq!((session.remote_addr().to_string(), session.transport()), (address.to_owned(), row));
    }
}

pub async fn where_feeds_are_switched_off_there_are_none(row: Transport) {
    let stage = Plan::new().with(|plan| plan.feeds.enabled = false).start();
    assert_eq!(stage.refusal(row, "/topic/kept/a", &[]).await.status(), 404);
}
