//! What waits for a client.

use super::keys::Keys;
use super::{OnFull, Outgoing, Overflow};
use std::collections::VecDeque;
use std::sync::Arc;

/// The outbound queue: every message with a sequence number, and with limits in messages and in bytes, down to which
/// those that may be dropped are dropped.
///
/// A message is *taken* when it is handed to a carrier, and *released* when it is known to need no repeat: when it
/// was written (SockJS and plain WebSockets have no acknowledgement), or when the client acknowledged it (resumable
/// sessions). What is taken but not released can be [rewound](Self::rewind) and handed out again.
#[derive(Debug, Default)]
pub struct OutboundQueue {
    entries: VecDeque<Entry>,
    /// The sequence number of the next message.
    next: u64,
    /// How many entries at the front are taken.
    taken: usize,
    bytes: usize,
    /// Only there while the queue is so long that something has to be looked up.
    index: Option<Box<Index>>,
}

/// What would otherwise be searched for in a long queue.
#[derive(Debug, Default)]
struct Index {
    /// None of those that wait before this number may be dropped.
    droppable_from: u64,
    /// Where the message of each key waits, once somebody has asked.
    keys: Option<Keys>,
}

#[derive(Debug)]
struct Entry {
    number: u64,
    message: Arc<Outgoing>,
    mark: Mark,
}

/// A message's [`OnFull`] in one word, so that a search through a long queue touches nothing but the queue.
///
/// Two keys can have the same mark, so whoever finds one asks the message itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Mark(u64);

impl Mark {
    /// The message may not be dropped.
    const CLOSE: Self = Self(0);
    const DROP_OLDEST: Self = Self(1);

    /// The mark of a message whose policy is its own, or else the session's.
    fn of(message: &Outgoing, overflow: Overflow) -> Self {
        match (message.on_full(), overflow) {
            (Some(OnFull::KeepNewest(key)), _) => Self(key.max(Self::DROP_OLDEST.0 + 1)),
            (Some(OnFull::DropOldest), _) | (None, Overflow::DropOldest) => Self::DROP_OLDEST,
            (Some(OnFull::Close), _) | (None, Overflow::Close) => Self::CLOSE,
        }
    }

    fn has_key(self) -> bool {
        self.0 > Self::DROP_OLDEST.0
    }
}

/// The key of a message that replaces others of the same.
fn key(message: &Outgoing) -> Option<u64> {
    match message.on_full() {
        Some(OnFull::KeepNewest(key)) => Some(key),
        _ => None,
    }
}

/// What one more message did to those that waited.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Pushed {
    /// How many were dropped to make room.
    pub dropped: usize,
    /// Whether one of the same key gave up its place.
    pub conflated: bool,
    /// Whether more waits than the limits allow, since no more may be dropped.
    pub over: bool,
}

/// An emptied queue keeps room for this many entries; idle sessions should hold no more.
const KEPT_CAPACITY: usize = 16;

/// In a queue of this many a key is found by a search as soon as by an index.
const SHORT: usize = 32;

impl OutboundQueue {
    /// Takes in a message: in the place of a waiting one with the same key, or behind all others. Where that is more than
    /// the limits allow, a message that may be dropped drops the oldest that may be; one that may not, drops none.
    pub fn push(&mut self, message: Arc<Outgoing>, limits: (usize, usize), overflow: Overflow) -> Pushed {
        let mark = Mark::of(&message, overflow);
        let same = self.waiting_with_key_of(&message, mark);
        let at = match same {
            Some(at) => self.replace(at, message),
            None => self.append(message, mark),
        };
        let dropped = if mark == Mark::CLOSE { 0 } else { self.drop_down_to(limits, at) };
        Pushed { dropped, conflated: same.is_some(), over: self.is_over(limits) }
    }

    /// Appends a message whatever the limits say: the last one.
    pub fn push_last(&mut self, message: Arc<Outgoing>) {
        self.append(message, Mark::CLOSE);
    }

    fn waiting_with_key_of(&mut self, message: &Outgoing, mark: Mark) -> Option<usize> {
        if !mark.has_key() {
            return None;
        }
        if self.index.as_ref().is_none_or(|index| index.keys.is_none()) && self.entries.len() - self.taken <= SHORT {
            let same = |entry: &Entry| entry.mark == mark && entry.message.on_full() == message.on_full();
            return self.entries.range(self.taken..).position(same).map(|at| self.taken + at);
        }
        self.index_keys();
        let keys = self.index.as_ref()?.keys.as_ref()?;
        let at = |number| self.find(self.number_that_ends(number)).ok();
        let same = |entry: &Entry| entry.mark == mark && entry.message.on_full() == message.on_full();
        keys.find(key(message)?, |number| at(number).is_some_and(|at| same(&self.entries[at]))).and_then(at)
    }

