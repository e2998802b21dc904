//! Those who have something for a session that waits with them until the session has written what it has.

use super::{Cell, Edge};
use crate::node::tap::Direction;
use crate::session::{Outgoing, Room, SendError};
use std::sync::{Arc, Weak};

/// Who has something for a session, and is called by its driver when there may be room for it.
pub(in crate::node) trait Supplier: Send + Sync {
    /// What it waited for was written. It is called once for each time that it asked to be.
    fn supply(self: Arc<Self>);
}

/// Who waits until a session has written which of its messages.
#[derive(Default)]
pub(super) struct Suppliers(Vec<(u64, Weak<dyn Supplier>)>);

impl Suppliers {
    /// Lets a supplier wait until all before this number was written, whatever it waited for until now.
    pub(super) fn put(&mut self, number: u64, supplier: &Weak<dyn Supplier>) {
        match self.place_of(supplier) {
            Some(place) => self.0[place].0 = number,
            None => self.add(number, supplier),
        }
    }

    /// The same for one that goes on to wait for what it waits for.
    pub(super) fn put_if_absent(&mut self, number: u64, supplier: &Weak<dyn Supplier>) {
        if self.place_of(supplier).is_none() {
            self.add(number, supplier);
        }
    }

    /// Those who are gone do not gather while a client does not read.
    fn add(&mut self, number: u64, supplier: &Weak<dyn Supplier>) {
        self.0.retain(|(_, waiting)| waiting.strong_count() > 0);
        self.0.push((number, Weak::clone(supplier)));
    }

    pub(super) fn is_due(&self, written: u64) -> bool {
        self.0.iter().any(|(number, _)| *number <= written)
    }

    /// Those who wait no longer.
    pub(super) fn take_due(&mut self, written: u64) -> Vec<Weak<dyn Supplier>> {
        self.0.extract_if(.., |(number, _)| *number <= written).map(|(_, supplier)| supplier).collect()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn place_of(&self, supplier: &Weak<dyn Supplier>) -> Option<usize> {
        self.0.iter().position(|(_, waiting)| Weak::ptr_eq(waiting, supplier))
    }
}

impl Cell {
    /// How much may be supplied now.
    pub(in crate::node) fn room_to_supply(&self) -> Room {
        self.edge.lock().session.room_to_supply()
    }

    /// Queues messages for which there [was room](Self::room_to_supply), without writing them. A session that has ended misses
    /// them.
    pub(in crate::node) fn stock(&self, messages: &[Arc<Outgoing>]) {
        let mut edge = self.edge.lock();
        messages.iter().for_each(|message| _ = edge.supply(Arc::clone(message)));
    }

    /// Writes what was stocked, as far as it can be now. Answers whether nothing waits any more.
    pub(in crate::node) fn write_supplied(&self) -> bool {
        let mut edge = self.edge.lock();
        edge.write_supplied(self);
        edge.session.written() >= edge.session.queued_until()
    }

    /// Queues a message for which there [was room](Self::room_to_supply), and writes it if that is possible. Where it is not
    /// written now, its number is the answer, and the supplier is called when it is.
    pub(in crate::node) fn deliver(
        &self,
        message: Arc<Outgoing>,
        supplier: &Weak<dyn Supplier>,
    ) -> Result<Option<u64>, SendError> {
        let mut edge = self.edge.lock();
        let number = edge.supply(message)?;
        edge.write_supplied(self);
        if edge.session.written() >= number {
            return Ok(None);
        }
        if !edge.session.is_open() {
            return Err(SendError::Closed);
        }
        edge.suppliers.get_or_insert_default().put(number, supplier);
        Ok(Some(number))
    }

    /// Calls a supplier when all that is queued now was written, if it does not wait already: at once, where it was. A session
    /// that has ended calls nobody.
    pub(in crate::node) fn call_when_written(&self, supplier: &Weak<dyn Supplier>) {
        let mut edge = self.edge.lock();
        if !edge.session.is_open() {
            return;
        }
        let queued = edge.session.queued_until();
        edge.suppliers.get_or_insert_default().put_if_absent(queued, supplier);
        edge.wake_if_awaited(self);
    }

    /// Calls those who waited for what is written now; for the driver, which holds no lock.
    pub(in crate::node) fn call_suppliers(&self) {
        let mut due = self.edge.lock().take_suppliers();
        // Those who take all the room go on to wait before those who find none, so another one is the first each time.
        if !due.is_empty() {
            due.rotate_left(1);
        }
        due.iter().filter_map(Weak::upgrade).for_each(Supplier::supply);
    }
}

impl Edge {
    pub(super) fn is_awaited(&self) -> bool {
        self.suppliers.as_ref().is_some_and(|suppliers| suppliers.is_due(self.session.written()))
    }

    pub(super) fn wake_if_awaited(&self, cell: &Cell) {
        if self.is_awaited() {
            cell.driver.wake();
        }
    }

    fn supply(&mut self, message: Arc<Outgoing>) -> Result<u64, SendError> {
        if self.session.is_open() {
            self.show(Direction::Out, message.message());
        }
        self.session.supply(message)
    }

    fn write_supplied(&mut self, cell: &Cell) {
        if !self.corked {
            self.flush(cell);
        }
    }

    fn take_suppliers(&mut self) -> Vec<Weak<dyn Supplier>> {
        let written = self.session.written();
        let due = self.suppliers.as_mut().map_or_else(Vec::new, |suppliers| suppliers.take_due(written));
        self.suppliers.take_if(|suppliers| suppliers.is_empty());
        due
    }
}
