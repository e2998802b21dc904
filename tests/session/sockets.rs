//! Random lives of a session over a WebSocket: whatever the socket takes at a time, the bytes are frames, in order.

use super::carriers::{Deadline, Deadlines};
use super::wire::{Frame, Reader};
use super::{
    CLOSE_TIMEOUT, CONTROL_FRAMES, HEARTBEAT, HEARTBEAT_ANSWER, MESSAGE_TIMEOUT, QUEUE_BYTES, QUEUE_MESSAGES,
    SEND_TIMEOUT, SLOW_TIME, at, numbered, outgoing, session_with,
};
use byway::protocol::websocket::Close;
use byway::session::{Farewell, Session, SocketKind, State, WriteProgress};
use byway::{Disconnect, Overflow};
use proptest::prelude::*;
use std::io;

#[derive(Debug, Clone)]
enum Op {
    Send(usize),
    /// How much the socket takes at each write, until it would block.
    Write(Vec<usize>),
    WriteAll,
    Ping,
    Pong,
    Heard,
    Partial(bool),
    Close(Disconnect),
    Fail(Disconnect),
    PeerClosed(bool),
    Lost,
    /// A call that is for receivers, or came too late.
    Illegal(bool),
    Wait(u64),
    Due,
    Late,
}

fn op() -> impl Strategy<Value = Op> {
    let endings = [Disconnect::NORMAL, Disconnect::GOING_AWAY, Disconnect::INTERNAL_ERROR];
    let failures = [Disconnect::PROTOCOL_ERROR, Disconnect::INVALID_DATA, Disconnect::MESSAGE_TOO_BIG];
    prop_oneof![
        16 => prop_oneof![8 => 0..12_usize, 1 => 0..60_usize].prop_map(Op::Send),
        12 => prop::collection::vec(1..40_usize, 0..6).prop_map(Op::Write),
        4 => Just(Op::WriteAll),
        4 => Just(Op::Ping),
        2 => Just(Op::Pong),
        3 => Just(Op::Heard),
        2 => prop::bool::ANY.prop_map(Op::Partial),
        1 => prop::sample::select(endings.to_vec()).prop_map(Op::Close),
        1 => prop::sample::select(failures.to_vec()).prop_map(Op::Fail),
        1 => prop::bool::ANY.prop_map(Op::PeerClosed),
        1 => Just(Op::Lost),
        1 => prop::bool::ANY.prop_map(Op::Illegal),
        6 => (0..3_000_u64).prop_map(Op::Wait),
        4 => Just(Op::Due),
        3 => Just(Op::Late),
    ]
}

struct Life {
    session: Session,
    overflow: Overflow,
    has_headroom: bool,
    /// What was written, in messages and bytes, when the queue went over its limits or was looked at last.
    behind_since: (u64, u64),
    sockjs: bool,
    now: u64,
    reader: Reader,
    accepted: Vec<usize>,
    sent: usize,
    pings: usize,
    ending: Option<Disconnect>,
    closed: bool,
    failed: bool,
    peer_closed: bool,
    control: Option<(u64, u32)>,
    deadlines: Deadlines,
}

impl Life {
    fn new(sockjs: bool, overflow: Overflow, has_headroom: bool) -> Self {
        let mut session = session_with(overflow, if has_headroom { usize::MAX } else { 0 });
        session.attach_socket(SocketKind { sockjs, deflate: None }, at(0));
        let mut deadlines = Deadlines::default();
        deadlines.set(Deadline::Heartbeat, HEARTBEAT);
        Self {
            session,
            overflow,
            has_headroom,
            behind_since: (0, 0),
            sockjs,
            now: 0,
            reader: Reader::default(),
            accepted: Vec::new(),
            sent: 0,
            pings: 0,
            ending: None,
            closed: false,
            failed: false,
            peer_closed: false,
            control: None,
            deadlines,
        }
    }

