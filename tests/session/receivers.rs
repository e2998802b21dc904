//! Random lives of a session whose receivers come and go by HTTP, against a model of a page.

use super::carriers::{Deadline, Deadlines, Queue};
use super::{CLOSE_TIMEOUT, DISCONNECT_DELAY, HEARTBEAT, QUEUE_MESSAGES, at, numbered, outgoing, session};
use byway::session::{AttachError, Detach, Frame, ReceiverId, SendError, Session, State, Take};
use byway::{Disconnect, Overflow};
use proptest::prelude::*;

#[derive(Debug, Clone)]
enum Op {
    Attach(Take),
    /// Of the receiver that came this many before the last.
    Next(usize),
    Detach(usize, Detach),
    Send(usize),
    Close(Disconnect),
    Fail,
    /// A call that is for sockets only.
    Illegal(u8),
    /// Time goes by, and nobody looks.
    Wait(u64),
    /// Time goes by up to the next deadline, which is met.
    Due,
    /// What has come due meanwhile is carried out, late.
    Late,
}

fn op() -> impl Strategy<Value = Op> {
    let endings = [Disconnect::NORMAL, Disconnect::GOING_AWAY, Disconnect::INTERNAL_ERROR];
    prop_oneof![
        4 => prop_oneof![Just(Take::All), Just(Take::OneByOne)].prop_map(Op::Attach),
        8 => prop_oneof![6 => Just(0), 1 => 1..3_usize].prop_map(Op::Next),
        3 => (prop_oneof![6 => Just(0), 1 => 1..3_usize], prop_oneof![4 => Just(Detach::Finished), 1 => Just(Detach::Aborted)])
            .prop_map(|(who, how)| Op::Detach(who, how)),
        8 => prop_oneof![8 => 0..12_usize, 1 => 0..60_usize].prop_map(Op::Send),
        1 => prop::sample::select(endings.to_vec()).prop_map(Op::Close),
        1 => Just(Op::Fail),
        1 => (0..6_u8).prop_map(Op::Illegal),
        3 => (0..6_000_u64).prop_map(Op::Wait),
        3 => Just(Op::Due),
        2 => Just(Op::Late),
    ]
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Connecting,
    Open,
    Closing,
    Closed,
}

#[derive(Debug)]
struct Attached {
    number: usize,
    take: Take,
    fresh: bool,
    heartbeat_due: bool,
    asked: bool,
}

#[derive(Debug)]
struct Model {
    overflow: Overflow,
    now: u64,
    stage: Stage,
    ending: Option<Disconnect>,
    greeted: bool,
    receiver: Option<Attached>,
    receivers: usize,
    queue: Queue,
    deadlines: Deadlines,
    delivered: u64,
}

/// A frame, as the model writes it.
#[derive(Debug, PartialEq, Eq)]
enum Written {
    Open,
    Heartbeat,
    Messages(Vec<String>),
    Close(Disconnect),
}

impl Model {
    fn new(overflow: Overflow) -> Self {
        let mut deadlines = Deadlines::default();
        deadlines.set(Deadline::Absence, DISCONNECT_DELAY);
        Self {
            overflow,
            now: 0,
            stage: Stage::Connecting,
            ending: None,
            greeted: false,
            receiver: None,
            receivers: 0,
            queue: Queue::default(),
            deadlines,
            delivered: 0,
        }
    }

    fn is_open(&self) -> bool {
        self.stage < Stage::Closing
    }

    fn attach(&mut self, take: Take) -> Result<(), AttachError> {
        if self.stage == Stage::Closed {
            return Err(AttachError::Closed);
        }
        if self.receiver.is_some() {
            return Err(AttachError::Busy);
        }
        self.stage = self.stage.max(Stage::Open);
        let number = self.receivers;
        self.receivers += 1;
        self.receiver = Some(Attached { number, take, fresh: true, heartbeat_due: false, asked: true });
        self.deadlines.unset(Deadline::Absence);
        self.deadlines.set(Deadline::Heartbeat, self.now + HEARTBEAT);
        if self.stage == Stage::Closing {
            self.deadlines.set(Deadline::Closing, self.now + CLOSE_TIMEOUT);
        }
        Ok(())
    }

