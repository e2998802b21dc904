//! What the hub queues for a feed.

use super::position::{Position, Positions};
use crate::model::Publication;
use crate::node::broker::OFFSET;
use crate::protocol::feed::Format;
use bytes::Bytes;
use bytestring::ByteString;

/// What the records of one destination of a feed look like.
///
/// Where the feed is to this destination [alone](Self::alone), a record is what goes over the wire, and all who read the
/// topic in this format share it. Elsewhere an event's id says how far its reader is in all destinations, which is each
/// reader's own: a record is a line with the slot and the position, and behind it the content, for the reader to
/// [write](Records::write).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(in crate::node) struct FeedForm {
    pub(in crate::node) format: Format,
    /// Which of the feed's destinations it is.
    pub(in crate::node) slot: usize,
    pub(in crate::node) alone: bool,
    /// Whether it is a poll's, whose next one gets from the history what this one could not take.
    pub(in crate::node) is_poll: bool,
    /// Whether it is one topic with a history, which one can come back to.
    pub(in crate::node) resumable: bool,
}

impl FeedForm {
    /// The record of a publication that has this number on the node.
    pub(in crate::node) fn record(&self, publication: &Publication, number: u64) -> String {
        let position = self.position(publication, number);
        let content = self.format.message(publication);
        match self.alone {
            true => self.format.with_id(&position.to_string(), &content),
            false => format!("{} {position}\n{content}", self.slot),
        }
    }

    fn position(&self, publication: &Publication, number: u64) -> Position {
        let offset = publication.headers.get(OFFSET).filter(|_| self.resumable).and_then(|offset| offset.parse().ok());
        offset.map_or(Position::Live(number), Position::Kept)
    }
}

/// Writes records for one reader.
pub(super) struct Records {
    pub(super) format: Format,
    pub(super) alone: bool,
    pub(super) positions: Positions,
}

impl Records {
    /// What goes over the wire for a record.
    pub(super) fn write(&mut self, record: &ByteString) -> Bytes {
        let unknown = || record.as_bytes().clone();
        if self.alone {
            return unknown();
        }
        let Some((mark, content)) = record.split_once('\n') else { return unknown() };
        let mark = mark.split_once(' ').and_then(|(slot, at)| Some((slot.parse().ok()?, at.parse().ok()?)));
        mark.map_or_else(unknown, |(slot, position)| self.content(slot, position, content).into())
    }

    /// What goes over the wire for content, with which the reader moves on.
    pub(super) fn content(&mut self, slot: usize, position: Position, content: &str) -> String {
        if let Some(before) = self.positions.0.get_mut(slot) {
            *before = position;
        }
        self.format.with_id(&self.positions.to_string(), content)
    }
}
