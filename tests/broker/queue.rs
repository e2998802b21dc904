//! One work queue: what each rule says, and the limits at their edge.

use crate::{at, destination, number, sized};
use byway::broker::{
    ConsumerId, DeadLetterReason, Delivery, OnFull, Purged, QueueFull, QueueSettings, Settlement, SubscribeError,
    UnknownTag, WorkQueue,
};
use byway::{AckMode, Publication, SessionId};
use std::sync::Arc;
use std::time::Duration;

const ADA: ConsumerId = ConsumerId { session: SessionId(1), subscription: 0 };
const BOB: ConsumerId = ConsumerId { session: SessionId(2), subscription: 0 };

fn settings() -> QueueSettings {
    QueueSettings { redelivery_delay: Duration::ZERO, ..QueueSettings::default() }
}

/// A queue with the messages 1 to `messages`, each of 20 bytes.
fn queue(messages: usize, settings: QueueSettings) -> WorkQueue {
    let mut queue = WorkQueue::new(Arc::new(settings));
    for number in 1..=messages {
        queue.publish(sized(number, 20), at(0)).unwrap();
    }
    queue
}

fn next(queue: &mut WorkQueue) -> Option<Delivery> {
    queue.next_delivery(|_, _| true)
}

/// All deliveries that can be made now and are written: to whom, and which message.
fn drain(queue: &mut WorkQueue) -> Vec<(ConsumerId, usize)> {
    deliveries(queue).iter().map(|delivery| (delivery.consumer, number(delivery.publication()))).collect()
}

fn deliveries(queue: &mut WorkQueue) -> Vec<Delivery> {
    let deliveries: Vec<_> = std::iter::from_fn(|| next(queue)).collect();
    deliveries.iter().for_each(|delivery| queue.written(delivery.consumer, delivery.tag));
    deliveries
}

/// The numbers of the messages that are given up, and why.
fn dead(queue: &mut WorkQueue) -> Vec<(usize, DeadLetterReason)> {
    std::iter::from_fn(|| queue.next_dead_letter()).map(|letter| (number(&letter.publication), letter.reason)).collect()
}

#[test]
fn consumers_take_turns() {
    let mut queue = queue(4, settings());
    queue.subscribe(ADA, AckMode::Auto, 1).unwrap();
    queue.subscribe(BOB, AckMode::Client, 10).unwrap();
    assert_eq!(drain(&mut queue), [(ADA, 1), (BOB, 2), (ADA, 3), (BOB, 4)]);
}

#[test]
fn a_consumer_without_room_is_passed_over_and_keeps_its_turn() {
    let mut queue = queue(3, settings());
    queue.subscribe(ADA, AckMode::Auto, 1).unwrap();
    queue.subscribe(BOB, AckMode::Auto, 1).unwrap();
    let consumers: Vec<_> = [BOB, BOB]
        .into_iter()
        .map(|only| queue.next_delivery(|consumer, _| consumer == only).unwrap().consumer)
        .collect();
    assert_eq!(consumers, [BOB, BOB]);
    assert!(queue.next_delivery(|_, _| false).is_none());
    assert_eq!(next(&mut queue).unwrap().consumer, ADA);
}

#[test]
fn a_consumer_gets_as_many_as_it_may_have_unacknowledged_and_more_when_it_acknowledges() {
    for mode in [AckMode::Client, AckMode::ClientIndividual] {
        let mut queue = queue(4, settings());
        queue.subscribe(ADA, mode, 2).unwrap();
        let first = deliveries(&mut queue);
        assert_eq!(first.len(), 2);
        queue.settle(ADA, first[0].tag, Settlement::Ack, at(0)).unwrap();
        assert_eq!(drain(&mut queue), [(ADA, 3)]);
        assert_eq!((queue.waiting(), queue.unacked(), queue.bytes()), (1, 2, 60));
    }
}

