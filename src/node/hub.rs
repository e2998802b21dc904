//! Named groups of sessions, and how one message reaches all of a group.
//!
//! The hub is split into parts; each session belongs to one, and each part has a queue of commands that one task at a
//! time carries out in order. A publication is queued in every part that has members, under the group's own short lock:
//! so all members of a group get its messages in the same order, and the publisher never waits for any of them.
//!
//! A part takes all commands that wait, appends the messages to its members' queues, and writes each session that got
//! something once: a burst costs one write for each session, not one for each message. What is queued last is written in
//! the same pass over the members, while their memory is still at hand.

use super::cell::Cell;
use crate::model::{Message, SessionId};
use crate::session::Outgoing;
use indexmap::IndexMap;
use parking_lot::Mutex;
use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock, Weak};
use tokio::runtime::Handle;

/// How many commands a part carries out before it writes: many for one write, and few beside the limits of a queue.
const COMMANDS_PER_TURN: usize = 64;

/// How many sessions a part writes to before it lets other tasks run: 256 writes are about a millisecond.
const WRITES_PER_TURN: usize = 256;

pub(super) struct Hub {
    parts: Vec<Arc<Part>>,
    groups: Mutex<HashMap<Arc<str>, Weak<GroupState>>>,
    /// Numbers groups, so that parts need not compare names.
    next: AtomicU64,
    /// Where the parts' tasks run; there are no members before it is known.
    runtime: OnceLock<Handle>,
    /// How many messages and bytes may wait for one part.
    limits: (usize, usize),
}

/// A named group of sessions of one endpoint. A group is there as long as it has members or somebody holds it.
#[derive(Clone)]
pub struct Group(Arc<GroupState>);

struct GroupState {
    id: u64,
    name: Arc<str>,
    hub: Weak<Hub>,
    /// How many members each part has. The lock also puts publications in one order for all parts.
    members: Mutex<Vec<usize>>,
}

impl Hub {
    pub(super) fn new(parts: usize, limits: (usize, usize)) -> Arc<Self> {
        let parts = (0..parts.max(1)).map(|_| Arc::default()).collect();
        Arc::new(Self { parts, groups: Mutex::default(), next: AtomicU64::default(), runtime: OnceLock::new(), limits })
    }

    /// The parts run where the sessions do.
    pub(super) fn run_on(&self, runtime: Handle) {
        self.runtime.get_or_init(|| runtime);
    }

    pub(super) fn group(self: &Arc<Self>, name: &str) -> Group {
        let mut groups = self.groups.lock();
        if let Some(state) = groups.get(name).and_then(Weak::upgrade) {
            return Group(state);
        }
        let state = Arc::new(GroupState {
            id: self.next.fetch_add(1, Ordering::Relaxed),
            name: name.into(),
            hub: Arc::downgrade(self),
            members: Mutex::new(vec![0; self.parts.len()]),
        });
        groups.insert(Arc::clone(&state.name), Arc::downgrade(&state));
        Group(state)
    }

    fn part_of(&self, id: SessionId) -> usize {
        (id.0 % self.parts.len() as u64) as usize
    }
}

impl Drop for GroupState {
    fn drop(&mut self) {
        let Some(hub) = self.hub.upgrade() else { return };
        let mut groups = hub.groups.lock();
        // Somebody may have made a new group of this name since the last holder of this one let go.
        if groups.get(&self.name).is_some_and(|state| state.strong_count() == 0) {
            groups.remove(&self.name);
        }
    }
}

impl Group {
    /// The group's name.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// How many sessions are members.
    pub fn len(&self) -> usize {
        self.0.members.lock().iter().sum()
    }

