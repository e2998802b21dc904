//! What an operator says of hooks.

use super::signature::Signer;
use crate::http_client::Server;
use crate::model::{DestinationPattern, Secret, SettingsError};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// What the backend is asked and told, and how. Without a `url` there are no hooks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct HookSettings {
    /// Where hooks are sent: `https://...`, or `http://...` on this machine. Default: none.
    pub url: Option<String>,
    /// What they are signed with, at least 32 bytes: the text's bytes, or behind `whsec_` or `base64:` what they decode
    /// to. While it is changed, the new one and the old one, a line each: calls are signed with both. This or
    /// `secret_file` is required. Default: none.
    pub secret: Option<Secret>,
    /// A file with such a secret, or with several, a line each; white space around them is ignored. Default: none.
    pub secret_file: Option<PathBuf>,
    /// Whether the backend is asked who a client is, once for each CONNECT, feed and new token. Default false.
    pub connect: bool,
    /// Which subscriptions the backend is asked about: those that reach any of these destinations. Default: none.
    pub subscribe: Vec<DestinationPattern>,
    /// Which messages the backend is asked about before they are published, by their destinations. Default: none.
    pub send: Vec<DestinationPattern>,
    /// Whether what is below the application's prefix goes to the backend. Default false.
    pub app: bool,
    /// What the backend is told of. Default: nothing.
    pub events: Vec<EventKind>,
    /// Whether `connect` sends the client's token and passcode on. Default false.
    pub forward_credentials: bool,
    /// Whether `url` may be `http://` on other machines: what goes there can be read and changed on its way. Default false.
    pub allow_plain_http: bool,
    /// What becomes of questions that the backend does not answer. Default: they are answered with no.
    pub when_down: WhenDown,
    /// How long one question may take, with waiting for its turn and all attempts. Default 3 s.
    #[serde(with = "crate::model::duration")]
    pub timeout: Duration,
    /// How often a call is made again that failed: no connection, or a status from 500. Default 1.
    pub retries: u32,
    /// How many questions are asked at the same time. Default 64.
    pub concurrency: usize,
    /// How many more may wait for their turn. Default 1,024; beyond that they fail at once.
    pub max_waiting: usize,
    /// How large an answer may be in bytes. Default 64 KiB.
    pub max_answer_bytes: usize,
    /// When a backend that fails is left alone.
    pub breaker: BreakerSettings,
    /// How events are delivered.
    pub delivery: DeliverySettings,
}

/// What the backend can be told of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EventKind {
    /// A session came in.
    Connected,
    /// A session that had come in has ended.
    Disconnected,
    /// A destination or pattern has its first subscription.
    DestinationOccupied,
    /// A destination or pattern has lost its last subscription.
    DestinationEmpty,
}

/// What becomes of questions that the backend does not answer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WhenDown {
    /// They are answered with no, and clients are told to try again.
    #[default]
    Refuse,
    /// `subscribe` and `send` are answered with yes, where the rules allow it, and so is `connect` for those whose token
    /// says who they are.
    Allow,
}

/// When a backend that fails is left alone: by one client, about one destination, or by all. Each of `connect`, `subscribe`,
/// `send` and `app` is looked at by itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BreakerSettings {
    /// After how many failures in a row. Default 5.
    pub failures: u32,
    /// For how long; then one call tries. Default 5 s.
    #[serde(with = "crate::model::duration")]
    pub cooldown: Duration,
}

/// How events are delivered. They wait in memory, and are tried until the backend takes them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DeliverySettings {
    /// How many events one call may have. Default 100.
    pub batch: usize,
    /// How long an event waits for others to go with. Default 200 ms.
    #[serde(with = "crate::model::duration")]
    pub delay: Duration,
    /// How many may wait. Default 10,000; those beyond are dropped and counted.
    pub max_events: usize,
    /// Their bytes. Default 8 MiB; those beyond are dropped and counted.
    pub max_bytes: usize,
}

impl Default for HookSettings {
    fn default() -> Self {
        Self {
            url: None,
            secret: None,
            secret_file: None,
            connect: false,
            subscribe: Vec::new(),
            send: Vec::new(),
            app: false,
            events: Vec::new(),
            forward_credentials: false,
            allow_plain_http: false,
            when_down: WhenDown::Refuse,
            timeout: Duration::from_secs(3),
            retries: 1,
            concurrency: 64,
            max_waiting: 1_024,
            max_answer_bytes: 64 * 1024,
            breaker: BreakerSettings::default(),
            delivery: DeliverySettings::default(),
        }
    }
}

impl Default for BreakerSettings {
    fn default() -> Self {
        Self { failures: 5, cooldown: Duration::from_secs(5) }
    }
}

impl Default for DeliverySettings {
    fn default() -> Self {
        Self { batch: 100, delay: Duration::from_millis(200), max_events: 10_000, max_bytes: 8 << 20 }
    }
}

impl HookSettings {
    /// Whether there are hooks.
    pub fn is_configured(&self) -> bool {
        self.url.is_some() || self.asks()
    }

    /// Whether the backend is asked or told anything.
    fn asks(&self) -> bool {
        self.connect || self.app || self.asks_rights() || !self.events.is_empty()
    }

    /// Whether the backend is asked what sessions may do.
    pub(super) fn asks_rights(&self) -> bool {
        !self.subscribe.is_empty() || !self.send.is_empty()
    }

    /// Whether this is told of.
    pub(super) fn tells(&self, event: EventKind) -> bool {
        self.events.contains(&event)
    }

