//! What waits for a client.

use super::{Outgoing, Overflow};
use std::collections::VecDeque;
use std::sync::Arc;

/// The outbound queue: bounded in messages and in bytes, every message with a sequence number.
///
/// A message is *taken* when it is handed to a carrier, and *released* when it is known to need no repeat: when it
/// was written (SockJS and plain WebSockets have no acknowledgement), or when the client acknowledged it (resumable
/// sessions). What is taken but not released can be [rewound](Self::rewind) and handed out again.
#[derive(Debug, Default)]
pub struct OutboundQueue {
    /// Each message beside its sequence number.
    entries: VecDeque<(u64, Arc<Outgoing>)>,
    /// The sequence number of the next message.
    next: u64,
    /// How many entries at the front are taken.
    taken: usize,
    bytes: usize,
}

/// The queue is at its limit and its policy is to close.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QueueFull;

/// An emptied queue keeps room for this many entries; idle sessions should hold no more.
const KEPT_CAPACITY: usize = 32;

impl OutboundQueue {
    /// Appends a message; answers how many older ones were dropped for it.
    ///
    /// A message that is larger than the byte limit by itself is taken when nothing else waits, so that the limit on
    /// the queue is no second limit on the size of a message.
    pub fn push(
        &mut self,
        message: Arc<Outgoing>,
        (max_messages, max_bytes): (usize, usize),
        overflow: Overflow,
    ) -> Result<usize, QueueFull> {
        let mut dropped = 0;
        while !self.fits(message.len(), max_messages, max_bytes) {
            if overflow == Overflow::Close || !self.drop_oldest_untaken() {
                return Err(QueueFull);
            }
            dropped += 1;
        }
        self.bytes += message.len();
        self.entries.push_back((self.next, message));
        self.next += 1;
        Ok(dropped)
    }

    /// Whether a message of this length can be appended.
    pub fn fits(&self, len: usize, max_messages: usize, max_bytes: usize) -> bool {
        self.entries.is_empty() || (self.entries.len() < max_messages && self.bytes + len <= max_bytes)
    }

    fn drop_oldest_untaken(&mut self) -> bool {
        let dropped = self.entries.remove(self.taken);
        self.bytes -= dropped.as_ref().map_or(0, |(_, message)| message.len());
        dropped.is_some()
    }

    /// The messages that are not taken yet, oldest first.
    pub fn waiting(&self) -> impl Iterator<Item = &Arc<Outgoing>> {
        self.entries.range(self.taken..).map(|(_, message)| message)
    }

    /// True when every message was taken.
    pub fn is_drained(&self) -> bool {
        self.taken == self.entries.len()
    }

    /// Takes the oldest waiting message, with its sequence number.
    pub fn take(&mut self) -> Option<(u64, Arc<Outgoing>)> {
        let (seq, message) = self.entries.get(self.taken)?;
        self.taken += 1;
        Some((*seq, Arc::clone(message)))
    }

    /// Forgets every taken message up to and with this sequence number.
    pub fn release(&mut self, through: u64) {
        while self.taken > 0 && self.entries.front().is_some_and(|(seq, _)| *seq <= through) {
            self.bytes -= self.entries.pop_front().map_or(0, |(_, message)| message.len());
            self.taken -= 1;
        }
        self.shrink();
    }

    /// Takes the oldest waiting message and releases it at once: for a wire that has no acknowledgement.
    pub fn pop(&mut self) -> Option<Arc<Outgoing>> {
        let (_, message) = match self.taken {
            0 => self.entries.pop_front(),
            taken => self.entries.remove(taken),
        }?;
        self.bytes -= message.len();
        self.shrink();
        Some(message)
    }

    fn shrink(&mut self) {
        if self.entries.is_empty() && self.entries.capacity() > KEPT_CAPACITY {
            self.entries = VecDeque::new();
        }
    }

    /// Hands out again, from the oldest on, whatever was taken and not released.
    pub fn rewind(&mut self) {
        self.taken = 0;
    }

    /// Forgets all.
    pub fn clear(&mut self) {
        (self.entries, self.taken, self.bytes) = (VecDeque::new(), 0, 0);
    }

    /// How many messages are held, taken ones included.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// True when nothing is held.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// How many bytes of messages are held.
    pub fn bytes(&self) -> usize {
        self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Message;

    fn message(text: &str) -> Arc<Outgoing> {
        Outgoing::new(Message::text(text))
    }

    fn taken(queue: &mut OutboundQueue) -> Option<(u64, String)> {
        queue.take().map(|(seq, m)| (seq, m.message().as_str().unwrap().to_owned()))
    }

    const LIMITS: (usize, usize) = (3, 10);

    #[test]
    fn messages_leave_in_order_with_consecutive_numbers() {
        let mut queue = OutboundQueue::default();
        for text in ["a", "b"] {
            queue.push(message(text), LIMITS, Overflow::Close).unwrap();
        }
        assert_eq!(taken(&mut queue), Some((0, "a".into())));
        assert_eq!(taken(&mut queue), Some((1, "b".into())));
        assert_eq!(taken(&mut queue), None);
    }

    #[test]
    fn what_is_not_released_comes_again_after_a_rewind() {
        let mut queue = OutboundQueue::default();
        for text in ["a", "b", "c"] {
            queue.push(message(text), LIMITS, Overflow::Close).unwrap();
        }
        while queue.take().is_some() {}
        queue.release(0);
        queue.rewind();
        assert_eq!(taken(&mut queue), Some((1, "b".into())));
        assert_eq!((queue.len(), queue.bytes()), (2, 2));
    }

    #[test]
    fn a_release_never_reaches_messages_that_were_not_taken() {
        let mut queue = OutboundQueue::default();
        queue.push(message("a"), LIMITS, Overflow::Close).unwrap();
        queue.release(99);
        assert_eq!(taken(&mut queue), Some((0, "a".into())));
    }

    #[test]
    fn the_limits_hold_in_messages_and_in_bytes_at_their_edge() {
        let mut queue = OutboundQueue::default();
        for text in ["a", "b", "c"] {
            queue.push(message(text), LIMITS, Overflow::Close).unwrap();
        }
        assert_eq!(queue.push(message("d"), LIMITS, Overflow::Close), Err(QueueFull));

        let mut queue = OutboundQueue::default();
        queue.push(message("12345"), LIMITS, Overflow::Close).unwrap();
        queue.push(message("67890"), LIMITS, Overflow::Close).unwrap();
        assert_eq!(queue.push(message("x"), LIMITS, Overflow::Close), Err(QueueFull));
    }

    #[test]
    fn one_message_may_be_larger_than_the_byte_limit_when_nothing_waits() {
        let mut queue = OutboundQueue::default();
        assert_eq!(queue.push(message("12345678901"), LIMITS, Overflow::Close), Ok(0));
    }

    #[test]
    fn dropping_the_oldest_spares_what_is_taken() {
        let mut queue = OutboundQueue::default();
        for text in ["a", "b", "c"] {
            queue.push(message(text), LIMITS, Overflow::DropOldest).unwrap();
        }
        queue.take();
        assert_eq!(queue.push(message("d"), LIMITS, Overflow::DropOldest), Ok(1));
        let left: Vec<_> = queue.waiting().map(|m| m.message().as_str().unwrap()).collect();
        assert_eq!(left, ["c", "d"]);
        assert_eq!(taken(&mut queue), Some((2, "c".into())));
    }
}