    /// Makes the index of keys, if there is none.
    fn index_keys(&mut self) {
        let waiting = self.entries.range(self.taken..);
        let keys = waiting.filter_map(|entry| Some((key(&entry.message)?, entry.number)));
        self.index.get_or_insert_default().keys.get_or_insert_with(|| Keys::of(keys));
    }

    /// The number of a message in the queue of which only the end is known.
    fn number_that_ends(&self, end: u32) -> u64 {
        let first = self.entries.front().map_or(self.next, |entry| entry.number);
        first + u64::from(end.wrapping_sub(first as u32))
    }

    /// Where the message with this number is, or would be. Numbers are left out only where messages were dropped, so the
    /// first guess is mostly right.
    fn find(&self, number: u64) -> Result<usize, usize> {
        let first = self.entries.front().map_or(self.next, |entry| entry.number);
        let Some(behind) = number.checked_sub(first) else { return Err(0) };
        let guess = usize::try_from(behind).unwrap_or(usize::MAX);
        match self.entries.get(guess) {
            Some(entry) if entry.number == number => Ok(guess),
            _ => self.entries.binary_search_by_key(&number, |entry| entry.number),
        }
    }

    fn replace(&mut self, at: usize, message: Arc<Outgoing>) -> usize {
        if let Some(entry) = self.entries.get_mut(at) {
            self.bytes = self.bytes - entry.message.len() + message.len();
            entry.message = message;
        }
        at
    }

    fn append(&mut self, message: Arc<Outgoing>, mark: Mark) -> usize {
        self.bytes += message.len();
        if let Some(Index { keys: Some(keys), .. }) = self.index.as_deref_mut()
            && let Some(key) = key(&message)
        {
            keys.add(key, self.next);
        }
        self.entries.push_back(Entry { number: self.next, message, mark });
        self.next += 1;
        self.entries.len() - 1
    }

    /// Drops the oldest of those that may be dropped, but never the one at `spared`, until the limits hold or none is left.
    fn drop_down_to(&mut self, limits: (usize, usize), mut spared: usize) -> usize {
        let mut dropped = 0;
        while self.is_over(limits)
            && let Some(at) = self.oldest_droppable(spared)
        {
            self.remove(at);
            spared -= usize::from(at < spared);
            dropped += 1;
        }
        dropped
    }

    /// Each is looked at once: the next search begins where this one ended.
    fn oldest_droppable(&mut self, spared: usize) -> Option<usize> {
        let from = self
            .find(self.index.as_ref().map_or(0, |index| index.droppable_from))
            .unwrap_or_else(|at| at)
            .max(self.taken);
        let droppable = |entry: &Entry| entry.mark != Mark::CLOSE;
        let oldest = from + self.entries.range(from..).position(droppable)?;
        self.index.get_or_insert_default().droppable_from = self.entries.get(oldest)?.number;
        if oldest != spared {
            return Some(oldest);
        }
        self.entries.range(oldest + 1..).position(droppable).map(|at| oldest + 1 + at)
    }

    fn remove(&mut self, at: usize) -> Option<Arc<Outgoing>> {
        let removed = if at == 0 { self.entries.pop_front() } else { self.entries.remove(at) };
        let Entry { number, message, .. } = removed?;
        self.bytes -= message.len();
        self.forget_key(&message, number);
        Some(message)
    }

    /// A message waits no more.
    fn forget_key(&mut self, message: &Outgoing, number: u64) {
        if let Some(Index { keys: Some(keys), .. }) = self.index.as_deref_mut()
            && let Some(key) = key(message)
        {
            keys.forget(key, number);
        }
    }

    /// Whether more is held than these limits in messages and bytes allow. A message that is larger by itself is not too
    /// much, so that the limit on the queue is no second limit on the size of a message.
    pub fn is_over(&self, limits: (usize, usize)) -> bool {
        self.entries.len() > 1 && (self.entries.len() > limits.0 || self.bytes > limits.1)
    }

    /// Whether a message of this length can be appended.
    pub fn fits(&self, len: usize, max_messages: usize, max_bytes: usize) -> bool {
        self.entries.is_empty() || (self.entries.len() < max_messages && self.bytes + len <= max_bytes)
    }

    /// The messages that are not taken yet, oldest first.
    pub fn waiting(&self) -> impl Iterator<Item = &Arc<Outgoing>> {
        self.entries.range(self.taken..).map(|entry| &entry.message)
    }

    /// True when every message was taken.
    pub fn is_drained(&self) -> bool {
        self.taken == self.entries.len()
    }