#[test]
fn client_settles_all_before_and_client_individual_one() {
    for (mode, settlement, left) in [
        (AckMode::Client, Settlement::Ack, 1),
        (AckMode::ClientIndividual, Settlement::Ack, 2),
        (AckMode::Client, Settlement::Nack, 1),
        (AckMode::ClientIndividual, Settlement::Nack, 2),
    ] {
        let mut queue = queue(3, settings());
        queue.subscribe(ADA, mode, 9).unwrap();
        let tags: Vec<_> = deliveries(&mut queue).iter().map(|delivery| delivery.tag).collect();
        queue.settle(ADA, tags[1], settlement, at(0)).unwrap();
        assert_eq!(queue.unacked(), left, "{mode:?} {settlement:?}");
        let waiting = if settlement == Settlement::Nack { 3 - left } else { 0 };
        assert_eq!(queue.waiting(), waiting, "{mode:?} {settlement:?}");
    }
}

#[test]
fn settling_twice_ahead_or_what_is_anothers_is_an_error_that_changes_nothing() {
    for mode in [AckMode::Client, AckMode::ClientIndividual] {
        let mut queue = queue(3, settings());
        queue.subscribe(ADA, mode, 1).unwrap();
        queue.subscribe(BOB, mode, 1).unwrap();
        let [adas, bobs] = [next(&mut queue).unwrap().tag, next(&mut queue).unwrap().tag];
        for (consumer, tag) in [(ADA, bobs), (BOB, adas), (ADA, bobs + 1), (ADA, 0), (ADA, u64::MAX)] {
            assert_eq!(queue.settle(consumer, tag, Settlement::Ack, at(0)), Err(UnknownTag));
        }
        assert_eq!(queue.unacked(), 2);
        queue.settle(ADA, adas, Settlement::Ack, at(0)).unwrap();
        assert_eq!(queue.settle(ADA, adas, Settlement::Ack, at(0)), Err(UnknownTag));
        queue.unsubscribe(BOB);
        assert_eq!(queue.settle(BOB, bobs, Settlement::Ack, at(0)), Err(UnknownTag));
    }
}

#[test]
fn what_is_written_to_a_consumer_that_does_not_acknowledge_is_settled() {
    let mut queue = queue(1, settings());
    queue.subscribe(ADA, AckMode::Auto, 1).unwrap();
    let delivery = next(&mut queue).unwrap();
    assert!(!delivery.needs_settlement() && !queue.is_unsettled(ADA, delivery.tag));
    assert_eq!((queue.waiting(), queue.unacked(), queue.bytes()), (0, 1, 20));
    assert_eq!(queue.settle(ADA, delivery.tag, Settlement::Ack, at(0)), Err(UnknownTag));
    queue.written(ADA, delivery.tag);
    assert_eq!((queue.waiting(), queue.unacked(), queue.bytes()), (0, 0, 0));
    assert_eq!(queue.settle(ADA, delivery.tag, Settlement::Ack, at(0)), Err(UnknownTag));
    queue.unsubscribe(ADA);
    assert!(queue.is_idle());
}

#[test]
fn what_lost_consumers_had_goes_before_newer_ones_in_its_old_order() {
    let mut queue = queue(5, settings());
    queue.subscribe(ADA, AckMode::Client, 2).unwrap();
    queue.subscribe(BOB, AckMode::Client, 2).unwrap();
    assert_eq!(drain(&mut queue).len(), 4);
    queue.unsubscribe(BOB);
    queue.unsubscribe(ADA);
    let third = ConsumerId { session: SessionId(3), subscription: 0 };
    queue.subscribe(third, AckMode::Client, 9).unwrap();
    let again: Vec<_> = deliveries(&mut queue)
        .iter()
        .map(|delivery| (number(delivery.publication()), delivery.delivery_count(), delivery.is_redelivered()))
        .collect();
    assert_eq!(again, [(1, 2, true), (2, 2, true), (3, 2, true), (4, 2, true), (5, 1, false)]);
}

