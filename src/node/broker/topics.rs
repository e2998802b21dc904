//! Who listens to which topics, and in which order they hear.

use super::delivery::{Accepted, Deliveries, Form};
use super::listing::Names;
use crate::broker::{Account, BrokerSettings, Charge, Directory, DirectoryFull, Holding};
use crate::messaging::{Occupancy, OccupancyListeners};
use crate::model::{Destination, DestinationPattern, SessionId};
use crate::node::cell::Cell;
use crate::node::hub::{Audience, Hub, Leaving, PublishError, Seat};
use bytestring::ByteString;
use parking_lot::{Mutex, MutexGuard, RwLock};
use std::collections::{BTreeSet, HashMap};
use std::hash::{BuildHasher, RandomState};
use std::ops::Range;
use std::sync::Arc;

/// How many destinations can be published to at the same moment. More that share a lock wait for each other, briefly.
const ORDERS: usize = 64;

pub(super) struct Topics {
    hub: Arc<Hub<Deliveries>>,
    directory: RwLock<Directory<Heard>>,
    inboxes: Mutex<HashMap<Inbox, Audience<Deliveries>>>,
    /// A destination's publications reach the audiences of all patterns that match it in one order.
    orders: [Mutex<()>; ORDERS],
    hasher: RandomState,
    occupancy: OccupancyListeners,
}

/// Who hears a destination or a pattern.
struct Heard {
    audience: Audience<Deliveries>,
    /// Who listened first holds the place.
    _charge: Charge,
}

/// What only one user, or one session, hears. No client can spell it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(in crate::node) struct Inbox {
    pub(in crate::node) owner: Owner,
    /// As the owner subscribes to it: `/user/queue/replies`.
    pub(in crate::node) destination: Destination,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(in crate::node) enum Owner {
    User(ByteString),
    Session(SessionId),
}

/// A place among those who hear a topic or an inbox; it is given up when dropped, and what nobody hears is forgotten.
pub(in crate::node) struct Listening {
    topics: Arc<Topics>,
    place: Place,
    seat: Option<Seat<Deliveries>>,
}

enum Place {
    Topic(DestinationPattern),
    Inbox(Inbox),
}

impl Topics {
    pub(super) fn new(
        hub: Arc<Hub<Deliveries>>,
        settings: &BrokerSettings,
        occupancy: OccupancyListeners,
    ) -> Arc<Self> {
        Arc::new(Self {
            hub,
            directory: RwLock::new(Directory::new(settings.directory.clone())),
            inboxes: Mutex::default(),
            orders: std::array::from_fn(|_| Mutex::new(())),
            hasher: RandomState::new(),
            occupancy,
        })
    }

    /// Lets a session hear all topics that match. From this call on it gets what is published.
    pub(super) fn listen(
        self: &Arc<Self>,
        pattern: DestinationPattern,
        cell: &Arc<Cell>,
        form: Form,
        account: &Arc<Account>,
    ) -> Result<Listening, DirectoryFull> {
        let mut listening = self.reserve(pattern, cell, form, account)?;
        listening.begin(cell);
        Ok(listening)
    }

    /// The same, but that it gets nothing before it [begins](Listening::begin).
    pub(super) fn reserve(
        self: &Arc<Self>,
        pattern: DestinationPattern,
        cell: &Cell,
        form: Form,
        account: &Arc<Account>,
    ) -> Result<Listening, DirectoryFull> {
        let mut directory = self.directory.write();
        let is_first = directory.get(&pattern).is_none();
        if is_first {
            let charge = account.charge(place_of(&pattern)).map_err(|_| DirectoryFull)?;
            directory.get_or_insert_with(&pattern, || Heard { audience: self.hub.audience(), _charge: charge })?;
        }
        let heard = directory.get(&pattern).ok_or(DirectoryFull)?;
        let seat = heard.audience.reserve(cell, form.clone(), form.place());
        if is_first {
            // Still under the lock, so that who is told hears it in the order in which it happened.
            self.occupancy.tell(&pattern, Occupancy::Occupied);
        }
        Ok(Listening { topics: Arc::clone(self), place: Place::Topic(pattern), seat: Some(seat) })
    }

    /// Lets a session hear an inbox.
    pub(super) fn open(self: &Arc<Self>, inbox: Inbox, cell: &Arc<Cell>, form: Form) -> Listening {
        let mut inboxes = self.inboxes.lock();
        let audience = inboxes.entry(inbox.clone()).or_insert_with(|| self.hub.audience());
        let seat = audience.join(cell, form.clone(), form.place());
        Listening { topics: Arc::clone(self), place: Place::Inbox(inbox), seat: Some(seat) }
    }

