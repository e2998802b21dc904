//! `[hooks]`

use crate::backend::{Answer, Backend, Call, SECRET};
use crate::stage::{File, JWT, Stage, read, soon, stomp, until};
use crate::support::stage::token;
use serde_json::{Value, json};

/// STOMP with this backend and what else the file says.
pub fn serve(backend: &Backend, content: &str) -> Stage {
    stomp(&format!("hooks.url = \"http://{}/\"\nhooks.secret = \"{SECRET}\"\n{content}", backend.address))
}

async fn start(content: &str, script: impl FnMut(&Call) -> Answer + Send + 'static) -> (Stage, Backend) {
    let backend = Backend::start(script).await;
    (serve(&backend, content), backend)
}

/// With a backend that has nothing to say.
async fn silent(content: &str) -> (Stage, Backend) {
    start(content, |_| Answer::empty(204)).await
}

/// What a SEND to this destination is answered with.
async fn send(stage: &Stage, destination: &str) -> String {
    let mut client = stage.connect().await;
    client.send("SEND", &[("destination", destination), ("receipt", "r")], "").await;
    let frame = client.frame().await;
    frame.header("message").unwrap_or(&frame.command).split(": ").next().unwrap_or_default().to_owned()
}

/// The backend looks at each call's signature.
#[tokio::test]
async fn the_backend_is_where_the_file_says_and_calls_are_signed_with_its_secret() {
    let (stage, mut backend) = silent("hooks.app = true").await;
    assert_eq!(send(&stage, "/app/a").await, "RECEIPT");
    assert_eq!(backend.call().await.body["destination"], "/app/a");
}

#[tokio::test]
async fn calls_are_signed_with_the_secret_in_the_file_that_the_file_names() {
    let (mut backend, secret) = (Backend::start(|_| Answer::empty(204)).await, File::new(SECRET));
    let url = format!("hooks.url = \"http://{}/\"", backend.address);
    let stage = stomp(&format!("{url}\nhooks.secret_file = {}\nhooks.app = true", secret.quoted()));
    assert_eq!(send(&stage, "/app/a").await, "RECEIPT");
    backend.call().await;
}

#[tokio::test]
async fn a_backend_on_another_machine_is_asked_without_tls_where_the_file_says_so() {
    let hooks = format!("hooks.url = \"http://10.0.0.1/\"\nhooks.secret = \"{SECRET}\"\nhooks.app = true\n");
    let refused = read(&hooks).expect_err("plain HTTP goes nowhere");
    assert!(refused.starts_with("hooks.url"), "{refused}");
    let stage = stomp(&format!("{hooks}hooks.allow_plain_http = true"));
    assert_eq!(stage.greeting(&[]).await, "CONNECTED");
}

#[tokio::test]
async fn the_backend_says_who_a_client_is_where_the_file_says_so() {
    let (stage, _backend) = start("hooks.connect = true", |_| Answer::json(json!({ "user": "ada" }))).await;
    let mut client = stage.open().await;
    client.say_connect(&[]).await;
    assert_eq!(client.frame().await.header("user-name"), Some("ada"));
}

#[tokio::test]
async fn tokens_are_sent_on_where_the_file_says_so() {
    let ada = token("ada");
    for (setting, expected) in [("", Value::Null), ("hooks.forward_credentials = true", json!(ada))] {
        let (stage, mut backend) = silent(&format!("{JWT}hooks.connect = true\n{setting}")).await;
        assert_eq!(stage.greeting(&[("token", &ada)]).await, "CONNECTED");
        assert_eq!(backend.call().await.body["token"], expected);
    }
}

#[tokio::test]
async fn the_backend_is_asked_about_the_subscriptions_of_the_file() {
    let (stage, mut backend) = silent("hooks.subscribe = [\"/topic/asked\"]").await;
    let mut client = stage.connect().await;
    client.subscribe("0", "/topic/free", &[]).await;
    client.subscribe("1", "/topic/asked", &[]).await;
    let call = backend.call().await.body;
    assert_eq!((&call["type"], &call["destination"]), (&json!("subscribe"), &json!("/topic/asked")));
}

#[tokio::test]
async fn the_backend_is_asked_about_the_messages_of_the_file() {
    let (stage, mut backend) = silent("hooks.send = [\"/topic/asked\"]").await;
    assert_eq!(send(&stage, "/topic/free").await, "RECEIPT");
    assert_eq!(send(&stage, "/topic/asked").await, "RECEIPT");
    let call = backend.call().await.body;
    assert_eq!((&call["type"], &call["destination"]), (&json!("send"), &json!("/topic/asked")));
}

#[tokio::test]
async fn the_application_is_the_backend_where_the_file_says_so() {
    assert_eq!(send(&stomp(""), "/app/a").await, "Not found");
    let (stage, _backend) = silent("hooks.app = true").await;
    assert_eq!(send(&stage, "/app/a").await, "RECEIPT");
}

#[tokio::test]
async fn answers_go_where_the_file_says() {
    let content = "hooks.app = true\nmessaging.reply_prefix = \"/topic/answers\"";
    let (stage, _backend) = start(content, |_| Answer::Status(200, "text/plain", "hi".to_owned())).await;
    let mut client = stage.connect().await;
    client.subscribe("0", "/topic/**", &[]).await;
    client.publish("/app/a", "").await;
    assert_eq!(client.message().await.header("destination"), Some("/topic/answers/a"));
}

#[tokio::test]
async fn the_backend_is_told_of_the_events_of_the_file() {
    for event in ["connected", "disconnected", "destination_occupied", "destination_empty"] {
        let (stage, mut backend) = silent(&format!("hooks.events = [\"{event}\"]")).await;
        let mut client = stage.connect().await;
        client.subscribe("0", "/topic/a", &[]).await;
        client.ask("DISCONNECT", &[], "").await;
        let told = backend.call().await.body;
        assert_eq!((told["events"].as_array().map(Vec::len), &told["events"][0]["type"]), (Some(1), &json!(event)));
    }
}

