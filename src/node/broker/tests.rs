//! What can only be seen from inside.

use super::{Broker, Form, Listening, Place, Step};
use crate::broker::{BrokerSettings, Gap, HistorySettings, Offset, PresenceSettings};
use crate::messaging::{HistoryPage, HistoryQuery, OccupancyListeners, PublishError};
use crate::model::{Destination, DestinationPattern, Message, Publication, SessionId, Transport};
use crate::node::addresses::Addresses;
use crate::node::cell::{Cell, Identity};
use crate::node::feed::FeedForm;
use crate::node::hub::Hub;
use crate::node::now;
use crate::node::{Byway, Handler, LimitSettings, Receiver, SessionHandle, Settings};
use crate::protocol::feed::Format;
use crate::session::{Frame, Take};
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::{Builder, Handle, Runtime};
use tokio::task::JoinSet;

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

fn text(to: &str, body: &str) -> Publication {
    Publication::new(destination(to), Message::text(body.to_owned()))
}

fn publish(broker: &Broker, topic: &str) {
    broker.publish(text(topic, &"x".repeat(100)), broker.application()).unwrap();
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
    byway.0.open_cell((who, Addresses::known_user()), Arc::new(Settings::default().session), None)
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
    broker.publish(text("/topic/b", "fills the hub"), broker.application()).unwrap();
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
    let broker = keeping(|settings| settings.max_history_bytes = 5 * 320);
    publish(&broker, "/topic/last");
    let seen = since(&broker, "/topic/last", None).offset;
    for topic in 0..20 {
        publish(&broker, &format!("/topic/{topic}"));
    }
    publish(&broker, "/topic/last");
    let kept = |topic: String| since(&broker, &topic, None).publications.iter().map(|(_, it)| it.size()).sum::<usize>();
    let bytes = (0..20).map(|topic| kept(format!("/topic/{topic}"))).sum::<usize>() + kept("/topic/last".to_owned());
    assert!((300..=5 * 320).contains(&bytes), "{bytes}");
    assert_eq!(since(&broker, "/topic/last", seen).gap, Some(Gap::Unknown));
    let nothing = since(&broker, "/topic/19", None);
    assert!(nothing.publications.is_empty() && nothing.offset.is_some_and(|at| at.offset == 1), "{nothing:?}");
    publish(&broker, "/topic/19");
    assert!(since(&broker, "/topic/19", nothing.offset).gap.is_some());
}

/// A runtime whose tasks never run: a hub that stands still.
fn stalled() -> Runtime {
    Builder::new_current_thread().build().unwrap()
}

const WAIT: Duration = Duration::from_millis(100);

/// Where so many messages may wait, with a session that listens to many patterns.
fn standing_still(publish_messages: usize) -> (Broker, Runtime, Vec<Listening>) {
    let (runtime, byway) = (stalled(), Byway::new(Settings::default(), Nothing).unwrap());
    let limits = LimitSettings { publish_messages, publish_wait: WAIT, ..LimitSettings::default() };
    let broker = broker_of(BrokerSettings::default(), &limits);
    broker.run_on(runtime.handle());
    let cell = session(&byway);
    let patterns = ["/topic/a", "/topic/*", "/topic/**", "/topic/a/**", "/*/a", "/**", "/*/*", "/*/**"];
    let listen = |(slot, pattern): (usize, &&str)| {
        let pattern = DestinationPattern::parse((*pattern).to_owned()).unwrap();
        broker.listen(pattern, &cell, form(slot)).unwrap()
    };
    let listening = patterns.iter().enumerate().map(listen).collect();
    (broker, runtime, listening)
}

#[tokio::test]
async fn a_publication_counts_once_however_many_patterns_it_matches_and_who_finds_no_room_waits_for_so_long() {
    let (broker, runtime, _listening) = standing_still(3);
    for _ in 0..3 {
        broker.publish(text("/topic/a", "x"), broker.application()).unwrap();
    }
    let more = || text("/topic/a", "x");
    assert_eq!(broker.publish(more(), broker.application()), Err(PublishError::Overloaded));
    let start = now();
    assert_eq!(broker.publish_in_turn(more(), broker.application()).await, Err(PublishError::Overloaded));
    assert!(start.elapsed() >= WAIT);
    let (waits, unstuck) = (broker.publish_in_turn(more(), broker.application()), async {
        std::thread::spawn(move || runtime.block_on(tokio::task::yield_now())).join().unwrap();
    });
    let (published, ()) = tokio::join!(waits, unstuck);
    assert_eq!(published, Ok(()));
}

#[tokio::test]
async fn of_several_publications_none_is_taken_where_the_hub_has_room_for_some() {
    let (broker, runtime, _listening) = standing_still(3);
    broker.publish(text("/topic/a", "x"), broker.application()).unwrap();
    let step = |to: &str| Step { owner: None, publication: text(to, "x") };
    let mut steps = vec![step("/queue/a"), step("/topic/a"), step("/topic/a"), step("/topic/b")];
    let refused = broker.publish_all_in_turn(&mut steps, broker.application()).await.unwrap_err();
    assert_eq!((refused.error, refused.at, steps.len()), (PublishError::Overloaded, 3, 4));
    assert!(broker.queues.state(&destination("/queue/a")).is_none());
    steps.pop();
    broker.publish_all_in_turn(&mut steps, broker.application()).await.unwrap();
    assert_eq!((steps.len(), broker.published()), (0, 4));
    assert!(broker.queues.state(&destination("/queue/a")).is_some());
    runtime.shutdown_background();
}

/// Two of each batch fit into a queue of five, whoever comes first.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn batches_that_race_for_the_same_queues_are_taken_whole_or_not_at_all_and_none_waits_for_ever() {
    for _ in 0..20 {
        let mut settings = BrokerSettings::default();
        settings.queue.max_messages = 5;
        let broker = Arc::new(broker_of(settings, &LimitSettings::default()));
        let mut racers = JoinSet::new();
        for racer in 0..8 {
            let broker = Arc::clone(&broker);
            racers.spawn(async move {
                let mut queues = ["/queue/a", "/queue/b", "/queue/c"];
                queues.rotate_left(racer % 3);
                let names = queues.into_iter().chain(queues).chain(["/topic/a", "/topic/b"]);
                let step = |to: &str| Step { owner: None, publication: text(to, &racer.to_string()) };
                let mut steps: Vec<_> = names.map(step).collect();
                broker.publish_all_in_turn(&mut steps, broker.application()).await.is_ok()
            });
        }
        let taken = racers.join_all().await.into_iter().filter(|taken| *taken).count();
        assert_eq!((taken, broker.published()), (2, 16));
        let waiting =
            ["/queue/a", "/queue/b", "/queue/c"].map(|it| broker.queues.state(&destination(it)).unwrap().1.waiting);
        assert_eq!(waiting, [4; 3]);
    }
}
