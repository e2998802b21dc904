//! The application's handlers.

use crate::support::stage::{Plan, Stage};
use byway::messaging::{Json, MessageError, Messages, Messenger, Path, Reply, Result, Text, ToSender};
use byway::{Disconnect, Principal, Transport};
use serde::{Deserialize, Serialize};

#[derive(Deserialize, Serialize)]
struct Say {
    text: String,
}

async fn say(Path(room): Path<String>, user: Principal, Json(say): Json<Say>, to: Messenger) -> Result {
    Ok(to.send(format!("/topic/chat/{room}"), &format!("{} says {}", user.name(), say.text))?)
}

async fn echo(Text(text): Text) -> ToSender<Text> {
    ToSender(Text(text))
}

async fn tell(Path(user): Path<String>, Text(text): Text) -> Reply {
    Reply::to_user(user, "/queue/told", Text(text))
}

async fn usual(Text(text): Text) -> Text {
    Text(text)
}

async fn rooms() -> Json<[&'static str; 2]> {
    Json(["blue", "red"])
}

async fn fail() -> Result {
    Err(MessageError::not_found("nothing here"))
}

async fn break_down() -> Result {
    Err(MessageError::internal("the database said canary"))
}

fn stage(row: Transport) -> Stage {
    let application = |messages: Messages| {
        messages
            .on_send("/chat/{room}", say)
            .on_send("/echo", echo)
            .on_send("/tell/{user}", tell)
            .on_send("/usual", usual)
            .on_send("/fail", fail)
            .on_send("/break", break_down)
            .on_subscribe("/rooms", rooms)
    };
    Plan::new(row).tokens().messages(application).start()
}

pub async fn a_handler_publishes_answers_its_sender_and_tells_a_user(row: Transport) {
    let stage = stage(row);
    let (mut ada, mut bob) = (stage.connect_as("ada").await, stage.connect_as("bob").await);
    bob.subscribe("0", "/topic/chat/*", &[]).await;
    bob.subscribe("1", "/user/queue/told", &[]).await;
    bob.subscribe("2", "/topic/usual", &[]).await;
    ada.subscribe("0", "/user/queue/echo", &[]).await;
    ada.ask("SEND", &[("destination", "/app/chat/blue")], r#"{"text":"hello"}"#).await;
    let heard = bob.message().await;
    assert_eq!((heard.text(), heard.header("destination")), (r#""ada says hello""#, Some("/topic/chat/blue")));
    assert_eq!(heard.header("content-type"), Some("application/json"));
    ada.publish("/app/tell/bob", "psst").await;
    assert_eq!(bob.message().await.header("destination"), Some("/user/queue/told"));
    ada.publish("/app/usual", "to all").await;
    assert_eq!(bob.body().await, "to all");
    ada.publish("/app/echo", "back").await;
    assert_eq!(ada.body().await, "back");
}

pub async fn a_subscription_to_the_application_is_answered_once(row: Transport) {
    let stage = stage(row);
    let mut client = stage.connect_as("ada").await;
    client.send("SUBSCRIBE", &[("id", "7"), ("destination", "/app/rooms"), ("receipt", "r")], "").await;
    let answer = client.message().await;
    assert_eq!((answer.text(), answer.header("subscription")), (r#"["blue","red"]"#, Some("7")));
    assert_eq!(answer.header("destination"), Some("/app/rooms"));
    client.receipt("r").await;
}

pub async fn a_message_that_its_handler_cannot_read_is_told_and_ends_the_session(row: Transport) {
    let stage = stage(row);
    for (destination, body, message, disconnect) in [
        ("/app/chat/blue", "{\"text\":1}", "Bad request", Disconnect::REFUSED),
        ("/app/chat/blue", "no json", "Bad request", Disconnect::REFUSED),
        ("/app/fail", "", "Not found", Disconnect::REFUSED),
        ("/app/unknown", "", "Not found", Disconnect::REFUSED),
        ("/app/break", "", "Internal error", Disconnect::INTERNAL_ERROR),
    ] {
        let mut client = stage.connect_as("ada").await;
        client.send("SEND", &[("destination", destination), ("receipt", "r")], body).await;
        let error = client.fails(message, &disconnect).await;
        assert_eq!(error.header("receipt-id"), Some("r"));
        assert!(!error.text().contains("canary"), "{error:?}");
    }
}

pub async fn whoever_listens_for_errors_hears_them_and_stays(row: Transport) {
    let stage = stage(row);
    let (mut client, mut other) = (stage.connect_as("ada").await, stage.connect_as("ada").await);
    client.subscribe("0", "/user/queue/errors", &[]).await;
    other.subscribe("0", "/user/queue/errors", &[]).await;
    client.send("SEND", &[("destination", "/app/chat/blue"), ("receipt", "never")], "no json").await;
    let told = client.message().await;
    for (name, value) in [
        ("message", "bad_request"),
        ("failed-destination", "/app/chat/blue"),
        ("failed-receipt", "never"),
        ("destination", "/user/queue/errors"),
    ] {
        assert_eq!(told.header(name), Some(value));
    }
    client.publish("/app/break", "").await;
    assert_eq!(client.body().await, "internal error");
    client.settle().await;
    other.settle().await;
}