/// A backend that cannot be reached.
async fn down(content: &str) -> Stage {
    let (stage, backend) = silent(content).await;
    backend.stop().await;
    stage
}

#[tokio::test]
async fn without_an_answer_the_file_decides() {
    let asked = "hooks.send = [\"/topic/asked\"]\nhooks.retries = 0\n";
    assert_eq!(send(&down(asked).await, "/topic/asked").await, "Unavailable");
    assert_eq!(send(&down(&format!("{asked}hooks.when_down = \"allow\"")).await, "/topic/asked").await, "RECEIPT");
}

/// The one for whom the file says so is told before the one with the default, who asked first.
#[tokio::test]
async fn a_question_takes_no_longer_than_the_file_says() {
    let backend = Backend::start(|_| Answer::Never).await;
    let (patient, hasty) =
        (serve(&backend, "hooks.app = true"), serve(&backend, "hooks.app = true\nhooks.timeout = \"50ms\""));
    tokio::select! {
        biased;
        said = send(&patient, "/app/a") => panic!("{said} by the default"),
        said = send(&hasty, "/app/a") => assert_eq!(said, "Unavailable"),
    }
}

/// How many calls come of so many messages, all of which fail.
async fn calls(content: &str, messages: usize) -> usize {
    let (stage, mut backend) = start(&format!("hooks.app = true\n{content}"), |_| Answer::empty(503)).await;
    for _ in 0..messages {
        assert_eq!(send(&stage, "/app/a").await, "Unavailable");
    }
    backend.unseen()
}

#[tokio::test]
async fn a_call_that_fails_is_made_again_as_often_as_the_file_says() {
    assert_eq!((calls("hooks.retries = 0", 1).await, calls("hooks.retries = 2", 1).await), (1, 3));
}

#[tokio::test]
async fn a_backend_is_left_alone_after_as_many_failures_as_the_file_says() {
    assert_eq!(calls("hooks.retries = 0", 3).await, 3);
    assert_eq!(calls("hooks.retries = 0\nhooks.breaker.failures = 2", 3).await, 2);
}

#[tokio::test]
async fn a_backend_is_left_alone_as_long_as_the_file_says() {
    let breaker = "hooks.retries = 0\nhooks.breaker = { failures = 1, cooldown = \"50ms\" }";
    let (stage, mut backend) = start(&format!("hooks.app = true\n{breaker}"), |_| Answer::empty(503)).await;
    let mut calls = 0;
    soon(async {
        while calls < 2 {
            send(&stage, "/app/a").await;
            calls += backend.unseen();
        }
    })
    .await;
}

/// Asks and does not wait for an answer.
async fn ask(stage: &Stage) -> crate::support::stomp::StompClient {
    let mut client = stage.connect().await;
    client.publish("/app/a", "").await;
    client
}

#[tokio::test]
async fn as_many_questions_are_asked_at_the_same_time_and_wait_as_the_file_says() {
    let content = "hooks.app = true\nhooks.concurrency = 2\nhooks.max_waiting = 0";
    let (stage, backend) = start(content, |_| Answer::Never).await;
    let _asking = (ask(&stage).await, ask(&stage).await);
    until(|| backend.under_way() == 2).await;
    assert_eq!(send(&stage, "/app/a").await, "Overloaded");
}

#[tokio::test]
async fn an_answer_has_no_more_bytes_than_the_file_says() {
    for (bytes, said) in [(10, "RECEIPT"), (11, "Unavailable")] {
        let content = "hooks.app = true\nhooks.max_answer_bytes = 10";
        let script = move |_: &_| Answer::Status(200, "text/plain", "x".repeat(bytes));
        assert_eq!(send(&start(content, script).await.0, "/app/a").await, said);
    }
}

const CONNECTED: &str = "hooks.events = [\"connected\"]\n";

#[tokio::test]
async fn a_call_tells_of_as_many_events_as_the_file_says() {
    let (stage, mut backend) = silent(&format!("{CONNECTED}hooks.delivery = {{ batch = 2, delay = \"60s\" }}")).await;
    for _ in 0..2 {
        let _clients = (stage.connect().await, stage.connect().await);
        assert_eq!(backend.call().await.body["events"].as_array().map(Vec::len), Some(2));
    }
}

/// Whoever is told of first came last.
#[tokio::test]
async fn an_event_waits_for_others_as_long_as_the_file_says() {
    let (late, mut told_late) = silent(&format!("{CONNECTED}hooks.delivery.delay = \"60s\"")).await;
    let (early, mut told_early) = silent(CONNECTED).await;
    let _clients = (late.connect().await, early.connect().await);
    tokio::select! {
        biased;
        call = told_late.call() => panic!("{call:?}"),
        _ = told_early.call() => {}
    }
}

/// How many of three events wait for a backend that takes none.
async fn waiting(delivery: &str) -> u64 {
    let stage = down(&format!("{CONNECTED}hooks.delivery = {{ {delivery} }}")).await;
    let _clients = (stage.connect().await, stage.connect().await, stage.connect().await);
    until(|| stage.hooks().events_queued + stage.hooks().events_dropped == 3).await;
    stage.hooks().events_queued
}

#[tokio::test]
async fn as_many_events_wait_as_the_file_says() {
    assert_eq!((waiting("batch = 1").await, waiting("max_events = 2").await), (3, 2));
}

#[tokio::test]
async fn as_many_bytes_of_events_wait_as_the_file_says() {
    let some = waiting("max_bytes = 300").await;
    assert!((1..3).contains(&some), "{some}");
}
