//! How much clients may send, and how often they may fail.

mod bucket;
mod failures;
mod keyed;
mod settings;

pub use failures::ConnectFailures;
pub use settings::{Excess, RateSettings, ScopeSettings};

use super::AddressKey;
use crate::model::Destination;
use bucket::Rate;
use keyed::{Buckets, Keyed};
use parking_lot::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Whom a message is charged to.
#[derive(Debug, Clone, Copy)]
pub struct RateKeys<'a> {
    /// The session that it came from.
    pub session: &'a SessionRate,
    /// The session's user, if it has one.
    pub user: Option<&'a str>,
    /// The client's address.
    pub address: AddressKey,
    /// Where it goes.
    pub destination: Option<&'a Destination>,
}

/// What one session has sent: 24 bytes, which live and die with it.
#[derive(Debug, Default)]
pub struct SessionRate(Mutex<Buckets>);

/// What a message may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It may pass, and was charged for.
    Pass,
    /// It has to wait so long, and to ask again then. It was not charged for.
    Wait(Duration),
    /// It may not pass. It was not charged for.
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
    /// For the session, the user, the address and the destination, in this order.
    scopes: [Scope; 4],
    /// For the user, the address and the destination.
    keyed: [Keyed; 3],
}

/// The names of all limits: messages and bytes of the session, the user, the address and the destination.
const NAMES: [[&str; 2]; 4] = [
    ["session_messages", "session_bytes"],
    ["user_messages", "user_bytes"],
    ["address_messages", "address_bytes"],
    ["destination_messages", "destination_bytes"],
];

impl RateLimits {
    /// Limits that begin at `start` with nothing used. The settings must be valid.
    pub fn new(settings: &RateSettings, start: Instant) -> Self {
        let RateSettings { session, user, address, destination, .. } = settings;
        let scopes = [session, user, address, destination];
        Self {
            start,
            dry_run: settings.dry_run,
            scopes: std::array::from_fn(|at| Scope::new(scopes[at], NAMES[at])),
            keyed: std::array::from_fn(|_| Keyed::new(settings.max_keys)),
        }
    }

    /// Whether a message of so many bytes may pass. Each limit is asked in turn; the first that says no decides, and those
    /// before it get back what they took.
    pub fn check(&self, keys: &RateKeys<'_>, bytes: usize, now: Instant) -> Verdict {
        let (now, bytes) = (self.nanos(now), bytes as u64);
        for (at, scope) in self.scopes.iter().enumerate() {
            let Some(Err(over)) = self.with(at, keys, |buckets| scope.take(buckets, now, bytes)) else { continue };
            scope.hits[over.limit].fetch_add(1, Ordering::Relaxed);
            if !self.dry_run {
                self.give_back(at, keys, bytes);
                return scope.verdict(&over);
            }
        }
        Verdict::Pass
    }

    /// How often each limit said no, or would have in a dry run, by its name.
    pub fn hits(&self) -> impl Iterator<Item = (&'static str, u64)> {
        let of_scope = |scope: &Scope| [0, 1].map(|at| (scope.names[at], scope.hits[at].load(Ordering::Relaxed)));
        self.scopes.iter().flat_map(of_scope)
    }

    /// Forgets whoever has nothing used; frees the memory.
    pub fn tidy(&self, now: Instant) {
        self.keyed.iter().for_each(|keyed| keyed.tidy(self.nanos(now)));
    }

    fn give_back(&self, until: usize, keys: &RateKeys<'_>, bytes: u64) {
        for (at, scope) in self.scopes[..until].iter().enumerate() {
            self.with(at, keys, |buckets| scope.give_back(buckets, bytes));
        }
    }

    /// Uses the buckets of the scope at `at`, if it limits anything and the message has one.
    fn with<R>(&self, at: usize, keys: &RateKeys<'_>, f: impl FnOnce(&mut Buckets) -> R) -> Option<R> {
        let [users, addresses, destinations] = &self.keyed;
        match at {
            _ if self.scopes[at].is_off() => None,
            0 => Some(f(&mut keys.session.0.lock())),
            1 => keys.user.map(|user| users.with(user, f)),
            2 => Some(addresses.with(keys.address, f)),
            _ => keys.destination.map(|destination| destinations.with(destination, f)),
        }
    }

    fn nanos(&self, now: Instant) -> u64 {
        u64::try_from(now.saturating_duration_since(self.start).as_nanos()).unwrap_or(u64::MAX)
    }
}

/// The two limits of one scope.
#[derive(Debug)]
struct Scope {
    names: [&'static str; 2],
    messages: Option<Rate>,
    bytes: Option<Rate>,
    excess: Excess,
    hits: [AtomicU64; 2],
}

/// A message that is over a limit.
struct Over {
    /// Messages or bytes: the place in `names` and `hits`.
    limit: usize,
    /// After how many nanoseconds it would not be.
    wait: u64,
}

impl Scope {
    fn new(settings: &ScopeSettings, names: [&'static str; 2]) -> Self {
        let (messages, bytes) = (settings.messages(), settings.bytes());
        Self { names, messages, bytes, excess: settings.excess, hits: Default::default() }
    }

    fn is_off(&self) -> bool {
        self.messages.is_none() && self.bytes.is_none()
    }

    fn take(&self, buckets: &mut Buckets, now: u64, bytes: u64) -> Result<(), Over> {
        if let Some(rate) = &self.messages {
            rate.take(&mut buckets.messages, now, 1).map_err(|wait| Over { limit: 0, wait })?;
        }
        let Some(rate) = &self.bytes else { return Ok(()) };
        rate.take(&mut buckets.bytes, now, bytes).map_err(|wait| {
            self.messages.inspect(|rate| rate.give_back(&mut buckets.messages, 1));
            Over { limit: 1, wait }
        })
    }

    fn give_back(&self, buckets: &mut Buckets, bytes: u64) {
        self.messages.inspect(|rate| rate.give_back(&mut buckets.messages, 1));
        self.bytes.inspect(|rate| rate.give_back(&mut buckets.bytes, bytes));
    }

    fn verdict(&self, over: &Over) -> Verdict {
        let (limit, wait) = (self.names[over.limit], Duration::from_nanos(over.wait));
        match self.excess {
            Excess::SlowDown => Verdict::Wait(wait),
            Excess::Refuse => Verdict::Refuse { limit, retry_after: wait },
            Excess::Close => Verdict::Close { limit },
        }
    }
}

#[cfg(test)]
mod tests;
