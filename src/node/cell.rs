//! What everybody who deals with one session shares.

mod supply;

pub(super) use supply::Supplier;

use super::addresses::Tenant;
use super::byway::Node;
use super::group::Membership;
use super::inbox::Inbox;
use super::now;
use super::tap::{Direction, Tap};
use crate::broker::Account;
use crate::model::{Disconnect, Message, Principal, SessionId, Transport};
use crate::session::{Outgoing, SendError, Session, WriteProgress};
use futures_util::task::AtomicWaker;
use http::Extensions;
use parking_lot::Mutex;
use std::io::{self, IoSlice};
use std::net::IpAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, OnceLock};
use std::time::Instant;
use supply::Suppliers;
use tokio::net::tcp::OwnedWriteHalf;

/// Who a session is, and the edge that its driver, its carriers, the hub and the application share.
///
/// The lock around [`Edge`] is held for as long as a queue operation or one non-blocking write takes, and never across
/// an await.
pub(crate) struct Cell {
    pub(super) who: Identity,
    /// What its address answers for.
    pub(super) tenant: Tenant,
    pub(super) opened_at: Instant,
    pub(super) node: Arc<Node>,
    edge: Mutex<Edge>,
    driver: AtomicWaker,
    receiver: AtomicWaker,
    /// Only sessions whose messages come by POST have one.
    pub(super) inbox: Option<Box<Inbox>>,
    pub(super) attributes: Mutex<Extensions>,
    pub(super) memberships: Mutex<Vec<Membership>>,
    /// Who holds what the broker keeps for it.
    pub(super) account: OnceLock<Arc<Account>>,
    /// The ending was counted and logged.
    pub(super) ended: AtomicBool,
}

struct Edge {
    session: Session,
    /// The socket, where anyone may write to it without asking the driver.
    writer: Option<OwnedWriteHalf>,
    /// The socket took no more, or enough for now; the driver waits until it takes more.
    blocked: bool,
    /// The driver is in the middle of a turn and will flush at its end.
    corked: bool,
    /// The hub has queued something and will flush.
    dirty: bool,
    /// Somebody watches.
    tap: Option<Box<Tap>>,
    /// Those who are called when what they wait for was written.
    suppliers: Option<Box<Suppliers>>,
}

/// What a driver looks at in each turn.
pub(super) struct Status {
    pub(super) open: bool,
    /// What the client sent is still carried out.
    pub(super) heard: bool,
    /// The socket takes no more.
    pub(super) blocked: bool,
    /// When the session wants to be told the time.
    pub(super) deadline: Option<Instant>,
    /// Somebody is to be [called](Cell::call_suppliers).
    pub(super) is_awaited: bool,
}

/// What of a session never changes.
pub(super) struct Identity {
    pub(super) id: SessionId,
    pub(super) transport: Transport,
    pub(super) principal: Option<Principal>,
    pub(super) remote: IpAddr,
    pub(super) protocol: Option<Box<str>>,
    /// The id that a SockJS client chose, under which its requests find the session.
    pub(super) name: Option<Box<str>>,
}

impl Cell {
    pub(super) fn new(
        (who, tenant): (Identity, Tenant),
        node: Arc<Node>,
        session: Session,
        inbox: Option<Box<Inbox>>,
    ) -> Arc<Self> {
        Arc::new(Self {
            who,
            tenant,
            opened_at: now(),
            node,
            edge: Mutex::new(Edge::new(session)),
            driver: AtomicWaker::new(),
            receiver: AtomicWaker::new(),
            inbox,
            attributes: Mutex::default(),
            memberships: Mutex::default(),
            account: OnceLock::new(),
            ended: AtomicBool::new(false),
        })
    }

    /// Lets everyone write to the socket.
    pub(super) fn set_writer(&self, writer: OwnedWriteHalf) {
        self.edge.lock().writer = Some(writer);
    }

    /// Lets go of the socket; dropping its write half tells the peer that nothing more comes.
    pub(super) fn drop_writer(&self) {
        self.edge.lock().writer = None;
    }

    /// Looks at, or changes, the session, without any consequence: for what calls for one see [`update`](Self::update).
    pub(super) fn with<T>(&self, action: impl FnOnce(&mut Session) -> T) -> T {
        action(&mut self.edge.lock().session)
    }

