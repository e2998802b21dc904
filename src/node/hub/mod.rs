//! How one publication reaches many sessions.
//!
//! The hub is split into parts; each session belongs to one, and each part has a queue of commands that one task at a
//! time carries out in order. A publication is queued in every part where its audience has members, under the audience's
//! own short lock: so all members get its publications in the same order, and the publisher never waits for any of them.
//!
//! A part takes all commands that wait, appends the messages to its members' queues, and writes each session that got
//! something once: a burst costs one write for each session, not one for each message. What is queued last is written in
//! the same pass over the members, while their memory is still at hand.
//!
//! What waits for a part is bounded. A publication counts there once, however many audiences it has. Who finds no room is
//! refused, or [waits](Hub::when_there_is_room) for some.
//!
//! Members may want the same publication in different forms. Those who want the same one are kept together, and it is
//! made once for all of them.

mod part;
mod room;

use super::cell::Cell;
use super::settings::LimitSettings;
use crate::model::SessionId;
use crate::session::Outgoing;
use parking_lot::Mutex;
use part::{Command, Part};
use room::Room;
use std::fmt;
use std::hash::Hash;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock, Weak};
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::sync::oneshot;

/// What a hub carries.
pub(super) trait Kind: Send + Sync + 'static {
    type Publication: Send + Sync;
    /// What can differ between the messages that members get for one publication.
    type Form: Clone + Eq + Hash + Send + Sync;

    /// What a publication takes of a limit in bytes.
    fn size(publication: &Self::Publication) -> usize;

    /// The message for the members that want this form.
    fn message(publication: &Arc<Self::Publication>, form: &Self::Form) -> Arc<Outgoing>;
}

/// Messages as they are: what named groups of sessions get.
pub(super) struct Plain;

impl Kind for Plain {
    type Publication = Outgoing;
    type Form = ();

    fn size(message: &Outgoing) -> usize {
        message.len()
    }

    fn message(message: &Arc<Outgoing>, (): &()) -> Arc<Outgoing> {
        Arc::clone(message)
    }
}

pub(super) struct Hub<K: Kind> {
    parts: Vec<Arc<Part<K>>>,
    /// Numbers audiences.
    next: AtomicU64,
    /// Where the parts' tasks run; there are no members before it is known.
    runtime: OnceLock<Handle>,
    room: Arc<Room>,
}

/// The sessions that get the same publications. Cheap to clone; it is there as long as somebody holds it.
pub(super) struct Audience<K: Kind>(Arc<AudienceState<K>>);

struct AudienceState<K: Kind> {
    id: u64,
    hub: Weak<Hub<K>>,
    /// How many members each part has. The lock also puts publications in one order for all parts.
    members: Mutex<Vec<usize>>,
}

/// A session's place in an audience: given up when dropped.
pub(super) struct Seat<K: Kind> {
    audience: Audience<K>,
    form: K::Form,
    member: Member,
    /// Whether it gets what is published.
    is_taken: bool,
    /// Held by whoever has to carry out that it is given up.
    done: Option<oneshot::Sender<()>>,
}

/// A session that leaves an audience: nothing of it is queued for the session any more when this is [done](Self::done).
pub(super) struct Leaving(oneshot::Receiver<()>);

impl Leaving {
    pub(super) async fn done(self) {
        // Nothing is said: whoever has carried it out lets go of it.
        self.0.await.ok();
    }
}

/// A session, and a number of its own for each place that it has in the same audience.
type Member = (SessionId, u64);

impl<K: Kind> Hub<K> {
    fn new(parts: usize, limits: (usize, usize), wait: Duration) -> Arc<Self> {
        let room = Arc::new(Room::new(wait));
        let parts = (0..parts.max(1)).map(|_| Arc::new(Part::new(limits, Arc::clone(&room)))).collect();
        Arc::new(Self { parts, next: AtomicU64::default(), runtime: OnceLock::new(), room })
    }

    /// One part for each core.
    pub(super) fn for_limits(limits: &LimitSettings) -> Arc<Self> {
        let parts = std::thread::available_parallelism().map_or(1, usize::from);
        Self::new(parts, (limits.publish_messages, limits.publish_bytes), limits.publish_wait)
    }

    /// The parts run where the sessions do.
    pub(super) fn run_on(&self, runtime: &Handle) {
        self.runtime.get_or_init(|| runtime.clone());
    }

    /// An audience that nobody belongs to yet.
    pub(super) fn audience(self: &Arc<Self>) -> Audience<K> {
        Audience(Arc::new(AudienceState {
            id: self.next.fetch_add(1, Ordering::Relaxed),
            hub: Arc::downgrade(self),
            members: Mutex::new(vec![0; self.parts.len()]),
        }))
    }

    /// Whether a publication of this size would be taken by all these, behind so many messages and bytes that are about to be.
    pub(super) fn check_room(
        &self,
        audiences: &[Audience<K>],
        ahead: (usize, usize),
        size: usize,
    ) -> Result<(), PublishError> {
        let has_room = |audience: &Audience<K>| {
            let members = audience.0.members.lock();
            occupied(&self.parts, &members).all(|(_, part)| part.has_room_for(ahead, size))
        };
        if audiences.iter().all(has_room) { Ok(()) } else { Err(PublishError::Overloaded) }
    }

