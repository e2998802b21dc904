//! How much clients may send, and how often they may fail.

mod bucket;
mod failures;
mod keyed;
mod limit;
mod settings;

pub use failures::ConnectFailures;
pub use settings::{Excess, RateSettings, ScopeSettings};

use super::AddressKey;
use crate::model::Destination;
use bucket::nanos;
use keyed::Keyed;
use limit::{Buckets, Limit, Scope, Unit};
use std::time::{Duration, Instant};

/// Whom a message is charged to.
#[derive(Debug, Clone, Copy)]
pub struct RateKeys<'a> {
    /// The session that it came from.
    pub session: &'a SessionRate,
    /// The session's user, if it has one.
    pub user: Option<&'a str>,
    /// The client's address, if no account answers for it.
    pub address: Option<AddressKey>,
    /// What it is.
    pub sent: Sent<'a>,
}

/// What a client sent.
#[derive(Debug, Clone, Copy)]
pub enum Sent<'a> {
    /// A message to a destination.
    To(&'a Destination),
    /// A message to the application.
    Message,
    /// Something that is asked of the server, such as a subscription. It is no message of its address's: many clients of one
    /// ask for much when they come, and nobody else has work with it. Like all that is sent it takes a part of the bytes that
    /// the address has.
    Request,
}

/// What one session has sent: 16 bytes, which live and die with it.
#[derive(Debug, Default)]
pub struct SessionRate(Buckets);

/// How far a message has come: the limits before this one have let it pass, and were charged for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stage {
    /// The place in [`TABLE`] of the limit that is asked next.
    limit: usize,
    /// Until when the message may wait, once it has begun to.
    give_up_at: Option<Instant>,
}

impl Stage {
    /// Where every message begins.
    pub const START: Self = Self { limit: 0, give_up_at: None };
}

/// What a message may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It may pass, and was charged for.
    Pass,
    /// It has to wait, and to ask again.
    Wait {
        /// How long: with what it has waited before, at most [`RateLimits::MAX_WAIT`].
        time: Duration,
        /// From where to ask then. What is before was charged, and is not charged again.
        then: Stage,
    },
    /// It may not pass. The limits before this one were charged for the attempt.
    Refuse {
        /// The limit's name: one of those in [`RateLimits::hits`].
        limit: &'static str,
        /// When another may.
        retry_after: Duration,
    },
    /// The session ends: [`Disconnect::RATE_LIMITED`](crate::model::Disconnect::RATE_LIMITED).
    Close {
        /// The limit's name: one of those in [`RateLimits::hits`].
        limit: &'static str,
    },
}

/// The limits of one endpoint. Time is an argument.
///
/// Users, addresses and destinations are remembered until [`tidy`](Self::tidy) finds that they did nothing for a while:
/// call it every minute.
#[derive(Debug)]
pub struct RateLimits {
    start: Instant,
    dry_run: bool,
    limits: [Limit; 8],
    users: Keyed,
    addresses: Keyed,
    destinations: Keyed,
}

/// All limits, in the order in which they are asked. The narrowest scope comes first, so that what one session sends
/// beyond its own limits costs nobody else anything.
const TABLE: [(&str, Scope, Unit); 8] = [
    ("session_messages", Scope::Session, Unit::Message),
    ("session_bytes", Scope::Session, Unit::Byte),
    ("user_messages", Scope::User, Unit::Message),
    ("user_bytes", Scope::User, Unit::Byte),
    ("address_messages", Scope::Address, Unit::Message),
    ("address_bytes", Scope::Address, Unit::Byte),
    ("destination_messages", Scope::Destination, Unit::Message),
    ("destination_bytes", Scope::Destination, Unit::Byte),
];

/// How many bytes of its address's whatever is sent takes at least: what is small has its cost as well.
const LEAST_BYTES: u32 = 1024;

impl RateLimits {
    /// The longest that a message waits for all limits together. One that would have to wait longer is refused instead:
    /// nothing is read from its client meanwhile, and a client that is not heard for longer looks like one that hangs.
    pub const MAX_WAIT: Duration = Duration::from_secs(60);

    /// Limits that begin at `start` with nothing used. The settings must be valid.
    pub fn new(settings: &RateSettings, start: Instant) -> Self {
        Self {
            start,
            dry_run: settings.dry_run,
            limits: TABLE.map(|(name, scope, unit)| Limit::new(name, scope, unit, settings.of(scope))),
            users: Keyed::new(settings.max_keys),
            addresses: Keyed::new(settings.max_keys),
            destinations: Keyed::new(settings.max_keys),
        }
    }

    /// Whether a message of so many bytes may pass. Each limit from `from` on is asked in turn and charged; the first that
    /// says no decides.
    ///
    /// Those before it keep what they took. Whoever waits goes on behind them, and so pays once; for whoever is refused,
    /// the attempt has its price.
    pub fn check(&self, keys: &RateKeys<'_>, bytes: usize, from: Stage, now: Instant) -> Verdict {
        let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
        for (at, limit) in self.limits.iter().enumerate().skip(from.limit) {
            match self.take(limit, keys, bytes, self.nanos(now)) {
                Err(wait) if !self.dry_run => return limit.verdict(wait, Stage { limit: at, ..from }, now),
                _ => {}
            }
        }
        Verdict::Pass
    }

    /// How often each limit said no, or would have in a dry run, by its name. One who waits may hear it more than once.
    pub fn hits(&self) -> impl Iterator<Item = (&'static str, u64)> {
        self.limits.iter().map(|limit| (limit.name, limit.hits()))
    }

    /// Forgets whoever has nothing used; frees the memory.
    pub fn tidy(&self, now: Instant) {
        for keyed in [&self.users, &self.addresses, &self.destinations] {
            keyed.tidy(self.nanos(now));
        }
    }

    /// Whether nothing is limited.
    pub fn are_off(&self) -> bool {
        self.limits.iter().all(Limit::is_off)
    }

    /// Charges a limit, if it limits anything and the message has what it is for.
    fn take(&self, limit: &Limit, keys: &RateKeys<'_>, bytes: u32, now: u64) -> Result<(), Duration> {
        let take = |buckets: &Buckets| limit.take(buckets, bytes, now);
        match limit.scope {
            _ if limit.is_off() => Ok(()),
            Scope::Session => take(&keys.session.0),
            Scope::User => keys.user.map_or(Ok(()), |user| self.users.with(user, take)),
            Scope::Address if limit.is_for(keys.sent) => {
                let bytes = bytes.max(LEAST_BYTES);
                let take = |buckets: &Buckets| limit.take(buckets, bytes, now);
                keys.address.map_or(Ok(()), |address| self.addresses.with(address, take))
            }
            Scope::Address => Ok(()),
            Scope::Destination => match keys.sent {
                Sent::To(destination) => self.destinations.with(destination, take),
                Sent::Message | Sent::Request => Ok(()),
            },
        }
    }

    fn nanos(&self, now: Instant) -> u64 {
        nanos(now.saturating_duration_since(self.start))
    }
}

#[cfg(test)]
mod tests;
