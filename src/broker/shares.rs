//! How much of the broker's room one client may hold.

use super::BrokerSettings;
use crate::model::Publication;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

/// How much of each of the broker's limits one client may hold, in percent: of `max_queues`, `max_queue_bytes`,
/// `max_histories`, `max_history_bytes`, and of the directory's. So nobody takes what is for all.
///
/// The application (the HTTP API, a `Messenger`) may hold all of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ShareSettings {
    /// All clients without an account that come from one IPv4 address, or one IPv6 network of 64 bits. Default 10.
    pub address: u8,
    /// One user. Default 25.
    pub user: u8,
    /// All clients without an account together, so that who has one finds room however many addresses are taken to. Default
    /// 50.
    pub anonymous: u8,
}

impl Default for ShareSettings {
    fn default() -> Self {
        Self { address: 10, user: 25, anonymous: 50 }
    }
}

/// Who is served before whom, where there is too little for all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Rank {
    /// A client without an account, which is known by its address alone.
    Anonymous,
    /// A user.
    User,
    /// Whom the server belongs to.
    Application,
}

/// What is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Holding {
    /// A work queue.
    Queue,
    /// A message in one, of this [cost](message_cost).
    Message(usize),
    /// The same in a queue of dead letters.
    DeadLetter(usize),
    /// What is listened to: a destination, or a pattern whose segments are so many.
    Pattern(usize),
}

/// What messages of queues cost beside their bytes, and each of their headers.
const OF_MESSAGE: usize = 350;
const OF_HEADER: usize = 64;

/// How many bytes of memory a message takes that waits.
pub fn message_cost(publication: &Publication) -> usize {
    publication.size() + OF_MESSAGE + OF_HEADER * publication.headers.len()
}

#[derive(Debug, Clone, Copy)]
enum Room {
    Queues,
    QueueBytes,
    DeadLetters,
    DeadLetterBytes,
    Patterns,
    Segments,
}

const ROOMS: usize = 6;

impl Holding {
    /// How much it takes of what. That a message dies is no reason to have no room for it, where it had some before.
    fn amounts(self) -> impl Iterator<Item = (Room, usize, bool)> {
        let amounts = match self {
            Self::Queue => [Some((Room::Queues, 1, true)), None, None],
            Self::Message(cost) => [Some((Room::QueueBytes, cost, true)), None, None],
            Self::DeadLetter(cost) => [
                Some((Room::DeadLetters, 1, true)),
                Some((Room::DeadLetterBytes, cost, true)),
                Some((Room::QueueBytes, cost, false)),
            ],
            Self::Pattern(segments) => [Some((Room::Patterns, 1, true)), Some((Room::Segments, segments, true)), None],
        };
        amounts.into_iter().flatten()
    }
}

/// The accounts of one broker, as far as they have something in common.
#[derive(Debug)]
pub struct Shares {
    /// What the application may hold, each user, each address; and what all addresses may hold together.
    application: [usize; ROOMS],
    user: [usize; ROOMS],
    address: [usize; ROOMS],
    anonymous: [usize; ROOMS],
    next: AtomicU64,
    hits: AtomicU64,
}

/// What one client holds, and how much it may. What it holds is part of what others hold: an address' of all addresses', and
/// everybody's of the whole.
#[derive(Debug)]
pub struct Account {
    id: u64,
    rank: Rank,
    limits: [usize; ROOMS],
    held: [AtomicUsize; ROOMS],
    within: Option<Arc<Self>>,
    shares: Arc<Shares>,
}

/// Something that is held, until this is dropped.
#[derive(Debug)]
pub struct Charge {
    account: Arc<Account>,
    holding: Holding,
}

/// Why somebody can hold no more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoShare {
    /// All together hold as much as there may be.
    Full,
    /// The client holds its share.
    Share,
}

