//! Polls: every message once, whenever the client asks.

use crate::in_time;
use crate::stage::{KEPT, Plan, Stage, bearer, numbers, until};
use crate::support::client::http;
use byway::broker::{SlowConsumerPolicy, SlowConsumerSettings};
use byway::messaging::{Event, Messages, MessagingSettings};
use byway::{Message, Publication};
use serde_json::{Value, json};
use std::time::Duration;

fn bodies(messages: &[Value]) -> Vec<String> {
    messages.iter().map(|message| message["body"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn a_poll_is_answered_as_soon_as_there_is_something() {
    let stage = Stage::start();
    let waiting = async {
        let (status, messages, next) = stage.poll("/topic/kept/a?wait=20").await;
        assert_eq!((status, bodies(&messages)), (200, vec!["one".to_owned()]));
        assert_eq!(messages[0]["id"], json!(next));
        assert_eq!((&messages[0]["destination"], &messages[0]["headers"]), (&json!(KEPT), &messages[0]["headers"]));
    };
    let publishing = async {
        until(|| stage.server.byway.stats().current.get("feed_poll") == Some(&1)).await;
        stage.publish(KEPT, ["one"]);
    };
    tokio::join!(waiting, publishing);
}

#[tokio::test]
async fn a_poll_that_waits_in_vain_is_told_where_the_next_begins() {
    let stage = Stage::start();
    let (status, messages, next) = stage.poll("/topic/kept/a?wait=0").await;
    assert_eq!((status, messages.len()), (204, 0));
    stage.publish(KEPT, ["one"]);
    let (status, messages, _) = stage.poll(&format!("/topic/kept/a?after={next}&wait=20")).await;
    assert_eq!((status, bodies(&messages)), (200, vec!["one".to_owned()]));
}

#[tokio::test]
async fn no_message_is_missed_or_comes_twice_while_polls_and_publications_race() {
    const ALL: usize = 300;
    let stage = Plan::new().with(|plan| plan.kept = ALL).start();
    let (_, _, mut next) = stage.poll("/topic/kept/a?wait=0").await;
    let messenger = stage.messenger.clone();
    let publishing = tokio::task::spawn_blocking(move || {
        for number in numbers(0..ALL) {
            messenger.send_payload(KEPT, byway::messaging::Text(number.into())).unwrap();
        }
    });
    let mut heard = Vec::new();
    while heard.len() < ALL {
        let (_, messages, after) = stage.poll(&format!("/topic/kept/a?after={next}&wait=20")).await;
        heard.extend(bodies(&messages));
        next = after;
    }
    publishing.await.unwrap();
    assert_eq!(heard, numbers(0..ALL));
}

/// The hub's task does not run before all three are published.
#[tokio::test]
async fn a_poll_gets_every_message_once_also_where_newer_ones_take_the_place_of_those_that_wait() {
    let (pattern, policy) = ("/topic/kept/*".parse().unwrap(), SlowConsumerPolicy::KeepNewest);
    let slow = SlowConsumerSettings { pattern, policy, key: Some("symbol".to_owned()) };
    let stage = Plan::new().with(|plan| plan.slow = vec![slow]).start();
    let publishing = async {
        until(|| stage.server.byway.stats().current.get("feed_poll") == Some(&1)).await;
        for (symbol, body) in [("a", "a1"), ("b", "b1"), ("a", "a2")] {
            let publication = Publication::new(KEPT.parse().unwrap(), Message::text(body));
            stage.messenger.publish(publication.with_header("symbol", symbol)).unwrap();
        }
    };
    let ((_, messages, mut next), ()) = tokio::join!(stage.poll("/topic/kept/a?wait=20"), publishing);
    let mut heard = bodies(&messages);
    loop {
        let (status, messages, after) = stage.poll(&format!("/topic/kept/a?after={next}&wait=0")).await;
        if status == 204 {
            break;
        }
        heard.extend(bodies(&messages));
        next = after;
    }
    assert_eq!(heard, ["a1", "b1", "a2"]);
}

#[tokio::test]
async fn what_has_gathered_comes_in_pages() {
    let stage = Plan::new().with(|plan| plan.settings.session.queue_messages = 4).start();
    let (_, _, start) = stage.poll("/topic/kept/a?wait=0").await;
    stage.publish(KEPT, numbers(0..10));
    let (mut next, mut sizes, mut heard) = (start, Vec::new(), Vec::new());
    while heard.len() < 10 {
        let (_, messages, after) = stage.poll(&format!("/topic/kept/a?after={next}&wait=20")).await;
        sizes.push(messages.len());
        heard.extend(bodies(&messages));
        next = after;
    }
    assert_eq!((sizes, heard), (vec![4, 4, 2], numbers(0..10)));
}

#[tokio::test]
async fn a_poll_waits_no_longer_than_it_may() {
    let stage = Plan::new().with(|plan| plan.feeds.max_wait = Duration::from_millis(20)).start();
    for target in ["/topic/kept/a?wait=3600", "/topic/kept/a"] {
        assert_eq!(stage.poll(target).await.0, 204);
    }
}

#[tokio::test]
async fn nothing_is_left_of_a_poll() {
    let stage = Stage::start();
    for _ in 0..3 {
        stage.poll("/topic/kept/a?wait=0").await;
    }
    until(|| stage.server.byway.sessions().is_empty()).await;
    assert_eq!(stage.count("normal"), 3);
}

#[tokio::test]
async fn requests_behind_a_waiting_poll_are_answered_in_their_turn_on_the_same_connection() {
    let stage = Stage::start();
    let mut http = stage.http().await;
    let poll = http::request("GET", "/e/feed/topic/kept/a?format=poll&wait=20", &[], b"");
    let behind = http::request("GET", "/e/feed/topic/kept/a?format=poll&history=1", &[], b"");
    http.write(&[poll, behind].concat()).await;
    until(|| stage.server.byway.stats().current.get("feed_poll") == Some(&1)).await;
    stage.publish(KEPT, ["one"]);
    let (first, second) = (in_time(http.answer()).await, in_time(http.answer()).await);
    assert_eq!((first.status(), &first.body), (200, &second.body));
    assert_eq!(first.header("cache-control"), second.header("cache-control"));
    assert_eq!(first.header("content-type"), second.header("content-type"));
}

#[tokio::test]
async fn a_poll_that_waited_in_vain_keeps_its_connection_and_has_no_length() {
    let stage = Plan::new().with(|plan| plan.feeds.max_wait = Duration::from_millis(20)).start();
    let mut http = stage.http().await;
    for _ in 0..3 {
        let answer = in_time(http.ask("GET", "/e/feed/topic/kept/a?format=poll", &[], b"")).await;
        assert_eq!((answer.status(), answer.header("content-length")), (204, None));
        assert_eq!(answer.header("x-accel-buffering"), Some("no"));
    }
}

#[tokio::test]
async fn a_user_at_the_limit_who_polls_back_to_back_is_never_refused_for_a_poll_that_is_over() {
    let settings = MessagingSettings { max_sessions_per_user: 1, ..Default::default() };
    // No session's driver comes round to its end.
    let messages = Messages::new().settings(settings).on_event(|event, _| async move {
        if matches!(event, Event::Connected(_)) {
            std::future::pending().await
        }
    });
    let stage = Plan::new().tokens().stomp(|stomp| stomp.messages(messages)).start();
    let token = bearer("ada", Duration::from_secs(3600));
    let headers = [("Accept", "application/json"), ("Authorization", &*token)];
    let mut http = stage.http().await;
    for number in 0..5 {
        stage.publish(KEPT, [number.to_string().as_str()]);
        let (target, expected) = match number % 2 {
            0 => ("/e/feed/topic/kept/a?wait=0", 204),
            _ => ("/e/feed/topic/kept/a?history=1", 200),
        };
        assert_eq!(in_time(http.ask("GET", target, &headers, b"")).await.status(), expected, "{number}");
    }
}
