//! docs/stomp-coverage.md names a test for each rule, and each test that stands for one.

use crate::documented::{named, rows, tests};
use std::collections::BTreeSet;

const DOCUMENT: &str = include_str!("../../docs/stomp-coverage.md");

/// Tests that stand for rules of the specifications.
const RULES: &[&str] = &[
    include_str!("client_frames.rs"),
    include_str!("connecting.rs"),
    include_str!("framing.rs"),
    include_str!("server_frames.rs"),
    include_str!("transactions.rs"),
];

/// Tests that rules may name as well.
const OTHERS: &[&str] = &[
    include_str!("limits.rs"),
    include_str!("properties.rs"),
    include_str!("../../src/model/headers.rs"),
    include_str!("../../src/protocol/stomp/header.rs"),
    include_str!("../../src/protocol/stomp/heartbeat.rs"),
];

/// The behaviours that are shown over every transport: a word of this file each.
const BEHAVIOURS: &str = include_str!("../stomp_behaviour/main.rs");

#[test]
fn each_rule_names_a_test_that_there_is_or_whose_it_is_instead() {
    let sources = RULES.iter().chain(OTHERS);
    let known: BTreeSet<_> = sources.flat_map(|source| tests(source)).chain(BEHAVIOURS.split_whitespace()).collect();
    let rules = rows(DOCUMENT, "1.");
    assert!(rules.len() > 60, "only {} rules found", rules.len());
    for row in rules {
        let [_, _, rule, shown] = row[..] else { panic!("not four cells: {row:?}") };
        let unknown: Vec<_> = named(shown).filter(|name| !known.contains(name)).collect();
        assert!(unknown.is_empty(), "no such test, for {rule}: {unknown:?}");
        assert!(shown.starts_with("client") || named(shown).next().is_some(), "nothing shows {rule}");
    }
}

#[test]
fn each_test_of_a_rule_is_named() {
    let listed: BTreeSet<_> = named(DOCUMENT).collect();
    let missing: Vec<_> = RULES.iter().flat_map(|source| tests(source)).filter(|test| !listed.contains(test)).collect();
    assert!(missing.is_empty(), "not in docs/stomp-coverage.md: {missing:#?}");
}
