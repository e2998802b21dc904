//! What was published already: a request that is made again, because its answer got lost, must not publish twice.

use super::problem::Refusal;
use super::settings::ApiSettings;
use http::StatusCode;
use parking_lot::Mutex;
use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

/// A hash of 256 bits: keys have all lengths, and what is remembered of them has one.
pub(super) type Hash = [u8; 32];

/// The idempotency keys of what was published lately. What failed is not among them: it may be tried again.
pub(super) struct Once {
    limit: usize,
    time: Duration,
    known: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    /// From a key to what was published with it.
    contents: HashMap<Hash, Hash>,
    /// Oldest first.
    forgetting: VecDeque<(Instant, Hash)>,
}

/// Whether something was done now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Done {
    Now,
    /// It was done before, with the same key and content.
    Before,
}

impl Once {
    pub(super) fn new(settings: &ApiSettings) -> Self {
        Self { limit: settings.idempotency_keys, time: settings.idempotency_time, known: Mutex::default() }
    }

    /// Acts unless that was done with this key. The lock is held meanwhile, so that of two requests that race one acts.
    pub(super) fn act(
        &self,
        (key, content): (Hash, Hash),
        now: Instant,
        action: impl FnOnce() -> Result<(), Refusal>,
    ) -> Result<Done, Refusal> {
        let mut known = self.known.lock();
        known.forget(|until, _| until <= now);
        match known.contents.get(&key) {
            Some(before) if *before == content => return Ok(Done::Before),
            Some(_) => return Err(conflict()),
            None => action()?,
        }
        known.contents.insert(key, content);
        known.forgetting.push_back((now + self.time, key));
        known.forget(|_, len| len > self.limit);
        Ok(Done::Now)
    }
}

impl Known {
    fn forget(&mut self, is_over: impl Fn(Instant, usize) -> bool) {
        while let Some((_, key)) = self.forgetting.front().filter(|(until, _)| is_over(*until, self.forgetting.len())) {
            self.contents.remove(key);
            self.forgetting.pop_front();
        }
    }
}

fn conflict() -> Refusal {
    let detail = "the idempotency key came with another message before";
    Refusal::new(StatusCode::UNPROCESSABLE_ENTITY, "idempotency_conflict", detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn once(limit: usize) -> (Once, Instant) {
        let settings = ApiSettings { idempotency_keys: limit, ..ApiSettings::default() };
        (Once::new(&settings), Instant::now())
    }

    fn hash(number: u8) -> Hash {
        [number; 32]
    }

    #[test]
    fn the_same_key_and_content_act_once_until_the_time_is_over() {
        let (once, start) = once(10);
        let act = |seconds: u64| once.act((hash(1), hash(2)), start + Duration::from_secs(seconds), || Ok(()));
        assert_eq!((act(0), act(599), act(600)), (Ok(Done::Now), Ok(Done::Before), Ok(Done::Now)));
    }

    #[test]
    fn the_same_key_with_other_content_is_refused_and_does_nothing() {
        let (once, now) = once(10);
        assert_eq!(once.act((hash(1), hash(2)), now, || Ok(())), Ok(Done::Now));
        assert_eq!(once.act((hash(1), hash(3)), now, || panic!("it acted")), Err(conflict()));
    }

    #[test]
    fn what_failed_may_be_tried_again() {
        let (once, now) = once(10);
        let failed = Refusal::bad_request("x", "y");
        assert_eq!(once.act((hash(1), hash(2)), now, || Err(failed.clone())), Err(failed.clone()));
        assert_eq!(once.act((hash(1), hash(2)), now, || Ok(())), Ok(Done::Now));
    }

    #[test]
    fn the_oldest_is_forgotten_for_want_of_room() {
        let (once, now) = once(2);
        let act = |key: u8| once.act((hash(key), hash(0)), now, || Ok(()));
        assert_eq!((act(1), act(2), act(3)), (Ok(Done::Now), Ok(Done::Now), Ok(Done::Now)));
        assert_eq!((act(3), act(2), act(1)), (Ok(Done::Before), Ok(Done::Before), Ok(Done::Now)));
        assert_eq!(once.known.lock().contents.len(), 2);
    }
}
