//! Signs of life of an inner protocol, and deadlines with last words: to the millisecond, and byte for byte.

use super::golden::{RAW, SOCKJS, all, check, socket, write};
use super::{CLOSE_TIMEOUT, HEARTBEAT, HEARTBEAT_ANSWER, QUEUE_MESSAGES, at, ending, keep_alive, outgoing, session};
use byway::protocol::websocket::Close;
use byway::session::{Deadline, Detach, Frame, KeepAlive, Outgoing, Session, SocketKind, State, Take};
use byway::{Disconnect, Message, Overflow};
use proptest::prelude::*;
use std::time::Duration;

/// Meets every deadline up to and with `until`; `then` sees what each leaves, and its time.
fn pass_time(session: &mut Session, until: u64, mut then: impl FnMut(&mut Session, u64)) {
    while let Some(deadline) = session.poll_timeout().filter(|deadline| *deadline <= at(until)) {
        session.handle_timeout(deadline);
        then(session, (deadline - at(0)).as_millis() as u64);
    }
}

/// Everything that a WebSocket gets up to and with `until`, from a client that sends a message now and then.
fn heard_by_a_lively_client(kind: SocketKind, keep_alive: KeepAlive, until: u64) -> String {
    let mut session = socket(kind);
    let mut written = all(&mut session);
    session.keep_alive(keep_alive, at(0));
    pass_time(&mut session, until, |session, _| {
        session.heard();
        session.received(0);
        written.extend(all(session));
    });
    written.escape_ascii().to_string()
}

#[test]
fn fillers_take_the_place_of_pings_on_a_raw_websocket() {
    let written = heard_by_a_lively_client(RAW, keep_alive(Some(10_000), Some(20_000)), 39_999);
    assert_eq!(written, "\\x81\\x06filler".repeat(3));
}

#[test]
fn fillers_take_the_place_of_pings_and_h_on_a_sockjs_websocket() {
    let written = heard_by_a_lively_client(SOCKJS, keep_alive(Some(10_000), Some(20_000)), 39_999);
    assert_eq!(written, "\\x81\\x01o".to_owned() + &"\\x81\\x0ba[\\\"filler\\\"]".repeat(3));
}

fn name(frame: &Frame) -> String {
    match frame {
        Frame::Open => "o".into(),
        Frame::Heartbeat => "h".into(),
        Frame::Messages(messages) => messages.iter().map(|message| message.item()).collect(),
        Frame::Close(disconnect) => disconnect.to_string(),
    }
}

#[test]
fn fillers_take_the_place_of_h_on_a_stream() {
    let mut session = session(Overflow::Close);
    let stream = session.attach_receiver(Take::OneByOne, at(0)).unwrap();
    session.keep_alive(keep_alive(Some(10_000), None), at(0));
    let mut frames = Vec::new();
    pass_time(&mut session, 60_000, |session, now| {
        while let Some(frame) = session.next_frame(stream) {
            frames.push((now, name(&frame)));
        }
    });
    let fillers = (1..=6).map(|n| (n * 10_000, "\"filler\"".to_owned()));
    assert_eq!(frames, [(10_000, "o".to_owned())].into_iter().chain(fillers).collect::<Vec<_>>());
}

#[test]
fn fillers_take_the_place_of_h_on_polls() {
    let mut session = session(Overflow::Close);
    let mut poll = session.attach_receiver(Take::All, at(0)).unwrap();
    session.keep_alive(keep_alive(Some(HEARTBEAT), None), at(0));
    let mut frames = Vec::new();
    pass_time(&mut session, 3 * HEARTBEAT, |session, now| {
        while let Some(frame) = session.next_frame(poll) {
            frames.push((now / HEARTBEAT, name(&frame)));
            session.detach(poll, Detach::Finished, at(now));
            poll = session.attach_receiver(Take::All, at(now)).unwrap();
        }
    });
    let filler = |n| (n, "\"filler\"".to_owned());
    assert_eq!(frames, [(1, "o".to_owned()), filler(1), filler(2), filler(3)]);
}

#[test]
fn fillers_that_are_rarer_than_heartbeats_replace_none() {
    let often = heard_by_a_lively_client(SOCKJS, keep_alive(Some(HEARTBEAT), Some(20_000)), HEARTBEAT);
    assert_eq!(often, "\\x81\\x01o\\x81\\x0ba[\\\"filler\\\"]");
    let rarely = heard_by_a_lively_client(SOCKJS, keep_alive(Some(HEARTBEAT + 1), Some(20_000)), HEARTBEAT);
    assert_eq!(rarely, "\\x81\\x01o\\x89\\x00\\x81\\x01h");
}

