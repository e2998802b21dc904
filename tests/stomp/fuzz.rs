//! The fuzzer's body without the fuzzer: a fixed number of damaged streams from a fixed seed.

use byway::{model, protocol::stomp};

#[path = "../fuzz/body.rs"]
mod body;

const ROUNDS: usize = 40_000;

/// Streams that reach far into a connection.
const SEEDS: &[&str] = &[
    "\x07CONNECT\naccept-version:1.2\nlogin:a\n\n\0SEND\ndestination:/a\nx\\cy:z\ncontent-length:4\n\nbo\0y\0\nDISCONNECT\nreceipt:1\n\n\0",
    "\x01STOMP\naccept-version:1.1\nheart-beat:1,1\n\n\0SUBSCRIBE\nid:1\ndestination:/a\nack:client\n\n\0ACK\nmessage-id:1\nsubscription:1\n\n\0UNSUBSCRIBE\nid:1\n\n\0",
    "\x03CONNECT\naccept-version:1.2\n\n\0BEGIN\ntransaction:t\n\n\0SEND\ndestination:/a\ntransaction:t\n\nbody\0NACK\nid:1\ntransaction:t\n\n\0COMMIT\ntransaction:t\n\n\0",
    "\x1fCONNECT\nlogin: a\n\n\0SUBSCRIBE\ndestination: /a\n\n\0SEND\ndestination: /a\n\nbody\0UNSUBSCRIBE\ndestination:/a\n\n\0",
];

/// xorshift64*: the same sequence on every machine.
struct Chance(u64);

impl Chance {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) as usize % limit.max(1)
    }
}

/// The tokens of a libFuzzer dictionary.
fn dictionary() -> Vec<Vec<u8>> {
    let quoted = |line: &str| line.strip_prefix('"')?.strip_suffix('"').map(unquoted);
    include_str!("../fuzz/stomp.dict").lines().filter_map(quoted).collect()
}

fn unquoted(token: &str) -> Vec<u8> {
    let (mut rest, mut bytes) = (token.as_bytes(), Vec::new());
    while let Some((first, behind)) = rest.split_first() {
        (bytes, rest) = match (first, behind) {
            (b'\\', [b'x', hex @ ..]) => {
                let digits = std::str::from_utf8(&hex[..2]).unwrap();
                ([bytes, vec![u8::from_str_radix(digits, 16).unwrap()]].concat(), &hex[2..])
            }
            (b'\\', [escaped, behind @ ..]) => ([bytes, vec![*escaped]].concat(), behind),
            (octet, behind) => ([bytes, vec![*octet]].concat(), behind),
        };
    }
    bytes
}

fn damage(stream: &mut Vec<u8>, tokens: &[Vec<u8>], chance: &mut Chance) {
    let at = chance.below(stream.len());
    let end = (at + chance.below(12)).min(stream.len());
    match chance.below(5) {
        0 if !stream.is_empty() => stream[at] ^= 1 << chance.below(8),
        1 => drop(stream.drain(at..end)),
        2 => {
            let copy = stream[at..end].to_vec();
            stream.splice(at..at, copy);
        }
        3 => {
            let token = &tokens[chance.below(tokens.len())];
            stream.splice(at..end, token.iter().copied());
        }
        _ => {
            let token = &tokens[chance.below(tokens.len())];
            stream.splice(at..at, token.iter().copied());
        }
    }
}

#[test]
fn damaged_streams_come_to_the_same_however_they_are_cut_and_stay_within_the_limits() {
    let (tokens, mut chance) = (dictionary(), Chance(0x5eed));
    assert!(tokens.contains(&b"\n\n\0".to_vec()) && tokens.contains(&b"\\n".to_vec()), "the dictionary is misread");
    for round in 0..ROUNDS {
        let mut stream = SEEDS[round % SEEDS.len()].as_bytes().to_vec();
        for _ in 0..chance.below(6) {
            damage(&mut stream, &tokens, &mut chance);
        }
        body::stomp_decoder(&stream);
    }
}
