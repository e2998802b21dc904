use crate::model::{Claims, DestinationPattern, Principal, duration};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// Of which destinations it is known who is there, and how much of it is told. Each destination that matches has a presence
/// of its own, whose worst-case memory is about 300 bytes and its claims for each member.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PresenceSettings {
    /// Which destinations.
    pub pattern: DestinationPattern,
    /// How long a member may be away before it has left: reconnecting within it is told to nobody. Default 5 s. With
    /// `"0s"` a client that comes and goes is told of every time.
    #[serde(default = "default_grace", with = "duration")]
    pub grace: Duration,
    /// How many members are told of, by name: those who came first. Others are counted, and told of when one of these
    /// leaves. Default 1,000.
    #[serde(default = "default_members")]
    pub max_members: usize,
    /// How many bytes of JSON these may be together. Default 256 KiB, which should fit a session's queue.
    #[serde(default = "default_bytes")]
    pub max_bytes: usize,
    /// Which of a member's claims everybody sees who sees the member. Default: none.
    #[serde(default)]
    pub claims: Vec<String>,
}

impl PresenceSettings {
    /// The defaults for these destinations.
    pub fn new(pattern: DestinationPattern) -> Self {
        let (grace, max_members, max_bytes) = (default_grace(), default_members(), default_bytes());
        Self { pattern, grace, max_members, max_bytes, claims: Vec::new() }
    }

    /// What everybody sees of a member's claims.
    pub fn claims_of(&self, principal: &Principal) -> Claims {
        let shown = |name: &String| Some((name.clone(), principal.claim(name)?.clone()));
        self.claims.iter().filter_map(shown).collect()
    }
}

const fn default_grace() -> Duration {
    Duration::from_secs(5)
}

const fn default_members() -> usize {
    1_000
}

const fn default_bytes() -> usize {
    256 << 10
}
