//! Random lives of a work queue against a list of what became of each message.

use crate::{at, number, sized};
use byway::broker::{
    ConsumerId, DeadLetterReason, Delivery, OnFull, QueueFull, QueueSettings, Settlement, SubscribeError, UnknownTag,
    WorkQueue,
};
use byway::{AckMode, SessionId};
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

const MAX_MESSAGES: usize = 6;
const MAX_BYTES: usize = 200;
const MAX_DELIVERIES: u32 = 3;
const MAX_AGE: u64 = 60;
const CONSUMERS: u64 = 3;

/// What becomes of a delivery.
#[derive(Debug, Clone, Copy)]
enum Outcome {
    Written,
    /// It waits for its consumer's client.
    OnTheWay,
    TakenBack,
}

#[derive(Debug, Clone)]
enum Step {
    Publish { size: usize },
    Subscribe { consumer: u64, mode: AckMode, prefetch: usize },
    Unsubscribe { consumer: u64 },
    Deliver { room: [bool; CONSUMERS as usize], outcome: Outcome },
    Write { consumer: u64, which: prop::sample::Index },
    Settle { consumer: u64, which: prop::sample::Index, settlement: Settlement },
    SettleUnknown { consumer: u64, tag: u64 },
    Pause { millis: u64 },
}

fn step() -> impl Strategy<Value = Step> {
    let mode = prop_oneof![Just(AckMode::Auto), Just(AckMode::Client), Just(AckMode::ClientIndividual)];
    let outcome = prop_oneof![2 => Just(Outcome::Written), 2 => Just(Outcome::OnTheWay), 1 => Just(Outcome::TakenBack)];
    let settlement = prop_oneof![Just(Settlement::Ack), Just(Settlement::Nack)];
    prop_oneof![
        6 => (12usize..90).prop_map(|size| Step::Publish { size }),
        2 => (0..CONSUMERS, mode, 1usize..4)
            .prop_map(|(consumer, mode, prefetch)| Step::Subscribe { consumer, mode, prefetch }),
        1 => (0..CONSUMERS).prop_map(|consumer| Step::Unsubscribe { consumer }),
        8 => (any::<[bool; CONSUMERS as usize]>(), outcome).prop_map(|(room, outcome)| Step::Deliver { room, outcome }),
        3 => (0..CONSUMERS, any::<prop::sample::Index>())
            .prop_map(|(consumer, which)| Step::Write { consumer, which }),
        6 => (0..CONSUMERS, any::<prop::sample::Index>(), settlement)
            .prop_map(|(consumer, which, settlement)| Step::Settle { consumer, which, settlement }),
        1 => (0..CONSUMERS, 0u64..200).prop_map(|(consumer, tag)| Step::SettleUnknown { consumer, tag }),
        3 => (0u64..25).prop_map(|millis| Step::Pause { millis }),
    ]
}

/// Where a message is.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Place {
    Ready,
    Delayed { until: u64 },
    Unacked { consumer: u64, tag: u64, written: bool },
    Settled,
    Dead(DeadLetterReason),
}

#[derive(Debug)]
struct Message {
    size: usize,
    published: u64,
    deliveries: u32,
    place: Place,
    /// Whether it came back from a lost consumer to which it was not written, and may come behind newer ones.
    returned: bool,
}

impl Message {
    fn waits(&self) -> bool {
        matches!(self.place, Place::Ready | Place::Delayed { .. })
    }

    fn is_unacked(&self) -> bool {
        matches!(self.place, Place::Unacked { .. })
    }
}

/// A queue, and what should be in it. A message's number is its index in `messages`.
struct Life {
    queue: WorkQueue,
    messages: Vec<Message>,
    consumers: BTreeMap<u64, (AckMode, usize)>,
    /// What each consumer that is there got first, and not again.
    first_deliveries: BTreeMap<u64, usize>,
    settings: QueueSettings,
    now: u64,
}

