//! How far a reader of a feed has come.

use crate::broker::Offset;
use crate::node::broker::Past;
use std::fmt;
use std::str::FromStr;

/// Where a reader is in one of a feed's destinations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Position {
    /// Behind this publication of the topic's history.
    Kept(Offset),
    /// Behind this publication, of which nothing is kept: the number tells events apart, and nobody can come back to it.
    Live(u64),
}

impl Position {
    /// What came behind it. Behind what nobody can come back to, everything that is kept did, and an unknown gap.
    pub(super) fn past(self) -> Past {
        match self {
            Self::Kept(offset) => Past::Since(offset),
            Self::Live(_) => Past::Since(Offset::NOWHERE),
        }
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Kept(offset) => offset.fmt(f),
            Self::Live(number) => write!(f, "live-{number}"),
        }
    }
}

impl FromStr for Position {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        match text.strip_prefix("live-") {
            Some(number) => number.parse().map(Self::Live).map_err(|_| ()),
            None => text.parse().map(Self::Kept),
        }
    }
}

/// Where a reader is in all of a feed's destinations, in their order. As text it is the id of an event: it needs no
/// escaping in a URL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Positions(pub(super) Vec<Position>);

impl Positions {
    /// Whether one can come back to each destination without loss.
    pub(super) fn are_kept(&self) -> bool {
        self.0.iter().all(|position| matches!(position, Position::Kept(_)))
    }

    /// Where nobody knows where a reader is in so many destinations: it comes back to none of them without a gap.
    pub(super) fn unknown(destinations: usize) -> Self {
        Self(vec![Position::Live(0); destinations])
    }

    /// Reads an id that a feed of so many destinations gave.
    pub(super) fn parse(text: &str, destinations: usize) -> Option<Self> {
        // More than this many cannot be right, and are not read.
        let positions = text.split('.').take(destinations + 1).map(str::parse).collect::<Result<Vec<_>, ()>>().ok()?;
        (positions.len() == destinations).then_some(Self(positions))
    }
}

impl fmt::Display for Positions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, position) in self.0.iter().enumerate() {
            if at > 0 {
                f.write_str(".")?;
            }
            position.fmt(f)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_read_as_it_was_written_and_only_for_as_many_destinations() {
        let text = "65a3-12.live-7.1-0";
        let positions = Positions::parse(text, 3).unwrap();
        assert_eq!(positions.to_string(), text);
        for (wrong, destinations) in [(text, 2), (text, 4), ("", 1), ("65a3", 1), ("live-x", 1), ("65a3-12.", 2)] {
            assert_eq!(Positions::parse(wrong, destinations), None, "{wrong}");
        }
    }
}