#[test]
fn a_refused_message_waits_for_the_redelivery_delay_and_is_overtaken_meanwhile() {
    let settings = QueueSettings { redelivery_delay: Duration::from_millis(100), ..settings() };
    let mut queue = queue(2, settings);
    queue.subscribe(ADA, AckMode::ClientIndividual, 1).unwrap();
    let tag = next(&mut queue).unwrap().tag;
    queue.settle(ADA, tag, Settlement::Nack, at(5)).unwrap();
    assert_eq!(queue.poll_timeout(), Some(at(105)));
    let second = next(&mut queue).unwrap();
    assert_eq!(number(second.publication()), 2);
    queue.settle(ADA, second.tag, Settlement::Ack, at(6)).unwrap();
    queue.handle_timeout(at(104));
    assert!(next(&mut queue).is_none());
    queue.handle_timeout(at(105));
    assert_eq!(drain(&mut queue), [(ADA, 1)]);
    assert_eq!(queue.poll_timeout(), None);
}

#[test]
fn a_message_that_is_refused_each_time_is_a_dead_letter_after_max_deliveries() {
    let mut queue = queue(1, QueueSettings { max_deliveries: 3, ..settings() });
    queue.subscribe(ADA, AckMode::ClientIndividual, 1).unwrap();
    for count in 1..=3 {
        let delivery = next(&mut queue).unwrap();
        assert_eq!(delivery.delivery_count(), count);
        queue.settle(ADA, delivery.tag, Settlement::Nack, at(0)).unwrap();
    }
    assert!(next(&mut queue).is_none());
    let letter = queue.next_dead_letter().unwrap();
    assert_eq!((letter.reason, letter.delivery_count), (DeadLetterReason::Rejected, 3));
    assert_eq!((queue.waiting(), queue.bytes()), (0, 0));
}

#[test]
fn a_message_whose_consumers_are_lost_each_time_is_a_dead_letter_after_max_deliveries() {
    let mut queue = queue(1, QueueSettings { max_deliveries: 2, ..settings() });
    for _ in 0..2 {
        queue.subscribe(ADA, AckMode::Client, 1).unwrap();
        assert_eq!(drain(&mut queue).len(), 1);
        queue.unsubscribe(ADA);
    }
    assert_eq!(dead(&mut queue), [(1, DeadLetterReason::Rejected)]);
    assert!(queue.is_idle());
}

#[test]
fn a_message_that_waits_too_long_is_a_dead_letter() {
    let mut queue = queue(1, QueueSettings { max_age: Some(Duration::from_millis(100)), ..settings() });
    queue.publish(sized(2, 20), at(1)).unwrap();
    assert_eq!(queue.poll_timeout(), Some(at(100)));
    queue.handle_timeout(at(99));
    assert_eq!(dead(&mut queue), []);
    queue.handle_timeout(at(100));
    assert_eq!(dead(&mut queue), [(1, DeadLetterReason::Expired)]);
    assert_eq!(queue.poll_timeout(), Some(at(101)));
}

#[test]
fn a_full_queue_refuses_one_message_more() {
    for limits in [
        QueueSettings { max_messages: 2, ..settings() },
        QueueSettings { max_bytes: 40, ..settings() },
        QueueSettings { max_bytes: 59, ..settings() },
    ] {
        let mut queue = queue(2, limits);
        assert_eq!(queue.publish(sized(3, 20), at(0)), Err(QueueFull));
        queue.subscribe(ADA, AckMode::ClientIndividual, 9).unwrap();
        let tag = deliveries(&mut queue)[0].tag;
        assert_eq!(queue.publish(sized(3, 20), at(0)), Err(QueueFull), "unacknowledged ones count");
        queue.settle(ADA, tag, Settlement::Ack, at(0)).unwrap();
        assert_eq!(queue.publish(sized(3, 20), at(0)), Ok(()));
    }
}

#[test]
fn a_full_queue_that_drops_gives_up_the_oldest_that_wait() {
    let mut queue = queue(3, QueueSettings { max_bytes: 60, on_full: OnFull::DropOldest, ..settings() });
    queue.publish(sized(4, 21), at(0)).unwrap();
    assert_eq!(dead(&mut queue), [(1, DeadLetterReason::Overflow), (2, DeadLetterReason::Overflow)]);
    assert_eq!((queue.waiting(), queue.bytes()), (2, 41));
}

