//! Streams, as they go on and as they are come back to.

use crate::in_time;
use crate::stage::{Events, KEPT, LIVE, OTHER, Plan, Stage, numbers};
use byway::{Destination, Message, Publication};
use serde_json::{Value, json};
use std::time::Duration;

#[tokio::test]
async fn an_event_source_hears_what_is_published_and_where_it_is() {
    let stage = Stage::start();
    let mut events = stage.events("/topic/kept/a").await;
    assert_eq!(events.reader.retry, Some(2000));
    assert!(events.reader.last_id.ends_with("-0"), "{}", events.reader.last_id);
    stage.publish(KEPT, ["one", "two\nlines"]);
    let (one, two) = (events.next().await.unwrap(), events.next().await.unwrap());
    assert_eq!((&*one.data, &*two.data), ("one", "two\nlines"));
    assert!(one.id.ends_with("-1") && two.id.ends_with("-2"));
    assert_eq!(stage.server.byway.stats().current["feed_events"], 1);
}

#[tokio::test]
async fn a_stream_is_not_kept_back_by_what_stands_between() {
    let stage = Stage::start();
    let mut http = stage.http().await;
    http.send("GET", "/e/feed/topic/live", &[], b"").await;
    let head = in_time(http.head()).await;
    assert_eq!(head.header("content-type"), Some("text/event-stream"));
    assert_eq!(head.header("x-accel-buffering"), Some("no"));
    assert_eq!(head.header("cache-control"), Some("no-store, no-cache, no-transform, must-revalidate, max-age=0"));
    assert!(in_time(http.chunk()).await.unwrap().len() > 2048);
}

#[tokio::test]
async fn whoever_was_cut_off_at_any_event_gets_exactly_the_rest() {
    let stage = Stage::start();
    let mut all = stage.events("/topic/kept/a").await;
    let mut ids = vec![all.reader.last_id.clone()];
    stage.publish(KEPT, numbers(0..10));
    for _ in 0..10 {
        ids.push(all.next().await.unwrap().id);
    }
    for (seen, id) in ids.iter().enumerate() {
        let by_header = stage.events_with("/topic/kept/a", &[("Last-Event-ID", id)]).await;
        let by_query = stage.events(&format!("/topic/kept/a?after={id}")).await;
        let by_other_name = stage.events(&format!("/topic/kept/a?last_event_id={id}")).await;
        stage.publish(LIVE, ["elsewhere"]);
        for mut events in [by_header, by_query, by_other_name] {
            assert_eq!(events.take(10 - seen).await, numbers(seen..10));
        }
    }
    let mut last = stage.events(&format!("/topic/kept/a?after={}", ids[4])).await;
    stage.publish(KEPT, ["live"]);
    assert_eq!(last.take(7).await, [numbers(4..10), vec!["live".to_owned()]].concat());
}

#[tokio::test]
async fn the_header_counts_and_not_the_url_that_an_event_source_keeps() {
    let stage = Stage::start();
    let mut first = stage.events("/topic/kept/a?history=2").await;
    stage.publish(KEPT, numbers(0..4));
    first.take(4).await;
    let id = first.reader.last_id.clone();
    stage.publish(KEPT, ["4"]);
    let mut again = stage.events_with("/topic/kept/a?history=2", &[("Last-Event-ID", &id)]).await;
    assert_eq!(again.take(1).await, ["4"]);
    assert_eq!(stage.events("/topic/kept/a?history=2").await.take(2).await, ["3", "4"]);
}

#[tokio::test]
async fn what_is_not_kept_any_more_is_told_before_what_is_and_only_once() {
    let stage = Plan::new().with(|plan| plan.kept = 3).start();
    let id = stage.events("/topic/kept/a").await.reader.last_id;
    stage.publish(KEPT, numbers(0..10));
    let mut events = stage.events_with("/topic/kept/a", &[("Last-Event-ID", &id)]).await;
    let gap = events.next().await.unwrap();
    assert_eq!(gap.name, "gap");
    assert_eq!(serde_json::from_str::<Value>(&gap.data).unwrap(), json!({ "destination": KEPT, "missed": 7 }));
    assert_eq!(events.take(3).await, numbers(7..10));
    let mut told = stage.events_with("/topic/kept/a", &[("Last-Event-ID", &gap.id)]).await;
    assert_eq!(told.take(3).await, numbers(7..10));
}

#[tokio::test]
async fn an_id_of_another_life_brings_all_that_is_kept_behind_an_unknown_gap() {
    let stage = Stage::start();
    stage.publish(KEPT, ["kept"]);
    for id in ["1-7", "live-7"] {
        let mut events = stage.events_with("/topic/kept/a", &[("Last-Event-ID", id)]).await;
        let gap = events.next().await.unwrap();
        assert_eq!((&*gap.name, gap.data.contains("null")), ("gap", true), "{id}");
        assert_eq!(events.take(1).await, ["kept"]);
    }
}

