//! What is handed to a session as it reads: how much there is room for, what of it was written, and what can be taken back.

use crate::{QUEUE_BYTES, QUEUE_MESSAGES, at, outgoing, session, session_with};
use byway::session::{Detach, Frame, OnFull, Outgoing, SendError, Session, SocketKind, Take};
use byway::{Disconnect, Message, Overflow};
use proptest::prelude::*;
use std::io;
use std::sync::Arc;

fn open() -> Session {
    let mut session = session(Overflow::Close);
    session.attach_socket(SocketKind { sockjs: false, deflate: None }, at(0));
    session
}

/// Writes so many bytes.
fn write(session: &mut Session, mut bytes: usize) {
    let take = |slices: &[io::IoSlice<'_>]| {
        let taken = bytes.min(slices.iter().map(|slice| slice.len()).sum());
        bytes -= taken;
        if taken == 0 { Err(io::ErrorKind::WouldBlock.into()) } else { Ok(taken) }
    };
    session.write_to(take, || at(0)).unwrap();
}

fn supply(session: &mut Session, text: &str) -> u64 {
    session.supply(outgoing(text)).unwrap()
}

/// A frame of a plain WebSocket has a head of two bytes.
const HEAD: usize = 2;

#[test]
fn half_of_the_limits_is_for_what_can_wait_and_an_empty_queue_has_room_for_one_of_any_size() {
    let mut session = open();
    let mut room = session.room_to_supply();
    assert!(room.take(10 * QUEUE_BYTES) && !room.take(1));
    let mut room = session.room_to_supply();
    assert!(room.take(QUEUE_BYTES / 2) && !room.take(1), "in bytes");
    let mut room = session.room_to_supply();
    assert_eq!((0..QUEUE_MESSAGES).filter(|_| room.take(1)).count(), QUEUE_MESSAGES / 2, "in messages");
    session.send(outgoing(&"x".repeat(QUEUE_BYTES / 2 - 1)), || at(0)).unwrap();
    let mut room = session.room_to_supply();
    assert!(!room.take(2) && room.take(1), "what waits counts, whatever it is");
    session.close(Disconnect::NORMAL, at(0));
    assert!(!session.room_to_supply().take(1));
    assert_eq!(session.supply(outgoing("x")), Err(SendError::Closed));
}

#[test]
fn a_message_is_written_when_its_last_byte_was_taken() {
    let mut session = open();
    let (first, second) = (supply(&mut session, "abc"), supply(&mut session, "def"));
    assert!(session.written() < first);
    write(&mut session, HEAD + 2);
    assert!(session.written() < first);
    write(&mut session, 1);
    assert!(session.written() >= first && session.written() < second);
    write(&mut session, HEAD + 3);
    assert_eq!((session.written(), session.queued_until()), (second, second));
}

#[test]
fn a_message_is_written_when_a_receiver_has_it() {
    let mut session = session(Overflow::Close);
    let receiver = session.attach_receiver(Take::All, at(0)).unwrap();
    assert!(matches!(session.next_frame(receiver), Some(Frame::Open)));
    let number = supply(&mut session, "abc");
    assert!(session.written() < number);
    assert!(matches!(session.next_frame(receiver), Some(Frame::Messages(_))));
    assert!(session.written() >= number);
    let lost = supply(&mut session, "def");
    session.detach(receiver, Detach::Aborted, at(0));
    assert!(session.written() >= number && session.written() < lost);
}

#[test]
fn what_is_lost_with_a_session_is_never_written_nor_is_what_it_was_in_the_middle_of() {
    for begun in [0, 1] {
        let mut session = open();
        let numbers = ["abc", "def", "ghi"].map(|text| supply(&mut session, text));
        write(&mut session, HEAD + 3 + begun);
        session.socket_lost();
        assert!(session.written() >= numbers[0] && session.written() < numbers[1], "{begun}");
        assert!(session.withdraw(|_| true) < numbers[1], "{begun}");
    }
}