    fn next_frame(&mut self, number: usize) -> Option<Written> {
        let receiver = self.receiver.as_mut().filter(|receiver| receiver.number == number)?;
        receiver.asked = true;
        if !std::mem::replace(&mut self.greeted, true) {
            return Some(Written::Open);
        }
        let one = receiver.take == Take::OneByOne && !receiver.fresh;
        receiver.fresh = false;
        if !self.queue.texts.is_empty() {
            let count = if one { 1 } else { self.queue.texts.len() };
            self.delivered += count as u64;
            return Some(Written::Messages(self.queue.texts.drain(..count).collect()));
        }
        if self.stage == Stage::Closing {
            return self.ending.clone().map(Written::Close);
        }
        std::mem::take(&mut receiver.heartbeat_due).then_some(Written::Heartbeat)
    }

    fn detach(&mut self, number: usize, how: Detach) {
        if self.receiver.as_ref().is_none_or(|receiver| receiver.number != number) {
            return;
        }
        self.receiver = None;
        self.deadlines.unset(Deadline::Heartbeat);
        self.deadlines.unset(Deadline::Closing);
        match how {
            Detach::Aborted if self.is_open() => self.finish(Disconnect::INTERRUPTED),
            _ => self.deadlines.set(Deadline::Absence, self.now + DISCONNECT_DELAY),
        }
    }

    fn send(&mut self, text: String) -> Result<(), SendError> {
        if !self.is_open() {
            return Err(SendError::Closed);
        }
        if !self.queue.push(text, self.overflow) {
            self.queue.texts.clear();
            self.close(Disconnect::SLOW_CONSUMER);
            return Err(SendError::SlowConsumer);
        }
        Ok(())
    }

    fn close(&mut self, ending: Disconnect) {
        if !self.is_open() {
            return;
        }
        match self.receiver {
            Some(_) => self.deadlines.set(Deadline::Closing, self.now + CLOSE_TIMEOUT),
            None => self.deadlines.set(Deadline::Absence, self.now + DISCONNECT_DELAY),
        }
        (self.stage, self.ending) = (Stage::Closing, Some(ending));
    }

    fn finish(&mut self, ending: Disconnect) {
        self.ending.get_or_insert(ending);
        self.stage = Stage::Closed;
        self.receiver = None;
        self.queue.texts.clear();
        self.deadlines.clear();
    }

    fn timeout(&mut self) {
        while let Some(due) = self.deadlines.take_due(self.now) {
            match due {
                Deadline::Heartbeat => self.heartbeat(),
                Deadline::Absence => self.finish(Disconnect::ABSENT),
                Deadline::Closing => self.finish(Disconnect::INTERRUPTED),
                other => unreachable!("{other:?} is for sockets"),
            }
        }
    }

    fn heartbeat(&mut self) {
        self.deadlines.set(Deadline::Heartbeat, self.now + HEARTBEAT);
        let Some(receiver) = &mut self.receiver else { return };
        receiver.heartbeat_due = true;
        if !std::mem::take(&mut receiver.asked) {
            self.finish(Disconnect::SLOW_CONSUMER);
        }
    }
}

impl PartialOrd for Stage {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Stage {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (*self as u8).cmp(&(*other as u8))
    }
}

struct Life {
    session: Session,
    model: Model,
    ids: Vec<ReceiverId>,
    sent: usize,
}

impl Life {
    fn new(overflow: Overflow) -> Self {
        Self { session: session(overflow), model: Model::new(overflow), ids: Vec::new(), sent: 0 }
    }

