//! The embedded broker: what becomes of a publication on this node.
//!
//! The cores in [`crate::broker`] decide; here they are put behind locks, and what they ask for is done.

mod accounts;
mod batch;
mod consumer;
mod delivery;
mod histories;
mod kept;
mod listing;
mod losses;
mod news;
mod owners;
mod presences;
mod queues;
#[cfg(test)]
mod tests;
mod topics;
mod usage;

pub(in crate::node) use batch::{Refused, Step};
pub(in crate::node) use delivery::{Deliveries, Form, Wanted};
pub(in crate::node) use histories::{Followed, HISTORY, OFFSET, Past, SINCE};
pub(in crate::node) use news::Place;
pub(in crate::node) use presences::Attendance;
pub(in crate::node) use queues::Consuming;
pub(in crate::node) use topics::{Inbox, Listening, Owner};

use super::cell::Cell;
use super::hub::{self, Hub, Leaving};
use crate::broker::{Account, BrokerSettings, ConsumerId, DirectoryFull, Kind, Present, Purged, SubscribeError};
use crate::messaging::{HistoryPage, HistoryQuery, OccupancyListeners, PublishError};
use crate::model::{AckMode, Destination, DestinationPattern, Principal, Publication, SessionId};
use crate::protocol::feed::PRESENCE;
use crate::session::Outgoing;
use accounts::Accounts;
use delivery::{Accepted, WhenSlow};
use histories::Histories;
use presences::Presences;
use queues::Queues;
use std::collections::BTreeMap;
use std::hash::RandomState;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;
use tokio::runtime::Handle;
use topics::Topics;

/// Headers that the broker gives to messages. Clients' messages lose theirs.
pub(in crate::node) const OWN_HEADERS: [&str; 8] = [
    "body-encoding",
    "dead-letter-reason",
    "delivery-count",
    "gap",
    "offset",
    "original-destination",
    PRESENCE,
    "redelivered",
];

/// A session that listens to a topic and is told of its past first.
pub(in crate::node) struct Late {
    destination: Destination,
    /// What it has yet to be told; `None` when it hears what is published.
    past: Option<Past>,
    form: Form,
    listening: Listening,
}

impl Late {
    /// Gives the place up. When what is answered is done, nothing comes of it any more.
    pub(in crate::node) fn end(self) -> Option<Leaving> {
        self.listening.end()
    }
}

/// The broker of one endpoint.
pub(in crate::node) struct Broker {
    settings: Arc<BrokerSettings>,
    accounts: Accounts,
    hub: Arc<Hub<Deliveries>>,
    topics: Arc<Topics>,
    queues: Arc<Queues>,
    histories: Histories,
    presences: Arc<Presences>,
    /// Numbers publications.
    numbers: Arc<AtomicU64>,
    /// How many topics and queues took.
    published: AtomicU64,
    /// Clients must not be able to make their publications replace others'.
    hasher: RandomState,
}

impl Broker {
    /// `presence_prefix` is where it is told who is present.
    pub(in crate::node) fn new(
        settings: BrokerSettings,
        presence_prefix: Destination,
        hub: Arc<Hub<Deliveries>>,
        occupancy: OccupancyListeners,
    ) -> Self {
        let settings = Arc::new(settings);
        let numbers = Arc::new(AtomicU64::new(1));
        let accounts = Accounts::new(&settings);
        let topics = Topics::new(Arc::clone(&hub), &settings, occupancy.clone());
        Self {
            presences: Presences::new(&settings, presence_prefix, &topics, &numbers),
            topics,
            histories: Histories::new(Arc::clone(&settings), Arc::clone(&accounts.shares)),
            queues: Queues::new(
                Arc::clone(&settings),
                Arc::clone(accounts.application()),
                Arc::clone(&numbers),
                occupancy,
            ),
            accounts,
            hub,
            settings,
            numbers,
            published: AtomicU64::new(0),
            hasher: RandomState::new(),
        }
    }

    /// Publications are carried where the sessions run.
    pub(in crate::node) fn run_on(&self, runtime: &Handle) {
        self.queues.run_on(runtime);
        self.presences.run_on(runtime);
        self.hub.run_on(runtime);
    }

    /// Forgets what is over. To be called from time to time.
    pub(in crate::node) fn tidy(&self, now: Instant) {
        self.histories.tidy(now);
        self.accounts.tidy();
    }

    pub(in crate::node) fn settings(&self) -> &BrokerSettings {
        &self.settings
    }

