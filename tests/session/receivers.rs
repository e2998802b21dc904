//! Random lives of a session whose receivers come and go by HTTP, against a model of a page.

use super::carriers::{Deadline, Deadlines, Queue, Watch, Watched};
use super::{
    CLOSE_TIMEOUT, DISCONNECT_DELAY, HEARTBEAT, QUEUE_BYTES, QUEUE_MESSAGES, SLOW_TIME, at, ending, keep_alive,
    numbered, outgoing, session, session_with, with_policy,
};
use byway::session::{AttachError, Detach, Frame, OnFull, ReceiverId, SendError, Session, State, Take};
use byway::{Disconnect, Overflow};
use proptest::prelude::*;

#[derive(Debug, Clone)]
enum Op {
    Attach(Take),
    /// Of the receiver that came this many before the last.
    Next(usize),
    Detach(usize, Detach),
    Send(usize, Option<OnFull>),
    /// With fillers so often, and messages of the client within this time.
    KeepAlive(Option<u64>, Option<u64>),
    /// The deadline of this number, so much later.
    EndAt(usize, Option<u64>),
    /// A message of the client's.
    Received,
    Busy,
    LastWords,
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
        8 => (prop_oneof![8 => 0..12_usize, 1 => 0..60_usize], policy()).prop_map(|(length, policy)| Op::Send(length, policy)),
        2 => (prop::option::of(1..40_000_u64), prop::option::of((1..10_000_u64).prop_map(|quarter| 4 * quarter)))
            .prop_map(|(every, within)| Op::KeepAlive(every, within)),
        1 => (0..2_usize, prop::option::of(0..8_000_u64)).prop_map(|(slot, after)| Op::EndAt(slot, after)),
        3 => Just(Op::Received),
        1 => Just(Op::Busy),
        1 => Just(Op::LastWords),
        1 => prop::sample::select(endings.to_vec()).prop_map(Op::Close),
        1 => Just(Op::Fail),
        1 => (0..6_u8).prop_map(Op::Illegal),
        3 => (0..6_000_u64).prop_map(Op::Wait),
        3 => Just(Op::Due),
        2 => Just(Op::Late),
    ]
}