    fn carry_out(&mut self, op: &Op) -> Result<(), TestCaseError> {
        let now = at(self.model.now);
        match op {
            Op::Attach(take) => {
                let attached = self.session.attach_receiver(*take, now);
                prop_assert_eq!(attached.map(drop), self.model.attach(*take));
                self.ids.extend(attached);
            }
            Op::Next(back) => {
                let Some((number, id)) = self.receiver(*back) else { return Ok(()) };
                let frame = self.session.next_frame(id).map(written);
                prop_assert_eq!(frame, self.model.next_frame(number));
            }
            Op::Detach(back, how) => {
                let Some((number, id)) = self.receiver(*back) else { return Ok(()) };
                self.session.detach(id, *how, now);
                self.model.detach(number, *how);
            }
            Op::Send(length) => {
                let text = numbered(self.sent, *length);
                self.sent += 1;
                prop_assert_eq!(self.session.send(outgoing(&text), || now), self.model.send(text));
            }
            Op::Close(ending) => {
                self.session.close(ending.clone(), now);
                self.model.close(ending.clone());
            }
            Op::Fail => {
                self.session.fail(Disconnect::FLOOD, now);
                self.model.close(Disconnect::FLOOD);
            }
            Op::Illegal(which) => self.illegal(*which)?,
            Op::Wait(millis) => self.model.now += millis,
            Op::Due => {
                self.model.now = self.model.deadlines.next().unwrap_or(0).max(self.model.now);
                self.handle_timeout()?;
            }
            Op::Late => self.handle_timeout()?,
        }
        Ok(())
    }

    /// A socket's doings mean nothing to a session that has none.
    fn illegal(&mut self, which: u8) -> Result<(), TestCaseError> {
        let now = at(self.model.now);
        match which {
            0 => self.session.ping_received(b"x", now),
            1 => self.session.pong_received(now),
            2 => self.session.peer_closed(None, now),
            3 => drop(self.session.heard()),
            4 => self.session.message_partial(true, now),
            _ => {
                let written = self.session.write_to(|_| panic!("there is no socket to write to"), || now);
                prop_assert!(written.is_ok());
            }
        }
        Ok(())
    }

    fn handle_timeout(&mut self) -> Result<(), TestCaseError> {
        let now = at(self.model.now);
        self.session.handle_timeout(now);
        self.model.timeout();
        prop_assert!(self.session.poll_timeout().is_none_or(|deadline| deadline > now), "a deadline was left behind");
        Ok(())
    }

    fn receiver(&self, back: usize) -> Option<(usize, ReceiverId)> {
        let number = self.ids.len().checked_sub(back + 1)?;
        Some((number, self.ids[number]))
    }

    fn compare(&self) -> Result<(), TestCaseError> {
        let (session, model) = (&self.session, &self.model);
        let stage = match session.state() {
            State::Connecting => Stage::Connecting,
            State::Open => Stage::Open,
            State::Closing(_) => Stage::Closing,
            State::Closed(_) => Stage::Closed,
        };
        prop_assert_eq!(stage, model.stage);
        prop_assert_eq!(session.disconnect(), model.ending.as_ref());
        prop_assert_eq!(session.poll_timeout(), model.deadlines.next().map(at), "deadlines: {:?}", model.deadlines);
        prop_assert_eq!(session.queued(), (model.queue.texts.len(), model.queue.bytes()));
        prop_assert_eq!(session.traffic().messages_out, model.delivered);
        prop_assert_eq!(session.traffic().dropped, model.queue.dropped);
        let attached = self.ids.iter().filter(|id| session.is_attached(**id)).count();
        prop_assert_eq!(attached, usize::from(model.receiver.is_some()));
        Ok(())
    }
}

