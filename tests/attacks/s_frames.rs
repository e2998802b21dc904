//! STOMP: frames that are none, that come too early, or that are too large.

use super::broker::{TWO, ends, open, serve, survives};
use crate::support::client::Client;
use crate::support::stage::Plan;
use crate::support::stomp::{StompClient, frame};
use byway::{Disconnect, Transport};
use std::time::Duration;

const TO: (&str, &str) = ("destination", "/topic/a");

#[tokio::test]
async fn s1_no_frame_before_connected_reaches_the_broker_on_any_transport() {
    let stage = serve(Plan::new(Transport::RawWebsocket).tokens());
    let mut listener = stage.connect_as("ada").await;
    listener.subscribe("0", "/topic/a", &[]).await;
    let send = frame("SEND", &[TO], "never");
    let refused = frame("CONNECT", &[("accept-version", "1.2"), ("token", "junk")], "");
    let early = [
        ("SEND", send.clone(), Disconnect::STOMP_SEQUENCE),
        ("SUBSCRIBE", frame("SUBSCRIBE", &[("id", "0"), TO], ""), Disconnect::STOMP_SEQUENCE),
        ("BEGIN", frame("BEGIN", &[("transaction", "t")], ""), Disconnect::STOMP_SEQUENCE),
        ("ACK", frame("ACK", &[("id", "0-1")], ""), Disconnect::STOMP_SEQUENCE),
        ("DISCONNECT", frame("DISCONNECT", &[("receipt", "r")], ""), Disconnect::STOMP_SEQUENCE),
        ("CONNECTED", "CONNECTED\nversion:1.2\n\n\0".to_owned(), Disconnect::STOMP_PROTOCOL_ERROR),
        ("behind a CONNECT that is refused", refused, Disconnect::AUTHENTICATION_FAILED),
    ];
    for transport in Transport::ALL {
        for (what, first, disconnect) in &early {
            let mut client = open(&stage, transport).await;
            client.raw(&format!("{first}{send}")).await;
            ends(&mut client, disconnect, what).await;
        }
    }
    listener.publish("/topic/a", "mark").await;
    assert_eq!(listener.body().await, "mark");
    assert_eq!(stage.messenger.users().count(), 1);
    survives(&stage, &[("token", &crate::support::stage::token("eve"))]).await;
}

#[tokio::test]
async fn s1_a_second_connect_changes_nobody_s_name() {
    let stage = serve(Plan::new(Transport::RawWebsocket).tokens());
    for transport in Transport::ALL {
        let client = Client::new(stage.server.address, transport);
        let mut client = StompClient::connect(client, &[("token", &crate::support::stage::token("eve"))]).await;
        client.say_connect(&[("token", &crate::support::stage::token("ada"))]).await;
        ends(&mut client, &Disconnect::STOMP_SEQUENCE, "a second CONNECT").await;
        assert_eq!(stage.messenger.users().sessions_of("ada"), []);
    }
    survives(&stage, &[("token", &crate::support::stage::token("bob"))]).await;
}

/// Sends each as the first frame behind CONNECT, and expects the session to end.
async fn are_refused(plan: Plan, frames: &[String], disconnect: &Disconnect) {
    let stage = serve(plan);
    for transport in TWO {
        for frame in frames {
            let mut client = StompClient::connect(Client::new(stage.server.address, transport), &[]).await;
            client.raw(frame).await;
            ends(&mut client, disconnect, &frame[..frame.len().min(80)]).await;
        }
    }
    survives(&stage, &[]).await;
}

#[tokio::test]
async fn s2_undefined_escapes_and_line_ends_within_headers_are_1002() {
    let header = |text: &str| format!("SEND\ndestination:/topic/a\n{text}\n\nx\0");
    let wrong =
        ["a:\\t", "a:\\", "a:\\\\\\", "\\x:b", "a:b\rc", "a\rb:c", "a:b\rX", "no colon", ":no name", "a:\u{0}b"];
    let mut frames: Vec<_> = wrong.map(header).into();
    frames.extend(["SEND\rdestination:/topic/a\n\nx\0".to_owned(), "send\ndestination:/topic/a\n\nx\0".to_owned()]);
    frames.extend(["GET / HTTP/1.1\r\nHost: x\r\n\r\n\0".to_owned(), "\0".to_owned(), "SEND\0".to_owned()]);
    are_refused(Plan::new(Transport::RawWebsocket), &frames, &Disconnect::STOMP_PROTOCOL_ERROR).await;
}