    /// The same for what takes from the queue: the driver calls those who waited for that.
    pub(super) fn take_with<T>(&self, action: impl FnOnce(&mut Session) -> T) -> T {
        let mut edge = self.edge.lock();
        let taken = action(&mut edge.session);
        edge.wake_if_awaited(self);
        taken
    }

    /// Changes the session and carries out what follows from it: output is written, waiters are woken.
    pub(super) fn update<T>(&self, action: impl FnOnce(&mut Session) -> T) -> T {
        let result = self.flush_after(action);
        self.driver.wake();
        result
    }

    /// The same for the driver, which needs no waking.
    pub(super) fn flush_after<T>(&self, action: impl FnOnce(&mut Session) -> T) -> T {
        let mut edge = self.edge.lock();
        let result = action(&mut edge.session);
        edge.flush(self);
        result
    }

    /// Queues a message and writes it at once if that is possible.
    pub(super) fn send(&self, message: Arc<Outgoing>) -> Result<(), SendError> {
        let mut edge = self.edge.lock();
        let sent = edge.queue(self, message);
        if !edge.corked {
            edge.flush(self);
        }
        sent
    }

    /// Queues publications without writing them; true when the caller has to [`flush`](Self::flush) once it has queued
    /// all that it has.
    pub(super) fn enqueue(&self, messages: &[Arc<Outgoing>]) -> bool {
        let mut edge = self.edge.lock();
        edge.enqueue(self, messages);
        !std::mem::replace(&mut edge.dirty, true)
    }

    /// Queues publications and writes them at once if that is possible.
    pub(super) fn publish(&self, messages: &[Arc<Outgoing>]) {
        let mut edge = self.edge.lock();
        edge.enqueue(self, messages);
        if !edge.corked {
            edge.flush(self);
        }
    }

    /// Does something that many sessions have done to them: a panic ends this one and stops nobody else's.
    pub(super) fn isolate(&self, action: impl FnOnce(&Self)) {
        if catch_unwind(AssertUnwindSafe(|| action(self))).is_err() {
            self.break_off();
        }
    }

    pub(super) fn is_open(&self) -> bool {
        self.edge.lock().session.is_open()
    }

    pub(super) fn break_off(&self) {
        self.update(|session| session.break_off(now()));
    }

    pub(super) fn flush(&self) {
        self.edge.lock().flush(self);
    }

    /// From now to [`uncork`](Self::uncork) messages are only queued.
    pub(super) fn cork(&self) {
        self.edge.lock().corked = true;
    }

    /// Counts a client's message, and corks for its handler; answers whether the session is open. `None` when nothing of the
    /// client's is heard any more: it may have come together with the one over which the session was ended.
    pub(super) fn take_up(&self, message: &Message) -> Option<bool> {
        let mut edge = self.edge.lock();
        if !edge.session.is_heard() {
            return None;
        }
        edge.receive(message);
        Some(edge.session.is_open())
    }

    /// Writes what was queued since [`cork`](Self::cork), and tells what the driver has to look after.
    pub(super) fn uncork(&self) -> Status {
        let mut edge = self.edge.lock();
        if std::mem::take(&mut edge.corked) {
            edge.flush(self);
        }
        edge.status()
    }

    pub(super) fn status(&self) -> Status {
        self.edge.lock().status()
    }

    pub(super) fn close(&self, disconnect: Disconnect) {
        self.update(|session| session.close(disconnect, now()));
    }

    /// What the client sent and the handler did not see yet is of no use to an application that closed the session, or
    /// that broke down over it.
    pub(super) fn discard_inbox(&self) {
        if let Some(inbox) = &self.inbox {
            inbox.close();
        }
    }

