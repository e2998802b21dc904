//! One circuit breaker. Time is an argument.

use crate::hooks::BreakerSettings;
use std::time::{Duration, Instant};

/// Closed, calls pass, and failures in a row are counted. Open, none passes until the cooldown is over. Then one does, the
/// probe: its success closes, its failure opens for another cooldown, and nobody else passes meanwhile. Who stumbled over
/// its probe waits a cooldown longer than others, so that nobody has all the probes.
#[derive(Debug)]
pub(super) struct Circuit {
    settings: BreakerSettings,
    /// How many failures that have nothing in common it takes beside.
    needed: usize,
    state: State,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum State {
    Closed(Failures),
    Open { until: Instant, stumbled: Option<u64> },
    HalfOpen,
}

/// Failures in a row.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Failures {
    unreachable: u32,
    stumbled: u32,
    /// Those of the latter no two of which have anything in common.
    apart: Vec<Cause>,
}

/// Who asks, and about what: numbers that stand for it, and that nobody else can choose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::hooks) struct Cause {
    pub(in crate::hooks) client: u64,
    /// None for who connects.
    pub(in crate::hooks) destination: Option<u64>,
}

/// What a call that passed is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pass {
    Call,
    Probe,
}

/// How a call that passed ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::hooks) enum Ending {
    Succeeded,
    /// There was no answer, or none that can be used. It may be the question's fault.
    Stumbled,
    /// The backend cannot be reached, or says that it serves nobody, whatever the question.
    Unreachable,
    /// Nobody waited for it any longer.
    Abandoned,
}

/// What an ending changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::hooks) enum Change {
    Opened,
    Closed,
}

impl Cause {
    fn shares_with(&self, other: &Self) -> bool {
        self.client == other.client || (self.destination.is_some() && self.destination == other.destination)
    }
}

impl Failures {
    fn stumbled(&mut self, cause: Cause, needed: usize) {
        (self.unreachable, self.stumbled) = (0, self.stumbled.saturating_add(1));
        if self.apart.len() < needed && !self.apart.iter().any(|other| other.shares_with(&cause)) {
            self.apart.push(cause);
        }
    }

    fn are_too_many(&self, limit: u32, needed: usize) -> bool {
        self.unreachable >= limit || (self.stumbled >= limit && self.apart.len() >= needed)
    }
}

impl Circuit {
    pub(super) fn new(settings: BreakerSettings, needed: usize) -> Self {
        Self { settings, needed, state: State::Closed(Failures::default()) }
    }

    /// Whether a call may be made now. Each that may is to be [ended](Self::ended).
    pub(super) fn enter(&mut self, cause: Cause, now: Instant) -> Option<Pass> {
        match self.state {
            State::Closed(_) => Some(Pass::Call),
            State::Open { until, stumbled } if self.may_probe(until, stumbled, cause, now) => {
                self.state = State::HalfOpen;
                Some(Pass::Probe)
            }
            State::Open { .. } | State::HalfOpen => None,
        }
    }

    fn may_probe(&self, until: Instant, stumbled: Option<u64>, cause: Cause, now: Instant) -> bool {
        // Where only one asks, nobody else has to be let first.
        let is_last = self.needed > 0 && stumbled == Some(cause.client);
        until + if is_last { self.settings.cooldown } else { Duration::ZERO } <= now
    }

    /// A call has ended. Of those that were made before it opened only the probe counts.
    pub(super) fn ended(&mut self, pass: Pass, ending: Ending, cause: Cause, now: Instant) -> Option<Change> {
        match (&mut self.state, pass, ending) {
            (State::Closed(failures), Pass::Call, ending) => {
                match ending {
                    Ending::Succeeded => *failures = Failures::default(),
                    Ending::Stumbled => failures.stumbled(cause, self.needed),
                    Ending::Unreachable => failures.unreachable = failures.unreachable.saturating_add(1),
                    Ending::Abandoned => {}
                }
                let is_over = failures.are_too_many(self.settings.failures, self.needed);
                is_over.then(|| self.open(now + self.settings.cooldown, None)).map(|()| Change::Opened)
            }
            (State::HalfOpen, Pass::Probe, ending) => self.probed(ending, cause, now),
            _ => None,
        }
    }

    fn probed(&mut self, ending: Ending, cause: Cause, now: Instant) -> Option<Change> {
        let later = now + self.settings.cooldown;
        match ending {
            Ending::Succeeded => {
                self.state = State::Closed(Failures::default());
                return Some(Change::Closed);
            }
            Ending::Stumbled => self.open(later, Some(cause.client)),
            Ending::Unreachable => self.open(later, None),
            Ending::Abandoned => self.open(now, None),
        }
        None
    }

    fn open(&mut self, until: Instant, stumbled: Option<u64>) {
        self.state = State::Open { until, stumbled };
    }

    /// Whether calls are held back.
    pub(super) fn is_open(&self) -> bool {
        !matches!(self.state, State::Closed(_))
    }

    /// Whether somebody is being waited for.
    pub(super) fn is_probed(&self) -> bool {
        self.state == State::HalfOpen
    }
}
