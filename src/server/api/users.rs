//! Who is connected, user by user.

use super::problem::Refusal;
use super::sessions::{Subscription, subscriptions};
use crate::messaging::Users;
use poem_openapi::Object;

/// A user who has a session.
#[derive(Debug, Object)]
pub(super) struct User {
    name: String,
    /// How many sessions there are.
    sessions: u64,
}

/// Some users, by name.
#[derive(Debug, Object)]
pub(super) struct UserPage {
    users: Vec<User>,
    /// What to ask for as `after` to get more; nothing where there are none.
    #[oai(skip_serializing_if_is_none)]
    next: Option<String>,
}

/// A user with all sessions.
#[derive(Debug, Object)]
pub(super) struct UserDetail {
    name: String,
    /// Oldest first.
    sessions: Vec<UserSession>,
}

/// A session of a user.
#[derive(Debug, Object)]
pub(super) struct UserSession {
    id: String,
    /// What it listens to, oldest first.
    subscriptions: Vec<Subscription>,
}

impl UserPage {
    /// At most `limit` of the users whose names are behind `after`.
    pub(super) fn of(users: &Users, after: &str, limit: usize) -> Self {
        let mut names = users.names();
        names.retain(|name| **name > *after);
        names.sort_unstable();
        let next = (names.len() > limit).then(|| names[limit - 1].to_string());
        let user = |name: &bytestring::ByteString| User {
            name: name.to_string(),
            sessions: users.sessions_of(name).len() as u64,
        };
        Self { users: names.iter().take(limit).map(user).collect(), next }
    }
}

impl UserDetail {
    pub(super) fn of(users: &Users, name: &str) -> Result<Self, Refusal> {
        let user = users.get(name);
        let user = user.ok_or_else(|| Refusal::not_found("no_such_user", format!("{name:?} has no session")))?;
        let session = |session: crate::messaging::UserSession| UserSession {
            id: session.id.to_string(),
            subscriptions: subscriptions(session),
        };
        Ok(Self { name: user.name.to_string(), sessions: user.sessions.into_iter().map(session).collect() })
    }
}
