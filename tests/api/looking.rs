//! Sessions and users: seeing and ending them.

use crate::stage::{KEY, Stage, json, refused};
use crate::support::client::{Client, Event};
use crate::support::stomp::{Heard, StompClient};
use byway::{Disconnect, Transport};
use serde_json::{Value, json};
use std::time::{Duration, SystemTime};

#[tokio::test]
async fn sessions_are_told_with_whose_they_are_and_what_they_carry() {
    let stage = Stage::start();
    let mut ada = stage.connect_as("ada").await;
    ada.subscribe("x", "/topic/a/*", &[]).await;
    let _nobody = stage.connect().await;
    let sessions = json(&stage.get("/api/sessions").await);
    let [first, second] = sessions["sessions"].as_array().unwrap().as_slice() else { panic!("{sessions}") };
    assert_eq!((&first["id"], &first["user"], &first["address"]), (&json!("s1"), &json!("ada"), &json!("127.0.0.1")));
    assert_eq!(first["transport"], "raw_websocket");
    assert_eq!(first["queue"], json!({ "messages": 0, "bytes": 0 }));
    assert_eq!((&first["received"]["messages"], &first["sent"]["messages"]), (&json!(2), &json!(2)));
    let since = humantime::parse_rfc3339(first["since"].as_str().unwrap()).unwrap();
    assert!(since <= SystemTime::now() && since > SystemTime::now() - Duration::from_secs(600));
    assert!(second.get("user").is_none() && sessions.get("next").is_none(), "{sessions}");

    let one = json(&stage.get("/api/sessions/s1").await);
    assert_eq!(one["user"], "ada");
    assert_eq!(one["subscriptions"], json!([{ "id": "x", "destination": "/topic/a/*" }]));
    for unknown in ["s99", "1", "s01", "x", "s18446744073709551616"] {
        refused(&stage.get(&format!("/api/sessions/{unknown}")).await, 404, "no_such_session");
    }
}

#[tokio::test]
async fn sessions_and_users_come_in_pages() {
    let stage = Stage::start();
    let mut clients = Vec::new();
    for name in ["c", "a", "b"] {
        clients.push(stage.connect_as(name).await);
    }
    for (path, field, expected) in [("sessions", "id", ["s1", "s2", "s3"]), ("users", "name", ["a", "b", "c"])] {
        let mut seen = Vec::new();
        let mut after = String::new();
        loop {
            let page = json(&stage.get(&format!("/api/{path}?limit=1{after}")).await);
            seen.extend(page[path].as_array().unwrap().iter().map(|row| row[field].as_str().unwrap().to_owned()));
            match page.get("next") {
                Some(next) => after = format!("&after={}", next.as_str().unwrap()),
                None => break,
            }
        }
        assert_eq!(seen, expected);
    }
}

#[tokio::test]
async fn users_are_told_with_their_sessions() {
    let stage = Stage::start();
    let mut one = stage.connect_as("ada/l v").await;
    one.subscribe("x", "/topic/a", &[]).await;
    let _two = stage.connect_as("ada/l v").await;
    assert_eq!(json(&stage.get("/api/users").await), json!({ "users": [{ "name": "ada/l v", "sessions": 2 }] }));
    let user = json(&stage.get("/api/users/ada%2Fl%20v").await);
    let first = json!({ "id": "s1", "subscriptions": [{ "id": "x", "destination": "/topic/a" }] });
    assert_eq!(user, json!({ "name": "ada/l v", "sessions": [first, { "id": "s2", "subscriptions": [] }] }));
    refused(&stage.get("/api/users/nobody").await, 404, "no_such_user");
    refused(&stage.get("/api/users?endpoint=chat").await, 400, "no_destinations");
}

#[tokio::test]
async fn the_api_s_requests_and_publications_are_counted() {
    let stage = Stage::start();
    stage.publish(&json!([{ "destination": "/topic/a" }, { "destination": "nowhere" }])).await;
    for _ in 0..2 {
        let key = [("Idempotency-Key", "k")];
        stage.ask_with(KEY, &key, "POST", "/api/publish", &json!({ "destination": "/topic/a" })).await;
    }
    stage.ask("POST", "/api/publish", &json!({})).await;
    stage.get("/api/users/nobody").await;
    stage.get("/api/nowhere").await;
    stage.ask_with("wrong", &[], "GET", "/api/users", &Value::Null).await;
    let metrics = stage.get("/metrics").await.body;
    for expected in [
        r#"byway_api_requests_total{operation="publish",status="200"} 3"#,
        r#"byway_api_requests_total{operation="publish",status="400"} 1"#,
        r#"byway_api_requests_total{operation="getUser",status="404"} 1"#,
        r#"byway_api_requests_total{operation="none",status="404"} 1"#,
        r#"byway_api_requests_total{operation="none",status="401"} 1"#,
        r#"byway_api_publications_total{result="published"} 2"#,
        r#"byway_api_publications_total{result="repeated"} 1"#,
        r#"byway_api_publications_total{result="failed"} 1"#,
    ] {
        assert!(metrics.contains(expected), "{expected} in {metrics}");
    }
}