fn id(consumer: u64) -> ConsumerId {
    ConsumerId { session: SessionId(consumer), subscription: 0 }
}

impl Life {
    fn new(on_full: OnFull, delay: u64, ages: bool) -> Self {
        let settings = QueueSettings {
            max_messages: MAX_MESSAGES,
            max_bytes: MAX_BYTES,
            on_full,
            max_deliveries: MAX_DELIVERIES,
            redelivery_delay: Duration::from_millis(delay),
            max_age: ages.then_some(Duration::from_millis(MAX_AGE)),
            ..QueueSettings::default()
        };
        let queue = WorkQueue::new(Arc::new(settings.clone()));
        let (messages, consumers, first_deliveries) = Default::default();
        Self { queue, messages, consumers, first_deliveries, settings, now: 0 }
    }

    fn run(&mut self, step: Step) {
        match step {
            Step::Publish { size } => self.publish(size),
            Step::Subscribe { consumer, mode, prefetch } => self.subscribe(consumer, mode, prefetch),
            Step::Unsubscribe { consumer } => self.unsubscribe(consumer),
            Step::Deliver { room, outcome } => self.deliver(room, outcome),
            Step::Write { consumer, which } => self.write_one(consumer, which),
            Step::Settle { consumer, which, settlement } => self.settle(consumer, which, settlement),
            Step::SettleUnknown { consumer, tag } => self.settle_unknown(consumer, tag),
            Step::Pause { millis } => self.pause(millis),
        }
        self.check();
    }

    fn publish(&mut self, size: usize) {
        let expected = self.make_room(size);
        let result = self.queue.publish(sized(self.messages.len(), size), at(self.now));
        assert_eq!(result, expected);
        if result.is_ok() {
            self.messages.push(Message {
                size,
                published: self.now,
                deliveries: 0,
                place: Place::Ready,
                returned: false,
            });
        }
    }

    /// The policy at the limit.
    fn make_room(&mut self, size: usize) -> Result<(), QueueFull> {
        let dropping = self.settings.on_full == OnFull::DropOldest;
        let could_fit = self.fits(size, |_| true) || (dropping && self.fits(size, Message::is_unacked));
        if !could_fit {
            return Err(QueueFull);
        }
        while !self.fits(size, |_| true) {
            let oldest = (0..self.messages.len()).filter(|&n| self.messages[n].waits()).min_by_key(|&n| {
                match self.messages[n].place {
                    Place::Delayed { until } => (1, until, n),
                    _ => (0, 0, n),
                }
            });
            self.messages[oldest.unwrap()].place = Place::Dead(DeadLetterReason::Overflow);
        }
        Ok(())
    }

    fn fits(&self, size: usize, counts: impl Fn(&Message) -> bool) -> bool {
        let (messages, bytes) = self.held(counts);
        messages < MAX_MESSAGES && bytes + size <= MAX_BYTES
    }

    /// How many of the messages that are not gone count, and their bytes.
    fn held(&self, counts: impl Fn(&Message) -> bool) -> (usize, usize) {
        let held = self.messages.iter().filter(|message| (message.waits() || message.is_unacked()) && counts(message));
        held.fold((0, 0), |(messages, bytes), message| (messages + 1, bytes + message.size))
    }

    fn subscribe(&mut self, consumer: u64, mode: AckMode, prefetch: usize) {
        let known = self.consumers.contains_key(&consumer);
        let expected = if known { Err(SubscribeError::Duplicate) } else { Ok(()) };
        assert_eq!(self.queue.subscribe(id(consumer), mode, prefetch), expected);
        self.consumers.entry(consumer).or_insert((mode, prefetch));
    }

