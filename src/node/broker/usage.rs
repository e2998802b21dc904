//! For how long a queue lasts that nobody consumes.

use crate::broker::{Account, QueueSettings, Rank};
use std::time::{Duration, Instant};

pub(super) struct Usage {
    /// For ever, or so long: where somebody with an account has used it, and where nobody has.
    known: Option<Duration>,
    anonymous: Option<Duration>,
    /// Only clients without an account have sent to it or consumed it.
    is_anonymous: bool,
    /// Since when nobody consumes it, while there is something to consume.
    unused_since: Option<Instant>,
}

impl Usage {
    /// Of a queue that is made now. One of dead letters waits for somebody who looks at it, however long that takes.
    pub(super) fn new(settings: &QueueSettings, is_for_dead_letters: bool) -> Self {
        let lasts = |is_anonymous| settings.lasts_unused(is_anonymous).filter(|_| !is_for_dead_letters);
        Self { known: lasts(false), anonymous: lasts(true), is_anonymous: true, unused_since: None }
    }

    /// Somebody uses it.
    pub(super) fn is_of(&mut self, account: &Account) {
        self.is_anonymous &= account.rank() == Rank::Anonymous;
    }

    /// When it is over, if nobody consumes it until then.
    pub(super) fn ends_at(&mut self, is_unused: bool, now: impl FnOnce() -> Instant) -> Option<Instant> {
        if !is_unused {
            self.unused_since = None;
            return None;
        }
        let lasts = self.lasts()?;
        Some(*self.unused_since.get_or_insert_with(now) + lasts)
    }

    pub(super) fn is_over(&self, now: Instant) -> bool {
        let ends = self.unused_since.zip(self.lasts()).map(|(since, lasts)| since + lasts);
        ends.is_some_and(|ends| ends <= now)
    }

    fn lasts(&self) -> Option<Duration> {
        if self.is_anonymous { self.anonymous } else { self.known }
    }
}
