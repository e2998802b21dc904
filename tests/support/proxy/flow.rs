//! What a proxy's buffers and limits do to the bytes of an answer.

use super::Habits;

/// What becomes of the connection behind the bytes that went on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Then {
    GoOn,
    Stall,
    Reset,
    End,
}

pub struct Flow {
    /// What is held goes on in multiples of this; `None` is at the end.
    block: Option<usize>,
    held: Vec<u8>,
    /// After how many bytes what happens.
    limit: Option<(usize, Then)>,
    passed: usize,
}

impl Flow {
    pub fn new(habits: &Habits) -> Self {
        let limits = [(habits.cuts_at, Then::Reset), (habits.ends_at, Then::End), (habits.stalls_at, Then::Stall)];
        let limit = limits.into_iter().filter_map(|(at, then)| Some((at?, then))).min_by_key(|(at, _)| *at);
        let block = if habits.holds_all { None } else { Some(habits.blocks.unwrap_or(1)) };
        Self { block, held: Vec::new(), limit, passed: 0 }
    }

    /// What goes on of what has come.
    pub fn pass(&mut self, bytes: &[u8]) -> (Vec<u8>, Then) {
        self.held.extend_from_slice(bytes);
        let ready = self.block.map_or(0, |block| self.held.len() / block * block);
        let rest = self.held.split_off(ready);
        let ready = std::mem::replace(&mut self.held, rest);
        self.limited(ready)
    }

    /// What goes on when the answer has ended.
    pub fn end(&mut self) -> Vec<u8> {
        let held = std::mem::take(&mut self.held);
        self.limited(held).0
    }

    fn limited(&mut self, mut bytes: Vec<u8>) -> (Vec<u8>, Then) {
        let Some((at, then)) = self.limit else { return (bytes, Then::GoOn) };
        bytes.truncate(at - self.passed);
        self.passed += bytes.len();
        (bytes, if self.passed == at { then } else { Then::GoOn })
    }
}