impl Shares {
    /// What these settings allow.
    pub fn new(settings: &BrokerSettings) -> Arc<Self> {
        let totals = [
            settings.max_queues,
            settings.max_queue_bytes,
            settings.queue.max_messages,
            settings.queue.max_bytes,
            settings.directory.max_patterns,
            settings.directory.max_wildcard_segments,
        ];
        let percent = |percent| totals.map(|total| share(total, percent));
        let ShareSettings { address, user, anonymous } = settings.shares;
        let mut application = totals;
        // What queues of dead letters and the directory have room for, they see to themselves.
        application[Room::DeadLetters as usize..].fill(usize::MAX);
        Arc::new(Self {
            application,
            user: percent(user),
            address: percent(address),
            anonymous: percent(anonymous),
            next: AtomicU64::new(0),
            hits: AtomicU64::new(0),
        })
    }

    /// How often somebody could hold no more because of its share.
    pub fn hits(&self) -> u64 {
        self.hits.load(Ordering::Relaxed)
    }

    /// Counts somebody whose share is something that it does not hold as a [`Charge`].
    pub fn hit(&self) {
        self.hits.fetch_add(1, Ordering::Relaxed);
    }

    fn account(self: &Arc<Self>, rank: Rank, limits: [usize; ROOMS], within: Option<Arc<Account>>) -> Arc<Account> {
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        let held = std::array::from_fn(|_| AtomicUsize::new(0));
        Arc::new(Account { id, rank, limits, held, within, shares: Arc::clone(self) })
    }

    /// The account of the application, which all others are part of.
    pub fn application(self: &Arc<Self>) -> Arc<Account> {
        self.account(Rank::Application, self.application, None)
    }

    /// The account of all who have none.
    pub fn anonymous(self: &Arc<Self>, application: &Arc<Account>) -> Arc<Account> {
        self.account(Rank::Anonymous, self.anonymous, Some(Arc::clone(application)))
    }

    /// One of these: that of an address.
    pub fn address(self: &Arc<Self>, anonymous: &Arc<Account>) -> Arc<Account> {
        self.account(Rank::Anonymous, self.address, Some(Arc::clone(anonymous)))
    }

    /// The account of a user.
    pub fn user(self: &Arc<Self>, application: &Arc<Account>) -> Arc<Account> {
        self.account(Rank::User, self.user, Some(Arc::clone(application)))
    }
}

/// So many percent, and at least one.
pub fn share(total: usize, percent: u8) -> usize {
    let part = (total as u128 * u128::from(percent) / 100) as usize;
    part.max(1)
}

impl Account {
    /// By which it is told from all others of its broker.
    pub fn id(&self) -> u64 {
        self.id
    }

    /// Whether others come before it.
    pub fn rank(&self) -> Rank {
        self.rank
    }

    /// Holds something more.
    pub fn charge(self: &Arc<Self>, holding: Holding) -> Result<Charge, NoShare> {
        let taken = self.take(holding);
        if taken == Err(NoShare::Share) {
            self.shares.hit();
        }
        taken.map(|()| Charge { account: Arc::clone(self), holding })
    }

    fn take(&self, holding: Holding) -> Result<(), NoShare> {
        self.add(holding);
        let over = holding.amounts().any(|(room, _, is_limited)| {
            is_limited && self.held[room as usize].load(Ordering::Relaxed) > self.limits[room as usize]
        });
        let full = if self.within.is_none() { NoShare::Full } else { NoShare::Share };
        let taken = match &self.within {
            _ if over => Err(full),
            Some(within) => within.take(holding),
            None => Ok(()),
        };
        if taken.is_err() {
            self.subtract(holding);
        }
        taken
    }

    fn add(&self, holding: Holding) {
        for (room, amount, _) in holding.amounts() {
            self.held[room as usize].fetch_add(amount, Ordering::Relaxed);
        }
    }

    fn subtract(&self, holding: Holding) {
        for (room, amount, _) in holding.amounts() {
            self.held[room as usize].fetch_sub(amount, Ordering::Relaxed);
        }
    }

    fn with_outer(&self) -> impl Iterator<Item = &Self> {
        std::iter::successors(Some(self), |account| account.within.as_deref())
    }
}

