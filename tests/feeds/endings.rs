//! How feeds end.

use crate::client::Heard;
use crate::in_time;
use crate::stage::{KEPT, Plan, Stage, numbers, until};
use crate::support::client::Leave;
use byway::broker::{SlowConsumerPolicy, SlowConsumerSettings};
use byway::messaging::{Event, Messages, Text};
use byway::{Disconnect, Transport};
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(20);

pub async fn a_drain_tells_every_reader_to_come_back(row: Transport) {
    let stage = Stage::start();
    let mut feed = stage.read(row, "/topic/kept/a").await;
    feed.park(&stage).await;
    let byway = stage.server.byway.clone();
    let draining = tokio::spawn(async move { byway.drain(PATIENCE).await });
    feed.ends(&Disconnect::GOING_AWAY).await;
    let drained = in_time(draining).await.unwrap();
    assert_eq!((drained.told, drained.left), (1, 0));
    let refusal = stage.refusal(row, "/topic/kept/a", &[]).await;
    assert_eq!((refusal.status(), refusal.header("retry-after")), (503, Some("5")));
}

pub async fn a_server_that_stops_lets_go_of_every_reader(row: Transport) {
    let stage = Stage::start();
    let mut feed = stage.read(row, "/topic/kept/a").await;
    feed.park(&stage).await;
    let stopping = tokio::spawn(stage.server.stop());
    feed.ends(&Disconnect::GOING_AWAY).await;
    assert_eq!(in_time(stopping).await.unwrap().connections_left, 0);
}

pub async fn what_was_published_before_an_ending_comes_before_it(row: Transport) {
    let stage = Plan::new().with(|plan| plan.kept = 500).start();
    let mut feed = stage.read(row, "/topic/kept/a").await;
    feed.park(&stage).await;
    stage.publish(KEPT, numbers(0..500));
    assert_eq!(feed.take(500).await, numbers(0..500));
    feed.park(&stage).await;
    stage.server.byway.sessions().iter().for_each(|session| session.close());
    feed.ends(&Disconnect::NORMAL).await;
}

pub async fn the_application_ends_one_feed_and_no_other(row: Transport) {
    let stage = Stage::start();
    let mut one = stage.read(row, "/topic/kept/a").await;
    one.park(&stage).await;
    let ours = stage.server.byway.sessions().into_iter().find(|session| session.is_open()).unwrap();
    let mut other = stage.read(row, "/topic/kept/a").await;
    other.park(&stage).await;
    ours.close_with(3456, "that was all").unwrap();
    let Heard::End(reason, _) = one.next().await else { panic!("it goes on") };
    assert_eq!((reason.as_str(), one.next().await), ("that was all", Heard::Over));
    stage.publish(KEPT, ["to the other"]);
    assert_eq!(other.take(1).await, ["to the other"]);
    assert_eq!(stage.count("application"), 1);
}

pub async fn a_reader_that_leaves_ends_its_feed_at_once(row: Transport) {
    let stage = Stage::start();
    for (how, ended) in [(Leave::Close, 1), (Leave::Reset, 2), (Leave::HalfClose, 3)] {
        let mut feed = stage.read(row, "/topic/kept/a").await;
        feed.park(&stage).await;
        feed.leave(how).await;
        until(|| stage.count("interrupted") == ended && stage.server.byway.sessions().is_empty()).await;
    }
}

pub async fn a_reader_that_leaves_while_messages_come_harms_nobody(row: Transport) {
    const ALL: usize = 300;
    let stage = Plan::new().with(|plan| plan.kept = ALL).start();
    let mut stays = stage.read(row, "/topic/kept/a").await;
    let messenger = stage.messenger.clone();
    let publishing = tokio::task::spawn_blocking(move || {
        for number in numbers(0..ALL) {
            messenger.send_payload(KEPT, Text(format!("{number} {:2000}", "").into())).unwrap();
        }
    });
    for how in [Leave::Close, Leave::Reset, Leave::HalfClose].into_iter().cycle().take(12) {
        let mut feed = stage.read(row, &format!("/topic/kept/a?history={ALL}")).await;
        feed.go_on().await;
        feed.leave(how).await;
    }
    publishing.await.unwrap();
    let heard = stays.take(ALL).await;
    let heard: Vec<_> = heard.iter().map(|text| text.trim_end()).collect();
    assert_eq!(heard, numbers(0..ALL));
    drop(stays);
    until(|| stage.server.byway.sessions().is_empty()).await;
}

/// Panics over the user `panic` without the message on stderr.
fn application() -> Messages {
    Messages::new().on_event(|event, _| async move {
        if let Event::Connected(client) = event
            && client.principal().is_some_and(|principal| principal.name() == "panic")
        {
            std::panic::resume_unwind(Box::new("as the test asked"));
        }
    })
}

