//! Which events go when, and which are lost.

use crate::hooks::DeliverySettings;
use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Events that wait, in their order. Time is an argument.
///
/// What is handed out as a [`Batch`] stays here until it was [delivered](Self::delivered); after a
/// [failure](Self::failed) the same batch is handed out again, under its id. So every event that was taken in is delivered
/// at least once, for as long as the process lives.
#[derive(Debug)]
pub(super) struct EventQueue {
    settings: DeliverySettings,
    waiting: VecDeque<(String, Instant)>,
    bytes: usize,
    under_way: Option<UnderWay>,
    /// How often in a row a delivery failed, and when the last did.
    failures: u32,
    failed_at: Option<Instant>,
    /// Whether the event before was lost.
    losing: bool,
    delivered: u64,
    dropped: u64,
}

/// The first so many of those that wait.
#[derive(Debug, Clone)]
struct UnderWay {
    count: usize,
    id: Option<String>,
}

/// What to do next.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// Deliver this.
    Batch(Batch),
    /// Ask again then, or when another event has come.
    At(Instant),
    /// Ask again when an event has come.
    Nothing,
}

/// Events that are delivered together.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Batch {
    /// What it was called when it was handed out before.
    pub(super) id: Option<String>,
    pub(super) body: String,
}

/// How long to wait after the first failure; after each other one twice as long as before, up to the second figure.
const PAUSES: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(30));

/// The most in a hurry.
const PAUSE_IN_A_HURRY: Duration = Duration::from_secs(1);

impl EventQueue {
    pub(super) fn new(settings: DeliverySettings) -> Self {
        Self {
            settings,
            waiting: VecDeque::new(),
            bytes: 0,
            under_way: None,
            failures: 0,
            failed_at: None,
            losing: false,
            delivered: 0,
            dropped: 0,
        }
    }

    /// Takes an event, or loses it where too many wait; true where it is the first to be lost after one that was not.
    pub(super) fn push(&mut self, json: String, now: Instant) -> bool {
        let has_room = self.waiting.len() < self.settings.max_events;
        if has_room && self.bytes + json.len() <= self.settings.max_bytes {
            self.bytes += json.len();
            self.waiting.push_back((json, now));
            self.losing = false;
            return false;
        }
        self.dropped += 1;
        !std::mem::replace(&mut self.losing, true)
    }

    /// What to deliver now. In a hurry, events wait for no others to go with.
    pub(super) fn next(&mut self, now: Instant, hurry: bool) -> Next {
        let Some((_, oldest)) = self.waiting.front() else { return Next::Nothing };
        let is_full = self.waiting.len() >= self.settings.batch;
        let is_ready = hurry || is_full || self.under_way.is_some();
        let ready_at = if is_ready { now } else { *oldest + self.settings.delay };
        let at = self.failed_at.map_or(ready_at, |failed| ready_at.max(failed + self.pause(hurry)));
        if at > now {
            return Next::At(at);
        }
        let first = UnderWay { count: self.waiting.len().min(self.settings.batch), id: None };
        let UnderWay { count, id } = self.under_way.get_or_insert(first).clone();
        Next::Batch(Batch { id, body: self.body(count) })
    }

    /// The batch that was handed out has this id.
    pub(super) fn named(&mut self, id: &str) {
        if let Some(under_way) = &mut self.under_way {
            under_way.id = Some(id.to_owned());
        }
    }

    /// The backend has the batch that was handed out; true where it is the first after failures.
    pub(super) fn delivered(&mut self) -> bool {
        let count = self.under_way.take().map_or(0, |under_way| under_way.count);
        self.bytes -= self.waiting.drain(..count).map(|(json, _)| json.len()).sum::<usize>();
        self.delivered += count as u64;
        self.failed_at = None;
        std::mem::take(&mut self.failures) > 0
    }

    /// The backend did not take it; true where it is the first that it did not.
    pub(super) fn failed(&mut self, now: Instant) -> bool {
        self.failed_at = Some(now);
        self.failures += 1;
        self.failures == 1
    }

    /// How many wait, were delivered, and were lost.
    pub(super) fn counts(&self) -> (u64, u64, u64) {
        (self.waiting.len() as u64, self.delivered, self.dropped)
    }

    fn pause(&self, hurry: bool) -> Duration {
        let doublings = self.failures.saturating_sub(1).min(16);
        let longest = if hurry { PAUSE_IN_A_HURRY } else { PAUSES.1 };
        (PAUSES.0 * (1 << doublings)).min(longest)
    }

