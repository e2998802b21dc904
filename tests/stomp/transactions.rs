//! BEGIN, COMMIT and ABORT (STOMP 1.2, "BEGIN").

use crate::support::{FROM_1_1, event, failure, only, open, open_with, refused, say, text};
use byway::Disconnect;
use byway::protocol::stomp::{Action, Event, StompSettings, Version};

const SEND: &str = "SEND\ndestination:/a\ntransaction:t\n\nbody\0";

fn begin(id: &str) -> String {
    format!("BEGIN\ntransaction:{id}\n\n\0")
}

#[test]
fn a_commit_hands_out_what_was_done_in_order() {
    for version in Version::ALL {
        let mut connection = open(version);
        let ack = match version {
            Version::V1_2 => "ACK\nid:1\ntransaction:t\n\n\0",
            _ => "ACK\nmessage-id:1\nsubscription:s\ntransaction:t\n\n\0",
        };
        let frames = [&begin("t"), SEND, ack, "COMMIT\ntransaction:t\nreceipt:r\n\n\0"].concat();
        let Event::Commit { actions, receipt } = only(say(&mut connection, frames)) else { panic!("no COMMIT") };
        assert!(matches!(&actions[..], [Action::Send(_), Action::Ack(_)]), "{actions:?}");
        assert_eq!(receipt, Some("r".into()));
    }
}

#[test]
fn a_nack_may_be_part_of_a_transaction() {
    for version in FROM_1_1 {
        let nack = match version {
            Version::V1_2 => "NACK\nid:1\ntransaction:t\n\n\0",
            _ => "NACK\nmessage-id:1\nsubscription:s\ntransaction:t\n\n\0",
        };
        let frames = [&begin("t"), nack, "COMMIT\ntransaction:t\n\n\0"].concat();
        let Event::Commit { actions, .. } = only(say(&mut open(version), frames)) else { panic!("no COMMIT") };
        assert!(matches!(&actions[..], [Action::Nack(_)]));
    }
}

#[test]
fn an_abort_forgets_what_was_done() {
    let mut connection = open(Version::V1_2);
    let frames = [&begin("t"), SEND, "ABORT\ntransaction:t\nreceipt:r\n\n\0"].concat();
    assert_eq!(only(say(&mut connection, frames)), Event::Receipt("r".into()));
    let frames = [&begin("t"), "COMMIT\ntransaction:t\n\n\0"].concat();
    assert_eq!(only(say(&mut connection, frames)), Event::Commit { actions: Vec::new(), receipt: None });
}

#[test]
fn transactions_are_kept_apart() {
    let frames = [&begin("t"), &begin("u"), SEND, "COMMIT\ntransaction:u\n\n\0"].concat();
    let event = only(say(&mut open(Version::V1_2), frames));
    assert_eq!(event, Event::Commit { actions: Vec::new(), receipt: None });
}

#[test]
fn what_a_transaction_keeps_has_its_receipt_at_once_and_not_again() {
    let mut connection = open(Version::V1_2);
    let send = "SEND\ndestination:/a\ntransaction:t\nreceipt:r\n\n\0";
    assert_eq!(only(say(&mut connection, [&begin("t"), send].concat())), Event::Receipt("r".into()));
    let Event::Commit { actions, .. } = only(say(&mut connection, "COMMIT\ntransaction:t\n\n\0")) else {
        panic!("no COMMIT")
    };
    let [Action::Send(send)] = &actions[..] else { panic!("{actions:?}") };
    assert_eq!(send.receipt, None);
}

#[test]
fn begin_commit_and_abort_need_a_transaction() {
    for version in Version::ALL {
        for command in ["BEGIN", "COMMIT", "ABORT"] {
            let failure = failure(version, format!("{command}\n\n\0"));
            assert_eq!(failure.message(), "Missing header: transaction");
        }
    }
}

#[test]
fn open_transactions_have_different_ids() {
    let failure = failure(Version::V1_2, [begin("t"), begin("t")].concat());
    assert_eq!((failure.message(), failure.disconnect()), ("Transaction already begun", &Disconnect::STOMP_SEQUENCE));
}

#[test]
fn an_id_is_free_again_when_its_transaction_has_ended() {
    let frames = [&begin("t"), "COMMIT\ntransaction:t\n\n\0", &begin("t"), "ABORT\ntransaction:t\n\n\0", &begin("t")];
    assert_eq!(say(&mut open(Version::V1_2), frames.concat()).failure, None);
}

