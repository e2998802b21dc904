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

/// What of what has come does not go on yet.
enum Holds {
    All,
    /// What came last.
    Last,
    /// What does not fill a block of so many bytes.
    Block(usize),
}

pub struct Flow {
    holds: Holds,
    held: Vec<u8>,
    /// After how many bytes what happens.
    limit: Option<(usize, Then)>,
    passed: usize,
}

impl Flow {
    pub fn new(habits: &Habits) -> Self {
        let limits = [(habits.cuts_at, Then::Reset), (habits.ends_at, Then::End), (habits.stalls_at, Then::Stall)];
        let limit = limits.into_iter().filter_map(|(at, then)| Some((at?, then))).min_by_key(|(at, _)| *at);
        let holds = match habits {
            Habits { holds_all: true, .. } => Holds::All,
            Habits { holds_last: true, .. } => Holds::Last,
            _ => Holds::Block(habits.blocks.unwrap_or(1)),
        };
        Self { holds, held: Vec::new(), limit, passed: 0 }
    }

    /// What goes on of what has come.
    pub fn pass(&mut self, bytes: &[u8]) -> (Vec<u8>, Then) {
        let before = self.held.len();
        self.held.extend_from_slice(bytes);
        let ready = match self.holds {
            Holds::All => 0,
            Holds::Last => before,
            Holds::Block(size) => self.held.len() / size * size,
        };
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
