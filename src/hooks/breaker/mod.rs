//! When not to ask: what has failed again and again is left alone for a while, and so are those who would wait for it.
//!
//! A failure may be the question's fault: one destination that takes long, one client whose messages the backend stumbles
//! over. So nothing is held back for more than was seen to fail: what one client asks about one destination; a destination,
//! when several clients fail at it; a client, when it fails at several destinations; and everything, when questions fail
//! that have nothing in common. A backend that cannot be reached is nobody's fault, and is left alone by all.

mod circuit;

pub(super) use circuit::{Cause, Change, Ending};

use super::BreakerSettings;
use circuit::{Circuit, Pass};
use std::collections::HashMap;
use std::time::{Duration, Instant};

/// What is held back of one kind of call. Time is an argument.
#[derive(Debug)]
pub(super) struct Breaker {
    settings: BreakerSettings,
    all: Circuit,
    /// Only those at which something failed lately, and when it did last.
    some: HashMap<Key, (Circuit, Instant)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Key {
    Pair(u64, Option<u64>),
    Destination(u64),
    Client(u64),
}

/// How many failures that have nothing in common are told apart: where more failures are needed, these are enough.
const MAX_APART: u32 = 8;

/// How many clients, destinations and pairs of them are remembered, about 300 bytes each at the most. What fails beyond
/// them is held back only with everything else.
const MAX_KEYS: usize = 3_000;

/// How long a failure is remembered at least behind which nobody asked.
const REMEMBERED: Duration = Duration::from_secs(60);

/// By what a call was let pass: for its end.
#[derive(Debug)]
pub(super) struct Passed {
    cause: Cause,
    all: Pass,
    /// The smaller circuits whose probe it is.
    probes: Vec<Key>,
}

impl Cause {
    /// The smaller circuits of a call, each with what tells its failures apart there.
    fn keys(self) -> impl Iterator<Item = (Key, Self)> {
        let Self { client, destination } = self;
        let apart = |what| Self { client: what, destination: None };
        let of_destination = destination.map(|destination| (Key::Destination(destination), apart(client)));
        let of_client = destination.map(|destination| (Key::Client(client), apart(destination)));
        [Some((Key::Pair(client, destination), self)), of_destination, of_client].into_iter().flatten()
    }
}

impl Breaker {
    pub(super) fn new(settings: BreakerSettings) -> Self {
        let all = Circuit::new(settings.clone(), apart(&settings));
        Self { settings, all, some: HashMap::new() }
    }

    /// Whether a call may be made now. Each that may is to be [ended](Self::ended).
    pub(super) fn enter(&mut self, cause: Cause, now: Instant) -> Option<Passed> {
        let mut passed = Passed { cause, all: Pass::Call, probes: Vec::new() };
        for (key, cause) in cause.keys() {
            match self.some.get_mut(&key).map(|(circuit, _)| circuit.enter(cause, now)) {
                None | Some(Some(Pass::Call)) => {}
                Some(Some(Pass::Probe)) => passed.probes.push(key),
                Some(None) => return self.give_back(&passed, now),
            }
        }
        match self.all.enter(cause, now) {
            Some(pass) => Some(Passed { all: pass, ..passed }),
            None => self.give_back(&passed, now),
        }
    }

    /// A call that may not be made after all is no probe of anything.
    fn give_back(&mut self, passed: &Passed, now: Instant) -> Option<Passed> {
        for key in &passed.probes {
            if let Some((circuit, _)) = self.some.get_mut(key) {
                circuit.ended(Pass::Probe, Ending::Abandoned, passed.cause, now);
            }
        }
        None
    }

    /// A call has ended; answers what that changed for all.
    pub(super) fn ended(&mut self, passed: &Passed, ending: Ending, now: Instant) -> Option<Change> {
        for (key, cause) in passed.cause.keys() {
            let pass = if passed.probes.contains(&key) { Pass::Probe } else { Pass::Call };
            self.ended_at(key, pass, ending, cause, now);
        }
        self.all.ended(passed.all, ending, passed.cause, now)
    }

    /// The same at one of the smaller circuits, which is there only where something fails. Where nobody is reached, they have
    /// nothing to say.
    fn ended_at(&mut self, key: Key, pass: Pass, ending: Ending, cause: Cause, now: Instant) {
        let ending = if ending == Ending::Unreachable { Ending::Abandoned } else { ending };
        if ending == Ending::Stumbled && self.has_room(key, now) {
            let needed = if matches!(key, Key::Pair(..)) { 0 } else { apart(&self.settings) };
            let fresh = || (Circuit::new(self.settings.clone(), needed), now);
            self.some.entry(key).or_insert_with(fresh).1 = now;
        }
        let Some((circuit, _)) = self.some.get_mut(&key) else { return };
        circuit.ended(pass, ending, cause, now);
        if ending == Ending::Succeeded && !circuit.is_open() {
            self.some.remove(&key);
        }
    }

    /// Whether this can be remembered; what has not failed for long makes room.
    fn has_room(&mut self, key: Key, now: Instant) -> bool {
        let kept_for = REMEMBERED.max(self.settings.cooldown);
        if self.some.len() >= MAX_KEYS && !self.some.contains_key(&key) {
            self.some.retain(|_, (circuit, failed)| {
                circuit.is_probed() || now.saturating_duration_since(*failed) < kept_for
            });
        }
        self.some.len() < MAX_KEYS || self.some.contains_key(&key)
    }

    /// Whether all calls are held back.
    pub(super) fn is_open(&self) -> bool {
        self.all.is_open()
    }
}

/// How many of as many failures as open it must have nothing in common.
fn apart(settings: &BreakerSettings) -> usize {
    settings.failures.min(MAX_APART) as usize
}

#[cfg(test)]
mod tests;
