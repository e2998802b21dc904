//! What can only be seen from inside.

use super::{Broker, Form, Place};
use crate::broker::{BrokerSettings, Gap, HistorySettings, Offset, PresenceSettings};
use crate::messaging::{HistoryPage, HistoryQuery, OccupancyListeners};
use crate::model::{Destination, Message, Publication, SessionId, Transport};
use crate::node::cell::{Cell, Identity};
use crate::node::feed::FeedForm;
use crate::node::hub::Hub;
use crate::node::{Byway, Handler, LimitSettings, Receiver, SessionHandle, Settings};
use crate::protocol::feed::Format;
use crate::session::{Frame, Take};
use std::net::Ipv4Addr;
use std::sync::Arc;
use tokio::runtime::Handle;

struct Nothing;

impl Handler for Nothing {
    async fn message(&self, _: &SessionHandle, _: Message) {}
}

fn destination(text: &str) -> Destination {
    Destination::parse(text.to_owned()).unwrap()
}

/// A broker that knows who is in `/topic/a`, and for whose members one message may wait.
fn broker() -> Broker {
    let presence = vec![PresenceSettings::new("/topic/a".parse().unwrap())];
    let limits = LimitSettings { publish_messages: 1, ..LimitSettings::default() };
    let broker = broker_of(BrokerSettings { presence, ..BrokerSettings::default() }, &limits);
    broker.run_on(&Handle::current());
    broker
}

fn broker_of(settings: BrokerSettings, limits: &LimitSettings) -> Broker {
    Broker::new(settings, destination("/presence"), Hub::for_limits(limits), OccupancyListeners::default())
}

/// A broker that keeps all topics.
fn keeping(change: impl FnOnce(&mut BrokerSettings)) -> Broker {
    let history = HistorySettings::new("/topic/**".parse().unwrap());
    let mut settings = BrokerSettings { history: vec![history], ..BrokerSettings::default() };
    change(&mut settings);
    broker_of(settings, &LimitSettings::default())
}

fn publish(broker: &Broker, topic: &str) {
    broker.publish(Publication::new(destination(topic), Message::text("x".repeat(100)))).unwrap();
}

fn since(broker: &Broker, topic: &str, since: Option<Offset>) -> HistoryPage {
    broker.history(&HistoryQuery { destination: destination(topic), since, limit: 100 }).unwrap()
}

fn form(slot: usize) -> Form {
    Form::Feed(FeedForm { format: Format::Lines, slot, alone: false, is_poll: false, resumable: false })
}

fn session(byway: &Byway) -> Arc<Cell> {
    let (id, remote) = (SessionId(1), Ipv4Addr::LOCALHOST.into());
    let who = Identity { id, transport: Transport::FeedLines, principal: None, remote, protocol: None, name: None };
    byway.0.open_cell(who, Arc::new(Settings::default().session), None)
}

/// The next record that has this in it.
async fn hears(receiver: &mut Receiver, text: &str) -> String {
    loop {
        let Some(Frame::Messages(messages)) = receiver.next().await else { continue };
        let records = messages.iter().filter_map(|message| message.message().as_str().map(str::to_owned));
        if let Some(record) = records.into_iter().find(|record| record.contains(text)) {
            return record;
        }
    }
}

#[tokio::test]
async fn a_change_that_cannot_be_told_is_in_the_state_that_follows() {
    let (broker, byway) = (broker(), Byway::new(Settings::default(), Nothing).unwrap());
    let cell = session(&byway);
    let mut receiver = Receiver::attach(Arc::clone(&cell), Take::OneByOne).ok().unwrap();
    let place = Place { of: destination("/topic/a"), at: destination("/presence/topic/a") };
    let _watching = broker.watch(&place, &cell, form(0), drop).unwrap();
    let _listening = broker.listen(destination("/topic/b").into(), &cell, form(1)).unwrap();
    // Nothing is delivered before the test waits for something.
    broker.publish(Publication::new(destination("/topic/b"), Message::text("fills the hub"))).unwrap();
    let attend = |id| broker.attend(&place.of, SessionId(id), None).unwrap();
    let _lost = attend(7);
    hears(&mut receiver, "fills the hub").await;
    let _behind = attend(8);
    let told = hears(&mut receiver, "presence").await;
    assert!([r#"\"type\":\"here\""#, r#"\"s7\""#, r#"\"s8\""#].iter().all(|text| told.contains(text)), "{told}");
    let _later = attend(9);
    let told = hears(&mut receiver, "presence").await;
    assert!(told.contains(r#"\"type\":\"join\""#) && told.contains(r#"\"s9\""#), "{told}");
}

#[test]
fn all_histories_together_keep_no_more_bytes_than_they_may_and_tell_what_is_missing() {
    let broker = keeping(|settings| settings.max_history_bytes = 500);
    publish(&broker, "/topic/last");
    let seen = since(&broker, "/topic/last", None).offset;
    for topic in 0..20 {
        publish(&broker, &format!("/topic/{topic}"));
    }
    publish(&broker, "/topic/last");
    let kept = |topic: String| since(&broker, &topic, None).publications.iter().map(|(_, it)| it.size()).sum::<usize>();
    let bytes = (0..20).map(|topic| kept(format!("/topic/{topic}"))).sum::<usize>() + kept("/topic/last".to_owned());
    assert!((300..=500).contains(&bytes), "{bytes}");
    assert_eq!(since(&broker, "/topic/last", seen).gap, Some(Gap::Unknown));
    let nothing = since(&broker, "/topic/19", None);
    assert!(nothing.publications.is_empty() && nothing.offset.is_some_and(|at| at.offset == 1), "{nothing:?}");
    publish(&broker, "/topic/19");
    assert!(since(&broker, "/topic/19", nothing.offset).gap.is_some());
}
