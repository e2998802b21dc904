//! One message for many sessions.

use crate::stage::{Plan, Stage};
use crate::support::client::{Client, Event, Leave};
use byway::{Group, Transport};
use futures_util::future::join_all;

pub async fn members_get_what_is_published_until_they_leave(row: Transport) {
    let mut stage = Plan::new(row).start();
    let (mut client, session) = stage.open().await;
    let (mut other, other_session) = stage.open().await;
    session.join("all");
    session.join("all");
    other_session.join("all");
    let group = stage.server.byway.group("all");
    assert_eq!(group.len(), 2);
    group.publish("both").unwrap();
    assert_eq!(client.message().await, "both");
    assert_eq!(other.message().await, "both");
    session.leave("all");
    group.publish("one").unwrap();
    assert_eq!(other.message().await, "one");
    session.send("only what is sent to it").unwrap();
    assert_eq!(client.message().await, "only what is sent to it");
}

pub async fn an_ended_session_is_no_member(row: Transport) {
    let mut stage = Plan::new(row).start();
    let (mut client, session) = stage.open().await;
    session.join("all");
    client.park().await;
    client.leave(Leave::Close).await;
    stage.ended().await;
    let group = stage.server.byway.group("all");
    assert!(group.is_empty());
    session.join("all");
    assert!(group.is_empty(), "and it becomes none");
}

pub async fn bursts_of_publications_beyond_the_queue_reach_a_client_that_reads(row: Transport) {
    let mut stage = Plan::new(row).with(|settings| settings.session.queue_messages = 16).start();
    let (mut client, session) = stage.open().await;
    session.join("all");
    let group = stage.server.byway.group("all");
    for n in 0..1000 {
        group.publish(n.to_string()).unwrap();
    }
    for n in 0..1000 {
        assert_eq!(client.next().await, Event::Message(n.to_string()));
    }
}

/// A member on every transport.
async fn members(stage: &mut Stage) -> Vec<Client> {
    let mut members = Vec::new();
    for transport in Transport::ALL {
        let mut client = Client::new(stage.server.address, transport).open().await;
        stage.opened().await.join("all");
        client.park().await;
        members.push(client);
    }
    members
}

pub async fn one_publication_reaches_the_members_on_all_transports() {
    let mut stage = Plan::new(Transport::Websocket).start();
    let mut members = members(&mut stage).await;
    let text = "to all: 100% </script> \u{2028} 😀";
    stage.server.byway.group("all").publish(text).unwrap();
    for member in &mut members {
        assert_eq!(member.message().await, text, "{}", member.transport);
    }
}

async fn publish(group: Group, publisher: usize) {
    for n in 0..200 {
        group.publish(format!("{publisher}.{n}")).unwrap();
        if n % 10 == 0 {
            tokio::task::yield_now().await;
        }
    }
}

pub async fn all_members_see_racing_publishers_in_one_order() {
    let mut stage = Plan::new(Transport::Websocket).start();
    let members = [members(&mut stage).await, members(&mut stage).await].into_iter().flatten();
    let group = stage.server.byway.group("all");
    let publishers = [0, 1].map(|publisher| tokio::spawn(publish(group.clone(), publisher)));
    let seen = join_all(members.map(|mut member| async move {
        let mut seen = Vec::new();
        for _ in 0..400 {
            seen.push(member.message().await);
        }
        (member.transport, seen)
    }));
    let seen = seen.await;
    for (transport, order) in &seen {
        assert_eq!(*order, seen[0].1, "{transport}");
    }
    for publisher in publishers {
        publisher.await.unwrap();
    }
}
