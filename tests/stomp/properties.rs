//! Random frames in random cuts, against an encoder, a parser and a model that share nothing with the server's.

use crate::support::{Outcome, connect, fresh, open, text};
use bytes::Bytes;
use byway::protocol::stomp::{Action, Connection, Event, Form, Headers, StompSettings, Tail, Version};
use byway::{Disconnect, Message};
use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use proptest::sample::{Index, select};
use std::collections::{BTreeMap, BTreeSet};

/// A SEND as a client means it.
#[derive(Debug, Clone)]
struct Meant {
    destination: String,
    headers: BTreeMap<String, String>,
    body: Vec<u8>,
    sized: bool,
    crlf: bool,
}

fn version() -> impl Strategy<Value = Version> {
    select(Version::ALL.to_vec())
}

/// Text that the version can carry in a header.
fn header_text(version: Version) -> &'static str {
    match version {
        Version::V1_0 => "[a-z\\\\é€]{1,8}",
        Version::V1_1 => "[a-z\\\\:\né😀 ]{1,8}",
        Version::V1_2 => "[a-z\\\\:\n\ré😀 ]{1,8}",
    }
}

fn meant(version: Version) -> impl Strategy<Value = Meant> {
    let text = header_text(version);
    let headers = btree_map(text.prop_map(|name| format!("x{name}x")), text, 0..5);
    let body = prop_oneof![vec(any::<u8>(), 0..200), "[a-zé\n]{0,50}".prop_map(String::into_bytes)];
    (text, headers, body, any::<bool>(), any::<bool>()).prop_map(|(destination, headers, body, sized, crlf)| Meant {
        destination,
        headers,
        sized: sized || body.contains(&0),
        body,
        crlf,
    })
}

fn escaped(text: &str, version: Version) -> String {
    if version == Version::V1_0 {
        return text.to_owned();
    }
    let escape = |c: char| match c {
        '\\' => "\\\\".to_owned(),
        '\n' => "\\n".to_owned(),
        '\r' => "\\r".to_owned(),
        ':' => "\\c".to_owned(),
        c => c.to_string(),
    };
    text.chars().map(escape).collect()
}

/// The bytes of a SEND, as a client writes them.
fn wire(meant: &Meant, version: Version) -> Vec<u8> {
    let eol = if meant.crlf { "\r\n" } else { "\n" };
    let mut lines = vec!["SEND".to_owned(), format!("destination:{}", escaped(&meant.destination, version))];
    let header = |(name, value): (&String, &String)| format!("{}:{}", escaped(name, version), escaped(value, version));
    lines.extend(meant.headers.iter().map(header));
    if meant.sized {
        lines.push(format!("content-length:{}", meant.body.len()));
    }
    [(lines.join(eol) + eol + eol).as_bytes(), &meant.body, b"\0\n"].concat()
}

/// Gives the connection `bytes` cut at `cuts`, and drains it after each part.
fn feed(connection: &mut Connection, bytes: &[u8], cuts: &[Index]) -> Outcome {
    let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
    cuts.push(bytes.len());
    cuts.sort_unstable();
    let (mut outcome, mut start) = (Outcome { events: Vec::new(), failure: None }, 0);
    for end in cuts {
        connection.receive(Message::Binary(Bytes::copy_from_slice(&bytes[start..end])));
        start = end;
        let part = crate::support::drain(connection);
        outcome.events.extend(part.events);
        outcome.failure = outcome.failure.or(part.failure);
    }
    outcome
}

/// A MESSAGE as a client reads it: its headers and its body.
fn read(frame: &Message, version: Version) -> (BTreeMap<String, String>, Vec<u8>) {
    let bytes = frame.as_bytes();
    let end = bytes.windows(2).position(|pair| pair == b"\n\n").expect("a blank line");
    let head = std::str::from_utf8(&bytes[..end]).unwrap();
    let mut lines = head.split('\n');
    assert_eq!(lines.next(), Some("MESSAGE"));
    let header = |line: &str| {
        let (name, value) = line.split_once(':').expect("a colon");
        (unescaped(name, version), unescaped(value, version))
    };
    let (body, nul) = bytes[end + 2..].split_at(bytes.len() - end - 3);
    assert_eq!(nul, [0]);
    (lines.map(header).collect(), body.to_vec())
}

