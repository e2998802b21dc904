//! How one asks.

use crate::in_time;
use crate::stage::{Plan, Stage, bearer};
use byway::Transport;
use byway::policy::TicketRequest;
use std::time::Duration;

#[tokio::test]
async fn what_keeps_no_history_is_not_polled() {
    let stage = Stage::start();
    for target in ["/topic/live", "/topic/kept/*"] {
        let refusal = stage.refusal(Transport::FeedPoll, target, &[]).await;
        assert!(refusal.status() == 400 && refusal.body.contains("keeps no history"), "{target}: {refusal:?}");
    }
}

#[tokio::test]
async fn the_query_says_the_format_where_accept_does_not() {
    let stage = Stage::start();
    for (format, media) in [("events", "text/event-stream; charset=utf-8"), ("lines", "application/x-ndjson")] {
        let mut http = stage.http().await;
        http.send("GET", &format!("/e/feed/topic/live?format={format}"), &[], b"").await;
        assert_eq!(in_time(http.head()).await.header("content-type"), Some(media));
    }
    let answer = stage.http().await.ask("GET", "/e/feed/topic/kept/a?format=poll&wait=0", &[], b"").await;
    assert_eq!(answer.status(), 204);
}

#[tokio::test]
async fn a_path_is_a_destination_without_its_encoding() {
    let stage = Stage::start();
    let mut events = stage.events("/topic/kept/a%20b+c=d%26%C3%BC").await;
    stage.publish("/topic/kept/a b+c=d&ü", ["here"]);
    assert_eq!(events.take(1).await, ["here"]);
}

#[tokio::test]
async fn a_page_that_is_listed_may_say_who_it_is_and_read_where_it_is() {
    let allowed = "https://app.example.com";
    let stage = Plan::new().with(|plan| plan.settings.origins.allowed = vec![allowed.to_owned()]).start();
    let asks = [("Origin", allowed), ("Access-Control-Request-Headers", "authorization")];
    let preflight = stage.http().await.ask("OPTIONS", "/e/feed/topic/kept/a", &asks, b"").await;
    assert_eq!(preflight.status(), 204);
    assert_eq!(preflight.header("access-control-allow-methods"), Some("OPTIONS, GET"));
    assert_eq!(preflight.header("access-control-allow-headers"), Some("authorization"));
    let headers = [("Origin", allowed), ("Accept", "application/json")];
    let answer = stage.http().await.ask("GET", "/e/feed/topic/kept/a?wait=0", &headers, b"").await;
    assert_eq!(answer.header("access-control-expose-headers"), Some("Last-Event-ID"));
}

#[tokio::test]
async fn only_get_is_answered() {
    let stage = Stage::start();
    let answer = stage.http().await.ask("POST", "/e/feed/topic/kept/a", &[], b"x").await;
    assert_eq!((answer.status(), answer.header("allow")), (405, Some("OPTIONS, GET, HEAD")));
}

async fn media_type_of(stage: &Stage, accept: &str) -> String {
    let mut http = stage.http().await;
    http.send("HEAD", "/e/feed/topic/kept/a", &[("Accept", accept)], b"").await;
    let head = in_time(http.head()).await;
    assert_eq!(head.status, 200, "{accept}");
    let media = head.header("content-type").expect("a media type");
    media.split(';').next().expect("it has a beginning").to_owned()
}

#[tokio::test]
async fn accept_decides_by_its_weights_then_by_its_order_whatever_its_case() {
    const EVENTS: &str = "text/event-stream";
    const LINES: &str = "application/x-ndjson";
    const POLL: &str = "application/json";
    let stage = Stage::start();
    for (accept, media) in [
        ("application/json;q=0.5, text/event-stream", EVENTS),
        ("application/json, text/event-stream", POLL),
        ("text/event-stream;q=0.2, application/json ; Q=0.9, application/x-ndjson;q=0.8", POLL),
        ("Application/JSON", POLL),
        ("Application/X-NDJSON; charset=UTF-8", LINES),
        ("application/json;q=0, application/ndjson;q=0.1", LINES),
        ("text/event-stream;q=0, */*", LINES),
        ("text/event-stream;q=0, application/x-ndjson;q=0.000", POLL),
        ("*/*", EVENTS),
        ("text/html;x=\"application/json, a\", application/xml;q=0.9", EVENTS),
        ("", EVENTS),
    ] {
        assert_eq!(media_type_of(&stage, accept).await, media, "{accept}");
    }
}

