//! The rules of docs/architecture.md that the compiler cannot see, read off the sources.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

#[test]
fn the_sources_keep_the_rules() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let files = sources(&root);
    assert!(files.len() > 40, "only {} files found: is this the right folder?", files.len());
    let violations: Vec<_> = files
        .iter()
        .flat_map(|path| {
            let name = path.strip_prefix(&root).unwrap().to_string_lossy().replace('\\', "/");
            check(&name, &fs::read_to_string(path).unwrap())
        })
        .collect();
    let list: Vec<_> = violations.iter().map(ToString::to_string).collect();
    assert!(list.is_empty(), "\n{}\n", list.join("\n"));
}

#[test]
fn an_import_against_the_arrows_is_found() {
    check_one("session/core.rs", "use crate::node::Byway;", "layers");
    check_one("model/ids.rs", "fn f() { crate::policy::check() }", "layers");
    check_one("protocol/a.rs", "use crate::{model::Message, session::Session};", "layers");
    check_one("protocol/a.rs", "use crate::{\n    model::Message,\n    transport::{self, Endpoint},\n};", "layers");
    check_one("policy/origin.rs", "use crate::protocol::sockjs;", "layers");
    check_one("broker/memory.rs", "use crate::policy::Rules;", "layers");
    check_one("node/cell.rs", "use crate::Endpoint;", "layers");
    check_one("newcomer/a.rs", "fn f() {}", "layers");
    check_none("transport/a.rs", "use crate::{model::Message, node::Byway};\nuse crate::policy::Origin;");
    check_none("config.rs", "use crate::server::Server;");
    check_none("messaging/a.rs", "use crate::{broker::Broker, model::Message, policy::Rules};");
    check_none("main.rs", "use byway::server::Server;");
}

#[test]
fn a_clock_chance_io_a_log_or_a_task_below_the_node_is_found() {
    for code in [
        "let now = Instant::now();",
        "use std::time::SystemTime;",
        "getrandom::u32();",
        "use rand::Rng;",
        "use tokio::sync::Notify;",
        "use std::net::TcpStream;",
        "use std::fs;",
        "use std::io::{self, Read};",
        "tracing::debug!(\"x\");",
        "std::thread::spawn(f);",
    ] {
        check_one("session/core.rs", code, "sans-io");
        check_one("protocol/sockjs/path.rs", code, "sans-io");
        check_one("broker/history.rs", code, "sans-io");
    }
    check_none("session/core.rs", "use std::io::{self, IoSlice};\nuse std::time::Instant;\nfn f(now: Instant) {}");
    check_none("node/mod.rs", "fn now() { Instant::now(); }");
}

#[test]
fn a_task_that_is_spawned_outside_node_and_server_is_found() {
    check_one("transport/upgrade.rs", "tokio::spawn(f);", "spawn");
    check_one("transport/upgrade.rs", "handle\n    .spawn(f);", "spawn");
    check_none("node/byway.rs", "tokio::spawn(f);");
    check_none("server/accept.rs", "tasks.spawn(f);");
}

#[test]
fn a_long_file_unsafe_code_and_printing_are_found() {
    check_one("model/a.rs", &"fn f() {}\n".repeat(MAX_LINES + 1), "length");
    check_none("model/a.rs", &"fn f() {}\n".repeat(MAX_LINES));
    check_one("model/a.rs", "unsafe { f() }", "unsafe");
    check_one("node/a.rs", "println!();", "print");
    check_one("node/a.rs", "eprintln!();", "print");
    check_one("node/a.rs", "dbg!(x);", "print");
    check_none("main.rs", "println!();");
}