    /// Refuses a destination that is neither a topic nor a queue, before anything is published there.
    pub(in crate::node) fn check(&self, destination: &Destination) -> Result<(), PublishError> {
        match self.settings.kind_of(destination) {
            Some(_) => Ok(()),
            None => Err(PublishError::NotPublishable(destination.clone())),
        }
    }

    /// Takes a publication of somebody's for a topic or a queue. When it returns, all who are subscribed will get it.
    pub(in crate::node) fn publish(
        &self,
        publication: Publication,
        account: &Arc<Account>,
    ) -> Result<(), PublishError> {
        self.offer(&mut Some(publication), account)
    }

    /// The same; where there is no room in the hub, it waits for some.
    pub(in crate::node) async fn publish_in_turn(
        &self,
        publication: Publication,
        account: &Arc<Account>,
    ) -> Result<(), PublishError> {
        let mut publication = Some(publication);
        self.in_turn(|| self.offer(&mut publication, account)).await
    }

    /// Tries something until there is room for it in the hub, for a while.
    pub(in crate::node) async fn in_turn<T>(
        &self,
        attempt: impl FnMut() -> Result<T, PublishError>,
    ) -> Result<T, PublishError> {
        self.hub.when_there_is_room(|error| *error == PublishError::Overloaded, attempt).await
    }

    /// Takes a publication; it stays there where the hub has no room for it.
    fn offer(&self, offered: &mut Option<Publication>, account: &Arc<Account>) -> Result<(), PublishError> {
        let Some(publication) = offered else { return Ok(()) };
        match self.settings.kind_of(&publication.destination) {
            Some(Kind::Topic) => self.publish_to_topic(offered, account)?,
            Some(Kind::Queue) => offered.take().map_or(Ok(()), |it| self.queues.publish(it, account))?,
            None => return Err(PublishError::NotPublishable(publication.destination.clone())),
        }
        self.published.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    /// Throws away what waits in a queue, or what is kept of a topic. `None` where there is nothing of this name.
    pub(in crate::node) fn empty(&self, destination: &Destination) -> Option<Purged> {
        match self.settings.kind_of(destination)? {
            Kind::Topic => self.topics.in_order(destination, || self.histories.purge(destination)),
            Kind::Queue => self.queues.purge(destination),
        }
    }

    /// How many messages of queues are gone for good, by reason.
    pub(in crate::node) fn losses(&self) -> BTreeMap<&'static str, u64> {
        self.queues.losses()
    }

    /// How many publications topics and queues took.
    pub(in crate::node) fn published(&self) -> u64 {
        self.published.load(Ordering::Relaxed)
    }

    /// A history has the publications in the order in which subscribers get them, and none that was refused.
    fn publish_to_topic(
        &self,
        offered: &mut Option<Publication>,
        account: &Arc<Account>,
    ) -> Result<(), hub::PublishError> {
        let Some(publication) = offered else { return Ok(()) };
        let destination = publication.destination.clone();
        let size = publication.size();
        self.topics.in_order(&destination, || {
            let audiences = self.topics.audiences(&destination);
            self.hub.check_room(&audiences, (0, 0), size)?;
            if let Some(publication) = offered.take() {
                self.hub.push(&audiences, &self.accept(self.histories.record(publication, account)));
            }
            Ok(())
        })
    }

    /// Takes a publication for one user's or one session's own destination; false when nobody hears it.
    pub(in crate::node) fn publish_to(&self, owner: Owner, publication: Publication) -> Result<bool, PublishError> {
        let inbox = Inbox { owner, destination: publication.destination.clone() };
        Ok(self.topics.publish_to(&inbox, &self.accept(publication))?)
    }

    /// The same; where there is no room in the hub, it waits for some.
    pub(in crate::node) async fn publish_to_in_turn(
        &self,
        owner: Owner,
        publication: Publication,
    ) -> Result<bool, PublishError> {
        let inbox = Inbox { owner, destination: publication.destination.clone() };
        let accepted = self.accept(publication);
        self.in_turn(|| Ok(self.topics.publish_to(&inbox, &accepted)?)).await
    }

    /// Lets a session hear topics. From this call on it gets what is published.
    pub(in crate::node) fn listen(
        &self,
        pattern: DestinationPattern,
        cell: &Arc<Cell>,
        form: Form,
    ) -> Result<Listening, DirectoryFull> {
        self.topics.listen(pattern, cell, form, self.account(cell))
    }

    /// The same for one topic, behind what it asks for of the past, which it is [told](Self::tell_late) as there is room for it.
    pub(in crate::node) fn listen_late(
        &self,
        past: Past,
        destination: Destination,
        cell: &Cell,
        form: Form,
    ) -> Result<Late, DirectoryFull> {
        let listening = self.topics.reserve(destination.clone().into(), cell, form.clone(), self.account(cell))?;
        Ok(Late { destination, past: Some(past), form, listening })
    }

