//! Publishing to all who listen.

use crate::support::stage::Plan;
use crate::support::stomp::frame;
use byway::messaging::Refusals;
use byway::messaging::Text;
use byway::{Disconnect, Transport};
use std::collections::HashSet;
use std::time::Duration;
use tokio::task::JoinSet;

pub async fn a_publication_reaches_its_subscriber_and_the_receipt_its_sender(row: Transport) {
    let stage = Plan::new(row).start();
    let (mut sender, mut listener) = (stage.connect().await, stage.connect().await);
    listener.subscribe("sub-0", "/topic/a", &[]).await;
    let headers = [("destination", "/topic/a"), ("content-type", "text/x-test"), ("mine", "a:b\\c\nd\re")];
    sender.ask("SEND", &headers, "grüße, 🌍").await;
    let message = listener.message().await;
    assert_eq!(message.text(), "grüße, 🌍");
    for (name, value) in [("subscription", "sub-0"), headers[0], headers[1], headers[2]] {
        assert_eq!(message.header(name), Some(value));
    }
    assert_eq!(message.header("receipt"), None);
}

pub async fn all_subscribers_hear_racing_publishers_in_one_order(row: Transport) {
    const EACH: usize = 100;
    let stage = Plan::new(row).start();
    let (mut one, mut other) = (stage.connect().await, stage.connect().await);
    one.subscribe("0", "/topic/race", &[]).await;
    other.subscribe("0", "/topic/*", &[]).await;
    let publishers = ["a", "b", "c"].map(|name| {
        let messenger = stage.messenger.clone();
        tokio::task::spawn_blocking(move || {
            (0..EACH).for_each(|n| messenger.send_payload("/topic/race", Text(format!("{name}{n}").into())).unwrap());
        })
    });
    for publisher in publishers {
        publisher.await.unwrap();
    }
    for _ in 0..3 * EACH {
        let (here, there) = (one.message().await, other.message().await);
        assert_eq!(here.text(), there.text());
        assert_eq!(here.header("message-id"), there.header("message-id"));
    }
}

pub async fn a_pattern_hears_all_that_it_matches_and_nothing_else(row: Transport) {
    let stage = Plan::new(row).start();
    let (mut sender, mut listener) = (stage.connect().await, stage.connect().await);
    listener.subscribe("one", "/topic/a/*", &[]).await;
    listener.subscribe("rest", "/topic/**", &[]).await;
    for destination in ["/topic/a/b", "/topic/a/b/c", "/topic/b"] {
        sender.publish(destination, destination).await;
    }
    let mut heard = HashSet::new();
    for _ in 0..4 {
        let message = listener.message().await;
        assert_eq!(message.header("destination"), Some(message.text()));
        heard.insert((message.header("subscription").unwrap().to_owned(), message.text().to_owned()));
    }
    let pair = |id: &str, destination: &str| (id.to_owned(), destination.to_owned());
    let rest = ["/topic/a/b", "/topic/a/b/c", "/topic/b"].map(|destination| pair("rest", destination));
    assert_eq!(heard, rest.into_iter().chain([pair("one", "/topic/a/b")]).collect());
}

pub async fn nothing_comes_behind_an_unsubscribe(row: Transport) {
    let stage = Plan::new(row).start();
    let mut client = stage.connect().await;
    client.subscribe("0", "/topic/a", &[]).await;
    client.subscribe("1", "/topic/a", &[]).await;
    client.ask("UNSUBSCRIBE", &[("id", "0")], "").await;
    for n in ["first", "second"] {
        client.publish("/topic/a", n).await;
        let message = client.message().await;
        assert_eq!((message.header("subscription"), message.text()), (Some("1"), n));
    }
    client.subscribe("0", "/topic/b", &[]).await;
    client.publish("/topic/b", "the id is free again").await;
    assert_eq!(client.body().await, "the id is free again");
}

pub async fn each_publication_has_a_message_id_of_its_own(row: Transport) {
    let stage = Plan::new(row).start();
    let mut client = stage.connect().await;
    client.subscribe("0", "/topic/a", &[]).await;
    client.subscribe("1", "/queue/a", &[("ack", "client")]).await;
    let mut ids = HashSet::new();
    for _ in 0..10 {
        for destination in ["/topic/a", "/queue/a"] {
            client.publish(destination, "").await;
            assert!(ids.insert(client.message().await.header("message-id").unwrap().to_owned()));
        }
    }
}

