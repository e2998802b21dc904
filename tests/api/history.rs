//! What is kept of topics, as the API tells it.

use crate::stage::{Stage, json, refused};
use crate::support::client::websocket::BINARY;
use serde_json::{Value, json};

async fn history(stage: &Stage, query: &str) -> Value {
    json(&stage.get(&format!("/api/history?destination=/topic/kept/a{query}")).await)
}

async fn publish(stage: &Stage, numbers: std::ops::Range<usize>) {
    let list: Vec<_> = numbers.map(|n| json!({ "destination": "/topic/kept/a", "body": n.to_string() })).collect();
    assert_eq!(stage.publish(&json!(list)).await.status(), 200);
}

fn bodies(page: &Value) -> Vec<&str> {
    page["publications"].as_array().unwrap().iter().map(|publication| publication["body"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn a_topic_s_last_publications_are_told_as_its_feed_tells_them() {
    let stage = Stage::start();
    let message = json!({ "destination": "/topic/kept/a", "body": { "n": 1 }, "headers": { "source": "desk" } });
    stage.publish(&message).await;
    let page = history(&stage, "").await;
    let feed = stage.get("/e/feed/topic/kept/a?format=poll&history=10").await;
    assert_eq!(page["publications"], json(&feed), "{page}");
    assert_eq!(page["publications"][0]["headers"], json!({ "content-type": "application/json", "source": "desk" }));
    assert_eq!((&page["offset"], &page["more"]), (&page["publications"][0]["id"], &json!(false)));
    assert_eq!(page["offset"].as_str(), feed.header("last-event-id"));
}

#[tokio::test]
async fn what_came_behind_an_offset_comes_in_pages_each_once() {
    let stage = Stage::start();
    publish(&stage, 0..1).await;
    let mut since = history(&stage, "").await["offset"].as_str().unwrap().to_owned();
    publish(&stage, 1..8).await;
    let mut seen = Vec::new();
    for expected in [true, true, false] {
        let page = history(&stage, &format!("&since={since}&limit=3")).await;
        seen.extend(bodies(&page).into_iter().map(str::to_owned));
        assert_eq!((&page["more"], page.get("gap")), (&json!(expected), None));
        since = page["offset"].as_str().unwrap().to_owned();
    }
    assert_eq!(seen, ["1", "2", "3", "4", "5", "6", "7"]);
    assert_eq!(bodies(&history(&stage, &format!("&since={since}")).await), [""; 0]);
    assert_eq!(bodies(&history(&stage, "&limit=2").await), ["6", "7"], "without an offset the last are meant");
}

#[tokio::test]
async fn what_is_gone_is_told_as_a_gap() {
    let stage = Stage::start();
    publish(&stage, 0..1).await;
    let since = history(&stage, "").await["offset"].as_str().unwrap().to_owned();
    publish(&stage, 1..105).await;
    let page = history(&stage, &format!("&since={since}&limit=1")).await;
    assert_eq!((&page["gap"], bodies(&page)), (&json!({ "missed": 4 }), vec!["5"]));
    let page = history(&stage, "&since=1-7&limit=1").await;
    assert_eq!((&page["gap"], bodies(&page)), (&json!({}), vec!["5"]), "nobody knows how many");
}

#[tokio::test]
async fn a_topic_without_publications_is_empty_and_one_without_history_is_not_there() {
    let stage = Stage::start();
    assert_eq!(history(&stage, "").await, json!({ "publications": [], "more": false }));
    for destination in ["/topic/a", "/queue/a", "/user/queue/a"] {
        refused(&stage.get(&format!("/api/history?destination={destination}")).await, 404, "no_history");
    }
    refused(&stage.get("/api/history?destination=/topic/*").await, 400, "invalid_destination");
    refused(&stage.get("/api/history").await, 400, "invalid_request");
    refused(&stage.get("/api/history?destination=/topic/kept/a&since=x").await, 400, "invalid_request");
}

#[tokio::test]
async fn bytes_that_are_no_text_are_told_in_base64() {
    let stage = Stage::start();
    let mut client = stage.connect().await;
    let head = b"SEND\ndestination:/topic/kept/a\ncontent-length:3\nreceipt:sent\n\n";
    let frame = [head.as_slice(), &[0xff, 0, 0xfe, 0]].concat();
    client.client.socket.as_mut().expect("a WebSocket").send(BINARY, &frame).await;
    client.receipt("sent").await;
    let page = history(&stage, "").await;
    let publication = &page["publications"][0];
    assert_eq!((&publication["body"], &publication["encoding"]), (&json!("/wD+"), &json!("base64")));
}
