//! Who listens to which topics, and in which order they hear.

use super::delivery::{Accepted, Deliveries, Form};
use super::listing::Names;
use crate::broker::{BrokerSettings, Directory, DirectoryFull};
use crate::messaging::{Occupancy, OccupancyListeners};
use crate::model::{Destination, DestinationPattern, SessionId};
use crate::node::cell::Cell;
use crate::node::hub::{Audience, Hub, PublishError, Seat};
use bytestring::ByteString;
use parking_lot::{Mutex, RwLock};
use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::ops::Range;
use std::sync::Arc;

/// How many destinations can be published to at the same moment. More that share a lock wait for each other, briefly.
const ORDERS: usize = 64;

pub(super) struct Topics {
    hub: Arc<Hub<Deliveries>>,
    directory: RwLock<Directory<Audience<Deliveries>>>,
    inboxes: Mutex<HashMap<Inbox, Audience<Deliveries>>>,
    /// A destination's publications reach the audiences of all patterns that match it in one order.
    orders: [Mutex<()>; ORDERS],
    hasher: RandomState,
    occupancy: OccupancyListeners,
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
    ) -> Result<Listening, DirectoryFull> {
        let mut directory = self.directory.write();
        let mut is_first = false;
        let audience = directory.get_or_insert_with(&pattern, || {
            is_first = true;
            self.hub.audience()
        })?;
        let seat = audience.join(cell, form.clone(), form.place());
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
        self.directory.read().get(pattern).map_or(0, Audience::len)
    }

    /// Does something while nothing else is published to the destination.
    pub(super) fn in_order<T>(&self, destination: &Destination, action: impl FnOnce() -> T) -> T {
        let _in_order = self.orders[self.hasher.hash_one(destination) as usize % ORDERS].lock();
        action()
    }

    /// Publishes what `accept` makes to everyone who hears the destination; to be called [in order](Self::in_order). Where
    /// there is no room for it, it is not made, and nobody hears it.
    pub(super) fn publish(
        &self,
        destination: &Destination,
        size: usize,
        accept: impl FnOnce() -> Arc<Accepted>,
    ) -> Result<(), PublishError> {
        let audiences: Vec<_> = self.directory.read().matching(destination).cloned().collect();
        audiences.iter().try_for_each(|audience| audience.check_room(size))?;
        let accepted = accept();
        audiences.iter().for_each(|audience| audience.push(&accepted));
        Ok(())
    }

    /// Publishes to an inbox; false when nobody hears it.
    pub(super) fn publish_to(&self, inbox: &Inbox, accepted: &Arc<Accepted>) -> Result<bool, PublishError> {
        let audience = self.inboxes.lock().get(inbox).cloned();
        audience.map_or(Ok(false), |audience| audience.publish(Arc::clone(accepted)).map(|()| true))
    }

    /// Whoever joins does so under the same lock, so an audience without members is without them for good.
    fn forget_if_empty(&self, place: &Place) {
        match place {
            Place::Topic(pattern) => {
                let mut directory = self.directory.write();
                if directory.get(pattern).is_some_and(|audience| audience.len() == 0) {
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

impl Names for Topics {
    fn places(&self) -> usize {
        self.directory.read().places()
    }

    fn names(&self, places: Range<usize>, is_wanted: &dyn Fn(&str) -> bool) -> Vec<ByteString> {
        let directory = self.directory.read();
        directory.texts(places).filter(|text| is_wanted(text)).map(ByteString::from).collect()
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        self.seat = None;
        self.topics.forget_if_empty(&self.place);
    }
}