    fn body(&self, count: usize) -> String {
        let events: Vec<_> = self.waiting.iter().take(count).map(|(json, _)| json.as_str()).collect();
        format!(r#"{{"type":"events","events":[{}]}}"#, events.join(","))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const DELAY: Duration = Duration::from_millis(200);

    fn queue(batch: usize, max_events: usize, max_bytes: usize) -> EventQueue {
        EventQueue::new(DeliverySettings { batch, delay: DELAY, max_events, max_bytes })
    }

    /// The events of the next batch.
    fn next(queue: &mut EventQueue, now: Instant, hurry: bool) -> Vec<u64> {
        let Next::Batch(batch) = queue.next(now, hurry) else { return Vec::new() };
        events(&batch.body)
    }

    fn events(body: &str) -> Vec<u64> {
        let body: serde_json::Value = serde_json::from_str(body).unwrap();
        assert_eq!(body["type"], "events");
        serde_json::from_value(body["events"].clone()).unwrap()
    }

    #[test]
    fn events_wait_for_others_until_a_batch_is_full_or_its_time_has_come_or_there_is_a_hurry() {
        let (mut queue, now) = (queue(2, 10, 100), Instant::now());
        assert_eq!(queue.next(now, false), Next::Nothing);
        queue.push("1".into(), now);
        assert_eq!(queue.next(now, false), Next::At(now + DELAY));
        assert_eq!(next(&mut queue, now, true), [1]);
        queue.delivered();
        queue.push("2".into(), now);
        assert_eq!(next(&mut queue, now + DELAY, false), [2]);
        queue.delivered();
        for event in 3..6 {
            queue.push(event.to_string(), now);
        }
        assert_eq!(next(&mut queue, now, false), [3, 4]);
    }

    #[test]
    fn what_failed_is_tried_again_as_it_was_under_its_id_after_pauses_that_grow() {
        let (mut queue, mut now) = (queue(2, 10, 100), Instant::now());
        queue.push("1".into(), now);
        assert_eq!(next(&mut queue, now, true), [1]);
        queue.named("a");
        queue.push("2".into(), now);
        for pause in [500, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000] {
            assert_eq!(queue.failed(now), pause == 500);
            let at = now + Duration::from_millis(pause);
            assert_eq!(queue.next(now, false), Next::At(at));
            now = at;
            let again = Batch { id: Some("a".into()), body: r#"{"type":"events","events":[1]}"#.into() };
            assert_eq!(queue.next(now, false), Next::Batch(again));
        }
        assert!(queue.delivered(), "the first after failures");
        assert_eq!(next(&mut queue, now, false), [2]);
    }

    #[test]
    fn in_a_hurry_pauses_are_short() {
        let (mut queue, now) = (queue(2, 10, 100), Instant::now());
        queue.push("1".into(), now);
        for _ in 0..9 {
            queue.failed(now);
        }
        assert_eq!(queue.next(now, true), Next::At(now + PAUSE_IN_A_HURRY));
    }

    #[test]
    fn one_event_or_byte_too_many_is_lost_and_the_first_loss_is_told_once() {
        let now = Instant::now();
        for mut queue in [queue(9, 2, 100), queue(9, 9, 2)] {
            let lost: Vec<_> = (1..=4).map(|event| queue.push(event.to_string(), now)).collect();
            assert_eq!(lost, [false, false, true, false]);
            assert_eq!(queue.counts(), (2, 0, 2));
            assert_eq!(next(&mut queue, now, true), [1, 2]);
            queue.delivered();
            assert!(!queue.push("5".into(), now) && queue.counts() == (1, 2, 2));
        }
    }

    proptest! {
        /// Whatever fails and whatever comes meanwhile: all that were taken arrive, in their order, and what arrives twice
        /// has failed in between.
        #[test]
        fn every_event_that_was_taken_arrives(steps in prop::collection::vec((0..4_u64, any::<bool>()), 1..60)) {
            let (mut queue, mut now) = (queue(3, 8, 1_000), Instant::now());
            let (mut taken, mut arrived, mut pushed) = (Vec::new(), Vec::new(), 0);
            for (count, works) in steps {
                now += Duration::from_secs(60);
                for _ in 0..count {
                    let before = queue.counts().2;
                    queue.push(pushed.to_string(), now);
                    if queue.counts().2 == before {
                        taken.push(pushed);
                    }
                    pushed += 1;
                }
                let batch = next(&mut queue, now, false);
                match works {
                    true => {
                        arrived.extend(batch);
                        queue.delivered();
                    }
                    false => {
                        queue.failed(now);
                    }
                }
            }
            loop {
                now += Duration::from_secs(60);
                match next(&mut queue, now, true) {
                    batch if batch.is_empty() => break,
                    batch => arrived.extend(batch),
                }
                queue.delivered();
            }
            prop_assert_eq!(arrived, taken);
            prop_assert_eq!(queue.bytes, 0);
        }
    }
}