    /// Takes the oldest waiting message, with its sequence number.
    pub fn take(&mut self) -> Option<(u64, Arc<Outgoing>)> {
        let entry = self.entries.get(self.taken)?;
        let (number, message) = (entry.number, Arc::clone(&entry.message));
        self.forget_key(&message, number);
        self.taken += 1;
        Some((number, message))
    }

    /// Forgets every taken message up to and with this sequence number.
    pub fn release(&mut self, through: u64) {
        while self.taken > 0 && self.entries.front().is_some_and(|entry| entry.number <= through) {
            self.remove(0);
            self.taken -= 1;
        }
        self.shrink();
    }

    /// Takes the oldest waiting message and releases it at once: for a wire that has no acknowledgement.
    pub fn pop(&mut self) -> Option<Arc<Outgoing>> {
        let message = self.remove(self.taken)?;
        self.shrink();
        Some(message)
    }

    fn shrink(&mut self) {
        if self.entries.is_empty() && self.entries.capacity() > KEPT_CAPACITY {
            self.entries = VecDeque::new();
            self.index = None;
        }
    }

    /// Hands out again, from the oldest on, whatever was taken and not released.
    pub fn rewind(&mut self) {
        (self.taken, self.index) = (0, None);
    }

    /// Forgets all.
    pub fn clear(&mut self) {
        self.lose(self.first_waiting());
    }

    /// Forgets all, and that the messages from this number on were there: it is the next again.
    pub fn lose(&mut self, from: u64) {
        *self = Self { next: from.min(self.first_waiting()), ..Self::default() };
    }

    /// The message that was appended last.
    pub fn newest(&self) -> Option<&Arc<Outgoing>> {
        self.entries.back().map(|entry| &entry.message)
    }

    /// Takes those messages back that nobody has taken.
    pub fn withdraw(&mut self, mut is_meant: impl FnMut(u64) -> bool) {
        // It is rare, so what was looked up for other searches is made anew.
        self.index = None;
        let mut taken = self.taken;
        self.entries.retain(|entry| {
            let is_taken = taken > 0;
            taken = taken.saturating_sub(1);
            let stays = is_taken || !is_meant(entry.number);
            self.bytes -= if stays { 0 } else { entry.message.len() };
            stays
        });
        self.shrink();
    }

    /// The number of the first message that nobody has taken, or of the next one.
    pub fn first_waiting(&self) -> u64 {
        self.entries.get(self.taken).map_or(self.next, |entry| entry.number)
    }

