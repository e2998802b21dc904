//! Patterns with wildcards, segment by segment.

use super::is_too_large;
use crate::model::{Destination, DestinationPattern};
use indexmap::IndexSet;
use std::collections::HashMap;
use std::ops::Range;

/// The patterns that have a wildcard, and their listeners.
#[derive(Debug)]
pub struct Tree<S> {
    root: Branch<S>,
    /// Their texts, to be looked at one after the other.
    texts: IndexSet<Box<str>>,
    /// How many branches there are below the root: what the memory is proportional to.
    segments: usize,
}

/// All patterns that begin alike. Wildcards are segments like any other here: no destination has a segment `*` or `**`.
#[derive(Debug)]
struct Branch<S> {
    /// The listeners of the pattern that ends here.
    listeners: Option<S>,
    branches: HashMap<Box<str>, Self>,
}

impl<S> Default for Tree<S> {
    fn default() -> Self {
        Self { root: Branch::default(), texts: IndexSet::new(), segments: 0 }
    }
}

impl<S> Default for Branch<S> {
    fn default() -> Self {
        Self { listeners: None, branches: HashMap::new() }
    }
}

impl<S> Tree<S> {
    pub fn len(&self) -> usize {
        self.texts.len()
    }

    /// The texts at these places.
    pub fn texts(&self, places: Range<usize>) -> impl Iterator<Item = &str> {
        self.texts.iter().skip(places.start).take(places.len()).map(|text| &**text)
    }

    /// How many segments there would be with `pattern`. Patterns share the segments that they begin with.
    pub fn segments_with(&self, pattern: &DestinationPattern) -> usize {
        self.segments + pattern.segments().count() - self.root.known(pattern)
    }

    pub fn get(&self, pattern: &DestinationPattern) -> Option<&S> {
        let end = pattern.segments().try_fold(&self.root, |branch, segment| branch.branches.get(segment))?;
        end.listeners.as_ref()
    }

    pub fn get_or_insert_with(&mut self, pattern: &DestinationPattern, listeners: impl FnOnce() -> S) -> &S {
        self.segments = self.segments_with(pattern);
        let end = pattern
            .segments()
            .fold(&mut self.root, |branch, segment| branch.branches.entry(segment.into()).or_default());
        if end.listeners.is_none() {
            self.texts.insert(pattern.as_str().into());
        }
        end.listeners.get_or_insert_with(listeners)
    }

    pub fn remove(&mut self, pattern: &DestinationPattern) -> Option<S> {
        let known = self.root.known(pattern);
        let removed = self.root.remove(&mut pattern.segments())?;
        self.segments -= known - self.root.known(pattern);
        self.texts.swap_remove(pattern.as_str());
        if is_too_large(self.texts.len(), self.texts.capacity()) {
            self.texts.shrink_to(self.texts.len() * 2);
        }
        Some(removed)
    }

    /// The listeners of all patterns that match. While there are no patterns, this does nothing.
    pub fn matching(&self, destination: &Destination) -> Vec<&S> {
        let mut found = Vec::new();
        if !self.texts.is_empty() {
            self.root.matching(destination.as_str().strip_prefix('/'), &mut found);
        }
        found
    }

    #[cfg(test)]
    pub fn capacity(&self) -> usize {
        self.root.branches.capacity() + self.texts.capacity()
    }
}

impl<S> Branch<S> {
    /// How many of the pattern's segments are there already.
    fn known(&self, pattern: &DestinationPattern) -> usize {
        let path = pattern.segments().scan(self, |branch, segment| {
            *branch = branch.branches.get(segment)?;
            Some(())
        });
        path.count()
    }

    fn remove(&mut self, path: &mut dyn Iterator<Item = &str>) -> Option<S> {
        let Some(segment) = path.next() else { return self.listeners.take() };
        let branch = self.branches.get_mut(segment)?;
        let removed = branch.remove(path);
        if branch.listeners.is_none() && branch.branches.is_empty() {
            self.branches.remove(segment);
            if is_too_large(self.branches.len(), self.branches.capacity()) {
                self.branches.shrink_to(self.branches.len() * 2);
            }
        }
        removed
    }

    /// `rest` is what of the destination is behind this branch. The depth is that of the deepest pattern.
    fn matching<'a>(&'a self, rest: Option<&str>, found: &mut Vec<&'a S>) {
        found.extend(self.branches.get("**").and_then(|all| all.listeners.as_ref()));
        let Some(rest) = rest else { return found.extend(&self.listeners) };
        let (segment, rest) = rest.split_once('/').map_or((rest, None), |(segment, rest)| (segment, Some(rest)));
        for branch in [segment, "*"].into_iter().filter_map(|segment| self.branches.get(segment)) {
            branch.matching(rest, found);
        }
    }
}
