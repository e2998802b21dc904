//! Streams that end in time or in bytes, so that their readers come back.

use crate::stage::{KEPT, Plan, Stage, numbers, until};
use std::time::Duration;

const END_OF_STREAM: &str = r#"{"code":1000,"reason":"Stream limit reached","reconnect":true}"#;

/// What a reader hears that comes back whenever its stream ends, and how often it came.
async fn heard_in_turns(stage: &Stage, target: &str, count: usize) -> (Vec<String>, usize) {
    let (mut heard, mut turns, mut id) = (Vec::new(), 0, String::new());
    while heard.len() < count {
        let mut events = stage.events_with(target, &[("Last-Event-ID", &id)]).await;
        turns += 1;
        while let Some(event) = events.next().await {
            match &*event.name {
                "" => heard.push(event.data),
                name => assert_eq!((name, &*event.data), ("end", END_OF_STREAM)),
            }
        }
        id = events.reader.last_id;
    }
    (heard, turns)
}

#[tokio::test]
async fn a_stream_that_has_carried_its_limit_ends_and_whoever_comes_back_misses_nothing() {
    let stage = Plan::new().with(|plan| plan.feeds.response_limit = Some(1)).start();
    stage.publish(KEPT, numbers(0..5));
    assert_eq!(heard_in_turns(&stage, "/topic/kept/a?history=9", 5).await, (numbers(0..5), 5));
    assert_eq!(stage.count("stream_limit"), 5);
}

#[tokio::test]
async fn what_is_published_live_is_limited_too_and_none_of_it_is_lost() {
    let stage = Plan::new().with(|plan| plan.feeds.response_limit = Some(100)).start();
    let mut events = stage.events("/topic/kept/a").await;
    stage.publish(KEPT, numbers(0..50));
    let mut heard = Vec::new();
    loop {
        match events.next().await.expect("the last word comes") {
            end if end.name == "end" => break,
            event => heard.push(event.data),
        }
    }
    assert!(!heard.is_empty() && heard.len() < 50, "{heard:?}");
    let mut again = events;
    while heard.len() < 50 {
        again = stage.events_with("/topic/kept/a", &[("Last-Event-ID", &again.reader.last_id)]).await;
        while heard.len() < 50
            && let Some(event) = again.next().await
        {
            heard.extend((event.name != "end").then_some(event.data));
        }
    }
    assert_eq!(heard, numbers(0..50));
}

#[tokio::test]
async fn a_poll_s_answer_is_full_at_the_limit_and_the_next_goes_on_there() {
    let stage = Plan::new().with(|plan| plan.feeds.response_limit = Some(1)).start();
    let (_, _, mut next) = stage.poll("/topic/kept/a?wait=0").await;
    stage.publish(KEPT, numbers(0..3));
    for number in numbers(0..3) {
        let (_, messages, after) = stage.poll(&format!("/topic/kept/a?after={next}&wait=20")).await;
        assert_eq!((messages.len(), messages[0]["body"].as_str()), (1, Some(&*number)));
        next = after;
    }
}

#[tokio::test]
async fn a_stream_ends_after_the_time_that_its_reader_or_the_server_gives_it() {
    let brief = Plan::new().with(|plan| plan.feeds.stream_time = Some(Duration::from_millis(50))).start();
    for (stage, target) in [(brief, "/topic/kept/a?wait=60"), (Stage::start(), "/topic/kept/a?wait=1")] {
        let mut events = stage.events(target).await;
        stage.publish(KEPT, ["heard"]);
        assert_eq!(events.take(1).await, ["heard"]);
        assert_eq!(events.next().await.unwrap().data, END_OF_STREAM);
        assert_eq!(events.next().await, None);
    }
}

#[tokio::test]
async fn a_poll_waits_longer_than_streams_last() {
    let stage = Plan::new().with(|plan| plan.feeds.stream_time = Some(Duration::from_millis(1))).start();
    let (status, _, _) = stage.poll("/topic/kept/a?wait=1").await;
    assert_eq!(status, 204);
}

#[tokio::test]
async fn a_reader_that_is_sent_away_amid_the_past_is_not_told_of_anything_behind_it() {
    const LARGE: usize = 60_000;
    const EACH: usize = 16;
    let stage = Stage::start();
    // More than sockets take that nobody reads from.
    let topics: Vec<String> = (0..12).map(|topic| format!("/topic/kept/{topic}")).collect();
    for (topic, number) in topics.iter().flat_map(|topic| (0..EACH).map(move |number| (topic, number))) {
        stage.publish(topic, [format!("{number:0LARGE$}")]);
    }
    let target: String = topics.iter().map(|topic| format!("&destination={topic}")).collect();
    let mut events = stage.events(&format!("?history=100{target}")).await;
    let session = stage.server.byway.sessions().pop().expect("it reads");
    stage.publish(&topics[0], ["live"]);
    until(|| session.queued().0 == 1).await;
    session.close();
    let mut heard = Vec::new();
    while let Some(event) = events.next().await {
        heard.extend((event.name != "end").then_some(event.data));
    }
    assert!(heard.len() < topics.len() * EACH, "the past was cut off");
    assert!(!heard.contains(&"live".to_owned()), "what is behind the past would hide it");
}
