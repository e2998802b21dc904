//! Coming in and going.

use crate::support::client::Leave;
use crate::support::stage::{Plan, until};
use crate::support::stomp::{StompClient, frame};
use byway::{Disconnect, Transport};
use std::time::{Duration, Instant};

pub async fn each_version_is_spoken_as_the_client_asks(row: Transport) {
    let stage = Plan::new(row).start();
    for (accepts, spoken) in [
        ("accept-version:1.2\n", "1.2"),
        ("accept-version:1.0,1.1,1.2\n", "1.2"),
        ("accept-version:1.1,1.0\n", "1.1"),
        ("accept-version:1.0\n", "1.0"),
        ("", "1.0"),
    ] {
        let mut client = stage.open().await;
        client.raw(&format!("CONNECT\n{accepts}host:byway.test\n\n\0")).await;
        let connected = client.frame().await;
        assert_eq!(connected.command, "CONNECTED");
        let named = connected.header("version");
        assert!(named == Some(spoken) || (spoken == "1.0" && named.is_none()), "{connected:?}");
        assert!(connected.header("session").is_some(), "{connected:?}");
    }
}

pub async fn a_message_reaches_a_client_of_each_version_in_its_own_words(row: Transport) {
    let stage = Plan::new(row).start();
    let mut sender = stage.connect().await;
    for (version, value) in [("1.0", "a:b"), ("1.1", "a\\cb"), ("1.2", "a\\cb")] {
        let mut client = stage.open().await;
        client.expect_no_escapes();
        client.raw(&format!("CONNECT\naccept-version:{version}\n\n\0")).await;
        client.frame().await;
        client.raw("SUBSCRIBE\nid:7\ndestination:/topic/a\nreceipt:r\n\n\0").await;
        client.receipt("r").await;
        sender.send("SEND", &[("destination", "/topic/a"), ("mine", "a:b")], "hello").await;
        let message = client.message().await;
        assert_eq!((message.text(), message.header("mine")), ("hello", Some(value)), "{version}");
        assert_eq!(message.header("subscription"), Some("7"));
    }
}

pub async fn a_client_without_a_common_version_is_told_those_that_there_are(row: Transport) {
    let stage = Plan::new(row).start();
    let mut client = stage.open().await;
    client.raw("CONNECT\naccept-version:2.0\nhost:x\n\n\0").await;
    let error = client.frame().await;
    assert_eq!((error.command.as_str(), error.header("version")), ("ERROR", Some("1.0,1.1,1.2")));
    client.closes(&Disconnect::STOMP_PROTOCOL_ERROR).await;
}

pub async fn whoever_says_no_connect_in_time_is_told_and_sent_away(row: Transport) {
    let stage = Plan::new(row).frames(|frames| frames.connect_timeout = Duration::from_millis(200)).start();
    let mut client = stage.open().await;
    client.raw("\n").await;
    let error = client.frame().await;
    assert_eq!(error.command, "ERROR");
    client.closes(&Disconnect::CONNECT_TIMEOUT).await;
    assert_eq!(stage.endings("connect_timeout"), 1);
}

pub async fn nothing_but_connect_may_come_first_and_it_comes_once(row: Transport) {
    let stage = Plan::new(row).start();
    let mut early = stage.open().await;
    early.publish("/topic/a", "too early").await;
    early.fails("Not connected", &Disconnect::STOMP_SEQUENCE).await;
    let mut twice = stage.connect().await;
    twice.say_connect(&[]).await;
    twice.fails("Already connected", &Disconnect::STOMP_SEQUENCE).await;
}

pub async fn frames_behind_connect_in_the_same_message_are_carried_out_in_order(row: Transport) {
    let stage = Plan::new(row).start();
    let mut client = stage.open().await;
    let subscribe = frame("SUBSCRIBE", &[("id", "0"), ("destination", "/topic/a"), ("receipt", "s")], "");
    let sends: String = (0..20).map(|n| frame("SEND", &[("destination", "/topic/a")], &n.to_string())).collect();
    let connect = frame("CONNECT", &[("accept-version", "1.2")], "");
    client.raw(&format!("{connect}{subscribe}\n\r\n{sends}")).await;
    assert_eq!(client.frame().await.command, "CONNECTED");
    client.receipt("s").await;
    for n in 0..20 {
        assert_eq!(client.body().await, n.to_string());
    }
}

pub async fn a_frame_may_come_in_many_messages(row: Transport) {
    let stage = Plan::new(row).start();
    let mut client = stage.connect().await;
    client.subscribe("0", "/topic/a", &[]).await;
    for part in ["SE", "ND\ndesti", "nation:/topic", "/a\n", "\n", "hel", "lo", "\0\nSEND\n"] {
        client.raw(part).await;
    }
    assert_eq!(client.body().await, "hello");
    client.raw("destination:/topic/a\n\nagain\0").await;
    assert_eq!(client.body().await, "again");
}

pub async fn a_frame_that_does_not_end_in_time_ends_the_session(row: Transport) {
    let stage = Plan::new(row).frames(|frames| frames.frame_timeout = Duration::from_millis(200)).start();
    let mut client = stage.connect().await;
    client.raw("SEND\ndestination:/topic/a\n\nnever").await;
    client.fails("Frame not finished in time", &Disconnect::FLOOD).await;
}

pub async fn the_receipt_of_disconnect_is_the_last_word(row: Transport) {
    let mut stage = Plan::new(row).start();
    let mut client = stage.connect().await;
    let disconnect = frame("DISCONNECT", &[("receipt", "bye")], "");
    let send = frame("SEND", &[("destination", "/topic/a"), ("receipt", "late")], "");
    client.raw(&format!("{disconnect}{send}")).await;
    client.receipt("bye").await;
    client.closes(&Disconnect::NORMAL).await;
    assert_eq!(stage.ended().await, Disconnect::NORMAL);
}

/// Counted from before the client spoke, so that no delay on the way makes it less.
pub async fn whoever_asked_for_the_receipt_of_disconnect_has_a_second_to_close_by_itself(row: Transport) {
    let mut stage = Plan::new(row).start();
    let mut client = StompClient::connect(stage.client(), &[("heart-beat", "100,0")]).await;
    let begin = Instant::now();
    client.send("DISCONNECT", &[("receipt", "bye")], "").await;
    client.receipt("bye").await;
    client.closes(&Disconnect::NORMAL).await;
    assert!(begin.elapsed() >= Duration::from_secs(1), "{:?}", begin.elapsed());
    assert_eq!(stage.ended().await, Disconnect::NORMAL);
}

pub async fn clients_that_come_and_go_leave_nothing_behind(row: Transport) {
    let mut stage = Plan::new(row).tokens().start();
    for _ in 0..5 {
        let mut client = stage.connect_as("ada").await;
        client.subscribe("0", "/topic/a", &[]).await;
        client.client.park().await;
        client.client.leave(Leave::Close).await;
        stage.ended().await;
    }
    until(|| stage.server.byway.sessions().is_empty()).await;
    assert_eq!(stage.messenger.users().count(), 0);
}
