//! Who has more waiting than the queue's limits allow, and when that is too slow.

use super::{HEARTBEAT, QUEUE_BYTES, QUEUE_MESSAGES, SLOW_TIME, at, outgoing, session, session_with};
use byway::session::{
    Frame, Headroom, Outgoing, ReceiverId, SendError, Session, SessionSettings, SocketKind, Take, WriteProgress,
};
use byway::{Disconnect, Message, Overflow};
use std::sync::Arc;

const MUCH: usize = 1 << 20;

/// A session that streams, with so many messages waiting.
fn streaming(messages: usize) -> (Session, ReceiverId) {
    let mut session = session_with(Overflow::Close, MUCH);
    let stream = session.attach_receiver(Take::OneByOne, at(0)).unwrap();
    while session.next_frame(stream).is_some() {}
    for _ in 0..messages {
        session.send(outgoing("x"), || at(0)).unwrap();
    }
    (session, stream)
}

#[test]
fn a_burst_of_any_size_reaches_a_client_that_reads() {
    let (mut session, stream) = streaming(100 * QUEUE_MESSAGES);
    for _ in 0..100 * QUEUE_MESSAGES {
        let Some(Frame::Messages(messages)) = session.next_frame(stream) else { panic!("a message waits") };
        assert_eq!(messages.len(), 1);
    }
    assert!(session.is_open() && !session.is_behind());
}

#[test]
fn a_burst_of_64_mebibytes_passes_within_the_default_limits() {
    let (settings, headroom) = (Arc::new(SessionSettings::default()), Headroom::new(256 << 20));
    let mut readers = [Take::OneByOne, Take::All].map(|take| {
        let mut session = Session::new(Arc::clone(&settings), Arc::clone(&headroom), at(0));
        let receiver = session.attach_receiver(take, at(0)).unwrap();
        (session, receiver, take)
    });
    let many = (64 << 20) / 20_000;
    for _ in 0..many {
        let message = Outgoing::new(Message::text("x".repeat(20_000)));
        readers.iter_mut().for_each(|(session, ..)| session.send(Arc::clone(&message), || at(0)).unwrap());
    }
    assert!(headroom.used() < 68 << 20, "each is counted once: {}", headroom.used());
    for (session, receiver, take) in &mut readers {
        let (mut got, mut largest) = (0, 0);
        while let Some(frame) = session.next_frame(*receiver) {
            let Frame::Messages(messages) = frame else { continue };
            got += messages.len();
            largest = largest.max(messages.len());
        }
        assert_eq!(got, many, "{take:?}");
        assert!(largest * 20_000 < 300_000, "{largest} in one frame");
    }
    assert_eq!(headroom.used(), 0);
}

#[test]
fn whoever_takes_nothing_for_the_slow_time_is_slow_and_not_before() {
    let (mut session, _) = streaming(QUEUE_MESSAGES + 1);
    session.handle_timeout(at(SLOW_TIME - 1));
    assert!(session.is_open());
    session.handle_timeout(at(SLOW_TIME));
    assert_eq!(session.disconnect(), Some(&Disconnect::SLOW_CONSUMER));
    assert_eq!(session.queued(), (0, 0));
}

#[test]
fn whoever_takes_what_the_limits_allow_in_every_slow_time_is_not_slow() {
    let (mut session, stream) = streaming(10 * QUEUE_MESSAGES);
    for period in 1..9 {
        for _ in 0..QUEUE_MESSAGES {
            session.next_frame(stream).unwrap();
        }
        session.handle_timeout(at(period * SLOW_TIME));
        assert!(session.is_open(), "in period {period}");
    }
    for _ in 1..QUEUE_MESSAGES {
        session.next_frame(stream).unwrap();
    }
    session.handle_timeout(at(9 * SLOW_TIME));
    assert_eq!(session.disconnect(), Some(&Disconnect::SLOW_CONSUMER), "one too few");
}

#[test]
fn bytes_count_as_well_as_messages() {
    let mut session = session_with(Overflow::Close, MUCH);
    let stream = session.attach_receiver(Take::OneByOne, at(0)).unwrap();
    while session.next_frame(stream).is_some() {}
    for _ in 0..4 {
        session.send(outgoing(&"x".repeat(QUEUE_BYTES)), || at(0)).unwrap();
    }
    session.next_frame(stream).unwrap();
    session.handle_timeout(at(SLOW_TIME));
    assert!(session.is_open());
}

#[test]
fn whoever_has_caught_up_begins_anew() {
    let (mut session, stream) = streaming(QUEUE_MESSAGES + 1);
    assert!(session.is_behind());
    session.next_frame(stream).unwrap();
    assert!(!session.is_behind());
    session.send(outgoing("x"), || at(SLOW_TIME - 1)).unwrap();
    session.handle_timeout(at(SLOW_TIME));
    assert!(session.is_open());
    session.handle_timeout(at(2 * SLOW_TIME - 1));
    assert_eq!(session.disconnect(), Some(&Disconnect::SLOW_CONSUMER));
}