pub async fn a_body_may_hold_a_nul_where_its_length_is_said(row: Transport) {
    let stage = Plan::new(row).start();
    let mut client = stage.connect().await;
    client.subscribe("0", "/topic/a", &[]).await;
    client.raw("SEND\ndestination:/topic/a\ncontent-length:3\n\na\0b\0").await;
    assert_eq!(client.body().await, "a\0b");
    client.raw("SEND\ndestination:/topic/a\n\n\0").await;
    assert_eq!(client.body().await, "");
}

pub async fn what_no_broker_takes_is_refused_and_the_session_ends(row: Transport) {
    let stage = Plan::new(row).start();
    for (command, destination) in [("SEND", "/nowhere"), ("SUBSCRIBE", "/nowhere"), ("SUBSCRIBE", "/queue/*")] {
        let mut client = stage.connect().await;
        client.send(command, &[("id", "0"), ("destination", destination), ("receipt", "r")], "").await;
        let error = client.fails("Forbidden", &Disconnect::FORBIDDEN).await;
        assert_eq!(error.header("receipt-id"), Some("r"));
    }
}

pub async fn where_refusals_are_kept_the_session_goes_on(row: Transport) {
    let stage = Plan::new(row).refusals(Refusals::Keep).start();
    let mut client = stage.connect().await;
    client.send("SEND", &[("destination", "/nowhere"), ("receipt", "r")], "").await;
    assert_eq!(client.error("Forbidden").await.header("receipt-id"), Some("r"));
    client.send("SUBSCRIBE", &[("id", "0"), ("destination", "/nowhere"), ("receipt", "s")], "").await;
    assert_eq!(client.error("Forbidden").await.header("receipt-id"), Some("s"));
    client.subscribe("0", "/topic/a", &[]).await;
    client.publish("/topic/a", "still here").await;
    assert_eq!(client.body().await, "still here");
}

pub async fn publishers_wait_where_too_much_is_published_and_none_is_sent_away(row: Transport) {
    const PUBLISHERS: usize = 4;
    const EACH: usize = 50;
    let stage = Plan::new(row).with(|settings| settings.limits.publish_messages = 1).start();
    let mut listener = stage.connect().await;
    for id in 0..20 {
        listener.subscribe(&id.to_string(), "/topic/**", &[]).await;
    }
    let mut publishers = JoinSet::new();
    for publisher in 0..PUBLISHERS {
        let mut client = stage.connect().await;
        publishers.spawn(async move {
            let topic = format!("/topic/{publisher}");
            for n in 0..EACH {
                client.publish(&topic, &n.to_string()).await;
            }
            client.settle().await;
        });
    }
    let mut heard = [[0; 20]; PUBLISHERS];
    for _ in 0..PUBLISHERS * EACH * 20 {
        let message = listener.message().await;
        let publisher: usize = message.header("destination").unwrap()["/topic/".len()..].parse().unwrap();
        let subscription: usize = message.header("subscription").unwrap().parse().unwrap();
        let next = &mut heard[publisher][subscription];
        assert_eq!(message.text(), next.to_string(), "each hears each in order");
        *next += 1;
    }
    publishers.join_all().await;
    assert_eq!(stage.endings("overloaded"), 0);
}

/// The test's runtime has one thread, so nothing of the first message is carried out before the second is looked at.
#[tokio::test]
async fn a_message_waits_for_room_for_as_long_as_the_settings_say() {
    for (wait, is_taken) in [(Duration::from_secs(10), true), (Duration::ZERO, false)] {
        let plan = Plan::new(Transport::RawWebsocket).with(|settings| {
            settings.limits.publish_messages = 1;
            settings.limits.publish_wait = wait;
        });
        let stage = plan.start();
        let (mut client, mut listener) = (stage.connect().await, stage.connect().await);
        listener.subscribe("0", "/topic/a", &[]).await;
        let two = ["1", "2"].map(|body| frame("SEND", &[("destination", "/topic/a"), ("receipt", body)], body));
        client.raw(&two.concat()).await;
        client.receipt("1").await;
        match is_taken {
            true => client.receipt("2").await,
            false => drop(client.fails("Overloaded", &Disconnect::OVERLOADED).await),
        }
        listener.publish("/topic/a", "mark").await;
        let heard = if is_taken { vec!["1", "2", "mark"] } else { vec!["1", "mark"] };
        for body in heard {
            assert_eq!(listener.body().await, body);
        }
    }
}