    fn unsubscribe(&mut self, consumer: u64) {
        self.queue.unsubscribe(id(consumer));
        self.consumers.remove(&consumer);
        self.first_deliveries.remove(&consumer);
        for n in self.unacked_by(consumer).into_values() {
            match self.messages[n].place {
                Place::Unacked { written: false, .. } => {
                    let message = &mut self.messages[n];
                    (message.place, message.returned) = (Place::Ready, true);
                    message.deliveries -= 1;
                }
                _ => self.give_back(n, 0),
            }
        }
    }

    fn write_one(&mut self, consumer: u64, which: prop::sample::Index) {
        let unacked = self.unacked_by(consumer);
        if !unacked.is_empty() {
            self.written(consumer, *unacked.keys().nth(which.index(unacked.len())).unwrap());
        }
    }

    /// All that a consumer was handed up to this tag is written.
    fn written(&mut self, consumer: u64, tag: u64) {
        self.queue.written(id(consumer), tag);
        for (tag, n) in self.unacked_by(consumer).range(..=tag) {
            self.messages[*n].place = match self.consumers[&consumer].0 {
                AckMode::Auto => Place::Settled,
                _ => Place::Unacked { consumer, tag: *tag, written: true },
            };
        }
    }

    fn give_back(&mut self, n: usize, delay: u64) {
        let message = &mut self.messages[n];
        let until = self.now + delay;
        message.place = match delay {
            _ if message.deliveries >= MAX_DELIVERIES => Place::Dead(DeadLetterReason::Rejected),
            0 => Place::Ready,
            _ if self.settings.max_age.is_some() => Place::Delayed { until: until.min(message.published + MAX_AGE) },
            _ => Place::Delayed { until },
        };
    }

    /// What a consumer has not settled: which message, by tag.
    fn unacked_by(&self, who: u64) -> BTreeMap<u64, usize> {
        let of = |(n, message): (usize, &Message)| match message.place {
            Place::Unacked { consumer, tag, .. } if consumer == who => Some((tag, n)),
            _ => None,
        };
        self.messages.iter().enumerate().filter_map(of).collect()
    }

    fn deliver(&mut self, room: [bool; CONSUMERS as usize], outcome: Outcome) {
        let can_take = |&(&consumer, &(mode, prefetch)): &(&u64, &(AckMode, usize))| {
            room[consumer as usize] && (mode == AckMode::Auto || self.unacked_by(consumer).len() < prefetch)
        };
        let takers: Vec<_> = self.consumers.iter().filter(can_take).map(|(consumer, _)| *consumer).collect();
        let first = self.messages.iter().position(|message| message.place == Place::Ready);
        let delivery = self.queue.next_delivery(|consumer, size| {
            assert_eq!(Some(size), first.map(|n| self.messages[n].size));
            room[consumer.session.0 as usize]
        });
        let (Some(n), Some(delivery)) = (first, delivery) else {
            assert!(first.is_none() || takers.is_empty(), "{first:?} could go to {takers:?}");
            return;
        };
        assert!(takers.contains(&delivery.consumer.session.0), "{delivery:?} to none of {takers:?}");
        assert_eq!(number(delivery.publication()), n, "the oldest that is ready comes first");
        assert_eq!(delivery.delivery_count(), self.messages[n].deliveries + 1);
        match outcome {
            Outcome::Written => {
                self.handed_over(n, &delivery);
                self.written(delivery.consumer.session.0, delivery.tag);
            }
            Outcome::OnTheWay => self.handed_over(n, &delivery),
            Outcome::TakenBack => self.queue.take_back(delivery),
        }
    }

    fn handed_over(&mut self, n: usize, delivery: &Delivery) {
        let consumer = delivery.consumer.session.0;
        let message = &mut self.messages[n];
        message.deliveries += 1;
        message.place = Place::Unacked { consumer, tag: delivery.tag, written: false };
        if !delivery.is_redelivered() && !message.returned {
            let before = self.first_deliveries.insert(consumer, n);
            assert!(before < Some(n), "{consumer} got {before:?} before {n}");
        }
    }