    fn carry_out(&mut self, op: &Op) -> Result<(), TestCaseError> {
        let now = at(self.now);
        match op {
            Op::Send(length) => self.send(*length),
            Op::Write(sizes) => self.write(sizes.iter().copied().map(Some).chain([None]))?,
            Op::WriteAll => self.write(std::iter::repeat(Some(usize::MAX)))?,
            Op::Ping => {
                self.pings += 1;
                self.session.ping_received(&self.pings.to_be_bytes(), now);
                self.control_frame();
            }
            Op::Pong => {
                self.session.pong_received(now);
                self.control_frame();
            }
            Op::Heard => {
                self.session.heard();
                self.deadlines.unset(Deadline::HeartbeatAnswer);
            }
            Op::Partial(partial) => {
                self.session.message_partial(*partial, now);
                match *partial && !self.closed && !self.failed && !self.peer_closed {
                    true => self.deadlines.set_once(Deadline::Message, self.now + MESSAGE_TIMEOUT),
                    false => self.deadlines.unset(Deadline::Message),
                }
            }
            Op::Close(ending) => {
                self.session.close(ending.clone(), now);
                self.end(ending.clone());
            }
            Op::Fail(ending) => {
                self.session.fail(ending.clone(), now);
                self.fail(ending.clone());
            }
            Op::PeerClosed(with_code) => self.peer_closed(*with_code),
            Op::Lost => {
                self.session.socket_lost();
                self.finish(Disconnect::INTERRUPTED);
            }
            Op::Illegal(attach) => match attach {
                true => self.session.attach_socket(SocketKind { sockjs: !self.sockjs, deflate: None }, now),
                false => prop_assert!(self.session.attach_receiver(byway::session::Take::All, now).is_err()),
            },
            Op::Wait(millis) => self.now += millis,
            Op::Due => {
                self.now = self.deadlines.next().unwrap_or(0).max(self.now);
                self.handle_timeout()?;
            }
            Op::Late => self.handle_timeout()?,
        }
        Ok(())
    }

    fn send(&mut self, length: usize) {
        let number = self.sent;
        self.sent += 1;
        let open = self.ending.is_none();
        let sent = self.session.send(outgoing(&numbered(number, length)), || at(self.now));
        match sent {
            Ok(()) => {
                self.accepted.push(number);
                self.note_excess();
            }
            Err(_) if open => self.end(Disconnect::SLOW_CONSUMER),
            Err(_) => {}
        }
    }

    fn written(&self) -> (u64, u64) {
        let traffic = self.session.traffic();
        (traffic.messages_out, traffic.bytes_out)
    }

    fn is_over(&self) -> bool {
        let (messages, bytes) = self.session.queued();
        messages > 1 && (messages > QUEUE_MESSAGES || bytes > QUEUE_BYTES)
    }

    fn note_excess(&mut self) {
        if self.is_over() && !self.deadlines.is_set(Deadline::Behind) {
            self.look_again();
        }
    }

    fn look_again(&mut self) {
        self.behind_since = self.written();
        self.deadlines.set(Deadline::Behind, self.now + SLOW_TIME);
    }

    fn behind_due(&mut self) {
        let (written, since) = (self.written(), self.behind_since);
        match written.0 - since.0 >= QUEUE_MESSAGES as u64 || written.1 - since.1 >= QUEUE_BYTES as u64 {
            true => self.look_again(),
            false => self.end(Disconnect::SLOW_CONSUMER),
        }
    }