#[test]
fn a_transaction_that_there_is_not_is_refused() {
    for frame in [SEND, "ACK\nid:1\ntransaction:t\n\n\0", "COMMIT\ntransaction:t\n\n\0", "ABORT\ntransaction:t\n\n\0"] {
        let event = event(Version::V1_2, frame);
        let failure = refused(&event);
        assert_eq!((failure.message(), failure.disconnect()), ("Unknown transaction", &Disconnect::STOMP_SEQUENCE));
    }
}

#[test]
fn open_transactions_end_with_disconnect() {
    let frames = [&begin("t"), SEND, "DISCONNECT\nreceipt:r\n\n\0"].concat();
    assert_eq!(only(say(&mut open(Version::V1_2), frames)), Event::Disconnect { receipt: Some("r".into()) });
}

fn limited(settings: StompSettings, frames: &[String]) -> Option<Disconnect> {
    let outcome = say(&mut open_with(Version::V1_2, settings), frames.concat());
    outcome.failure.map(|failure| failure.disconnect().clone())
}

#[test]
fn s9_one_transaction_over_the_limit_is_refused() {
    let settings = StompSettings { max_transactions: 3, ..StompSettings::default() };
    let open: Vec<_> = ["a", "b", "c", "d"].map(begin).into();
    assert_eq!(limited(settings.clone(), &open[..3]), None);
    let outcome = say(&mut open_with(Version::V1_2, settings), open.concat());
    assert_eq!(outcome.failure, None);
    assert_eq!(refused(&outcome.events[0]).disconnect(), &Disconnect::STOMP_LIMIT);
}

#[test]
fn what_is_refused_and_does_no_harm_names_its_receipt_and_leaves_all_else_as_it_was() {
    let mut connection = open(Version::V1_2);
    let frames = [
        &begin("t"),
        "UNSUBSCRIBE\nid:1\nreceipt:r\n\n\0",
        "ABORT\ntransaction:u\nreceipt:r\n\n\0",
        SEND,
        "COMMIT\ntransaction:t\n\n\0",
    ]
    .concat();
    let outcome = say(&mut connection, frames);
    let [unsubscribe, abort, Event::Commit { actions, .. }] = outcome.events.as_slice() else { panic!("{outcome:?}") };
    for event in [unsubscribe, abort] {
        let error = connection.error(refused(event));
        assert!(text(&error).contains("\nreceipt-id:r\n"), "{error:?}");
    }
    assert_eq!((actions.len(), outcome.failure), (1, None));
}

#[test]
fn s9_frames_of_all_transactions_are_counted_together() {
    let settings = StompSettings { max_transaction_frames: 2, ..StompSettings::default() };
    let send = |id| format!("SEND\ndestination:/a\ntransaction:{id}\n\n\0");
    let frames = [begin("a"), begin("b"), send("a"), send("b"), send("a")];
    assert_eq!(limited(settings.clone(), &frames[..4]), None);
    assert_eq!(limited(settings, &frames), Some(Disconnect::STOMP_LIMIT));
}

#[test]
fn s9_bytes_of_transactions_are_counted_with_their_heads_and_given_back_at_the_end() {
    // The NUL is not counted; the frame is, and its header beside `transaction`, whatever they hold.
    let cost = SEND.len() - 1 + 64 + 256;
    let settings = StompSettings { max_transaction_bytes: 2 * cost, ..StompSettings::default() };
    let (begin, abort) = (begin("t"), "ABORT\ntransaction:t\n\n\0".to_owned());
    let full = [begin, SEND.to_owned(), SEND.to_owned()];
    assert_eq!(limited(settings.clone(), &full), None);
    let again = [&full[..], &[abort], &full[..]].concat();
    assert_eq!(limited(settings.clone(), &again), None);
    let over = [&full[..], &[SEND.to_owned()]].concat();
    assert_eq!(limited(settings, &over), Some(Disconnect::STOMP_LIMIT));
}

/// Many small headers take more memory than bytes: they are counted by what they cost.
#[test]
fn s9_frames_of_many_empty_headers_fill_a_transaction_sooner_than_their_bytes_would() {
    let names: String = (0..55).map(|n| format!("{n}:\n")).collect();
    let send = format!("SEND\ndestination:/a\ntransaction:t\n{names}\n\0");
    let fits = 1 + (1 << 20) / (send.len() + 56 * 64 + 256);
    let all = |count| std::iter::once(begin("t")).chain(std::iter::repeat_n(send.clone(), count)).collect::<Vec<_>>();
    assert!(fits < 300, "of 1,000 frames, {fits} fit");
    assert_eq!(limited(StompSettings::default(), &all(fits - 1)), None);
    assert_eq!(limited(StompSettings::default(), &all(fits + 1)), Some(Disconnect::STOMP_LIMIT));
}
