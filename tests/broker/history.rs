//! The recent past of a topic, against keeping everything.

use crate::{at, number, pattern, sized};
use byway::Publication;
use byway::broker::{Gap, History, HistorySettings};
use proptest::prelude::*;
use std::sync::Arc;
use std::time::Duration;

const EPOCH: u64 = 7;
const MESSAGES: usize = 4;
const BYTES: usize = 100;
const MAX_AGE: u64 = 50;

fn history() -> History {
    let settings = HistorySettings {
        messages: MESSAGES,
        bytes: BYTES,
        max_age: Duration::from_millis(MAX_AGE),
        ..HistorySettings::new(pattern("/queue/a"))
    };
    History::new(EPOCH, settings)
}

fn numbers(publications: &[(u64, Arc<Publication>)]) -> Vec<u64> {
    publications
        .iter()
        .map(|(offset, publication)| {
            assert_eq!(*offset, number(publication) as u64, "a publication under another's offset");
            *offset
        })
        .collect()
}

/// The offsets of what is kept of `pushed`, which has the size and the time of each.
fn kept(pushed: &[(usize, u64)], now: u64) -> std::ops::Range<u64> {
    let mut bytes = 0;
    let newest_first = pushed.iter().rev().take(MESSAGES);
    let kept = newest_first.take_while(|(size, pushed)| {
        bytes += size;
        bytes <= BYTES && now < pushed + MAX_AGE
    });
    let end = pushed.len() as u64 + 1;
    end - kept.count() as u64..end
}

proptest! {
    #[test]
    fn a_replay_is_the_longest_past_within_the_limits_and_says_what_is_missing(
        steps in prop::collection::vec((0u64..30, prop::option::weighted(0.7, 12usize..120)), 1..60),
        asked in 0u64..70,
    ) {
        let (mut history, mut pushed, mut now) = (history(), Vec::new(), 0);
        for (pause, push) in steps {
            now += pause;
            if let Some(size) = push {
                pushed.push((size, now));
                prop_assert_eq!(history.push(sized(pushed.len(), size), at(now)), pushed.len() as u64);
            }
            let expected = kept(&pushed, now);
            prop_assert_eq!(numbers(&history.last(usize::MAX, at(now))), expected.clone().collect::<Vec<_>>());
            prop_assert_eq!(numbers(&history.last(2, at(now))).len(), 2.min(expected.clone().count()));

            let offset = asked.min(pushed.len() as u64);
            let replay = history.since(EPOCH, offset, at(now));
            let missing = expected.start.saturating_sub(offset + 1);
            prop_assert_eq!(numbers(&replay.publications), (expected.start.max(offset + 1)..expected.end).collect::<Vec<_>>());
            prop_assert_eq!(replay.gap, (missing > 0).then_some(Gap::Missed(missing)));

            let last = history.before_last(2, at(now)) + 1..pushed.len() as u64 + 1;
            prop_assert_eq!(numbers(&history.last(2, at(now))), last.collect::<Vec<_>>());
            let (gap, read) = history.read_since(EPOCH, offset, at(now));
            let left = read.len();
            let read: Vec<_> = read.map(|(offset, publication)| (offset, Arc::clone(publication))).collect();
            prop_assert_eq!((gap, left, &read), (replay.gap, read.len(), &replay.publications));

            let bytes = expected.clone().map(|offset| pushed[offset as usize - 1].0).sum::<usize>();
            prop_assert_eq!(history.bytes(), bytes);
            prop_assert_eq!(history.is_empty(), bytes == 0);
            let due = (!expected.is_empty()).then(|| at(pushed[expected.start as usize - 1].1 + MAX_AGE));
            prop_assert_eq!(history.poll_timeout(), due);
        }
    }
}

#[test]
fn a_position_of_another_epoch_or_of_the_future_gets_all_that_is_kept_and_an_unknown_gap() {
    let mut history = history();
    history.push(sized(1, 20), at(0));
    for (epoch, offset) in [(EPOCH + 1, 0), (EPOCH + 1, 1), (EPOCH, 2), (EPOCH, u64::MAX)] {
        let replay = history.since(epoch, offset, at(0));
        assert_eq!((numbers(&replay.publications), replay.gap), (vec![1], Some(Gap::Unknown)), "{epoch} {offset}");
    }
}

#[test]
fn limits_hold_at_their_edge() {
    let mut history = history();
    for number in 1..=2 {
        history.push(sized(number, BYTES / 2), at(0));
    }
    assert_eq!(numbers(&history.last(9, at(0))), [1, 2]);
    history.push(sized(3, BYTES / 2 + 1), at(0));
    assert_eq!(numbers(&history.last(9, at(0))), [3]);
    history.push(sized(4, BYTES), at(1));
    assert_eq!(numbers(&history.last(9, at(MAX_AGE))), [4]);
    assert!(history.last(9, at(MAX_AGE + 1)).is_empty());
}
