//! Who is where.

mod member;
mod room;

pub use member::{Member, Newcomer, Who};

use super::PresenceSettings;
use crate::model::{Destination, SessionId};
use room::{Left, Room};
use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::time::Instant;

/// Who is present in which destinations: told of each subscription to exactly one destination, and of its end, it answers
/// what those should hear who watch the destination.
///
/// A user is one member, with however many sessions and subscriptions. It joins with the first, and it leaves when it has
/// been without any for the destination's grace; coming back before that changes nothing.
///
/// Of a destination's members the first are told of, in the order in which they came and as many as fit its limits. When
/// one of these leaves, the next in line joins. So what a watcher hears is bounded, and what it knows is right.
#[derive(Debug)]
pub struct Presence {
    max_destinations: usize,
    max_members: usize,
    rooms: HashMap<Destination, Room>,
    members: usize,
    /// Who leaves when, unless it comes back.
    leaving: BTreeSet<(Instant, Destination, Who)>,
    /// How many members have come.
    arrived: u64,
}

/// What those hear who watch a destination. `count` is how many are there behind it, told of or not.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "they are said above")]
pub enum Change {
    /// Somebody has come.
    Join { member: Member, count: usize },
    /// Somebody has left.
    Leave { member: Member, count: usize },
}

/// Who is present in a destination, as it was when asked.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Present {
    /// How many there are.
    pub count: usize,
    /// How many of these are told of.
    pub told: usize,
    /// Those of them that were asked for, in the order in which they came.
    pub members: Vec<Member>,
}

/// There are as many members, or destinations that have any, as there may be; or one alone would be more than may be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PresenceFull;

impl fmt::Display for PresenceFull {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no more can be present")
    }
}

impl std::error::Error for PresenceFull {}

impl Presence {
    /// Nobody yet; later at most so many destinations that somebody is present in, and members of all of them together.
    pub fn new(max_destinations: usize, max_members: usize) -> Self {
        let (rooms, leaving) = (HashMap::new(), BTreeSet::new());
        Self { max_destinations, max_members, rooms, members: 0, leaving, arrived: 0 }
    }

    /// A subscription begins. Whoever was not let in is not present, and its end must not be told either.
    pub fn join(
        &mut self,
        destination: &Destination,
        settings: &PresenceSettings,
        newcomer: Newcomer,
    ) -> Result<Option<Change>, PresenceFull> {
        let room = self.rooms.get_mut(destination);
        let is_destination_new = room.is_none();
        if let Some(room) = room.filter(|room| room.has(&newcomer.who)) {
            if let Some(at) = room.join_again(&newcomer.who, newcomer.session) {
                self.leaving.remove(&(at, destination.clone(), newcomer.who));
            }
            return Ok(None);
        }
        let full = self.members >= self.max_members || is_destination_new && self.rooms.len() >= self.max_destinations;
        if full || newcomer.size() > settings.max_bytes {
            return Err(PresenceFull);
        }
        self.members += 1;
        self.arrived += 1;
        let room = self.rooms.entry(destination.clone()).or_insert_with(|| Room::new(settings.clone()));
        Ok(room.join(newcomer, self.arrived))
    }

    /// A subscription ends.
    pub fn leave(&mut self, destination: &Destination, who: &Who, session: SessionId, now: Instant) -> Vec<Change> {
        let Some(room) = self.rooms.get_mut(destination) else { return Vec::new() };
        match room.leave(who, session, now) {
            Left::Nobody => Vec::new(),
            Left::At(at) => {
                self.leaving.insert((at, destination.clone(), who.clone()));
                Vec::new()
            }
            Left::Now(changes) => {
                self.gone(destination);
                changes
            }
        }
    }

    /// A destination that somebody has left by now, if there is one: [`handle_timeout`](Self::handle_timeout) has something to
    /// do there.
    pub fn due(&self, now: Instant) -> Option<&Destination> {
        self.leaving.first().filter(|(at, ..)| *at <= now).map(|(_, destination, _)| destination)
    }

    /// When somebody has left next, if nobody comes back.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.leaving.first().map(|(at, ..)| *at)
    }

    /// Tells who has left a destination that is [due](Self::due), as far as its members are the next to leave.
    pub fn handle_timeout(&mut self, destination: &Destination, now: Instant) -> Vec<Change> {
        let mut changes = Vec::new();
        while self.due(now) == Some(destination)
            && let Some((_, _, who)) = self.leaving.pop_first()
            && let Some(room) = self.rooms.get_mut(destination)
        {
            changes.extend(room.remove(&who));
            self.gone(destination);
        }
        changes
    }

    /// Who is there: of those that are told of, at most `limit` with numbers above `after`.
    pub fn present(&self, destination: &Destination, after: u64, limit: usize) -> Present {
        self.rooms.get(destination).map(|room| room.present(after, limit)).unwrap_or_default()
    }

    /// How many members there are, in all destinations together.
    pub fn len(&self) -> usize {
        self.members
    }

    /// True when nobody is present anywhere.
    pub fn is_empty(&self) -> bool {
        self.members == 0
    }

    /// A member of this destination was taken out.
    fn gone(&mut self, destination: &Destination) {
        self.members -= 1;
        if self.rooms.get(destination).is_some_and(|room| room.len() == 0) {
            self.rooms.remove(destination);
        }
    }
}
