use crate::stage::{Stage, json, refused, statuses};
use serde_json::{Value, json};

#[tokio::test]
async fn a_message_reaches_a_topic_s_subscribers_with_its_headers() {
    let stage = Stage::start();
    let mut client = stage.connect().await;
    client.subscribe("a", "/topic/news/*", &[]).await;
    let message = json!({ "destination": "/topic/news/tea", "body": "tea \u{e9}\n", "headers": { "weight": "1:2\n" } });
    assert_eq!(statuses(&stage.publish(&message).await), ["published"]);
    let frame = client.message().await;
    assert_eq!((frame.text(), frame.header("destination")), ("tea \u{e9}\n", Some("/topic/news/tea")));
    assert_eq!((frame.header("weight"), frame.header("content-type")), (Some("1:2\n"), Some("text/plain")));
}

#[tokio::test]
async fn a_body_that_is_no_text_is_published_as_json() {
    let stage = Stage::start();
    let mut client = stage.connect().await;
    client.subscribe("a", "/topic/a", &[]).await;
    let publish = async |body: Value| stage.publish(&json!({ "destination": "/topic/a", "body": body })).await;
    for body in [json!({ "cents": 250, "tags": ["a", null] }), json!([1, 2.5]), json!(true), json!(7)] {
        assert_eq!(statuses(&publish(body.clone()).await), ["published"]);
        let frame = client.message().await;
        assert_eq!(serde_json::from_str::<Value>(frame.text()).unwrap(), body);
        assert_eq!(frame.header("content-type"), Some("application/json"));
    }
    assert_eq!(statuses(&publish(Value::Null).await), ["published"]);
    assert_eq!(client.body().await, "");
    let own = json!({ "destination": "/topic/a", "body": "<a/>", "headers": { "content-type": "text/xml" } });
    assert_eq!(statuses(&stage.publish(&own).await), ["published"]);
    assert_eq!(client.message().await.header("content-type"), Some("text/xml"));
}

#[tokio::test]
async fn a_queue_takes_what_it_has_room_for() {
    let stage = Stage::start();
    let message = |body: &str| json!({ "destination": "/queue/work", "body": body });
    let answer = stage.publish(&json!([message("1"), message("2"), message("3")])).await;
    assert_eq!(statuses(&answer), ["published", "published", "failed queue_full"]);
    refused(&stage.publish(&message("4")).await, 503, "queue_full");
    let mut client = stage.connect().await;
    client.send("SUBSCRIBE", &[("id", "a"), ("destination", "/queue/work")], "").await;
    assert_eq!([client.body().await, client.body().await], ["1", "2"]);
}

#[tokio::test]
async fn a_message_for_a_user_reaches_all_sessions_of_that_user_and_nobody_else() {
    let stage = Stage::start();
    let (mut one, mut two) = (stage.connect_as("ada/l").await, stage.connect_as("ada/l").await);
    let mut bob = stage.connect_as("bob").await;
    for client in [&mut one, &mut two, &mut bob] {
        client.subscribe("a", "/user/queue/alerts", &[]).await;
    }
    let to = |user: &str, body: &str| json!({ "user": user, "destination": "/queue/alerts", "body": body });
    let answer = stage.publish(&json!([to("ada/l", "for ada"), to("nobody", "lost"), to("bob", "for bob")])).await;
    assert_eq!(statuses(&answer), ["published", "published", "published"]);
    for client in [&mut one, &mut two] {
        let frame = client.message().await;
        assert_eq!((frame.text(), frame.header("destination")), ("for ada", Some("/user/queue/alerts")));
    }
    assert_eq!(bob.body().await, "for bob");
}