#[test]
fn what_waits_can_be_taken_back_and_what_has_begun_cannot() {
    let mut session = open();
    let numbers = ["abc", "def", "ghi"].map(|text| supply(&mut session, text));
    session.send(outgoing("last"), || at(0)).unwrap();
    write(&mut session, HEAD + 1);
    let first = session.withdraw(|number| number < numbers[2]);
    assert!(first >= numbers[0] && first < numbers[1]);
    assert_eq!(session.queued(), (1, 4));
    write(&mut session, 2 + HEAD + 4);
    assert_eq!(session.written(), session.queued_until());
    assert_eq!(session.traffic().messages_out, 2);
}

#[test]
fn a_session_that_is_within_its_limits_without_what_was_taken_back_has_caught_up() {
    let mut session = session_with(Overflow::Close, 10_000);
    ["a", "b"].iter().for_each(|text| _ = supply(&mut session, text));
    (2..=QUEUE_MESSAGES).for_each(|_| session.send(outgoing("live"), || at(0)).unwrap());
    assert!(session.is_behind());
    session.withdraw(|number| number < 2);
    assert!(!session.is_behind());
}

#[test]
fn what_is_supplied_takes_the_place_of_what_it_replaces() {
    let newest = |text: &str| Outgoing::with_policy(Message::text(text), OnFull::KeepNewest(1));
    let mut session = open();
    session.supply(newest("old")).unwrap();
    session.supply(newest("new")).unwrap();
    assert_eq!((session.queued(), session.traffic().conflated), ((1, 3), 1));
}

#[derive(Debug, Clone)]
enum Step {
    Supply(usize),
    Send(usize),
    Write(usize),
    Withdraw,
    Lose,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (1usize..9).prop_map(Step::Supply),
        2 => (1usize..9).prop_map(Step::Send),
        6 => (1usize..20).prop_map(Step::Write),
        1 => Just(Step::Withdraw),
        1 => Just(Step::Lose),
    ]
}

proptest! {
    /// Whatever happens, each supplied message ends in one of three ways, and everybody agrees on which: it was written whole, it
    /// was taken back, or it is lost.
    #[test]
    fn every_supplied_message_is_written_or_comes_back(steps in prop::collection::vec(step(), 1..60)) {
        let mut session = open();
        // The bytes of each message that went in, and its number if it was supplied, until it is taken back.
        let mut queued: Vec<(usize, Option<u64>)> = Vec::new();
        let mut written = 0;
        for step in steps {
            match step {
                Step::Supply(size) if session.room_to_supply().take(size) => {
                    queued.push((HEAD + size, Some(supply(&mut session, &"x".repeat(size)))));
                }
                Step::Send(size) if session.has_room_for(&outgoing(&"y".repeat(size))) && session.is_open() => {
                    session.send(outgoing(&"y".repeat(size)), || at(0)).unwrap();
                    queued.push((HEAD + size, None));
                }
                Step::Supply(_) | Step::Send(_) => {}
                Step::Write(bytes) => {
                    let all: usize = queued.iter().map(|(bytes, _)| bytes).sum();
                    write(&mut session, bytes);
                    written += if session.is_open() { bytes.min(all - written) } else { 0 };
                }
                Step::Withdraw => {
                    let mine: Vec<u64> = queued.iter().filter_map(|(_, number)| *number).collect();
                    let first = session.withdraw(|number| mine.contains(&(number + 1)));
                    let mut at = 0;
                    queued.retain(|(bytes, number)| {
                        let begun = at < written;
                        at += bytes;
                        assert!(number.is_none_or(|number| (number <= first) == begun || !session.is_open()));
                        begun || number.is_none()
                    });
                }
                Step::Lose => session.socket_lost(),
            }
            let mut end = 0;
            for (bytes, number) in &queued {
                end += bytes;
                prop_assert!(number.is_none_or(|number| (number <= session.written()) == (end <= written)));
            }
        }
    }
}

#[test]
fn a_message_that_a_text_session_cannot_carry_is_not_supplied() {
    let mut session = session(Overflow::Close);
    let binary = Outgoing::new(Message::Binary(vec![0xff].into()));
    assert_eq!(session.supply(Arc::clone(&binary)), Err(SendError::NotText));
}