#[test]
fn a_client_that_asked_for_no_fillers_gets_heartbeats() {
    let heard = heard_by_a_lively_client(SOCKJS, keep_alive(None, Some(20_000)), HEARTBEAT);
    assert_eq!(heard, "\\x81\\x01o\\x89\\x00\\x81\\x01h");
}

#[test]
fn a_client_that_promised_no_messages_in_time_is_still_pinged_but_sees_no_h() {
    let patience = HEARTBEAT + HEARTBEAT_ANSWER;
    let heard = |within| heard_by_a_lively_client(SOCKJS, keep_alive(Some(20_000), within), HEARTBEAT);
    let filler = "\\x81\\x01o\\x81\\x0ba[\\\"filler\\\"]";
    assert_eq!(heard(Some(patience)), filler);
    assert_eq!(heard(Some(patience + 1)), format!("{filler}\\x89\\x00"));
    assert_eq!(heard(None), format!("{filler}\\x89\\x00"));
}

#[test]
fn a_client_that_is_not_pinged_owes_no_pong() {
    let mut session = socket(RAW);
    session.keep_alive(keep_alive(Some(10_000), Some(20_000)), at(0));
    pass_time(&mut session, 10 * HEARTBEAT, |session, _| {
        session.received(0);
        all(session);
    });
    assert!(session.is_open());
}

#[test]
fn a_filler_is_left_out_where_something_is_on_its_way() {
    let mut session = socket(RAW);
    session.keep_alive(keep_alive(Some(1_000), None), at(0));
    session.send(outgoing("x"), || at(0)).unwrap();
    session.handle_timeout(at(1_000));
    assert_eq!(session.queued().0, 1, "the message waits");
    assert_eq!(write(&mut session, 1, 1_000), b"\x81");
    session.handle_timeout(at(2_000));
    check(&mut session, &[b"\x01x"]);
    session.handle_timeout(at(3_000));
    check(&mut session, &[b"\x81\x06filler"]);
}

#[test]
fn one_filler_at_the_most_waits_for_the_next_poll() {
    let mut session = session(Overflow::Close);
    session.keep_alive(keep_alive(Some(1_000), None), at(0));
    pass_time(&mut session, 4_000, |_, _| {});
    assert_eq!((session.queued(), session.is_open()), ((1, 6), true));
}

#[test]
fn fillers_that_were_missed_are_not_made_up_for() {
    let mut session = socket(RAW);
    session.keep_alive(keep_alive(Some(1_000), None), at(0));
    session.handle_timeout(at(5_500));
    check(&mut session, &[b"\x81\x06filler"]);
    assert_eq!(session.poll_timeout(), Some(at(6_500)));
}

#[test]
fn a_client_that_never_says_anything_is_told_and_closed_exactly_in_time() {
    let mut session = socket(RAW);
    session.keep_alive(keep_alive(None, Some(2_000)), at(500));
    pass_time(&mut session, 2_499, |_, _| {});
    assert!(session.is_open());
    session.handle_timeout(at(2_500));
    assert_eq!(session.state(), &State::Closing(Disconnect::NO_HEARTBEAT));
    check(&mut session, &[b"\x89\x00", b"\x81\x0alast words", b"\x88\x1c\x0b\xb8No response from heartbeat"]);
}

#[test]
fn a_client_that_is_silent_for_half_of_its_time_is_pinged_and_its_answer_is_a_sign_of_life() {
    let mut session = socket(SOCKJS);
    all(&mut session);
    session.keep_alive(keep_alive(None, Some(4_000)), at(0));
    pass_time(&mut session, 1_999, |_, _| {});
    check(&mut session, &[]);
    session.handle_timeout(at(2_000));
    check(&mut session, &[b"\x89\x00"]);
    session.heard();
    pass_time(&mut session, 4_999, |_, _| {});
    check(&mut session, &[]);
    session.handle_timeout(at(5_000));
    check(&mut session, &[b"\x89\x00"]);
    assert!(session.is_open());
    pass_time(&mut session, 7_000, |_, _| {});
    assert_eq!(session.disconnect(), Some(&Disconnect::NO_HEARTBEAT));
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn silence_ends_a_session_after_the_time_that_it_may_last_and_within_a_quarter_more(
        within in (1..1_000_u64).prop_map(|quarter| 4 * quarter),
        pauses in prop::collection::vec(0..1_000_u64, 1..30),
    ) {
        let mut session = socket(RAW);
        // With fillers there are no heartbeats beside, which would want answers of their own.
        session.keep_alive(keep_alive(Some(HEARTBEAT), Some(within)), at(0));
        let mut last = 0;
        for pause in pauses {
            let next = last + pause * (within - 1) / 1_000;
            pass_time(&mut session, next, |_, _| {});
            prop_assert!(session.is_open(), "a message within every {within} ms");
            session.received(0);
            last = next;
        }
        let mut ended = None;
        pass_time(&mut session, last + 2 * within, |session, now| {
            ended = ended.or((!session.is_open()).then_some(now));
        });
        let silence = ended.expect("an ending") - last;
        prop_assert!(silence >= within && silence <= within + within / 4, "{silence} of {within}");
    }
}