    /// How many listen to exactly this.
    pub(super) fn subscribers(&self, pattern: &DestinationPattern) -> usize {
        self.directory.read().get(pattern).map_or(0, |heard| heard.audience.len())
    }

    /// Does something while nothing else is published to the destination.
    pub(super) fn in_order<T>(&self, destination: &Destination, action: impl FnOnce() -> T) -> T {
        let _in_order = self.orders[self.order_of(destination)].lock();
        action()
    }

    /// The same for several. Everybody locks them in the same order.
    pub(super) fn lock_all<'a>(&self, destinations: impl Iterator<Item = &'a Destination>) -> Vec<MutexGuard<'_, ()>> {
        let orders: BTreeSet<_> = destinations.map(|destination| self.order_of(destination)).collect();
        orders.into_iter().map(|order| self.orders[order].lock()).collect()
    }

    fn order_of(&self, destination: &Destination) -> usize {
        self.hasher.hash_one(destination) as usize % ORDERS
    }

    /// Publishes what `accept` makes to everyone who hears the destination; to be called [in order](Self::in_order). Where
    /// there is no room for it, it is not made, and nobody hears it.
    pub(super) fn publish(
        &self,
        destination: &Destination,
        size: usize,
        accept: impl FnOnce() -> Arc<Accepted>,
    ) -> Result<(), PublishError> {
        let audiences = self.audiences(destination);
        self.hub.check_room(&audiences, (0, 0), size)?;
        self.hub.push(&audiences, &accept());
        Ok(())
    }

    /// Everyone who hears a topic.
    pub(super) fn audiences(&self, destination: &Destination) -> Vec<Audience<Deliveries>> {
        self.directory.read().matching(destination).map(|heard| heard.audience.clone()).collect()
    }

    /// Everyone who hears an inbox.
    pub(super) fn audience(&self, inbox: &Inbox) -> Option<Audience<Deliveries>> {
        self.inboxes.lock().get(inbox).cloned()
    }

    /// Publishes to an inbox; false when nobody hears it.
    pub(super) fn publish_to(&self, inbox: &Inbox, accepted: &Arc<Accepted>) -> Result<bool, PublishError> {
        self.audience(inbox).map_or(Ok(false), |audience| audience.publish(Arc::clone(accepted)).map(|()| true))
    }

    /// Whoever joins does so under the same lock, so an audience without members is without them for good.
    fn forget_if_empty(&self, place: &Place) {
        match place {
            Place::Topic(pattern) => {
                let mut directory = self.directory.write();
                if directory.get(pattern).is_some_and(|heard| heard.audience.len() == 0) {
                    directory.remove(pattern);
                    self.occupancy.tell(pattern, Occupancy::Empty);
                }
            }
            Place::Inbox(inbox) => {
                let mut inboxes = self.inboxes.lock();
                if inboxes.get(inbox).is_some_and(|audience| audience.len() == 0) {
                    inboxes.remove(inbox);
                }
            }
        }
    }
}

/// A pattern is charged for all of its segments, also those that others have in common with it: so it costs who listens, and
/// bounds how many audiences of one address a publication can have.
fn place_of(pattern: &DestinationPattern) -> Holding {
    let is_exact = pattern.as_destination().is_some();
    Holding::Pattern(if is_exact { 0 } else { pattern.segments().count() })
}

impl Names for Topics {
    fn places(&self) -> usize {
        self.directory.read().places()
    }

    fn names(&self, places: Range<usize>, is_wanted: &dyn Fn(&str) -> bool) -> Vec<ByteString> {
        let directory = self.directory.read();
        directory.texts(places).filter(|text| is_wanted(text)).map(ByteString::from).collect()
    }
}

impl Listening {
    /// From this call on the session gets what is published.
    pub(super) fn begin(&mut self, cell: &Arc<Cell>) {
        self.seat.iter_mut().for_each(|seat| seat.take(cell));
    }

    /// Gives the place up. When what is answered is done, nothing comes of it any more.
    pub(in crate::node) fn end(mut self) -> Option<Leaving> {
        self.seat.take().map(Seat::leave)
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        self.seat = None;
        self.topics.forget_if_empty(&self.place);
    }
}
