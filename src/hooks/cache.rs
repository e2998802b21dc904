//! Answers that say for how long they are good.

use crate::model::{DestinationPattern, SessionId};
use crate::policy::{Action, Decision};
use std::collections::HashMap;
use std::time::{Duration, Instant};

/// How many answers are kept: with their texts 12 MB at the most.
const MAX_ANSWERS: usize = 10_000;

/// The longest destination, in bytes, that an answer is kept for.
const MAX_TEXT: usize = 512;

/// For how long an answer may be kept at the most.
const MAX_TIME: Duration = Duration::from_secs(60 * 60);

/// Decisions about what sessions may do. Time is an argument.
#[derive(Default)]
pub(super) struct Cache(HashMap<(SessionId, bool, Box<str>), (Decision, Instant)>);

impl Cache {
    pub(super) fn get(
        &self,
        session: SessionId,
        action: Action,
        target: &DestinationPattern,
        now: Instant,
    ) -> Option<Decision> {
        let (decision, until) = self.0.get(&key(session, action, target))?;
        (*until > now).then(|| decision.clone())
    }

    /// Keeps an answer; where there are too many, those that are over make room, or this one is not kept.
    pub(super) fn put(
        &mut self,
        (session, action, target): (SessionId, Action, &DestinationPattern),
        decision: Decision,
        time: Duration,
        now: Instant,
    ) {
        if self.0.len() >= MAX_ANSWERS {
            self.0.retain(|_, (_, until)| *until > now);
        }
        if self.0.len() < MAX_ANSWERS && target.as_str().len() <= MAX_TEXT {
            self.0.insert(key(session, action, target), (decision, now + time.min(MAX_TIME)));
        }
    }
}

fn key(session: SessionId, action: Action, target: &DestinationPattern) -> (SessionId, bool, Box<str>) {
    (session, action == Action::Send, target.as_str().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    const ADA: SessionId = SessionId(1);

    fn pattern(text: &str) -> DestinationPattern {
        DestinationPattern::parse(text).unwrap()
    }

    #[test]
    fn an_answer_is_good_for_its_time_and_for_what_was_asked() {
        let (mut cache, now, a) = (Cache::default(), Instant::now(), pattern("/topic/a"));
        cache.put((ADA, Action::Send, &a), Decision::Deny, Duration::from_secs(10), now);
        let later = now + Duration::from_secs(9);
        assert_eq!(cache.get(ADA, Action::Send, &a, later), Some(Decision::Deny));
        assert_eq!(cache.get(ADA, Action::Send, &a, now + Duration::from_secs(10)), None);
        assert_eq!(cache.get(ADA, Action::Subscribe, &a, now), None);
        assert_eq!(cache.get(SessionId(2), Action::Send, &a, now), None);
        assert_eq!(cache.get(ADA, Action::Send, &pattern("/topic/b"), now), None);
    }

    #[test]
    fn answers_that_are_over_make_room_and_others_are_not_forgotten_for_new_ones() {
        let (mut cache, now, a) = (Cache::default(), Instant::now(), pattern("/topic/a"));
        for session in 0..=MAX_ANSWERS as u64 {
            cache.put((SessionId(session), Action::Send, &a), Decision::Allow, Duration::from_secs(10), now);
        }
        assert_eq!(cache.get(SessionId(0), Action::Send, &a, now), Some(Decision::Allow));
        assert_eq!(cache.get(SessionId(MAX_ANSWERS as u64), Action::Send, &a, now), None);
        let later = now + Duration::from_secs(10);
        cache.put((ADA, Action::Send, &a), Decision::Deny, Duration::from_secs(10), later);
        assert_eq!((cache.get(ADA, Action::Send, &a, later), cache.0.len()), (Some(Decision::Deny), 1));
    }
}
