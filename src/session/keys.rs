//! Where the message of each key waits in a long queue.
//!
//! A table of hashes with open addressing, as small as can be: with hundreds of stalled readers, nothing of a queue is in the
//! processor's cache when the next message comes, so each line of memory that is touched counts. What has the same
//! hash is told apart by the queue, which has the keys.

/// From the hash of a key to the number of the message that waits.
#[derive(Debug, Default)]
pub(super) struct Keys {
    /// A power of two of them; at most half are taken, and none is behind a free one that it could have.
    slots: Vec<Slot>,
    taken: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Slot {
    hash: u32,
    /// The end of it: a queue is shorter than what this can count.
    number: u32,
}

const FREE: Slot = Slot { hash: u32::MAX, number: 0 };

/// An odd number with bits all over: the golden ratio's.
const ODD: u64 = 0x9e37_79b9_7f4a_7c15;

/// Keys are hashes mostly, of what strangers chose under a secret. A multiplication spreads those that are not.
fn hash(key: u64) -> u32 {
    (key.wrapping_mul(ODD) >> 33) as u32
}

impl Keys {
    /// Of those that wait. Where several have one key, which is after a rewind, each can be found.
    pub(super) fn of(waiting: impl Iterator<Item = (u64, u64)>) -> Self {
        let mut keys = Self::default();
        waiting.for_each(|(key, number)| keys.add(key, number));
        keys
    }

    /// The number of the message with this key. `is` says of the end of a number whether it is that.
    pub(super) fn find(&self, key: u64, is: impl Fn(u32) -> bool) -> Option<u32> {
        let hash = hash(key);
        self.run(hash).map(|(_, slot)| slot).find(|slot| slot.hash == hash && is(slot.number)).map(|slot| slot.number)
    }

    /// A message began to wait.
    pub(super) fn add(&mut self, key: u64, number: u64) {
        if (self.taken + 1) * 2 > self.slots.len() {
            self.grow();
        }
        self.put(Slot { hash: hash(key), number: number as u32 });
        self.taken += 1;
    }

    /// A message waits no more.
    pub(super) fn forget(&mut self, key: u64, number: u64) {
        let gone = Slot { hash: hash(key), number: number as u32 };
        let found = self.run(gone.hash).find(|(_, slot)| *slot == gone);
        if let Some((at, _)) = found {
            self.taken -= 1;
            self.free(at);
        }
    }

    /// The taken slots from where this hash would be.
    fn run(&self, hash: u32) -> impl Iterator<Item = (usize, Slot)> {
        let at = (0..self.slots.len()).map(move |step| self.slot_of(hash, step));
        at.map_while(|at| self.slots.get(at).filter(|slot| **slot != FREE).map(|slot| (at, *slot)))
    }

    fn slot_of(&self, hash: u32, step: usize) -> usize {
        (hash as usize).wrapping_add(step) & self.slots.len().wrapping_sub(1)
    }

    fn put(&mut self, slot: Slot) {
        let free = (0..self.slots.len()).map(|step| self.slot_of(slot.hash, step)).find(|at| self.slots[*at] == FREE);
        if let Some(at) = free {
            self.slots[at] = slot;
        }
    }

    fn grow(&mut self) {
        let larger = vec![FREE; (self.slots.len() * 2).max(64)];
        let slots = std::mem::replace(&mut self.slots, larger);
        slots.into_iter().filter(|slot| *slot != FREE).for_each(|slot| self.put(slot));
    }

    /// Those behind a slot that becomes free move up, unless they are where they would be anyway.
    fn free(&mut self, mut hole: usize) {
        let mut at = hole;
        loop {
            at = self.slot_of(at as u32, 1);
            let slot = self.slots[at];
            if slot == FREE {
                break;
            }
            let mask = self.slots.len() - 1;
            let from_home = at.wrapping_sub(slot.hash as usize) & mask;
            if from_home >= at.wrapping_sub(hole) & mask {
                self.slots[hole] = slot;
                hole = at;
            }
        }
        self.slots[hole] = FREE;
    }
}
