//! Streams, as they go on and as they are come back to.

use crate::in_time;
use crate::stage::{Events, KEPT, LIVE, OTHER, Plan, Stage};
use byway::messaging::Text;
use byway::{Destination, Message, Publication};
use serde_json::{Value, json};
use std::time::Duration;

#[tokio::test]
async fn an_event_source_hears_what_is_published_and_where_it_is() {
    let stage = Stage::start();
    let mut events = stage.events("/topic/kept/a").await;
    assert_eq!(events.reader.retry, Some(2000));
    assert!(events.began_at.ends_with("-0"), "{}", events.began_at);
    stage.publish(KEPT, ["one", "two\nlines"]);
    let (one, two) = (events.next().await.unwrap(), events.next().await.unwrap());
    assert_eq!((&*one.data, &*two.data), ("one", "two\nlines"));
    assert!(one.id.ends_with("-1") && two.id.ends_with("-2"));
    assert_eq!(stage.server.byway.stats().current["feed_events"], 1);
}

/// Byte for byte: an empty line is the end of a message to many libraries, whatever stands before it.
#[tokio::test]
async fn openings_and_heartbeats_end_no_message() {
    let stage = Plan::new().with(|plan| plan.feeds.heartbeat = Duration::from_millis(20)).start();
    let mut http = stage.http().await;
    http.send("GET", "/e/feed/topic/kept/a", &[], b"").await;
    let id = in_time(http.head()).await.header("last-event-id").unwrap().to_owned();
    let chunks = [in_time(http.chunk()).await.unwrap(), in_time(http.chunk()).await.unwrap()];
    assert_eq!(chunks, [format!(":{:2048}\nretry: 2000\nid: {id}\n", ""), ":\n".to_owned()]);
    stage.publish(KEPT, ["x"]);
    let mut message = ":\n".to_owned();
    while message == ":\n" {
        message = in_time(http.chunk()).await.unwrap();
    }
    assert_eq!(message, format!("id: {}1\ndata: x\n\n", id.trim_end_matches('0')));
}

#[tokio::test]
async fn a_page_that_asks_for_it_has_an_event_that_says_where_its_feed_begins() {
    let stage = Stage::start();
    let mut events = stage.events("/topic/kept/a?opening=event").await;
    let begin = events.next().await.unwrap();
    assert_eq!((&*begin.name, &begin.id), ("begin", &events.began_at));
    assert_eq!(begin.data, format!("{{\"id\":\"{}\"}}", events.began_at));
    stage.publish(KEPT, ["missed"]);
    let mut again = stage.events_with("/topic/kept/a?opening=event", &[("Last-Event-ID", &begin.id)]).await;
    assert_eq!(again.next().await.unwrap().name, "begin");
    assert_eq!(again.take(1).await, ["missed"]);
}

/// The last word takes the id along that was said at first.
#[tokio::test]
async fn an_event_source_whose_stream_ends_as_it_should_knows_where_it_was_though_nothing_came() {
    let stage = Stage::start();
    let mut events = stage.events("/topic/kept/a?wait=1").await;
    let end = events.next().await.unwrap();
    assert_eq!((&*end.name, &end.id), ("end", &events.began_at));
}

#[tokio::test]
async fn a_stream_is_not_kept_back_by_what_stands_between() {
    let stage = Stage::start();
    let mut http = stage.http().await;
    http.send("GET", "/e/feed/topic/live", &[], b"").await;
    let head = in_time(http.head()).await;
    assert_eq!(head.header("content-type"), Some("text/event-stream; charset=utf-8"));
    assert_eq!(head.header("x-accel-buffering"), Some("no"));
    assert_eq!(head.header("cache-control"), Some("no-store, no-cache, no-transform, must-revalidate, max-age=0"));
    assert!(in_time(http.chunk()).await.unwrap().len() > 2048);
}

/// The hub's task does not run before this one waits.
#[tokio::test]
async fn a_publication_that_is_refused_is_in_no_history_either() {
    let stage = Plan::new().with(|plan| plan.settings.limits.publish_messages = 1).start();
    let mut events = stage.events("/topic/kept/a").await;
    let before = events.began_at.clone();
    let publish = |text: &str| stage.messenger.send_payload(KEPT, Text(text.to_owned().into()));
    assert!(publish("taken").is_ok() && publish("refused").is_err());
    assert_eq!(events.take(1).await, ["taken"]);
    assert!(publish("again").is_ok());
    assert_eq!(events.take(1).await, ["again"]);
    let mut again = stage.events_with("/topic/kept/a", &[("Last-Event-ID", &before)]).await;
    assert_eq!(again.take(2).await, ["taken", "again"]);
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
