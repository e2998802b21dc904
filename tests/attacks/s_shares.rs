//! STOMP: one address that takes what is for all. Each of these attacks comes from one address and finds an end, and somebody
//! else is served as before.

use super::broker::{serve, survives};
use crate::support::client::Client;
use crate::support::stage::{Plan, Stage, auth, token, until};
use crate::support::stomp::StompClient;
use byway::broker::{HistorySettings, QueueOverride, QueueSettings};
use byway::messaging::{DestinationQuery, DestinationState, HistoryQuery, Refusals};
use byway::policy::AnonymousPolicy;
use byway::{Destination, Transport};
use std::time::Duration;

const EVE: &str = "192.0.2.66";
const BOB: &str = "198.51.100.7";

/// Everybody comes in, users with a token. Addresses are what the test says.
fn plan() -> Plan {
    let plan = Plan::new(Transport::RawWebsocket).with(|settings| {
        settings.trusted_proxies = vec!["127.0.0.0/8".parse().expect("a network")];
    });
    let open = auth(AnonymousPolicy::Allow);
    plan.stomp(|stomp| stomp.auth(&open).expect("the test's settings are valid")).refusals(Refusals::Keep)
}

async fn connect_from(stage: &Stage, address: &str) -> StompClient {
    let client = Client::new(stage.server.address, Transport::RawWebsocket).with_header("X-Forwarded-For", address);
    StompClient::connect(client, &[]).await
}

async fn sign_in_from(stage: &Stage, address: &str, user: &str) -> StompClient {
    let client = Client::new(stage.server.address, Transport::RawWebsocket).with_header("X-Forwarded-For", address);
    StompClient::connect(client, &[("token", &token(user))]).await
}

/// How many of so many frames are taken; the others are refused.
async fn taken(
    client: &mut StompClient,
    command: &str,
    count: usize,
    to: impl Fn(usize) -> String,
    body: &str,
) -> usize {
    let mut taken = 0;
    for n in 0..count {
        let id = n.to_string();
        let destination = to(n);
        client.send(command, &[("destination", &destination), ("id", &id), ("receipt", &id)], body).await;
        match client.frame().await {
            frame if frame.command == "RECEIPT" => taken += 1,
            frame => assert!(frame.header("message").is_some_and(|it| it.contains(&destination)), "{frame:?}"),
        }
    }
    taken
}

#[tokio::test]
async fn s12_one_address_makes_a_tenth_of_all_queues_and_all_without_an_account_a_half() {
    let stage = serve(plan().broker(|broker| broker.max_queues = 100));
    let queues_of = |who: String| move |n: usize| format!("/queue/{who}/{n}");
    for transport in 0..2 {
        // Another session is the same address.
        let mut eve = connect_from(&stage, EVE).await;
        let made = taken(&mut eve, "SEND", 20, queues_of(format!("eve{transport}")), "x").await;
        assert_eq!(made, if transport == 0 { 10 } else { 0 });
    }
    let mut all = 10;
    for address in 0..8 {
        let mut client = connect_from(&stage, &format!("2001:db8:{address}::1")).await;
        all += taken(&mut client, "SEND", 20, queues_of(format!("flood{address}")), "x").await;
    }
    assert_eq!(all, 50);
    let mut ada = sign_in_from(&stage, EVE, "ada").await;
    assert_eq!(taken(&mut ada, "SEND", 30, queues_of("ada".to_owned()), "x").await, 25, "a user has a quarter");
    let hits = stage.server.byway.stats().limit_hits["broker_share"];
    assert_eq!(hits, 30 + 120 + 5);
    (0..25).for_each(|n| stage.messenger.send(format!("/queue/own/{n}"), &n).expect("the rest is the application's"));
    survives(&stage, &[]).await;
}

#[tokio::test]
async fn s12_a_queue_that_is_consumed_to_its_end_or_left_gives_its_place_back() {
    let stage = serve(plan().broker(|broker| broker.max_queues = 100));
    let mut eve = connect_from(&stage, EVE).await;
    for round in 0..3 {
        let queue = |n| format!("/queue/{round}/{n}");
        assert_eq!(taken(&mut eve, "SUBSCRIBE", 20, queue, "").await, 10);
        for n in 0..10 {
            eve.ask("UNSUBSCRIBE", &[("id", &n.to_string())], "").await;
        }
        assert_eq!(taken(&mut eve, "SEND", 20, queue, "x").await, 10);
        for n in 0..10 {
            eve.listen("x", &queue(n), "auto").await;
            assert_eq!(eve.body().await, "x");
            eve.ask("UNSUBSCRIBE", &[("id", "x")], "").await;
        }
    }
    survives(&stage, &[]).await;
}

#[tokio::test]
async fn s13_one_address_fills_a_tenth_of_what_queues_may_hold_counted_by_what_it_costs() {
    let stage = serve(plan().broker(|broker| broker.max_queue_bytes = 100_000));
    let mut eve = connect_from(&stage, EVE).await;
    let queue = |n: usize| format!("/queue/{}", n % 3);
    // 10 kB for messages of 1,000 bytes and 350 for what is beside them.
    assert_eq!(taken(&mut eve, "SEND", 20, queue, &"x".repeat(1_000)).await, 7);
    let mut small = connect_from(&stage, "192.0.2.67").await;
    let all = taken(&mut small, "SEND", 40, queue, "").await;
    assert!((20..29).contains(&all), "{all} messages of no bytes");
    let mut bob = connect_from(&stage, BOB).await;
    assert_eq!(taken(&mut bob, "SEND", 5, queue, &"x".repeat(1_000)).await, 5);
    let mut ada = sign_in_from(&stage, EVE, "ada").await;
    assert_eq!(taken(&mut ada, "SEND", 10, queue, &"x".repeat(2_000)).await, 10);
    // What is consumed is no longer held.
    for n in 0..3 {
        eve.listen(&format!("q{n}"), &queue(n), "auto").await;
    }
    for _ in 0..7 + all + 5 + 10 {
        eve.message().await;
    }
    assert_eq!(taken(&mut connect_from(&stage, EVE).await, "SEND", 3, |_| "/queue/x".to_owned(), "x").await, 3);
    survives(&stage, &[]).await;
}

