//! Frames to decode: what a client may send, how it may be cut, and how it may be damaged.

use bytes::Bytes;
use byway::protocol::websocket::{Close, Compression, Decoder, Deflater, Error, Event, Limits, Opcode, encode_close};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;

pub const LIMITS: Limits = Limits { message: 700, frame: 300, fragments: 1024 };

/// What became of some bytes: the events, and the error that ended them.
#[derive(Debug, PartialEq)]
pub struct Outcome {
    pub events: Vec<Event>,
    pub error: Option<Error>,
}

/// Decodes `bytes` cut at `cuts`; as a caller does, it stops after a close frame.
pub fn decode(bytes: &[u8], cuts: &[Index], compression: Compression) -> Outcome {
    let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
    cuts.push(bytes.len());
    cuts.sort_unstable();
    let mut decoder = Decoder::new(LIMITS, compression);
    let mut outcome = Outcome { events: Vec::new(), error: None };
    let mut start = 0;
    for end in cuts {
        if !feed(&mut decoder, &mut bytes[start..end].to_vec(), &mut outcome) {
            break;
        }
        start = end;
    }
    outcome
}

/// Decodes one chunk; false when the connection is over.
pub fn feed(decoder: &mut Decoder, mut chunk: &mut [u8], outcome: &mut Outcome) -> bool {
    loop {
        match decoder.decode(chunk) {
            Ok((used, event)) => {
                assert!(event.is_some() || used == chunk.len(), "bytes were left over");
                chunk = &mut chunk[used..];
                let closed = matches!(event, Some(Event::Close(_)));
                outcome.events.extend(event);
                if closed || chunk.is_empty() {
                    return !closed;
                }
            }
            Err(error) => {
                outcome.error = Some(error);
                return false;
            }
        }
    }
}

/// A client's frame: `first` is the first byte, with FIN and RSV.
pub fn masked(first: u8, payload: &[u8], mask: [u8; 4]) -> Vec<u8> {
    let mut frame = vec![first];
    match payload.len() {
        len @ 0..126 => frame.push(0x80 | len as u8),
        len => {
            frame.push(0x80 | 126);
            frame.extend_from_slice(&u16::try_from(len).unwrap().to_be_bytes());
        }
    }
    frame.extend_from_slice(&mask);
    frame.extend(payload.iter().zip(mask.iter().cycle()).map(|(byte, key)| byte ^ key));
    frame
}

/// A message, in fragments and with control frames between them.
#[derive(Debug, Clone)]
pub struct Sent {
    event: Event,
    compressed: bool,
    cuts: Vec<Index>,
    between: Vec<Event>,
    mask: [u8; 4],
}

impl Sent {
    /// The frames on the wire, as (first byte, payload).
    pub fn frames(&self) -> Vec<(u8, Vec<u8>)> {
        let (opcode, payload) = parts(&self.event);
        let deflated = Deflater::new(15).compress(&payload).filter(|_| self.compressed);
        let rsv1 = if deflated.is_some() { 0x40 } else { 0 };
        let fragments = cut(&deflated.unwrap_or(payload), &self.cuts);
        let last = fragments.len() - 1;
        let mut between = self.between.iter();
        let mut frames = Vec::new();
        for (index, fragment) in fragments.into_iter().enumerate() {
            let first = if index == 0 { rsv1 | opcode as u8 } else { 0 };
            frames.push((first | if index == last { 0x80 } else { 0 }, fragment));
            if index < last
                && let Some(control) = between.next()
            {
                let (opcode, payload) = parts(control);
                frames.push((0x80 | opcode as u8, payload));
            }
        }
        frames
    }

    fn wire(&self) -> Vec<u8> {
        self.frames().iter().flat_map(|(first, data)| masked(*first, data, self.mask)).collect()
    }

    /// What the decoder should say: the controls come first, the message when it ends.
    pub fn events(&self) -> Vec<Event> {
        let between = self.between.iter().take(self.cuts.len());
        between.chain([&self.event]).cloned().collect()
    }
}