#[tokio::test]
async fn a_message_for_a_session_reaches_that_one() {
    let stage = Stage::start();
    let (mut one, mut two) = (stage.connect().await, stage.connect().await);
    for client in [&mut one, &mut two] {
        client.subscribe("a", "/user/queue/alerts", &[]).await;
    }
    let sessions = json(&stage.get("/api/sessions").await);
    let to = |at: usize, body: &str| json!({ "session": sessions["sessions"][at]["id"], "destination": "/queue/alerts", "body": body });
    assert_eq!(statuses(&stage.publish(&json!([to(1, "two"), to(0, "one")])).await), ["published", "published"]);
    assert_eq!([one.body().await, two.body().await], ["one", "two"]);
    let gone = json!({ "session": "s99", "destination": "/queue/alerts" });
    refused(&stage.publish(&gone).await, 404, "no_such_session");
}

#[tokio::test]
async fn of_a_list_each_message_stands_for_itself_and_they_keep_their_order() {
    let stage = Stage::start();
    let mut client = stage.connect().await;
    client.subscribe("a", "/topic/**", &[]).await;
    let messages = json!([
        { "destination": "/topic/a", "body": "1" },
        { "destination": "no destination" },
        { "destination": "/topic/*" },
        { "destination": "/app/a" },
        { "destination": "/user/ada/queue/a" },
        { "destination": "/nothing/a" },
        { "destination": "/topic/a", "user": "ada", "session": "s1" },
        { "destination": "/topic/a", "headers": { "": "x" } },
        { "destination": "/topic/b", "body": "2" },
    ]);
    let answer = stage.publish(&messages).await;
    let (destination, publishable) = ("failed invalid_destination", "failed not_publishable");
    let expected = [
        "published",
        destination,
        destination,
        publishable,
        publishable,
        publishable,
        "failed invalid_request",
        "failed invalid_headers",
        "published",
    ];
    assert_eq!(statuses(&answer), expected);
    assert_eq!([client.body().await, client.body().await], ["1", "2"]);
    for (message, status) in messages.as_array().unwrap().iter().zip(expected) {
        if let Some(code) = status.strip_prefix("failed ") {
            refused(&stage.publish(message).await, 400, code);
        }
    }
    assert_eq!(statuses(&stage.publish(&json!([])).await), [""; 0]);
}

#[tokio::test]
async fn a_list_has_a_limit() {
    let stage = Stage::with(|api| api.max_messages = 2);
    let message = json!({ "destination": "/topic/a" });
    assert_eq!(statuses(&stage.publish(&json!([message, message])).await), ["published", "published"]);
    refused(&stage.publish(&json!([message, message, message])).await, 413, "too_many_messages");
}

#[tokio::test]
async fn headers_have_a_limit() {
    let stage = Stage::start();
    let headers = |count: usize| (0..count).map(|at| (format!("h{at}"), Value::from("x"))).collect();
    let message = |headers: serde_json::Map<String, Value>| json!({ "destination": "/topic/a", "headers": headers });
    assert_eq!(statuses(&stage.publish(&message(headers(64))).await), ["published"]);
    refused(&stage.publish(&message(headers(65))).await, 400, "invalid_request");
}

#[tokio::test]
async fn the_endpoint_is_named_where_there_are_several() {
    let message = json!({ "destination": "/topic/a", "body": "x" });
    let stage = Stage::of_two();
    let mut client = stage.connect().await;
    client.subscribe("a", "/topic/a", &[]).await;
    let problem = refused(&stage.publish(&message).await, 400, "endpoint_needed");
    assert!(problem["detail"].as_str().unwrap().ends_with("one of main, other"), "{problem}");
    for (endpoint, status) in [("other", 200), ("main", 200), ("third", 404)] {
        let target = format!("/api/publish?endpoint={endpoint}");
        let message = json!({ "destination": "/topic/a", "body": endpoint });
        assert_eq!(stage.ask("POST", &target, &message).await.status(), status, "{endpoint}");
    }
    assert_eq!(client.body().await, "main", "endpoints share no topics");
    let stage = Stage::start();
    refused(&stage.ask("POST", "/api/publish?endpoint=chat", &message).await, 400, "no_destinations");
}
