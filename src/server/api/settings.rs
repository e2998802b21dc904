use super::KeyHash;
use crate::model::{Principal, SettingsError};
use serde::{Deserialize, Serialize};
use std::collections::HashSet;
use std::net::SocketAddr;
use std::time::Duration;

/// The HTTP API. It is off unless there are keys.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ApiSettings {
    /// Who may use it. Default: nobody, and then there is none.
    pub keys: Vec<ApiKeySettings>,
    /// An address and port of its own. Default: none, the server's.
    pub listen: Option<SocketAddr>,
    /// How many requests of one address may have no good key, at once and in a minute; one more is answered 429. Default 10.
    pub failures_per_minute: u32,
    /// How large a request's body may be in bytes; a larger one is answered 413. Default 1 MiB.
    pub max_body_bytes: usize,
    /// How long a request's body may take; a slower one is answered 408. Default 15 s.
    #[serde(with = "crate::model::duration")]
    pub body_timeout: Duration,
    /// How many messages one request may publish; more are answered 413. Default 1,000.
    pub max_messages: usize,
    /// How many idempotency keys are remembered, about 150 bytes each; one more, and the oldest is forgotten. Default
    /// 100,000.
    pub idempotency_keys: usize,
    /// For how long an idempotency key is remembered. Default 10 min.
    #[serde(with = "crate::model::duration")]
    pub idempotency_time: Duration,
}

/// A key of the API.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ApiKeySettings {
    /// What logs call it.
    pub name: String,
    /// The hash of the key, by which it is known.
    pub hash: KeyHash,
    /// What it may do.
    pub allow: Vec<Permission>,
}

/// What a key may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Permission {
    /// Publish to every topic, queue, user and session.
    Publish,
    /// See sessions, users, destinations, and what is kept of topics.
    Read,
    /// End sessions and revoke.
    Disconnect,
    /// Open the admin page: numbers of everything, and the limits in force. The page shows and does beside what the same
    /// key's other permissions allow.
    Admin,
    /// Watch on the admin page what goes through a session: what users say, and what they are told.
    Watch,
    /// Make tickets, with which somebody comes in as any user.
    Tickets,
    /// Throw away what waits in queues, and what is kept of topics.
    Purge,
}

impl Permission {
    /// The name that settings use.
    pub fn name(self) -> &'static str {
        match self {
            Self::Publish => "publish",
            Self::Read => "read",
            Self::Disconnect => "disconnect",
            Self::Admin => "admin",
            Self::Watch => "watch",
            Self::Tickets => "tickets",
            Self::Purge => "purge",
        }
    }
}

impl Default for ApiSettings {
    fn default() -> Self {
        Self {
            keys: Vec::new(),
            listen: None,
            failures_per_minute: 10,
            max_body_bytes: 1024 * 1024,
            body_timeout: Duration::from_secs(15),
            max_messages: 1_000,
            idempotency_keys: 100_000,
            idempotency_time: Duration::from_secs(600),
        }
    }
}

impl ApiSettings {
    /// Whether there is an API.
    pub fn is_on(&self) -> bool {
        !self.keys.is_empty()
    }

    /// Whether some key may do that.
    pub(in crate::server) fn allows(&self, permission: Permission) -> bool {
        self.keys.iter().any(|key| key.allow.contains(&permission))
    }

    /// Refuses what cannot be right.
    pub fn validate(&self) -> Result<(), SettingsError> {
        let numbers = [
            ("api.failures_per_minute", self.failures_per_minute as usize),
            ("api.max_body_bytes", self.max_body_bytes),
            ("api.max_messages", self.max_messages),
            ("api.idempotency_keys", self.idempotency_keys),
        ];
        if let Some((key, _)) = numbers.into_iter().find(|(_, value)| *value == 0) {
            return Err(SettingsError::new(key, "expected at least 1"));
        }
        let times = [("api.body_timeout", self.body_timeout), ("api.idempotency_time", self.idempotency_time)];
        if let Some((key, _)) = times.into_iter().find(|(_, value)| value.is_zero()) {
            return Err(SettingsError::new(key, "expected more than 0s"));
        }
        if self.listen.is_some() && !self.is_on() {
            return Err(SettingsError::new("api.listen", "there is no API without keys; expected some in api.keys"));
        }
        self.validate_keys()
    }

    fn validate_keys(&self) -> Result<(), SettingsError> {
        let (mut names, mut hashes) = (HashSet::new(), HashSet::new());
        for ApiKeySettings { name, hash, allow } in &self.keys {
            let problem = match () {
                () if name.is_empty() => "a name is empty; expected what logs should call the key".to_owned(),
                () if Principal::parse(name.as_str()).is_err() => {
                    format!(
                        "{name:?} is no name; expected at most {} bytes, and no control characters",
                        Principal::MAX_NAME
                    )
                }
                () if !names.insert(name) => format!("two keys are called {name:?}; expected a name for each"),
                () if !hashes.insert(hash.to_string()) => format!("{name:?} has another key's hash"),
                () if allow.is_empty() => {
                    format!(
                        "{name:?} may do nothing; expected \"publish\", \"read\", \"disconnect\", \"tickets\" or \"purge\" in allow"
                    )
                }
                () if allow.contains(&Permission::Watch) && !allow.contains(&Permission::Admin) => {
                    format!("{name:?} may watch, and cannot open the page for it; expected \"admin\" in allow too")
                }
                () => continue,
            };
            return Err(SettingsError::new("api.keys", problem));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(name: &str, key: &str, allow: &[Permission]) -> ApiKeySettings {
        ApiKeySettings { name: name.to_owned(), hash: KeyHash::of(key), allow: allow.to_vec() }
    }

    #[track_caller]
    fn refused(settings: &ApiSettings, key: &str, expected: &str) {
        let error = settings.validate().unwrap_err();
        assert!(error.key == key && error.problem.contains(expected), "{error}");
    }

    #[test]
    fn keys_are_told_apart_and_may_do_something() {
        let with = |keys: Vec<ApiKeySettings>| ApiSettings { keys, ..ApiSettings::default() };
        let read = &[Permission::Read];
        assert_eq!(with(vec![key("a", "1", read), key("b", "2", read)]).validate(), Ok(()));
        refused(&with(vec![key("", "1", read)]), "api.keys", "a name is empty");
        refused(&with(vec![key("a", "1", read), key("a", "2", read)]), "api.keys", "two keys are called \"a\"");
        refused(&with(vec![key("a", "1", read), key("b", "1", read)]), "api.keys", "another key's hash");
        refused(&with(vec![key("a", "1", &[])]), "api.keys", "may do nothing");
        refused(&with(vec![key("a", "1", &[Permission::Watch])]), "api.keys", "expected \"admin\" in allow too");
    }

    #[test]
    fn an_address_without_keys_and_limits_of_nothing_are_refused() {
        let listen = Some(([127, 0, 0, 1], 0).into());
        refused(&ApiSettings { listen, ..ApiSettings::default() }, "api.listen", "no API without keys");
        refused(&ApiSettings { max_messages: 0, ..ApiSettings::default() }, "api.max_messages", "at least 1");
        let body_timeout = Duration::ZERO;
        refused(&ApiSettings { body_timeout, ..ApiSettings::default() }, "api.body_timeout", "more than 0s");
    }
}
