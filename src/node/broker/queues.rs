//! Work queues, with their consumers' sessions at hand.

use super::consumer::Consumer;
use super::delivery::Form;
use super::listing::{Names, texts};
use super::losses::Losses;
use super::usage::Usage;
use crate::broker::{
    Account, BrokerSettings, Charge, ConsumerId, DeadLetter, Holding, Purged, QueueFull, Settlement, SubscribeError,
    UnknownTag, WorkQueue, message_cost,
};
use crate::messaging::{Occupancy, OccupancyListeners, PublishError, QueueState};
use crate::model::{AckMode, Destination, Publication, visible};
use crate::node::cell::{Cell, Supplier};
use crate::node::now;
use bytestring::ByteString;
use indexmap::IndexMap;
use parking_lot::{Mutex, MutexGuard};
use std::collections::{BTreeMap, HashMap};
use std::ops::Range;
use std::sync::atomic::AtomicU64;
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

/// A session's place among a queue's consumers. When it is dropped, what it has not settled goes to others.
pub(in crate::node) struct Consuming(Arc<Place>);

/// A consumer of a queue, as its session finds it.
struct Place {
    queues: Arc<Queues>,
    queue: Arc<Queue>,
    id: ConsumerId,
    cell: Arc<Cell>,
}

/// Within which time connections end that end together, as with their machine: what one of them had would be handed to the
/// next, and count as delivered each time.
const LOST_TOGETHER: Duration = Duration::from_millis(20);

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
        let (_, published) = self.change(&destination, account, |_, state| state.publish(publication, charge))?;
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
        let place = |queue: &Arc<Queue>| Place {
            queues: Arc::clone(self),
            queue: Arc::clone(queue),
            id,
            cell: Arc::clone(cell),
        };
        let added = self.change(destination, account, |queue, state| {
            state.core.subscribe(id, mode, prefetch)?;
            let place = Arc::new(place(queue));
            let supplier: Arc<dyn Supplier> = Arc::clone(&place) as _;
            state.consumers.insert(id, Consumer::new(cell, form, Arc::downgrade(&supplier)));
            Ok(Consuming(place))
        });
        added.map_err(|_| SubscribeError::TooManyConsumers)?.1
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
        change: impl FnOnce(&Arc<Queue>, &mut State) -> T,
    ) -> Result<(Arc<Queue>, T), PublishError> {
        let mut change = Some(change);
        loop {
            let queue = self.find_or_make(destination, account)?;
            let mut state = queue.state.lock();
            if let Some(change) = change.take_if(|_| !state.forgotten) {
                state.usage.is_of(account);
                let result = change(&queue, &mut state);
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

    /// Hands over what can be, and does the rest.
    fn settle_down(self: &Arc<Self>, queue: &Arc<Queue>, mut state: MutexGuard<'_, State>) {
        let left = self.settle(queue, &mut state);
        drop(state);
        self.follow_up(queue, left);
    }

    /// The same, but that what came back is not handed over before others that were lost with its consumer were missed.
    fn settle_down_later(self: &Arc<Self>, queue: &Arc<Queue>, mut state: MutexGuard<'_, State>) {
        self.plan(queue, &mut state, now() + LOST_TOGETHER);
        let left = self.look_after(queue, &mut state);
        drop(state);
        self.follow_up(queue, left);
    }

    /// The part of it that needs the queue's lock, and no other queue's.
    pub(super) fn settle(self: &Arc<Self>, queue: &Arc<Queue>, state: &mut State) -> Left {
        self.hand_over(state);
        self.look_after(queue, state)
    }

    /// Plans the next look, and gathers what is to be passed on.
    fn look_after(self: &Arc<Self>, queue: &Arc<Queue>, state: &mut State) -> Left {
        let next = state.core.poll_timeout().into_iter().chain(state.unused_at()).min();
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

    /// Hands messages to consumers for as long as there are messages and consumers with room for them.
    fn hand_over(&self, state: &mut State) {
        loop {
            let State { core, consumers, .. } = &mut *state;
            let has_room = |id, size| consumers.get(&id).is_some_and(|consumer: &Consumer| consumer.has_room(size));
            let Some(delivery) = core.next_delivery(has_room) else { return };
            let (id, tag) = (delivery.consumer, delivery.tag);
            match consumers.get_mut(&id).map(|consumer| consumer.send(&delivery, &self.numbers)) {
                Some(Ok(true)) => core.written(id, tag),
                Some(Ok(false)) => {}
                Some(Err(_)) | None => {
                    core.take_back(delivery);
                    state.end(id);
                }
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
                    return tracing::debug!(queue = &*visible(from.as_str()), reason = reason.name(), %to, "message is a dead letter");
                }
                Err(error) => format!("{to}: {error}"),
            },
        };
        if let Some(messages) = self.losses.count(reason, now()) {
            tracing::warn!(
                queue = &*visible(from.as_str()),
                reason = reason.name(),
                why,
                messages,
                "messages of queues are lost"
            );
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

    /// What consumers have and need not acknowledge takes no room any more when it is written.
    fn publish(&mut self, publication: Publication, charge: Option<Charge>) -> Result<(), QueueFull> {
        if self.core.is_full_for(publication.size()) {
            self.look_at_all_written();
        }
        self.core.publish_charged(Arc::new(publication), charge, now())
    }

    /// All consumers' sessions may have.
    pub(super) fn look_at_all_written(&mut self) {
        let Self { core, consumers, .. } = self;
        consumers.iter_mut().for_each(|(id, consumer)| written(core, *id, consumer.take_written()));
    }

    /// A consumer's session may have written something.
    fn look_at_written(&mut self, id: ConsumerId) {
        if let Some(consumer) = self.consumers.get_mut(&id) {
            written(&mut self.core, id, consumer.take_written());
        }
    }

    /// Ends a consumer. What its session has not begun to write comes to it no more.
    fn end(&mut self, id: ConsumerId) {
        if let Some(mut consumer) = self.consumers.remove(&id) {
            written(&mut self.core, id, consumer.withdraw());
        }
        self.core.unsubscribe(id);
    }
}

fn written(core: &mut WorkQueue, id: ConsumerId, last: Option<u64>) {
    if let Some(tag) = last {
        core.written(id, tag);
    }
}

impl Supplier for Place {
    fn supply(self: Arc<Self>) {
        let mut state = self.queue.state.lock();
        state.look_at_written(self.id);
        self.queues.settle_down(&self.queue, state);
    }
}

impl Consuming {
    /// Whether the client has yet to acknowledge or refuse what came by this tag.
    pub(in crate::node) fn is_unsettled(&self, tag: u64) -> bool {
        self.0.queue.state.lock().core.is_unsettled(self.0.id, tag)
    }

    /// The client acknowledges or refuses what came by this tag.
    pub(in crate::node) fn settle(&self, tag: u64, settlement: Settlement) -> Result<(), UnknownTag> {
        let Place { queues, queue, id, .. } = &*self.0;
        let mut state = queue.state.lock();
        let settled = state.core.settle(*id, tag, settlement, now());
        queues.settle_down(queue, state);
        settled
    }
}

impl Drop for Consuming {
    fn drop(&mut self) {
        let Place { queues, queue, id, cell } = &*self.0;
        let mut state = queue.state.lock();
        state.end(*id);
        match cell.is_open() {
            true => queues.settle_down(queue, state),
            false => queues.settle_down_later(queue, state),
        }
    }
}