fn unescaped(text: &str, version: Version) -> String {
    if version == Version::V1_0 {
        return text.to_owned();
    }
    let mut chars = text.chars();
    let mut out = String::new();
    while let Some(c) = chars.next() {
        out.push(match c {
            '\\' => match chars.next() {
                Some('n') => '\n',
                Some('r') => '\r',
                Some('c') => ':',
                Some('\\') => '\\',
                other => panic!("escape {other:?}"),
            },
            c => c,
        });
    }
    out
}

/// What a client may say, and what a stream of it comes to.
const MENU: &[&str] = &[
    "CONNECT\naccept-version:1.2\n\n\0",
    "SEND\ndestination:/a\n\nbody\0",
    "SEND\ndestination:/a\ntransaction:t\n\nbody\0",
    "SUBSCRIBE\nid:1\ndestination:/a\n\n\0",
    "SUBSCRIBE\nid:2\ndestination:/a\n\n\0",
    "UNSUBSCRIBE\nid:1\n\n\0",
    "BEGIN\ntransaction:t\n\n\0",
    "COMMIT\ntransaction:t\n\n\0",
    "ABORT\ntransaction:t\n\n\0",
    "ACK\nid:1\n\n\0",
    "DISCONNECT\n\n\0",
    "\n",
];

/// The rules of a 1.2 connection, as short as they can be said.
#[derive(Default)]
struct Model {
    subscriptions: BTreeSet<char>,
    transaction: Option<usize>,
    left: bool,
}

/// What a frame breaks: its own purpose, or the connection.
#[derive(Debug, PartialEq)]
enum Wrong {
    Harmless,
    Fatal,
}

impl Model {
    /// Whether the frame is allowed now; and the number of actions, where it hands any out.
    fn allows(&mut self, frame: &str) -> Result<Option<usize>, Wrong> {
        use Wrong::{Fatal, Harmless};
        let allowed = |yes, wrong| if yes { Ok(None) } else { Err(wrong) };
        let id = frame.split("id:").nth(1).and_then(|rest| rest.chars().next()).unwrap_or('-');
        match frame.split('\n').next().unwrap_or_default() {
            "" => Ok(None),
            _ if self.left => Err(Fatal),
            "CONNECT" => Err(Fatal),
            "SEND" if frame.contains("transaction") => {
                self.transaction = Some(self.transaction.ok_or(Harmless)? + 1);
                Ok(None)
            }
            "SEND" | "ACK" => Ok(Some(1)),
            "SUBSCRIBE" => allowed(self.subscriptions.insert(id), Fatal),
            "UNSUBSCRIBE" => allowed(self.subscriptions.remove(&id), Harmless),
            "BEGIN" => allowed(self.transaction.replace(0).is_none(), Fatal),
            "COMMIT" => Ok(Some(self.transaction.take().ok_or(Harmless)?)),
            "ABORT" => allowed(self.transaction.take().is_some(), Harmless),
            _ => {
                self.left = true;
                Ok(None)
            }
        }
    }
}

fn actions(events: &[Event]) -> usize {
    let count = |event: &Event| match event {
        Event::Action(_) => 1,
        Event::Commit { actions, .. } => actions.len(),
        _ => 0,
    };
    events.iter().map(count).sum()
}

