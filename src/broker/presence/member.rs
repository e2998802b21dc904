use crate::model::{Claims, SessionId};
use bytestring::ByteString;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// Who is present: a user, with however many sessions, or a session that is nobody's.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Who {
    /// The user of this name.
    User(ByteString),
    /// A session without a user.
    Session(SessionId),
}

/// Somebody who is present, as it was when asked.
#[derive(Clone, PartialEq, Eq)]
pub struct Member {
    /// Who it is.
    pub who: Who,
    /// The place in the order of arrival, which nobody else of the broker has.
    pub number: u64,
    /// Since when it is there without having left: the time since 1970.
    pub since: Duration,
    /// What is claimed of it that everybody may see: what its first session showed.
    pub claims: Arc<Claims>,
    /// How many of its sessions are there. None where it may come back yet.
    pub sessions: usize,
}

/// Claims are nobody's business but the application's: logs have the name alone.
impl fmt::Debug for Member {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Member").field("who", &self.who).field("number", &self.number).finish_non_exhaustive()
    }
}

/// Somebody who subscribes.
pub struct Newcomer {
    /// Who it is.
    pub who: Who,
    /// With which session.
    pub session: SessionId,
    /// When: the time since 1970.
    pub since: Duration,
    /// What everybody may see of its claims.
    pub claims: Claims,
}

/// What a member's JSON has beside its name and its claims.
const FRAME: usize = 100;

impl Newcomer {
    /// How many bytes of JSON tell of it, at the most.
    pub(super) fn size(&self) -> usize {
        let name = match &self.who {
            Who::User(name) => serde_json::to_string(&**name).map_or(0, |name| name.len()),
            Who::Session(_) => 0,
        };
        let claims =
            if self.claims.is_empty() { Ok(0) } else { serde_json::to_string(&self.claims).map(|text| text.len()) };
        FRAME + name + claims.unwrap_or_default()
    }
}