#[tokio::test]
async fn s2_no_header_of_a_client_becomes_another_header_or_frame_for_others() {
    let stage = serve(Plan::new(Transport::RawWebsocket));
    let evil = "x\nuser-name:root\n\n\\c\r\n:\\";
    for transport in Transport::ALL {
        let mut client = StompClient::connect(Client::new(stage.server.address, transport), &[]).await;
        client.subscribe("0", "/topic/a", &[]).await;
        client.send("SEND", &[TO, ("evil", evil), (evil, "name"), ("content-type", evil)], "body").await;
        let message = client.message().await;
        assert_eq!((message.header("evil"), message.header(evil)), (Some(evil), Some("name")));
        assert_eq!((message.header("content-type"), message.header("user-name")), (Some(evil), None));
        assert_eq!(message.text(), "body");
        client.ask("SEND", &[TO, ("receipt-id", evil)], "").await;
        client.send("UNSUBSCRIBE", &[("id", evil), ("receipt", evil)], "").await;
        let error = client.frame().await;
        assert_eq!((error.command.as_str(), error.header("receipt-id")), ("MESSAGE", None));
        let error = client.frame().await;
        assert_eq!((error.command.as_str(), error.header("receipt-id")), ("ERROR", Some(evil)));
    }
    survives(&stage, &[]).await;
}

/// Sends pieces until the session ends; the server may not have taken more than the limit and what was on its way.
#[tokio::test]
async fn s3_a_head_or_body_without_end_is_1009_at_its_limit() {
    let stage = serve(Plan::new(Transport::RawWebsocket));
    for transport in TWO {
        for (begin, piece, limit) in [
            ("SEND\nmine:", "x".repeat(1000), 8),
            ("SEND\n", format!("a:{}\n", "x".repeat(997)), 16),
            ("SEND\n", "a:b\n".repeat(8), 8),
            ("SEND\ndestination:/topic/a\n\n", "x".repeat(1000), 65),
        ] {
            let mut client = StompClient::connect(Client::new(stage.server.address, transport), &[]).await;
            client.raw(begin).await;
            for _ in 0..=limit {
                client.raw(&piece).await;
            }
            ends(&mut client, &Disconnect::MESSAGE_TOO_BIG, begin).await;
        }
    }
    survives(&stage, &[]).await;
}

#[tokio::test]
async fn s3_a_frame_without_its_nul_ends_in_time_however_it_drips() {
    let stage = serve(Plan::new(Transport::RawWebsocket).frames(|frames| {
        frames.frame_timeout = Duration::from_millis(300);
    }));
    for transport in TWO {
        let mut client =
            StompClient::connect(Client::new(stage.server.address, transport), &[("heart-beat", "0,100")]).await;
        client.raw("SEND\ndestination:/topic/a\n\n").await;
        // Each beat of the server's is a tenth of a second; what drips meanwhile pushes nothing back.
        for _ in 0..2 {
            while client.hear().await != crate::support::stomp::Heard::Beat {}
            client.raw("x").await;
        }
        ends(&mut client, &Disconnect::FLOOD, "no NUL").await;
    }
    survives(&stage, &[]).await;
}

#[tokio::test]
async fn s4_a_content_length_that_is_none_or_wrong_is_1002_and_of_several_the_first_counts() {
    let sized = |length: &str| format!("SEND\ndestination:/topic/a\ncontent-length:{length}\n\nhello\0");
    let frames: Vec<_> = ["-1", "+5", "5 5", "\t5", "0x5", "5.0", "", "five", "3", "4"].map(sized).into();
    are_refused(Plan::new(Transport::RawWebsocket), &frames, &Disconnect::STOMP_PROTOCOL_ERROR).await;
    let huge: Vec<_> = ["65537", "99999999999999999999999", "18446744073709551616"].map(sized).into();
    let stage = serve(Plan::new(Transport::RawWebsocket));
    for frame in &huge {
        let mut client = stage.connect().await;
        client.raw(frame).await;
        let error = client.frame().await;
        assert_eq!(error.command, "ERROR", "{frame}");
    }
    let mut client = stage.connect().await;
    client.subscribe("0", "/topic/a", &[]).await;
    client.raw("SEND\ndestination:/topic/a\ndestination:/topic/b\ncontent-length:5\ncontent-length:1\n\nhello\0").await;
    assert_eq!(client.body().await, "hello");
    survives(&stage, &[]).await;
}

#[tokio::test]
async fn s11_a_heart_beat_that_is_none_is_1002_and_others_are_clamped() {
    let stage = serve(Plan::new(Transport::RawWebsocket));
    for transport in TWO {
        for wrong in ["-1,0", "0,-1", "a,b", "1", "1,2,3", "1 0,2", "1.5,0", ",", ""] {
            let mut client = open(&stage, transport).await;
            client.say_connect(&[("heart-beat", wrong)]).await;
            ends(&mut client, &Disconnect::STOMP_PROTOCOL_ERROR, wrong).await;
        }
        for (asked, answered) in [
            ("0,0", "10000,10000"),
            ("1,1", "100,100"),
            ("99999999999999999999999,99999999999999999999999", "10000,10000"),
            ("0,4294967296", "10000,10000"),
        ] {
            let mut client = open(&stage, transport).await;
            client.say_connect(&[("heart-beat", asked)]).await;
            assert_eq!(client.frame().await.header("heart-beat"), Some(answered), "{asked}");
        }
    }
    survives(&stage, &[]).await;
}