async fn close_of(client: &mut StompClient) -> (u16, String) {
    match client.next().await {
        Heard::Close(code, reason) => (code, reason),
        other => panic!("{other:?} instead of the end"),
    }
}

#[tokio::test]
async fn a_session_that_is_ended_hears_the_code_and_the_reason() {
    let stage = Stage::start();
    for (query, code, reason) in
        [("", 1000, "Normal closure"), ("?code=4001&reason=too%20late", 4001, "too late"), ("?code=3000", 3000, "")]
    {
        let mut client = stage.connect().await;
        let sessions = json(&stage.get("/api/sessions").await);
        let target = format!("/api/sessions/{}", sessions["sessions"][0]["id"].as_str().unwrap());
        let answer = stage.ask("DELETE", &format!("{target}{query}"), &Value::Null).await;
        assert_eq!((answer.status(), answer.body.as_str()), (204, ""));
        assert_eq!(close_of(&mut client).await, (code, reason.to_owned()));
        refused(&stage.ask("DELETE", &target, &Value::Null).await, 404, "no_such_session");
    }
    let _client = stage.connect().await;
    let long = "x".repeat(124);
    for query in ["code=1001", "code=5000", &format!("reason={long}")] {
        refused(&stage.ask("DELETE", &format!("/api/sessions/s4?{query}"), &Value::Null).await, 400, "invalid_ending");
    }
    assert_eq!(stage.get("/api/sessions/s4").await.status(), 200, "it is still there");
}

#[tokio::test]
async fn sessions_of_endpoints_without_destinations_are_seen_and_ended_too() {
    let stage = Stage::start();
    let mut client = Client::new(stage.server.address, Transport::RawWebsocket);
    client.base = "/chat".to_owned();
    let mut client = client.open().await;
    let sessions = json(&stage.get("/api/sessions?endpoint=chat").await);
    assert_eq!(sessions["sessions"][0]["id"], "s1", "{sessions}");
    assert_eq!(stage.ask("DELETE", "/api/sessions/s1?endpoint=chat&code=4000", &Value::Null).await.status(), 204);
    assert_eq!(client.next_but_heartbeats().await, Event::Close(4000, String::new()));
}

#[tokio::test]
async fn what_is_revoked_ends_and_does_not_come_back() {
    let stage = Stage::start();
    let until = humantime::format_rfc3339_seconds(SystemTime::now() + Duration::from_secs(3600)).to_string();
    let revoke = async |what: Value| json(&stage.ask("POST", "/api/revocations", &what).await);
    let mut ada = stage.connect_as("ada").await;
    let mut bob = stage.connect_with(&[("login", "bob"), ("passcode", "t1")]).await;
    let mut eve = stage.connect_as("eve").await;
    let ended = json!({ "sessions_ended": 1 });
    assert_eq!(revoke(json!({ "user": "ada", "until": until })).await, ended);
    assert_eq!(revoke(json!({ "token": "t1", "until": until })).await, ended);
    assert_eq!(revoke(json!({ "session": "s3" })).await, ended);
    for client in [&mut ada, &mut bob, &mut eve] {
        client.closes(&Disconnect::REVOKED).await;
    }
    let mut again = StompClient::open(Client::new(stage.server.address, Transport::RawWebsocket)).await;
    again.say_connect(&[("login", "ada")]).await;
    again.fails("Revoked", &Disconnect::REVOKED).await;
    assert_eq!(revoke(json!({ "user": "nobody", "until": until })).await, json!({ "sessions_ended": 0 }));
    for wrong in [json!({}), json!({ "user": "ada" }), json!({ "user": "", "until": until }), json!({ "users": "ada" })]
    {
        refused(&stage.ask("POST", "/api/revocations", &wrong).await, 400, "invalid_request");
    }
}