    /// `None` is a socket that takes nothing now.
    fn write(&mut self, mut sizes: impl Iterator<Item = Option<usize>>) -> Result<(), TestCaseError> {
        let (reader, mut stalled, mut progress) = (&mut self.reader, false, false);
        let had_output = self.session.has_output();
        let written = self.session.write_to(
            |slices| {
                assert!(!slices.is_empty() && slices.iter().all(|slice| !slice.is_empty()), "nothing is no write");
                let Some(size) = sizes.next().flatten() else {
                    stalled = true;
                    return Err(io::ErrorKind::WouldBlock.into());
                };
                progress = true;
                let bytes = slices.iter().flat_map(|slice| slice.iter().copied()).collect::<Vec<u8>>();
                let taken = size.min(bytes.len());
                reader.push(&bytes[..taken]);
                Ok(taken)
            },
            || at(self.now),
        );
        prop_assert_eq!(written.unwrap(), if stalled { WriteProgress::Blocked } else { WriteProgress::Done });
        prop_assert!(had_output || !(stalled || progress), "it wrote without output");
        if progress {
            self.deadlines.unset(Deadline::Stall);
        }
        if !self.is_over() {
            self.deadlines.unset(Deadline::Behind);
        }
        match stalled {
            true => self.deadlines.set_once(Deadline::Stall, self.now + SEND_TIMEOUT),
            false => prop_assert!(!self.session.has_output()),
        }
        Ok(())
    }

    fn control_frame(&mut self) {
        let (since, count) = self.control.filter(|(since, _)| self.now - since < 1_000).unwrap_or((self.now, 0));
        if self.closed {
            return;
        }
        self.control = Some((since, count + 1));
        if count + 1 > CONTROL_FRAMES {
            self.fail(Disconnect::FLOOD);
        }
    }

    fn end(&mut self, ending: Disconnect) {
        if self.ending.is_none() {
            self.ending = Some(ending);
            self.deadlines.unset(Deadline::Behind);
            self.deadlines.set(Deadline::Closing, self.now + CLOSE_TIMEOUT);
        }
    }

    fn fail(&mut self, ending: Disconnect) {
        self.failed |= !self.closed;
        self.end(ending);
    }

    fn peer_closed(&mut self, with_code: bool) {
        let close = with_code.then(|| Close { code: 3_210, reason: "bye".into() });
        self.session.peer_closed(close.as_ref(), at(self.now));
        if !self.closed {
            self.peer_closed = true;
            let (code, reason) = close.map_or((1005, Default::default()), |close| (close.code, close.reason));
            self.end(Disconnect::client(code, reason));
        }
    }

    fn finish(&mut self, ending: Disconnect) {
        self.ending.get_or_insert(ending);
        self.closed = true;
        self.deadlines.clear();
    }

    fn handle_timeout(&mut self) -> Result<(), TestCaseError> {
        self.session.handle_timeout(at(self.now));
        while let Some(due) = self.deadlines.take_due(self.now) {
            match due {
                Deadline::Heartbeat => {
                    self.deadlines.set(Deadline::Heartbeat, self.now + HEARTBEAT);
                    self.deadlines.set_once(Deadline::HeartbeatAnswer, self.now + HEARTBEAT_ANSWER);
                }
                Deadline::HeartbeatAnswer => self.end(Disconnect::NO_HEARTBEAT),
                Deadline::Closing => self.finish(Disconnect::INTERRUPTED),
                Deadline::Stall => self.end(Disconnect::SLOW_CONSUMER),
                Deadline::Behind => self.behind_due(),
                Deadline::Message => self.fail(Disconnect::FLOOD),
                Deadline::Absence => unreachable!("a socket is there"),
            }
        }
        let left = self.session.poll_timeout().is_some_and(|deadline| deadline <= at(self.now));
        prop_assert!(!left, "a deadline was left behind");
        Ok(())
    }

    fn check(&self) -> Result<(), TestCaseError> {
        let session = &self.session;
        prop_assert_eq!(session.disconnect(), self.ending.as_ref(), "the first ending stays");
        prop_assert_eq!(matches!(session.state(), State::Closed(_)), self.closed);
        prop_assert_eq!(session.poll_timeout(), self.deadlines.next().map(at), "deadlines: {:?}", self.deadlines);
        prop_assert_eq!(session.is_listening(), !(self.closed || self.failed || self.peer_closed));
        let (messages, bytes) = session.queued();
        let over = messages > QUEUE_MESSAGES || (bytes > QUEUE_BYTES && messages > 1);
        prop_assert!(!over || (self.has_headroom && self.overflow == Overflow::Close));
        if self.closed {
            prop_assert_eq!((session.queued(), session.has_output(), session.poll_timeout()), ((0, 0), false, None));
        }
        Ok(())
    }

