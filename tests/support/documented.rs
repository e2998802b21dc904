//! What documents say of tests, and the tests that there are.

use std::fs;
use std::path::Path;

/// The cells of the rows of a document's tables whose first cell begins so.
pub fn rows<'a>(document: &'a str, begin: &str) -> Vec<Vec<&'a str>> {
    let is_row = |line: &&str| line.strip_prefix("| ").is_some_and(|row| row.starts_with(begin));
    let cells = |row: &'a str| row.trim_matches('|').split('|').map(str::trim).collect();
    document.lines().filter(is_row).map(cells).collect()
}

/// What stands between backticks.
pub fn named(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

/// The names of a file's tests: functions behind `#[test]` and `#[tokio::test]`, whatever other attributes they have.
pub fn tests(source: &str) -> impl Iterator<Item = &str> {
    let marks = ["#[test]", "#[tokio::test"].into_iter().flat_map(|mark| source.match_indices(mark));
    marks.filter_map(|(at, _)| source[at..].split_once("fn ")?.1.split('(').next())
}

/// A file of the project, or nothing where there is none.
pub fn file(path: &str) -> Option<String> {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).ok()
}
