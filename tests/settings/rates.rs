//! `[rates]`: how much clients may send.

use crate::stage::{Stage, tokens};
use crate::support::stomp::{StompClient, frame};
use byway::Disconnect;

/// Where users come in, and those without a name.
fn open(content: &str) -> Stage {
    tokens(&format!("auth.anonymous = \"allow\"\n{content}"))
}

const SCOPES: [&str; 4] = ["session", "user", "address", "destination"];

/// So many messages, in one of the transport's, so that hardly any time passes between them.
async fn send(client: &mut StompClient, count: usize) {
    let headers = [("destination", "/topic/a"), ("receipt", "r")];
    client.raw(&frame("SEND", &headers, &"x".repeat(2000)).repeat(count)).await;
}

/// Somebody whom the limits of this scope are for: a user, or one without a name.
async fn sender(stage: &Stage, scope: &str) -> StompClient {
    if scope == "user" { stage.connect_as("ada").await } else { stage.connect().await }
}

/// How many of 20 messages are taken.
async fn taken(stage: &Stage, scope: &str) -> usize {
    let mut client = sender(stage, scope).await;
    send(&mut client, 20).await;
    let mut taken = 0;
    for _ in 0..20 {
        let frame = client.frame().await;
        taken += usize::from(frame.command == "RECEIPT");
    }
    taken
}

/// How many of 20 messages are taken, for each scope that has these settings. What is over them is refused.
async fn taken_with(settings: &str) -> [usize; 4] {
    let mut all = [0; 4];
    for (scope, taken_here) in SCOPES.into_iter().zip(&mut all) {
        let rates = format!("rates.{scope} = {{ {settings}, excess = \"refuse\" }}");
        *taken_here = taken(&open(&format!("messaging.refusals = \"keep\"\n{rates}")), scope).await;
    }
    all
}

/// As many as may pass at once; a busy machine earns a few more.
#[track_caller]
fn about(taken: [usize; 4], expected: usize) {
    assert!(taken.iter().all(|taken| (expected..=expected + 4).contains(taken)), "{taken:?}");
}

#[tokio::test]
async fn messages_in_a_second_are_as_many_as_the_file_says() {
    about(taken_with("messages_per_second = 3").await, 3);
}

#[tokio::test]
async fn messages_at_once_are_as_many_as_the_file_says() {
    about(taken_with("messages_per_second = 1, messages_burst = 6").await, 6);
}

#[tokio::test]
async fn bytes_in_a_second_are_as_many_as_the_file_says() {
    let some = taken_with("bytes_per_second = 9000").await;
    assert!(some.iter().all(|taken| (2..10).contains(taken)), "{some:?}");
}

#[tokio::test]
async fn bytes_at_once_are_as_many_as_the_file_says() {
    about(taken_with("bytes_per_second = 1").await, 1);
    let some = taken_with("bytes_per_second = 1, bytes_burst = 9000").await;
    assert!(some.iter().all(|taken| (2..10).contains(taken)), "{some:?}");
}

#[tokio::test]
async fn what_becomes_of_what_is_over_a_limit_is_what_the_file_says() {
    for scope in SCOPES {
        let stage = open(&format!("rates.{scope} = {{ messages_per_second = 1, excess = \"close\" }}"));
        let mut client = sender(&stage, scope).await;
        send(&mut client, 20).await;
        let crate::support::stomp::Heard::Close(code, _) = client.last().await else { panic!("{scope}: it goes on") };
        assert_eq!(code, Disconnect::RATE_LIMITED.code(), "{scope}");
    }
}

#[tokio::test]
async fn what_is_over_a_limit_is_only_counted_where_the_file_says_so() {
    let rates = "rates.dry_run = true\nrates.session = { messages_per_second = 1, excess = \"close\" }";
    let stage = open(rates);
    assert_eq!(taken(&stage, "session").await, 20);
    assert!(stage.stats().limit_hits["session_messages"] > 0);
}

/// Of 40 destinations those that are not told apart share one limit.
#[tokio::test]
async fn those_who_are_told_apart_are_as_many_as_the_file_says() {
    let rates = "rates.destination = { messages_per_second = 1, excess = \"close\" }";
    for (keys, ending) in [("", "RECEIPT"), ("rates.max_keys = 1", "ERROR")] {
        let mut client = open(&format!("{keys}\n{rates}")).connect_as("ada").await;
        let to = |n: usize| frame("SEND", &[("destination", &format!("/topic/{n}"))], "");
        client.raw(&(0..40).map(to).collect::<String>()).await;
        client.send("BEGIN", &[("transaction", "end"), ("receipt", "end")], "").await;
        assert_eq!(client.frame().await.command, ending);
    }
}
