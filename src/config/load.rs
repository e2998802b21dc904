//! Layers into one configuration, which remembers where each value came from.

use super::error::describe;
use super::memory::limits_fitting;
use super::validate::available_threads;
use super::{Config, ConfigError, Parts, Problem};
use crate::node::LimitSettings;
use figment::providers::{Env, Format, Serialized, Toml};
use figment::value::{Dict, Map, Value};
use figment::{Figment, Metadata, Profile, Provider, Source};
use std::fmt;
use std::path::{Path, PathBuf};

/// The file that is read when none is named, if it is there.
const DEFAULT_FILE: &str = "byway.toml";

/// What the names of environment variables begin with; `__` separates levels: `BYWAY_SERVER__LISTEN`.
const PREFIX: &str = "BYWAY_";

/// Variables that begin like settings and are none: they name the file, and hold what the clients show.
const NO_SETTINGS: [&str; 3] = ["config", "api_key", "token"];

/// A setting from the command line.
#[derive(Debug, Clone)]
pub struct Flag {
    name: &'static str,
    key: &'static str,
    value: Value,
}

impl Flag {
    /// `name` as it was typed, such as `--listen`; `key` as in the file, such as `server.listen`.
    pub fn new(name: &'static str, key: &'static str, value: impl Into<Value>) -> Self {
        Self { name, key, value: value.into() }
    }
}

impl Provider for Flag {
    fn metadata(&self) -> Metadata {
        Metadata::named(self.name)
    }

    fn data(&self) -> figment::Result<Map<Profile, Dict>> {
        let nested = figment::util::nest(self.key, self.value.clone());
        Ok(Profile::Default.collect(nested.into_dict().unwrap_or_default()))
    }
}

/// A configuration, and where its values came from.
#[derive(Clone)]
pub struct Loaded {
    /// The configuration itself, well-formed but not yet [validated](Self::validate).
    pub config: Config,
    layers: Figment,
}

/// The layers have secrets as they were written.
impl fmt::Debug for Loaded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Loaded").field("config", &self.config).finish_non_exhaustive()
    }
}

/// A value, and where it came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// The setting, such as `server.listen`.
    pub key: String,
    /// Its value as TOML.
    pub value: String,
    /// A file, an environment variable, a flag, or `default`.
    pub origin: String,
}

impl Loaded {
    /// Reads `file` (or ./byway.toml if it is there), then the environment, then `flags`.
    pub fn load(file: Option<&Path>, flags: impl IntoIterator<Item = Flag>) -> Result<Self, ConfigError> {
        Self::load_for(None, file, flags)
    }

    /// The same, with the defaults for so much memory in bytes ([`memory`](super::memory)).
    pub fn load_for(
        memory: Option<u64>,
        file: Option<&Path>,
        flags: impl IntoIterator<Item = Flag>,
    ) -> Result<Self, ConfigError> {
        let layers = layers(memory, file)?;
        let layers = flags.into_iter().fold(layers, Figment::merge);
        match layers.extract::<Config>() {
            Ok(config) => Ok(Self { config, layers }),
            Err(errors) => Err(ConfigError(errors.into_iter().map(|error| explain(&layers, &error)).collect())),
        }
    }

    /// Refuses what cannot be right, and builds what is.
    pub fn validate(&self) -> Result<Parts, ConfigError> {
        let located = |problem| locate(&self.layers, problem);
        self.config.validate().map_err(|problems| ConfigError(problems.into_iter().map(located).collect()))
    }

    /// Every value that is in force.
    pub fn origins(&self) -> Vec<Origin> {
        let tree = Value::serialize(&self.config).unwrap_or_else(|_| Dict::new().into());
        let mut leaves = Vec::new();
        collect_leaves("", &tree, &mut leaves);
        let with_origin = |(key, value): (String, String)| {
            let origin = origin_of(&self.layers, &key).unwrap_or_else(|| "default".to_owned());
            Origin { key, value, origin }
        };
        leaves.into_iter().map(with_origin).collect()
    }
}

fn layers(memory: Option<u64>, file: Option<&Path>) -> Result<Figment, ConfigError> {
    let threads = available_threads();
    let mut defaults = Config::fitting(memory, threads);
    let mut layers = Figment::new();
    if let Some(file) = readable(file)? {
        layers = layers.merge(Toml::file_exact(file));
        if layers.contains("endpoints") {
            defaults.endpoints.clear();
        }
    }
    let environment = Env::prefixed(PREFIX).ignore(&NO_SETTINGS).split("__");
    let layers = layers.join(Serialized::defaults(defaults)).merge(environment);
    Ok(memory.iter().fold(layers, |layers, memory| with_limits(layers, &limits_fitting(*memory, threads))))
}

