//! Whose the histories are, and who has most of them.

use crate::broker::{Account, Rank};
use crate::model::Destination;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::Bound::{Excluded, Unbounded};
use std::sync::Arc;

/// The owners of histories: where there is no more room, it is taken from who has most.
pub(super) struct Owners {
    all: HashMap<u64, Owner>,
    /// Owners by how much they have, for each rank.
    by_bytes: [BTreeSet<(usize, u64)>; RANKS],
    by_count: [BTreeSet<(usize, u64)>; RANKS],
    /// In which steps bytes are compared: finer ones would cost each publication more.
    step: usize,
    /// What all together have who have no account.
    pub(super) anonymous: Had,
}

const RANKS: usize = 3;

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Had {
    pub(super) bytes: usize,
    pub(super) histories: usize,
}

struct Owner {
    /// Held, so that whoever comes back is known by it.
    account: Arc<Account>,
    bytes: usize,
    /// Histories with something in them, and others, by when they were begun.
    full: BTreeMap<u64, Destination>,
    empty: BTreeMap<u64, Destination>,
}

impl Owner {
    fn histories(&self) -> usize {
        self.full.len() + self.empty.len()
    }
}

impl Owners {
    /// Where all histories may have so many bytes.
    pub(super) fn new(max_bytes: usize) -> Self {
        Self {
            all: HashMap::new(),
            by_bytes: Default::default(),
            by_count: Default::default(),
            step: (max_bytes / 1024).max(1),
            anonymous: Had::default(),
        }
    }

    /// What somebody has.
    pub(super) fn had(&self, owner: u64) -> Had {
        let had = |owner: &Owner| Had { bytes: owner.bytes, histories: owner.histories() };
        self.all.get(&owner).map(had).unwrap_or_default()
    }

    /// An owner has one more, with so many bytes in it.
    pub(super) fn add(&mut self, account: &Arc<Account>, begun: u64, topic: Destination, bytes: usize) {
        self.all.entry(account.id()).or_insert_with(|| Owner {
            account: Arc::clone(account),
            bytes: 0,
            full: BTreeMap::new(),
            empty: BTreeMap::new(),
        });
        self.update(account.id(), |owner| {
            owner.bytes += bytes;
            if bytes > 0 { owner.full.insert(begun, topic) } else { owner.empty.insert(begun, topic) }
        });
    }

    /// An owner has one less, which had so many bytes.
    pub(super) fn remove(&mut self, owner: u64, begun: u64, bytes: usize) -> Option<Destination> {
        let removed = self.update(owner, |owner| {
            owner.bytes -= bytes;
            owner.full.remove(&begun).or_else(|| owner.empty.remove(&begun))
        });
        if self.all.get(&owner).is_some_and(|owner| owner.histories() == 0) {
            self.all.remove(&owner);
        }
        removed.flatten()
    }

    /// One has other bytes than before.
    pub(super) fn resize(&mut self, owner: u64, begun: u64, before: usize, after: usize) {
        if before == after {
            return;
        }
        self.update(owner, |owner| {
            owner.bytes = owner.bytes - before + after;
            let (from, to) = match (before, after) {
                (0, _) => (&mut owner.empty, &mut owner.full),
                (_, 0) => (&mut owner.full, &mut owner.empty),
                _ => return,
            };
            to.extend(from.remove_entry(&begun));
        });
    }

    /// The newest topic with something in it of who has most bytes: of somebody who comes after this owner, or who has more.
    pub(super) fn most_bytes(&self, than: u64) -> Option<&Destination> {
        let most = self.most(&self.by_bytes, than, |owner| owner.bytes.div_ceil(self.step))?;
        most.full.values().next_back()
    }

    /// The newest topic of who has most topics.
    pub(super) fn most_histories(&self, than: &Account) -> Option<&Destination> {
        let own = self.had(than.id()).histories;
        let most = self.most_of(&self.by_count, than.rank(), own + 1)?;
        let newest = |topics: &BTreeMap<u64, Destination>| topics.last_key_value().map(|(begun, _)| *begun);
        match newest(&most.full) > newest(&most.empty) {
            true => most.full.values().next_back(),
            false => most.empty.values().next_back(),
        }
    }

    /// The owner's own newest topic with something in it.
    pub(super) fn newest_of(&self, owner: u64) -> Option<&Destination> {
        self.all.get(&owner)?.full.values().next_back()
    }

    fn most(&self, by: &[BTreeSet<(usize, u64)>; RANKS], than: u64, size: impl Fn(&Owner) -> usize) -> Option<&Owner> {
        let owner = self.all.get(&than)?;
        self.most_of(by, owner.account.rank(), size(owner))
    }

    /// Who has most among those who come after this rank, or else who has more than this in the same.
    fn most_of(&self, by: &[BTreeSet<(usize, u64)>; RANKS], rank: Rank, own: usize) -> Option<&Owner> {
        let largest = |rank: usize, above: usize| by[rank].range((Excluded((above, u64::MAX)), Unbounded)).next_back();
        let later = (0..rank as usize).find_map(|rank| largest(rank, 0));
        let (_, id) = later.or_else(|| largest(rank as usize, own))?;
        self.all.get(id)
    }

    fn update<T>(&mut self, id: u64, change: impl FnOnce(&mut Owner) -> T) -> Option<T> {
        let owner = self.all.get_mut(&id)?;
        let rank = owner.account.rank();
        let before = Had { bytes: owner.bytes, histories: owner.histories() };
        let changed = change(owner);
        let after = Had { bytes: owner.bytes, histories: owner.histories() };
        let steps = |had: Had| had.bytes.div_ceil(self.step);
        replace(&mut self.by_bytes[rank as usize], id, steps(before), steps(after));
        replace(&mut self.by_count[rank as usize], id, before.histories, after.histories);
        if rank == Rank::Anonymous {
            self.anonymous.bytes = self.anonymous.bytes - before.bytes + after.bytes;
            self.anonymous.histories = self.anonymous.histories - before.histories + after.histories;
        }
        Some(changed)
    }
}

fn replace(set: &mut BTreeSet<(usize, u64)>, id: u64, before: usize, after: usize) {
    if before != after {
        set.remove(&(before, id));
    }
    if before != after && after > 0 {
        set.insert((after, id));
    }
}
