//! The bytes.

use crate::sse::Reader;
use bytes::Bytes;
use byway::protocol::feed::Format;
use byway::{Destination, Disconnect, Message, Publication};
use proptest::prelude::*;
use serde_json::{Value, json};
use std::time::Duration;

fn publication(body: impl Into<Message>) -> Publication {
    Publication::new(Destination::parse("/topic/a").unwrap(), body)
}

fn binary() -> Publication {
    publication(Message::Binary(Bytes::from_static(&[0, 0xff])))
}

#[test]
fn an_event_has_an_id_and_each_line_of_its_data() {
    let written = |publication| Format::Events.with_id("65a3-1", &Format::Events.message(&publication));
    assert_eq!(written(publication("one")), "id: 65a3-1\ndata: one\n\n");
    assert_eq!(written(publication("")), "id: 65a3-1\ndata: \n\n");
    assert_eq!(written(publication(" a\nb\r\nc\rd\n")), "id: 65a3-1\ndata:  a\ndata: b\ndata: c\ndata: d\ndata: \n\n");
    assert_eq!(written(publication("x").with_header("event", "price")), "id: 65a3-1\nevent: price\ndata: x\n\n");
    assert_eq!(written(binary().with_header("event", "price")), "id: 65a3-1\nevent: binary\ndata: AP8=\n\n");
}

#[test]
fn a_publication_cannot_take_a_name_that_means_something_or_breaks_the_event() {
    for name in ["begin", "gap", "end", "error", "open", "binary", "message", "", "a\nb", "a\rb", "a\0b"] {
        let publication = publication("x").with_header("event", name);
        assert_eq!(Format::Events.message(&publication), "data: x\n\n", "{name:?}");
    }
}

/// What a library makes of a stream that takes each empty line for the end of a message, whatever was before it.
fn messages_of_a_careless_library(stream: &str) -> Vec<&str> {
    stream.split_inclusive("\n\n").filter(|block| block.ends_with("\n\n")).collect()
}

#[test]
fn neither_an_opening_nor_a_heartbeat_is_a_message_to_anybody() {
    let opening = Format::Events.opening("1-0", Duration::from_secs(2));
    let heartbeat = Format::Events.heartbeat();
    let message = Format::Events.with_id("1-1", &Format::Events.message(&publication("x")));
    let stream = [&opening, heartbeat, heartbeat, &message, heartbeat, &message, heartbeat].concat();
    assert_eq!(messages_of_a_careless_library(&stream).len(), 2);
    let events = Reader::default().read(&stream);
    assert_eq!(events.iter().map(|event| (&*event.data, &*event.id)).collect::<Vec<_>>(), [("x", "1-1"); 2]);
}

#[test]
fn a_line_is_an_object_with_an_id() {
    let written = |publication| Format::Lines.with_id("65a3-1", &Format::Lines.message(&publication));
    let plain = publication("a\n\"b\u{2028}").with_header("content-type", "text/plain").with_header("offset", "65a3-1");
    assert_eq!(
        written(plain),
        "{\"id\":\"65a3-1\",\"destination\":\"/topic/a\",\"headers\":{\"content-type\":\"text/plain\"},\
         \"body\":\"a\\n\\\"b\\u2028\"}\n"
    );
    assert_eq!(
        written(binary()),
        "{\"id\":\"65a3-1\",\"destination\":\"/topic/a\",\"headers\":{},\"body\":\"AP8=\",\"encoding\":\"base64\"}\n"
    );
}

#[test]
fn what_is_said_beside_publications_reads_the_same_in_both_formats() {
    let (events, lines) = (Format::Events, Format::Lines);
    let padding = " ".repeat(2048);
    assert_eq!(events.opening("1-0", Duration::from_secs(2)), format!(":{padding}\nretry: 2000\nid: 1-0\n"));
    assert_eq!(events.begin("1-0"), "event: begin\ndata: {\"id\":\"1-0\"}\n\n");
    assert_eq!(lines.begin("1-0"), "");
    assert_eq!(lines.opening("1-0", Duration::from_secs(2)), "{\"event\":\"open\",\"id\":\"1-0\",\"retry\":2000}\n");
    assert_eq!(
        events.with_id("1-2", &events.gap("/topic/a", Some(2))),
        "id: 1-2\nevent: gap\ndata: {\"destination\":\"/topic/a\",\"missed\":2}\n\n"
    );
    assert_eq!(
        lines.with_id("1-2", &lines.gap("/topic/a", None)),
        "{\"id\":\"1-2\",\"event\":\"gap\",\"destination\":\"/topic/a\",\"missed\":null}\n"
    );
    assert_eq!(
        events.end(&Disconnect::GOING_AWAY),
        "event: end\ndata: {\"code\":1001,\"reason\":\"Server shutting down\",\"reconnect\":true}\n\n"
    );
    assert_eq!(
        lines.end(&Disconnect::REVOKED),
        "{\"event\":\"end\",\"code\":4401,\"reason\":\"Revoked\",\"reconnect\":false}\n"
    );
    assert_eq!((events.heartbeat(), lines.heartbeat()), (":\n", "\n"));
}

/// Text in which what could break a format is frequent.
fn hostile() -> impl Strategy<Value = String> {
    let piece =
        prop_oneof!["[\r\n\0:\u{2028}\u{2029}\u{85}\u{feff} \"\\\\]{1,4}", "data: x|id: 1|event: gap|\\PC{0,8}"];
    prop::collection::vec(piece, 0..8).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn one_publication_is_one_event_whatever_is_in_it(body in hostile(), name in hostile()) {
        let publication = publication(body.clone()).with_header("event", name);
        let mut reader = Reader::default();
        let events = reader.read(&Format::Events.with_id("65a3-1", &Format::Events.message(&publication)));
        prop_assert_eq!(events.len(), 1);
        prop_assert_eq!(&events[0].data, &body.replace("\r\n", "\n").replace('\r', "\n"));
        prop_assert_eq!(&events[0].id, "65a3-1");
    }

    #[test]
    fn one_publication_is_one_line_whatever_is_in_it(body in hostile(), name in hostile(), bytes: Vec<u8>) {
        let text = publication(body.clone()).with_header("event", name.clone());
        let line = Format::Lines.with_id("65a3-1", &Format::Lines.message(&text));
        let ends = |c| matches!(c, '\r' | '\n' | '\u{85}' | '\u{2028}' | '\u{2029}');
        prop_assert_eq!(line.find(ends), Some(line.len() - 1));
        let value: Value = serde_json::from_str(&line).unwrap();
        let expected = json!({ "id": "65a3-1", "destination": "/topic/a", "headers": { "event": name }, "body": body });
        prop_assert_eq!(value, expected);
        let bytes = Format::Lines.message(&publication(Message::Binary(bytes.into())));
        prop_assert_eq!(bytes.find(ends), Some(bytes.len() - 1));
    }
}
