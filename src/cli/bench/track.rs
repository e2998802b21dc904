//! What one session has heard. Memory grows with the holes in it, not with the messages.

use std::collections::BTreeMap;

/// How a message stands to those before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arrival {
    /// For the first time, and behind all lower numbers that came or will never come.
    InOrder,
    /// For the first time, but behind a higher number.
    Late,
    /// Not for the first time.
    Again,
}

/// The numbers that came of one publisher.
#[derive(Debug, Default)]
struct Track {
    /// One more than the highest that came.
    next: u64,
    /// Ranges below that did not come: from the first to one behind the last.
    missing: BTreeMap<u64, u64>,
}

impl Track {
    fn arrived(&mut self, number: u64) -> Arrival {
        if number < self.next {
            return if self.fill(number) { Arrival::Late } else { Arrival::Again };
        }
        if number > self.next {
            self.missing.insert(self.next, number);
        }
        self.next = number + 1;
        Arrival::InOrder
    }

    /// Takes a number out of what is missing; false if it is not missing.
    fn fill(&mut self, number: u64) -> bool {
        let Some((&first, &end)) = self.missing.range(..=number).next_back().filter(|(_, end)| number < **end) else {
            return false;
        };
        self.missing.remove(&first);
        if first < number {
            self.missing.insert(first, number);
        }
        if number + 1 < end {
            self.missing.insert(number + 1, end);
        }
        true
    }
}

/// What one session has heard of all publishers, or many sessions together.
#[derive(Debug, Default)]
pub struct Tally {
    tracks: BTreeMap<u32, Track>,
    /// Messages that came for the first time.
    pub delivered: u64,
    pub duplicates: u64,
    /// Messages that came behind a later one of the same publisher.
    pub out_of_order: u64,
    /// Messages that are none of this run's.
    pub foreign: u64,
}

impl Tally {
    /// Counts a message that came.
    pub fn arrived(&mut self, publisher: u32, number: u64) -> Arrival {
        let arrival = self.tracks.entry(publisher).or_default().arrived(number);
        match arrival {
            Arrival::InOrder => self.delivered += 1,
            Arrival::Late => {
                self.delivered += 1;
                self.out_of_order += 1;
            }
            Arrival::Again => self.duplicates += 1,
        }
        arrival
    }

    /// Adds what another session has heard.
    pub fn add(&mut self, other: &Self) {
        self.delivered += other.delivered;
        self.duplicates += other.duplicates;
        self.out_of_order += other.out_of_order;
        self.foreign += other.foreign;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    fn heard(numbers: &[u64]) -> Tally {
        let mut tally = Tally::default();
        for number in numbers {
            tally.arrived(0, *number);
        }
        tally
    }

    #[test]
    fn loss_is_no_disorder_and_a_late_message_is_no_duplicate() {
        let tally = heard(&[0, 1, 4, 5]);
        assert_eq!((tally.delivered, tally.duplicates, tally.out_of_order), (4, 0, 0));
        let tally = heard(&[0, 4, 2, 2, 1, 3, 0, 4]);
        assert_eq!((tally.delivered, tally.duplicates, tally.out_of_order), (5, 3, 3));
    }

    #[test]
    fn publishers_are_told_apart() {
        let mut tally = heard(&[0]);
        assert_eq!(tally.arrived(1, 0), Arrival::InOrder);
        assert_eq!(tally.arrived(0, 0), Arrival::Again);
    }

    #[test]
    fn a_number_from_nowhere_costs_no_memory() {
        let tally = heard(&[1 << 60]);
        assert_eq!(tally.tracks[&0].missing.len(), 1);
    }

    proptest! {
        #[test]
        fn counts_are_those_of_a_set(numbers in prop::collection::vec(0_u64..40, 0..80)) {
            let (mut seen, mut highest, mut expected) = (BTreeSet::new(), None, Vec::new());
            for number in &numbers {
                expected.push(match seen.insert(*number) {
                    false => Arrival::Again,
                    true if highest > Some(*number) => Arrival::Late,
                    true => Arrival::InOrder,
                });
                highest = highest.max(Some(*number));
            }
            let mut tally = Tally::default();
            let arrivals: Vec<_> = numbers.iter().map(|number| tally.arrived(0, *number)).collect();
            prop_assert_eq!(arrivals, expected);
            prop_assert_eq!(tally.delivered, seen.len() as u64);
        }
    }
}
