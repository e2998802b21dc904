//! Who listens where.

mod tree;

use super::DirectorySettings;
use crate::model::{Destination, DestinationPattern};
use indexmap::IndexMap;
use std::fmt;
use std::ops::Range;
use tree::Tree;

/// The listeners of a node by what they listen to: one `S` for each pattern.
///
/// A destination without wildcards costs one hash lookup; patterns are walked only while there are any. What is removed
/// leaves nothing behind: the memory follows the number of patterns down as well as up.
#[derive(Debug)]
pub struct Directory<S> {
    /// By text of its own: a [`Destination`] may share the buffer that it was received in, and keep all of that.
    exact: IndexMap<Box<str>, S>,
    wild: Tree<S>,
    settings: DirectorySettings,
}

/// The directory has as many patterns, or as many segments of patterns with wildcards, as it may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DirectoryFull;

impl fmt::Display for DirectoryFull {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("there are too many subscriptions to different destinations")
    }
}

impl std::error::Error for DirectoryFull {}

impl<S> Directory<S> {
    /// A directory without listeners.
    pub fn new(settings: DirectorySettings) -> Self {
        Self { exact: IndexMap::new(), wild: Tree::default(), settings }
    }

    /// How many patterns there are.
    pub fn len(&self) -> usize {
        self.exact.len() + self.wild.len()
    }

    /// True where nobody listens.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The listeners of exactly this pattern.
    pub fn get(&self, pattern: &DestinationPattern) -> Option<&S> {
        match pattern.as_destination() {
            Some(destination) => self.exact.get(destination.as_str()),
            None => self.wild.get(pattern),
        }
    }

    /// The listeners of exactly this pattern, which `listeners` makes where there are none. Refused where they would be
    /// more than the settings allow.
    pub fn get_or_insert_with(
        &mut self,
        pattern: &DestinationPattern,
        listeners: impl FnOnce() -> S,
    ) -> Result<&S, DirectoryFull> {
        if self.get(pattern).is_none() && !self.has_room_for(pattern) {
            return Err(DirectoryFull);
        }
        Ok(match pattern.as_destination() {
            Some(destination) => self.exact.entry(destination.as_str().into()).or_insert_with(listeners),
            None => self.wild.get_or_insert_with(pattern, listeners),
        })
    }

    /// Forgets a pattern, and answers who listened to it.
    pub fn remove(&mut self, pattern: &DestinationPattern) -> Option<S> {
        let Some(destination) = pattern.as_destination() else { return self.wild.remove(pattern) };
        let removed = self.exact.swap_remove(destination.as_str());
        if is_too_large(self.exact.len(), self.exact.capacity()) {
            self.exact.shrink_to(self.exact.len() * 2);
        }
        removed
    }

    /// How many places [`texts`](Self::texts) has.
    pub fn places(&self) -> usize {
        self.exact.len().max(self.wild.len())
    }

    /// The texts of the patterns at these places, of which each has one without and one with wildcards at the most: some of
    /// many, so that nobody has to look at all of them at once.
    ///
    /// What is removed leaves its place to the last one, and what is added takes a place behind it. So whoever looks from
    /// the last place to the first sees all that stay there in the meantime, perhaps twice.
    pub fn texts(&self, places: Range<usize>) -> impl Iterator<Item = &str> {
        let exact = self.exact.keys().skip(places.start).take(places.len());
        exact.map(|text| &**text).chain(self.wild.texts(places))
    }

    /// All whose pattern matches `destination`, each once, in no order.
    pub fn matching(&self, destination: &Destination) -> impl Iterator<Item = &S> {
        self.exact.get(destination.as_str()).into_iter().chain(self.wild.matching(destination))
    }

    fn has_room_for(&self, pattern: &DestinationPattern) -> bool {
        let within = |pattern| self.wild.segments_with(pattern) <= self.settings.max_wildcard_segments;
        self.len() < self.settings.max_patterns && (pattern.as_destination().is_some() || within(pattern))
    }
}