/// Endpoints that somebody named have these limits, but for those that stand there.
fn with_limits(layers: Figment, limits: &LimitSettings) -> Figment {
    let names = layers.find_value("endpoints").ok().and_then(Value::into_dict).unwrap_or_default().into_keys();
    let default = |name| Serialized::default(&format!("endpoints.{name}.limits"), limits);
    names.map(default).fold(layers, Figment::join)
}

/// The file to read. One that was named must be there.
fn readable(named: Option<&Path>) -> Result<Option<PathBuf>, ConfigError> {
    let path = named.unwrap_or(Path::new(DEFAULT_FILE));
    match std::fs::read_to_string(path) {
        Ok(_) => Ok(Some(path.to_owned())),
        Err(error) if named.is_none() && error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(ConfigError(vec![Problem::new("", format!("{}: cannot be read: {error}", path.display()))])),
    }
}

fn explain(layers: &Figment, error: &figment::Error) -> Problem {
    let mut problem = locate(layers, describe(&error.path, &error.kind));
    if problem.origin.is_none() {
        problem.origin = error.metadata.as_ref().and_then(|metadata| name_of(metadata, &problem.key));
    }
    problem
}

/// Adds the value and its origin.
fn locate(layers: &Figment, mut problem: Problem) -> Problem {
    let key = without_index(&problem.key).to_owned();
    let value = layers.find_value(&key).ok().filter(|_| !may_be_secret(&key));
    problem.value = value.and_then(|value| to_toml(&value));
    problem.origin = origin_of(layers, &key);
    problem
}

/// An item of a list has no origin of its own: the list has.
fn without_index(key: &str) -> &str {
    let mut end = 0;
    for part in key.split('.') {
        if end > 0 && part.bytes().all(|b| b.is_ascii_digit()) {
            return &key[..end];
        }
        end += part.len() + usize::from(end > 0);
    }
    key
}

/// Whether a value could be a secret, also under a name that was mistyped.
fn may_be_secret(key: &str) -> bool {
    // A key where its hash is expected; a URL may have a password.
    key.starts_with("auth.") || key == "hooks.url" || key.starts_with("api.keys") || key.contains("secret")
}

fn origin_of(layers: &Figment, key: &str) -> Option<String> {
    name_of(layers.find_metadata(key)?, key)
}

/// What people call a layer.
fn name_of(metadata: &Metadata, key: &str) -> Option<String> {
    match &metadata.source {
        Some(Source::File(path)) => Some(path.display().to_string()),
        Some(Source::Code(_)) => None,
        _ if metadata.name.contains("environment") => Some(variable(key)),
        _ => Some(metadata.name.to_string()),
    }
}

/// The environment variable for a setting.
fn variable(key: &str) -> String {
    format!("environment variable {PREFIX}{}", key.replace('.', "__").to_uppercase())
}

fn collect_leaves(key: &str, value: &Value, leaves: &mut Vec<(String, String)>) {
    match value {
        Value::Dict(_, dict) => {
            for (name, value) in dict {
                let key = if key.is_empty() { name.clone() } else { format!("{key}.{name}") };
                collect_leaves(&key, value, leaves);
            }
        }
        value => leaves.push((key.to_owned(), to_toml(value).unwrap_or_else(|| "(none)".to_owned()))),
    }
}

/// A value as one would write it; nothing for tables and what is not there.
fn to_toml(value: &Value) -> Option<String> {
    match value {
        Value::String(_, text) => Some(format!("{text:?}")),
        Value::Char(_, char) => Some(format!("\"{char}\"")),
        Value::Bool(_, bool) => Some(bool.to_string()),
        Value::Num(_, number) => number
            .to_u128()
            .map(|n| n.to_string())
            .or_else(|| number.to_i128().map(|n| n.to_string()))
            .or_else(|| number.to_f64().map(|n| n.to_string())),
        Value::Array(_, items) => {
            Some(format!("[{}]", items.iter().filter_map(item_to_toml).collect::<Vec<_>>().join(", ")))
        }
        Value::Dict(..) | Value::Empty(..) => None,
    }
}

/// An item of a list, which may be a table.
fn item_to_toml(item: &Value) -> Option<String> {
    let Value::Dict(_, table) = item else { return to_toml(item) };
    let pairs = table.iter().filter_map(|(name, value)| Some(format!("{name} = {}", item_to_toml(value)?)));
    Some(format!("{{ {} }}", pairs.collect::<Vec<_>>().join(", ")))
}
