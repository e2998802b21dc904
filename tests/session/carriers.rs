//! What both models share: the queue, the deadlines, and what is watched for an inner protocol.

use super::{HEARTBEAT, QUEUE_BYTES, QUEUE_MESSAGES};
use byway::session::OnFull;
use byway::{Disconnect, Overflow};
use std::collections::VecDeque;

/// The queue as its documentation has it. No two messages in it have the same text.
#[derive(Debug, Default)]
pub struct Queue {
    messages: VecDeque<(String, OnFull)>,
    pub dropped: u64,
    pub conflated: u64,
}

impl Queue {
    /// Whether there is more than the limits allow, since nothing more may make room.
    pub fn push(&mut self, text: &str, on_full: Option<OnFull>, overflow: Overflow) -> bool {
        let on_full = on_full.unwrap_or(match overflow {
            Overflow::Close => OnFull::Close,
            Overflow::DropOldest => OnFull::DropOldest,
        });
        let keeps_one = matches!(on_full, OnFull::KeepNewest(_));
        let same = self.messages.iter().position(|(_, other)| keeps_one && *other == on_full);
        same.map(|place| self.messages.remove(place));
        self.messages.insert(same.unwrap_or(self.len()), (text.to_owned(), on_full));
        if on_full != OnFull::Close {
            self.make_room(text);
        }
        self.conflated += u64::from(same.is_some());
        self.is_over()
    }

    fn make_room(&mut self, text: &str) {
        while self.is_over() {
            let may_go = |(other, policy): &(String, OnFull)| other != text && *policy != OnFull::Close;
            let Some(oldest) = self.messages.iter().position(may_go) else { return };
            self.messages.remove(oldest);
            self.dropped += 1;
        }
    }

    pub fn is_over(&self) -> bool {
        self.len() > 1 && (self.len() > QUEUE_MESSAGES || self.bytes() > QUEUE_BYTES)
    }

    /// As many as the limits allow, and the one that reaches them.
    pub fn batch(&self) -> usize {
        let lengths = self.messages.iter().map(|(text, _)| text.len());
        let before = lengths.scan(0, |sum, length| Some(std::mem::replace(sum, *sum + length)));
        before.take(QUEUE_MESSAGES).take_while(|before| *before < QUEUE_BYTES).count()
    }

    pub fn push_last(&mut self, text: &str) {
        self.messages.push_back((text.to_owned(), OnFull::Close));
    }

    pub fn take(&mut self, count: usize) -> Vec<String> {
        self.messages.drain(..count).map(|(text, _)| text).collect()
    }

    pub fn len(&self) -> usize {
        self.messages.len()
    }

    pub fn bytes(&self) -> usize {
        self.messages.iter().map(|(text, _)| text.len()).sum()
    }

    pub fn clear(&mut self) {
        self.messages.clear();
    }
}

/// Deadlines by name, in the order in which those that are due together are carried out.
#[derive(Debug, Default)]
pub struct Deadlines([Option<u64>; 7]);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deadline {
    Heartbeat,
    HeartbeatAnswer,
    Absence,
    Closing,
    Stall,
    Message,
    Behind,
}

impl Deadlines {
    pub fn set(&mut self, which: Deadline, millis: u64) {
        self.0[which as usize] = Some(millis);
    }

    pub fn set_once(&mut self, which: Deadline, millis: u64) {
        self.0[which as usize].get_or_insert(millis);
    }

    pub fn is_set(&self, which: Deadline) -> bool {
        self.0[which as usize].is_some()
    }

    pub fn unset(&mut self, which: Deadline) {
        self.0[which as usize] = None;
    }

    pub fn clear(&mut self) {
        *self = Self::default();
    }

    pub fn next(&self) -> Option<u64> {
        self.0.iter().flatten().min().copied()
    }

    pub fn take_due(&mut self, now: u64) -> Option<Deadline> {
        use Deadline::*;
        let all = [Heartbeat, HeartbeatAnswer, Absence, Closing, Stall, Message, Behind];
        let due = all.into_iter().find(|which| self.0[*which as usize].is_some_and(|deadline| deadline <= now))?;
        self.unset(due);
        Some(due)
    }
}

/// What an inner protocol asked for, until the session ends.
#[derive(Debug, Default)]
pub struct Watch {
    every: Option<u64>,
    filler_at: u64,
    within: Option<u64>,
    check_at: u64,
    heard: bool,
    silent_quarters: u32,
    endings: [Option<(u64, Disconnect)>; 2],
}

#[derive(Debug, PartialEq, Eq)]
pub enum Watched {
    Filler,
    End(Disconnect),
}

impl Watch {
    pub fn keep_alive(&mut self, every: Option<u64>, within: Option<u64>, now: u64) {
        (self.every, self.filler_at) = (every, now + every.unwrap_or(0));
        (self.within, self.check_at) = (within, now + within.unwrap_or(0) / 4);
        (self.heard, self.silent_quarters) = (false, 0);
    }

    pub fn end_at(&mut self, slot: usize, ending: Option<(u64, Disconnect)>) {
        self.endings[slot] = ending;
    }

    pub fn heard(&mut self) {
        self.heard = true;
    }

    pub fn next(&self) -> Option<u64> {
        let endings = self.endings.iter().flatten().map(|(at, _)| *at);
        endings.chain(self.every.map(|_| self.filler_at)).chain(self.within.map(|_| self.check_at)).min()
    }

    pub fn take_due(&mut self, now: u64) -> Option<Watched> {
        for ending in &mut self.endings {
            if let Some((_, disconnect)) = ending.take_if(|(at, _)| *at <= now) {
                return Some(Watched::End(disconnect));
            }
        }
        if let Some(within) = self.within.filter(|_| self.check_at <= now) {
            self.check_at = now + within / 4;
            self.silent_quarters = if std::mem::take(&mut self.heard) { 0 } else { self.silent_quarters + 1 };
            if self.silent_quarters == 4 {
                return Some(Watched::End(Disconnect::NO_HEARTBEAT));
            }
        }
        let every = self.every.filter(|_| self.filler_at <= now)?;
        self.filler_at = now + every;
        Some(Watched::Filler)
    }

    /// Whether the session's own `h` is still of use.
    pub fn leaves_h(&self) -> bool {
        self.every.is_none_or(|every| every > HEARTBEAT)
    }
}
