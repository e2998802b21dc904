//! Messages that came by POST and wait for the session's driver.

use super::addresses::Tenant;
use crate::model::Message;
use crate::protocol::sockjs::Batch;
use parking_lot::Mutex;
use std::collections::VecDeque;
use tokio::sync::{Semaphore, SemaphorePermit};

/// The messages of one request could not be handed over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rejected {
    /// Nobody takes any more out.
    Closed,
    /// The client's address holds too much for them.
    AddressFull,
}

/// A bounded queue whose writers wait in line: requests that race keep each its own messages together, and the one that
/// was answered first comes first.
#[derive(Debug)]
pub(super) struct Inbox {
    waiting: Mutex<Waiting>,
    /// In messages and in bytes.
    limits: (usize, usize),
    room: Semaphore,
    room_bytes: Semaphore,
}

#[derive(Debug, Default)]
struct Waiting {
    batches: VecDeque<Held>,
    /// What these hold, and what of that the client's address is charged.
    cost: usize,
    charged: u32,
    closed: bool,
}

/// A request's messages, and the room that they take.
#[derive(Debug)]
struct Held {
    batch: Batch,
    /// What the payload costs, for as long as any of it is there.
    cost: usize,
    /// What was taken of the room, in messages and in bytes.
    messages: usize,
    bytes: usize,
}

/// What a request costs beside the bytes of its payload.
const OVERHEAD: usize = size_of::<Held>();

impl Waiting {
    fn charge(&mut self, cost: usize, tenant: &Tenant) -> Result<(), Rejected> {
        tenant.holds(&mut self.charged, cost).map_err(|_| Rejected::AddressFull)?;
        self.cost = cost;
        Ok(())
    }

    /// Forgets the request at the front.
    fn let_go(&mut self, tenant: &Tenant) {
        let cost = self.batches.pop_front().map_or(0, |held| held.cost);
        // Less always fits.
        self.charge(self.cost - cost, tenant).ok();
        if self.batches.is_empty() {
            self.batches = VecDeque::new();
        }
    }
}

impl Inbox {
    /// Room for `messages` that have `bytes` together. What is larger by itself is taken when nothing else waits: how large
    /// a request may be is said elsewhere.
    pub(super) fn new(messages: usize, bytes: usize) -> Self {
        let limits = (messages.min(Semaphore::MAX_PERMITS), bytes.min(Semaphore::MAX_PERMITS));
        let (room, room_bytes) = (Semaphore::new(limits.0), Semaphore::new(limits.1));
        Self { waiting: Mutex::default(), limits, room, room_bytes }
    }

    /// Waits for room and appends all of `batch`.
    ///
    /// Cancel safety: until it returns nothing was appended.
    pub(super) async fn push(&self, batch: Batch, tenant: &Tenant) -> Result<(), Rejected> {
        let cost = batch.held() + OVERHEAD;
        let (messages, bytes) = (batch.len().min(self.limits.0), cost.min(self.limits.1));
        let room = acquire(&self.room, messages).await?;
        let room_bytes = acquire(&self.room_bytes, bytes).await?;
        let mut waiting = self.waiting.lock();
        if waiting.closed {
            return Err(Rejected::Closed);
        }
        let all = waiting.cost + cost;
        waiting.charge(all, tenant)?;
        room.forget();
        room_bytes.forget();
        waiting.batches.push_back(Held { batch, cost, messages, bytes });
        Ok(())
    }

    pub(super) fn pop(&self, tenant: &Tenant) -> Option<Message> {
        self.pop_from(&mut self.waiting.lock(), tenant)
    }

    /// The same for the last time: when nothing is left, nothing more is taken in.
    pub(super) fn pop_or_close(&self, tenant: &Tenant) -> Option<Message> {
        let mut waiting = self.waiting.lock();
        let message = self.pop_from(&mut waiting, tenant);
        if message.is_none() {
            self.close_with(&mut waiting);
        }
        message
    }

    fn pop_from(&self, waiting: &mut Waiting, tenant: &Tenant) -> Option<Message> {
        loop {
            let front = waiting.batches.front_mut()?;
            let message = front.batch.next();
            self.release(front);
            if front.batch.is_empty() || message.is_none() {
                waiting.let_go(tenant);
            }
            if let Some(text) = message {
                return Some(Message::Text(text));
            }
        }
    }

    /// Gives back what a request needs no more. Its payload is there until its last message is taken.
    fn release(&self, held: &mut Held) {
        let left = held.messages.min(held.batch.len());
        self.room.add_permits(held.messages - left);
        held.messages = left;
        if held.batch.is_empty() {
            self.room_bytes.add_permits(std::mem::take(&mut held.bytes));
        }
    }

