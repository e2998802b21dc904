//! CONNECT, versions and heartbeats (STOMP 1.2, "Connecting").

use crate::support::{connect, drain, failure, failure_of, fresh, open, say, text};
use byway::protocol::stomp::{Connect, Connection, Event, Failure, HEARTBEAT, StompSettings, Version};
use byway::{Disconnect, Message};
use std::time::Duration;

fn connecting(frame: &str) -> (Connection, Connect) {
    let mut connection = fresh(StompSettings::default());
    connection.receive(frame.into());
    match connection.next_event() {
        Ok(Some(Event::Connect(connect))) => (connection, connect),
        other => panic!("no CONNECT in {frame:?}: {other:?}"),
    }
}

fn refused(frame: &str) -> Failure {
    failure_of(&mut fresh(StompSettings::default()), frame)
}

#[test]
fn connected_is_written_byte_for_byte_in_each_version() {
    for (accepted, expected) in [
        ("1.2", "CONNECTED\nversion:1.2\nheart-beat:1000,2000\nserver:byway\nsession:s1\nuser-name:ada\n\n\0"),
        ("1.1", "CONNECTED\nversion:1.1\nheart-beat:1000,2000\nserver:byway\nsession:s1\nuser-name:ada\n\n\0"),
        ("1.0", "CONNECTED\nsession:s1\nuser-name:ada\n\n\0"),
    ] {
        let frame = format!("CONNECT\naccept-version:{accepted}\nheart-beat:2000,1000\n\n\0");
        let (mut connection, connect) = connecting(&frame);
        assert_eq!(text(&connection.connected(&connect, "s1", Some("ada"))), expected);
    }
}

#[test]
fn a_client_without_a_name_gets_none() {
    let connected = connect(&mut fresh(StompSettings::default()), "CONNECT\naccept-version:1.2\n\n\0");
    assert!(!text(&connected).contains("user-name"));
}

#[test]
fn the_highest_common_version_is_spoken() {
    for (accepted, version) in [
        ("1.0,1.1,1.2", Version::V1_2),
        ("1.2,1.1,1.0", Version::V1_2),
        ("1.0,1.1", Version::V1_1),
        ("2.0,1.0", Version::V1_0),
    ] {
        let (connection, connect) = connecting(&format!("CONNECT\naccept-version:{accepted}\n\n\0"));
        assert_eq!((connect.version, connection.version()), (version, Some(version)));
    }
}

#[test]
fn without_accept_version_it_is_1_0() {
    assert_eq!(connecting("CONNECT\n\n\0").1.version, Version::V1_0);
}

#[test]
fn without_a_common_version_the_error_lists_those_that_there_are() {
    let failure = refused("CONNECT\naccept-version:1.3,2.0\n\n\0");
    assert_eq!(failure.disconnect(), &Disconnect::STOMP_PROTOCOL_ERROR);
    let expected = "ERROR\nmessage:No common protocol version\nversion:1.0,1.1,1.2\ncontent-type:text/plain\n\
                    content-length:44\n\nSupported protocol versions are 1.0,1.1,1.2.\0";
    assert_eq!(text(&failure.to_frame(None)), expected);
}

#[test]
fn stomp_is_another_name_for_connect() {
    let (_, stomp) = connecting("STOMP\naccept-version:1.1,1.2\nhost:h\nlogin:l\npasscode:p\n\n\0");
    let (_, connect) = connecting("CONNECT\naccept-version:1.1,1.2\nhost:h\nlogin:l\npasscode:p\n\n\0");
    assert_eq!(stomp, connect);
}

#[test]
fn connect_carries_host_login_passcode_and_the_client_s_own_headers() {
    let (_, connect) =
        connecting("CONNECT\naccept-version:1.2\nhost:h\nlogin:l\npasscode:p\nAuthorization:Bearer t\n\n\0");
    assert_eq!((connect.host, connect.login, connect.passcode), (Some("h".into()), Some("l".into()), Some("p".into())));
    assert_eq!(connect.headers.get("Authorization"), Some(&"Bearer t".into()));
}

#[test]
fn a_client_that_names_no_host_is_let_in() {
    assert_eq!(connecting("CONNECT\naccept-version:1.2,1.1,1.0\nheart-beat:10000,10000\n\n\0").1.host, None);
}

#[test]
fn a_receipt_is_not_for_connect() {
    let (mut connection, connect) = connecting("CONNECT\naccept-version:1.2\nreceipt:1\n\n\0");
    assert!(!text(&connection.connected(&connect, "s1", None)).contains("receipt"));
    assert!(drain(&mut connection).events.is_empty());
}