/// Whatever a pong or a part of a message brings, it shows that somebody is there.
#[test]
fn bytes_of_any_kind_are_signs_of_life() {
    let mut session = socket(RAW);
    session.keep_alive(keep_alive(None, Some(4_000)), at(0));
    pass_time(&mut session, 20_000, |session, _| {
        session.heard();
    });
    assert!(session.is_open());
}

#[test]
fn a_poll_that_comes_again_is_a_sign_of_life_and_one_that_waits_is_none() {
    let mut session = session(Overflow::Close);
    session.keep_alive(keep_alive(Some(1_000), Some(4_000)), at(0));
    let mut poll = session.attach_receiver(Take::All, at(0)).unwrap();
    pass_time(&mut session, 20_000, |session, now| {
        while session.next_frame(poll).is_some() {
            session.detach(poll, Detach::Finished, at(now));
            poll = session.attach_receiver(Take::All, at(now)).unwrap();
        }
    });
    assert!(session.is_open());
    pass_time(&mut session, 30_000, |_, _| {});
    assert_eq!(session.disconnect(), Some(&Disconnect::NO_HEARTBEAT));
}

#[test]
fn an_empty_message_is_a_message() {
    let mut session = socket(RAW);
    session.keep_alive(keep_alive(None, Some(4_000)), at(0));
    pass_time(&mut session, 20_000, |session, _| session.received(0));
    assert!(session.is_open());
}

#[test]
fn silence_proves_nothing_while_the_application_is_at_work() {
    let mut session = socket(RAW);
    session.keep_alive(keep_alive(None, Some(4_000)), at(0));
    pass_time(&mut session, 20_000, |session, _| session.busy());
    assert!(session.is_open());
    pass_time(&mut session, 23_999, |_, _| {});
    assert!(session.is_open(), "the client has its whole time again");
    pass_time(&mut session, 25_000, |_, _| {});
    assert_eq!(session.disconnect(), Some(&Disconnect::NO_HEARTBEAT));
}

#[test]
fn a_process_that_was_stopped_blames_no_client_for_it() {
    let mut session = socket(RAW);
    session.keep_alive(keep_alive(None, Some(4_000)), at(0));
    session.handle_timeout(at(3_600_000));
    assert!(session.is_open());
    session.received(0);
    pass_time(&mut session, 3_604_000, |_, _| {});
    assert!(session.is_open());
}

#[test]
fn signs_of_life_can_be_changed_and_called_off() {
    let mut session = socket(RAW);
    session.keep_alive(keep_alive(Some(1_000), Some(4_000)), at(0));
    session.keep_alive(keep_alive(Some(3_000), None), at(500));
    assert_eq!(session.poll_timeout(), Some(at(3_500)));
    session.keep_alive(keep_alive(None, None), at(600));
    assert_eq!(session.poll_timeout(), Some(at(HEARTBEAT)));
}

#[test]
fn no_duration_is_too_short_or_too_long() {
    let mut session = socket(RAW);
    let durations = |duration| KeepAlive {
        send_every: Some(duration),
        filler: outgoing("filler"),
        expect_within: Some(duration),
        last_words: None,
    };
    session.keep_alive(durations(Duration::MAX), at(0));
    assert_eq!(session.poll_timeout(), Some(at(HEARTBEAT)));
    session.keep_alive(durations(Duration::ZERO), at(0));
    for now in 1..4 {
        assert_eq!(session.poll_timeout(), Some(at(now)));
        session.handle_timeout(at(now));
        let ping: &[u8] = if now == 2 { b"\x89\x00" } else { b"" };
        check(&mut session, &[ping, b"\x81\x06filler"]);
    }
    session.handle_timeout(at(4));
    assert_eq!(session.disconnect(), Some(&Disconnect::NO_HEARTBEAT));
}

