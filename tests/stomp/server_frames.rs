//! MESSAGE, RECEIPT and ERROR (STOMP 1.2, "Server Frames").

use crate::support::{FROM_1_1, failure, open, say, sent, text};
use byway::Message;
use byway::protocol::stomp::{Connection, Failure, Form, Headers, Tail, Version};

fn message(version: Version, headers: &Headers, body: &Message, ack: Option<&str>) -> Message {
    Tail::new(version, "/topic/a", headers, body).message(&Form { subscription: Some("sub-0"), message_id: "7", ack })
}

#[test]
fn a_message_names_destination_message_id_subscription_and_length() {
    for version in Version::ALL {
        let frame = message(version, &Headers::new(), &"hello".into(), None);
        assert_eq!(
            text(&frame),
            "MESSAGE\nsubscription:sub-0\nmessage-id:7\ndestination:/topic/a\ncontent-length:5\n\nhello\0"
        );
    }
}

#[test]
fn a_message_that_is_to_be_acknowledged_has_an_ack_header() {
    let frame = message(Version::V1_2, &Headers::new(), &"".into(), Some("a:1"));
    assert!(text(&frame).starts_with("MESSAGE\nsubscription:sub-0\nmessage-id:7\nack:a\\c1\n"));
}

#[test]
fn user_headers_of_a_send_reach_the_message_with_their_escapes() {
    for version in FROM_1_1 {
        let send = sent(version, "SEND\ndestination:/topic/a\ncontent-type:a/b\nx\\cy:1\\n2\\\\\n\n\0");
        let frame = message(version, &send.headers, &send.body, None);
        assert!(text(&frame).contains("\ncontent-type:a/b\nx\\cy:1\\n2\\\\\n"), "{frame:?}");
    }
}

#[test]
fn no_content_type_is_invented_for_a_body_without_one() {
    let frame = message(Version::V1_2, &Headers::new(), &"x".into(), None);
    assert!(!text(&frame).contains("content-type"));
}

#[test]
fn s2_a_header_from_another_version_cannot_become_two() {
    let send = sent(Version::V1_2, "SEND\ndestination:/a\nx\\ny:1\\r\\nuser-name\\croot\n\n\0");
    for (version, expected) in [
        (Version::V1_0, "\nxy:1user-name:root\n"),
        (Version::V1_1, "\nx\\ny:1\\nuser-name\\croot\n"),
        (Version::V1_2, "\nx\\ny:1\\r\\nuser-name\\croot\n"),
    ] {
        let frame = message(version, &send.headers, &send.body, None);
        assert!(text(&frame).contains(expected), "{frame:?}");
    }
}

#[test]
fn a_body_with_a_nul_arrives_whole() {
    let send = sent(Version::V1_2, "SEND\ndestination:/a\ncontent-length:3\n\na\0b\0");
    let frame = message(Version::V1_2, &send.headers, &send.body, None);
    assert!(text(&frame).ends_with("\ncontent-length:3\n\na\0b\0"));
}

#[test]
fn a_receipt_names_the_receipt_that_was_asked_for() {
    for (version, expected) in [
        (Version::V1_2, "RECEIPT\nreceipt-id:a\\r\\cb\n\n\0"),
        (Version::V1_1, "RECEIPT\nreceipt-id:a\\cb\n\n\0"),
        (Version::V1_0, "RECEIPT\nreceipt-id:a:b\n\n\0"),
    ] {
        assert_eq!(text(&open(version).receipt("a\r:b")), expected);
    }
}

#[test]
fn an_error_has_a_message_a_detail_and_the_receipt_of_its_frame() {
    let mut connection = open(Version::V1_2);
    let failure = say(&mut connection, "SEND\nreceipt:r\\c1\n\nbody\0").failure.unwrap();
    let expected = "ERROR\nmessage:Missing header\\c destination\nreceipt-id:r\\c1\ncontent-type:text/plain\n\
                    content-length:34\n\nThe frame has to have this header.\0";
    assert_eq!(text(&connection.error(&failure)), expected);
}

#[test]
fn an_error_of_a_frame_that_asked_for_no_receipt_names_none() {
    let failure = failure(Version::V1_2, "SEND\n\nbody\0");
    assert!(!text(&failure.to_frame(Some(Version::V1_2))).contains("receipt-id"));
}

#[test]
fn an_error_shows_nothing_of_what_the_client_said() {
    for frame in
        ["SEND\nsecret\n\n\0", "secret\n\n\0", "SEND\ndestination:/a\nx:secret\\t\n\n\0", "SEND\nx:secret\n\n\0"]
    {
        let failure = failure(Version::V1_2, frame);
        assert!(!text(&failure.to_frame(Some(Version::V1_2))).contains("secret"), "{frame:?}");
    }
}

#[test]
fn the_errors_of_the_clock_say_what_was_late() {
    for (failure, label) in [
        (Failure::frame_timeout(), "flood"),
        (Failure::connect_timeout(), "connect_timeout"),
        (Failure::silent(), "no_heartbeat"),
    ] {
        assert_eq!(failure.disconnect().label(), label);
        let error = Connection::new(Default::default()).error(&failure);
        assert!(text(&error).starts_with(&format!("ERROR\nmessage:{}\n", failure.message())));
    }
}
