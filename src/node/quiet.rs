//! How much the log tells of clients who show no account: so much in a second, and of the rest how many there were.

use parking_lot::Mutex;
use std::time::{Duration, Instant};

/// Lines of one kind that such clients can bring about as often as they like.
pub(super) struct Quiet {
    /// How many lines a second has.
    lines: u32,
    told: Mutex<Told>,
}

#[derive(Default)]
struct Told {
    second: Option<Instant>,
    lines: u32,
    left_out: u64,
}

/// What is to be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Telling {
    /// This one, and that so many before it were left out.
    Line {
        left_out: u64,
    },
    Nothing,
}

const SECOND: Duration = Duration::from_secs(1);

impl Quiet {
    pub(super) fn new(lines: u32) -> Self {
        Self { lines, told: Mutex::default() }
    }

    /// Something happened that would be a line.
    pub(super) fn happened(&self, now: Instant) -> Telling {
        let mut told = self.told.lock();
        if told.second.is_none_or(|second| now.saturating_duration_since(second) >= SECOND) {
            (told.second, told.lines) = (Some(now), 0);
        }
        if told.lines == self.lines {
            told.left_out += 1;
            return Telling::Nothing;
        }
        told.lines += 1;
        Telling::Line { left_out: std::mem::take(&mut told.left_out) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_has_so_many_lines_and_the_next_one_says_how_many_were_left_out() {
        let (quiet, start) = (Quiet::new(2), Instant::now());
        let after = |milliseconds| quiet.happened(start + Duration::from_millis(milliseconds));
        let line = |left_out| Telling::Line { left_out };
        assert_eq!([after(0), after(1), after(2), after(999)], [line(0), line(0), Telling::Nothing, Telling::Nothing]);
        assert_eq!([after(1000), after(1001), after(1002)], [line(2), line(0), Telling::Nothing]);
    }
}
