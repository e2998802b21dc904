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
pub(super) struct Cache {
    sessions: HashMap<SessionId, HashMap<Asked, Answer>>,
    /// How many answers there are, of all sessions.
    len: usize,
}

/// Whether it is about a SEND, and the destination.
type Asked = (bool, Box<str>);

/// The decision, and until when it is good.
type Answer = (Decision, Instant);

impl Cache {
    pub(super) fn get(
        &self,
        session: SessionId,
        action: Action,
        target: &DestinationPattern,
        now: Instant,
    ) -> Option<Decision> {
        let (decision, until) = self.sessions.get(&session)?.get(&asked(action, target))?;
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
        if self.len >= MAX_ANSWERS {
            self.forget_over(now);
        }
        if self.len < MAX_ANSWERS && target.as_str().len() <= MAX_TEXT {
            let answer = (decision, now + time.min(MAX_TIME));
            let known = self.sessions.entry(session).or_default().insert(asked(action, target), answer);
            self.len += usize::from(known.is_none());
        }
    }

    /// A session has ended, which asks nothing any more.
    pub(super) fn forget(&mut self, session: SessionId) {
        self.len -= self.sessions.remove(&session).map_or(0, |answers| answers.len());
    }

    fn forget_over(&mut self, now: Instant) {
        self.sessions.retain(|_, answers| {
            answers.retain(|_, (_, until)| *until > now);
            !answers.is_empty()
        });
        self.len = self.sessions.values().map(HashMap::len).sum();
    }
}

fn asked(action: Action, target: &DestinationPattern) -> Asked {
    (action == Action::Send, target.as_str().into())
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
        assert_eq!((cache.get(ADA, Action::Send, &a, later), cache.len), (Some(Decision::Deny), 1));
    }

    #[test]
    fn sessions_that_have_ended_make_room() {
        let (mut cache, now, a) = (Cache::default(), Instant::now(), pattern("/topic/a"));
        let hour = Duration::from_secs(3600);
        for session in 0..2 * MAX_ANSWERS as u64 {
            for action in [Action::Send, Action::Send, Action::Subscribe] {
                cache.put((SessionId(session), action, &a), Decision::Allow, hour, now);
            }
            assert_eq!(cache.len, 2);
            cache.forget(SessionId(session));
        }
        assert_eq!((cache.len, cache.sessions.len()), (0, 0));
    }
}
