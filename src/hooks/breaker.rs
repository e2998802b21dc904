//! When not to ask: a backend that has failed again and again is left alone for a while, and so are those who would wait
//! for it.

use super::BreakerSettings;
use std::time::Instant;

/// A circuit breaker. Time is an argument.
///
/// Closed, calls pass, and failures in a row are counted. Open, none passes until the cooldown is over. Then one does, the
/// probe: its success closes, its failure opens for another cooldown, and nobody else passes meanwhile.
#[derive(Debug)]
pub(super) struct Breaker {
    settings: BreakerSettings,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Closed { failures: u32 },
    Open { until: Instant },
    HalfOpen,
}

/// What a call that passed is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pass {
    Call,
    Probe,
}

/// How a call that passed ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ending {
    Succeeded,
    Failed,
    /// Nobody waited for it any longer.
    Abandoned,
}

/// What an ending changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Change {
    Opened,
    Closed,
}

impl Breaker {
    pub(super) fn new(settings: BreakerSettings) -> Self {
        Self { settings, state: State::Closed { failures: 0 } }
    }

    /// Whether a call may be made now. Each that may is to be [ended](Self::ended).
    pub(super) fn enter(&mut self, now: Instant) -> Option<Pass> {
        match self.state {
            State::Closed { .. } => Some(Pass::Call),
            State::Open { until } if until <= now => {
                self.state = State::HalfOpen;
                Some(Pass::Probe)
            }
            State::Open { .. } | State::HalfOpen => None,
        }
    }

    /// A call has ended. Of those that were made before it opened only the probe counts.
    pub(super) fn ended(&mut self, pass: Pass, ending: Ending, now: Instant) -> Option<Change> {
        match (self.state, pass, ending) {
            (State::Closed { .. }, Pass::Call, Ending::Succeeded) => {
                self.state = State::Closed { failures: 0 };
                None
            }
            (State::Closed { failures }, Pass::Call, Ending::Failed) => {
                self.state = State::Closed { failures: failures + 1 };
                (failures + 1 >= self.settings.failures).then(|| self.open(now))
            }
            (State::HalfOpen, Pass::Probe, Ending::Succeeded) => {
                self.state = State::Closed { failures: 0 };
                Some(Change::Closed)
            }
            (State::HalfOpen, Pass::Probe, Ending::Failed) => {
                self.open(now);
                None
            }
            (State::HalfOpen, Pass::Probe, Ending::Abandoned) => {
                self.state = State::Open { until: now };
                None
            }
            _ => None,
        }
    }

    /// Whether calls are held back.
    pub(super) fn is_open(&self) -> bool {
        !matches!(self.state, State::Closed { .. })
    }

    fn open(&mut self, now: Instant) -> Change {
        self.state = State::Open { until: now + self.settings.cooldown };
        Change::Opened
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::time::Duration;

    const COOLDOWN: Duration = Duration::from_secs(5);

    fn breaker() -> Breaker {
        Breaker::new(BreakerSettings { failures: 3, cooldown: COOLDOWN })
    }

    fn call(breaker: &mut Breaker, ending: Ending, now: Instant) -> Option<Change> {
        let pass = breaker.enter(now).expect("calls pass");
        breaker.ended(pass, ending, now)
    }

    fn opened(now: Instant) -> Breaker {
        let mut breaker = breaker();
        for _ in 0..3 {
            call(&mut breaker, Ending::Failed, now);
        }
        breaker
    }

    #[test]
    fn failures_in_a_row_open_it_and_a_success_in_between_starts_the_count_anew() {
        let (mut breaker, now) = (breaker(), Instant::now());
        for ending in [Ending::Failed, Ending::Failed, Ending::Succeeded, Ending::Failed, Ending::Failed] {
            assert_eq!(call(&mut breaker, ending, now), None);
        }
        assert_eq!(call(&mut breaker, Ending::Failed, now), Some(Change::Opened));
        assert_eq!(breaker.enter(now), None);
    }

    #[test]
    fn after_the_cooldown_one_call_probes_and_its_success_lets_all_pass() {
        let now = Instant::now();
        let mut breaker = opened(now);
        assert_eq!(breaker.enter(now + COOLDOWN - Duration::from_nanos(1)), None);
        assert_eq!(breaker.enter(now + COOLDOWN), Some(Pass::Probe));
        assert_eq!(breaker.enter(now + COOLDOWN), None);
        assert_eq!(breaker.ended(Pass::Probe, Ending::Succeeded, now + COOLDOWN), Some(Change::Closed));
        assert_eq!(breaker.enter(now + COOLDOWN), Some(Pass::Call));
    }

    #[test]
    fn a_probe_that_fails_opens_for_another_cooldown_and_one_that_is_abandoned_makes_room_for_the_next() {
        let now = Instant::now();
        let mut breaker = opened(now);
        let later = now + COOLDOWN;
        assert_eq!(breaker.enter(later), Some(Pass::Probe));
        assert_eq!(breaker.ended(Pass::Probe, Ending::Failed, later), None);
        assert_eq!(breaker.enter(later), None);
        assert_eq!(breaker.enter(later + COOLDOWN), Some(Pass::Probe));
        breaker.ended(Pass::Probe, Ending::Abandoned, later + COOLDOWN);
        assert_eq!(breaker.enter(later + COOLDOWN), Some(Pass::Probe));
    }

    #[test]
    fn what_was_called_before_it_opened_neither_closes_it_nor_keeps_it_open() {
        let now = Instant::now();
        let mut breaker = opened(now);
        assert_eq!(breaker.ended(Pass::Call, Ending::Succeeded, now), None);
        assert!(breaker.is_open());
        assert_eq!(breaker.ended(Pass::Call, Ending::Failed, now + COOLDOWN), None);
        assert_eq!(breaker.enter(now + COOLDOWN), Some(Pass::Probe));
    }

    proptest! {
        /// Whatever happens, it never stays shut: a cooldown after the last ending, somebody passes.
        #[test]
        fn somebody_passes_a_cooldown_after_everything_has_ended(endings in prop::collection::vec(0..3_u8, 0..40)) {
            let (mut breaker, mut now) = (breaker(), Instant::now());
            for ending in endings {
                now += Duration::from_secs(1);
                let ending = [Ending::Succeeded, Ending::Failed, Ending::Abandoned][usize::from(ending)];
                if let Some(pass) = breaker.enter(now) {
                    breaker.ended(pass, ending, now);
                }
            }
            prop_assert!(breaker.enter(now + COOLDOWN).is_some());
        }
    }
}
