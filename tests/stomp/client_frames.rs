//! SEND, SUBSCRIBE, UNSUBSCRIBE, ACK, NACK and DISCONNECT (STOMP 1.2, "Client Frames").

use crate::support::{FROM_1_1, event, failure, only, open, open_with, refused, say, sent};
use byway::Disconnect;
use byway::protocol::stomp::{
    Ack, AckMode, AckReference, Action, Event, Headers, StompSettings, Subscribe, SubscriptionId, Version,
};

fn subscribe(version: Version, frame: &str) -> Subscribe {
    match event(version, frame) {
        Event::Subscribe(subscribe) => subscribe,
        other => panic!("no SUBSCRIBE: {other:?}"),
    }
}

#[test]
fn send_needs_a_destination() {
    for version in Version::ALL {
        assert_eq!(failure(version, "SEND\n\nbody\0").message(), "Missing header: destination");
    }
}

#[test]
fn s8_headers_that_are_the_server_s_to_set_are_dropped_from_a_send() {
    let send = sent(
        Version::V1_2,
        "SEND\ndestination:/a\nreceipt:r\nreceipt-id:x\nmessage-id:x\nsubscription:x\nack:x\nuser-name:root\nsession:x\n\
         content-length:0\ncontent-type:text/plain\nown:kept\n\n\0",
    );
    assert_eq!(send.headers, Headers::from_iter([("content-type", "text/plain"), ("own", "kept")]));
    assert_eq!(send.receipt, Some("r".into()));
}

#[test]
fn s8_a_forged_header_cannot_hide_behind_an_escape() {
    let send = sent(Version::V1_2, "SEND\ndestination:/a\nx:1\\nuser-name\\croot\n\n\0");
    assert_eq!(send.headers.get("x"), Some(&"1\nuser-name:root".into()));
    assert_eq!(send.headers.get("user-name"), None);
}

#[test]
fn any_frame_but_connect_may_ask_for_a_receipt() {
    let mut connection = open(Version::V1_2);
    let frames = [
        "SEND\ndestination:/a\nreceipt:r\n\n\0",
        "SUBSCRIBE\nid:1\ndestination:/a\nreceipt:r\n\n\0",
        "UNSUBSCRIBE\nid:1\nreceipt:r\n\n\0",
        "ACK\nid:1\nreceipt:r\n\n\0",
        "NACK\nid:1\nreceipt:r\n\n\0",
        "BEGIN\ntransaction:t\nreceipt:r\n\n\0",
        "COMMIT\ntransaction:t\nreceipt:r\n\n\0",
        "BEGIN\ntransaction:t\nreceipt:r\n\n\0",
        "ABORT\ntransaction:t\nreceipt:r\n\n\0",
        "DISCONNECT\nreceipt:r\n\n\0",
    ];
    for frame in frames {
        let receipt = match only(say(&mut connection, frame)) {
            Event::Action(Action::Send(send)) => send.receipt,
            Event::Action(Action::Ack(ack) | Action::Nack(ack)) => ack.receipt,
            Event::Subscribe(subscribe) => subscribe.receipt,
            Event::Unsubscribe { receipt, .. } | Event::Commit { receipt, .. } => receipt,
            Event::Receipt(receipt) => Some(receipt),
            Event::Disconnect { receipt } => receipt,
            Event::Connect(_) | Event::Refused(_) => None,
        };
        assert_eq!(receipt, Some("r".into()), "{frame:?}");
    }
}

#[test]
fn a_subscribe_has_id_destination_ack_mode_and_the_rest() {
    let subscribe = subscribe(
        Version::V1_2,
        "SUBSCRIBE\nid:sub-0\ndestination:/queue/a\nack:client\nselector:a > 1\ncontent-length:0\n\n\0",
    );
    let expected = Subscribe {
        id: SubscriptionId::Named("sub-0".into()),
        destination: "/queue/a".into(),
        ack: AckMode::Client,
        headers: Headers::from_iter([("selector", "a > 1")]),
        receipt: None,
    };
    assert_eq!(subscribe, expected);
}

#[test]
fn subscribe_needs_a_destination() {
    for version in Version::ALL {
        assert_eq!(failure(version, "SUBSCRIBE\nid:1\n\n\0").message(), "Missing header: destination");
    }
}

