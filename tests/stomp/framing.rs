//! Frames, headers and bodies (STOMP 1.2, "STOMP Frames").

use crate::support::{FROM_1_1, connect, event, failure, fresh, only, open, say, sent, text};
use byway::protocol::stomp::{Event, Headers, StompSettings, SubscriptionId, Version};
use byway::{Disconnect, Message};

#[test]
fn a_frame_is_a_command_headers_a_blank_line_a_body_and_a_nul() {
    for version in Version::ALL {
        let send = sent(version, "SEND\ndestination:/topic/a\nx:y\n\nhello\0");
        assert_eq!(send.destination, "/topic/a");
        assert_eq!(send.headers, Headers::from_iter([("x", "y")]));
        assert_eq!(send.body, "hello".into());
    }
}

#[test]
fn a_frame_without_a_blank_line_is_refused() {
    for frame in ["DISCONNECT\0", "DISCONNECT\n\0", "SEND\ndestination:/a\0", "SEND\ndestination:/a\nbody\0"] {
        assert_eq!(failure(Version::V1_2, frame).message(), "NUL in the head of a frame", "{frame:?}");
    }
}

#[test]
fn lines_may_end_with_cr_lf() {
    for version in Version::ALL {
        let send = sent(version, "\r\nSEND\r\ndestination:/topic/a\r\n\r\nhe\r\nllo\0\r\n");
        assert_eq!((send.destination, send.body), ("/topic/a".into(), "he\r\nllo".into()));
    }
}

#[test]
fn a_cr_that_ends_no_line_is_refused() {
    for frame in ["SEND\ndestination:/a\rb\n\n\0", "SEND\ndestination:/a\r\r\n\n\0", "SE\rND\n\n\0"] {
        assert_eq!(failure(Version::V1_2, frame).disconnect(), &Disconnect::STOMP_PROTOCOL_ERROR, "{frame:?}");
    }
}

#[test]
fn line_ends_between_frames_mean_nothing() {
    let mut connection = open(Version::V1_2);
    let outcome = say(&mut connection, "\n\r\n\nBEGIN\ntransaction:t\nreceipt:1\n\n\0\n\n\r\n");
    assert_eq!(only(outcome), Event::Receipt("1".into()));
    assert!(!connection.is_partial());
}

#[test]
fn a_nul_between_frames_is_refused() {
    assert_eq!(failure(Version::V1_2, "\n\0").disconnect(), &Disconnect::STOMP_PROTOCOL_ERROR);
}

#[test]
fn commands_and_header_names_are_case_sensitive() {
    assert_eq!(failure(Version::V1_2, "send\ndestination:/a\n\n\0").message(), "Unknown command");
    assert_eq!(failure(Version::V1_2, "SEND\nDestination:/a\n\n\0").message(), "Missing header: destination");
}

#[test]
fn heads_and_bodies_are_utf8() {
    for version in Version::ALL {
        let send = sent(version, "SEND\ndestination:/topic/é\nñ:😀\n\n€\0");
        assert_eq!((send.destination, send.body), ("/topic/é".into(), "€".into()));
        assert_eq!(send.headers.get("ñ"), Some(&"😀".into()));
    }
    assert_eq!(failure(Version::V1_2, b"SEND\ndestination:/\xff\n\n\0").message(), "Headers are not UTF-8");
}

#[test]
fn a_header_has_a_name_and_a_colon() {
    assert_eq!(failure(Version::V1_2, "SEND\ndestination\n\n\0").message(), "Header without a colon");
    assert_eq!(failure(Version::V1_2, "SEND\n:/a\n\n\0").message(), "Header without a name");
}

#[test]
fn a_value_may_be_empty_and_may_have_colons() {
    for version in Version::ALL {
        let send = sent(version, "SEND\ndestination:/a:b\nempty:\n\n\0");
        assert_eq!((send.destination, send.headers.get("empty")), ("/a:b".into(), Some(&"".into())));
    }
}

#[test]
fn escapes_in_names_and_values_are_undone() {
    for version in FROM_1_1 {
        let send = sent(version, "SEND\ndestination:/a\nx\\cy\\\\:1\\n2\\\\n\n\n\0");
        assert_eq!(send.headers, Headers::from_iter([("x:y\\", "1\n2\\n")]));
    }
}

