//! Who is present.

use crate::stage::{PUBLISHER, Stage, json, refused};
use serde_json::{Value, json};
use std::time::{Duration, SystemTime};

const ROOM: &str = "/api/presence?destination=/topic/rooms/1";

#[tokio::test]
async fn those_who_are_present_are_told_with_their_sessions() {
    let stage = Stage::start();
    let mut clients = Vec::new();
    for user in ["ada", "ada", "bob"] {
        let mut client = stage.connect_as(user).await;
        client.subscribe("0", "/topic/rooms/1", &[]).await;
        clients.push(client);
    }
    let mut nobody = stage.connect().await;
    nobody.subscribe("0", "/topic/rooms/1", &[]).await;
    let answer = json(&stage.get(ROOM).await);
    let members = answer["members"].as_array().expect("members");
    let short: Vec<_> = members.iter().map(|one| (&one["user"], &one["session"], &one["sessions"])).collect();
    let null = &Value::Null;
    let (ada, bob, s4) = (&json!("ada"), &json!("bob"), &json!("s4"));
    assert_eq!(short, [(ada, null, &json!(2)), (bob, null, &json!(1)), (null, s4, &json!(1))]);
    assert_eq!(answer["count"], 3);
    let since = humantime::parse_rfc3339(members[0]["since"].as_str().expect("a time")).expect("RFC 3339");
    assert!(since <= SystemTime::now() && since > SystemTime::now() - Duration::from_secs(600));

    clients[2].ask("UNSUBSCRIBE", &[("id", "0")], "").await;
    assert_eq!(json(&stage.get(ROOM).await)["members"][1]["sessions"], 0, "who may come back is still there");
}

#[tokio::test]
async fn those_who_are_present_come_in_pages() {
    let stage = Stage::start();
    let mut clients = Vec::new();
    for user in ["c", "a", "b"] {
        let mut client = stage.connect_as(user).await;
        client.subscribe("0", "/topic/rooms/1", &[]).await;
        clients.push(client);
    }
    let (mut seen, mut after) = (Vec::new(), String::new());
    loop {
        let page = json(&stage.get(&format!("{ROOM}&limit=2{after}")).await);
        assert_eq!(page["count"], 3);
        seen.extend(page["members"].as_array().expect("members").iter().map(|one| one["user"].clone()));
        match page.get("next") {
            Some(next) => after = format!("&after={}", next.as_str().expect("a text")),
            None => break,
        }
    }
    assert_eq!(seen, ["c", "a", "b"], "in the order in which they came");
}

#[tokio::test]
async fn an_empty_room_is_empty_and_what_is_no_room_is_refused() {
    let stage = Stage::start();
    assert_eq!(json(&stage.get(ROOM).await), json!({ "count": 0, "members": [] }));
    refused(&stage.get("/api/presence?destination=/topic/else").await, 404, "no_presence");
    refused(&stage.get("/api/presence?destination=/topic/rooms/*").await, 400, "invalid_destination");
    refused(&stage.get("/api/presence").await, 400, "invalid_request");
    refused(&stage.get(&format!("{ROOM}&after=x")).await, 400, "invalid_request");
    refused(&stage.ask_with(PUBLISHER, &[], "GET", ROOM, &Value::Null).await, 403, "not_allowed");
}
