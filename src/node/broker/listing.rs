//! What the broker has, name by name, without keeping others from their work for long.

use super::Broker;
use crate::broker::Kind;
use crate::messaging::{DestinationInfo, DestinationPage, DestinationQuery, DestinationState};
use crate::model::{Destination, DestinationPattern};
use bytestring::ByteString;
use std::collections::BTreeSet;
use std::ops::Range;

/// How many names are looked at under a lock: some microseconds.
const AT_ONCE: usize = 512;

/// A table of names that can be looked at in parts, from its last place to its first (see
/// [`Directory::texts`](crate::broker::Directory::texts)).
pub(super) trait Names {
    /// How many places there are.
    fn places(&self) -> usize;

    /// The names at these places that are wanted.
    fn names(&self, places: Range<usize>, is_wanted: &dyn Fn(&str) -> bool) -> Vec<ByteString>;
}

/// The texts at these places that are wanted.
pub(super) fn texts<'a>(
    all: impl Iterator<Item = &'a Destination>,
    places: Range<usize>,
    is_wanted: &dyn Fn(&str) -> bool,
) -> Vec<ByteString> {
    let texts = all.skip(places.start).take(places.len()).map(Destination::as_text);
    texts.filter(|text| is_wanted(text)).cloned().collect()
}

/// The first names that were asked for, of those seen so far.
struct Found<'a> {
    query: &'a DestinationQuery,
    names: BTreeSet<DestinationPattern>,
}

impl Found<'_> {
    /// Looks at a whole table. Nothing is locked between its parts.
    fn look_at(&mut self, table: &dyn Names) {
        let mut end = table.places();
        while end > 0 {
            let start = end.saturating_sub(AT_ONCE);
            for name in table.names(start..end, &|name| self.is_wanted(name)) {
                // Not before nothing is locked any more.
                DestinationPattern::parse(name).into_iter().for_each(|name| self.add(name));
            }
            end = start;
        }
    }

    fn is_wanted(&self, name: &str) -> bool {
        let is_early = || self.names.last().is_none_or(|last| !self.is_full() || name < last.as_str());
        *name > *self.query.after && name.starts_with(&*self.query.prefix) && is_early()
    }

    /// One more than was asked for shows that there are more.
    fn is_full(&self) -> bool {
        self.names.len() > self.query.limit
    }

    fn add(&mut self, name: DestinationPattern) {
        if self.query.pattern.as_ref().is_none_or(|pattern| pattern.intersects(&name)) {
            self.names.insert(name);
        }
        if self.names.len() > self.query.limit + 1 {
            self.names.pop_last();
        }
    }
}

impl Broker {
    /// What there is of what is asked for. It looks at every name that there is, so it takes a while.
    pub(in crate::node) fn destinations(&self, query: &DestinationQuery) -> DestinationPage {
        let mut found = Found { query, names: BTreeSet::new() };
        let tables: [&dyn Names; 3] = [&*self.topics, &*self.queues, &self.histories];
        tables.into_iter().for_each(|table| found.look_at(table));
        let more = found.is_full().then(|| found.names.pop_last()).is_some();
        let next = found.names.last().filter(|_| more).cloned();
        DestinationPage { destinations: found.names.into_iter().filter_map(|name| self.look_up(name)).collect(), next }
    }

    /// What is there now; nothing where it is gone meanwhile.
    fn look_up(&self, name: DestinationPattern) -> Option<DestinationInfo> {
        let (subscribers, state) = match self.settings.kind_of_pattern(&name).ok()? {
            Kind::Topic => {
                let subscribers = self.topics.subscribers(&name);
                let history = name.as_destination().and_then(|destination| self.histories.state(&destination));
                (subscribers > 0 || history.is_some()).then_some((subscribers, DestinationState::Topic(history)))?
            }
            Kind::Queue => {
                let (consumers, state) = self.queues.state(&name.as_destination()?)?;
                (consumers, DestinationState::Queue(state))
            }
        };
        Some(DestinationInfo { name, subscribers, state })
    }
}