/// Memory is given back when three quarters of it are unused, so that a map does not keep the size of its best day.
fn is_too_large(len: usize, capacity: usize) -> bool {
    len < capacity / 4 || len == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pattern(text: impl Into<bytestring::ByteString>) -> DestinationPattern {
        DestinationPattern::parse(text).unwrap()
    }

    fn directory(max_patterns: usize, max_wildcard_segments: usize) -> Directory<u32> {
        Directory::new(DirectorySettings { max_patterns, max_wildcard_segments })
    }

    fn add(directory: &mut Directory<u32>, text: &str) -> Result<u32, DirectoryFull> {
        directory.get_or_insert_with(&pattern(text), || 0).copied()
    }

    #[test]
    fn nothing_is_left_of_a_hundred_thousand_destinations_after_all_are_removed() {
        let mut directory = directory(100_000, 100_002);
        for form in ["/topic/N", "/topic/*/N"] {
            for n in 0..100_000 {
                let full = directory.get_or_insert_with(&pattern(form.replace('N', &n.to_string())), || n);
                full.unwrap();
            }
            for n in 0..100_000 {
                assert_eq!(directory.remove(&pattern(form.replace('N', &n.to_string()))), Some(n));
            }
        }
        assert!(directory.is_empty());
        assert_eq!((directory.exact.capacity(), directory.wild.capacity()), (0, 0));
    }

    #[test]
    fn memory_is_given_back_while_some_remain() {
        let mut directory = Directory::new(DirectorySettings::default());
        let patterns: Vec<_> = (0..1_000).map(|n| pattern(format!("/topic/{n}"))).collect();
        for pattern in &patterns {
            directory.get_or_insert_with(pattern, || ()).unwrap();
        }
        for pattern in &patterns[10..] {
            directory.remove(pattern);
        }
        assert!(directory.exact.capacity() < 100, "{}", directory.exact.capacity());
        assert!(patterns[..10].iter().all(|pattern| directory.get(pattern).is_some()));
    }

    #[test]
    fn whoever_looks_from_the_last_to_the_first_sees_all_that_stay() {
        for form in ["/topic/N", "/topic/N/*"] {
            let mut directory = directory(1_000, 1_000);
            let text = |n: usize| form.replace('N', &n.to_string());
            (0..100).for_each(|n| assert_eq!(add(&mut directory, &text(n)), Ok(0)));
            let mut seen = std::collections::HashSet::new();
            for start in (0..100).step_by(10).rev() {
                seen.extend(directory.texts(start..start + 10).map(str::to_owned));
                directory.remove(&pattern(text(start / 2)));
                directory.remove(&pattern(text(99 - start / 4)));
                add(&mut directory, &text(1_000 + start)).unwrap();
            }
            let stayed: Vec<_> =
                (0..100).map(text).filter(|it| directory.get(&pattern(it.as_str())).is_some()).collect();
            assert!(stayed.len() > 70 && stayed.iter().all(|text| seen.contains(text)), "{form}");
        }
    }

    #[test]
    fn one_pattern_more_than_allowed_is_refused_and_a_known_one_is_not() {
        let mut directory = directory(2, 100);
        assert_eq!(add(&mut directory, "/a"), Ok(0));
        assert_eq!(add(&mut directory, "/a/*"), Ok(0));
        assert_eq!(add(&mut directory, "/b"), Err(DirectoryFull));
        assert_eq!(add(&mut directory, "/a/*"), Ok(0));
        directory.remove(&pattern("/a/*"));
        assert_eq!(add(&mut directory, "/b"), Ok(0));
    }

    #[test]
    fn patterns_with_wildcards_share_the_segments_that_they_may_have() {
        let mut directory = directory(100, 5);
        assert_eq!(add(&mut directory, "/a/b/*"), Ok(0));
        assert_eq!(add(&mut directory, "/a/b/**"), Ok(0));
        assert_eq!(add(&mut directory, "/x/*"), Err(DirectoryFull));
        assert_eq!(add(&mut directory, "/a/*"), Ok(0));
        assert_eq!(add(&mut directory, "/a/x/y/z/without/wildcards"), Ok(0));
        directory.remove(&pattern("/a/b/*"));
        assert_eq!(add(&mut directory, "/x/*"), Err(DirectoryFull));
        directory.remove(&pattern("/a/b/**"));
        assert_eq!(add(&mut directory, "/x/*"), Ok(0));
    }
}
