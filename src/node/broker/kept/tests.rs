use super::*;
use crate::broker::{BrokerSettings, Shares};
use crate::model::Message;
use crate::node::now;

/// What a publication of these tests takes: itself, and 200.
const COST: usize = 100 + "/topic/x".len() + 200;

struct Stage {
    kept: Kept,
    shares: Arc<Shares>,
    history: HistorySettings,
    now: Instant,
}

impl Stage {
    fn new(limits: BrokerSettings) -> Self {
        let history = HistorySettings::new("/topic/**".parse().unwrap());
        let shares = Shares::new(&limits);
        Self { kept: Kept::new(&limits, Arc::clone(&shares), 0), shares, history, now: now() }
    }

    fn publish(&mut self, account: &Arc<Account>, topic: &str) -> Option<Offset> {
        let destination = destination(topic);
        let publication = Publication::new(destination, Message::text("x".repeat(100)));
        self.kept.record(&publication, account, &self.history, self.now)
    }

    fn len(&self, topic: &str) -> Option<usize> {
        self.kept.topics.get(&destination(topic)).map(|topic| topic.history.len())
    }

    /// Those among these topics of which something is kept.
    fn kept(&self, topics: impl IntoIterator<Item = char>) -> String {
        topics.into_iter().filter(|topic| self.len(&name(*topic)).is_some_and(|len| len > 0)).collect()
    }

    fn is_counted_right(&self) {
        let all: usize = self.kept.topics.values().map(|topic| topic.history.cost()).sum();
        assert_eq!(self.kept.bytes, all);
        let anonymous = self.kept.topics.values().filter(|topic| topic.rank == Rank::Anonymous);
        assert_eq!(self.kept.owners.anonymous.bytes, anonymous.map(|topic| topic.history.cost()).sum::<usize>());
    }
}

fn destination(topic: &str) -> Destination {
    Destination::parse(topic.to_owned()).unwrap()
}

fn name(topic: char) -> String {
    format!("/topic/{topic}")
}

#[test]
fn what_is_too_old_makes_room_for_other_topics_though_nobody_looks_at_it() {
    let minute = Duration::from_secs(60);
    let few = BrokerSettings { max_histories: 1, ..BrokerSettings::default() };
    let small = BrokerSettings { max_history_bytes: COST + COST / 2, ..BrokerSettings::default() };
    for limits in [few, small] {
        let mut stage = Stage::new(limits);
        stage.history.max_age = minute;
        let application = stage.shares.application();
        let mut publish = |topic: &str, later: Duration| {
            stage.now += later;
            stage.publish(&application, topic);
            stage.len(topic).unwrap_or_default()
        };
        assert_eq!((publish("/topic/o", Duration::ZERO), publish("/topic/n", Duration::ZERO)), (1, 0));
        assert_eq!((publish("/topic/n", minute), publish("/topic/o", Duration::ZERO)), (1, 0));
    }
}

#[test]
fn who_floods_topics_beyond_a_share_loses_the_newest_of_them_and_nobody_else_loses_anything() {
    let mut stage = Stage::new(BrokerSettings { max_history_bytes: 100 * COST, ..BrokerSettings::default() });
    let application = stage.shares.application();
    let anonymous = stage.shares.anonymous(&application);
    let (eve, bob) = (stage.shares.address(&anonymous), stage.shares.address(&anonymous));
    let ada = stage.shares.user(&application);
    for (account, topic) in [(&bob, "/topic/B"), (&ada, "/topic/A"), (&application, "/topic/S")] {
        (0..5).for_each(|_| _ = stage.publish(account, topic));
    }
    ('a'..='z').for_each(|topic| _ = stage.publish(&eve, &name(topic)));
    assert_eq!(stage.kept('a'..='z'), "abcdefghiz", "a tenth; the first stay");
    assert_eq!(["/topic/A", "/topic/B", "/topic/S"].map(|topic| stage.len(topic)), [Some(5); 3]);
    assert!(stage.shares.hits() > 0);
    stage.is_counted_right();
}

