//! One part of the hub: its commands, its members, and the task that serves them.

use super::room::Room;
use super::{Kind, Member};
use crate::node::cell::Cell;
use crate::session::Outgoing;
use indexmap::IndexMap;
use parking_lot::Mutex;
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::runtime::Handle;
use tokio::sync::oneshot;

/// How many commands a part carries out before it writes: many for one write, and few beside the limits of a queue.
const COMMANDS_PER_TURN: usize = 64;

/// How many bytes it publishes in one turn, for the same reason. The publication that reaches them is the last.
const BYTES_PER_TURN: usize = 256 * 1024;

/// How many sessions a part writes to before it lets other tasks run: 256 writes are about a millisecond.
const WRITES_PER_TURN: usize = 256;

/// What is to be done, for which audience.
pub(super) enum Command<K: Kind> {
    Join(u64, K::Form, Member, Arc<Cell>),
    /// The sender is let go of when it is done.
    Leave(u64, K::Form, Member, Option<oneshot::Sender<()>>),
    /// The publication of an audience. Only the first of those that a part gets of one publication counts as one.
    Publish {
        to: u64,
        publication: Arc<K::Publication>,
        is_first: bool,
    },
}

impl<K: Kind> Command<K> {
    fn is_publication_to(&self, audience: u64) -> bool {
        matches!(self, Self::Publish { to, .. } if *to == audience)
    }

    /// What it takes of the limits in messages and bytes: what is held for it.
    fn weight(&self) -> (usize, usize) {
        match self {
            Self::Publish { publication, is_first: true, .. } => (1, K::size(publication)),
            Self::Publish { .. } => (0, size_of::<Self>()),
            Self::Join(..) | Self::Leave(..) => (0, 0),
        }
    }
}

pub(super) struct Part<K: Kind> {
    queue: Mutex<Queue<K>>,
    backlog: Backlog,
    /// How many messages and bytes may wait.
    limits: (usize, usize),
    /// Where those wait for whom there is none.
    room: Arc<Room>,
}

struct Queue<K: Kind> {
    commands: VecDeque<Command<K>>,
    /// The part's members; `None` while a task has them in hand.
    members: Option<Box<Members<K>>>,
}

impl<K: Kind> Part<K> {
    pub(super) fn new(limits: (usize, usize), room: Arc<Room>) -> Self {
        let queue = Queue { commands: VecDeque::new(), members: Some(Box::default()) };
        Self { queue: Mutex::new(queue), backlog: Backlog::default(), limits, room }
    }

    /// Whether there is room for a publication of this size, behind so many messages and bytes.
    pub(super) fn has_room_for(&self, ahead: (usize, usize), size: usize) -> bool {
        self.backlog.has_room_for(ahead, size, self.limits)
    }

    /// Queues a command, and starts the part's task if none runs.
    pub(super) fn push(self: &Arc<Self>, command: Command<K>, runtime: &Handle) {
        self.backlog.add(command.weight());
        let mut queue = self.queue.lock();
        queue.commands.push_back(command);
        if let Some(members) = queue.members.take() {
            runtime.spawn(Arc::clone(self).run(members));
        }
    }

    /// Carries out commands until none are left.
    async fn run(self: Arc<Self>, mut members: Box<Members<K>>) {
        while let Some(mut commands) = self.take_commands(&mut members) {
            while !commands.is_empty() {
                let turn = turn(&commands);
                members.carry_out(take_front(&mut commands, turn.commands)).await;
                self.backlog.remove(turn.weight);
                if self.backlog.is_half_empty(self.limits) {
                    self.room.tell();
                }
                if turn.is_full() {
                    // Sessions whose sockets are full, and HTTP receivers, are written by tasks of their own.
                    tokio::task::yield_now().await;
                }
            }
        }
    }

    /// All commands that wait; where there are none, the members go back to wait for the next.
    fn take_commands(&self, members: &mut Box<Members<K>>) -> Option<VecDeque<Command<K>>> {
        let mut queue = self.queue.lock();
        if queue.commands.is_empty() {
            queue.members = Some(std::mem::take(members));
            return None;
        }
        Some(std::mem::take(&mut queue.commands))
    }
}

/// How much was published to a part and is not carried out yet.
#[derive(Default)]
struct Backlog {
    messages: AtomicUsize,
    bytes: AtomicUsize,
}

impl Backlog {
    /// What is larger than all that may wait is taken where nothing waits.
    fn has_room_for(&self, ahead: (usize, usize), size: usize, (max_messages, max_bytes): (usize, usize)) -> bool {
        let (messages, bytes) = (self.messages.load(Ordering::Relaxed), self.bytes.load(Ordering::Relaxed));
        messages == 0 || (messages + ahead.0 < max_messages && bytes + ahead.1 + size <= max_bytes)
    }

    /// Those who wait are told early, and not for each message.
    fn is_half_empty(&self, (max_messages, max_bytes): (usize, usize)) -> bool {
        let (messages, bytes) = (self.messages.load(Ordering::Relaxed), self.bytes.load(Ordering::Relaxed));
        messages <= max_messages / 2 && bytes <= max_bytes / 2
    }