proptest! {
    #[test]
    fn any_sends_in_any_cuts_are_what_the_client_meant(
        (version, sends) in version().prop_flat_map(|version| (Just(version), vec(meant(version), 0..4))),
        cuts in vec(any::<Index>(), 0..20),
    ) {
        let bytes: Vec<u8> = sends.iter().flat_map(|send| wire(send, version)).collect();
        let outcome = feed(&mut open(version), &bytes, &cuts);
        prop_assert_eq!(outcome.failure, None);
        prop_assert_eq!(outcome.events.len(), sends.len());
        for (event, meant) in outcome.events.iter().zip(&sends) {
            let Event::Action(Action::Send(send)) = event else { panic!("{event:?}") };
            prop_assert_eq!(&send.destination, &meant.destination);
            prop_assert_eq!(&send.headers, &meant.headers.clone().into_iter().collect());
            prop_assert_eq!(send.body.as_bytes(), &meant.body);
        }
    }

    #[test]
    fn any_message_is_what_was_sent(
        (version, sent) in version().prop_flat_map(|version| (Just(version), meant(version))),
        id in "[a-z0-9-]{1,8}",
    ) {
        let headers: Headers = sent.headers.clone().into_iter().collect();
        let tail = Tail::new(version, &sent.destination, &headers, &Message::Binary(sent.body.clone().into()));
        let frame = tail.message(&Form { subscription: Some(&id), message_id: &id, ack: None });
        let mut expected = sent.headers;
        expected.insert("destination".to_owned(), sent.destination);
        expected.insert("content-length".to_owned(), sent.body.len().to_string());
        expected.insert("subscription".to_owned(), id.clone());
        expected.insert("message-id".to_owned(), id);
        prop_assert_eq!(read(&frame, version), (expected, sent.body));
    }

    #[test]
    fn damaged_streams_have_the_same_outcome_in_any_cuts(
        (version, sends) in version().prop_flat_map(|version| (Just(version), vec(meant(version), 1..4))),
        damage in vec((any::<Index>(), select(b"\0\r\n:\\ x\xff".to_vec())), 1..3),
        cuts in vec(any::<Index>(), 0..20),
    ) {
        let mut bytes: Vec<u8> = sends.iter().flat_map(|send| wire(send, version)).collect();
        for (at, octet) in damage {
            let at = at.index(bytes.len());
            bytes[at] = octet;
        }
        prop_assert_eq!(feed(&mut open(version), &bytes, &cuts), feed(&mut open(version), &bytes, &[]));
    }

    #[test]
    fn junk_never_panics_and_never_passes_the_limits(
        lines in vec("(SEND|destination|content-length|:|[0-9]|\n|\r|\0|\\\\|[a-z]){0,40}", 0..8),
        cuts in vec(any::<Index>(), 0..20),
    ) {
        let settings = StompSettings {
            max_headers: 4,
            max_line_bytes: 24,
            max_head_bytes: 60,
            max_body_bytes: 30,
            ..StompSettings::default()
        };
        let mut whole = crate::support::open_with(Version::V1_2, settings.clone());
        let mut cut = crate::support::open_with(Version::V1_2, settings);
        let bytes = lines.join("\n").into_bytes();
        let outcome = feed(&mut cut, &bytes, &cuts);
        for event in &outcome.events {
            if let Event::Action(Action::Send(send)) = event {
                prop_assert!(send.body.len() <= 30 && send.headers.len() < 4 && send.destination.len() <= 24);
            }
        }
        prop_assert_eq!(outcome, feed(&mut whole, &bytes, &[]));
    }

    #[test]
    fn s1_any_order_of_frames_does_what_the_model_does(
        frames in vec(select(MENU.to_vec()), 0..20),
        cuts in vec(any::<Index>(), 0..10),
    ) {
        let mut model = Model::default();
        let (mut expected, mut refused) = (0, 0);
        let mut failed = false;
        for frame in &frames {
            match model.allows(frame) {
                Ok(count) => expected += count.unwrap_or(0),
                Err(Wrong::Harmless) => refused += 1,
                Err(Wrong::Fatal) => {
                    failed = true;
                    break;
                }
            }
        }
        let outcome = feed(&mut open(Version::V1_2), frames.concat().as_bytes(), &cuts);
        prop_assert_eq!(actions(&outcome.events), expected);
        prop_assert_eq!(outcome.events.iter().filter(|event| matches!(event, Event::Refused(_))).count(), refused);
        prop_assert_eq!(outcome.failure.map(|it| it.disconnect().clone()), failed.then_some(Disconnect::STOMP_SEQUENCE));
    }

    #[test]
    fn s1_nothing_but_connect_is_heard_of_a_client_that_is_not_let_in(
        frames in vec(select(MENU.to_vec()), 1..8),
        cuts in vec(any::<Index>(), 0..10),
    ) {
        let outcome = feed(&mut fresh(StompSettings::default()), frames.concat().as_bytes(), &cuts);
        prop_assert!(outcome.events.iter().all(|event| matches!(event, Event::Connect(_))));
        prop_assert!(outcome.events.len() <= 1);
    }

    #[test]
    fn heartbeats_never_panic_and_are_never_shorter_than_the_least(header in "[0-9]{1,12},[0-9]{1,25}") {
        let frame = format!("CONNECT\naccept-version:1.2\nheart-beat:{header}\n\n\0");
        let mut connection = fresh(StompSettings::default());
        connection.receive(frame.as_str().into());
        let Ok(Some(Event::Connect(it))) = connection.next_event() else { panic!("no CONNECT") };
        let least = StompSettings::default().heartbeat_min;
        prop_assert!(it.heartbeat.send_every.is_none_or(|every| every >= least));
        prop_assert!(it.heartbeat.expect_within.is_none_or(|within| within > least));
        let connected = connect(&mut fresh(StompSettings::default()), &frame);
        prop_assert!(text(&connected).contains("\nheart-beat:"));
    }
}