#[tokio::test]
async fn a_topic_without_history_is_live_and_says_so_to_whoever_comes_back() {
    let stage = Stage::start();
    let mut events = stage.events("/topic/live").await;
    stage.publish(LIVE, ["one"]);
    let one = events.next().await.unwrap();
    assert!(one.id.starts_with("live-"), "{one:?}");
    let mut again = stage.events_with("/topic/live", &[("Last-Event-ID", &one.id)]).await;
    assert_eq!(again.next().await.unwrap().name, "gap");
    stage.publish(LIVE, ["two"]);
    assert_eq!(again.take(1).await, ["two"]);
}

const SEVERAL: &str = "?destination=/topic/kept/a&destination=/topic/kept/b&destination=/topic/live";

async fn data_and_ids(events: &mut Events, count: usize) -> Vec<(String, String)> {
    let mut taken = Vec::new();
    while taken.len() < count {
        let event = events.next().await.expect("the stream goes on");
        if event.name != "gap" {
            taken.push((event.data, event.id));
        }
    }
    taken
}

#[tokio::test]
async fn a_feed_of_several_destinations_is_come_back_to_in_each_of_them() {
    let stage = Stage::start();
    let mut events = stage.events(SEVERAL).await;
    for number in 0..4 {
        stage.publish(KEPT, [format!("a{number}")]);
        stage.publish(OTHER, [format!("b{number}")]);
    }
    let seen = data_and_ids(&mut events, 8).await;
    for cut in 0..8 {
        let mut again = stage.events_with(SEVERAL, &[("Last-Event-ID", &seen[cut].1)]).await;
        let mut rest: Vec<_> = data_and_ids(&mut again, 7 - cut).await.into_iter().map(|(data, _)| data).collect();
        rest.sort();
        let mut expected: Vec<_> = seen[cut + 1..].iter().map(|(data, _)| data.clone()).collect();
        expected.sort();
        assert_eq!(rest, expected, "behind {:?}", seen[cut]);
        stage.publish(LIVE, ["live"]);
        assert_eq!(data_and_ids(&mut again, 1).await[0].0, "live", "nothing comes twice");
    }
}

#[tokio::test]
async fn a_pattern_hears_all_that_it_matches() {
    let stage = Stage::start();
    let mut events = stage.events("/topic/kept/*").await;
    stage.publish(KEPT, ["a"]);
    let a = events.next().await.unwrap();
    assert_eq!(a.data, "a");
    assert!(a.id.starts_with("live-"), "one cannot come back to a pattern: {}", a.id);
    stage.publish(OTHER, ["b"]);
    assert_eq!(events.take(1).await, ["b"]);
}

#[tokio::test]
async fn lines_carry_the_same_as_events() {
    let stage = Stage::start();
    let mut http = stage.http().await;
    http.send("GET", "/e/feed/topic/kept/a", &[("Accept", "application/x-ndjson")], b"").await;
    let head = in_time(http.head()).await;
    assert_eq!((head.status, head.header("content-type")), (200, Some("application/x-ndjson")));
    let open: Value = serde_json::from_str(&in_time(http.chunk()).await.unwrap()).unwrap();
    assert_eq!((&open["event"], &open["retry"]), (&json!("open"), &json!(2000)));
    let destination = Destination::parse(KEPT).unwrap();
    let body = Message::Binary(vec![0xff].into());
    stage.messenger.publish(Publication::new(destination, body).with_header("mine", "x")).unwrap();
    let line: Value = serde_json::from_str(&in_time(http.chunk()).await.unwrap()).unwrap();
    assert_eq!((&line["destination"], &line["headers"]["mine"]), (&json!(KEPT), &json!("x")));
    assert_eq!((&line["body"], &line["encoding"]), (&json!("/w=="), &json!("base64")));
    let after = line["id"].as_str().unwrap().to_owned();
    stage.publish(KEPT, ["next"]);
    let target = format!("/e/feed/topic/kept/a?format=lines&after={after}");
    let mut again = stage.http().await;
    again.send("GET", &target, &[], b"").await;
    in_time(again.head()).await;
    in_time(again.chunk()).await;
    let next: Value = serde_json::from_str(&in_time(again.chunk()).await.unwrap()).unwrap();
    assert_eq!(next["body"], "next");
}

#[tokio::test]
async fn a_stream_on_which_nothing_happens_has_signs_of_life() {
    let stage = Plan::new().with(|plan| plan.feeds.heartbeat = Duration::from_millis(30)).start();
    let mut http = stage.http().await;
    http.send("GET", "/e/feed/topic/live", &[], b"").await;
    in_time(http.head()).await;
    in_time(http.chunk()).await;
    for _ in 0..3 {
        assert_eq!(in_time(http.chunk()).await.unwrap(), ":\n\n");
    }
}

#[tokio::test]
async fn an_http_1_0_client_reads_a_stream_that_ends_with_its_connection() {
    let stage = Stage::start();
    let mut http = stage.http().await;
    http.write(b"GET /e/feed/topic/live HTTP/1.0\r\nHost: byway.test\r\n\r\n").await;
    let head = in_time(http.head()).await;
    assert_eq!((head.status, head.header("transfer-encoding")), (200, None));
    in_time(http.chunk()).await;
    stage.publish(LIVE, ["one"]);
    assert!(in_time(http.chunk()).await.unwrap().ends_with("data: one\n\n"));
}
