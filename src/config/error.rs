//! What is wrong with a configuration, said so that it can be put right without reading the manual.

use figment::error::Kind;
use std::fmt;

/// A configuration that is refused, and every reason that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigError(pub Vec<Problem>);

/// One thing that is wrong.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Problem {
    /// The setting, such as `server.listen`; empty where a whole file is meant.
    pub key: String,
    /// Its value as TOML.
    pub value: Option<String>,
    /// What is wrong, and what was expected.
    pub problem: String,
    /// Where the value comes from: a file, an environment variable, a flag.
    pub origin: Option<String>,
}

impl Problem {
    pub(super) fn new(key: impl Into<String>, problem: impl Into<String>) -> Self {
        Self { key: key.into(), problem: problem.into(), ..Self::default() }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.key)?;
        if let Some(value) = &self.value {
            write!(f, " = {value}")?;
        }
        let colon = if self.key.is_empty() { "" } else { ": " };
        write!(f, "{colon}{}", self.problem)?;
        match &self.origin {
            Some(origin) => write!(f, " (from {origin})"),
            None => Ok(()),
        }
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines: Vec<_> = self.0.iter().map(ToString::to_string).collect();
        f.write_str(&lines.join("\n"))
    }
}

impl std::error::Error for ConfigError {}

/// The key that figment's error is about, and what to say.
pub(super) fn describe(path: &[String], kind: &Kind) -> Problem {
    let key = path.join(".");
    let below = |name: &str| if key.is_empty() { name.to_owned() } else { format!("{key}.{name}") };
    match kind {
        // figment's path ends with the field already.
        Kind::UnknownField(_, known) => {
            let gone = GONE.iter().find(|(gone, _)| key.ends_with(gone)).map(|(_, instead)| (*instead).to_owned());
            Problem::new(&key, gone.unwrap_or_else(|| format!("no such setting; {}", one_of(known))))
        }
        Kind::MissingField(name) => Problem::new(below(name), "is missing, and has no default"),
        Kind::UnknownVariant(_, known) => Problem::new(&key, one_of(known)),
        Kind::InvalidType(_, expected) | Kind::InvalidValue(_, expected) | Kind::InvalidLength(_, expected) => {
            Problem::new(&key, format!("expected {}", plain(expected)))
        }
        Kind::Message(message) => Problem::new(&key, with_expectation(&key, &without_source(message))),
        other => Problem::new(&key, other.to_string()),
    }
}

/// Settings that there were, and what is to be said of them.
const GONE: [(&str, &str); 1] =
    [("sockjs.max_messages_per_request", "no longer a setting; limits.max_body_bytes limits requests, by their bytes")];

const ADDRESS: &str = "an address and a port, such as \"127.0.0.1:8080\" or \"[::]:8080\"";

const NETWORKS: &str = "networks, such as \"10.0.0.0/8\" or \"192.0.2.1/32\"";

fn one_of(known: &[&str]) -> String {
    let quoted: Vec<_> = known.iter().map(|name| format!("`{name}`")).collect();
    match quoted.as_slice() {
        [] => "none is expected here".to_owned(),
        [only] => format!("expected {only}"),
        several => format!("expected one of {}", several.join(", ")),
    }
}

/// A type's name, for people who do not write Rust.
fn plain(expected: &str) -> &str {
    match expected {
        "usize" | "u64" | "u32" | "u16" => "a whole number, 0 or more",
        "a boolean" => "true or false",
        "a sequence" => "a list, such as [\"a\", \"b\"]",
        "a string" => "text",
        "socket address" => ADDRESS,
        "a map" => "a table of names and values",
        expected if expected.starts_with("struct ") => "a table of settings",
        expected => expected,
    }
}

/// What is wrong with a file that is no TOML, without the line that it shows: that may be a secret's.
fn without_source(message: &str) -> String {
    let is_source = |line: &str| line.trim_start().trim_start_matches(|c: char| c.is_ascii_digit()).starts_with(" |");
    let is_mark = |line: &str| line.trim_start().starts_with('|');
    let lines = message.lines().filter(|line| !line.is_empty() && !is_source(line) && !is_mark(line));
    lines.collect::<Vec<_>>().join(": ")
}

/// Adds an example where the parser of a type only says that it failed.
fn with_expectation(key: &str, message: &str) -> String {
    let example = match key {
        "server.listen" => format!("expected {ADDRESS}"),
        key if key.contains(".trusted_proxies") => format!("expected {NETWORKS}"),
        _ => return message.to_owned(),
    };
    format!("{message}; {example}")
}