#[test]
fn debug_output_of_connect_and_of_a_connection_shows_no_secret() {
    let (connection, connect) = connecting("CONNECT\naccept-version:1.2\npasscode:hunter2\ntoken:hunter2\n\n\0hunter2");
    assert!(!format!("{connect:?} {connection:?}").contains("hunter2"));
}

#[test]
fn a_frame_before_connect_is_out_of_sequence() {
    for frame in
        ["SEND\ndestination:/a\n\nbody\0", "DISCONNECT\n\n\0", "BEGIN\ntransaction:t\n\n\0", "NACK\nid:1\n\n\0"]
    {
        assert_eq!(refused(frame).disconnect(), &Disconnect::STOMP_SEQUENCE, "{frame:?}");
    }
}

#[test]
fn nothing_happens_before_a_client_is_let_in() {
    let (mut connection, connect) = connecting("CONNECT\naccept-version:1.2\n\n\0SEND\ndestination:/a\n\n\0");
    connection.receive("SEND\ndestination:/b\n\n\0".into());
    assert_eq!(connection.next_event(), Ok(None));
    connection.connected(&connect, "s1", None);
    assert_eq!(drain(&mut connection).events.len(), 2);
}

#[test]
fn a_second_connect_is_out_of_sequence() {
    for frame in ["CONNECT\naccept-version:1.2\n\n\0", "STOMP\naccept-version:1.2\n\n\0"] {
        assert_eq!(failure(Version::V1_2, frame).disconnect(), &Disconnect::STOMP_SEQUENCE);
    }
}

#[test]
fn without_a_heart_beat_header_there_are_no_heartbeats() {
    for frame in ["CONNECT\naccept-version:1.2\n\n\0", "CONNECT\naccept-version:1.2\nheart-beat:0,0\n\n\0"] {
        let heartbeat = connecting(frame).1.heartbeat;
        assert_eq!((heartbeat.send_every, heartbeat.expect_within), (None, None));
    }
}

#[test]
fn heartbeats_follow_the_client() {
    let heartbeat = connecting("CONNECT\naccept-version:1.1\nheart-beat:1000,500\n\n\0").1.heartbeat;
    assert_eq!(heartbeat.send_every, Some(Duration::from_millis(500)));
    assert_eq!(heartbeat.expect_within, Some(Duration::from_secs(3)));
}

#[test]
fn spaces_around_the_numbers_of_a_heart_beat_mean_nothing() {
    for value in ["1000, 500", " 1000 ,500 "] {
        let heartbeat = connecting(&format!("CONNECT\naccept-version:1.2\nheart-beat:{value}\n\n\0")).1.heartbeat;
        assert_eq!(heartbeat.send_every, Some(Duration::from_millis(500)), "{value:?}");
    }
}

#[test]
fn there_are_no_heartbeats_in_1_0() {
    let heartbeat = connecting("CONNECT\naccept-version:1.0\nheart-beat:junk\n\n\0").1.heartbeat;
    assert_eq!((heartbeat.send_every, heartbeat.expect_within), (None, None));
}

#[test]
fn a_heart_beat_that_is_not_two_non_negative_numbers_is_refused() {
    for value in ["-1,0", "1", "a,b", "1.5,1", "1 0,1", "1,,", ""] {
        let failure = refused(&format!("CONNECT\naccept-version:1.2\nheart-beat:{value}\n\n\0"));
        assert_eq!(failure.message(), "Malformed heart-beat", "{value}");
    }
}

#[test]
fn a_heartbeat_is_an_end_of_line_either_way() {
    assert_eq!(HEARTBEAT, "\n");
    let mut connection = open(Version::V1_2);
    for message in ["\n".into(), Message::Binary("\r\n".into())] {
        connection.receive(message);
        assert_eq!(connection.next_event(), Ok(None));
    }
    assert!(!connection.is_partial());
}

#[test]
fn a_client_that_connects_in_binary_is_answered_in_binary() {
    let mut connection = fresh(StompSettings::default());
    connection.receive(Message::Binary("CONNECT\naccept-version:1.2\n\n\0".into()));
    let Ok(Some(Event::Connect(connect))) = connection.next_event() else { panic!("no CONNECT") };
    assert!(matches!(connection.connected(&connect, "s1", None), Message::Binary(_)));
    say(&mut connection, HEARTBEAT);
    assert!(connection.answers_in_binary());
    assert!(matches!(connection.receipt("1"), Message::Binary(_)));
}
