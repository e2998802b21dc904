//! The backend is the application.

use crate::backend::Answer;
use crate::stage::{Plan, nowhere};
use byway::Disconnect;
use byway::hooks::WhenDown;
use serde_json::json;

fn plan() -> Plan {
    Plan::new().hooks(|hooks| hooks.app = true)
}

#[tokio::test]
async fn what_is_sent_to_the_application_goes_to_the_backend_and_its_answer_where_answers_go() {
    let mut stage = plan().start(|_| Answer::Status(200, "text/x-echo", "<hello>".into())).await;
    let mut client = stage.server.connect(&[]).await;
    client.subscribe("a", "/topic/chat/blue", &[]).await;
    client.send("SEND", &[("destination", "/app/chat/blue"), ("x", "y"), ("token", "canary")], "hello").await;
    let message = client.message().await;
    assert_eq!((message.text(), message.header("content-type")), ("<hello>", Some("text/x-echo")));
    let body = stage.backend.call().await.body;
    let expected = json!({
        "type": "app", "action": "send", "endpoint": "main", "session": "s1", "transport": "raw_websocket",
        "address": "127.0.0.1", "user": null, "claims": null, "destination": "/app/chat/blue",
        "headers": { "x": "y" }, "encoding": "text", "body": "hello",
    });
    assert_eq!(body, expected);
}

#[tokio::test]
async fn an_answer_goes_to_the_sender_or_elsewhere_where_it_says_so() {
    let stage = plan().start(|call| {
        let to = call.body["body"].as_str().unwrap();
        Answer::Bytes(format!("HTTP/1.1 200 X\r\nbyway-reply-to: {to}\r\ncontent-length: 2\r\n\r\nhi"))
    });
    let stage = stage.await;
    let mut client = stage.server.connect(&[]).await;
    client.subscribe("own", "/user/queue/chat", &[]).await;
    client.subscribe("else", "/topic/else", &[]).await;
    for (to, subscription) in [("sender", "own"), ("/topic/else", "else")] {
        client.publish("/app/chat", to).await;
        let message = client.message().await;
        assert_eq!((message.header("subscription"), message.text()), (Some(subscription), "hi"));
    }
}

#[tokio::test]
async fn who_subscribes_to_the_application_gets_one_answer() {
    let mut stage = plan().start(|_| Answer::json(json!(["blue", "red"]))).await;
    let mut client = stage.server.connect(&[]).await;
    client.send("SUBSCRIBE", &[("id", "a"), ("destination", "/app/rooms")], "").await;
    let message = client.message().await;
    assert_eq!((message.header("subscription"), message.text()), (Some("a"), r#"["blue","red"]"#));
    assert_eq!(message.header("content-type"), Some("application/json"));
    assert_eq!(stage.backend.call().await.body["action"], "subscribe");
}

#[tokio::test]
async fn no_content_is_no_answer_and_what_the_client_said_was_taken() {
    let stage = plan().start(|_| Answer::empty(204)).await;
    let mut client = stage.server.connect(&[]).await;
    client.subscribe("a", "/topic/x", &[]).await;
    client.ask("SEND", &[("destination", "/app/x")], "1").await;
    stage.server.messenger.send("/topic/x", &"next").unwrap();
    assert_eq!(client.body().await, "\"next\"");
}

#[tokio::test]
async fn a_refusal_is_told_to_the_sender_by_its_kind() {
    let stage = plan().start(|call| {
        let status = call.body["body"].as_str().unwrap().parse().unwrap();
        Answer::problem(status, "No.")
    });
    let stage = stage.await;
    for (status, message, disconnect) in [
        ("400", "Bad request", Disconnect::REFUSED),
        ("422", "Bad request", Disconnect::REFUSED),
        ("401", "Unauthorized", Disconnect::FORBIDDEN),
        ("403", "Forbidden", Disconnect::FORBIDDEN),
        ("404", "Not found", Disconnect::REFUSED),
        ("429", "Overloaded", Disconnect::OVERLOADED),
        ("500", "Unavailable", Disconnect::BACKEND_UNAVAILABLE),
    ] {
        let mut client = stage.server.connect(&[]).await;
        client.publish("/app/x", status).await;
        let error = client.fails(message, &disconnect).await;
        assert_eq!(error.text().contains("No."), status != "500", "{error:?}");
    }
    assert_eq!(stage.server.outcomes("app", "answered"), 6);
}

#[tokio::test]
async fn without_a_backend_the_sender_is_told_to_try_again_whatever_is_allowed_without_one() {
    let plan = plan().hooks(|hooks| hooks.when_down = WhenDown::Allow);
    let server = plan.serve(nowhere().await);
    let mut client = server.connect(&[]).await;
    client.publish("/app/x", "1").await;
    client.fails("Unavailable", &Disconnect::BACKEND_UNAVAILABLE).await;
}