impl Charge {
    /// The same client holds something else in its place.
    pub fn exchange(self, holding: Holding) -> Result<Self, NoShare> {
        let account = Arc::clone(&self.account);
        drop(self);
        account.charge(holding)
    }
}

/// Of two copies each counts, until it is dropped.
impl Clone for Charge {
    fn clone(&self) -> Self {
        self.account.with_outer().for_each(|account| account.add(self.holding));
        Self { account: Arc::clone(&self.account), holding: self.holding }
    }
}

impl Drop for Charge {
    fn drop(&mut self) {
        self.account.with_outer().for_each(|account| account.subtract(self.holding));
    }
}

impl PartialEq for Charge {
    fn eq(&self, other: &Self) -> bool {
        self.account.id == other.account.id && self.holding == other.holding
    }
}

impl Eq for Charge {}

impl fmt::Display for NoShare {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Full => "the broker holds as much as it may",
            Self::Share => "the broker holds as much for this client as it may",
        })
    }
}

impl std::error::Error for NoShare {}

#[cfg(test)]
mod tests {
    use super::*;

    fn accounts() -> (Arc<Account>, [Arc<Account>; 6], Arc<Account>) {
        let shares = Shares::new(&BrokerSettings { max_queues: 100, ..BrokerSettings::default() });
        let application = shares.application();
        let anonymous = shares.anonymous(&application);
        let addresses = std::array::from_fn(|_| shares.address(&anonymous));
        let user = shares.user(&application);
        (application, addresses, user)
    }

    fn take(account: &Arc<Account>, most: usize) -> Vec<Charge> {
        (0..most).map_while(|_| account.charge(Holding::Queue).ok()).collect()
    }

    #[test]
    fn an_address_all_addresses_a_user_and_all_together_hold_their_shares() {
        let (application, addresses, user) = accounts();
        let mut held = vec![take(&addresses[0], 100)];
        assert_eq!(held[0].len(), 10);
        held.extend(addresses[1..].iter().map(|address| take(address, 100)));
        assert_eq!(held.iter().map(Vec::len).collect::<Vec<_>>(), [10, 10, 10, 10, 10, 0]);
        assert_eq!(addresses[5].charge(Holding::Queue), Err(NoShare::Share));
        assert_eq!(take(&user, 100).len(), 25);
        let rest = take(&application, 100);
        assert_eq!(rest.len(), 50);
        assert_eq!(
            (user.charge(Holding::Queue), application.charge(Holding::Queue)),
            (Err(NoShare::Full), Err(NoShare::Full))
        );
        drop(rest);
        assert_eq!(take(&application, 100).len(), 50);
        drop(held);
        assert_eq!((take(&addresses[5], 100).len(), take(&application, 200).len()), (10, 90));
    }

    #[test]
    fn a_copy_counts_until_it_is_dropped() {
        let (_, [address, ..], _) = accounts();
        let charge = address.charge(Holding::Queue).unwrap();
        let copies = vec![charge.clone(); 9];
        drop(charge);
        assert_eq!(take(&address, 100).len(), 1);
        drop(copies);
        assert_eq!(take(&address, 100).len(), 10);
    }

    #[test]
    fn a_dead_letter_has_the_room_that_it_had_before_and_no_more_than_its_share_of_dead_letters() {
        let queue = super::super::QueueSettings { max_messages: 20, ..Default::default() };
        let shares = Shares::new(&BrokerSettings { max_queue_bytes: 10_000, queue, ..BrokerSettings::default() });
        let application = shares.application();
        let address = shares.address(&shares.anonymous(&application));
        let charge = || address.charge(Holding::Message(300));
        let [first, second, third] = [charge().unwrap(), charge().unwrap(), charge().unwrap()];
        assert_eq!(charge(), Err(NoShare::Share));
        let kept = [first.exchange(Holding::DeadLetter(500)), second.exchange(Holding::DeadLetter(500))];
        assert!(kept.iter().all(Result::is_ok));
        assert_eq!(third.exchange(Holding::DeadLetter(500)), Err(NoShare::Share));
        drop(kept);
        assert!(charge().is_ok());
    }
}