fn policy() -> impl Strategy<Value = Option<OnFull>> {
    prop_oneof![
        3 => Just(None),
        1 => Just(Some(OnFull::Close)),
        1 => Just(Some(OnFull::DropOldest)),
        2 => (0..4_u64).prop_map(|key| Some(OnFull::KeepNewest(key))),
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
    /// Whether there is headroom, and the messages and bytes that were taken since the queue was over its limits.
    has_headroom: bool,
    behind: Option<(usize, usize)>,
    deadlines: Deadlines,
    watch: Watch,
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
    fn new(overflow: Overflow, has_headroom: bool) -> Self {
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
            has_headroom,
            behind: None,
            deadlines,
            watch: Watch::default(),
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
        if self.queue.len() > 0 {
            let count = if one { 1 } else { self.queue.batch() };
            return Some(Written::Messages(self.take(count)));
        }
        if self.stage == Stage::Closing {
            return self.ending.clone().map(Written::Close);
        }
        std::mem::take(&mut receiver.heartbeat_due).then_some(Written::Heartbeat)
    }

    fn take(&mut self, count: usize) -> Vec<String> {
        let messages = self.queue.take(count);
        self.delivered += count as u64;
        if let Some(taken) = &mut self.behind {
            taken.0 += count;
            taken.1 += messages.iter().map(String::len).sum::<usize>();
        }
        if !self.queue.is_over() {
            self.catch_up();
        }
        messages
    }

    fn catch_up(&mut self) {
        self.behind = None;
        self.deadlines.unset(Deadline::Behind);
    }

    fn behind_due(&mut self) {
        let (messages, bytes) = self.behind.replace((0, 0)).expect("it is behind");
        match messages >= QUEUE_MESSAGES || bytes >= QUEUE_BYTES {
            true => self.deadlines.set(Deadline::Behind, self.now + SLOW_TIME),
            false => self.give_up(),
        }
    }

    fn give_up(&mut self) {
        self.queue.clear();
        self.close(Disconnect::SLOW_CONSUMER);
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

    fn send(&mut self, text: &str, on_full: Option<OnFull>) -> Result<(), SendError> {
        if !self.is_open() {
            return Err(SendError::Closed);
        }
        if !self.queue.push(text, on_full, self.overflow) {
            return Ok(());
        }
        if !self.has_headroom {
            self.give_up();
            return Err(SendError::SlowConsumer);
        }
        if self.behind.is_none() {
            self.behind = Some((0, 0));
            self.deadlines.set(Deadline::Behind, self.now + SLOW_TIME);
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
        self.catch_up();
        (self.stage, self.ending) = (Stage::Closing, Some(ending));
        self.watch = Watch::default();
    }

    fn close_with(&mut self, last_words: &str, ending: Disconnect) {
        if self.is_open() {
            self.queue.push_last(last_words);
        }
        self.close(ending);
    }

    fn next_deadline(&self) -> Option<u64> {
        self.deadlines.next().into_iter().chain(self.watch.next()).min()
    }

    fn finish(&mut self, ending: Disconnect) {
        self.ending.get_or_insert(ending);
        self.stage = Stage::Closed;
        self.receiver = None;
        self.watch = Watch::default();
        self.queue.clear();
        self.behind = None;
        self.deadlines.clear();
    }

    fn timeout(&mut self) {
        while let Some(due) = self.deadlines.take_due(self.now) {
            match due {
                Deadline::Heartbeat => self.heartbeat(),
                Deadline::Absence => self.finish(Disconnect::ABSENT),
                Deadline::Closing => self.finish(Disconnect::INTERRUPTED),
                Deadline::Behind => self.behind_due(),
                other => unreachable!("{other:?} is for sockets"),
            }
        }
        while let Some(due) = self.watch.take_due(self.now) {
            match due {
                Watched::Filler if self.queue.len() == 0 => assert_eq!(self.send("filler", None), Ok(())),
                Watched::Filler => {}
                Watched::End(ending) => self.close_with("last words", ending),
            }
        }
    }

    fn heartbeat(&mut self) {
        self.deadlines.set(Deadline::Heartbeat, self.now + HEARTBEAT);
        let Some(receiver) = &mut self.receiver else { return };
        receiver.heartbeat_due |= self.watch.leaves_h();
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

const SLOTS: [byway::session::Deadline; 2] =
    [byway::session::Deadline::Authentication, byway::session::Deadline::Frame];

struct Life {
    session: Session,
    model: Model,
    ids: Vec<ReceiverId>,
    sent: usize,
}

impl Life {
    fn new(overflow: Overflow, has_headroom: bool) -> Self {
        let session = session_with(overflow, if has_headroom { usize::MAX } else { 0 });
        Self { session, model: Model::new(overflow, has_headroom), ids: Vec::new(), sent: 0 }
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
            Op::Send(length, on_full) => {
                let text = numbered(self.sent, *length);
                self.sent += 1;
                let sent = self.session.send(with_policy(&text, *on_full), || now);
                prop_assert_eq!(sent, self.model.send(&text, *on_full));
            }
            Op::KeepAlive(every, within) => {
                self.session.keep_alive(keep_alive(*every, *within), now);
                if self.model.is_open() {
                    self.model.watch.keep_alive(*every, *within, self.model.now);
                }
            }
            Op::EndAt(slot, after) => self.end_at(*slot, after.map(|after| self.model.now + after)),
            Op::Received => {
                self.session.received(1);
                self.model.watch.heard();
            }
            Op::Busy => {
                self.session.busy();
                self.model.watch.heard();
            }
            Op::LastWords => {
                self.session.close_with_last_words(Disconnect::FLOOD, outgoing("last words"), now);
                self.model.close_with("last words", Disconnect::FLOOD);
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
                self.model.now = self.model.next_deadline().unwrap_or(0).max(self.model.now);
                self.handle_timeout()?;
            }
            Op::Late => self.handle_timeout()?,
        }
        Ok(())
    }

    fn end_at(&mut self, slot: usize, at: Option<u64>) {
        self.session.end_at(SLOTS[slot], at.map(|at| ending(at, Disconnect::FLOOD)));
        if self.model.is_open() {
            self.model.watch.end_at(slot, at.map(|at| (at, Disconnect::FLOOD)));
        }
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
        prop_assert_eq!(session.poll_timeout(), model.next_deadline().map(at), "{:?}", model);
        prop_assert_eq!(session.queued(), (model.queue.len(), model.queue.bytes()));
        prop_assert_eq!(session.traffic().messages_out, model.delivered);
        prop_assert_eq!(session.traffic().dropped, model.queue.dropped);
        prop_assert_eq!(session.traffic().conflated, model.queue.conflated);
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
        has_headroom in prop::bool::ANY,
        ops in prop::collection::vec(op(), 0..80),
    ) {
        let mut life = Life::new(overflow, has_headroom);
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
