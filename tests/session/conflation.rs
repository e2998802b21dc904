//! Messages with a policy of their own, on the wire.

use super::golden::{RAW, check, socket, write};
use super::{QUEUE_MESSAGES, at, outgoing, session, with_policy};
use byway::session::{OnFull, Session, Take};
use byway::{Disconnect, Overflow, SendError};

fn send(session: &mut Session, text: &str, on_full: OnFull) -> Result<(), SendError> {
    session.send(with_policy(text, Some(on_full)), || at(0))
}

#[test]
fn a_slow_socket_gets_the_newest_of_each_key_in_the_oldest_s_place() {
    let mut session = socket(RAW);
    for price in ["a1", "b1", "a2", "b2", "a3"] {
        let key = u64::from(price.as_bytes()[0]);
        send(&mut session, price, OnFull::KeepNewest(key)).unwrap();
    }
    check(&mut session, &[b"\x81\x02a3", b"\x81\x02b2"]);
    assert_eq!((session.traffic().conflated, session.traffic().dropped), (3, 0));
}

#[test]
fn at_most_one_frame_is_out_of_reach_of_a_newer_message() {
    let mut session = socket(RAW);
    send(&mut session, "old", OnFull::KeepNewest(7)).unwrap();
    assert_eq!(write(&mut session, 2, 0), b"\x81\x03");
    for newer in ["1", "2", "3"] {
        send(&mut session, newer, OnFull::KeepNewest(7)).unwrap();
    }
    check(&mut session, &[b"old", b"\x81\x013"]);
    assert_eq!(session.traffic().conflated, 2);
}

#[test]
fn a_client_that_keeps_up_gets_every_message() {
    let mut session = socket(RAW);
    for text in ["1", "2"] {
        send(&mut session, text, OnFull::KeepNewest(7)).unwrap();
        check(&mut session, &[b"\x81\x01", text.as_bytes()]);
    }
    assert_eq!(session.traffic().conflated, 0);
}

#[test]
fn a_poll_gets_the_newest_of_what_came_before_it() {
    let mut session = session(Overflow::Close);
    let poll = session.attach_receiver(Take::All, at(0)).unwrap();
    session.next_frame(poll);
    for text in ["1", "2", "3"] {
        send(&mut session, text, OnFull::KeepNewest(7)).unwrap();
    }
    assert_eq!(session.queued(), (1, 1));
}

#[test]
fn a_message_s_own_policy_goes_before_the_session_s() {
    let mut strict = session(Overflow::Close);
    for _ in 0..=QUEUE_MESSAGES {
        send(&mut strict, "x", OnFull::DropOldest).unwrap();
    }
    assert_eq!((strict.queued().0, strict.traffic().dropped), (QUEUE_MESSAGES, 1));

    let mut lenient = session(Overflow::DropOldest);
    for _ in 0..QUEUE_MESSAGES {
        send(&mut lenient, "x", OnFull::Close).unwrap();
    }
    assert_eq!(lenient.send(outgoing("x"), || at(0)), Err(SendError::SlowConsumer), "none of them may be dropped");
    assert_eq!(lenient.disconnect(), Some(&Disconnect::SLOW_CONSUMER));
}
