//! How much a driver does in one go.

use super::now;
use std::time::{Duration, Instant};

/// What a driver has done since writes, timers and other tasks had their turn.
///
/// It is measured by what it costs: in messages, because each is a call of the handler; in bytes as the application gets
/// them, since what is compressed can grow a thousandfold; and in time, as far as that can be told without looking at the
/// clock for each message.
#[derive(Debug, Default)]
pub(super) struct Turn {
    messages: usize,
    bytes: usize,
    looks: usize,
    began: Option<Instant>,
    is_late: bool,
}

const MESSAGES: usize = 64;
const BYTES: usize = 128 * 1024;
const TIME: Duration = Duration::from_millis(1);

/// The clock is looked at behind so many messages, or so many bytes.
const MESSAGES_PER_LOOK: usize = 4;
const BYTES_PER_LOOK: usize = 32 * 1024;

impl Turn {
    pub(super) fn handed_over(&mut self) {
        self.messages += 1;
        self.look();
    }

    /// So many bytes were read, inflated or taken out of the inbox.
    pub(super) fn worked(&mut self, bytes: usize) {
        self.bytes += bytes;
        self.look();
    }

    /// Whether a message was handed over.
    pub(super) fn has_begun(&self) -> bool {
        self.messages > 0
    }

    pub(super) fn is_over(&self) -> bool {
        self.messages >= MESSAGES || self.bytes >= BYTES || self.is_late
    }

    fn look(&mut self) {
        let looks = self.messages / MESSAGES_PER_LOOK + self.bytes / BYTES_PER_LOOK;
        if looks != self.looks {
            self.looks = looks;
            self.look_at(now());
        }
    }

    fn look_at(&mut self, now: Instant) {
        self.is_late = now.saturating_duration_since(*self.began.get_or_insert(now)) >= TIME;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_turn_ends_with_its_messages() {
        let mut turn = Turn { looks: MESSAGES, ..Turn::default() };
        for _ in 0..MESSAGES {
            assert!(turn.messages < MESSAGES && !turn.is_over());
            turn.messages += 1;
        }
        assert!(turn.is_over());
    }

    #[test]
    fn a_turn_ends_with_its_bytes_before_there_is_a_message() {
        let mut turn = Turn::default();
        assert!(!turn.is_over());
        turn.worked(BYTES);
        assert!(turn.is_over() && !turn.has_begun());
    }

    #[test]
    fn a_turn_ends_with_its_time_and_few_messages_do_not_look_at_the_clock() {
        let mut turn = Turn::default();
        (1..MESSAGES_PER_LOOK).for_each(|_| turn.handed_over());
        assert_eq!(turn.began, None);
        turn.handed_over();
        let began = turn.began.unwrap();
        turn.look_at(began + TIME);
        assert!(turn.is_over());
    }
}
