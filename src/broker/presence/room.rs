//! Who is in one destination.

use super::{Change, Member, Newcomer, Present, Who};
use crate::broker::PresenceSettings;
use crate::model::{Claims, SessionId};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The members in the order in which they came. The first of them are told of, as many as fit the limits; the others wait
/// in line.
#[derive(Debug)]
pub(super) struct Room {
    settings: PresenceSettings,
    members: BTreeMap<u64, Entry>,
    numbers: HashMap<Who, u64>,
    /// The number of the first who waits, or of nobody yet: all before it are told of.
    line: u64,
    /// How many are told of, and their bytes.
    told: (usize, usize),
}

#[derive(Debug)]
struct Entry {
    who: Who,
    since: Duration,
    claims: Arc<Claims>,
    size: usize,
    /// Each with how many of its subscriptions are to the destination.
    sessions: Vec<(SessionId, usize)>,
    /// When it has left, if it does not come back.
    leaves: Option<Instant>,
}

/// What the end of a subscription comes to.
pub(super) enum Left {
    /// Nobody has left.
    Nobody,
    /// It will have left then.
    At(Instant),
    /// It has left, and this is what to tell.
    Now(Vec<Change>),
}

impl Room {
    pub(super) fn new(settings: PresenceSettings) -> Self {
        Self { settings, members: BTreeMap::new(), numbers: HashMap::new(), line: 0, told: (0, 0) }
    }

    pub(super) fn len(&self) -> usize {
        self.members.len()
    }

    pub(super) fn has(&self, who: &Who) -> bool {
        self.numbers.contains_key(who)
    }

    /// One more session, or one more subscription, of somebody who is there already. When it would have left.
    pub(super) fn join_again(&mut self, who: &Who, session: SessionId) -> Option<Instant> {
        let entry = self.members.get_mut(self.numbers.get(who)?)?;
        match entry.sessions.iter_mut().find(|(id, _)| *id == session) {
            Some((_, subscriptions)) => *subscriptions += 1,
            None => entry.sessions.push((session, 1)),
        }
        entry.leaves.take()
    }

    /// Somebody new, with the next number.
    pub(super) fn join(&mut self, newcomer: Newcomer, number: u64) -> Option<Change> {
        let size = newcomer.size();
        let Newcomer { who, session, since, claims } = newcomer;
        self.numbers.insert(who.clone(), number);
        let entry = Entry { who, since, claims: Arc::new(claims), size, sessions: vec![(session, 1)], leaves: None };
        self.members.insert(number, entry);
        self.next_in_line()
    }

    /// The end of one subscription.
    pub(super) fn leave(&mut self, who: &Who, session: SessionId, now: Instant) -> Left {
        let Some(&number) = self.numbers.get(who) else { return Left::Nobody };
        let is_told = number < self.line;
        let Some(entry) = self.members.get_mut(&number) else { return Left::Nobody };
        entry.unsubscribe(session);
        if !entry.sessions.is_empty() || entry.leaves.is_some() {
            return Left::Nobody;
        }
        // Nobody misses whom nobody was told of.
        if !is_told || self.settings.grace.is_zero() {
            return Left::Now(self.remove(who));
        }
        let at = now + self.settings.grace;
        entry.leaves = Some(at);
        Left::At(at)
    }

    /// Somebody has left, and whoever is next in line takes the place.
    pub(super) fn remove(&mut self, who: &Who) -> Vec<Change> {
        let Some(number) = self.numbers.remove(who) else { return Vec::new() };
        let Some(entry) = self.members.remove(&number) else { return Vec::new() };
        let mut changes = Vec::new();
        if number < self.line {
            self.told = (self.told.0 - 1, self.told.1 - entry.size);
            changes.push(Change::Leave { member: entry.member(number), count: self.len() });
        }
        changes.extend(std::iter::from_fn(|| self.next_in_line()));
        changes
    }

    /// Those after this number that are told of, at most so many.
    pub(super) fn present(&self, after: u64, limit: usize) -> Present {
        let told = self.members.range(after.saturating_add(1)..self.line.max(after.saturating_add(1)));
        let members = told.take(limit).map(|(number, entry)| entry.member(*number)).collect();
        Present { count: self.len(), told: self.told.0, members }
    }

    /// Whoever is first in line, if there is a place.
    fn next_in_line(&mut self) -> Option<Change> {
        let (&number, entry) = self.members.range(self.line..).next()?;
        let told = (self.told.0 + 1, self.told.1 + entry.size);
        if told.0 > self.settings.max_members || told.1 > self.settings.max_bytes {
            return None;
        }
        (self.told, self.line) = (told, number + 1);
        Some(Change::Join { member: entry.member(number), count: self.len() })
    }
}

impl Entry {
    fn unsubscribe(&mut self, session: SessionId) {
        let Some(at) = self.sessions.iter().position(|(id, _)| *id == session) else { return };
        self.sessions[at].1 -= 1;
        if self.sessions[at].1 == 0 {
            self.sessions.swap_remove(at);
        }
    }

    fn member(&self, number: u64) -> Member {
        let (who, claims) = (self.who.clone(), Arc::clone(&self.claims));
        Member { who, number, since: self.since, claims, sessions: self.sessions.len() }
    }
}