pub fn parts(event: &Event) -> (Opcode, Vec<u8>) {
    match event {
        Event::Text(text) => (Opcode::Text, text.as_bytes().to_vec()),
        Event::Binary(data) => (Opcode::Binary, data.to_vec()),
        Event::Ping(data) => (Opcode::Ping, data.to_vec()),
        Event::Pong(data) => (Opcode::Pong, data.to_vec()),
        Event::Close(close) => {
            let close = close.as_ref().map(|close| (close.code, &*close.reason));
            (Opcode::Close, encode_close(close)[2..].to_vec())
        }
    }
}

fn cut(payload: &[u8], cuts: &[Index]) -> Vec<Vec<u8>> {
    let mut ends: Vec<usize> = cuts.iter().map(|cut| cut.index(payload.len() + 1)).collect();
    ends.push(payload.len());
    ends.sort_unstable();
    let starts = [0].into_iter().chain(ends.clone());
    starts.zip(ends.iter()).map(|(start, end)| payload[start..*end].to_vec()).collect()
}

pub fn data() -> impl Strategy<Value = Event> {
    prop_oneof![
        "\\PC{0,60}".prop_map(|text| Event::Text(text.into())),
        "(ab|é|😀){0,60}".prop_map(|text| Event::Text(text.into())),
        vec(any::<u8>(), 0..290).prop_map(|data| Event::Binary(data.into())),
    ]
}

pub fn control() -> impl Strategy<Value = Event> {
    let payload = || vec(any::<u8>(), 0..=125).prop_map(Bytes::from);
    prop_oneof![payload().prop_map(Event::Ping), payload().prop_map(Event::Pong)]
}

pub fn close() -> impl Strategy<Value = Event> {
    let code = prop_oneof![1000u16..=1003, 1007u16..=1013, 3000u16..=4999];
    let close = (code, "[a-zé]{0,60}").prop_map(|(code, reason)| Close { code, reason: reason.as_str().into() });
    proptest::option::of(close).prop_map(Event::Close)
}

pub fn sent(compressed: impl Strategy<Value = bool>) -> impl Strategy<Value = Sent> {
    let cuts = prop_oneof![Just(Vec::new()), vec(any::<Index>(), 0..5)];
    (data(), compressed, cuts, vec(control(), 0..3), any::<[u8; 4]>())
        .prop_map(|(event, compressed, cuts, between, mask)| Sent { event, compressed, cuts, between, mask })
}

pub fn wire(messages: &[Sent]) -> Vec<u8> {
    messages.iter().flat_map(Sent::wire).collect()
}

/// Damage: bytes overwritten, removed and put in.
#[derive(Debug, Clone)]
pub struct Damage {
    overwrite: Vec<(Index, u8)>,
    remove: Option<Index>,
    insert: Option<(Index, u8)>,
}

impl Damage {
    pub fn inflict(&self, bytes: &mut Vec<u8>) {
        for (at, byte) in &self.overwrite {
            let at = at.index(bytes.len().max(1));
            if let Some(old) = bytes.get_mut(at) {
                *old = *byte;
            }
        }
        if let Some(at) = self.remove.filter(|_| !bytes.is_empty()) {
            bytes.remove(at.index(bytes.len()));
        }
        if let Some((at, byte)) = self.insert {
            bytes.insert(at.index(bytes.len() + 1), byte);
        }
    }
}

pub fn damage() -> impl Strategy<Value = Damage> {
    let byte = || prop_oneof![any::<u8>(), 0x80u8..=0x8f, Just(0xfe), Just(0xff)];
    (
        vec((any::<Index>(), byte()), 0..3),
        proptest::option::weighted(0.2, any::<Index>()),
        proptest::option::weighted(0.2, (any::<Index>(), byte())),
    )
        .prop_map(|(overwrite, remove, insert)| Damage { overwrite, remove, insert })
}
