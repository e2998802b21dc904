//! The deadlines of one session, as a table.

use std::time::Instant;

/// What can run out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Timer {
    /// The receiver is due a heartbeat.
    Heartbeat,
    /// A heartbeat was sent and nothing came back.
    HeartbeatAnswer,
    /// No receiver is attached.
    Absence,
    /// A closing handshake is under way.
    Closing,
    /// The socket takes nothing.
    Stall,
    /// A message has begun and not ended.
    Message,
}

impl Timer {
    const ALL: [Self; 6] =
        [Self::Heartbeat, Self::HeartbeatAnswer, Self::Absence, Self::Closing, Self::Stall, Self::Message];
}

#[derive(Debug, Default)]
pub(super) struct Timers {
    deadlines: [Option<Instant>; Timer::ALL.len()],
}

impl Timers {
    pub(super) fn arm(&mut self, timer: Timer, deadline: Instant) {
        self.deadlines[timer as usize] = Some(deadline);
    }

    /// Arms a timer that must not be pushed back while it runs.
    pub(super) fn arm_if_idle(&mut self, timer: Timer, deadline: Instant) {
        self.deadlines[timer as usize].get_or_insert(deadline);
    }

    pub(super) fn disarm(&mut self, timer: Timer) {
        self.deadlines[timer as usize] = None;
    }

    pub(super) fn disarm_all(&mut self) {
        *self = Self::default();
    }

    /// The earliest deadline.
    pub(super) fn next(&self) -> Option<Instant> {
        self.deadlines.iter().flatten().min().copied()
    }

    /// Takes one timer that has run out.
    pub(super) fn take_expired(&mut self, now: Instant) -> Option<Timer> {
        let expired = |timer: &Timer| self.deadlines[*timer as usize].is_some_and(|deadline| deadline <= now);
        let timer = Timer::ALL.into_iter().find(expired)?;
        self.disarm(timer);
        Some(timer)
    }
}