    /// The number that the next message gets.
    pub fn end(&self) -> u64 {
        self.next
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

    fn waiting(queue: &OutboundQueue) -> Vec<&str> {
        queue.waiting().map(|message| message.message().as_str().unwrap()).collect()
    }

    /// A queue that holds these, under a default that closes.
    fn holding(messages: &[(&str, OnFull)]) -> OutboundQueue {
        let mut queue = OutboundQueue::default();
        for (text, on_full) in messages {
            push(&mut queue, text, *on_full);
        }
        queue
    }

    fn push(queue: &mut OutboundQueue, text: &str, on_full: OnFull) -> Pushed {
        queue.push(Outgoing::with_policy(Message::text(text), on_full), LIMITS, Overflow::Close)
    }

    const LIMITS: (usize, usize) = (3, 10);
    const DROPPED_ONE: Pushed = Pushed { dropped: 1, conflated: false, over: false };
    const CONFLATED: Pushed = Pushed { dropped: 0, conflated: true, over: false };
    const OVER: Pushed = Pushed { dropped: 0, conflated: false, over: true };

    #[test]
    fn messages_leave_in_order_with_consecutive_numbers() {
        let mut queue = OutboundQueue::default();
        for text in ["a", "b"] {
            queue.push(message(text), LIMITS, Overflow::Close);
        }
        assert_eq!(taken(&mut queue), Some((0, "a".into())));
        assert_eq!(taken(&mut queue), Some((1, "b".into())));
        assert_eq!(taken(&mut queue), None);
    }

    #[test]
    fn what_is_not_released_comes_again_after_a_rewind() {
        let mut queue = OutboundQueue::default();
        for text in ["a", "b", "c"] {
            queue.push(message(text), LIMITS, Overflow::Close);
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
        queue.push(message("a"), LIMITS, Overflow::Close);
        queue.release(99);
        assert_eq!(taken(&mut queue), Some((0, "a".into())));
    }

    #[test]
    fn the_limits_hold_in_messages_and_in_bytes_at_their_edge() {
        let mut queue = OutboundQueue::default();
        for text in ["a", "b", "c"] {
            queue.push(message(text), LIMITS, Overflow::Close);
        }
        assert_eq!(queue.push(message("d"), LIMITS, Overflow::Close), OVER);

        let mut queue = OutboundQueue::default();
        queue.push(message("12345"), LIMITS, Overflow::Close);
        queue.push(message("67890"), LIMITS, Overflow::Close);
        assert_eq!(queue.push(message("x"), LIMITS, Overflow::Close), OVER);
    }

    #[test]
    fn one_message_may_be_larger_than_the_byte_limit_when_nothing_waits() {
        let mut queue = OutboundQueue::default();
        assert_eq!(queue.push(message("12345678901"), LIMITS, Overflow::Close), Pushed::default());
    }

    #[test]
    fn dropping_the_oldest_spares_what_is_taken() {
        let mut queue = OutboundQueue::default();
        for text in ["a", "b", "c"] {
            queue.push(message(text), LIMITS, Overflow::DropOldest);
        }
        queue.take();
        assert_eq!(queue.push(message("d"), LIMITS, Overflow::DropOldest), DROPPED_ONE);
        assert_eq!(waiting(&queue), ["c", "d"]);
        assert_eq!(taken(&mut queue), Some((2, "c".into())));
    }

    #[test]
    fn the_oldest_that_may_be_dropped_makes_room_and_never_one_that_may_not() {
        use OnFull::{Close, DropOldest, KeepNewest};
        let mut queue = holding(&[("a", Close), ("b", DropOldest), ("c", KeepNewest(1))]);
        assert_eq!(push(&mut queue, "d", DropOldest), DROPPED_ONE);
        assert_eq!(push(&mut queue, "e", KeepNewest(2)), DROPPED_ONE);
        assert_eq!(waiting(&queue), ["a", "d", "e"]);
        assert_eq!(push(&mut queue, "f", Close), OVER, "it drops nothing for itself");
        assert_eq!(waiting(&queue), ["a", "d", "e", "f"]);
    }

    #[test]
    fn where_nothing_may_be_dropped_a_message_that_may_be_closes_too() {
        for on_full in [OnFull::DropOldest, OnFull::KeepNewest(1)] {
            let mut queue = holding(&[("a", OnFull::Close), ("b", OnFull::Close), ("c", OnFull::Close)]);
            assert_eq!(push(&mut queue, "d", on_full), OVER);
        }
    }

    #[test]
    fn the_newest_of_a_key_takes_the_place_and_the_number_of_the_one_that_waits() {
        let mut queue = holding(&[("a1", OnFull::KeepNewest(1)), ("b", OnFull::Close)]);
        assert_eq!(push(&mut queue, "a22", OnFull::KeepNewest(1)), CONFLATED);
        assert_eq!((queue.len(), queue.bytes()), (2, 4));
        assert_eq!(taken(&mut queue), Some((0, "a22".into())));
        assert_eq!(push(&mut queue, "a3", OnFull::KeepNewest(1)), Pushed::default(), "the one before is taken");
        assert_eq!(waiting(&queue), ["b", "a3"]);
    }

    #[test]
    fn keys_that_are_next_to_each_other_stay_apart() {
        let keys = [0, 1, 2, u64::MAX];
        for key in keys {
            for other in keys {
                let mut queue = holding(&[("x", OnFull::DropOldest), ("a", OnFull::KeepNewest(key))]);
                let pushed = push(&mut queue, "b", OnFull::KeepNewest(other));
                assert_eq!(pushed.conflated, key == other, "{key} and {other}");
            }
        }
    }

    #[test]
    fn a_newer_message_that_is_too_large_for_the_rest_drops_others_and_keeps_its_place() {
        let mut queue =
            holding(&[("12", OnFull::DropOldest), ("a", OnFull::KeepNewest(1)), ("34", OnFull::DropOldest)]);
        assert_eq!(push(&mut queue, "abcdef", OnFull::KeepNewest(1)), CONFLATED, "10 bytes are not too many");
        let both = Pushed { dropped: 2, conflated: true, over: false };
        assert_eq!(push(&mut queue, "abcdefghi", OnFull::KeepNewest(1)), both);
        assert_eq!(waiting(&queue), ["abcdefghi"]);
    }

    #[test]
    fn the_last_message_is_taken_whatever_the_limits_say() {
        let mut queue = holding(&[("a", OnFull::Close), ("b", OnFull::Close), ("c", OnFull::Close)]);
        queue.push_last(message("12345678901"));
        assert_eq!(waiting(&queue), ["a", "b", "c", "12345678901"]);
    }

    #[test]
    fn an_emptied_queue_holds_no_more_than_half_a_kilobyte() {
        assert!(KEPT_CAPACITY * size_of::<Entry>() <= 512);
    }
}
