//! Several publications of which all are taken, or none.
//!
//! All that they need is locked at once: first the orders of their topics, by number, then their queues, by name. So two that
//! need the same never wait for each other in a ring. Then there is looked for room for all of them, and only then is any of
//! them taken. Dead letters, and whatever else needs another queue, follow when nothing is locked any more.

use super::delivery::Deliveries;
use super::queues::{Queues, State};
use super::{Broker, Inbox, Owner};
use crate::broker::{Account, Charge, Holding, Kind, message_cost};
use crate::messaging::PublishError;
use crate::model::{Destination, Publication};
use crate::node::hub::Audience;
use crate::node::now;
use parking_lot::MutexGuard;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// One publication among several.
pub(in crate::node) struct Step {
    /// Whose own destination it is for; `None` where it is for a topic or a queue.
    pub(in crate::node) owner: Option<Owner>,
    pub(in crate::node) publication: Publication,
}

/// Why none of them was taken.
#[derive(Debug)]
pub(in crate::node) struct Refused {
    pub(in crate::node) error: PublishError,
    /// Which one has no room.
    pub(in crate::node) at: usize,
}

impl Refused {
    pub(in crate::node) fn is_overload(&self) -> bool {
        self.error == PublishError::Overloaded
    }
}

/// Where one of them goes, with the room that it needs.
enum Place {
    /// Those who hear a topic.
    Topic(Vec<Audience<Deliveries>>),
    /// Those who hear what is somebody's own.
    Own(Vec<Audience<Deliveries>>),
    /// The number of a queue, and who holds its room there.
    Queue(usize, Charge),
}

impl Broker {
    /// Takes all of these, or none. Where there is no room in the hub, it waits for some. They are taken from `steps`.
    pub(in crate::node) async fn publish_all_in_turn(
        &self,
        steps: &mut Vec<Step>,
        account: &Arc<Account>,
    ) -> Result<(), Refused> {
        let take = || {
            self.with_room_for_all(steps, account, |steps, places, queues| {
                self.take_all(steps, places, (account, queues))
            })
        };
        self.hub.when_there_is_room(Refused::is_overload, take).await
    }

    /// Whether all of these would be taken now.
    pub(in crate::node) fn check_all(&self, steps: &mut Vec<Step>, account: &Arc<Account>) -> Result<(), Refused> {
        self.with_room_for_all(steps, account, |_, _, _| ())
    }

