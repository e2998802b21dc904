//! docs/security.md names every test of this suite, and no other.

use crate::support::documented::{named, tests};
use std::collections::BTreeSet;

const SOURCES: &[&str] = &[
    include_str!("h_connections.rs"),
    include_str!("h_fields.rs"),
    include_str!("h_requests.rs"),
    include_str!("h_slow_readers.rs"),
    include_str!("h_smuggling.rs"),
    include_str!("j_tokens.rs"),
    include_str!("o_operations.rs"),
    include_str!("p_pages.rs"),
    include_str!("p_sessions.rs"),
    include_str!("p_users.rs"),
    include_str!("r_limits.rs"),
    include_str!("s_broker.rs"),
    include_str!("s_frames.rs"),
    include_str!("s_shares.rs"),
    include_str!("w_frames.rs"),
    include_str!("w_peers.rs"),
    include_str!("x_strangers.rs"),
    // Rows that need no server.
    include_str!("../stomp/client_frames.rs"),
    include_str!("../stomp/limits.rs"),
    include_str!("../stomp/properties.rs"),
    include_str!("../stomp/server_frames.rs"),
    include_str!("../stomp/transactions.rs"),
    include_str!("../../src/policy/jwt/hostile_tests.rs"),
    include_str!("../../src/policy/jwt/tests.rs"),
    include_str!("../../src/policy/rate/tests.rs"),
];

/// `h1_...`, `w10_...`, `p4_...`: a row, and a sentence.
fn is_test(word: &str) -> bool {
    let row = word.split('_').next().unwrap_or_default();
    let (letter, number) = row.split_at_checked(1).unwrap_or_default();
    ["h", "w", "p", "s", "j", "r", "o", "x"].contains(&letter) && number.parse::<u8>().is_ok() && word.contains('_')
}

#[test]
fn the_documentation_names_every_test_and_no_other() {
    let tests: BTreeSet<_> = SOURCES.iter().flat_map(|source| tests(source)).filter(|name| is_test(name)).collect();
    let named: BTreeSet<_> = named(include_str!("../../docs/security.md")).filter(|word| is_test(word)).collect();
    let differences: Vec<_> = tests.symmetric_difference(&named).collect();
    assert!(differences.is_empty(), "only there, or only here: {differences:#?}");
}
