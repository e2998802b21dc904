//! The WebSocket codec as its callers see it: properties over random frames, cuts and damage.

mod oracle;
mod traffic;

use byway::protocol::websocket::{Compression, Decoder, Deflater, Error, Event, Limits, Opcode, encode_deflated};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;
use traffic::{LIMITS, Outcome, Sent, close, damage, decode, feed, masked, parts, sent, wire};

proptest! {
    #[test]
    fn any_frames_in_any_chunks_give_their_messages(
        messages in vec(sent(any::<bool>()), 0..4),
        end in proptest::option::of(close()),
        cuts in vec(any::<Index>(), 0..20),
    ) {
        let mut bytes = wire(&messages);
        let mut events: Vec<Event> = messages.iter().flat_map(Sent::events).collect();
        if let Some(close) = end {
            bytes.extend(masked(0x88, &parts(&close).1, [1, 2, 3, 4]));
            events.push(close);
        }
        let expected = Outcome { events, error: None };
        prop_assert_eq!(decode(&bytes, &cuts, Compression::Deflate), expected);
    }

    #[test]
    fn one_byte_at_a_time_is_the_same_as_all_at_once(
        messages in vec(sent(any::<bool>()), 1..3),
        damage in damage(),
    ) {
        let mut bytes = wire(&messages);
        damage.inflict(&mut bytes);
        let whole = decode(&bytes, &[], Compression::Deflate);
        let mut decoder = Decoder::new(LIMITS, Compression::Deflate);
        let mut dripped = Outcome { events: Vec::new(), error: None };
        for byte in &bytes {
            if !feed(&mut decoder, &mut [*byte], &mut dripped) {
                break;
            }
        }
        prop_assert_eq!(dripped, whole);
    }

    #[test]
    fn damaged_frames_have_the_same_outcome_in_any_chunks(
        messages in vec(sent(any::<bool>()), 0..4),
        damage in damage(),
        cuts in vec(any::<Index>(), 0..20),
    ) {
        let mut bytes = wire(&messages);
        damage.inflict(&mut bytes);
        let whole = decode(&bytes, &[], Compression::Deflate);
        prop_assert_eq!(decode(&bytes, &cuts, Compression::Deflate), whole);
    }

    #[test]
    fn junk_never_panics(
        bytes in vec(any::<u8>(), 0..600),
        cuts in vec(any::<Index>(), 0..10),
    ) {
        let whole = decode(&bytes, &[], Compression::Deflate);
        prop_assert_eq!(decode(&bytes, &cuts, Compression::Deflate), whole);
    }

    #[test]
    fn compressed_junk_never_panics_and_never_passes_the_limit(
        deflate in vec(any::<u8>(), 0..300),
        text in any::<bool>(),
        cuts in vec(any::<Index>(), 0..10),
    ) {
        let bytes = masked(if text { 0xc1 } else { 0xc2 }, &deflate, [9, 8, 7, 6]);
        let outcome = decode(&bytes, &cuts, Compression::Deflate);
        if let Some(event) = outcome.events.first() {
            prop_assert!(parts(event).1.len() <= LIMITS.message);
        }
        prop_assert_eq!(decode(&bytes, &[], Compression::Deflate), outcome);
    }

    #[test]
    fn what_is_deflated_comes_back(payload in "(stomp|\n|é|[a-z]){0,200}") {
        let compressed = Deflater::new(9).compress(payload.as_bytes());
        if let Some(compressed) = compressed {
            prop_assert!(compressed.len() < payload.len());
            let frame = encode_deflated(Opcode::Text, &compressed);
            prop_assert_eq!(frame[0], 0xc1);
            let bytes = masked(frame[0], &compressed, [3, 1, 4, 1]);
            let expected = Outcome { events: vec![Event::Text(payload.into())], error: None };
            prop_assert_eq!(decode(&bytes, &[], Compression::Deflate), expected);
        }
    }
}

#[test]
fn a_bomb_is_refused_at_the_message_limit() {
    let limits = Limits { message: 65_536, frame: 65_536, fragments: 1024 };
    let bomb = Deflater::new(15).compress(&vec![b'a'; 1 << 20]).unwrap();
    assert!(bomb.len() < limits.frame, "the frame itself is allowed");
    for first in [0xc1, 0xc2] {
        let mut decoder = Decoder::new(limits, Compression::Deflate);
        let mut frame = masked(first, &bomb, [5, 6, 7, 8]);
        assert_eq!(decoder.decode(&mut frame), Err(Error::MessageTooBig));
    }
}

#[test]
fn a_compressed_message_of_exactly_the_limit_is_taken_and_one_byte_more_is_not() {
    let message = |len: usize| {
        let compressed = Deflater::new(15).compress(&vec![b'a'; len]).unwrap();
        decode(&masked(0xc1, &compressed, [0; 4]), &[], Compression::Deflate)
    };
    let full = Event::Text("a".repeat(LIMITS.message).into());
    assert_eq!(message(LIMITS.message), Outcome { events: vec![full], error: None });
    let over = Outcome { events: vec![], error: Some(Error::MessageTooBig) };
    assert_eq!(message(LIMITS.message + 1), over);
}