#[test]
fn a_poll_takes_no_more_than_the_limits_allow() {
    let mut session = session_with(Overflow::Close, MUCH);
    for length in [1, 1, 1, 1, 1, QUEUE_BYTES / 2, QUEUE_BYTES, 1] {
        session.send(outgoing(&"x".repeat(length)), || at(0)).unwrap();
    }
    let poll = session.attach_receiver(Take::All, at(0)).unwrap();
    let mut taken = Vec::new();
    while let Some(frame) = session.next_frame(poll) {
        if let Frame::Messages(messages) = frame {
            taken.push(messages.len());
        }
    }
    assert_eq!(taken, [QUEUE_MESSAGES, 3, 1]);
}

#[test]
fn without_headroom_whoever_is_over_the_limits_is_slow_at_once() {
    let mut session = session(Overflow::Close);
    for _ in 0..QUEUE_MESSAGES {
        session.send(outgoing("x"), || at(0)).unwrap();
    }
    assert_eq!(session.send(outgoing("x"), || at(0)), Err(SendError::SlowConsumer));
}

const LARGE: usize = 10_000;

fn large() -> Arc<Outgoing> {
    Outgoing::new(Message::text("x".repeat(LARGE)))
}

fn with_headroom(headroom: &Arc<Headroom>) -> Session {
    let settings = SessionSettings { queue_messages: 1, ..SessionSettings::default() };
    Session::new(Arc::new(settings), Arc::clone(headroom), at(0))
}

/// Sends messages of its own to a session until that is slow; answers how many it had.
fn stuff(session: &mut Session) -> usize {
    (0..).find(|_| session.send(large(), || at(0)).is_err()).unwrap()
}

#[test]
fn a_message_that_many_wait_for_is_counted_once_and_what_is_taken_is_given_back() {
    let headroom = Headroom::new(MUCH);
    let mut sessions: Vec<_> = (0..10).map(|_| with_headroom(&headroom)).collect();
    for _ in 0..11 {
        let message = large();
        sessions.iter_mut().for_each(|session| session.send(Arc::clone(&message), || at(0)).unwrap());
    }
    let used = headroom.used();
    assert!((10 * LARGE..11 * LARGE).contains(&used), "{used}");
    for session in &mut sessions {
        let poll = session.attach_receiver(Take::All, at(0)).unwrap();
        while session.next_frame(poll).is_some() {}
    }
    assert_eq!(headroom.used(), 0);
}

#[test]
fn one_that_takes_nothing_gets_half_of_the_headroom_and_leaves_the_rest_to_others() {
    let headroom = Headroom::new(MUCH);
    let mut hog = with_headroom(&headroom);
    let had = stuff(&mut hog) * LARGE;
    assert!((MUCH * 4 / 10..MUCH / 2).contains(&had), "{had} of {MUCH}");
    assert_eq!(headroom.used(), 0, "it has ended");

    let mut hogs: Vec<_> = (0..3).map(|_| with_headroom(&headroom)).collect();
    for _ in 0..MUCH / LARGE {
        hogs.iter_mut().for_each(|hog| _ = hog.send(large(), || at(0)).ok());
    }
    assert!(hogs.iter().all(|hog| !hog.is_open()));
    let mut hog = with_headroom(&headroom);
    for _ in 0..MUCH / LARGE / 3 {
        hog.send(large(), || at(0)).unwrap();
    }
    let mut other = with_headroom(&headroom);
    for _ in 0..20 {
        other.send(large(), || at(0)).unwrap();
    }
    assert!(hog.is_open());
}

#[test]
fn what_is_dropped_with_a_session_is_given_back() {
    let headroom = Headroom::new(MUCH);
    let mut session = with_headroom(&headroom);
    for _ in 0..3 {
        session.send(large(), || at(0)).unwrap();
    }
    assert!(headroom.used() > 2 * LARGE);
    session.break_off(at(0));
    assert_eq!(headroom.used(), 0);
}

#[test]
fn a_burst_is_written_in_turns_and_goes_on_where_it_stopped() {
    let mut session = session_with(Overflow::Close, 64 << 20);
    session.attach_socket(SocketKind { sockjs: false, deflate: None }, at(0));
    for _ in 0..5 {
        session.send(Outgoing::new(Message::text("x".repeat(MUCH / 2))), || at(0)).unwrap();
    }
    let (mut written, mut turns) = (0, 0);
    loop {
        turns += 1;
        let before = written;
        let write = |slices: &[std::io::IoSlice<'_>]| {
            let taken = slices.iter().map(|slice| slice.len()).sum::<usize>().min(100_000);
            written += taken;
            Ok(taken)
        };
        match session.write_to(write, || at(0)).unwrap() {
            WriteProgress::Done => break,
            progress => assert_eq!(progress, WriteProgress::Paused),
        }
        assert!((MUCH..MUCH + 100_000).contains(&(written - before)), "{}", written - before);
    }
    assert_eq!((turns, session.queued()), (3, (0, 0)));
    assert_eq!(session.poll_timeout(), Some(at(HEARTBEAT)), "the socket is not blocked");
}
