//! How feeds end.

use crate::in_time;
use crate::stage::{KEPT, Plan, Stage, until};
use byway::messaging::Text;
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(20);

#[tokio::test]
async fn a_drain_tells_streams_and_polls_to_come_back() {
    let stage = Stage::start();
    let mut events = stage.events("/topic/kept/a").await;
    let poll = tokio::spawn({
        let mut http = stage.http().await;
        async move { http.ask("GET", "/e/feed/topic/kept/a?format=poll", &[], b"").await }
    });
    until(|| stage.server.byway.sessions().len() == 2).await;
    let byway = stage.server.byway.clone();
    let draining = tokio::spawn(async move { byway.drain(PATIENCE).await });
    let end = events.next().await.unwrap();
    assert_eq!((&*end.name, end.data.contains("\"code\":1001")), ("end", true), "{end:?}");
    assert_eq!(events.next().await, None);
    let poll = in_time(poll).await.unwrap();
    assert_eq!((poll.status(), poll.header("retry-after")), (503, Some("5")));
    let drained = in_time(draining).await.unwrap();
    assert_eq!((drained.told, drained.left), (2, 0));
    assert_eq!(stage.http().await.ask("GET", "/e/feed/topic/kept/a", &[], b"").await.status(), 503);
}

#[tokio::test]
async fn a_reader_that_leaves_ends_its_feed_at_once() {
    let stage = Stage::start();
    let events = stage.events("/topic/kept/a").await;
    drop(events);
    until(|| stage.server.byway.sessions().is_empty()).await;
    assert_eq!(stage.count("interrupted"), 1);
}

#[tokio::test]
async fn a_reader_that_takes_nothing_is_closed_and_comes_back_to_what_it_missed() {
    const LARGE: usize = 60_000;
    let plan = Plan::new().with(|plan| {
        plan.settings.session.queue_messages = 8;
        plan.kept = 10;
    });
    let stage = plan.start();
    let mut events = stage.events("/topic/kept/a").await;
    let id = events.reader.last_id.clone();
    let mut published = 0;
    while stage.count("slow_consumer") == 0 {
        let body = format!("{published:0LARGE$}");
        published += usize::from(stage.messenger.send_payload(KEPT, Text(body.into())).is_ok());
        tokio::task::yield_now().await;
    }
    let mut heard = 0;
    let end = loop {
        let event = events.next().await.expect("the last word comes");
        match &*event.name {
            "" => heard += 1,
            _ => break event,
        }
    };
    assert!(end.name == "end" && end.data.contains("Slow consumer"), "{end:?}");
    assert!(heard < published);
    let mut again = stage.events_with("/topic/kept/a", &[("Last-Event-ID", &end.id)]).await;
    assert_ne!(end.id, id);
    let (mut missed, mut rest) = (0, Vec::new());
    while rest.last() != Some(&(published - 1)) {
        let event = again.next().await.expect("the stream goes on");
        match &*event.name {
            "gap" => missed = serde_json::from_str::<Missed>(&event.data).unwrap().missed,
            _ => rest.push(event.data.parse::<usize>().unwrap()),
        }
    }
    assert_eq!(rest, (heard + missed..published).collect::<Vec<_>>());
}

#[derive(serde::Deserialize)]
struct Missed {
    missed: usize,
}