    fn check_frames(&self) -> Result<(), TestCaseError> {
        let frames = self.reader.frames();
        let numbers: Vec<usize> = frames.iter().filter_map(|frame| frame.number(self.sockjs)).collect();
        prop_assert!(numbers.is_sorted_by(|a, b| a < b), "in order, none doubled: {:?}", numbers);
        let begun = numbers.len() as u64 + u64::from(self.reader.is_partial());
        if self.overflow == Overflow::Close {
            prop_assert_eq!(&numbers[..], &self.accepted[..numbers.len()], "none is lost");
        }
        if self.ending.is_none() {
            let dropped = self.session.traffic().dropped;
            let accounted = begun + self.session.queued().0 as u64 + dropped;
            let accepted = self.accepted.len() as u64;
            prop_assert!(accounted == accepted || accounted == accepted + 1, "each was written, waits or was dropped");
        }
        let pongs: Vec<_> = frames.iter().filter_map(Frame::pong).collect();
        prop_assert!(pongs.is_sorted_by(|a, b| a < b), "each pong answers a ping of its own: {:?}", pongs);
        if self.sockjs {
            let opens = frames.iter().filter(|frame| frame.is_text("o")).count();
            prop_assert_eq!(opens, frames.len().min(1));
            prop_assert!(frames.first().is_none_or(|frame| frame.is_text("o")));
        }
        self.check_close(&frames)
    }

    fn check_close(&self, frames: &[Frame]) -> Result<(), TestCaseError> {
        let closes = frames.iter().position(|frame| frame.close().is_some());
        if !self.closed {
            let over = closes.is_some() && (self.peer_closed || self.failed);
            prop_assert_eq!(self.session.farewell() != Farewell::Waiting, over);
        }
        let Some(at) = closes else { return Ok(()) };
        prop_assert_eq!(at + 1, frames.len(), "nothing follows the close frame");
        prop_assert!(!self.reader.is_partial(), "nothing follows the close frame");
        prop_assert!(self.ending.is_some());
        Ok(())
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_life_keeps_its_promises_on_the_wire(
        sockjs in prop::bool::ANY,
        overflow in prop_oneof![Just(Overflow::Close), Just(Overflow::DropOldest)],
        has_headroom in prop::bool::ANY,
        ops in prop::collection::vec(op(), 0..100),
    ) {
        let mut life = Life::new(sockjs, overflow, has_headroom);
        life.check()?;
        for op in &ops {
            life.carry_out(op)?;
            life.check()?;
            if matches!(op, Op::Write(_) | Op::WriteAll | Op::Send(_)) {
                life.check_frames()?;
            }
        }
    }

    #[test]
    fn all_that_was_taken_reaches_the_wire_before_the_last_words_however_the_socket_slices(
        sockjs in prop::bool::ANY,
        lengths in prop::collection::vec(0..9_usize, 0..60),
        sizes in prop::collection::vec(1..30_usize, 1..20),
    ) {
        let mut life = Life::new(sockjs, Overflow::Close, false);
        let mut sizes = sizes.into_iter().cycle();
        for length in &lengths {
            life.send(*length);
            while life.session.queued().0 == QUEUE_MESSAGES || life.session.queued().1 + 9 > QUEUE_BYTES {
                life.write([sizes.next(), None].into_iter())?;
            }
        }
        life.carry_out(&Op::Close(Disconnect::NORMAL))?;
        life.write(sizes.map(Some))?;
        life.check()?;
        life.check_frames()?;
        let numbers: Vec<_> = life.reader.frames().iter().filter_map(|frame| frame.number(sockjs)).collect();
        prop_assert_eq!(numbers, (0..lengths.len()).collect::<Vec<_>>());
        prop_assert_eq!(life.reader.frames().last().and_then(Frame::close), Some(Some(1000)));
    }
}