#[test]
fn subscribe_needs_an_id_from_1_1_on() {
    for version in FROM_1_1 {
        assert_eq!(failure(version, "SUBSCRIBE\ndestination:/a\n\n\0").message(), "Missing header: id");
    }
}

#[test]
fn a_subscription_without_an_id_is_called_by_its_destination_in_1_0() {
    let mut connection = open(Version::V1_0);
    let Event::Subscribe(subscribe) = only(say(&mut connection, "SUBSCRIBE\ndestination:/a\n\n\0")) else {
        panic!("no SUBSCRIBE")
    };
    assert_eq!((&subscribe.id, subscribe.id.header()), (&SubscriptionId::Destination("/a".into()), None));
    let event = only(say(&mut connection, "UNSUBSCRIBE\ndestination:/a\n\n\0"));
    assert_eq!(event, Event::Unsubscribe { id: subscribe.id, receipt: None });
}

#[test]
fn a_subscription_with_an_id_is_called_by_it_in_1_0_too() {
    let mut connection = open(Version::V1_0);
    let outcome = say(&mut connection, "SUBSCRIBE\ndestination:/a\nid:/a\n\n\0SUBSCRIBE\ndestination:/a\n\n\0");
    assert_eq!((outcome.events.len(), outcome.failure), (2, None));
    let id = SubscriptionId::Named("/a".into());
    assert_eq!(id.header(), Some(&"/a".into()));
    let event = only(say(&mut connection, "UNSUBSCRIBE\nid:/a\n\n\0"));
    assert_eq!(event, Event::Unsubscribe { id, receipt: None });
}

#[test]
fn the_ack_mode_is_auto_unless_it_is_said() {
    for (header, mode) in [
        ("", AckMode::Auto),
        ("ack:auto\n", AckMode::Auto),
        ("ack:client\n", AckMode::Client),
        ("ack:client-individual\n", AckMode::ClientIndividual),
    ] {
        let subscribe = subscribe(Version::V1_1, &format!("SUBSCRIBE\nid:1\ndestination:/a\n{header}\n\0"));
        assert_eq!(subscribe.ack, mode);
    }
}

#[test]
fn an_ack_mode_that_the_version_does_not_have_is_refused() {
    for (version, mode) in [(Version::V1_2, "Client"), (Version::V1_2, ""), (Version::V1_0, "client-individual")] {
        let failure = failure(version, format!("SUBSCRIBE\nid:1\ndestination:/a\nack:{mode}\n\n\0"));
        assert_eq!(failure.message(), "Unknown ack mode");
    }
}

#[test]
fn s9_different_subscriptions_have_different_ids() {
    for version in Version::ALL {
        let frame = "SUBSCRIBE\nid:1\ndestination:/a\n\n\0";
        let failure = failure(version, [frame, frame].concat());
        assert_eq!((failure.message(), failure.disconnect()), ("Subscription id in use", &Disconnect::STOMP_SEQUENCE));
    }
}

#[test]
fn an_id_is_free_again_after_its_unsubscribe() {
    let frames = "SUBSCRIBE\nid:1\ndestination:/a\n\n\0UNSUBSCRIBE\nid:1\n\n\0".repeat(1000);
    let outcome = say(&mut open(Version::V1_2), frames);
    assert_eq!((outcome.events.len(), outcome.failure), (2000, None));
}

#[test]
fn s9_one_subscription_over_the_limit_is_refused() {
    let subscribe = |id: usize| format!("SUBSCRIBE\nid:{id}\ndestination:/a\n\n\0");
    let frames: String = (0..10_000).map(subscribe).collect();
    let outcome = say(&mut open(Version::V1_2), frames);
    let is_taken = |event: &&Event| matches!(event, Event::Subscribe(_));
    assert_eq!(outcome.events.iter().take_while(is_taken).count(), 256);
    assert_eq!(refused(&outcome.events[256]).disconnect(), &Disconnect::STOMP_LIMIT);
    let settings = StompSettings { max_subscriptions: 1, ..StompSettings::default() };
    let outcome =
        say(&mut open_with(Version::V1_2, settings), subscribe(1) + "UNSUBSCRIBE\nid:1\n\n\0" + &subscribe(2));
    assert_eq!(outcome.failure, None);
}

