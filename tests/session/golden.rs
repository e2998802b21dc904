//! The order of a socket's frames, and how each ending looks on the wire, byte for byte.

use super::wire::Reader;
use super::{CLOSE_TIMEOUT, HEARTBEAT, HEARTBEAT_ANSWER, at, outgoing, session};
use byway::protocol::websocket::Close;
use byway::session::{Farewell, Session, SocketKind, State};
use byway::{Disconnect, Message, Overflow, SendError};
use std::io;

pub const RAW: SocketKind = SocketKind { sockjs: false, deflate: None };
pub const SOCKJS: SocketKind = SocketKind { sockjs: true, deflate: None };

pub fn socket(kind: SocketKind) -> Session {
    let mut session = session(Overflow::Close);
    session.attach_socket(kind, at(0));
    session
}

/// What the socket gets when it takes `limit` bytes and then no more.
pub fn write(session: &mut Session, limit: usize, now: u64) -> Vec<u8> {
    let mut written = Vec::new();
    let write = |slices: &[io::IoSlice<'_>]| {
        let bytes = slices.iter().flat_map(|slice| slice.iter().copied()).collect::<Vec<u8>>();
        let taken = bytes.len().min(limit - written.len());
        written.extend_from_slice(&bytes[..taken]);
        match taken {
            0 => Err(io::ErrorKind::WouldBlock.into()),
            taken => Ok(taken),
        }
    };
    session.write_to(write, || at(now)).unwrap();
    written
}

pub fn all(session: &mut Session) -> Vec<u8> {
    write(session, usize::MAX, 0)
}

#[track_caller]
pub fn check(session: &mut Session, expected: &[&[u8]]) {
    let written = all(session);
    let (written, expected) = (written.escape_ascii().to_string(), expected.concat().escape_ascii().to_string());
    assert_eq!(written, expected);
}

#[test]
fn a_frame_that_is_half_written_comes_first_then_control_frames_then_messages_then_the_goodbye() {
    let mut session = socket(SOCKJS);
    assert_eq!(write(&mut session, 2, 0), b"\x81\x01");
    session.send(outgoing("x"), || at(0)).unwrap();
    session.ping_received(b"p", at(0));
    session.close(Disconnect::NORMAL, at(0));
    check(
        &mut session,
        &[
            b"o",
            b"\x8a\x01p",
            b"\x81\x06a[\"x\"]",
            b"\x81\x18c[1000,\"Normal closure\"]",
            b"\x88\x10\x03\xe8Normal closure",
        ],
    );
    assert_eq!(session.farewell(), Farewell::Waiting, "for the client's close frame");
}

#[test]
fn a_heartbeat_is_a_ping_and_for_sockjs_also_an_h() {
    let mut session = socket(RAW);
    session.handle_timeout(at(HEARTBEAT));
    check(&mut session, &[b"\x89\x00"]);
    let mut session = socket(SOCKJS);
    check(&mut session, &[b"\x81\x01o"]);
    session.handle_timeout(at(HEARTBEAT));
    check(&mut session, &[b"\x89\x00", b"\x81\x01h"]);
}

#[test]
fn heartbeats_come_at_fixed_intervals_from_the_attachment_whatever_flows() {
    let mut session = socket(RAW);
    for n in 1..4 {
        assert_eq!(session.poll_timeout(), Some(at(n * HEARTBEAT)));
        session.send(outgoing("x"), || at(0)).unwrap();
        all(&mut session);
        session.handle_timeout(at(n * HEARTBEAT));
        session.heard();
        check(&mut session, &[b"\x89\x00"]);
    }
}

#[test]
fn a_heartbeat_without_an_answer_ends_the_session() {
    let mut session = socket(RAW);
    session.handle_timeout(at(HEARTBEAT));
    all(&mut session);
    session.handle_timeout(at(HEARTBEAT + HEARTBEAT_ANSWER));
    check(&mut session, &[b"\x88\x1c\x0b\xb8No response from heartbeat"]);
}

#[test]
fn at_most_one_pong_waits_while_the_socket_takes_nothing_and_it_answers_the_latest_ping() {
    let mut session = socket(RAW);
    session.send(outgoing("x"), || at(0)).unwrap();
    for (n, payload) in [b"1", b"2", b"3", b"4"].into_iter().enumerate() {
        session.ping_received(payload, at(n as u64 * 1_000));
        assert_eq!(write(&mut session, 0, 0), b"");
    }
    check(&mut session, &[b"\x8a\x014", b"\x81\x01x"]);
}

#[test]
fn a_pong_that_is_half_written_is_finished_before_the_next() {
    let mut session = socket(RAW);
    session.ping_received(b"1", at(0));
    assert_eq!(write(&mut session, 1, 0), b"\x8a");
    session.ping_received(b"2", at(0));
    check(&mut session, &[b"\x01", b"1", b"\x8a\x012"]);
}

#[test]
fn nothing_follows_the_close_frame_neither_a_pong_nor_a_heartbeat() {
    let mut session = socket(SOCKJS);
    session.close(Disconnect::NORMAL, at(HEARTBEAT - 1));
    all(&mut session);
    session.ping_received(b"p", at(HEARTBEAT - 1));
    session.handle_timeout(at(HEARTBEAT));
    assert!(!session.has_output());
}

