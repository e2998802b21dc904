//! How long a session waits for receivers, and for those that do not read.

use super::{CLOSE_TIMEOUT, DISCONNECT_DELAY, HEARTBEAT, at, session};
use byway::session::{Detach, Frame, State, Take};
use byway::{Disconnect, Overflow};

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
fn a_receiver_that_is_handed_messages_from_elsewhere_reads_as_well_as_one_that_asks_for_frames() {
    let mut session = session(Overflow::Close);
    session.attach_receiver(Take::OneByOne, at(0)).unwrap();
    for beat in 1..5 {
        session.handed_out(7);
        session.handle_timeout(at(beat * HEARTBEAT));
    }
    assert!(session.is_open());
    session.handle_timeout(at(5 * HEARTBEAT));
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