#[test]
fn unsubscribe_needs_an_id_from_1_1_on() {
    for version in FROM_1_1 {
        assert_eq!(failure(version, "UNSUBSCRIBE\ndestination:/a\n\n\0").message(), "Missing header: id");
    }
    assert_eq!(failure(Version::V1_0, "UNSUBSCRIBE\n\n\0").message(), "Missing header: destination");
}

#[test]
fn unsubscribe_names_a_subscription_that_there_is() {
    for version in Version::ALL {
        let event = event(version, "UNSUBSCRIBE\nid:1\n\n\0");
        let failure = refused(&event);
        assert_eq!((failure.message(), failure.disconnect()), ("Unknown subscription", &Disconnect::STOMP_SEQUENCE));
    }
}

fn reference(version: Version, frame: &str) -> AckReference {
    match event(version, frame) {
        Event::Action(Action::Ack(Ack { reference, .. }) | Action::Nack(Ack { reference, .. })) => reference,
        other => panic!("neither ACK nor NACK: {other:?}"),
    }
}

#[test]
fn ack_and_nack_name_the_ack_header_in_1_2() {
    for command in ["ACK", "NACK"] {
        let frame = format!("{command}\nid:7\nsubscription:sub-0\n\n\0");
        assert_eq!(reference(Version::V1_2, &frame), AckReference::Id("7".into()));
        let failure = failure(Version::V1_2, format!("{command}\nmessage-id:7\nsubscription:sub-0\n\n\0"));
        assert_eq!(failure.message(), "Missing header: id");
    }
}

#[test]
fn ack_and_nack_name_message_and_subscription_in_1_1() {
    for command in ["ACK", "NACK"] {
        let message = AckReference::Message { id: "7".into(), subscription: Some("sub-0".into()) };
        let frame = format!("{command}\nmessage-id:7\nsubscription:sub-0\n\n\0");
        assert_eq!(reference(Version::V1_1, &frame), message);
        for (headers, missing) in [("subscription:s", "message-id"), ("message-id:7", "subscription")] {
            let failure = failure(Version::V1_1, format!("{command}\n{headers}\n\n\0"));
            assert_eq!(failure.message(), format!("Missing header: {missing}"));
        }
    }
}

#[test]
fn ack_names_the_message_in_1_0() {
    let message = AckReference::Message { id: "7".into(), subscription: None };
    assert_eq!(reference(Version::V1_0, "ACK\nmessage-id: 7\n\n\0"), message);
    assert_eq!(failure(Version::V1_0, "ACK\nid:7\n\n\0").message(), "Missing header: message-id");
}

#[test]
fn there_is_no_nack_in_1_0() {
    assert_eq!(failure(Version::V1_0, "NACK\nmessage-id:7\n\n\0").message(), "Unknown command");
}

#[test]
fn disconnect_is_the_last_frame() {
    let mut connection = open(Version::V1_2);
    let event = only(say(&mut connection, "DISCONNECT\nreceipt:77\n\n\0\n\n"));
    assert_eq!(event, Event::Disconnect { receipt: Some("77".into()) });
    let outcome = say(&mut connection, "SEND\ndestination:/a\n\n\0");
    assert_eq!(outcome.events, []);
    assert_eq!(outcome.failure.unwrap().disconnect(), &Disconnect::STOMP_SEQUENCE);
}

#[test]
fn a_command_that_clients_do_not_have_is_refused() {
    for command in ["MESSAGE", "CONNECTED", "RECEIPT", "ERROR", "GET / HTTP/1.1", "SEND ", "<policy-file-request/>"] {
        let failure = failure(Version::V1_2, format!("{command}\ndestination:/a\n\n\0"));
        assert_eq!((failure.message(), failure.disconnect()), ("Unknown command", &Disconnect::STOMP_PROTOCOL_ERROR));
    }
}

#[test]
fn a_failure_comes_behind_the_events_before_it_and_nothing_behind_it() {
    let mut connection = open(Version::V1_2);
    let outcome = say(&mut connection, "SEND\ndestination:/a\n\n\0SEND\n\n\0SEND\ndestination:/b\n\n\0");
    assert_eq!((outcome.events.len(), outcome.failure.is_some()), (1, true));
    let outcome = say(&mut connection, "SEND\ndestination:/c\n\n\0");
    assert_eq!((outcome.events.len(), outcome.failure), (0, None));
    assert!(!connection.is_partial());
}
