//! Work queues, with their consumers' sessions at hand.

use super::delivery::{Accepted, Form};
use super::listing::{Names, texts};
use super::losses::Losses;
use super::usage::Usage;
use crate::broker::{
    Account, BrokerSettings, Charge, ConsumerId, DeadLetter, Delivery, Holding, Purged, Settlement, SubscribeError,
    UnknownTag, WorkQueue, message_cost,
};
use crate::messaging::{Occupancy, OccupancyListeners, PublishError, QueueState};
use crate::model::{AckMode, Destination, Publication};
use crate::node::cell::Cell;
use crate::node::now;
use crate::session::SendError;
use bytestring::ByteString;
use indexmap::IndexMap;
use parking_lot::{Mutex, MutexGuard};
use std::collections::{BTreeMap, HashMap};
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock, Weak};
use std::time::{Duration, Instant};
use tokio::runtime::Handle;
use tokio::task::AbortHandle;

/// The queues of one broker. A queue is there while it has messages or consumers.
pub(super) struct Queues {
    settings: Arc<BrokerSettings>,
    named: Mutex<IndexMap<Destination, Arc<Queue>>>,
    /// The application's account: dead letters are published in its name.
    application: Arc<Account>,
    /// Numbers what need not be acknowledged; shared with topics.
    numbers: Arc<AtomicU64>,
    runtime: OnceLock<Handle>,
    occupancy: OccupancyListeners,
    losses: Losses,
}

pub(super) struct Queue {
    destination: Destination,
    pub(super) state: Mutex<State>,
}

pub(super) struct State {
    pub(super) core: WorkQueue,
    consumers: HashMap<ConsumerId, Consumer>,
    /// Who holds the queue's place, while it is there.
    charge: Option<Charge>,
    pub(super) usage: Usage,
    /// When the next look at the queue is planned, and the task that waits for it.
    planned: Option<(Instant, AbortHandle)>,
    /// Whether there were consumers when somebody was last told.
    is_occupied: bool,
    /// The queue was idle, and another of its name may be there by now.
    pub(super) forgotten: bool,
}

/// What a change of a queue leaves to be done.
pub(super) struct Left {
    dead: Vec<DeadLetter>,
    is_idle: bool,
}

struct Consumer {
    cell: Arc<Cell>,
    form: Form,
}

/// A session's place among a queue's consumers. When it is dropped, what it has not settled goes to others.
pub(in crate::node) struct Consuming {
    queues: Arc<Queues>,
    queue: Arc<Queue>,
    id: ConsumerId,
}

/// A consumer that need not acknowledge gets no more while this many messages wait for its client: what is handed over
/// is lost with the session, and another consumer may be faster.
const WAITING_FOR_CLIENT: usize = 64;

/// How soon a queue looks again for room, where its only consumers have none.
const LOOK_AGAIN: Duration = Duration::from_millis(20);

impl Queues {
    pub(super) fn new(
        settings: Arc<BrokerSettings>,
        application: Arc<Account>,
        numbers: Arc<AtomicU64>,
        occupancy: OccupancyListeners,
    ) -> Arc<Self> {
        Arc::new(Self {
            settings,
            named: Mutex::default(),
            application,
            numbers,
            runtime: OnceLock::new(),
            occupancy,
            losses: Losses::default(),
        })
    }

    pub(super) fn run_on(&self, runtime: &Handle) {
        self.runtime.get_or_init(|| runtime.clone());
    }

    pub(super) fn publish(
        self: &Arc<Self>,
        publication: Publication,
        account: &Arc<Account>,
    ) -> Result<(), PublishError> {
        let charge = account.charge(Holding::Message(message_cost(&publication)))?;
        self.put(publication, account, Some(charge))
    }

    fn put(
        self: &Arc<Self>,
        publication: Publication,
        account: &Arc<Account>,
        charge: Option<Charge>,
    ) -> Result<(), PublishError> {
        let destination = publication.destination.clone();
        let put = |state: &mut State| state.core.publish_charged(Arc::new(publication), charge, now());
        let (_, published) = self.change(&destination, account, put)?;
        published.map_err(|_| PublishError::QueueFull)
    }

    /// Throws away all that waits in a queue. `None` where there is none.
    pub(super) fn purge(self: &Arc<Self>, destination: &Destination) -> Option<Purged> {
        let queue = self.named.lock().get(destination).cloned()?;
        let mut state = queue.state.lock();
        let purged = state.core.purge();
        self.settle_down(&queue, state);
        Some(purged)
    }

    pub(super) fn consume(
        self: &Arc<Self>,
        destination: &Destination,
        id: ConsumerId,
        mode: AckMode,
        prefetch: Option<usize>,
        (cell, form, account): (&Arc<Cell>, Form, &Arc<Account>),
    ) -> Result<Consuming, SubscribeError> {
        let prefetch = self.settings.queue(destination).prefetch(prefetch);
        let added = self.change(destination, account, |state| {
            state.core.subscribe(id, mode, prefetch)?;
            state.consumers.insert(id, Consumer { cell: Arc::clone(cell), form });
            Ok(())
        });
        let (queue, added) = added.map_err(|_| SubscribeError::TooManyConsumers)?;
        added?;
        Ok(Consuming { queues: Arc::clone(self), queue, id })
    }