#[test]
fn nothing_is_dropped_for_a_message_that_does_not_fit_even_so() {
    let mut queue = queue(2, QueueSettings { max_bytes: 60, on_full: OnFull::DropOldest, ..settings() });
    queue.subscribe(ADA, AckMode::Client, 1).unwrap();
    assert_eq!(drain(&mut queue).len(), 1);
    assert_eq!(queue.publish(sized(3, 41), at(0)), Err(QueueFull));
    assert_eq!((dead(&mut queue), queue.waiting()), (vec![], 1));
    assert_eq!(queue.publish(sized(3, 40), at(0)), Ok(()));
    assert_eq!(dead(&mut queue), [(2, DeadLetterReason::Overflow)]);
}

#[test]
fn what_could_not_be_handed_over_goes_back_as_if_it_had_not_been_tried() {
    for mode in [AckMode::Auto, AckMode::Client] {
        let mut queue = queue(2, QueueSettings { max_deliveries: 1, ..settings() });
        queue.subscribe(ADA, mode, 1).unwrap();
        let delivery = next(&mut queue).unwrap();
        queue.take_back(delivery);
        assert_eq!((queue.waiting(), queue.unacked(), queue.bytes()), (2, 0, 40), "{mode:?}");
        let again = next(&mut queue).unwrap();
        assert_eq!((number(again.publication()), again.delivery_count()), (1, 1), "{mode:?}");
    }
}

#[test]
fn what_could_not_be_handed_to_a_lost_consumer_is_kept_once() {
    for mode in [AckMode::Auto, AckMode::Client] {
        let mut queue = queue(1, settings());
        queue.subscribe(ADA, mode, 1).unwrap();
        let delivery = next(&mut queue).unwrap();
        queue.take_back(delivery);
        queue.unsubscribe(ADA);
        assert_eq!((queue.waiting(), queue.bytes()), (1, 20), "{mode:?}");
        queue.subscribe(BOB, mode, 1).unwrap();
        let delivery = next(&mut queue).unwrap();
        assert_eq!(delivery.delivery_count(), 1, "{mode:?}");
        queue.unsubscribe(BOB);
        queue.take_back(delivery);
        assert_eq!((queue.waiting(), queue.bytes()), (1, 20), "{mode:?}, in the other order");
    }
}

#[test]
fn what_was_not_written_to_a_lost_consumer_goes_back_in_order_as_if_it_had_not_been_tried() {
    for (mode, written) in [(AckMode::Auto, 2), (AckMode::Client, 1), (AckMode::ClientIndividual, 1)] {
        let mut queue = queue(4, QueueSettings { max_deliveries: 1, ..settings() });
        queue.subscribe(ADA, mode, 9).unwrap();
        let tags: Vec<_> = std::iter::from_fn(|| next(&mut queue)).map(|delivery| delivery.tag).collect();
        queue.written(ADA, tags[0]);
        queue.written(ADA, 0);
        queue.unsubscribe(ADA);
        assert_eq!((queue.waiting(), queue.unacked(), queue.bytes()), (3, 0, 60), "{mode:?}");
        queue.subscribe(BOB, mode, 9).unwrap();
        let again: Vec<_> =
            deliveries(&mut queue).iter().map(|it| (number(it.publication()), it.delivery_count())).collect();
        assert_eq!(again, [(2, 1), (3, 1), (4, 1)], "{mode:?}");
        let rejected = if mode == AckMode::Auto { vec![] } else { vec![(written, DeadLetterReason::Rejected)] };
        assert_eq!(dead(&mut queue), rejected, "{mode:?}");
    }
}

#[test]
fn room_is_asked_for_with_the_size_of_the_message_that_is_next() {
    let mut queue = queue(1, settings());
    queue.publish(sized(2, 90), at(0)).unwrap();
    queue.subscribe(ADA, AckMode::Auto, 1).unwrap();
    let mut sizes = Vec::new();
    while queue
        .next_delivery(|_, size| {
            sizes.push(size);
            size < 50
        })
        .is_some()
    {}
    assert_eq!(sizes, [20, 90]);
}