    fn settle(&mut self, consumer: u64, which: prop::sample::Index, settlement: Settlement) {
        let unacked = self.unacked_by(consumer);
        if unacked.is_empty() {
            return;
        }
        let (tag, _) = unacked.iter().nth(which.index(unacked.len())).unwrap();
        if self.consumers[&consumer].0 == AckMode::Auto {
            assert_eq!(self.queue.settle(id(consumer), *tag, settlement, at(self.now)), Err(UnknownTag));
            return;
        }
        assert_eq!(self.queue.settle(id(consumer), *tag, settlement, at(self.now)), Ok(()));
        let cumulative = self.consumers[&consumer].0 == AckMode::Client;
        for (_, n) in unacked.iter().filter(|(other, _)| *other == tag || (cumulative && *other < tag)) {
            match settlement {
                Settlement::Ack => self.messages[*n].place = Place::Settled,
                Settlement::Nack => self.give_back(*n, self.settings.redelivery_delay.as_millis() as u64),
            }
        }
    }

    fn settle_unknown(&mut self, consumer: u64, tag: u64) {
        if !self.unacked_by(consumer).contains_key(&tag) {
            assert_eq!(self.queue.settle(id(consumer), tag, Settlement::Nack, at(self.now)), Err(UnknownTag));
        }
    }

    fn pause(&mut self, millis: u64) {
        self.now += millis;
        self.queue.handle_timeout(at(self.now));
        let expires = |message: &Message| self.settings.max_age.is_some() && message.published + MAX_AGE <= self.now;
        for n in 0..self.messages.len() {
            let due = match self.messages[n].place {
                Place::Ready => true,
                Place::Delayed { until } => until <= self.now,
                _ => false,
            };
            if due {
                let expired = expires(&self.messages[n]);
                self.messages[n].place = if expired { Place::Dead(DeadLetterReason::Expired) } else { Place::Ready };
            }
        }
    }

    /// No message is lost, doubled or in two places, and every count is exact.
    fn check(&mut self) {
        while let Some(letter) = self.queue.next_dead_letter() {
            let message = &mut self.messages[number(&letter.publication)];
            assert_eq!(message.place, Place::Dead(letter.reason));
            assert_eq!(message.deliveries, letter.delivery_count);
            // Once is enough: it may not come again.
            message.place = Place::Settled;
        }
        assert!(
            !self.messages.iter().any(|message| matches!(message.place, Place::Dead(_))),
            "a dead letter is missing"
        );

        assert_eq!(self.queue.waiting(), self.held(Message::waits).0);
        assert_eq!(self.queue.unacked(), self.held(Message::is_unacked).0);
        assert_eq!(self.queue.bytes(), self.held(|_| true).1);
        assert!(self.queue.bytes() <= MAX_BYTES && self.held(|_| true).0 <= MAX_MESSAGES);
        assert_eq!(self.queue.consumers(), self.consumers.len());
        assert_eq!(self.queue.is_idle(), self.consumers.is_empty() && self.held(|_| true).0 == 0);
        assert_eq!(self.queue.poll_timeout(), self.deadline().map(at));
    }

    fn deadline(&self) -> Option<u64> {
        let of = |message: &Message| match message.place {
            Place::Ready => self.settings.max_age.map(|_| message.published + MAX_AGE),
            Place::Delayed { until } => Some(until),
            _ => None,
        };
        self.messages.iter().filter_map(of).min()
    }
}

proptest! {
    #[test]
    fn every_message_is_in_one_place_and_leaves_it_only_by_a_rule(
        drops in any::<bool>(),
        delay in prop_oneof![Just(0u64), Just(10)],
        ages in any::<bool>(),
        steps in prop::collection::vec(step(), 1..150),
    ) {
        let mut life = Life::new(if drops { OnFull::DropOldest } else { OnFull::Reject }, delay, ages);
        for step in steps {
            life.run(step);
        }
    }
}