    /// How many consumers a queue has, and what is in it; `None` where there is none.
    pub(super) fn state(&self, destination: &Destination) -> Option<(usize, QueueState)> {
        let queue = self.named.lock().get(destination).cloned()?;
        let core = &queue.state.lock().core;
        let state = QueueState { waiting: core.waiting(), unacknowledged: core.unacked(), bytes: core.bytes() };
        Some((core.consumers(), state))
    }

    /// Changes a queue, which is made if there is none, and does all that follows.
    fn change<T>(
        self: &Arc<Self>,
        destination: &Destination,
        account: &Arc<Account>,
        change: impl FnOnce(&mut State) -> T,
    ) -> Result<(Arc<Queue>, T), PublishError> {
        let mut change = Some(change);
        loop {
            let queue = self.find_or_make(destination, account)?;
            let mut state = queue.state.lock();
            if let Some(change) = change.take_if(|_| !state.forgotten) {
                state.usage.is_of(account);
                let result = change(&mut state);
                self.settle_down(&queue, state);
                return Ok((queue, result));
            }
        }
    }

    /// A queue's place is held by who needed it first.
    pub(super) fn find_or_make(
        &self,
        destination: &Destination,
        account: &Arc<Account>,
    ) -> Result<Arc<Queue>, PublishError> {
        let mut named = self.named.lock();
        if let Some(queue) = named.get(destination) {
            return Ok(Arc::clone(queue));
        }
        let charge = account.charge(Holding::Queue)?;
        let queue = Arc::new(Queue::new(destination.clone(), &self.settings, charge));
        named.insert(destination.clone(), Arc::clone(&queue));
        Ok(queue)
    }

    /// Hands over what can be, plans the next look, and passes on what the queue gives up.
    fn settle_down(self: &Arc<Self>, queue: &Arc<Queue>, mut state: MutexGuard<'_, State>) {
        let left = self.settle(queue, &mut state);
        drop(state);
        self.follow_up(queue, left);
    }

    /// The part of it that needs the queue's lock, and no other queue's.
    pub(super) fn settle(self: &Arc<Self>, queue: &Arc<Queue>, state: &mut State) -> Left {
        let look_again = self.hand_over(state).then(|| now() + LOOK_AGAIN);
        let next = state.core.poll_timeout().into_iter().chain(look_again).chain(state.unused_at()).min();
        if let Some(at) = next {
            self.plan(queue, state, at);
        }
        self.tell_occupancy(&queue.destination, state);
        Left { dead: std::iter::from_fn(|| state.core.next_dead_letter()).collect(), is_idle: state.core.is_idle() }
    }

    /// The part of it that needs others' locks, and not the queue's.
    pub(super) fn follow_up(self: &Arc<Self>, queue: &Arc<Queue>, left: Left) {
        for letter in left.dead {
            self.bury(&queue.destination, letter);
        }
        if left.is_idle {
            self.forget(&queue.destination);
        }
    }

    fn tell_occupancy(&self, destination: &Destination, state: &mut State) {
        let is_occupied = state.core.consumers() > 0;
        if is_occupied == std::mem::replace(&mut state.is_occupied, is_occupied) {
            return;
        }
        let occupancy = if is_occupied { Occupancy::Occupied } else { Occupancy::Empty };
        self.occupancy.tell(&destination.clone().into(), occupancy);
    }

    /// Hands messages to consumers for as long as there are both. True when a consumer would take more, and has no room.
    fn hand_over(&self, state: &mut State) -> bool {
        let mut blocked = false;
        let State { core, consumers, .. } = state;
        loop {
            let next = core.next_delivery(|id| {
                let room = consumers.get(&id).map_or(Room::Gone, Consumer::room);
                blocked |= room == Room::Full;
                room == Room::Free
            });
            let Some(delivery) = next else { return blocked };
            let id = delivery.consumer;
            let sent = consumers.get(&id).map(|consumer| consumer.send(&delivery, &self.numbers));
            if !matches!(sent, Some(Ok(()))) {
                consumers.remove(&id);
                core.take_back(delivery);
                core.unsubscribe(id);
            }
        }
    }

    /// Gives a message up: to where the queue's dead letters go, if it has such a place.
    fn bury(self: &Arc<Self>, from: &Destination, letter: DeadLetter) {
        let reason = letter.reason;
        let why = match self.settings.dead_letter(from) {
            None => "there is no place for dead letters".to_owned(),
            Some(to) => match self.put_dead(letter, to) {
                Ok(()) => {
                    return tracing::debug!(queue = %from, reason = reason.name(), %to, "message is a dead letter");
                }
                Err(error) => format!("{to}: {error}"),
            },
        };
        if let Some(messages) = self.losses.count(reason, now()) {
            tracing::warn!(queue = %from, reason = reason.name(), why, messages, "messages of queues are lost");
        }
    }