    /// Drops what waits and refuses what comes.
    pub(super) fn close(&self) {
        self.close_with(&mut self.waiting.lock());
    }

    fn close_with(&self, waiting: &mut Waiting) {
        self.room.close();
        self.room_bytes.close();
        *waiting = Waiting { closed: true, charged: waiting.charged, ..Waiting::default() };
    }
}

async fn acquire(room: &Semaphore, permits: usize) -> Result<SemaphorePermit<'_>, Rejected> {
    let permits = permits.try_into().map_err(|_| Rejected::Closed)?;
    room.acquire_many(permits).await.map_err(|_| Rejected::Closed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::node::addresses::Addresses;
    use crate::protocol::sockjs::parse_array;
    use futures_util::FutureExt;

    /// Room for this many bytes of payload beside what requests cost.
    fn inbox(messages: usize, bytes: usize, requests: usize) -> Inbox {
        Inbox::new(messages, bytes + requests * OVERHEAD)
    }

    fn push(inbox: &Inbox, texts: &[&str]) -> Option<Result<(), Rejected>> {
        let json = serde_json::to_vec(texts).unwrap();
        inbox.push(parse_array(json.into(), usize::MAX).unwrap(), &Addresses::known_user()).now_or_never()
    }

    fn pop(inbox: &Inbox) -> Option<Message> {
        inbox.pop(&Addresses::known_user())
    }

    fn pop_or_close(inbox: &Inbox) -> Option<Message> {
        inbox.pop_or_close(&Addresses::known_user())
    }

    #[test]
    fn a_batch_waits_until_there_is_room_for_all_its_messages() {
        let inbox = inbox(3, 100, 3);
        assert_eq!(push(&inbox, &["a", "b"]), Some(Ok(())));
        assert_eq!(push(&inbox, &["c", "d"]), None);
        assert_eq!(pop(&inbox), Some("a".into()));
        assert_eq!(push(&inbox, &["c", "d"]), Some(Ok(())));
    }

    #[test]
    fn a_batch_waits_until_there_is_room_for_its_payload() {
        let inbox = inbox(100, 10, 2);
        assert_eq!(push(&inbox, &["12345678"]), Some(Ok(())));
        assert_eq!(push(&inbox, &["abc"]), None);
        assert_eq!(pop(&inbox), Some("12345678".into()));
        assert_eq!(push(&inbox, &["abc"]), Some(Ok(())));
    }

    #[test]
    fn a_batch_larger_than_all_room_is_taken_whole_when_nothing_else_waits() {
        let inbox = inbox(3, 10, 1);
        let large = ["1", "2", "3", "4", "a long one that has many bytes"];
        assert_eq!(push(&inbox, &["first"]), Some(Ok(())));
        assert_eq!(push(&inbox, &large), None);
        assert_eq!(pop(&inbox), Some("first".into()));
        assert_eq!(push(&inbox, &large), Some(Ok(())));
        for text in large {
            assert_eq!(push(&inbox, &["behind"]), None, "before {text}");
            assert_eq!(pop(&inbox), Some(text.into()));
        }
        assert_eq!(push(&inbox, &["behind"]), Some(Ok(())));
        assert_eq!(pop(&inbox), Some("behind".into()));
    }

    #[test]
    fn payloads_without_messages_take_no_room_for_good() {
        let inbox = inbox(1, 0, 1);
        for _ in 0..3 {
            assert_eq!(push(&inbox, &[]), Some(Ok(())));
            assert_eq!(pop(&inbox), None);
        }
    }

    #[test]
    fn a_closed_inbox_is_empty_and_lets_nobody_wait() {
        let inbox = inbox(1, 10, 1);
        assert_eq!(push(&inbox, &["a"]), Some(Ok(())));
        inbox.close();
        assert_eq!(pop(&inbox), None);
        assert_eq!(push(&inbox, &["b"]), Some(Err(Rejected::Closed)));
    }

    #[test]
    fn an_inbox_that_is_read_to_its_end_takes_nothing_more_and_one_that_is_not_does() {
        let inbox = inbox(2, 100, 2);
        assert_eq!(push(&inbox, &["a"]), Some(Ok(())));
        assert_eq!(pop_or_close(&inbox), Some("a".into()));
        assert_eq!(push(&inbox, &["b"]), Some(Ok(())));
        assert_eq!(pop_or_close(&inbox), Some("b".into()));
        assert_eq!(pop_or_close(&inbox), None);
        assert_eq!(push(&inbox, &["c"]), Some(Err(Rejected::Closed)));
    }
}
