//! Which topics have a history, and how much of it there is room for.

use super::owners::{Had, Owners};
use crate::broker::{Account, BrokerSettings, History, HistorySettings, Offset, Rank, Shares, share};
use crate::model::{Destination, Publication};
use indexmap::IndexMap;
use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The histories of one broker. Each is somebody's: who published to the topic first, or whoever came behind with a better
/// right. So nobody's flood of topics takes what others have, and those who come late have some too.
pub(super) struct Kept {
    pub(super) topics: IndexMap<Destination, Topic>,
    owners: Owners,
    /// What all take.
    pub(super) bytes: usize,
    limits: Limits,
    shares: Arc<Shares>,
    next_epoch: u64,
    /// When what is too old was last looked for in all of them.
    looked: Option<Instant>,
}

pub(super) struct Topic {
    pub(super) history: History,
    owner: u64,
    rank: Rank,
    begun: u64,
    /// Whether anything was published: who only waits for that owns it until then.
    is_published: bool,
}

/// What all may have together, all without an account, an address, and a user.
struct Limits {
    all: Had,
    anonymous: Had,
    address: Had,
    user: Had,
}

/// How often what is too old is looked for at a limit: it means to look at every topic.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// At how many topics is looked before publishers have their turn.
pub(super) const TIDIED_AT_ONCE: usize = 100;

/// How many histories make room for one publication.
const VICTIMS: usize = 16;

impl Limits {
    fn new(settings: &BrokerSettings) -> Self {
        let percent = |percent| Had {
            bytes: share(settings.max_history_bytes, percent),
            histories: share(settings.max_histories, percent),
        };
        let shares = &settings.shares;
        Self {
            all: Had { bytes: settings.max_history_bytes, histories: settings.max_histories },
            anonymous: percent(shares.anonymous),
            address: percent(shares.address),
            user: percent(shares.user),
        }
    }

    fn of(&self, rank: Rank) -> Had {
        match rank {
            Rank::Anonymous => self.address,
            Rank::User => self.user,
            Rank::Application => self.all,
        }
    }
}

/// Where a publication would not fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Excess {
    Own,
    Others,
}

impl Kept {
    /// Epochs begin behind this one.
    pub(super) fn new(settings: &BrokerSettings, shares: Arc<Shares>, epoch: u64) -> Self {
        Self {
            topics: IndexMap::new(),
            owners: Owners::new(settings.max_history_bytes),
            bytes: 0,
            limits: Limits::new(settings),
            shares,
            next_epoch: epoch,
            looked: None,
        }
    }

    /// Where a publication is kept; nowhere, where there may be no more histories. Where there is no room for it, the history of
    /// who has most begins anew, which may be its own, so that everybody learns that something is missing; and where there is
    /// none even then, it begins behind it.
    pub(super) fn record(
        &mut self,
        publication: &Publication,
        account: &Arc<Account>,
        settings: &HistorySettings,
        now: Instant,
    ) -> Option<Offset> {
        let topic = &publication.destination;
        let mut at = self.begin(topic, account, settings, now)?;
        self.take_over(at, account);
        let cost = History::cost_of(publication);
        let mut is_kept = true;
        if self.excess(at, cost).is_some() {
            is_kept = self.make_room(topic, cost, now);
            // Its own past may have made the room.
            at = self.begin(topic, account, settings, now)?;
        }
        self.change_at(at, |history| {
            let offset = history.push(Arc::new(publication.clone()), now);
            if !is_kept {
                history.forget_all();
            }
            Offset { epoch: history.epoch(), offset }
        })
    }

    /// Changes a history, and counts what it takes then.
    pub(super) fn change<T>(&mut self, topic: &Destination, change: impl FnOnce(&mut History) -> T) -> Option<T> {
        let at = self.topics.get_index_of(topic)?;
        self.change_at(at, change)
    }

    fn change_at<T>(&mut self, at: usize, change: impl FnOnce(&mut History) -> T) -> Option<T> {
        let (_, Topic { history, owner, begun, .. }) = self.topics.get_index_mut(at)?;
        let before = history.cost();
        let changed = change(history);
        let after = history.cost();
        self.bytes = self.bytes - before + after;
        self.owners.resize(*owner, *begun, before, after);
        Some(changed)
    }

    /// Where the history of a topic is, begun now if there was none and there may be one more.
    pub(super) fn begin(
        &mut self,
        topic: &Destination,
        account: &Arc<Account>,
        settings: &HistorySettings,
        now: Instant,
    ) -> Option<usize> {
        if let Some(at) = self.topics.get_index_of(topic) {
            return Some(at);
        }
        self.make_place(account, now)?;
        self.next_epoch += 1;
        let begun = self.next_epoch;
        let history = History::new(begun, settings.clone());
        let (owner, rank) = (account.id(), account.rank());
        self.owners.add(account, begun, topic.clone(), 0);
        Some(self.topics.insert_full(topic.clone(), Topic { history, owner, rank, begun, is_published: false }).0)
    }

