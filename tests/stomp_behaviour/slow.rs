//! Subscribers that do not read.

use crate::support::stage::{Plan, Stage};
use crate::support::stomp::{Heard, StompClient};
use byway::broker::{SlowConsumerPolicy, SlowConsumerSettings};
use byway::messaging::Text;
use byway::{Destination, Disconnect, Publication, Transport};

const LARGE: usize = 60_000;

fn stage(row: Transport, policy: SlowConsumerPolicy, key: Option<&str>) -> Stage {
    let pattern = "/topic/slow/**".parse().expect("a pattern");
    let settings = SlowConsumerSettings { pattern, policy, key: key.map(str::to_owned) };
    let plan = Plan::new(row).broker(|broker| broker.slow_consumers = vec![settings]);
    let plan = plan.with(|settings| {
        settings.session.queue_messages = 8;
        settings.limits.burst_bytes = 0;
    });
    plan.start()
}

/// A subscriber that takes nothing from here on.
async fn subscriber(stage: &Stage) -> StompClient {
    let mut client = stage.connect().await;
    client.subscribe("0", "/topic/slow/*", &[]).await;
    client.client.park().await;
    client
}

/// Publishes numbers until there were enough; answers how many.
async fn publish_until(stage: &Stage, mut enough: impl FnMut() -> bool) -> usize {
    let mut published = 0;
    while !enough() {
        let destination = Destination::parse("/topic/slow/a").expect("a destination");
        let symbol = if published % 2 == 0 { "even" } else { "odd" };
        let publication = Publication::new(destination, format!("{published:0LARGE$}")).with_header("symbol", symbol);
        match stage.messenger.publish(publication) {
            Ok(()) => published += 1,
            Err(_) => tokio::task::yield_now().await,
        }
        tokio::task::yield_now().await;
    }
    published
}

/// The numbers that the subscriber gets, up to a mark behind all of them.
async fn numbers(stage: &Stage, client: &mut StompClient) -> Vec<usize> {
    let mut numbers = Vec::new();
    let mut marked = false;
    loop {
        let message = client.message().await;
        match message.text() {
            "\"mark\"" => return numbers,
            number => numbers.push(number.parse().unwrap()),
        }
        if !marked {
            marked = true;
            stage.messenger.send("/topic/slow/b", &"mark").unwrap();
        }
    }
}

pub async fn a_subscriber_that_takes_nothing_is_closed_and_its_peers_miss_nothing(row: Transport) {
    let stage = stage(row, SlowConsumerPolicy::Close, None);
    let mut client = subscriber(&stage).await;
    let mut peer = stage.connect().await;
    publish_until(&stage, || stage.endings("slow_consumer") == 1).await;
    peer.subscribe("0", "/topic/slow/*", &[]).await;
    stage.messenger.send("/topic/slow/b", &"mark").unwrap();
    loop {
        // The hub may have some of the numbers still to come.
        if peer.body().await == "\"mark\"" {
            break;
        }
    }
    loop {
        match client.next().await {
            Heard::Frame(frame) => assert_eq!(frame.command, "MESSAGE"),
            end => break assert_eq!(end, Heard::Close(1008, Disconnect::SLOW_CONSUMER.reason().to_owned())),
        }
    }
}

pub async fn dropping_the_oldest_keeps_the_order_and_counts(row: Transport) {
    let stage = stage(row, SlowConsumerPolicy::DropOldest, None);
    let mut client = subscriber(&stage).await;
    let dropped = || stage.server.byway.stats().traffic.dropped;
    let published = publish_until(&stage, || dropped() >= 5).await;
    let got = numbers(&stage, &mut client).await;
    assert!(got.is_sorted_by(|a, b| a < b), "{got:?}");
    assert_eq!(got.last(), Some(&(published - 1)));
    assert!(got.len() < published, "{} of {published}", got.len());
}

pub async fn keeping_the_newest_keeps_that_of_each_key(row: Transport) {
    let stage = stage(row, SlowConsumerPolicy::KeepNewest, Some("symbol"));
    let mut client = subscriber(&stage).await;
    let conflated = || stage.server.byway.stats().traffic.conflated;
    let published = publish_until(&stage, || conflated() >= 5).await;
    let got = numbers(&stage, &mut client).await;
    let newest = |rest: usize| got.iter().filter(|number| **number % 2 == rest).max();
    let mut last = [newest(0), newest(1)];
    last.sort();
    assert_eq!(last, [Some(&(published - 2)), Some(&(published - 1))]);
    assert!(got.len() < published, "{} of {published}", got.len());
}

/// Published as fast as the hub takes it, to one who reads all the time.
async fn burst(stage: Stage) {
    const MANY: usize = 200;
    let mut client = stage.connect().await;
    client.subscribe("0", "/topic/burst", &[]).await;
    let publishing = async {
        for number in 0..MANY {
            let body = Text(format!("{number:020000}").into());
            while stage.messenger.send_payload("/topic/burst", body.clone()).is_err() {
                tokio::task::yield_now().await;
            }
        }
    };
    let reading = async {
        for number in 0..MANY {
            assert_eq!(client.body().await.parse(), Ok(number));
        }
    };
    tokio::join!(publishing, reading);
}

pub async fn a_burst_closes_nobody_who_reads(row: Transport) {
    burst(Plan::new(row).start()).await;
}

pub async fn a_burst_over_tls_closes_nobody_who_reads(row: Transport) {
    burst(Plan::new(row).start_tls().await).await;
}