#[test]
fn what_a_sockjs_session_cannot_carry_is_left_out_and_replaces_no_heartbeat() {
    let binary = || Outgoing::new(Message::Binary(vec![0xff].into()));
    let mut session = socket(SOCKJS);
    check(&mut session, &[b"\x81\x01o"]);
    let every = Some(Duration::from_secs(1));
    session.keep_alive(KeepAlive { send_every: every, filler: binary(), expect_within: None, last_words: None }, at(0));
    pass_time(&mut session, HEARTBEAT, |_, _| {});
    check(&mut session, &[b"\x89\x00", b"\x81\x01h"]);
    session.close_with_last_words(Disconnect::NORMAL, binary(), at(HEARTBEAT));
    check(&mut session, &[b"\x81\x18c[1000,\"Normal closure\"]", b"\x88\x10\x03\xe8Normal closure"]);
}

#[test]
fn last_words_come_behind_a_full_queue_and_before_the_close() {
    let mut session = socket(RAW);
    for _ in 0..QUEUE_MESSAGES {
        session.send(outgoing("x"), || at(0)).unwrap();
    }
    session.close_with_last_words(Disconnect::NORMAL, outgoing("last words"), at(0));
    session.close_with_last_words(Disconnect::GOING_AWAY, outgoing("too late"), at(0));
    let queued = b"\x81\x01x".repeat(QUEUE_MESSAGES);
    check(&mut session, &[&queued, b"\x81\x0alast words", b"\x88\x10\x03\xe8Normal closure"]);
}

#[test]
fn a_deadline_ends_the_session_with_its_last_words_at_its_time_and_not_before() {
    for deadline in [Deadline::Authentication, Deadline::Frame] {
        let mut session = socket(RAW);
        session.end_at(deadline, Some(ending(1_000, Disconnect::FLOOD)));
        assert_eq!(session.poll_timeout(), Some(at(1_000)));
        session.handle_timeout(at(999));
        assert!(session.is_open());
        session.handle_timeout(at(1_000));
        check(&mut session, &[b"\x81\x0alast words", b"\x88\x12\x03\xf0Policy violation"]);
        assert_eq!(session.poll_timeout(), Some(at(1_000 + CLOSE_TIMEOUT)));
    }
}

#[test]
fn a_deadline_without_last_words_only_closes() {
    let mut session = socket(RAW);
    session.end_at(Deadline::Frame, Some(byway::session::Ending { last_words: None, ..ending(0, Disconnect::FLOOD) }));
    session.handle_timeout(at(0));
    check(&mut session, &[b"\x88\x12\x03\xf0Policy violation"]);
}

#[test]
fn each_deadline_is_pushed_back_and_taken_back_by_itself() {
    let mut session = socket(RAW);
    session.end_at(Deadline::Authentication, Some(ending(1_000, Disconnect::FLOOD)));
    session.end_at(Deadline::Frame, Some(ending(2_000, Disconnect::INVALID_DATA)));
    session.end_at(Deadline::Authentication, Some(ending(3_000, Disconnect::FLOOD)));
    assert_eq!(session.poll_timeout(), Some(at(2_000)));
    session.end_at(Deadline::Frame, None);
    assert_eq!(session.poll_timeout(), Some(at(3_000)));
    session.end_at(Deadline::Authentication, None);
    assert_eq!(session.poll_timeout(), Some(at(HEARTBEAT)));
}

#[test]
fn nothing_is_watched_over_a_session_that_ends_whoever_ended_it() {
    let endings: [fn(&mut Session); 3] = [
        |session| session.close(Disconnect::NORMAL, at(0)),
        |session| session.peer_closed(Some(&Close { code: 1000, reason: "".into() }), at(0)),
        |session| session.fail(Disconnect::PROTOCOL_ERROR, at(0)),
    ];
    for end in endings {
        let mut session = socket(RAW);
        session.keep_alive(keep_alive(Some(1), Some(4)), at(0));
        session.end_at(Deadline::Frame, Some(ending(1, Disconnect::FLOOD)));
        end(&mut session);
        session.keep_alive(keep_alive(Some(1), Some(4)), at(0));
        session.end_at(Deadline::Frame, Some(ending(1, Disconnect::FLOOD)));
        assert_eq!(session.poll_timeout(), Some(at(CLOSE_TIMEOUT)));
    }
}