    /// Makes room for one more history, if there may be one.
    fn make_place(&mut self, account: &Account, now: Instant) -> Option<()> {
        if self.has_place(account) {
            return Some(());
        }
        if self.forget_old(now) {
            self.forget_empty();
        }
        if self.owners.had(account.id()).histories >= self.limits.of(account.rank()).histories {
            self.shares.hit();
            return None;
        }
        if !self.has_place(account) {
            let newest = self.owners.most_histories(account)?.clone();
            self.remove(&newest);
        }
        self.has_place(account).then_some(())
    }

    fn has_place(&self, account: &Account) -> bool {
        let (rank, anonymous) = (account.rank(), self.owners.anonymous.histories);
        self.topics.len() < self.limits.all.histories
            && self.owners.had(account.id()).histories < self.limits.of(rank).histories
            && (rank != Rank::Anonymous || anonymous < self.limits.anonymous.histories)
    }

    /// A topic is its publishers', and that of the one with the best right among them.
    fn take_over(&mut self, at: usize, account: &Arc<Account>) {
        let Some((_, entry)) = self.topics.get_index_mut(at) else { return };
        let was_published = std::mem::replace(&mut entry.is_published, true);
        if entry.owner == account.id() || (was_published && account.rank() <= entry.rank) {
            return;
        }
        let (before, bytes) = (entry.owner, entry.history.cost());
        (entry.owner, entry.rank) = (account.id(), account.rank());
        if let Some(name) = self.owners.remove(before, entry.begun, bytes) {
            self.owners.add(account, entry.begun, name, bytes);
        }
    }

    /// Makes room for so many bytes more of a topic. False where there can be none.
    fn make_room(&mut self, topic: &Destination, bytes: usize, now: Instant) -> bool {
        self.forget_old(now);
        if self.excess_of(topic, bytes) == Some(Excess::Own) {
            self.shares.hit();
        }
        for _ in 0..VICTIMS {
            let Some(excess) = self.excess_of(topic, bytes) else { return true };
            let Some(victim) = self.victim(topic, excess).cloned() else { return false };
            if victim == *topic {
                self.remove(topic);
                break;
            }
            self.change(&victim, History::forget_all);
        }
        self.excess_of(topic, bytes).is_none()
    }

    /// Of who has most, or else of the topic's own owner, the newest. The application's topics have equal rights: the one that
    /// needs the room gives up its own past.
    fn victim<'a>(&'a self, topic: &'a Destination, excess: Excess) -> Option<&'a Destination> {
        let Topic { owner, rank, .. } = self.topics.get(topic)?;
        let others = || self.owners.most_bytes(*owner).filter(|_| excess == Excess::Others);
        let own = || if *rank == Rank::Application { Some(topic) } else { self.owners.newest_of(*owner) };
        others().or_else(own)
    }

    fn excess_of(&self, topic: &Destination, bytes: usize) -> Option<Excess> {
        match self.topics.get_index_of(topic) {
            Some(at) => self.excess(at, bytes),
            None => (self.bytes + bytes > self.limits.all.bytes).then_some(Excess::Others),
        }
    }

    /// Whether so many bytes more of this topic are too many.
    fn excess(&self, at: usize, bytes: usize) -> Option<Excess> {
        let (_, Topic { owner, rank, .. }) = self.topics.get_index(at)?;
        let is_over_share = self.owners.had(*owner).bytes + bytes > self.limits.of(*rank).bytes;
        if is_over_share && *rank != Rank::Application {
            return Some(Excess::Own);
        }
        let anonymous = *rank == Rank::Anonymous && self.owners.anonymous.bytes + bytes > self.limits.anonymous.bytes;
        (anonymous || self.bytes + bytes > self.limits.all.bytes).then_some(Excess::Others)
    }

    fn remove(&mut self, topic: &Destination) {
        let Some(Topic { history, owner, begun, .. }) = self.topics.swap_remove(topic) else { return };
        self.bytes -= history.cost();
        self.owners.remove(owner, begun, history.cost());
    }

    /// Forgets what is too old, of all topics. Otherwise those that nobody publishes to or reads would keep theirs. False
    /// where it was looked for a moment ago.
    fn forget_old(&mut self, now: Instant) -> bool {
        if self.looked.is_some_and(|looked| now < looked + LOOK_EVERY) {
            return false;
        }
        self.looked = Some(now);
        self.forget_old_of(0..self.topics.len(), now);
        true
    }

    fn forget_empty(&mut self) {
        let empty = self.topics.iter().filter(|(_, topic)| topic.history.is_empty());
        let empty: Vec<_> = empty.map(|(name, _)| name.clone()).collect();
        empty.iter().for_each(|topic| self.remove(topic));
    }

    /// The same for the next few topics from this place on. Answers where to go on.
    pub(super) fn forget_old_from(&mut self, first: usize, now: Instant) -> Option<usize> {
        let end = self.topics.len().min(first + TIDIED_AT_ONCE);
        self.forget_old_of(first..end, now);
        (first < end).then_some(end)
    }

    fn forget_old_of(&mut self, places: Range<usize>, now: Instant) {
        for at in places {
            self.change_at(at, |history| history.handle_timeout(now));
        }
    }
}

#[cfg(test)]
#[path = "kept/tests.rs"]
mod tests;