#[test]
fn addresses_by_the_dozen_share_what_is_for_them_and_make_room_for_each_other() {
    let mut stage = Stage::new(BrokerSettings { max_history_bytes: 100 * COST, ..BrokerSettings::default() });
    let application = stage.shares.application();
    let anonymous = stage.shares.anonymous(&application);
    let flood: Vec<_> = (0..6).map(|_| stage.shares.address(&anonymous)).collect();
    let (bob, ada) = (stage.shares.address(&anonymous), stage.shares.user(&application));
    for (at, address) in flood.iter().enumerate() {
        ('a'..='j').for_each(|topic| _ = stage.publish(address, &format!("/topic/{topic}/{at}")));
    }
    stage.is_counted_right();
    assert!(stage.kept.owners.anonymous.bytes <= 52 * COST, "{}", stage.kept.owners.anonymous.bytes);
    (0..5).for_each(|_| _ = stage.publish(&bob, "/topic/B"));
    assert_eq!(stage.len("/topic/B"), Some(5), "who has less gets some of who has most");
    (0..25).for_each(|_| _ = stage.publish(&ada, "/topic/A"));
    (0..60).for_each(|_| _ = stage.publish(&application, "/topic/S"));
    let kept = ["/topic/A", "/topic/S"].map(|topic| stage.len(topic));
    assert_eq!(kept, [Some(25), Some(60)], "addresses come after users, and these after the application");
    stage.is_counted_right();
}

#[test]
fn who_begins_thousands_of_histories_keeps_none_of_them_from_others() {
    let mut stage = Stage::new(BrokerSettings { max_histories: 20, ..BrokerSettings::default() });
    let application = stage.shares.application();
    let anonymous = stage.shares.anonymous(&application);
    let addresses: Vec<_> = (0..8).map(|_| stage.shares.address(&anonymous)).collect();
    let ada = stage.shares.user(&application);
    for (at, address) in addresses.iter().enumerate() {
        for n in 0..10 {
            stage.publish(address, &format!("/topic/{at}/{n}"));
        }
    }
    assert_eq!(stage.kept.topics.len(), 10, "a half for all of them");
    assert!((0..8).all(|at| stage.len(&format!("/topic/{at}/0")).is_some()), "and each has one");
    (0..12).for_each(|n| _ = stage.publish(&application, &format!("/topic/s/{n}")));
    (0..5).for_each(|n| assert!(stage.publish(&ada, &format!("/topic/u/{n}")).is_some()));
    assert_eq!(stage.publish(&ada, "/topic/u/5"), None, "a quarter");
    assert_eq!(stage.kept.topics.len(), 20);
    stage.is_counted_right();
}

#[test]
fn a_topic_is_its_best_publisher_s_whoever_waited_for_it_first() {
    let mut stage = Stage::new(BrokerSettings { max_history_bytes: 100 * COST, ..BrokerSettings::default() });
    let application = stage.shares.application();
    let anonymous = stage.shares.anonymous(&application);
    let (eve, bob) = (stage.shares.address(&anonymous), stage.shares.address(&anonymous));
    let ada = stage.shares.user(&application);
    for topic in ["/topic/A", "/topic/B"] {
        stage.kept.begin(&destination(topic), &eve, &stage.history, stage.now).unwrap();
    }
    stage.publish(&bob, "/topic/B");
    stage.publish(&eve, "/topic/A");
    stage.publish(&ada, "/topic/A");
    ('a'..='z').for_each(|topic| _ = stage.publish(&eve, &name(topic)));
    (0..9).for_each(|_| _ = (stage.publish(&bob, "/topic/B"), stage.publish(&ada, "/topic/A")));
    assert_eq!((stage.len("/topic/A"), stage.len("/topic/B")), (Some(11), Some(10)));
    assert_eq!(stage.kept('a'..='z'), "abcdefghiz");
    stage.is_counted_right();
}