#[tokio::test]
async fn s13_one_address_fills_a_tenth_of_a_queue_of_dead_letters() {
    let stage = serve(plan().broker(|broker| {
        broker.queue.max_messages = 100;
        let settings = QueueSettings { max_age: Some(Duration::from_millis(20)), ..QueueSettings::default() };
        broker.queues = vec![QueueOverride { pattern: "/queue/mortal/*".parse().expect("a pattern"), settings }];
    }));
    let mut eve = connect_from(&stage, EVE).await;
    let lost = || stage.server.byway.stats().queue_losses.get("expired").copied().unwrap_or_default();
    for n in 0..30 {
        eve.publish("/queue/mortal/eve", &n.to_string()).await;
    }
    until(|| lost() == 20).await;
    let mut bob = connect_from(&stage, BOB).await;
    bob.publish("/queue/mortal/bob", "bob's").await;
    until(|| dead(&stage) == 11).await;
    assert_eq!(lost(), 20);
    survives(&stage, &[]).await;
}

/// How many dead letters there are.
fn dead(stage: &Stage) -> usize {
    let query = DestinationQuery { prefix: "/queue/dead-letter".into(), pattern: None, after: "".into(), limit: 1 };
    let found = stage.messenger.destinations(&query).destinations.pop();
    match found.map(|found| found.state) {
        Some(DestinationState::Queue(queue)) => queue.waiting,
        _ => 0,
    }
}

#[tokio::test]
async fn s14_a_flood_of_topics_takes_nobody_else_s_history_and_leaves_room_for_new_ones() {
    let stage = serve(plan().broker(|broker| {
        broker.history = vec![HistorySettings::new("/topic/**".parse().expect("a pattern"))];
        broker.max_history_bytes = 1 << 20;
        broker.max_histories = 100;
    }));
    let kept = |topic: &str| {
        let destination = Destination::parse(topic.to_owned()).expect("a destination");
        let page = stage.messenger.history(&HistoryQuery { destination, since: None, limit: 100 });
        page.map_or(0, |page| page.publications.len())
    };
    let mut bob = connect_from(&stage, BOB).await;
    let mut ada = sign_in_from(&stage, EVE, "ada").await;
    for (client, topic) in [(&mut bob, "/topic/bob/old"), (&mut ada, "/topic/ada/old")] {
        assert_eq!(taken(client, "SEND", 5, |_| topic.to_owned(), "x").await, 5);
    }
    let mut eve = connect_from(&stage, EVE).await;
    let body = "x".repeat(50_000);
    for (topics, body) in [(60, &*body), (200, "x")] {
        assert_eq!(taken(&mut eve, "SEND", topics, |n| format!("/topic/eve/{topics}/{n}"), body).await, topics);
    }
    for (client, topic) in [(&mut bob, "/topic/bob/new"), (&mut ada, "/topic/ada/new")] {
        assert_eq!(taken(client, "SEND", 5, |_| topic.to_owned(), "x").await, 5);
    }
    let others = ["/topic/bob/old", "/topic/ada/old", "/topic/bob/new", "/topic/ada/new"];
    assert_eq!(others.map(kept), [5; 4]);
    let eves: usize = (0..60).map(|n| kept(&format!("/topic/eve/60/{n}"))).sum();
    assert!((1..=3).contains(&eves), "a tenth of a megabyte is two of these: {eves}");
    survives(&stage, &[]).await;
}

/// Of 14 segments: with `*` in the place of some.
fn pattern(n: usize) -> String {
    let segment = |bit: usize| if n >> bit & 1 == 1 { "/*" } else { "/a" };
    format!("/topic{}", (0..13).map(segment).collect::<String>())
}

#[tokio::test]
async fn s15_an_address_with_thousands_of_patterns_neither_fills_the_hub_nor_sends_a_publisher_away() {
    let stage = serve(plan().with(|settings| settings.limits.publish_messages = 100));
    let (mut listening, mut sessions) = (0, Vec::new());
    for session in 0..4 {
        let mut eve = connect_from(&stage, EVE).await;
        listening += taken(&mut eve, "SUBSCRIBE", 256, |n| pattern(1 + session * 256 + n), "").await;
        sessions.push(eve);
    }
    assert_eq!(listening, 10_000 / 14, "a tenth of all segments");
    let mut bob = connect_from(&stage, BOB).await;
    bob.subscribe("0", &pattern(0), &[]).await;
    for n in 0..150 {
        bob.publish(&pattern(0), &n.to_string()).await;
    }
    for n in 0..150 {
        assert_eq!(bob.body().await, n.to_string());
    }
    assert_eq!(stage.endings("overloaded"), 0);
    survives(&stage, &[]).await;
}