    /// Writes through the driver's own socket.
    pub(super) fn write_through(
        &self,
        write: impl FnMut(&[IoSlice<'_>]) -> io::Result<usize>,
    ) -> io::Result<WriteProgress> {
        self.take_with(|session| session.write_to(write, now))
    }

    /// The socket takes bytes again.
    pub(super) fn unblock(&self) {
        let mut edge = self.edge.lock();
        edge.blocked = false;
        edge.flush(self);
    }

    /// Lets somebody watch, from now to the session's end.
    pub(super) fn tap(&self, tap: Tap) {
        let mut edge = self.edge.lock();
        edge.tap = edge.session.is_open().then(|| Box::new(tap));
    }

    /// Nothing more goes through the session.
    pub(super) fn untap(&self) {
        self.edge.lock().tap = None;
    }

    /// Shows a message that does not go through the queue in the ordinary way.
    pub(super) fn show(&self, direction: Direction, message: &Message) {
        self.edge.lock().show(direction, message);
    }

    pub(super) fn wake_driver(&self) {
        self.driver.wake();
    }

    pub(super) fn driver(&self) -> &AtomicWaker {
        &self.driver
    }

    pub(super) fn receiver(&self) -> &AtomicWaker {
        &self.receiver
    }
}

impl Edge {
    fn new(session: Session) -> Self {
        Self { session, writer: None, blocked: false, corked: false, dirty: false, tap: None, suppliers: None }
    }

    /// A client is slow when its socket takes no more, not when much was queued for it in one go: what waits only for
    /// the end of a turn is written before the queue overflows.
    fn make_room(&mut self, cell: &Cell, message: &Outgoing) {
        if !self.session.has_room_for(message) {
            let dirty = self.dirty;
            self.flush(cell);
            self.dirty = dirty;
        }
    }

    fn receive(&mut self, message: &Message) {
        self.session.received(message.len());
        self.show(Direction::In, message);
        self.corked = true;
    }

    fn show(&mut self, direction: Direction, message: &Message) {
        if let Some(tap) = &mut self.tap
            && !tap.show(direction, message)
        {
            self.tap = None;
        }
    }

    fn status(&self) -> Status {
        let session = &self.session;
        Status {
            open: session.is_open(),
            heard: session.is_heard(),
            blocked: self.blocked,
            deadline: session.poll_timeout(),
            is_awaited: self.is_awaited(),
        }
    }

    /// A text session cannot take a binary publication, and losing it in silence is no choice: it ends.
    fn enqueue(&mut self, cell: &Cell, messages: &[Arc<Outgoing>]) {
        for message in messages {
            if self.queue(cell, Arc::clone(message)) == Err(SendError::NotText) {
                self.session.close(Disconnect::NOT_TEXT, now());
                cell.driver.wake();
            }
        }
    }

    fn queue(&mut self, cell: &Cell, message: Arc<Outgoing>) -> Result<(), SendError> {
        self.make_room(cell, &message);
        if self.session.is_open() {
            self.show(Direction::Out, message.message());
        }
        let was_behind = self.session.is_behind();
        let sent = self.session.send(message, now);
        if sent == Err(SendError::SlowConsumer) || was_behind != self.session.is_behind() {
            // It keeps the time.
            cell.driver.wake();
        }
        sent
    }

    /// Writes what can be written now; wakes whoever has to do it otherwise.
    fn flush(&mut self, cell: &Cell) {
        self.dirty = false;
        self.write_out(cell);
        self.wake_if_awaited(cell);
    }

    fn write_out(&mut self, cell: &Cell) {
        let Some(writer) = &self.writer else {
            cell.receiver.wake();
            if self.session.has_output() {
                cell.driver.wake();
            }
            return;
        };
        if self.blocked {
            return;
        }
        match self.session.write_to(|slices| write(writer, slices), now) {
            Ok(WriteProgress::Done) => return,
            // Where it is only paused, the driver finds that it may go on at once.
            Ok(WriteProgress::Blocked | WriteProgress::Paused) => self.blocked = true,
            Err(_) => self.session.socket_lost(),
        }
        cell.driver.wake();
    }
}

/// One slice is written by the cheaper call.
fn write(writer: &OwnedWriteHalf, slices: &[IoSlice<'_>]) -> io::Result<usize> {
    match slices {
        [slice] => writer.try_write(slice),
        slices => writer.try_write_vectored(slices),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// docs/performance.md has what an idle session is made of.
    #[test]
    fn a_session_s_own_state_is_below_800_bytes() {
        assert!(size_of::<Cell>() < 800, "{}", size_of::<Cell>());
    }
}
