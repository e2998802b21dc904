//! tungstenite as the second opinion.

use crate::traffic::{LIMITS, Outcome, Sent, close, control, damage, data, decode, masked, parts, sent, wire};
use bytes::Bytes;
use byway::protocol::websocket::{Close, Compression, Error, Event, encode, encode_close};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;
use std::io::{self, Cursor, Read, Write};
use tungstenite::protocol::frame::coding::{CloseCode, Data, OpCode};
use tungstenite::protocol::frame::{CloseFrame, Frame};
use tungstenite::protocol::{Role, WebSocket, WebSocketConfig};
use tungstenite::{Error as Refusal, Message};

/// A peer that has said everything already.
struct Said {
    input: Cursor<Vec<u8>>,
    output: Vec<u8>,
}

impl Read for Said {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.input.read(buffer)
    }
}

impl Write for Said {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.output.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn tungstenite(role: Role, input: &[u8]) -> WebSocket<Said> {
    let config = WebSocketConfig::default()
        .read_buffer_size(256)
        .max_message_size(Some(LIMITS.message))
        .max_frame_size(Some(LIMITS.frame));
    let said = Said { input: Cursor::new(input.to_vec()), output: Vec::new() };
    WebSocket::from_raw_socket(said, role, Some(config))
}

/// What tungstenite makes of `bytes`: the events, and whether it refused what came after them.
fn second_opinion(role: Role, bytes: &[u8]) -> (Vec<Event>, bool) {
    use tungstenite::error::ProtocolError::ResetWithoutClosingHandshake;
    let mut socket = tungstenite(role, bytes);
    let mut events = Vec::new();
    loop {
        match socket.read() {
            Ok(Message::Close(Some(close))) if is_refusal(&close) => return (events, true),
            Ok(Message::Close(close)) => {
                events.push(Event::Close(close.map(closed)));
                return (events, false);
            }
            Ok(message) => events.push(said(message)),
            Err(Refusal::Protocol(ResetWithoutClosingHandshake)) => return (events, false),
            Err(_) => return (events, true),
        }
    }
}

/// tungstenite does not report a forbidden close code as an error, but replaces it by this.
fn is_refusal(close: &CloseFrame) -> bool {
    close.code == CloseCode::Protocol && close.reason.as_str() == "Protocol violation"
}

fn closed(close: CloseFrame) -> Close {
    Close { code: close.code.into(), reason: close.reason.as_str().into() }
}

fn said(message: Message) -> Event {
    match message {
        Message::Text(text) => Event::Text(text.as_str().into()),
        Message::Binary(data) => Event::Binary(data),
        Message::Ping(data) => Event::Ping(data),
        Message::Pong(data) => Event::Pong(data),
        Message::Close(_) | Message::Frame(_) => unreachable!("not returned here"),
    }
}

/// The same frame in tungstenite's words.
fn reworded(first: u8, payload: Vec<u8>) -> Message {
    let fin = first & 0x80 != 0;
    match first & 0x0f {
        0x0 => Message::Frame(Frame::message(payload, OpCode::Data(Data::Continue), fin)),
        0x1 => Message::Frame(Frame::message(payload, OpCode::Data(Data::Text), fin)),
        0x2 => Message::Frame(Frame::message(payload, OpCode::Data(Data::Binary), fin)),
        0x9 => Message::Ping(payload.into()),
        _ => Message::Pong(payload.into()),
    }
}

/// The differences to tungstenite that are meant, when both saw the same bytes.
fn is_known_difference(ours: &Outcome, theirs: &[Event]) -> bool {
    let stricter = ours.error == Some(Error::LengthNotMinimal);
    let newer_code = matches!(ours.events.last(), Some(Event::Close(Some(close))) if close.code == 1014);
    let shared = ours.events.len().min(theirs.len());
    (stricter || newer_code) && ours.events[..shared] == theirs[..shared]
}

proptest! {
    #[test]
    fn what_tungstenites_client_writes_is_read(
        messages in vec(sent(Just(false)), 0..4),
        cuts in vec(any::<Index>(), 0..20),
    ) {
        let mut client = tungstenite(Role::Client, &[]);
        for (first, payload) in messages.iter().flat_map(Sent::frames) {
            client.send(reworded(first, payload)).unwrap();
        }
        let events = messages.iter().flat_map(Sent::events).collect();
        let outcome = decode(&client.get_ref().output, &cuts, Compression::None);
        prop_assert_eq!(outcome, Outcome { events, error: None });
    }

    #[test]
    fn what_is_encoded_tungstenites_client_reads(
        mut events in vec(prop_oneof![data(), control()], 0..6),
        end in close(),
    ) {
        let mut bytes = Vec::new();
        for event in &events {
            let (opcode, payload) = parts(event);
            bytes.extend_from_slice(&encode(opcode, &payload));
        }
        let Event::Close(close) = &end else { unreachable!() };
        let close = close.as_ref().map(|close| (close.code, &*close.reason));
        bytes.extend_from_slice(&encode_close(close));
        events.push(end);
        prop_assert_eq!(second_opinion(Role::Client, &bytes), (events, false));
    }

    #[test]
    fn tungstenite_and_the_decoder_agree_about_damaged_frames(
        messages in vec(sent(Just(false)), 0..4),
        end in proptest::option::of(close()),
        damage in damage(),
    ) {
        let mut bytes = wire(&messages);
        if let Some(close) = end {
            bytes.extend(masked(0x88, &parts(&close).1, [1, 2, 3, 4]));
        }
        damage.inflict(&mut bytes);
        agree(&bytes)?;
    }

    #[test]
    fn tungstenite_and_the_decoder_agree_about_a_frame_of_junk(
        first in any::<u8>(),
        second in prop_oneof![any::<u8>(), 0x80u8..=0x84],
        rest in vec(any::<u8>(), 0..400),
    ) {
        agree(&[&[first, second], &rest[..]].concat())?;
    }

    #[test]
    fn tungstenite_and_the_decoder_agree_about_every_close_payload(
        code in prop_oneof![any::<u16>(), 990u16..=1020, 2990u16..=3010, 4990u16..=5010],
        reason in prop_oneof![vec(any::<u8>(), 0..4), Just(b"bye".to_vec())],
    ) {
        agree(&masked(0x88, &[&code.to_be_bytes()[..], &reason].concat(), [4, 3, 2, 1]))?;
    }
}

/// Both refuse, or both accept, with the same events before it.
///
/// tungstenite waits for a whole frame before it looks at one, so whatever is partial is first
/// completed with zeros; two zeros more are a frame that both refuse.
fn agree(bytes: &[u8]) -> Result<(), TestCaseError> {
    let ours = decode(bytes, &[], Compression::None);
    let (theirs, refused) = second_opinion(Role::Server, bytes);
    if !is_known_difference(&ours, &theirs) {
        prop_assert!(!refused || ours.error.is_some(), "only tungstenite refuses {bytes:02x?}");
    }
    let padded = [bytes, &[0; 512]].concat();
    let ours = decode(&padded, &[], Compression::None);
    let (theirs, refused) = second_opinion(Role::Server, &padded);
    if !is_known_difference(&ours, &theirs) {
        prop_assert_eq!((&ours.events, ours.error.is_some()), (&theirs, refused));
    }
    Ok(())
}

#[test]
fn a_length_that_is_longer_than_needed_is_refused_where_tungstenite_takes_it() {
    let frame = b"\x82\xfe\x00\x01\x00\x00\x00\x00x";
    let ours = decode(frame, &[], Compression::None);
    assert_eq!(ours, Outcome { events: vec![], error: Some(Error::LengthNotMinimal) });
    let theirs = second_opinion(Role::Server, frame);
    assert_eq!(theirs, (vec![Event::Binary(Bytes::from_static(b"x"))], false));
}

#[test]
fn close_code_1014_is_read_where_tungstenite_refuses_it() {
    let frame = masked(0x88, &1014u16.to_be_bytes(), [0; 4]);
    let close = Close { code: 1014, reason: "".into() };
    let ours = decode(&frame, &[], Compression::None);
    assert_eq!(ours, Outcome { events: vec![Event::Close(Some(close))], error: None });
    assert_eq!(second_opinion(Role::Server, &frame), (vec![], true));
}