    /// Queues what there is room for of the past. True when that was all: from this call on the session gets what is
    /// published. Nothing is missed in between, and nothing comes twice.
    pub(in crate::node) fn tell_late(&self, late: &mut Late, cell: &Arc<Cell>) -> bool {
        let Late { destination, past: left, form, listening } = late;
        let Some(past) = left else { return true };
        let is_all = self.topics.in_order(destination, || {
            let (publications, is_all) = self.histories.next(destination, past, cell.room_to_supply());
            let messages: Vec<_> = publications.into_iter().map(|it| self.message(it, form)).collect();
            cell.stock(&messages);
            if is_all {
                listening.begin(cell);
            }
            is_all
        });
        left.take_if(|_| is_all);
        is_all
    }

    /// The same for a feed, which is handed the past instead of having it queued. `form` is told whether the topic has a
    /// history.
    pub(in crate::node) fn follow(
        &self,
        past: Option<Past>,
        destination: &Destination,
        cell: &Arc<Cell>,
        form: impl FnOnce(bool) -> Form,
    ) -> Result<(Listening, Followed), DirectoryFull> {
        self.topics.in_order(destination, || {
            let account = self.account(cell);
            let followed = self.histories.follow(destination, past, account);
            let form = form(followed.position.is_some());
            Ok((self.topics.listen(destination.clone().into(), cell, form, account)?, followed))
        })
    }

    /// What is kept of a topic; `None` where nothing is to be.
    pub(in crate::node) fn history(&self, query: &HistoryQuery) -> Option<HistoryPage> {
        self.histories.page(query)
    }

    /// Makes somebody present for whom this subscription was made, while what comes of it is held. `None` where it does not.
    pub(in crate::node) fn attend(
        &self,
        destination: &Destination,
        session: SessionId,
        principal: Option<&Principal>,
    ) -> Option<Attendance> {
        self.presences.attend(destination, session, principal)
    }

    /// Lets a session hear who comes and goes. Who is there is told first, and nothing is missed in between.
    pub(in crate::node) fn watch(
        &self,
        place: &Place,
        cell: &Arc<Cell>,
        form: Form,
        tell: impl FnOnce(Publication),
    ) -> Result<Listening, DirectoryFull> {
        self.presences.watch(place, (cell, self.account(cell)), form, tell)
    }

    /// Who is there, behind the member of this number and at most so many; `None` where that is not known.
    pub(in crate::node) fn present(&self, destination: &Destination, after: u64, limit: usize) -> Option<Present> {
        self.presences.present(destination, after, limit)
    }

    /// How often somebody was not present since too many were.
    pub(in crate::node) fn turned_away(&self) -> u64 {
        self.presences.turned_away()
    }

    /// The server stops: that everybody leaves is told to nobody.
    pub(in crate::node) fn stop(&self) {
        self.presences.stop();
    }

    /// Lets a session hear what is its own.
    pub(in crate::node) fn open(&self, inbox: Inbox, cell: &Arc<Cell>, form: Form) -> Listening {
        self.topics.open(inbox, cell, form)
    }

    /// Makes a session one of a queue's consumers.
    pub(in crate::node) fn consume(
        &self,
        destination: &Destination,
        place: u64,
        mode: AckMode,
        prefetch: Option<usize>,
        (cell, form): (&Arc<Cell>, Form),
    ) -> Result<Consuming, SubscribeError> {
        let id = ConsumerId { session: cell.who.id, subscription: place };
        self.queues.consume(destination, id, mode, prefetch, (cell, form, self.account(cell)))
    }

    /// A message for one subscription alone.
    pub(in crate::node) fn message(&self, publication: Publication, form: &Form) -> Arc<Outgoing> {
        self.accept(publication).message(form)
    }

    /// Whether a publication has had this number.
    pub(in crate::node) fn has_published(&self, number: u64) -> bool {
        (1..self.numbers.load(Ordering::Relaxed)).contains(&number)
    }

    fn accept(&self, publication: Publication) -> Arc<Accepted> {
        let slow = self.settings.slow_consumer_policy(&publication.destination);
        let when_slow = slow.map(|settings| WhenSlow::new(settings, &publication, &self.hasher));
        Accepted::new(Arc::new(publication), self.numbers.fetch_add(1, Ordering::Relaxed), when_slow)
    }
}

impl From<hub::PublishError> for PublishError {
    fn from(hub::PublishError::Overloaded: hub::PublishError) -> Self {
        Self::Overloaded
    }
}