#[test]
fn an_escaped_cr_is_one_in_1_2_and_fatal_in_1_1() {
    let frame = "SEND\ndestination:/a\nx:\\r\n\n\0";
    assert_eq!(sent(Version::V1_2, frame).headers.get("x"), Some(&"\r".into()));
    assert_eq!(failure(Version::V1_1, frame).message(), "Undefined escape in a header");
}

#[test]
fn undefined_escapes_are_fatal() {
    for version in FROM_1_1 {
        for escape in ["\\t", "\\0", "\\N", "\\ ", "x\\"] {
            let failure = failure(version, format!("SEND\ndestination:/a\nx:{escape}\n\n\0"));
            assert_eq!(failure.disconnect(), &Disconnect::STOMP_PROTOCOL_ERROR, "{escape}");
        }
    }
}

#[test]
fn a_backslash_is_itself_in_1_0() {
    let send = sent(Version::V1_0, "SEND\ndestination:/a\nx:\\n\\t\\\n\n\0");
    assert_eq!(send.headers.get("x"), Some(&"\\n\\t\\".into()));
}

#[test]
fn connect_and_connected_have_no_escapes() {
    for command in ["CONNECT", "STOMP"] {
        let mut connection = fresh(StompSettings::default());
        let frame = format!("{command}\naccept-version:1.2\nlogin:a\\cb\npasscode:c:d\\t\n\n\0");
        connection.receive(frame.as_str().into());
        let Ok(Some(Event::Connect(connect))) = connection.next_event() else { panic!("no CONNECT") };
        assert_eq!((connect.login.as_deref(), connect.passcode.as_deref()), (Some("a\\cb"), Some("c:d\\t")));
        let connected = connection.connected(&connect, "s:1", Some("a\\b\nuser-name:root"));
        assert!(text(&connected).contains("\nsession:s:1\nuser-name:a\\buser-name:root\n\n"));
    }
}

#[test]
fn spaces_around_headers_are_kept_from_1_1_on() {
    for version in FROM_1_1 {
        let send = sent(version, "SEND\ndestination: /a \n x : y \n\n\0");
        assert_eq!((send.destination, send.headers.get(" x ")), (" /a ".into(), Some(&" y ".into())));
    }
    let mut connection = fresh(StompSettings::default());
    connection.receive("CONNECT\naccept-version:1.1\npasscode: secret \n\n\0".into());
    let Ok(Some(Event::Connect(connect))) = connection.next_event() else { panic!("no CONNECT") };
    assert_eq!(connect.passcode, Some(" secret ".into()));
}

#[test]
fn spaces_around_headers_are_padding_in_1_0() {
    let mut connection = fresh(StompSettings::default());
    connection.receive("CONNECT\nlogin: ada\npasscode:secret \n\n\0".into());
    let Ok(Some(Event::Connect(connect))) = connection.next_event() else { panic!("no CONNECT") };
    assert_eq!((connect.login, connect.passcode), (Some("ada".into()), Some("secret".into())));
    let send = sent(Version::V1_0, "SEND\ndestination: /queue/a\ncontent-length: 2\n\na\0\0");
    assert_eq!((send.destination, send.body), ("/queue/a".into(), "a\0".into()));
}

#[test]
fn only_send_may_have_a_body() {
    for version in FROM_1_1 {
        for head in ["SUBSCRIBE\nid:1\ndestination:/a", "BEGIN\ntransaction:t", "DISCONNECT"] {
            let bare = failure(version, format!("{head}\n\nbody\0"));
            let sized = failure(version, format!("{head}\ncontent-length:4\n\nbody\0"));
            assert_eq!([bare.message(), sized.message()], ["Frame cannot have a body"; 2], "{head}");
        }
        let event = event(version, "DISCONNECT\ncontent-length:0\n\n\0");
        assert_eq!(event, Event::Disconnect { receipt: None });
    }
}

#[test]
fn the_body_of_a_subscribe_is_ignored_in_1_0() {
    let Event::Subscribe(subscribe) = event(Version::V1_0, "SUBSCRIBE\ndestination:/a\n\nbody\0") else {
        panic!("no SUBSCRIBE")
    };
    assert_eq!(subscribe.id, SubscriptionId::Destination("/a".into()));
}

