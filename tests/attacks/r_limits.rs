//! Limits, and ways around them.

use super::alone::{alone, leaves_nothing_behind};
use super::broker::{ends, serve, survives};
use super::log::Log;
use crate::support::client::Client;
use crate::support::stage::{Plan, Stage, token, until};
use crate::support::stomp::{Heard, StompClient, frame};
use byway::messaging::Refusals;
use byway::policy::{Excess, RateSettings, ScopeSettings};
use byway::{Disconnect, Transport};
use std::time::Duration;
use tracing_subscriber::filter::LevelFilter;

/// Fails to show who it is, from what a proxy says is this address; answers what the server says.
async fn fail_from(stage: &Stage, forwarded: &str) -> String {
    let client = Client::new(stage.server.address, Transport::RawWebsocket).with_header("X-Forwarded-For", forwarded);
    let mut client = StompClient::open(client).await;
    client.say_connect(&[("token", "junk")]).await;
    client.frame().await.header("message").expect("an ERROR").to_owned()
}

fn behind(proxies: &str) -> Stage {
    serve(Plan::new(Transport::RawWebsocket).tokens().with(|settings| {
        settings.trusted_proxies = proxies.split_whitespace().map(|proxy| proxy.parse().expect("a network")).collect();
    }))
}

async fn ten_failures_are_one_s(stage: &Stage, address: impl Fn(usize) -> String) {
    for n in 0..10 {
        assert_eq!(fail_from(stage, &address(n)).await, "Authentication failed");
    }
    assert_eq!(fail_from(stage, &address(10)).await, "Too many failed attempts");
}

#[tokio::test]
async fn r1_a_forged_forwarded_for_is_nobody_s_address() {
    let stage = behind("");
    ten_failures_are_one_s(&stage, |n| format!("192.0.2.{n}")).await;
    let stage = behind("127.0.0.0/8 10.0.0.0/8");
    ten_failures_are_one_s(&stage, |n| format!("198.51.100.{n}, 203.0.113.7, 10.0.0.{n}")).await;
    assert_eq!(fail_from(&stage, "203.0.113.8").await, "Authentication failed");
    survives(&stage, &[("token", &token("bob"))]).await;
}

#[tokio::test]
async fn r2_a_network_of_64_bits_is_one_client_and_so_are_both_spellings_of_an_ipv4_address() {
    let stage = behind("127.0.0.0/8");
    ten_failures_are_one_s(&stage, |n| format!("2001:db8:0:1:{n:x}::{n}")).await;
    assert_eq!(fail_from(&stage, "2001:db8:0:2::1").await, "Authentication failed");
    ten_failures_are_one_s(&stage, |n| ["192.0.2.1", "::ffff:192.0.2.1", "[::ffff:c000:201]:80"][n % 3].to_owned())
        .await;
    survives(&stage, &[("token", &token("bob"))]).await;
}

#[tokio::test]
async fn r4_neither_reconnecting_nor_another_transport_nor_batches_get_a_user_around_its_limit() {
    let user = ScopeSettings {
        messages_per_second: Some(1),
        messages_burst: Some(30),
        excess: Excess::Refuse,
        ..ScopeSettings::default()
    };
    let rates = RateSettings { user, ..RateSettings::default() };
    let stage =
        serve(Plan::new(Transport::RawWebsocket).tokens().stomp(|stomp| stomp.rates(rates)).refusals(Refusals::Keep));
    let batch = frame("SEND", &[("destination", "/topic/a"), ("receipt", "r")], "x").repeat(5);
    let (mut taken, mut refused) = (0, 0);
    for transport in Transport::ALL.into_iter().cycle().take(14) {
        let mut client =
            StompClient::connect(Client::new(stage.server.address, transport), &[("token", &token("ada"))]).await;
        client.client.send(&[&batch, &batch]).await;
        for _ in 0..10 {
            match client.frame().await.command.as_str() {
                "RECEIPT" => taken += 1,
                _ => refused += 1,
            }
        }
    }
    // One more may pass for each second that the test takes.
    assert!((30..60).contains(&taken), "{taken} were taken and {refused} refused");
    survives(&stage, &[("token", &token("bob"))]).await;
}