#[test]
fn comments_and_strings_break_no_rule() {
    check_none("model/a.rs", "// use crate::node::Byway; unsafe println!()\n/// [`x`](crate::node)\n/* crate::node */");
    check_none("model/a.rs", r#"let text = "crate::node:: \" unsafe { println!() }";"#);
    check_none("model/a.rs", "let text = r#\"crate::node:: \"unsafe\" \"#; let c = '\"'; let l: &'static str = f();");
    check_one("model/a.rs", "let quote = '\"';\nunsafe { f() }", "unsafe");
}

#[test]
fn a_violation_names_its_rule_file_and_line() {
    let found = check("session/core.rs", "//! Doc.\n\nuse crate::node::Byway;\n");
    assert_eq!(found[0].to_string(), "src/session/core.rs:3: layers: session may not use node");
}

/// Who may use whom, beside itself.
const LAYERS: &[(&str, &[&str])] = &[
    ("model", &[]),
    ("http_client", &[]),
    ("policy", &["model", "http_client"]),
    ("broker", &["model"]),
    ("messaging", &["model", "policy", "broker"]),
    ("protocol", &["model"]),
    ("session", &["model", "protocol"]),
    ("hooks", &["model", "http_client", "policy", "messaging"]),
    ("node", &["model", "protocol", "session", "policy", "broker", "messaging"]),
    ("transport", &["model", "protocol", "session", "policy", "broker", "messaging", "node"]),
    (
        "server",
        &["http_client", "hooks", "model", "protocol", "session", "policy", "broker", "messaging", "node", "transport"],
    ),
    (
        "config",
        &["hooks", "model", "protocol", "session", "policy", "broker", "messaging", "node", "transport", "server"],
    ),
];

/// The crate's root and its binary, which put the layers together.
const ROOTS: &[&str] = &["lib", "main", "cli"];

const MAX_LINES: usize = 500;

/// What the sans-IO layers may not name, and what it would be.
const NOT_SANS_IO: &[(&str, &str)] = &[
    ("Instant::now", "a clock"),
    ("SystemTime", "a clock"),
    ("getrandom", "chance"),
    ("rand::", "chance"),
    ("tokio", "a runtime"),
    ("std::net", "sockets"),
    ("std::fs", "files"),
    ("tracing", "a log"),
    ("log::", "a log"),
    ("thread::", "a thread"),
    ("spawn(", "a task"),
];

/// What of `std::io` is vocabulary, and not IO.
const IO_WORDS: &[&str] = &["self", "IoSlice", "Result", "Error", "ErrorKind"];

struct Violation {
    file: String,
    line: usize,
    rule: &'static str,
    problem: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "src/{}:{}: {}: {}", self.file, self.line, self.rule, self.problem)
    }
}

fn check_one(file: &str, source: &str, rule: &str) {
    let found = check(file, source);
    assert!(found.iter().any(|violation| violation.rule == rule), "{rule} not found in {file}: {source}");
}

fn check_none(file: &str, source: &str) {
    let found: Vec<_> = check(file, source).iter().map(ToString::to_string).collect();
    assert!(found.is_empty(), "{found:?}");
}

fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => files.extend(sources(&path)),
            false if path.extension().is_some_and(|extension| extension == "rs") => files.push(path),
            false => {}
        }
    }
    files
}

/// All violations in `file`, whose name is relative to `src/`.
fn check(file: &str, source: &str) -> Vec<Violation> {
    let code = code_only(source);
    let layer = file.split_once('/').map_or_else(|| file.trim_end_matches(".rs"), |(folder, _)| folder);
    let mut found = Vec::new();
    let mut report = |at: usize, rule, problem: String| {
        let line = code[..at].matches('\n').count() + 1;
        found.push(Violation { file: file.to_owned(), line, rule, problem });
    };
    check_layers(layer, &code, &mut report);
    if matches!(layer, "protocol" | "session" | "broker") {
        check_sans_io(layer, &code, &mut report);
    }
    if !matches!(layer, "node" | "server" | "main" | "cli") {
        for at in words(&code, "spawn(").chain(words(&code, "spawn_blocking(")) {
            report(at, "spawn", "only node and server spawn tasks".to_owned());
        }
    }
    for at in words(&code, "unsafe") {
        report(at, "unsafe", "no unsafe code".to_owned());
    }
    for name in ["println!", "eprintln!", "print!", "eprint!", "dbg!"] {
        for at in words(&code, name).filter(|_| !matches!(layer, "main" | "cli")) {
            report(at, "print", format!("the library says {name}"));
        }
    }
    let lines = source.lines().count();
    if lines > MAX_LINES {
        report(code.len(), "length", format!("{lines} lines; at most {MAX_LINES}"));
    }
    found
}