#[test]
fn a_consumer_subscribes_once_and_only_so_many_do() {
    let mut queue = queue(0, QueueSettings { max_consumers: 2, ..settings() });
    assert_eq!(queue.subscribe(ADA, AckMode::Auto, 1), Ok(()));
    assert_eq!(queue.subscribe(ADA, AckMode::Client, 1), Err(SubscribeError::Duplicate));
    assert_eq!(queue.subscribe(ConsumerId { subscription: 1, ..ADA }, AckMode::Auto, 1), Ok(()));
    assert_eq!(queue.subscribe(BOB, AckMode::Auto, 1), Err(SubscribeError::TooManyConsumers));
    queue.unsubscribe(ADA);
    assert_eq!(queue.subscribe(BOB, AckMode::Auto, 1), Ok(()));
}

#[test]
fn a_dead_letter_says_where_it_comes_from_and_why_whatever_its_publisher_said() {
    let mut queue = queue(0, QueueSettings { max_age: Some(Duration::from_millis(1)), ..settings() });
    let publication = Publication::new(destination("/queue/orders"), "x")
        .with_header("content-type", "text/plain")
        .with_header("original-destination", "/queue/forged");
    queue.publish(Arc::new(publication), at(0)).unwrap();
    queue.handle_timeout(at(1));
    let letter = queue.next_dead_letter().unwrap().into_publication(destination("/queue/dead-letter"));
    assert_eq!(letter.destination, destination("/queue/dead-letter"));
    assert_eq!(letter.body.as_str(), Some("x"));
    let mut headers: Vec<_> = letter.headers.iter().map(|(name, value)| (&**name, &**value)).collect();
    headers.sort();
    assert_eq!(
        headers,
        [
            ("content-type", "text/plain"),
            ("dead-letter-reason", "expired"),
            ("delivery-count", "0"),
            ("original-destination", "/queue/orders"),
        ]
    );
}

#[test]
fn there_is_room_for_several_where_all_of_them_would_be_taken_and_none_dropped_for_another() {
    let limits = QueueSettings { max_messages: 4, max_bytes: 100, ..settings() };
    let mut queue = queue(2, limits.clone());
    assert_eq!(
        [(2, 60), (3, 60), (2, 61)].map(|(messages, bytes)| queue.has_room_for(messages, bytes)),
        [true, false, false]
    );
    queue.subscribe(ADA, AckMode::Client, 1).unwrap();
    assert_eq!(drain(&mut queue).len(), 1);
    assert!(queue.has_room_for(2, 60) && !queue.has_room_for(3, 0), "unacknowledged ones count");
    let mut dropping = self::queue(2, QueueSettings { on_full: OnFull::DropOldest, ..limits });
    dropping.subscribe(ADA, AckMode::Client, 1).unwrap();
    assert_eq!(drain(&mut dropping).len(), 1);
    assert!(dropping.has_room_for(3, 80) && !dropping.has_room_for(4, 0) && !dropping.has_room_for(1, 81));
}

#[test]
fn what_waits_can_be_thrown_away_and_what_consumers_have_stays() {
    let mut queue = queue(4, settings());
    queue.subscribe(ADA, AckMode::Client, 2).unwrap();
    let tags: Vec<_> = deliveries(&mut queue).iter().map(|delivery| delivery.tag).collect();
    assert_eq!(queue.purge(), Purged { messages: 2, bytes: 40 });
    assert_eq!((queue.waiting(), queue.unacked(), queue.bytes(), dead(&mut queue)), (0, 2, 40, vec![]));
    assert_eq!(queue.settle(ADA, tags[1], Settlement::Ack, at(0)), Ok(()));
    assert_eq!(queue.purge(), Purged::default());
}

#[test]
fn what_nobody_consumes_is_given_up_in_order() {
    let mut queue = queue(3, QueueSettings { redelivery_delay: Duration::from_secs(1), ..settings() });
    queue.subscribe(ADA, AckMode::Client, 1).unwrap();
    let tag = deliveries(&mut queue)[0].tag;
    queue.settle(ADA, tag, Settlement::Nack, at(0)).unwrap();
    queue.unsubscribe(ADA);
    queue.give_up_unused();
    let mut dead = dead(&mut queue);
    dead.sort_unstable_by_key(|(number, _)| *number);
    assert_eq!(dead, [1, 2, 3].map(|number| (number, DeadLetterReason::Unused)));
    assert!(queue.is_idle());
}
