//! docs/settings.md has each setting of docs/byway.toml, with a test that shows what it does.

use crate::support::documented::{file, named, rows, tests};
use std::process::Command;
use std::thread;

const DOCUMENT: &str = include_str!("../../docs/settings.md");
const SAMPLE: &str = include_str!("../../docs/byway.toml");

/// The folders whose tests are of a running server.
const SERVERS: &[&str] = &[
    "admin",
    "api",
    "attacks",
    "behaviour",
    "binary",
    "feeds",
    "hooks",
    "presence",
    "proxies",
    "settings",
    "sockjs_wire",
    "stomp_behaviour",
];

/// The settings of the sample file, in its order, those without a default too. All endpoints have the same.
fn settings() -> Vec<String> {
    let (mut section, mut settings) = (String::new(), Vec::new());
    for line in SAMPLE.lines().map(|line| line.strip_prefix("#: ").unwrap_or(line)) {
        if let Some(name) = line.strip_prefix('[') {
            section = format!("{}.", name.trim_end_matches(']'));
        } else if let Some((key, _)) = line.split_once(" = ").filter(|_| !line.starts_with('#')) {
            let setting = of_any_endpoint(&format!("{section}{key}"));
            settings.extend(Some(setting).filter(|setting| !settings.contains(setting)));
        }
    }
    settings
}

fn of_any_endpoint(key: &str) -> String {
    let name = key.strip_prefix("endpoints.").and_then(|rest| rest.split_once('.'));
    name.map_or_else(|| key.to_owned(), |(_, rest)| format!("endpoints.*.{rest}"))
}

/// A setting, a test of it as `folder::file::test`, and what else there is to say.
type Row = (&'static str, &'static str, &'static str);

fn table() -> Vec<Row> {
    let tests_of = |row: Vec<&'static str>| {
        let [setting, tests, note] = row[..] else { panic!("not three cells: {row:?}") };
        let setting = named(setting).next().expect("a name between backticks");
        assert!(named(tests).next().is_some(), "{setting} has no test");
        named(tests).map(move |test| (setting, test, note))
    };
    rows(DOCUMENT, "`").into_iter().flat_map(tests_of).collect()
}

#[test]
fn every_setting_has_a_row_and_every_row_has_a_setting() {
    let (settings, table) = (settings(), table());
    assert!(settings.len() > 150, "only {} settings found", settings.len());
    let has = |setting: &str| table.iter().any(|(listed, ..)| *listed == setting);
    let missing: Vec<_> = settings.iter().filter(|setting| !has(setting)).collect();
    assert!(
        missing.is_empty(),
        "write a test that shows what these do, best in tests/settings, and a row for each in docs/settings.md, \
         as in | `SETTING` | `settings::file::test` | |: {missing:#?}"
    );
    let mut listed: Vec<_> = table.iter().map(|(setting, ..)| *setting).collect();
    listed.dedup();
    assert_eq!(listed, settings, "docs/settings.md has each setting once, in the order of docs/byway.toml");
}

/// Whether there is such a test: in `tests/folder/file.rs`.
fn is_there(test: &str) -> bool {
    let Some((path, name)) = test.rsplit_once("::") else { return false };
    let source = file(&format!("tests/{}.rs", path.replace("::", "/")));
    source.is_some_and(|source| {
        let is_behaviour = || source.contains(&format!("pub async fn {name}(row: Transport)"));
        tests(&source).any(|test| test == name) || is_behaviour()
    })
}

#[test]
fn every_row_names_a_test_of_a_running_server() {
    for (setting, test, note) in table() {
        assert!(is_there(test), "the test of {setting} is not there: tests/folder/file.rs has none for {test}");
        let folder = test.split("::").next().unwrap_or_default();
        assert!(SERVERS.contains(&folder) || !note.is_empty(), "{test} runs no server; {setting} needs a note why");
    }
}

/// Whether the test fails in a server that ignores the setting, which is [`crate::stage::read`]'s doing.
fn fails_without(setting: &str, test: &str) -> bool {
    let executable = std::env::current_exe().expect("a test knows its own file");
    let mut command = Command::new(executable);
    let output = command.args(["--exact", "--include-ignored", test]).env(crate::stage::IGNORED, setting).output();
    let output = output.expect("it runs");
    let out = String::from_utf8_lossy(&output.stdout);
    assert!(out.contains("running 1 test"), "{test}: {out}");
    !output.status.success()
}

/// Most of them wait for what does not come.
const AT_A_TIME: usize = 16;

/// Whoever changes how settings are read runs this: `cargo test --test settings -- --ignored`.
#[test]
#[ignore = "runs every test again, alone: it takes minutes"]
fn every_test_here_fails_where_its_setting_is_ignored() {
    // What an endpoint must have cannot be left out.
    let required = ["endpoints.*.path", "endpoints.*.app"];
    let here = |(setting, test, _): Row| Some((setting, test.strip_prefix("settings::")?));
    let rows: Vec<_> =
        table().into_iter().filter_map(here).filter(|(setting, _)| !required.contains(setting)).collect();
    let blind = |rows: &[(&'static str, &'static str)]| -> Vec<_> {
        rows.iter().filter(|(setting, test)| !fails_without(setting, test)).copied().collect()
    };
    let blind: Vec<_> = thread::scope(|scope| {
        let looking: Vec<_> =
            rows.chunks(rows.len().div_ceil(AT_A_TIME)).map(|rows| scope.spawn(move || blind(rows))).collect();
        looking.into_iter().flat_map(|looking| looking.join().expect("it looks at all")).collect()
    });
    assert!(blind.is_empty(), "these pass though the setting is ignored: {blind:#?}");
}