fn check_layers(layer: &str, code: &str, report: &mut impl FnMut(usize, &'static str, String)) {
    if ROOTS.contains(&layer) {
        return;
    }
    let Some((_, allowed)) = LAYERS.iter().find(|(name, _)| *name == layer) else {
        return report(0, "layers", format!("{layer} is in no layer; give it one in {}", file!()));
    };
    for at in words(code, "crate::") {
        let path = &code[at + "crate::".len()..];
        for used in first_segments(path).into_iter().filter(|used| *used != layer && !allowed.contains(used)) {
            report(at, "layers", format!("{layer} may not use {used}"));
        }
    }
}

/// The names directly behind `crate::`: one, or those of a group in braces.
fn first_segments(path: &str) -> Vec<&str> {
    let Some(group) = path.strip_prefix('{') else { return vec![word(path)] };
    let (mut depth, mut begin, mut names) = (0, 0, Vec::new());
    for (at, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth > 0 => depth -= 1,
            ',' | '}' if depth == 0 => {
                names.push(word(group[begin..at].trim()));
                begin = at + 1;
                if c == '}' {
                    break;
                }
            }
            _ => {}
        }
    }
    names.retain(|name| !name.is_empty());
    names
}

fn check_sans_io(layer: &str, code: &str, report: &mut impl FnMut(usize, &'static str, String)) {
    for (name, what) in NOT_SANS_IO {
        for at in words(code, name) {
            report(at, "sans-io", format!("{layer} names {what}: {name}"));
        }
    }
    for at in words(code, "io::") {
        let used = first_segments(&code[at + "io::".len()..]);
        for used in used.into_iter().filter(|used| !IO_WORDS.contains(used)) {
            report(at, "sans-io", format!("{layer} does IO: io::{used}"));
        }
    }
}

/// Where `wanted` begins as a word of its own.
fn words<'a>(code: &'a str, wanted: &'a str) -> impl Iterator<Item = usize> + 'a {
    let whole = |at: &usize| {
        let end = at + wanted.len();
        let open = wanted.ends_with(is_word) && code[end..].starts_with(is_word);
        !code[..*at].ends_with(is_word) && !open
    };
    code.match_indices(wanted).map(|(at, _)| at).filter(whole)
}

fn word(text: &str) -> &str {
    &text[..text.find(|c| !is_word(c)).unwrap_or(text.len())]
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// The source with comments and the contents of strings blanked out; every line keeps its number.
fn code_only(source: &str) -> String {
    let mut code = String::with_capacity(source.len());
    let mut rest = source;
    while let Some(c) = rest.chars().next() {
        let (skipped, blank) = match skippable(rest, code.ends_with(is_word)) {
            0 => (c.len_utf8(), false),
            length => (length, true),
        };
        match blank {
            true => code.extend(rest[..skipped].chars().filter(|c| *c == '\n')),
            false => code.push(c),
        }
        rest = &rest[skipped..];
    }
    code
}

/// The length of the comment, string or character that `rest` begins with, or 0.
fn skippable(rest: &str, in_word: bool) -> usize {
    let until = |end: &str, from: usize| rest[from..].find(end).map_or(rest.len(), |at| from + at + end.len());
    if rest.starts_with("//") {
        return rest.find('\n').unwrap_or(rest.len());
    }
    if rest.starts_with("/*") {
        return until("*/", 2);
    }
    if rest.starts_with('"') {
        return quoted(rest);
    }
    if rest.starts_with('\'') {
        return character(rest);
    }
    let hashes = rest.strip_prefix('r').filter(|_| !in_word).map(|raw| raw.len() - raw.trim_start_matches('#').len());
    match hashes {
        Some(hashes) if rest[1 + hashes..].starts_with('"') => until(&format!("\"{}", "#".repeat(hashes)), 2 + hashes),
        _ => 0,
    }
}

fn quoted(rest: &str) -> usize {
    let mut escaped = false;
    for (at, c) in rest.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return at + 1,
            _ => {}
        }
    }
    rest.len()
}

/// `'x'` or `'\n'`; a lifetime is none.
fn character(rest: &str) -> usize {
    let mut chars = rest.char_indices().skip(1);
    match (chars.next(), chars.next()) {
        (Some((_, '\\')), Some((escaped, _))) => rest[escaped + 1..].find('\'').map_or(0, |end| escaped + end + 2),
        (Some(_), Some((at, '\''))) => at + 1,
        _ => 0,
    }
}