pub async fn a_panic_ends_its_own_feed_and_no_other(row: Transport) {
    let stage = Plan::new().stomp(|stomp| stomp.messages(application())).start();
    let mut other = stage.read(row, "/topic/kept/a").await;
    other.park(&stage).await;
    let mut http = stage.http().await;
    let headers = [crate::client::accept(row), (crate::stage::USER, "panic")];
    http.send("GET", "/e/feed/topic/kept/a", &headers, b"").await;
    assert!(in_time(http.answer()).await.body.contains(Disconnect::INTERNAL_ERROR.reason()));
    until(|| stage.count("internal_error") == 1).await;
    stage.publish(KEPT, ["to the other"]);
    assert_eq!(other.take(1).await, ["to the other"]);
}

pub async fn nothing_is_left_of_feeds_that_came_and_went(row: Transport) {
    let stage = Plan::new().tokens().start();
    let ada = crate::stage::bearer("ada", Duration::from_secs(3600));
    for _ in 0..3 {
        let feed = stage.read_with(row, "/topic/kept/a", &[("Authorization", &ada)]).await;
        feed.leave(Leave::Close).await;
    }
    until(|| stage.server.byway.sessions().is_empty()).await;
    assert_eq!(stage.messenger.users().count(), 0);
}

const LARGE: usize = 60_000;

/// Numbers for one reader that takes nothing, one after the other until there were enough; answers how many.
async fn publish_until(stage: &Stage, enough: impl Fn() -> bool) -> usize {
    let has_come = |published| {
        let stats = stage.server.byway.stats();
        stats.traffic.messages_out + stats.traffic.dropped + stats.queued_messages == published
    };
    let mut published = 0;
    while !enough() {
        stage.publish(KEPT, [format!("{published:0LARGE$}")]);
        published += 1;
        while !has_come(published) && !enough() {
            tokio::task::yield_now().await;
        }
    }
    published as usize
}

pub async fn a_reader_that_takes_nothing_is_closed_and_comes_back_to_what_it_missed(row: Transport) {
    let plan = Plan::new().with(|plan| {
        plan.settings.session.queue_messages = 8;
        plan.settings.limits.burst_bytes = 0;
        plan.kept = 10;
    });
    let stage = plan.start();
    let mut feed = stage.read(row, "/topic/kept/a").await;
    let published = publish_until(&stage, || stage.count("slow_consumer") == 1).await;
    let mut heard = 0;
    let end = loop {
        match feed.next().await {
            Heard::Text(text) => heard = text.parse::<usize>().unwrap() + 1,
            end => break end,
        }
    };
    assert_eq!(end, Heard::End(Disconnect::SLOW_CONSUMER.reason().to_owned(), Disconnect::SLOW_CONSUMER.reconnect()));
    assert!(heard < published);
    let mut again = stage.read_with(row, "/topic/kept/a", &[("Last-Event-ID", &feed.last_id)]).await;
    let (mut missed, mut rest) = (0, Vec::new());
    while rest.last() != Some(&(published - 1)) {
        match again.next().await {
            Heard::Gap(gone) => missed = usize::try_from(gone.unwrap()).unwrap(),
            Heard::Text(text) => rest.push(text.parse().unwrap()),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(rest, (heard + missed..published).collect::<Vec<_>>());
}

pub async fn where_the_oldest_is_dropped_for_a_slow_reader_it_keeps_the_order_and_the_newest(row: Transport) {
    let slow = SlowConsumerSettings {
        pattern: "/topic/kept/*".parse().unwrap(),
        policy: SlowConsumerPolicy::DropOldest,
        key: None,
    };
    let plan = Plan::new().with(|plan| {
        plan.settings.session.queue_messages = 8;
        plan.slow = vec![slow];
    });
    let stage = plan.start();
    let mut feed = stage.read(row, "/topic/kept/a").await;
    let published = publish_until(&stage, || stage.server.byway.stats().traffic.dropped >= 5).await;
    let mut heard = Vec::new();
    while heard.last() != Some(&(published - 1)) {
        heard.push(feed.take(1).await[0].parse::<usize>().unwrap());
    }
    assert!(heard.is_sorted_by(|a, b| a < b) && heard.len() < published, "{heard:?} of {published}");
}

pub async fn a_reader_that_leaves_in_the_middle_of_the_past_harms_nobody(row: Transport) {
    let stage = Plan::new().with(|plan| plan.kept = 100).start();
    for number in 0..100 {
        stage.publish(KEPT, [format!("{number:0LARGE$}")]);
    }
    let mut stays = stage.read(row, "/topic/kept/a?history=100").await;
    for (how, ended) in [(Leave::Close, 1), (Leave::Reset, 2), (Leave::HalfClose, 3)] {
        let mut feed = stage.read(row, "/topic/kept/a?history=100").await;
        feed.take(1).await;
        feed.leave(how).await;
        until(|| stage.count("interrupted") == ended).await;
    }
    while stays.take(1).await[0].parse() != Ok(99) {}
}