    /// Sends a publication to every member of all these, for whom there [was room](Self::check_room) a moment ago. Those who
    /// publish at the same moment can go beyond the limits together, by one publication each.
    pub(super) fn push(&self, audiences: &[Audience<K>], publication: &Arc<K::Publication>) {
        let Some(runtime) = self.runtime.get() else { return };
        let mut has_it = Parts::default();
        for audience in audiences {
            let members = audience.0.members.lock();
            for (at, part) in occupied(&self.parts, &members) {
                let is_first = has_it.insert(at);
                part.push(
                    Command::Publish { to: audience.0.id, publication: Arc::clone(publication), is_first },
                    runtime,
                );
            }
        }
    }

    /// Does something that is refused where there is no room; then it waits for some, and tries again. Not for ever: what is
    /// refused for as long as `limits.publish_wait` stays refused.
    pub(super) async fn when_there_is_room<T, E>(
        &self,
        is_overload: impl Fn(&E) -> bool,
        mut attempt: impl FnMut() -> Result<T, E>,
    ) -> Result<T, E> {
        match attempt() {
            // Boxed, so that what every message needs stays small.
            Err(error) if is_overload(&error) && self.room.is_waited_for() => {
                Box::pin(self.room.wait(is_overload, attempt)).await
            }
            done => done,
        }
    }

    fn part_of(&self, id: SessionId) -> usize {
        (id.0 % self.parts.len() as u64) as usize
    }
}

impl<K: Kind> Audience<K> {
    /// How many members there are.
    pub(super) fn len(&self) -> usize {
        self.0.members.lock().iter().sum()
    }

    /// Sends a publication to every member. Never waits.
    ///
    /// Where more is published than can be queued for the members, so that the hub's limits are reached, this publication
    /// is refused and reaches nobody.
    pub(super) fn publish(&self, publication: Arc<K::Publication>) -> Result<(), PublishError> {
        let Some(hub) = self.0.hub.upgrade() else { return Ok(()) };
        let this = std::slice::from_ref(self);
        hub.check_room(this, (0, 0), K::size(&publication))?;
        hub.push(this, &publication);
        Ok(())
    }

    /// Makes a session a member. From this call on it gets what is published, in this form.
    pub(super) fn join(&self, cell: &Arc<Cell>, form: K::Form, place: u64) -> Seat<K> {
        let mut seat = self.reserve(cell, form, place);
        seat.take(cell);
        seat
    }

    /// Makes a session a member that gets nothing before it [takes its seat](Seat::take).
    pub(super) fn reserve(&self, cell: &Cell, form: K::Form, place: u64) -> Seat<K> {
        let member = (cell.who.id, place);
        self.command(member, 1, None);
        Seat { audience: self.clone(), form, member, is_taken: false, done: None }
    }

    fn command(&self, (id, _): Member, change: isize, command: Option<Command<K>>) {
        let Some(hub) = self.0.hub.upgrade() else { return };
        let Some(runtime) = hub.runtime.get() else { return };
        let part = hub.part_of(id);
        let mut members = self.0.members.lock();
        members[part] = members[part].saturating_add_signed(change);
        command.into_iter().for_each(|command| hub.parts[part].push(command, runtime));
    }
}

/// The parts that have members of an audience, and their numbers.
fn occupied<'a, K: Kind>(
    parts: &'a [Arc<Part<K>>],
    members: &'a [usize],
) -> impl Iterator<Item = (usize, &'a Arc<Part<K>>)> {
    parts.iter().zip(members).enumerate().filter(|(_, (_, members))| **members > 0).map(|(at, (part, _))| (at, part))
}

/// Parts that have got a publication.
#[derive(Default)]
struct Parts(u128);

impl Parts {
    /// True for a part that is not there yet. Beyond the first 128 of them each time is the first.
    fn insert(&mut self, part: usize) -> bool {
        let bit = u32::try_from(part).ok().and_then(|part| 1u128.checked_shl(part)).unwrap_or_default();
        let is_new = self.0 & bit == 0;
        self.0 |= bit;
        is_new
    }
}

impl<K: Kind> Clone for Audience<K> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<K: Kind> Seat<K> {
    /// From this call on the session gets what is published.
    pub(super) fn take(&mut self, cell: &Arc<Cell>) {
        if !std::mem::replace(&mut self.is_taken, true) {
            let join = Command::Join(self.audience.0.id, self.form.clone(), self.member, Arc::clone(cell));
            self.audience.command(self.member, 0, Some(join));
        }
    }

    /// Gives the place up. What was published before may still come to the session, until that is done.
    pub(super) fn leave(mut self) -> Leaving {
        let (done, leaving) = oneshot::channel();
        self.done = Some(done);
        Leaving(leaving)
    }
}

impl<K: Kind> Drop for Seat<K> {
    fn drop(&mut self) {
        let leave = || Command::Leave(self.audience.0.id, self.form.clone(), self.member, self.done.take());
        let command = self.is_taken.then(leave);
        self.audience.command(self.member, -1, command);
    }
}

/// Why a message was not published.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PublishError {
    /// Too many messages wait to be queued for their members.
    Overloaded,
}

impl fmt::Display for PublishError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("too many messages wait to be delivered")
    }
}

impl std::error::Error for PublishError {}
