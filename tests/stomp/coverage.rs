//! docs/stomp-coverage.md names a test for each rule, and each test that stands for one.

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

fn tests<'a>(sources: &[&'a str]) -> BTreeSet<&'a str> {
    let names = |source: &'a str| {
        source.split("#[test]\n").skip(1).filter_map(|rest| rest.split_once("fn ")?.1.split('(').next())
    };
    sources.iter().copied().flat_map(names).collect()
}

/// The cells of the tables' rows.
fn rows() -> impl Iterator<Item = Vec<&'static str>> {
    let is_row = |line: &&str| line.starts_with("| 1.");
    DOCUMENT.lines().filter(is_row).map(|line| line.trim_matches('|').split('|').map(str::trim).collect())
}

fn named(cell: &str) -> impl Iterator<Item = &str> {
    cell.split('`').skip(1).step_by(2)
}

#[test]
fn each_rule_names_a_test_that_there_is_or_whose_it_is_instead() {
    let mut known: BTreeSet<_> = tests(RULES).union(&tests(OTHERS)).copied().collect();
    known.extend(BEHAVIOURS.split_whitespace());
    assert!(rows().count() > 60, "only {} rules found", rows().count());
    for row in rows() {
        let [_, _, rule, shown] = row[..] else { panic!("not four cells: {row:?}") };
        let unknown: Vec<_> = named(shown).filter(|name| !known.contains(name)).collect();
        assert!(unknown.is_empty(), "no such test, for {rule}: {unknown:?}");
        assert!(shown.starts_with("client") || named(shown).next().is_some(), "nothing shows {rule}");
    }
}

#[test]
fn each_test_of_a_rule_is_named() {
    let listed: BTreeSet<_> = named(DOCUMENT).collect();
    let missing: Vec<_> = tests(RULES).into_iter().filter(|test| !listed.contains(test)).collect();
    assert!(missing.is_empty(), "not in docs/stomp-coverage.md: {missing:#?}");
}
