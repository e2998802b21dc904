//! `[messaging]`

use crate::stage::{stomp, tokens};
use crate::support::stage::token;

#[tokio::test]
async fn the_application_s_destinations_are_where_the_file_says() {
    for (setting, message) in [("", "Forbidden"), ("messaging.app_prefix = \"/jobs\"", "Not found")] {
        let mut client = stomp(setting).connect().await;
        client.publish("/jobs/a", "").await;
        assert!(client.frame().await.header("message").expect("an ERROR").starts_with(message));
    }
}

#[tokio::test]
async fn users_destinations_are_where_the_file_says() {
    let stage = stomp("messaging.user_prefix = \"/own\"");
    let mut client = tokens("messaging.user_prefix = \"/own\"").connect_as("ada").await;
    client.subscribe("0", "/own/queue/a", &[]).await;
    let mut stranger = stage.connect().await;
    stranger.send("SUBSCRIBE", &[("id", "0"), ("destination", "/user/queue/a")], "").await;
    assert_eq!(stranger.frame().await.command, "ERROR");
}

#[tokio::test]
async fn who_is_present_is_told_where_the_file_says() {
    let presence = "broker.presence = [{ pattern = \"/topic/rooms/*\" }]";
    let stage = stomp(&format!("messaging.presence_prefix = \"/who\"\n{presence}"));
    let mut client = stage.connect().await;
    client.listen("0", "/who/topic/rooms/1", "auto").await;
    assert_eq!(client.message().await.header("presence"), Some("here"));
}

#[tokio::test]
async fn a_user_has_as_many_sessions_as_the_file_says() {
    let stage = tokens("messaging.max_sessions_per_user = 1");
    let _one = stage.connect_as("ada").await;
    assert_eq!(stage.greeting(&[("token", &token("ada"))]).await, "Forbidden");
    assert_eq!(stage.greeting(&[("token", &token("bob"))]).await, "CONNECTED");
}

#[tokio::test]
async fn what_becomes_of_a_session_that_was_refused_something_is_what_the_file_says() {
    let mut client = stomp("messaging.refusals = \"keep\"").connect().await;
    client.publish("/nowhere", "").await;
    client.error("Forbidden").await;
    client.settle().await;
}