    fn add(&self, (messages, bytes): (usize, usize)) {
        self.messages.fetch_add(messages, Ordering::Relaxed);
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    fn remove(&self, (messages, bytes): (usize, usize)) {
        self.messages.fetch_sub(messages, Ordering::Relaxed);
        self.bytes.fetch_sub(bytes, Ordering::Relaxed);
    }
}

/// How much is carried out before others have their turn.
#[derive(Debug, Clone, Copy, Default)]
struct Turn {
    commands: usize,
    /// Bytes of publications, however often one is published.
    bytes: usize,
    /// What it takes of the limits.
    weight: (usize, usize),
}

impl Turn {
    fn is_full(&self) -> bool {
        self.commands >= COMMANDS_PER_TURN || self.bytes >= BYTES_PER_TURN
    }

    fn add<K: Kind>(&mut self, command: &Command<K>) {
        let (messages, bytes) = command.weight();
        self.weight = (self.weight.0 + messages, self.weight.1 + bytes);
        self.commands += 1;
        if let Command::Publish { publication, .. } = command {
            self.bytes += K::size(publication);
        }
    }
}

/// Moves no more than what it takes.
fn take_front<T>(queue: &mut VecDeque<T>, count: usize) -> VecDeque<T> {
    match count < queue.len() {
        true => queue.drain(..count).collect(),
        false => std::mem::take(queue),
    }
}

/// The commands of the next turn.
fn turn<K: Kind>(commands: &VecDeque<Command<K>>) -> Turn {
    let mut turn = Turn::default();
    for command in commands {
        turn.add(command);
        if turn.is_full() {
            break;
        }
    }
    turn
}

/// Those who want the same form of a publication.
type Row = IndexMap<Member, Arc<Cell>>;

struct Members<K: Kind> {
    audiences: HashMap<u64, IndexMap<K::Form, Row>>,
    /// Sessions that got something in this turn and are still to be written.
    dirty: Vec<Arc<Cell>>,
}

impl<K: Kind> Default for Members<K> {
    fn default() -> Self {
        Self { audiences: HashMap::new(), dirty: Vec::new() }
    }
}

impl<K: Kind> Members<K> {
    /// Publications in a row to one audience go to each member together; where nothing follows, they are written at once.
    async fn carry_out(&mut self, mut commands: VecDeque<Command<K>>) {
        while let Some(command) = commands.pop_front() {
            match command {
                Command::Join(audience, form, member, cell) => self.join(audience, form, member, cell),
                Command::Leave(audience, form, member, _done) => self.leave(audience, &form, member),
                Command::Publish { to, publication, .. } => {
                    let publications = in_a_row(to, publication, &mut commands);
                    match commands.is_empty() {
                        true => self.write(to, &publications).await,
                        false => self.enqueue(to, &publications),
                    }
                }
            }
        }
        self.flush().await;
    }

    fn join(&mut self, audience: u64, form: K::Form, member: Member, cell: Arc<Cell>) {
        self.audiences.entry(audience).or_default().entry(form).or_default().insert(member, cell);
    }

    fn leave(&mut self, audience: u64, form: &K::Form, member: Member) {
        let Some(rows) = self.audiences.get_mut(&audience) else { return };
        let Some(row) = rows.get_mut(form) else { return };
        row.swap_remove(&member);
        if row.is_empty() {
            rows.swap_remove(form);
        }
        if rows.is_empty() {
            self.audiences.remove(&audience);
        }
    }

    fn enqueue(&mut self, audience: u64, publications: &[Arc<K::Publication>]) {
        for (form, row) in self.audiences.get(&audience).into_iter().flatten() {
            let messages = messages::<K>(publications, form);
            for cell in row.values() {
                cell.isolate(|this| {
                    if this.enqueue(&messages) {
                        self.dirty.push(Arc::clone(cell));
                    }
                });
            }
        }
    }

    async fn write(&self, audience: u64, publications: &[Arc<K::Publication>]) {
        let mut written = 0;
        for (form, row) in self.audiences.get(&audience).into_iter().flatten() {
            let messages = messages::<K>(publications, form);
            for cell in row.values() {
                cell.isolate(|cell| cell.publish(&messages));
                written += 1;
                pause_after(written).await;
            }
        }
    }

    async fn flush(&mut self) {
        for (written, cell) in self.dirty.drain(..).enumerate() {
            cell.isolate(Cell::flush);
            pause_after(written + 1).await;
        }
    }
}

fn messages<K: Kind>(publications: &[Arc<K::Publication>], form: &K::Form) -> Vec<Arc<Outgoing>> {
    publications.iter().map(|publication| K::message(publication, form)).collect()
}

/// The publication, and those that follow it to the same audience.
fn in_a_row<K: Kind>(
    audience: u64,
    publication: Arc<K::Publication>,
    commands: &mut VecDeque<Command<K>>,
) -> Vec<Arc<K::Publication>> {
    let mut publications = vec![publication];
    while commands.front().is_some_and(|next| next.is_publication_to(audience))
        && let Some(Command::Publish { publication: next, .. }) = commands.pop_front()
    {
        publications.push(next);
    }
    publications
}

/// Lets other tasks run from time to time.
async fn pause_after(written: usize) {
    if written.is_multiple_of(WRITES_PER_TURN) {
        tokio::task::yield_now().await;
    }
}