    /// True when nobody would get a message.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Sends a message to every member, encoded once for each form that their transports need. Never waits.
    ///
    /// All members get the group's messages in the same order. A member whose queue is full is dealt with as its
    /// settings say, and holds nobody else up. Where messages are published faster than they can be queued for the
    /// members, so that `limits.publish_messages` or `limits.publish_bytes` wait, this one is refused and reaches nobody.
    pub fn publish(&self, message: impl Into<Message>) -> Result<(), PublishError> {
        let Some(hub) = self.0.hub.upgrade() else { return Ok(()) };
        let Some(runtime) = hub.runtime.get() else { return Ok(()) };
        let message = Outgoing::new(message.into());
        let members = self.0.members.lock();
        let parts = || hub.parts.iter().zip(&*members).filter(|(_, members)| **members > 0).map(|(part, _)| part);
        if !parts().all(|part| part.backlog.has_room_for(message.len(), hub.limits)) {
            return Err(PublishError::Overloaded);
        }
        for part in parts() {
            part.backlog.add(message.len());
            part.push(Command::Publish(self.0.id, Arc::clone(&message)), runtime);
        }
        Ok(())
    }

    pub(super) fn add(&self, cell: &Arc<Cell>) {
        self.command(cell, 1, Command::Join(self.clone(), Arc::clone(cell)));
    }

    pub(super) fn remove(&self, cell: &Arc<Cell>) {
        self.command(cell, -1, Command::Leave(self.0.id, cell.who.id));
    }

    fn command(&self, cell: &Cell, change: isize, command: Command) {
        let Some(hub) = self.0.hub.upgrade() else { return };
        let Some(runtime) = hub.runtime.get() else { return };
        let part = hub.part_of(cell.who.id);
        let mut members = self.0.members.lock();
        members[part] = members[part].saturating_add_signed(change);
        hub.parts[part].push(command, runtime);
    }
}

impl PartialEq for Group {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for Group {}

impl fmt::Debug for Group {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Group").field(&self.0.name).finish()
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

/// How much was published to a part and is not carried out yet.
#[derive(Default)]
struct Backlog {
    messages: AtomicUsize,
    bytes: AtomicUsize,
}

impl Backlog {
    fn has_room_for(&self, len: usize, (max_messages, max_bytes): (usize, usize)) -> bool {
        let (messages, bytes) = (self.messages.load(Ordering::Relaxed), self.bytes.load(Ordering::Relaxed));
        messages == 0 || (messages < max_messages && bytes + len <= max_bytes)
    }

    fn add(&self, len: usize) {
        self.messages.fetch_add(1, Ordering::Relaxed);
        self.bytes.fetch_add(len, Ordering::Relaxed);
    }

    fn remove(&self, (messages, bytes): (usize, usize)) {
        self.messages.fetch_sub(messages, Ordering::Relaxed);
        self.bytes.fetch_sub(bytes, Ordering::Relaxed);
    }
}

/// The publications among these commands, in messages and in bytes.
fn publications(commands: &VecDeque<Command>) -> (usize, usize) {
    commands.iter().fold((0, 0), |(messages, bytes), command| match command {
        Command::Publish(_, message) => (messages + 1, bytes + message.len()),
        Command::Join(..) | Command::Leave(..) => (messages, bytes),
    })
}

enum Command {
    Join(Group, Arc<Cell>),
    Leave(u64, SessionId),
    Publish(u64, Arc<Outgoing>),
}

impl Command {
    fn is_publication_to(&self, group: u64) -> bool {
        matches!(self, Self::Publish(to, _) if *to == group)
    }
}

/// One part of the hub.
#[derive(Default)]
struct Part {
    queue: Mutex<Queue>,
    backlog: Backlog,
}

struct Queue {
    commands: VecDeque<Command>,
    /// The part's members; `None` while a task has them in hand.
    members: Option<Box<Members>>,
}

impl Default for Queue {
    fn default() -> Self {
        Self { commands: VecDeque::new(), members: Some(Box::default()) }
    }
}

impl Part {
    /// Queues a command, and starts the part's task if none runs.
    fn push(self: &Arc<Self>, command: Command, runtime: &Handle) {
        let mut queue = self.queue.lock();
        queue.commands.push_back(command);
        if let Some(members) = queue.members.take() {
            runtime.spawn(Arc::clone(self).run(members));
        }
    }

