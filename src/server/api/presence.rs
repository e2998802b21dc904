//! Who is present in a destination.

use super::problem::Refusal;
use crate::broker::{self, Present, Who};
use crate::messaging::Messenger;
use crate::model::Destination;
use poem_openapi::Object;
use serde_json::Value;
use std::collections::BTreeMap;
use std::time::SystemTime;

/// Somebody who is present.
#[derive(Debug, Object)]
pub(super) struct Member {
    /// The user's name; nothing where it is nobody's session.
    #[oai(skip_serializing_if_is_none)]
    user: Option<String>,
    /// The session, where it is nobody's.
    #[oai(skip_serializing_if_is_none)]
    session: Option<String>,
    /// How many of its sessions are there; 0 where it may come back yet.
    sessions: u64,
    /// Since when it is there (RFC 3339).
    since: String,
    /// The claims that everybody may see.
    #[oai(skip_serializing_if_is_empty)]
    claims: BTreeMap<String, Value>,
}

/// Some of those who are present, in the order in which they came.
#[derive(Debug, Object)]
pub(super) struct PresencePage {
    /// How many there are, beyond this page and beyond those who are told of.
    count: u64,
    members: Vec<Member>,
    /// What to ask for as `after` to get more; nothing where there are none.
    #[oai(skip_serializing_if_is_none)]
    next: Option<String>,
}

impl PresencePage {
    /// At most `limit` of those who are behind `after`.
    pub(super) fn of(messenger: &Messenger, destination: &str, after: u64, limit: usize) -> Result<Self, Refusal> {
        let destination = Destination::parse(destination.to_owned())
            .map_err(|error| Refusal::bad_request("invalid_destination", error.to_string()))?;
        let present = messenger.presence_after(&destination, after, limit + 1);
        let Present { count, mut members, .. } = present.ok_or_else(|| {
            let detail = format!("no entry of broker.presence matches {destination}");
            Refusal::not_found("no_presence", detail)
        })?;
        let next = (members.len() > limit).then(|| members[limit - 1].number.to_string());
        members.truncate(limit);
        Ok(Self { count: count as u64, members: members.iter().map(Member::of).collect(), next })
    }
}

impl Member {
    fn of(member: &broker::Member) -> Self {
        let (user, session) = match &member.who {
            Who::User(name) => (Some(name.to_string()), None),
            Who::Session(session) => (None, Some(session.to_string())),
        };
        let claims = member.claims.iter().map(|(name, value)| (name.clone(), value.clone())).collect();
        let since = humantime::format_rfc3339_millis(SystemTime::UNIX_EPOCH + member.since).to_string();
        Self { user, session, sessions: member.sessions as u64, since, claims }
    }
}