#[test]
fn content_length_counts_octets_whatever_they_are() {
    for version in Version::ALL {
        let mut connection = open(version);
        let body = b"\0\xff\n\0SEND\n\n\0";
        let head = format!("SEND\ndestination:/a\ncontent-length:{}\n\n", body.len());
        let outcome = say(&mut connection, [head.as_bytes(), body, b"\0\nDISCONNECT\n\n\0"].concat());
        let [Event::Action(byway::protocol::stomp::Action::Send(send)), Event::Disconnect { .. }] = &outcome.events[..]
        else {
            panic!("{outcome:?}")
        };
        assert_eq!(send.body, Message::Binary(body.to_vec().into()));
    }
    assert_eq!(sent(Version::V1_2, "SEND\ndestination:/a\ncontent-length:2\n\né\0").body, "é".into());
}

#[test]
fn a_nul_has_to_follow_a_counted_body() {
    for frame in ["content-length:1\n\nab\0", "content-length:1\n\né\0", "content-length:0\n\na\0"] {
        let failure = failure(Version::V1_2, format!("SEND\ndestination:/a\n{frame}"));
        assert_eq!(failure.message(), "No NUL after the body", "{frame:?}");
    }
}

#[test]
fn a_character_that_was_cut_into_two_messages_is_a_framing_error_and_nothing_else() {
    // A client that cuts text between the halves of a surrogate pair makes six bytes of four.
    let mut connection = open(Version::V1_2);
    let cut = say(&mut connection, "SEND\ndestination:/a\ncontent-length:4\n\n\u{fffd}");
    assert_eq!((cut.events.len(), cut.failure), (0, None));
    let rest = say(&mut connection, "\u{fffd}\0DISCONNECT\n\n\0");
    assert_eq!((rest.events.len(), rest.failure.unwrap().message()), (0, "No NUL after the body"));
    let after = say(&mut connection, "DISCONNECT\n\n\0");
    assert_eq!((after.events.len(), after.failure), (0, None));
}

#[test]
fn without_content_length_the_first_nul_ends_the_body() {
    for version in Version::ALL {
        let outcome = say(&mut open(version), "SEND\ndestination:/a\n\none\0SEND\ndestination:/a\n\n\0");
        assert_eq!((outcome.events.len(), outcome.failure), (2, None));
    }
}

#[test]
fn a_body_is_text_when_its_frame_came_as_text_and_bytes_otherwise() {
    let frame = "SEND\ndestination:/a\n\nhé\0";
    assert_eq!(sent(Version::V1_2, frame).body, Message::text("hé"));
    for text_first in [true, false] {
        let mut connection = open(Version::V1_2);
        let (first, rest) = frame.split_at(22);
        let binary = |part: &str| Message::Binary(part.to_owned().into());
        connection.receive(if text_first { first.into() } else { binary(first) });
        assert_eq!(connection.next_event(), Ok(None));
        connection.receive(if text_first { binary(rest) } else { rest.into() });
        let Ok(Some(Event::Action(byway::protocol::stomp::Action::Send(send)))) = connection.next_event() else {
            panic!("no SEND")
        };
        assert_eq!(send.body, binary("hé"));
    }
}

#[test]
fn the_first_of_repeated_headers_counts() {
    for version in Version::ALL {
        let send = sent(version, "SEND\ndestination:/a\ndestination:/b\nfoo:World\nfoo:Hello\n\n\0");
        assert_eq!(send.destination, "/a");
        assert_eq!(send.headers, Headers::from_iter([("foo", "World")]));
    }
    let send = sent(Version::V1_2, "SEND\ndestination:/a\ncontent-length:1\ncontent-length:9\n\nx\0");
    assert_eq!(send.body, "x".into());
}

#[test]
fn several_frames_in_one_message_and_one_frame_in_several_are_the_same_stream() {
    let mut connection = fresh(StompSettings::default());
    connect(&mut connection, "CONNECT\naccept-version:1.2\n\n\0SEND\ndestination:/a\n\n1\0SEND\ndesti");
    assert_eq!(only(say(&mut connection, "")), event(Version::V1_2, "SEND\ndestination:/a\n\n1\0"));
    assert!(connection.is_partial());
    assert_eq!(only(say(&mut connection, "nation:/b\n\n\0")), event(Version::V1_2, "SEND\ndestination:/b\n\n\0"));
    assert!(!connection.is_partial());
}
