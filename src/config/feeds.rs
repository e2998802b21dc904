//! Feeds, and whose are at a path of their own.

use super::validate::{is_plain_path, overlap};
use super::{Config, Problem};
use crate::node::FeedSettings;
use crate::server::{Application, Site};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// Feeds of all endpoints that speak STOMP, which are [`FeedSettings`], and where those of one endpoint are, too.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[expect(missing_docs, reason = "FeedSettings has the docs")]
pub struct FeedSection {
    pub enabled: bool,
    /// Where the feeds of one endpoint are, beside `/feed` below it: an absolute path, or nowhere if it is empty. Default
    /// `/feed`.
    pub path: String,
    /// The name of that endpoint. Default: none, which is the only one that speaks STOMP.
    pub endpoint: Option<String>,
    pub max_destinations: usize,
    #[serde(with = "crate::model::duration")]
    pub max_wait: Duration,
    #[serde(with = "crate::model::duration")]
    pub heartbeat: Duration,
    #[serde(with = "crate::model::duration")]
    pub retry: Duration,
}

impl Default for FeedSection {
    fn default() -> Self {
        let FeedSettings { enabled, max_destinations, max_wait, heartbeat, retry } = FeedSettings::default();
        Self { enabled, path: "/feed".to_owned(), endpoint: None, max_destinations, max_wait, heartbeat, retry }
    }
}

impl FeedSection {
    /// The settings that all endpoints share.
    pub fn settings(&self) -> FeedSettings {
        FeedSettings {
            enabled: self.enabled,
            max_destinations: self.max_destinations,
            max_wait: self.max_wait,
            heartbeat: self.heartbeat,
            retry: self.retry,
        }
    }
}

impl Config {
    /// The name of the endpoint whose feeds are at `feeds.path`, if there is one.
    pub(super) fn feeds_at_their_path(&self) -> Result<Option<&str>, Problem> {
        let path = &self.feeds.path;
        if path.is_empty() || !self.feeds.enabled {
            return Ok(None);
        }
        let whose = self.whose_feeds()?;
        let taken = self.endpoints.values().map(|endpoint| &*endpoint.path).chain(Site::RESERVED);
        match taken.into_iter().find(|taken| overlap(path, taken)) {
            _ if whose.is_none() => Ok(None),
            _ if !is_plain_path(path) => {
                Err(Problem::new("feeds.path", "expected an absolute path such as \"/feed\", or \"\" for none"))
            }
            Some(taken) => {
                let problem = format!("overlaps with {taken}; expected another path, or \"\" for none");
                Err(Problem::new("feeds.path", problem))
            }
            None => Ok(whose),
        }
    }

    fn whose_feeds(&self) -> Result<Option<&str>, Problem> {
        let speakers = self.endpoints.iter().filter(|(_, endpoint)| endpoint.app == Application::Stomp);
        let speakers: Vec<_> = speakers.map(|(name, _)| name.as_str()).collect();
        match (&self.feeds.endpoint, speakers.as_slice()) {
            (Some(name), speakers) if speakers.contains(&name.as_str()) => Ok(Some(name)),
            (Some(_), _) => Err(Problem::new("feeds.endpoint", "expected the name of an endpoint that speaks STOMP")),
            (None, []) => Ok(None),
            (None, [only]) => Ok(Some(only)),
            (None, several) => {
                let problem = format!(
                    "is missing: {} speak STOMP; expected the one whose feeds are at feeds.path too, or feeds.path = \"\"",
                    several.join(", ")
                );
                Err(Problem::new("feeds.endpoint", problem))
            }
        }
    }
}
