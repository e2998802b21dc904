//! `[auth.tickets]`

use crate::stage::{Stage, with_api};
use serde_json::json;

async fn issue(stage: &Stage, expires_in: u32) -> (u16, String) {
    let answer = stage.api("POST", "/api/tickets", &json!({ "user": "ada", "expires_in": expires_in })).await;
    let body: serde_json::Value = serde_json::from_str(&answer.body).expect("JSON");
    (answer.status(), body["ticket"].as_str().unwrap_or_default().to_owned())
}

#[tokio::test]
async fn tickets_are_required_where_the_file_says_so() {
    assert_eq!(with_api("").greeting(&[]).await, "CONNECTED");
    let stage = with_api("auth.tickets.required = true");
    assert_eq!(stage.greeting(&[]).await, "Authentication failed");
    let (_, ticket) = issue(&stage, 30).await;
    assert_eq!(stage.greeting(&[("ticket", &ticket)]).await, "CONNECTED");
}

#[tokio::test]
async fn tickets_are_as_many_as_the_file_says() {
    let stage = with_api("auth.tickets.max_tickets = 1");
    assert_eq!((issue(&stage, 30).await.0, issue(&stage, 30).await.0), (200, 503));
}

#[tokio::test]
async fn a_ticket_is_good_no_longer_than_the_file_says() {
    let stage = with_api("auth.tickets.max_time = \"1m\"");
    assert_eq!((issue(&stage, 60).await.0, issue(&stage, 61).await.0), (200, 400));
}

/// A reader that was there shows its ticket again.
#[tokio::test]
async fn a_reader_comes_back_with_its_ticket_as_long_as_the_file_says() {
    for (time, status) in [("1m", 204), ("0s", 401)] {
        let settings = "auth.tickets.required = true\nbroker.history = [{ pattern = \"/topic/**\" }]";
        let stage = with_api(&format!("{settings}\nauth.tickets.reconnect_time = \"{time}\""));
        let target = format!("/e/feed/topic/a?format=poll&wait=0&ticket={}", issue(&stage, 30).await.1);
        let first = stage.get(&target).await;
        let id = first.header("last-event-id").expect("where it was");
        assert_eq!(stage.get_with(&target, &[("Last-Event-ID", id)]).await.status(), status, "{time}");
    }
}