    pub(super) fn validate(&self) -> Result<(), SettingsError> {
        ensure(
            self.asks(),
            "hooks.url",
            "is asked nothing; expected connect, subscribe, send, app or events beside it",
        )?;
        let once = |event| self.events.iter().filter(|other| *other == event).count() == 1;
        ensure(self.events.iter().all(once), "hooks.events", "names an event twice")?;
        let is_sent = self.connect || !self.forward_credentials;
        ensure(is_sent, "hooks.forward_credentials", "forwards nothing without hooks.connect")?;
        let numbers = [
            ("hooks.concurrency", self.concurrency),
            ("hooks.max_answer_bytes", self.max_answer_bytes),
            ("hooks.breaker.failures", self.breaker.failures as usize),
            ("hooks.delivery.batch", self.delivery.batch),
            ("hooks.delivery.max_events", self.delivery.max_events),
            ("hooks.delivery.max_bytes", self.delivery.max_bytes),
        ];
        numbers.into_iter().try_for_each(|(key, number)| ensure(number > 0, key, "expected at least 1"))?;
        ensure(self.concurrency <= MAX_CONCURRENCY, "hooks.concurrency", "expected at most 10000")?;
        ensure(self.retries <= MAX_RETRIES, "hooks.retries", "expected at most 10")?;
        let timeout = SHORTEST..=LONGEST;
        ensure(timeout.contains(&self.timeout), "hooks.timeout", "expected at least 10ms, and at most 60s")?;
        ensure(self.breaker.cooldown <= MAX_COOLDOWN, "hooks.breaker.cooldown", "expected at most 1h")?;
        ensure(self.delivery.delay <= LONGEST, "hooks.delivery.delay", "expected at most 60s")
    }

    /// The backend.
    pub(super) fn server(&self) -> Result<Server, SettingsError> {
        let url = self.url.as_deref().ok_or_else(|| SettingsError::new("hooks.url", "is missing"))?;
        let server = match self.allow_plain_http {
            true => Server::anywhere(url),
            false => Server::parse(url),
        };
        server.map_err(|problem| SettingsError::new("hooks.url", problem))
    }

    /// What signs.
    pub(super) fn signer(&self) -> Result<Signer, SettingsError> {
        let (key, text) = match (&self.secret, &self.secret_file) {
            (Some(_), Some(_)) => {
                return Err(SettingsError::new("hooks.secret_file", "expected either this or hooks.secret, not both"));
            }
            (Some(secret), None) => ("hooks.secret", secret.expose().to_owned()),
            (None, Some(path)) => ("hooks.secret_file", read(path)?),
            (None, None) => {
                return Err(SettingsError::new("hooks.secret", "is missing; expected it, or hooks.secret_file"));
            }
        };
        Signer::new(&text).map_err(|problem| SettingsError::new(key, problem))
    }
}

const SHORTEST: Duration = Duration::from_millis(10);

const LONGEST: Duration = Duration::from_secs(60);

const MAX_COOLDOWN: Duration = Duration::from_secs(60 * 60);

const MAX_RETRIES: u32 = 10;

/// More connections than any backend is helped by; a mistyped number should not open them.
const MAX_CONCURRENCY: usize = 10_000;

/// A secret is short; a larger file is something else.
const MAX_FILE: u64 = 64 * 1024;

fn read(path: &Path) -> Result<String, SettingsError> {
    let content = std::fs::metadata(path).and_then(|about| match about.len() <= MAX_FILE {
        true => std::fs::read_to_string(path),
        false => Err(std::io::Error::other("it has more than 64 KiB")),
    });
    content.map_err(|error| SettingsError::new("hooks.secret_file", format!("cannot be read: {error}")))
}

fn ensure(holds: bool, key: &'static str, problem: &str) -> Result<(), SettingsError> {
    if holds { Ok(()) } else { Err(SettingsError::new(key, problem)) }
}

#[cfg(test)]
mod tests {
    use super::super::Hooks;
    use super::*;

    fn settings() -> HookSettings {
        HookSettings {
            url: Some("http://127.0.0.1:1/hooks".into()),
            secret: Some("0123456789abcdef0123456789abcdef".into()),
            connect: true,
            ..HookSettings::default()
        }
    }

    #[track_caller]
    fn refused(key: &str, change: impl FnOnce(&mut HookSettings)) {
        let mut settings = settings();
        change(&mut settings);
        assert_eq!(Hooks::new(&settings).err().map(|error| error.key), Some(key));
    }

    #[test]
    fn what_cannot_be_or_would_do_nothing_is_refused_by_name() {
        assert!(Hooks::new(&settings()).is_ok());
        assert!(!HookSettings::default().is_configured());
        refused("hooks.url", |settings| settings.url = None);
        refused("hooks.url", |settings| settings.connect = false);
        refused("hooks.secret", |settings| settings.secret = None);
        refused("hooks.secret", |settings| settings.secret = Some("short".into()));
        refused("hooks.secret_file", |settings| settings.secret_file = Some("/x".into()));
        refused("hooks.events", |settings| settings.events = vec![EventKind::Connected; 2]);
        refused("hooks.concurrency", |settings| settings.concurrency = 0);
        refused("hooks.timeout", |settings| settings.timeout = Duration::ZERO);
        refused("hooks.forward_credentials", |settings| {
            (settings.connect, settings.app, settings.forward_credentials) = (false, true, true);
        });
    }

    #[test]
    fn other_machines_are_reached_over_tls_unless_that_is_given_up_by_name() {
        refused("hooks.url", |settings| settings.url = Some("http://10.0.0.1/hooks".into()));
        let url = Some("http://10.0.0.1/hooks".to_owned());
        assert!(Hooks::new(&HookSettings { url, allow_plain_http: true, ..settings() }).is_ok());
    }
}
