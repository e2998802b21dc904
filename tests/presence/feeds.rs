//! The same over feeds.

use crate::in_time;
use crate::stage::{LONG, ROOM, SHORT, Watcher, name, open_plan, plan, rooms, start};
use crate::support::client::http::{Http, ask};
use crate::support::stage::{Stage, token};
use serde_json::Value;

/// A feed of lines, and what it says that is no control line.
struct Feed {
    http: Http,
    pending: String,
}

impl Feed {
    async fn open(stage: &Stage, target: &str, user: &str) -> Self {
        Self::open_with(stage, target, &[("Authorization", &format!("Bearer {}", token(user)))]).await
    }

    async fn open_with(stage: &Stage, target: &str, headers: &[(&str, &str)]) -> Self {
        let mut http = Http::connect(stage.server.address).await;
        let headers = [&[("Accept", "application/x-ndjson")], headers].concat();
        http.send("GET", &format!("/e/feed{target}"), &headers, b"").await;
        assert_eq!(in_time(http.head()).await.status, 200);
        Self { http, pending: String::new() }
    }

    async fn line(&mut self) -> Value {
        loop {
            if let Some(end) = self.pending.find('\n') {
                let line: String = self.pending.drain(..=end).collect();
                match serde_json::from_str::<Value>(&line) {
                    Ok(value) if value["event"] != "open" => return value,
                    _ => continue,
                }
            }
            let chunk = in_time(self.http.chunk()).await.expect("the feed goes on");
            self.pending.push_str(&chunk);
        }
    }

    /// What a line tells of who is there.
    async fn news(&mut self) -> Value {
        let line = self.line().await;
        serde_json::from_str(line["body"].as_str().unwrap_or_else(|| panic!("{line}"))).expect("JSON")
    }
}

#[tokio::test]
async fn a_feed_begins_with_who_is_there_and_goes_on_with_who_comes_and_goes() {
    let stage = start(SHORT);
    let mut ada = stage.connect_as("ada").await;
    ada.subscribe("0", ROOM, &[]).await;
    let mut feed = Feed::open(&stage, "/presence/topic/rooms/1", "watcher").await;
    let here = feed.news().await;
    assert_eq!((&here["type"], name(&here["members"][0])), (&"here".into(), "ada".to_owned()));
    let mut bob = stage.connect_as("bob").await;
    bob.subscribe("0", ROOM, &[]).await;
    drop(ada);
    let join = feed.news().await;
    assert_eq!((&join["type"], name(&join["member"])), (&"join".into(), "bob".to_owned()));
    let leave = feed.news().await;
    assert_eq!((&leave["type"], name(&leave["member"]), &leave["count"]), (&"leave".into(), "ada".into(), &1.into()));
}

#[tokio::test]
async fn whoever_comes_back_learns_anew_who_is_there_and_of_no_gap() {
    let stage = start(LONG);
    let mut feed = Feed::open(&stage, "/presence/topic/rooms/1", "watcher").await;
    let id = feed.line().await["id"].as_str().expect("an id").to_owned();
    let mut ada = stage.connect_as("ada").await;
    ada.subscribe("0", ROOM, &[]).await;
    let join = feed.line().await;
    assert_ne!(join["id"].as_str(), Some(&*id));
    let token = format!("Bearer {}", token("watcher"));
    let headers = [("Authorization", &*token), ("Last-Event-ID", &*id)];
    let mut again = Feed::open_with(&stage, "/presence/topic/rooms/1", &headers).await;
    let here = again.news().await;
    assert_eq!((&here["type"], name(&here["members"][0])), (&"here".into(), "ada".to_owned()));
}

#[tokio::test]
async fn a_reader_of_a_topic_is_there_while_it_reads() {
    let stage = start(SHORT);
    let mut watcher = Watcher::new(&stage).await;
    let feed = Feed::open(&stage, "?destination=/topic/rooms/1&destination=/presence/topic/rooms/1", "ada").await;
    assert_eq!(watcher.next().await, "join ada");
    drop(feed);
    assert_eq!(watcher.next().await, "leave ada");
}

#[tokio::test]
async fn an_event_source_hears_events_of_this_name_and_nobody_else_sends_such() {
    let stage = open_plan(rooms(LONG)).start();
    let mut http = Http::connect(stage.server.address).await;
    let target = "/e/feed?destination=/presence/topic/rooms/1&destination=/topic/rooms/2";
    http.send("GET", target, &[("Accept", "text/event-stream")], b"").await;
    assert_eq!(in_time(http.head()).await.status, 200);
    let mut text = String::new();
    while !text.contains("event: presence\ndata: {\"type\":\"here\"") {
        text.push_str(&in_time(http.chunk()).await.expect("the feed goes on"));
    }
    let mut liar = stage.connect().await;
    liar.send("SEND", &[("destination", "/topic/rooms/2"), ("event", "presence")], "lies").await;
    let mut told = String::new();
    while !told.contains("data: lies") {
        told.push_str(&in_time(http.chunk()).await.expect("the feed goes on"));
    }
    // This feed's own reader is in the other room, which is not the one that it watches.
    assert!(!told.contains("event: presence"), "{told}");
}

#[tokio::test]
async fn polls_of_presence_are_refused_with_what_to_do_and_polls_of_nobody_make_nobody_present() {
    let history = |broker: &mut byway::broker::BrokerSettings| {
        broker.history = vec![byway::broker::HistorySettings::new("/topic/rooms/*".parse().expect("a pattern"))];
    };
    let stage = open_plan(rooms(LONG)).broker(history).start();
    let poll = async |target: &str, headers: &[(&str, &str)]| {
        ask(stage.server.address, "GET", &format!("/e/feed{target}?format=poll&wait=0"), headers, b"").await
    };
    let answer = poll("/presence/topic/rooms/1", &[]).await;
    assert_eq!((answer.status(), answer.body.contains("read it as a stream")), (400, true), "{answer:?}");
    assert_eq!(poll("/topic/rooms/1", &[]).await.status(), 204);
    assert_eq!(Watcher::of(stage.connect().await).await.known, [""; 0]);
}

#[tokio::test]
async fn a_user_who_polls_is_there_between_polls() {
    let history = |broker: &mut byway::broker::BrokerSettings| {
        broker.history = vec![byway::broker::HistorySettings::new("/topic/rooms/*".parse().expect("a pattern"))];
    };
    let stage = plan(rooms(LONG)).broker(history).start();
    let mut watcher = Watcher::new(&stage).await;
    let token = format!("Bearer {}", token("ada"));
    for _ in 0..3 {
        let target = "/e/feed/topic/rooms/1?format=poll&wait=0";
        let answer = ask(stage.server.address, "GET", target, &[("Authorization", &token)], b"").await;
        assert_eq!(answer.status(), 204);
    }
    let mut bob = stage.connect_as("bob").await;
    bob.subscribe("0", ROOM, &[]).await;
    assert_eq!([watcher.next().await, watcher.next().await], ["join ada", "join bob"]);
}
