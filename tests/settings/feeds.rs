//! `[feeds]`

use crate::stage::{Stage, in_time, soon, stomp};
use crate::support::client::http::Http;

const HISTORY: &str = "broker.history = [{ pattern = \"/topic/**\" }]\n";

/// A stream of JSON objects, of which the first line was read.
async fn stream(stage: &Stage) -> (Http, String) {
    let mut http = stage.http().await;
    http.send("GET", "/e/feed/topic/a?format=lines&wait=3600", &[], b"").await;
    assert_eq!(http.head().await.status, 200);
    let opening = http.chunk().await.expect("the stream begins");
    (http, opening)
}

#[tokio::test]
async fn there_are_feeds_unless_the_file_says_no() {
    assert_eq!(stomp(HISTORY).get("/e/feed/topic/a?format=poll&wait=0").await.status(), 204);
    assert_eq!(stomp("feeds.enabled = false").get("/e/feed/topic/a").await.status(), 404);
}

#[tokio::test]
async fn a_feed_has_as_many_destinations_as_the_file_says() {
    let stage = stomp(&format!("{HISTORY}feeds.max_destinations = 1"));
    let target = "/e/feed/topic/a?format=poll&wait=0";
    assert_eq!(stage.get(target).await.status(), 204);
    assert_eq!(stage.get(&format!("{target}&destination=/topic/b")).await.status(), 400);
}

#[tokio::test]
async fn a_poll_waits_no_longer_than_the_file_says() {
    let stage = stomp(&format!("{HISTORY}feeds.max_wait = \"100ms\""));
    for wait in ["", "&wait=3600"] {
        assert_eq!(stage.get(&format!("/e/feed/topic/a?format=poll{wait}")).await.status(), 204);
    }
}

#[tokio::test]
async fn a_stream_has_signs_of_life_as_often_as_the_file_says() {
    let (mut http, _) = stream(&stomp("feeds.heartbeat = \"100ms\"")).await;
    assert_eq!(soon(http.chunk()).await.as_deref(), Some("\n"));
}

#[tokio::test]
async fn readers_come_back_after_what_the_file_says() {
    let (_http, opening) = stream(&stomp("feeds.retry = \"7s\"")).await;
    assert!(opening.contains("\"retry\":7000"), "{opening}");
}

#[tokio::test]
async fn a_stream_ends_behind_as_many_bytes_as_the_file_says() {
    let stage = stomp("feeds.response_limit = 100");
    let (mut http, _) = stream(&stage).await;
    stage.publish("/topic/a", &"x".repeat(100));
    let rest = in_time(http.body()).await;
    assert!(rest.contains("xxx") && rest.contains("Stream limit reached"), "{rest}");
}

#[tokio::test]
async fn a_stream_ends_after_the_time_that_the_file_says() {
    let (mut http, _) = stream(&stomp("feeds.stream_time = \"1s\"")).await;
    assert!(soon(http.body()).await.contains("Stream limit reached"));
}
