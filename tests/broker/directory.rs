//! Who listens where, against asking every pattern.

use crate::{destination, pattern};
use byway::DestinationPattern;
use byway::broker::{Directory, DirectorySettings};
use proptest::prelude::*;
use std::collections::BTreeMap;

#[derive(Debug, Clone)]
enum Step {
    Add(String),
    Remove(String),
}

/// Few segments, so that patterns meet.
fn path(segment: &'static str, last: &'static str) -> impl Strategy<Value = String> {
    (prop::collection::vec(segment, 0..4), last).prop_map(|(segments, last)| {
        let path: String = segments.iter().map(|segment| format!("/{segment}")).collect();
        format!("{path}/{last}")
    })
}

fn step() -> impl Strategy<Value = Step> {
    let pattern = || path("[ab*]", "[ab*]|\\*\\*");
    prop_oneof![3 => pattern().prop_map(Step::Add), 2 => pattern().prop_map(Step::Remove)]
}

fn directory() -> Directory<DestinationPattern> {
    Directory::new(DirectorySettings::default())
}

proptest! {
    #[test]
    fn the_directory_finds_what_asking_every_pattern_finds(
        steps in prop::collection::vec(step(), 1..60),
        asked in prop::collection::vec(path("[ab]", "[ab]"), 1..10),
    ) {
        let mut directory = directory();
        let mut model = BTreeMap::new();
        for step in steps {
            match step {
                Step::Add(text) => {
                    let key = pattern(&text);
                    let listeners = directory.get_or_insert_with(&key, || key.clone()).unwrap();
                    prop_assert_eq!(&key, listeners);
                    model.insert(text, key);
                }
                Step::Remove(text) => prop_assert_eq!(directory.remove(&pattern(&text)), model.remove(&text)),
            }
            prop_assert_eq!(directory.len(), model.len());
            for text in &asked {
                let mut found: Vec<_> = directory.matching(&destination(text)).cloned().collect();
                found.sort();
                let expected: Vec<_> =
                    model.values().filter(|pattern| pattern.matches(&destination(text))).cloned().collect();
                prop_assert_eq!(found, expected, "{}", text);
            }
        }
        for key in model.values() {
            prop_assert_eq!(directory.get(key), Some(key));
        }
    }
}

#[test]
fn listeners_are_made_once_for_a_pattern() {
    let mut directory = directory();
    for text in ["/topic/a", "/topic/*"] {
        let first = pattern("/first");
        directory.get_or_insert_with(&pattern(text), || first.clone()).unwrap();
        let listeners = directory.get_or_insert_with(&pattern(text), || unreachable!("{text} is there")).unwrap();
        assert_eq!(listeners, &first);
    }
}

#[test]
fn a_pattern_of_the_longest_text_is_found_and_removed() {
    let deep = format!("{}/**", "/*".repeat(254));
    let mut directory = directory();
    directory.get_or_insert_with(&pattern(&deep), || pattern("/deep")).unwrap();
    assert_eq!(directory.matching(&destination(&"/a".repeat(256))).count(), 1);
    assert_eq!(directory.matching(&destination(&"/a".repeat(253))).count(), 0);
    assert!(directory.remove(&pattern(&deep)).is_some());
    assert!(directory.is_empty());
}