#[tokio::test]
async fn r5_a_stalled_subscriber_of_a_hot_topic_holds_a_megabyte_of_its_own_and_its_peers_miss_nothing() {
    const HEADROOM: u64 = 8 << 20;
    let stage = serve(Plan::new(Transport::RawWebsocket).with(|settings| {
        settings.limits.burst_bytes = HEADROOM as usize;
        settings.session.slow_time = Duration::from_secs(1);
    }));
    let mut peer = stage.connect().await;
    peer.subscribe("0", "/topic/hot", &[]).await;
    let mut stalled = Vec::new();
    for transport in Transport::ALL {
        let mut client = StompClient::connect(Client::new(stage.server.address, transport), &[]).await;
        client.subscribe("0", "/topic/hot", &[]).await;
        client.client.park().await;
        stalled.push(client);
    }
    let (mut published, body) = (0, "x".repeat(50_000));
    while stage.endings("slow_consumer") < stalled.len() as u64 {
        stage
            .messenger
            .send("/topic/hot", &format!("{published} {body}"))
            .expect("the broker keeps up with one publisher");
        assert!(peer.body().await.starts_with(&format!("\"{published} ")), "{published}");
        let most = (stalled.len() + 1) as u64 * ((1 << 20) + HEADROOM / 2);
        let stats = stage.server.byway.stats();
        assert!(stats.queued_bytes <= most && stats.burst_bytes <= HEADROOM, "{stats:?}");
        published += 1;
    }
    for mut client in stalled {
        loop {
            match client.next().await {
                Heard::Frame(_) => {}
                end => break assert_eq!(end, Heard::Close(1008, "Slow consumer".to_owned())),
            }
        }
    }
    survives(&stage, &[]).await;
}

const DESTINATIONS: usize = 30_000;

#[test]
fn r6_destinations_that_were_subscribed_and_left_leave_nothing_behind() {
    alone("attacks::r_limits::r6_destinations_that_were_subscribed_and_left_leave_nothing_behind", "true", async {
        let mut stage = serve(Plan::new(Transport::RawWebsocket));
        let mut client = stage.connect().await;
        leaves_nothing_behind(async |round| {
            for n in 0..DESTINATIONS {
                let kind = ["topic", "queue", "user/queue"][n % 3];
                let destination = format!("/{kind}/{round}/{n}/of/a/name/that/takes/some/room");
                client.send("SUBSCRIBE", &[("id", "0"), ("destination", &destination)], "").await;
                client.send("UNSUBSCRIBE", &[("id", "0")], "").await;
            }
            client.settle().await;
            stage.forget();
        })
        .await;
        survives(&stage, &[]).await;
    });
}

#[test]
fn r7_what_clients_say_is_escaped_in_the_log_and_does_not_flood_it() {
    alone("attacks::r_limits::r7_what_clients_say_is_escaped_in_the_log_and_does_not_flood_it", "true", async {
        let log = Log::record(LevelFilter::INFO);
        let stage = serve(Plan::new(Transport::RawWebsocket).refusals(Refusals::Keep));
        let evil = "\u{1b}[31mred\u{7}\n2026-01-01 INFO forged";
        for transport in Transport::ALL {
            let mut client =
                StompClient::connect(Client::new(stage.server.address, transport), &[("login", "\u{1b}[31m")]).await;
            for _ in 0..100 {
                client.send("SEND", &[("destination", evil), (evil, evil)], evil).await;
                client.error("Forbidden").await;
            }
            client.send("SUBSCRIBE", &[("id", evil), ("destination", "/topic/a")], "").await;
            client.ask("DISCONNECT", &[(evil, evil)], "").await;
        }
        until(|| log.text().matches("session ended").count() == Transport::ALL.len()).await;
        let text = log.text();
        assert!(!text.contains(['\u{1b}', '\u{7}']) && !text.contains("forged"), "{text}");
        assert!(text.lines().count() <= 5 * Transport::ALL.len(), "{text}");
        survives(&stage, &[]).await;
    });
}

#[tokio::test]
async fn r4_a_message_counts_before_it_is_found_to_be_wrong() {
    let session = ScopeSettings {
        messages_per_second: Some(1),
        messages_burst: Some(3),
        excess: Excess::Close,
        ..Default::default()
    };
    let rates = RateSettings { session, ..RateSettings::default() };
    let stage = serve(Plan::new(Transport::RawWebsocket).stomp(|stomp| stomp.rates(rates)).refusals(Refusals::Keep));
    for transport in Transport::ALL {
        let mut client = StompClient::connect(Client::new(stage.server.address, transport), &[]).await;
        for _ in 0..3 {
            client.publish("/nowhere", "").await;
            client.error("Forbidden").await;
        }
        client.publish("/nowhere", "").await;
        ends(&mut client, &Disconnect::RATE_LIMITED, "the fourth").await;
    }
}