fn written(frame: Frame) -> Written {
    match frame {
        Frame::Open => Written::Open,
        Frame::Heartbeat => Written::Heartbeat,
        Frame::Messages(messages) => {
            Written::Messages(messages.iter().map(|message| message.message().as_str().unwrap().to_owned()).collect())
        }
        Frame::Close(disconnect) => Written::Close(disconnect),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_life_goes_as_the_model_says(
        overflow in prop_oneof![Just(Overflow::Close), Just(Overflow::DropOldest)],
        ops in prop::collection::vec(op(), 0..80),
    ) {
        let mut life = Life::new(overflow);
        life.compare()?;
        for op in &ops {
            life.carry_out(op)?;
            life.compare()?;
        }
    }

    /// The same from the client's side, without the model's help: what any sequence of well-behaved polls sees.
    #[test]
    fn whoever_polls_gets_o_once_and_first_and_every_message_in_order_and_nothing_behind_c(
        takes in prop::collection::vec(prop::bool::ANY, 1..40),
        sends in prop::collection::vec(0..4_usize, 40),
        close_at in 0..40_usize,
    ) {
        let mut session = session(Overflow::Close);
        let (mut sent, mut got, mut frames, mut now) = (0, 0, Vec::new(), 0);
        for (n, stream) in takes.iter().enumerate() {
            now += 1_000;
            let take = if *stream { Take::OneByOne } else { Take::All };
            let receiver = session.attach_receiver(take, at(now)).unwrap();
            for _ in 0..sends[n] {
                let room = session.queued().0 < QUEUE_MESSAGES;
                if room && session.send(outgoing(&numbered(sent, 0)), || at(now)).is_ok() {
                    sent += 1;
                }
            }
            if n == close_at {
                session.close(Disconnect::NORMAL, at(now));
            }
            while let Some(frame) = session.next_frame(receiver) {
                let last = matches!(frame, Frame::Close(_));
                frames.push(written(frame));
                if last || !*stream {
                    break;
                }
            }
            session.detach(receiver, Detach::Finished, at(now));
        }
        prop_assert_eq!(&frames[0], &Written::Open);
        let mut closed = false;
        for frame in &frames[1..] {
            match frame {
                Written::Messages(texts) => {
                    prop_assert!(!closed);
                    for text in texts {
                        prop_assert_eq!(text, &numbered(got, 0));
                        got += 1;
                    }
                }
                Written::Close(_) => closed = true,
                Written::Open | Written::Heartbeat => prop_assert!(false, "{:?}", frame),
            }
        }
        prop_assert_eq!(sent - got, session.queued().0, "what was taken was delivered, or waits");
    }
}

#[test]
fn an_absence_lasts_exactly_the_disconnect_delay_and_a_closing_session_s_is_counted_from_its_last_poll() {
    let mut session = session(Overflow::Close);
    let first = session.attach_receiver(Take::All, at(1_000)).unwrap();
    session.detach(first, Detach::Finished, at(2_000));
    assert_eq!(session.poll_timeout(), Some(at(2_000 + DISCONNECT_DELAY)));
    session.close(Disconnect::NORMAL, at(3_000));
    for now in [4_000, 8_500, 13_000] {
        let poll = session.attach_receiver(Take::All, at(now)).unwrap();
        while !matches!(session.next_frame(poll), Some(Frame::Close(_))) {}
        session.detach(poll, Detach::Finished, at(now));
        session.handle_timeout(at(now + DISCONNECT_DELAY - 1));
        assert!(matches!(session.state(), State::Closing(_)));
    }
    session.handle_timeout(at(13_000 + DISCONNECT_DELAY));
    assert_eq!(session.state(), &State::Closed(Disconnect::NORMAL));
}

#[test]
fn a_receiver_that_asks_for_nothing_between_two_heartbeats_is_given_up() {
    let mut session = session(Overflow::Close);
    session.attach_receiver(Take::OneByOne, at(0)).unwrap();
    session.handle_timeout(at(HEARTBEAT));
    assert!(session.is_open());
    session.handle_timeout(at(2 * HEARTBEAT));
    assert_eq!(session.state(), &State::Closed(Disconnect::SLOW_CONSUMER));
}

#[test]
fn a_receiver_that_does_not_read_holds_a_closing_session_for_the_close_timeout_at_the_most() {
    let mut session = session(Overflow::Close);
    session.attach_receiver(Take::OneByOne, at(0)).unwrap();
    session.close(Disconnect::GOING_AWAY, at(1_000));
    session.handle_timeout(at(1_000 + CLOSE_TIMEOUT));
    assert_eq!(session.state(), &State::Closed(Disconnect::GOING_AWAY));
}