#[tokio::test]
async fn every_spelling_of_a_last_event_id_in_the_query_is_one() {
    let stage = Stage::start();
    let (_, _, begin) = stage.poll("/topic/kept/a?wait=0").await;
    stage.publish("/topic/kept/a", ["missed"]);
    for name in
        ["after", "last_event_id", "lastEventId", "lastEventID", "last-event-id", "Last-Event-ID", "evs_last_event_id"]
    {
        let mut events = stage.events(&format!("/topic/kept/a?{name}={begin}")).await;
        assert_eq!(events.take(1).await, ["missed"], "{name}");
        // What a client adds counts more than what its URL had at first; the header counts most, and an empty one not at all.
        let mut events = stage.events(&format!("/topic/kept/a?{name}={begin}&after=live-7")).await;
        let is_after = name == "after";
        assert_eq!(
            events.next().await.map(|event| event.name),
            Some(if is_after { "gap" } else { "" }.to_owned()),
            "{name}"
        );
        let header = [("Last-Event-ID", &*begin)];
        let mut events = stage.events_with(&format!("/topic/kept/a?{name}=live-7"), &header).await;
        assert_eq!(events.take(1).await, ["missed"], "{name}");
    }
    let mut events = stage.events(&format!("/topic/kept/a?lastEventId=&after={begin}")).await;
    assert_eq!(events.take(1).await, ["missed"]);
}

#[tokio::test]
async fn head_is_a_get_without_a_body_and_opens_no_feed() {
    let stage = Plan::new().tokens().start();
    let token = bearer("ada", Duration::from_secs(60));
    let mut http = stage.http().await;
    for (target, token, status, media) in [
        ("/topic/kept/a", &*token, 200, Some("text/event-stream; charset=utf-8")),
        ("/topic/kept/a?format=lines", &token, 200, Some("application/x-ndjson")),
        ("/topic/kept/a?format=poll", &token, 200, Some("application/json; charset=UTF-8")),
        ("/topic/kept/a", "Bearer junk", 401, Some("text/plain; charset=UTF-8")),
        ("/queue/work", &token, 400, Some("text/plain; charset=UTF-8")),
        ("/nowhere/a", &token, 404, Some("text/plain; charset=UTF-8")),
    ] {
        http.send("HEAD", &format!("/e/feed{target}"), &[("Authorization", token)], b"").await;
        let head = in_time(http.head()).await;
        assert_eq!((head.status, head.header("content-type")), (status, media), "{target}");
        assert_eq!(head.header("x-accel-buffering"), Some("no"));
    }
    assert!(stage.server.byway.stats().opened.is_empty(), "{:?}", stage.server.byway.stats().opened);
}

#[tokio::test]
async fn head_uses_no_ticket() {
    let stage = Plan::new().tokens().start();
    let ticket = stage.messenger.issue_ticket(TicketRequest::new("ada")).expect("a ticket").ticket;
    let target = format!("/topic/kept/a?ticket={}", ticket.expose());
    let mut http = stage.http().await;
    http.send("HEAD", &format!("/e/feed{target}"), &[], b"").await;
    assert_eq!(in_time(http.head()).await.status, 200);
    stage.events(&target).await;
}

#[tokio::test]
async fn a_reader_comes_back_with_its_ticket_however_it_says_where_it_is() {
    let stage = Plan::new().tokens().start();
    for name in ["lastEventId", "evs_last_event_id", "last_event_id", "Last-Event-ID"] {
        let ticket = stage.messenger.issue_ticket(TicketRequest::new("ada")).expect("a ticket").ticket;
        let target = format!("/topic/kept/a?ticket={}", ticket.expose());
        let id = stage.events(&target).await.began_at;
        assert_eq!(stage.refusal(Transport::FeedEvents, &target, &[]).await.status(), 401, "it was used");
        stage.publish("/topic/kept/a", [name]);
        assert_eq!(stage.events(&format!("{target}&{name}={id}")).await.take(1).await, [name]);
    }
}
