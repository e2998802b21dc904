//! Sizes, and time that grows with them and no faster (rows S3 and S4 of the attack matrix).

use crate::support::{failure, failure_of, fresh, open, open_with, say, sent};
use byway::protocol::stomp::{Action, Event, StompSettings, Version};
use byway::{Disconnect, Message};
use std::time::{Duration, Instant};

fn outcome(settings: &StompSettings, frame: &str) -> Option<Disconnect> {
    let mut connection = open_with(Version::V1_2, settings.clone());
    say(&mut connection, frame).failure.map(|failure| failure.disconnect().clone())
}

#[test]
fn s3_a_frame_at_each_limit_is_taken_and_one_over_it_is_too_big() {
    let settings = StompSettings {
        max_headers: 3,
        max_line_bytes: 20,
        max_head_bytes: 60,
        max_body_bytes: 10,
        ..StompSettings::default()
    };
    let headers = |lines: &[usize]| -> String { lines.iter().map(|len| format!("{:x<len$}\n", "x:")).collect() };
    let send = |lines: &[usize], body: &str| format!("SEND\ndestination:/a\n{}\n{body}\0", headers(lines));
    // The command, the destination and the blank line are 5 + 15 + 1 bytes.
    for (taken, refused) in [
        (send(&[2, 2], ""), send(&[2, 2, 2], "")),
        (send(&[20], ""), send(&[21], "")),
        (send(&[18, 19], ""), send(&[19, 19], "")),
        (send(&[], "0123456789"), send(&[], "0123456789a")),
        (send(&[], "0123456789").replace("/a", "/a\ncontent-length:10"), "SEND\ncontent-length:11\n\n".to_owned()),
    ] {
        assert_eq!(outcome(&settings, &taken), None, "{taken:?}");
        assert_eq!(outcome(&settings, &refused), Some(Disconnect::MESSAGE_TOO_BIG), "{refused:?}");
    }
}

#[test]
fn s3_what_has_no_end_is_refused_at_the_limit_and_not_behind_it() {
    for start in ["", "SEND\n", "SEND\ndestination:/a\n", "SEND\ndestination:/a\n\n"] {
        let mut connection = open(Version::V1_2);
        let mut sent = 0;
        say(&mut connection, start);
        while say(&mut connection, [b'x'; 100]).failure.is_none_or(|failure| {
            assert_eq!(failure.disconnect(), &Disconnect::MESSAGE_TOO_BIG);
            false
        }) {
            sent += 100;
        }
        assert!(sent <= 64 * 1024, "{start:?} took {sent} bytes");
        assert!(!connection.is_partial());
    }
}

#[test]
fn s3_headers_without_end_are_refused() {
    let mut connection = open(Version::V1_2);
    say(&mut connection, "SEND\n");
    let failure = failure_of(&mut connection, "a:b\n".repeat(65));
    assert_eq!(failure.message(), "Too many headers");
}

#[test]
fn s3_a_client_that_has_not_connected_can_send_no_body() {
    for frame in ["CONNECT\naccept-version:1.2\n\nb", "CONNECT\ncontent-length:60000\n\n"] {
        let failure = failure_of(&mut fresh(StompSettings::default()), frame);
        assert_eq!(failure.message(), "Frame cannot have a body");
    }
}

#[test]
fn s4_a_content_length_is_digits_and_no_more_than_fits() {
    for value in ["-1", "+5", "5 5", "\t5", "", "0x5", "5,5", "1e3", "٥", "99999999999999999999"] {
        let failure = failure(Version::V1_2, format!("SEND\ndestination:/a\ncontent-length:{value}\n\nhello\0"));
        assert_eq!(failure.disconnect(), &Disconnect::STOMP_PROTOCOL_ERROR, "{value:?}");
    }
    let failure = failure(Version::V1_2, format!("SEND\ndestination:/a\ncontent-length:{}\n\n", usize::MAX));
    assert_eq!(failure.disconnect(), &Disconnect::MESSAGE_TOO_BIG);
}

/// A number has no spaces of its own, so those of clients that write some mean nothing.
#[test]
fn spaces_around_a_content_length_mean_nothing() {
    for version in Version::ALL {
        for value in ["2", " 2", "2 ", "  2 "] {
            let send = sent(version, &format!("SEND\ndestination:/a\ncontent-length:{value}\n\na\0\0"));
            assert_eq!(send.body, "a\0".into(), "{version} {value:?}");
        }
    }
}

fn large() -> StompSettings {
    StompSettings { max_body_bytes: 4 << 20, ..StompSettings::default() }
}

#[test]
fn a_body_of_megabytes_is_taken_where_the_limit_is_raised_and_however_it_is_cut() {
    let body = "0123456789abcdef".repeat(3 << 16);
    let frame = format!("SEND\ndestination:/a\n\n{body}\0");
    for chunk in [8192, frame.len()] {
        let mut connection = open_with(Version::V1_2, large());
        let mut events = Vec::new();
        for part in frame.as_bytes().chunks(chunk) {
            events.extend(say(&mut connection, part).events);
        }
        let [Event::Action(Action::Send(send))] = &events[..] else { panic!("{} events", events.len()) };
        assert!(send.body == Message::text(&*body));
    }
}

/// Far from what is needed, and far below what work that grows with the square of the bytes would take.
const LINEAR: Duration = Duration::from_secs(20);

#[test]
fn bytes_that_come_one_at_a_time_cost_time_in_their_number_and_no_more() {
    let since = Instant::now();
    for head in ["", "content-length:400000\n"] {
        let mut connection = open_with(Version::V1_2, large());
        let frame = format!("SEND\ndestination:/a\n{head}\n{}\0", "x".repeat(400_000));
        let events: usize = frame.as_bytes().chunks(1).map(|byte| say(&mut connection, byte).events.len()).sum();
        assert_eq!(events, 1);
    }
    assert!(since.elapsed() < LINEAR);
}

#[test]
fn many_frames_in_one_message_cost_time_in_their_number_and_no_more() {
    let since = Instant::now();
    let frames = "SEND\ndestination:/a\n\n\0\n".repeat(200_000);
    assert_eq!(say(&mut open(Version::V1_2), frames).events.len(), 200_000);
    assert_eq!(say(&mut open(Version::V1_2), "\n".repeat(4 << 20)).failure, None);
    assert!(since.elapsed() < LINEAR);
}

#[test]
fn what_is_kept_of_a_message_keeps_at_most_twice_its_bytes() {
    let mut connection = open(Version::V1_2);
    let small = "SEND\ndestination:/a\n\nsmall\0";
    connection.receive(format!("{small}SEND\ndestination:/a\n\n{}\0", "x".repeat(60_000)).into());
    let Ok(Some(Event::Action(Action::Send(send)))) = connection.next_event() else { panic!("no SEND") };
    while let Ok(Some(_)) = connection.next_event() {}
    let Message::Text(body) = send.body else { panic!("no text") };
    let body = body.into_bytes().try_into_mut().expect("an allocation of its own");
    assert_eq!(body.capacity(), 5);
}
