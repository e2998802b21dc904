//! A session that consumes a work queue: what it may be handed, and what of that it has written.

use super::delivery::{Accepted, Form, WhenSlow};
use crate::broker::Delivery;
use crate::model::Publication;
use crate::node::cell::{Cell, Supplier};
use crate::session::SendError;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};

/// How much of a queue waits for one consumer's client at the most: what is handed to one cannot be handed to another that is
/// faster. One message may have more bytes.
const AHEAD_MESSAGES: usize = 64;
const AHEAD_BYTES: usize = 256 * 1024;

/// What a MESSAGE frame has beside its publication, roughly.
const FRAME: usize = 256;

pub(super) struct Consumer {
    cell: Arc<Cell>,
    form: Form,
    /// Called when what the session was handed is written, or when there may be room for more.
    supplier: Weak<dyn Supplier>,
    /// What its session has yet to write, the oldest first.
    on_the_way: VecDeque<OnTheWay>,
    /// How many bytes that is.
    bytes: usize,
}

struct OnTheWay {
    /// What the session's written messages have to reach.
    number: u64,
    /// By which name the queue knows the delivery.
    tag: u64,
    bytes: usize,
}

impl Consumer {
    pub(super) fn new(cell: &Arc<Cell>, form: Form, supplier: Weak<dyn Supplier>) -> Self {
        Self { cell: Arc::clone(cell), form, supplier, on_the_way: VecDeque::new(), bytes: 0 }
    }

    /// Whether it may be handed a message of this size. Where there is no room, its supplier is called when there is; one whose
    /// session has ended will say so.
    pub(super) fn has_room(&self, size: usize) -> bool {
        let bytes = size + FRAME;
        if self.is_ahead(bytes) {
            return false;
        }
        let has_room = self.cell.room_to_supply().take(bytes);
        // For what is on its way the supplier is called anyway.
        if !has_room && self.on_the_way.is_empty() {
            self.cell.call_when_written(&self.supplier);
        }
        has_room
    }

    fn is_ahead(&self, bytes: usize) -> bool {
        let waiting = self.on_the_way.len();
        waiting > 0 && (waiting >= AHEAD_MESSAGES || self.bytes + bytes > AHEAD_BYTES)
    }

    /// Hands a message to the session. True when it is written already, and so all before it.
    pub(super) fn send(&mut self, delivery: &Delivery, numbers: &AtomicU64) -> Result<bool, SendError> {
        let message = self.accepted(delivery, numbers).message(&self.form);
        let bytes = message.len();
        let Some(number) = self.cell.deliver(message, &self.supplier)? else {
            self.on_the_way.clear();
            self.bytes = 0;
            return Ok(true);
        };
        self.on_the_way.push_back(OnTheWay { number, tag: delivery.tag, bytes });
        self.bytes += bytes;
        Ok(false)
    }

    /// Nothing that a queue keeps is dropped for what a topic publishes.
    fn accepted(&self, delivery: &Delivery, numbers: &AtomicU64) -> Arc<Accepted> {
        let when_slow = Some(WhenSlow::Close);
        if !delivery.needs_settlement() {
            let number = numbers.fetch_add(1, Ordering::Relaxed);
            return Accepted::new(Arc::clone(delivery.publication()), number, when_slow);
        }
        let mut publication = Publication::clone(delivery.publication());
        publication.headers.set("delivery-count", delivery.delivery_count().to_string());
        if delivery.is_redelivered() {
            publication.headers.set("redelivered", "true");
        }
        Accepted::new(Arc::new(publication), delivery.tag, when_slow)
    }

    /// The tag of the last delivery that was written since the last look, if one was.
    pub(super) fn take_written(&mut self) -> Option<u64> {
        if self.on_the_way.is_empty() {
            return None;
        }
        let written = self.cell.with(|session| session.written());
        self.forget_through(written)
    }

    /// Takes back what its session has not begun to write. The tag of the last delivery that it has.
    pub(super) fn withdraw(&mut self) -> Option<u64> {
        if self.on_the_way.is_empty() {
            return None;
        }
        let mut mine = self.on_the_way.iter().map(|it| it.number - 1).peekable();
        let is_mine = |number| {
            while mine.next_if(|mine| *mine < number).is_some() {}
            mine.peek() == Some(&number)
        };
        let first_left = self.cell.take_with(|session| session.withdraw(is_mine));
        self.forget_through(first_left)
    }

    fn forget_through(&mut self, written: u64) -> Option<u64> {
        let mut last = None;
        while let Some(OnTheWay { tag, bytes, .. }) = self.on_the_way.front().filter(|it| it.number <= written) {
            (last, self.bytes) = (Some(*tag), self.bytes - bytes);
            self.on_the_way.pop_front();
        }
        last
    }
}