#[test]
fn sockjs_closes_with_1000_behind_the_c_frame_for_its_own_codes() {
    let mut session = socket(SOCKJS);
    all(&mut session);
    session.close(Disconnect::application(3000, "Go away!").unwrap(), at(0));
    check(&mut session, &[b"\x81\x12c[3000,\"Go away!\"]", b"\x88\x10\x03\xe8Normal closure"]);
}

#[test]
fn sockjs_tells_the_codes_of_rfc_6455_in_both_frames() {
    let mut session = socket(SOCKJS);
    all(&mut session);
    session.close(Disconnect::GOING_AWAY, at(0));
    let reader = read(&all(&mut session));
    assert_eq!(reader.frames()[0].payload, br#"c[1001,"Server shutting down"]"#);
    assert_eq!(reader.frames()[1].payload, b"\x03\xe9Server shutting down");
}

#[test]
fn a_raw_socket_closes_with_the_ending_s_own_code_and_reason() {
    let mut session = socket(RAW);
    session.close(Disconnect::application(4321, "bye").unwrap(), at(0));
    check(&mut session, &[b"\x88\x05\x10\xe1bye"]);
}

#[test]
fn a_failure_sends_a_close_frame_with_exactly_its_code_on_both_kinds() {
    for kind in [RAW, SOCKJS] {
        let mut session = socket(kind);
        all(&mut session);
        session.fail(Disconnect::PROTOCOL_ERROR, at(0));
        check(&mut session, &[b"\x88\x10\x03\xeaProtocol error"]);
        assert_eq!(session.farewell(), Farewell::Said);
        assert!(!session.is_listening());
    }
}

#[test]
fn the_client_s_close_frame_is_answered_in_kind_and_ends_the_session_with_its_code() {
    let close = Close { code: 4000, reason: "done".into() };
    let mut session = socket(RAW);
    session.peer_closed(Some(&close), at(0));
    assert_eq!(session.farewell(), Farewell::Waiting);
    check(&mut session, &[b"\x88\x06\x0f\xa0done"]);
    assert_eq!(session.farewell(), Farewell::Done);
    assert_eq!(session.state(), &State::Closing(Disconnect::client(4000, "done".into())));

    let mut session = socket(RAW);
    session.peer_closed(None, at(0));
    check(&mut session, &[b"\x88\x00"]);
}

#[test]
fn the_farewell_is_over_only_when_its_last_byte_is_written() {
    let mut session = socket(RAW);
    session.peer_closed(None, at(0));
    assert_eq!(write(&mut session, 1, 0), b"\x88");
    assert_eq!(session.farewell(), Farewell::Waiting);
    check(&mut session, &[b"\x00"]);
    assert_eq!(session.farewell(), Farewell::Done);
}

#[test]
fn a_client_that_never_answers_the_close_frame_is_left_at_the_close_timeout() {
    let mut session = socket(RAW);
    session.close(Disconnect::NORMAL, at(1_000));
    all(&mut session);
    assert_eq!(session.poll_timeout(), Some(at(1_000 + CLOSE_TIMEOUT)));
    session.handle_timeout(at(1_000 + CLOSE_TIMEOUT));
    assert_eq!(session.state(), &State::Closed(Disconnect::NORMAL));
}

#[test]
fn a_socket_that_comes_to_a_session_that_was_ended_is_told_so() {
    let mut session = session(Overflow::Close);
    session.close(Disconnect::GOING_AWAY, at(0));
    session.attach_socket(RAW, at(1_000));
    assert_eq!(session.state(), &State::Closing(Disconnect::GOING_AWAY));
    assert_eq!(session.poll_timeout(), Some(at(1_000 + CLOSE_TIMEOUT)));
    check(&mut session, &[b"\x88\x16\x03\xe9Server shutting down"]);
}

#[test]
fn a_socket_does_not_wake_the_dead() {
    let mut session = session(Overflow::Close);
    session.socket_lost();
    session.attach_socket(RAW, at(0));
    assert_eq!(session.state(), &State::Closed(Disconnect::INTERRUPTED));
    assert_eq!((session.has_output(), session.poll_timeout()), (false, None));
}

#[test]
fn a_raw_socket_takes_bytes_and_sockjs_only_text() {
    let bytes = || byway::session::Outgoing::new(Message::Binary(vec![0xff].into()));
    let mut session = socket(RAW);
    session.send(bytes(), || at(0)).unwrap();
    check(&mut session, &[b"\x82\x01\xff"]);
    assert_eq!(socket(SOCKJS).send(bytes(), || at(0)), Err(SendError::NotText));
}

#[test]
fn the_control_frames_of_one_second_are_counted_and_one_too_many_ends_the_session() {
    let mut session = socket(RAW);
    for now in [0, 1, 2, 1_000, 1_001] {
        session.pong_received(at(now));
    }
    assert!(session.is_open());
    session.ping_received(b"", at(1_002));
    assert!(session.is_open());
    session.pong_received(at(1_999));
    assert_eq!(session.state(), &State::Closing(Disconnect::FLOOD));
}

fn read(bytes: &[u8]) -> Reader {
    let mut reader = Reader::default();
    reader.push(bytes);
    reader
}
