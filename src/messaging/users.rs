//! Who is connected, with how many sessions, and what they listen to.

use super::Client;
use crate::model::{DestinationPattern, SessionId};
use bytestring::ByteString;
use parking_lot::RwLock;
use std::collections::HashMap;
use std::fmt;

/// The users of one node: those with a session that is signed in. Sessions without a principal are not here.
///
/// It has one entry for each such session, and in it one for each subscription; all of them go with the session.
pub struct Users {
    max_sessions: usize,
    registry: RwLock<Registry>,
}

#[derive(Default)]
struct Registry {
    sessions: HashMap<SessionId, Session>,
    users: HashMap<ByteString, Vec<SessionId>>,
}

struct Session {
    /// The name at the time of CONNECT, under which the session is found to the end.
    user: ByteString,
    /// In the order in which they were made.
    subscriptions: Vec<(ByteString, DestinationPattern)>,
}

/// A user, as it was when asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// The unique name.
    pub name: ByteString,
    /// The sessions, oldest first. There is at least one.
    pub sessions: Vec<UserSession>,
}

/// One session of a user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserSession {
    /// The session.
    pub id: SessionId,
    /// What it listens to: the ids that the client gave, and where. Oldest first.
    pub subscriptions: Vec<(ByteString, DestinationPattern)>,
}

/// One subscription of a user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserSubscription {
    /// Whose it is.
    pub user: ByteString,
    /// By which session.
    pub session: SessionId,
    /// The id that the client gave it.
    pub id: ByteString,
    /// Where it listens, as the client wrote it.
    pub destination: DestinationPattern,
}

/// A user has as many sessions as one may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooManySessions {
    /// How many one may have.
    pub limit: usize,
}

impl fmt::Display for TooManySessions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a user may have {} sessions at a time", self.limit)
    }
}

impl std::error::Error for TooManySessions {}

impl Users {
    /// Nobody yet; later at most `max_sessions` sessions for each user.
    pub fn new(max_sessions: usize) -> Self {
        Self { max_sessions, registry: RwLock::default() }
    }

    /// How many users there are.
    pub fn count(&self) -> usize {
        self.registry.read().users.len()
    }

    /// The names of all users, in no order.
    pub fn names(&self) -> Vec<ByteString> {
        self.registry.read().users.keys().cloned().collect()
    }

    /// All users, in no order. It copies them all: ask for [`names`](Self::names) or [`count`](Self::count) where those do.
    pub fn all(&self) -> Vec<User> {
        let registry = self.registry.read();
        registry.users.iter().map(|(name, sessions)| registry.user(name, sessions)).collect()
    }

    /// The user of this name, if it has a session.
    pub fn get(&self, name: &str) -> Option<User> {
        let registry = self.registry.read();
        let (name, sessions) = registry.users.get_key_value(name)?;
        Some(registry.user(name, sessions))
    }

    /// Whose session it is; `None` for one that is not signed in.
    pub fn user_of(&self, session: SessionId) -> Option<ByteString> {
        self.registry.read().sessions.get(&session).map(|session| session.user.clone())
    }

    /// The session, if it is signed in.
    pub fn session(&self, id: SessionId) -> Option<UserSession> {
        let registry = self.registry.read();
        let subscriptions = registry.sessions.get(&id)?.subscriptions.clone();
        Some(UserSession { id, subscriptions })
    }

    /// The sessions of the user of this name, oldest first.
    pub fn sessions_of(&self, name: &str) -> Vec<SessionId> {
        self.registry.read().users.get(name).cloned().unwrap_or_default()
    }

    /// The subscriptions that something published to one of `destinations` could reach: those to `/topic/a` and to
    /// `/topic/*`, where `/topic/a` is asked for. It looks at every subscription of every user.
    pub fn find_subscriptions(&self, destinations: &DestinationPattern) -> Vec<UserSubscription> {
        let registry = self.registry.read();
        let mut found = Vec::new();
        for (&session, Session { user, subscriptions }) in &registry.sessions {
            let meant = subscriptions.iter().filter(|(_, destination)| destination.intersects(destinations));
            found.extend(meant.map(|(id, destination)| UserSubscription {
                user: user.clone(),
                session,
                id: id.clone(),
                destination: destination.clone(),
            }));
        }
        found
    }

    /// A session is signed in. Refused where its user has as many as one may have; nothing of it is kept then. The node
    /// calls it, and the next three, for each session.
    pub fn connected(&self, client: &Client) -> Result<(), TooManySessions> {
        let Some(principal) = client.principal() else { return Ok(()) };
        let mut registry = self.registry.write();
        if registry.sessions.contains_key(&client.id()) {
            return Ok(());
        }
        let user = principal.as_text();
        if registry.users.get(user).map_or(0, Vec::len) >= self.max_sessions {
            return Err(TooManySessions { limit: self.max_sessions });
        }
        registry.users.entry(user.clone()).or_default().push(client.id());
        registry.sessions.insert(client.id(), Session { user: user.clone(), subscriptions: Vec::new() });
        Ok(())
    }

    /// A session listens. How often it may is the node's to limit.
    pub fn subscribed(&self, session: SessionId, id: ByteString, destination: DestinationPattern) {
        if let Some(session) = self.registry.write().sessions.get_mut(&session) {
            session.subscriptions.push((id, destination));
        }
    }

    /// A session listens no more.
    pub fn unsubscribed(&self, session: SessionId, id: &str) {
        if let Some(session) = self.registry.write().sessions.get_mut(&session) {
            session.subscriptions.retain(|(subscription, _)| subscription != id);
        }
    }

    /// A session has ended.
    pub fn disconnected(&self, session: SessionId) {
        let mut registry = self.registry.write();
        let Some(Session { user, .. }) = registry.sessions.remove(&session) else { return };
        let Some(sessions) = registry.users.get_mut(&user) else { return };
        sessions.retain(|id| *id != session);
        if sessions.is_empty() {
            registry.users.remove(&user);
        }
    }
}

impl Registry {
    fn user(&self, name: &ByteString, sessions: &[SessionId]) -> User {
        let subscriptions = |id| self.sessions.get(id).map(|session| session.subscriptions.clone()).unwrap_or_default();
        let sessions = sessions.iter().map(|id| UserSession { id: *id, subscriptions: subscriptions(id) }).collect();
        User { name: name.clone(), sessions }
    }
}

impl fmt::Debug for Users {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Users").field("count", &self.count()).finish()
    }
}
