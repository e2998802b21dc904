//! How much a client may send.

use crate::support::stage::{Plan, Stage, until};
use crate::support::stomp::{Heard, StompClient, frame};
use byway::messaging::Refusals;
use byway::policy::{Excess, RateSettings, ScopeSettings};
use byway::{Disconnect, Transport};
use std::time::{Duration, Instant};

fn scope(messages: u32, excess: Excess) -> ScopeSettings {
    ScopeSettings { messages_per_second: Some(messages), excess, ..ScopeSettings::default() }
}

fn rates(row: Transport, per_second: u32, burst: u32, excess: Excess, refusals: Refusals, dry_run: bool) -> Stage {
    let session = ScopeSettings { messages_burst: Some(burst), ..scope(per_second, excess) };
    let settings = RateSettings { session, dry_run, ..RateSettings::default() };
    Plan::new(row).stomp(|stomp| stomp.rates(settings)).refusals(refusals).start()
}

/// So many publications in one message, so that hardly any time passes between them.
async fn publish_at_once(client: &mut StompClient, count: usize) {
    let sends = (0..count).map(|n| frame("SEND", &[("destination", "/topic/a")], &n.to_string()));
    client.raw(&sends.collect::<String>()).await;
}

pub async fn what_is_over_a_rate_is_refused_and_told(row: Transport) {
    let stage = rates(row, 1, 3, Excess::Refuse, Refusals::Keep, false);
    let mut client = stage.connect().await;
    client.subscribe("0", "/topic/a", &[]).await;
    publish_at_once(&mut client, 10).await;
    let mut refused = 0;
    for _ in 0..10 {
        let frame = client.frame().await;
        if frame.command == "ERROR" {
            assert_eq!(frame.header("message"), Some("Too many messages: SEND /topic/a"));
            assert!(frame.text().contains("session_messages"), "{frame:?}");
            refused += 1;
        }
    }
    // The subscription was one of three; a busy machine may earn one or two more.
    assert!((6..=8).contains(&refused), "{refused} of 10");
    assert_eq!(stage.server.byway.stats().limit_hits["session_messages"], refused);
}

pub async fn what_is_over_a_rate_ends_the_session_where_that_is_said(row: Transport) {
    for (excess, refusals) in [(Excess::Refuse, Refusals::Close), (Excess::Close, Refusals::Keep)] {
        let stage = rates(row, 1, 2, excess, refusals, false);
        let mut client = stage.connect().await;
        client.subscribe("0", "/topic/a", &[]).await;
        publish_at_once(&mut client, 10).await;
        let error = loop {
            let frame = client.frame().await;
            if frame.command == "ERROR" {
                break frame;
            }
        };
        assert_eq!(error.header("message"), Some("Too many messages: SEND /topic/a"));
        let Heard::Close(code, _) = client.last().await else { panic!("the session goes on") };
        assert_eq!(code, Disconnect::RATE_LIMITED.code());
        until(|| stage.endings("rate_limited") == 1).await;
    }
}

pub async fn what_is_over_a_rate_waits_its_turn(row: Transport) {
    let stage = rates(row, 20, 1, Excess::SlowDown, Refusals::Close, false);
    let mut client = stage.connect().await;
    let begin = Instant::now();
    client.subscribe("0", "/topic/a", &[]).await;
    for n in 0..10 {
        client.publish("/topic/a", &n.to_string()).await;
    }
    for n in 0..10 {
        assert_eq!(client.body().await, n.to_string());
    }
    assert!(begin.elapsed() >= Duration::from_millis(490), "{:?}", begin.elapsed());
}

pub async fn what_waits_for_one_rate_is_not_charged_to_another_again(row: Transport) {
    let session = ScopeSettings { messages_burst: Some(2), ..scope(1, Excess::Close) };
    let user = ScopeSettings { messages_burst: Some(1), ..scope(20, Excess::SlowDown) };
    let settings = RateSettings { session, user, ..RateSettings::default() };
    let stage = Plan::new(row).tokens().stomp(|stomp| stomp.rates(settings)).start();
    let mut client = stage.connect_as("ada").await;
    client.send("SUBSCRIBE", &[("destination", "/topic/a"), ("id", "0")], "").await;
    client.publish("/topic/a", "a while later").await;
    assert_eq!(client.body().await, "a while later");
    assert_eq!(stage.server.byway.stats().limit_hits["user_messages"], 1);
}

pub async fn a_dry_run_limits_nothing(row: Transport) {
    let stage = rates(row, 1, 1, Excess::Close, Refusals::Close, true);
    let mut client = stage.connect().await;
    client.subscribe("0", "/topic/a", &[]).await;
    for n in 0..20 {
        client.publish("/topic/a", &n.to_string()).await;
        assert_eq!(client.body().await, n.to_string());
    }
}

pub async fn a_frame_over_a_limit_is_told_and_ends_the_session(row: Transport) {
    let stage = Plan::new(row).start();
    let many: String = (0..70).map(|n| format!("h{n}:v\n")).collect();
    let (long, half) = ("x".repeat(8500), "x".repeat(8000));
    for (frame, message) in [
        (format!("SEND\ndestination:/topic/a\nmine:{long}\n\n\0"), "Header line too long"),
        (format!("SEND\ndestination:/topic/a\na:{half}\nb:{half}\nc:{half}\n\n\0"), "Headers too long"),
        (format!("SEND\ndestination:/topic/a\n{many}\n\0"), "Too many headers"),
        (format!("SEND\ndestination:/topic/a\n\n{}\0", "x".repeat(65_537)), "Body too long"),
        ("SEND\ndestination:/topic/a\ncontent-length:65537\n\n".to_owned(), "Body too long"),
    ] {
        let mut client = stage.connect().await;
        client.raw(&frame).await;
        client.fails(message, &Disconnect::MESSAGE_TOO_BIG).await;
    }
    let mut client = stage.connect().await;
    client.subscribe("0", "/topic/a", &[]).await;
    let largest = "x".repeat(65_536);
    client.publish("/topic/a", &largest).await;
    assert_eq!(client.body().await, largest);
}
