//! What was good and is no more.

use super::Identity;
use crate::model::SessionId;
use bytestring::ByteString;
use parking_lot::RwLock;
use std::collections::HashMap;
use std::fmt;
use std::time::SystemTime;

/// What is taken back.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Revocation {
    /// Everything that this user has: sessions, and tokens that were issued until now.
    User(ByteString),
    /// One session.
    Session(SessionId),
    /// The token with this id (`jti`, RFC 7519, section 4.1.7), and its sessions.
    Token(ByteString),
}

/// The revocations that tokens could still get around. Ending the sessions that are open is for whoever has them.
///
/// Each takes about 100 bytes; how many there may be is given, and one more is an error: forgetting one would let
/// somebody in again.
#[derive(Debug)]
pub struct Revocations {
    limit: usize,
    revoked: RwLock<HashMap<Revocation, Entry>>,
}

#[derive(Debug, Clone, Copy)]
struct Entry {
    since: SystemTime,
    until: SystemTime,
}

/// As many revocations are remembered as may be. Nothing was revoked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RevocationsFull(pub usize);

impl fmt::Display for RevocationsFull {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} revocations are remembered already, and no more can be", self.0)
    }
}

impl std::error::Error for RevocationsFull {}

impl Revocations {
    /// Remembers at most `limit` at a time.
    pub fn new(limit: usize) -> Self {
        Self { limit, revoked: RwLock::default() }
    }

    /// Remembers a revocation until `until`, when every token that it is about has expired. A session's is not
    /// remembered: no token brings it back.
    pub fn revoke(&self, what: Revocation, now: SystemTime, until: SystemTime) -> Result<(), RevocationsFull> {
        if matches!(what, Revocation::Session(_)) {
            return Ok(());
        }
        let mut revoked = self.revoked.write();
        if revoked.len() >= self.limit {
            revoked.retain(|_, entry| entry.until > now);
        }
        if revoked.len() >= self.limit && !revoked.contains_key(&what) {
            return Err(RevocationsFull(self.limit));
        }
        let earlier = revoked.get(&what).map_or(until, |entry| entry.until);
        revoked.insert(what, Entry { since: now, until: until.max(earlier) });
        Ok(())
    }

    /// Whether this identity, from a token issued at `issued_at`, was taken back. A user's token that does not say when it
    /// was issued counts as old; so does one of the same second, which is as exact as tokens are.
    pub fn is_revoked(&self, identity: &Identity, issued_at: Option<SystemTime>, now: SystemTime) -> bool {
        let revoked = self.revoked.read();
        let entry = |what: Revocation| revoked.get(&what).filter(|entry| entry.until > now);
        let token = identity.token_id.clone().and_then(|id| entry(Revocation::Token(id)));
        let name = identity.principal.as_ref().map(|principal| principal.as_text().clone());
        let user = name.and_then(|name| entry(Revocation::User(name)));
        token.is_some() || user.is_some_and(|entry| issued_at.is_none_or(|issued| issued <= entry.since))
    }

    /// Forgets what is over; frees the memory.
    pub fn forget_expired(&self, now: SystemTime) {
        let mut revoked = self.revoked.write();
        revoked.retain(|_, entry| entry.until > now);
        revoked.shrink_to_fit();
    }

    /// How many are remembered.
    pub fn len(&self) -> usize {
        self.revoked.read().len()
    }

    /// True where none is.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Principal;
    use std::time::Duration;

    fn at(seconds: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
    }

    fn identity(name: &str, token: &str) -> Identity {
        Identity { principal: Some(Principal::new(name)), expires_at: None, token_id: Some(token.into()) }
    }

    #[test]
    fn a_revoked_token_is_revoked_and_another_of_the_same_user_is_not() {
        let revocations = Revocations::new(10);
        revocations.revoke(Revocation::Token("t1".into()), at(100), at(200)).unwrap();
        assert!(revocations.is_revoked(&identity("ada", "t1"), Some(at(150)), at(150)));
        assert!(!revocations.is_revoked(&identity("ada", "t2"), Some(at(150)), at(150)));
    }

    #[test]
    fn a_revoked_user_comes_back_only_with_a_token_that_was_issued_later() {
        let revocations = Revocations::new(10);
        revocations.revoke(Revocation::User("ada".into()), at(100), at(200)).unwrap();
        let is_revoked = |issued: Option<u64>| revocations.is_revoked(&identity("ada", "t"), issued.map(at), at(150));
        assert!(is_revoked(Some(99)) && is_revoked(Some(100)) && is_revoked(None));
        assert!(!is_revoked(Some(101)));
        assert!(!revocations.is_revoked(&identity("bob", "t"), Some(at(1)), at(150)));
        assert!(!revocations.is_revoked(&Identity::ANONYMOUS, None, at(150)));
    }

    #[test]
    fn what_is_over_is_forgotten_and_what_is_not_is_never_forgotten_for_want_of_room() {
        let revocations = Revocations::new(2);
        let revoke =
            |id: &str, now, until| revocations.revoke(Revocation::Token(id.to_owned().into()), at(now), at(until));
        assert_eq!((revoke("a", 0, 10), revoke("b", 0, 20)), (Ok(()), Ok(())));
        assert_eq!(revoke("c", 5, 30), Err(RevocationsFull(2)));
        assert_eq!(revoke("a", 5, 30), Ok(()), "one that is there already takes no room");
        assert_eq!(revoke("c", 20, 30), Ok(()), "b is over");
        revocations.forget_expired(at(30));
        assert!(revocations.is_empty());
    }

    #[test]
    fn a_later_revocation_does_not_end_an_earlier_one_sooner() {
        let revocations = Revocations::new(1);
        for until in [100, 50] {
            revocations.revoke(Revocation::Token("t".into()), at(0), at(until)).unwrap();
        }
        assert!(revocations.is_revoked(&identity("ada", "t"), None, at(99)));
    }
}