    /// A dead letter counts for who sent it, and no sender has more than its share of them.
    fn put_dead(self: &Arc<Self>, letter: DeadLetter, to: &Destination) -> Result<(), PublishError> {
        let (publication, charge) = letter.buried(to.clone())?;
        self.put(publication, &self.application, charge)
    }

    /// How many messages are gone for good, by reason.
    pub(super) fn losses(&self) -> BTreeMap<&'static str, u64> {
        self.losses.by_reason()
    }

    pub(super) fn forget(&self, destination: &Destination) {
        let mut named = self.named.lock();
        // Whoever has the state at the moment comes by here afterwards.
        let is_idle = |queue: &Arc<Queue>| {
            let state = queue.state.try_lock().filter(|state| state.core.is_idle());
            state.map(|mut state| (state.forgotten, state.charge) = (true, None)).is_some()
        };
        if named.get(destination).is_some_and(is_idle) {
            named.swap_remove(destination);
        }
    }

    /// Looks at a queue again at a time, unless that is planned for an earlier one.
    fn plan(self: &Arc<Self>, queue: &Arc<Queue>, state: &mut State, at: Instant) {
        let Some(runtime) = self.runtime.get() else { return };
        if state.planned.as_ref().is_some_and(|(planned, _)| *planned <= at) {
            return;
        }
        let looking = runtime.spawn(look_at(Arc::downgrade(self), Arc::downgrade(queue), at));
        if let Some((_, later)) = state.planned.replace((at, looking.abort_handle())) {
            later.abort();
        }
    }
}

impl Names for Queues {
    fn places(&self) -> usize {
        self.named.lock().len()
    }

    fn names(&self, places: Range<usize>, is_wanted: &dyn Fn(&str) -> bool) -> Vec<ByteString> {
        texts(self.named.lock().keys(), places, is_wanted)
    }
}

async fn look_at(queues: Weak<Queues>, queue: Weak<Queue>, at: Instant) {
    tokio::time::sleep_until(at.into()).await;
    let (Some(queues), Some(queue)) = (queues.upgrade(), queue.upgrade()) else { return };
    let mut state = queue.state.lock();
    state.planned.take_if(|(planned, _)| *planned <= at);
    state.handle_timeout(now());
    queues.settle_down(&queue, state);
}

impl Queue {
    fn new(destination: Destination, settings: &BrokerSettings, charge: Charge) -> Self {
        let queue = settings.queue(&destination);
        let state = State {
            core: WorkQueue::new(Arc::new(queue.clone())),
            consumers: HashMap::new(),
            charge: Some(charge),
            usage: Usage::new(queue, settings.is_for_dead_letters(&destination)),
            planned: None,
            is_occupied: false,
            forgotten: false,
        };
        Self { destination, state: Mutex::new(state) }
    }
}

impl State {
    /// When the queue is given up, if nobody consumes it until then.
    fn unused_at(&mut self) -> Option<Instant> {
        let is_unused = self.core.consumers() == 0 && !self.core.is_idle();
        self.usage.ends_at(is_unused, now)
    }

    fn handle_timeout(&mut self, now: Instant) {
        self.core.handle_timeout(now);
        if self.core.consumers() == 0 && self.usage.is_over(now) {
            self.core.give_up_unused();
        }
    }
}

#[derive(PartialEq)]
enum Room {
    Free,
    Full,
    /// The session has ended, and will say so.
    Gone,
}

impl Consumer {
    fn room(&self) -> Room {
        self.cell.with(|session| match session.queued() {
            _ if !session.is_open() => Room::Gone,
            (waiting, _) if waiting >= WAITING_FOR_CLIENT => Room::Full,
            _ => Room::Free,
        })
    }

    fn send(&self, delivery: &Delivery, numbers: &AtomicU64) -> Result<(), SendError> {
        if !delivery.needs_settlement() {
            let number = numbers.fetch_add(1, Ordering::Relaxed);
            return self.cell.send(Accepted::new(Arc::clone(delivery.publication()), number, None).message(&self.form));
        }
        let mut publication = Publication::clone(delivery.publication());
        publication.headers.set("delivery-count", delivery.delivery_count().to_string());
        if delivery.is_redelivered() {
            publication.headers.set("redelivered", "true");
        }
        let accepted = Accepted::new(Arc::new(publication), delivery.tag, None);
        self.cell.send(accepted.message(&self.form))
    }
}

impl Consuming {
    /// Whether the client has yet to acknowledge or refuse what came by this tag.
    pub(in crate::node) fn is_unsettled(&self, tag: u64) -> bool {
        self.queue.state.lock().core.is_unsettled(self.id, tag)
    }

    /// The client acknowledges or refuses what came by this tag.
    pub(in crate::node) fn settle(&self, tag: u64, settlement: Settlement) -> Result<(), UnknownTag> {
        let mut state = self.queue.state.lock();
        let settled = state.core.settle(self.id, tag, settlement, now());
        self.queues.settle_down(&self.queue, state);
        settled
    }
}

impl Drop for Consuming {
    fn drop(&mut self) {
        let mut state = self.queue.state.lock();
        state.consumers.remove(&self.id);
        state.core.unsubscribe(self.id);
        self.queues.settle_down(&self.queue, state);
    }
}