    /// Carries out commands until none are left.
    async fn run(self: Arc<Self>, mut members: Box<Members>) {
        while let Some(mut commands) = self.take_commands(&mut members) {
            while !commands.is_empty() {
                let rest = commands.split_off(commands.len().min(COMMANDS_PER_TURN));
                let full = commands.len() == COMMANDS_PER_TURN;
                let carried_out = publications(&commands);
                members.carry_out(commands).await;
                self.backlog.remove(carried_out);
                if full {
                    // Sessions whose sockets are full, and HTTP receivers, are written by tasks of their own.
                    tokio::task::yield_now().await;
                }
                commands = rest;
            }
        }
    }

    /// All commands that wait; where there are none, the members go back to wait for the next.
    fn take_commands(&self, members: &mut Box<Members>) -> Option<VecDeque<Command>> {
        let mut queue = self.queue.lock();
        if queue.commands.is_empty() {
            queue.members = Some(std::mem::take(members));
            return None;
        }
        Some(std::mem::take(&mut queue.commands))
    }
}

#[derive(Default)]
struct Members {
    groups: HashMap<u64, Membership>,
    /// Sessions that got something in this turn and are still to be written.
    dirty: Vec<Arc<Cell>>,
}

struct Membership {
    /// Keeps the group in the directory.
    _group: Group,
    sessions: IndexMap<SessionId, Arc<Cell>>,
}

impl Members {
    /// Messages in a row to one group go to each member together; where nothing follows, they are written at once.
    async fn carry_out(&mut self, mut commands: VecDeque<Command>) {
        while let Some(command) = commands.pop_front() {
            match command {
                Command::Join(group, cell) => self.join(group, cell),
                Command::Leave(group, id) => self.leave(group, id),
                Command::Publish(group, message) => {
                    let messages = in_a_row(group, message, &mut commands);
                    match commands.is_empty() {
                        true => self.write(group, &messages).await,
                        false => self.enqueue(group, &messages),
                    }
                }
            }
        }
        self.flush().await;
    }

    fn join(&mut self, group: Group, cell: Arc<Cell>) {
        let membership = || Membership { _group: group.clone(), sessions: IndexMap::new() };
        let membership = self.groups.entry(group.0.id).or_insert_with(membership);
        membership.sessions.insert(cell.who.id, cell);
    }

    fn leave(&mut self, group: u64, id: SessionId) {
        let Some(membership) = self.groups.get_mut(&group) else { return };
        membership.sessions.swap_remove(&id);
        if membership.sessions.is_empty() {
            self.groups.remove(&group);
        }
    }

    fn enqueue(&mut self, group: u64, messages: &[Arc<Outgoing>]) {
        let Some(membership) = self.groups.get(&group) else { return };
        for cell in membership.sessions.values() {
            cell.isolate(|this| {
                if this.enqueue(messages) {
                    self.dirty.push(Arc::clone(cell));
                }
            });
        }
    }

    async fn write(&self, group: u64, messages: &[Arc<Outgoing>]) {
        let Some(membership) = self.groups.get(&group) else { return };
        for (written, cell) in membership.sessions.values().enumerate() {
            cell.isolate(|cell| cell.publish(messages));
            pause_after(written + 1).await;
        }
    }

    async fn flush(&mut self) {
        for (written, cell) in self.dirty.drain(..).enumerate() {
            cell.isolate(Cell::flush);
            pause_after(written + 1).await;
        }
    }
}

/// The message, and those that follow it to the same group.
fn in_a_row(group: u64, message: Arc<Outgoing>, commands: &mut VecDeque<Command>) -> Vec<Arc<Outgoing>> {
    let mut messages = vec![message];
    while commands.front().is_some_and(|next| next.is_publication_to(group))
        && let Some(Command::Publish(_, next)) = commands.pop_front()
    {
        messages.push(next);
    }
    messages
}

/// Lets other tasks run from time to time.
async fn pause_after(written: usize) {
    if written.is_multiple_of(WRITES_PER_TURN) {
        tokio::task::yield_now().await;
    }
}