    /// Does something while there is room for all of these, and nobody else can take it.
    fn with_room_for_all(
        &self,
        steps: &mut Vec<Step>,
        account: &Arc<Account>,
        then: impl FnOnce(&mut Vec<Step>, Vec<Place>, &mut [MutexGuard<'_, State>]),
    ) -> Result<(), Refused> {
        let kinds = self.kinds(steps)?;
        let of = |kind| kinds.iter().zip(&*steps).filter(move |(it, _)| **it == Some(kind)).map(|(_, step)| step);
        let _in_order = self.topics.lock_all(of(Kind::Topic).map(|step| &step.publication.destination));
        let names: BTreeSet<_> = of(Kind::Queue).map(|step| step.publication.destination.clone()).collect();
        let names: Vec<_> = names.into_iter().collect();
        let nowhere = |error| Refused { error, at: 0 };
        self.queues.with_all(&names, account, nowhere, |queues| {
            let places = self.places(steps, &kinds, account, (&names, queues))?;
            then(steps, places, queues);
            Ok(())
        })
    }

    /// What the destination of each is; `None` where it is somebody's own.
    fn kinds(&self, steps: &[Step]) -> Result<Vec<Option<Kind>>, Refused> {
        let kind = |(at, step): (usize, &Step)| match self.settings.kind_of(&step.publication.destination) {
            _ if step.owner.is_some() => Ok(None),
            None => Err(Refused { error: PublishError::NotPublishable(step.publication.destination.clone()), at }),
            kind => Ok(kind),
        };
        steps.iter().enumerate().map(kind).collect()
    }

    /// Finds the room for each behind those before it.
    fn places(
        &self,
        steps: &[Step],
        kinds: &[Option<Kind>],
        account: &Arc<Account>,
        (names, queues): (&[Destination], &[MutexGuard<'_, State>]),
    ) -> Result<Vec<Place>, Refused> {
        let (mut in_hub, mut in_queues) = ((0, 0), vec![(0, 0); queues.len()]);
        let place = |(at, (step, kind)): (usize, (&Step, &Option<Kind>))| {
            let (publication, size) = (&step.publication, step.publication.size());
            let found = match (kind, &step.owner) {
                (Some(Kind::Queue), _) => {
                    let number = names.binary_search(&publication.destination).unwrap_or_default();
                    room_in(&queues[number], &mut in_queues[number], size)
                        .and_then(|()| Ok(account.charge(Holding::Message(message_cost(publication)))?))
                        .map(|charge| Place::Queue(number, charge))
                }
                (_, owner) => {
                    let place = self.audiences(owner.as_ref(), &publication.destination);
                    self.room_behind(&mut in_hub, place, size)
                }
            };
            found.map_err(|error| Refused { error, at })
        };
        steps.iter().zip(kinds).enumerate().map(place).collect()
    }

    fn audiences(&self, owner: Option<&Owner>, destination: &Destination) -> Place {
        match owner {
            None => Place::Topic(self.topics.audiences(destination)),
            Some(owner) => {
                let inbox = Inbox { owner: owner.clone(), destination: destination.clone() };
                Place::Own(self.topics.audience(&inbox).into_iter().collect())
            }
        }
    }

    /// All are counted as if they were for the same part of the hub.
    fn room_behind(&self, ahead: &mut (usize, usize), place: Place, size: usize) -> Result<Place, PublishError> {
        if let Place::Topic(audiences) | Place::Own(audiences) = &place {
            self.hub.check_room(audiences, *ahead, size)?;
        }
        *ahead = (ahead.0 + 1, ahead.1 + size);
        Ok(place)
    }

    fn take_all(
        &self,
        steps: &mut Vec<Step>,
        places: Vec<Place>,
        (account, queues): (&Arc<Account>, &mut [MutexGuard<'_, State>]),
    ) {
        let now = now();
        let mut published = 0;
        for (Step { publication, .. }, place) in steps.drain(..).zip(places) {
            published += u64::from(!matches!(place, Place::Own(_)));
            match place {
                Place::Topic(audiences) => {
                    self.hub.push(&audiences, &self.accept(self.histories.record(publication, account)));
                }
                Place::Own(audiences) => self.hub.push(&audiences, &self.accept(publication)),
                Place::Queue(number, charge) => {
                    // There is room: it was looked for, and nobody else has the queue.
                    queues[number].core.publish_charged(Arc::new(publication), Some(charge), now).ok();
                }
            }
        }
        self.published.fetch_add(published, Ordering::Relaxed);
    }
}

fn room_in(queue: &State, ahead: &mut (usize, usize), size: usize) -> Result<(), PublishError> {
    *ahead = (ahead.0 + 1, ahead.1 + size);
    if queue.core.has_room_for(ahead.0, ahead.1) { Ok(()) } else { Err(PublishError::QueueFull) }
}

impl Queues {
    /// Does something while nobody else changes these queues, which are made if there are none; their names are in order.
    fn with_all<T, E>(
        self: &Arc<Self>,
        names: &[Destination],
        account: &Arc<Account>,
        fails: impl Fn(PublishError) -> E,
        action: impl FnOnce(&mut [MutexGuard<'_, State>]) -> Result<T, E>,
    ) -> Result<T, E> {
        let mut action = Some(action);
        loop {
            let mut queues = Vec::with_capacity(names.len());
            for name in names {
                match self.find_or_make(name, account) {
                    Ok(queue) => queues.push(queue),
                    Err(error) => {
                        names.iter().for_each(|name| self.forget(name));
                        return Err(fails(error));
                    }
                }
            }
            let mut states: Vec<_> = queues.iter().map(|queue| queue.state.lock()).collect();
            let Some(action) = action.take_if(|_| states.iter().all(|state| !state.forgotten)) else { continue };
            for state in &mut states {
                state.usage.is_of(account);
                state.look_at_all_written();
            }
            let done = action(&mut states);
            let mut left = Vec::with_capacity(queues.len());
            for (queue, state) in queues.iter().zip(&mut states) {
                left.push(self.settle(queue, state));
            }
            drop(states);
            queues.iter().zip(left).for_each(|(queue, left)| self.follow_up(queue, left));
            return done;
        }
    }
}
