//! Keys behind a URL, and the last good copy of them.

use super::fetch::Source;
use super::keys::KeySet;
use crate::policy::AuthError;
use futures_util::FutureExt;
use futures_util::future::{BoxFuture, Shared};
use jsonwebtoken::Algorithm;
use parking_lot::Mutex;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// The keys of one issuer, fetched when they are needed.
///
/// - All who wait for a fetch wait for the same one; it goes on where some of them leave.
/// - A fetch begins at most every 30 s, every second while there are no keys at all.
/// - A fetch that fails leaves the keys as they were; one that succeeds replaces them all, so a key that the issuer took
///   back is gone.
#[derive(Debug)]
pub(super) struct RemoteKeys {
    source: Source,
    refresh: Duration,
    algorithms: Vec<Algorithm>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    keys: Option<Arc<KeySet>>,
    /// When the keys were fetched.
    fetched: Option<Instant>,
    /// When the last fetch began, whatever came of it.
    tried: Option<Instant>,
    /// Whether the last fetch failed.
    failed: bool,
    flight: Option<Flight>,
}

/// A fetch that any number wait for.
type Flight = Shared<BoxFuture<'static, ()>>;

impl fmt::Debug for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("State").field("fetched", &self.fetched).field("failed", &self.failed).finish_non_exhaustive()
    }
}

/// How long a fetch is not repeated, with and without keys.
const PAUSE: Duration = Duration::from_secs(30);
const PAUSE_WITHOUT_KEYS: Duration = Duration::from_secs(1);

/// When a fetch that has not ended has nobody left who waits for it: it ends by itself long before.
const ABANDONED: Duration = Duration::from_secs(10);

impl RemoteKeys {
    /// Keys that are fetched again `refresh` after they were.
    pub fn new(source: Source, refresh: Duration, algorithms: Vec<Algorithm>) -> Arc<Self> {
        Arc::new(Self { source, refresh, algorithms, state: Mutex::default() })
    }

    /// Keys among which there is one for `id` and `algorithm`. Waits for a fetch where there is none, or where the keys
    /// are due and nobody fetches them yet.
    pub async fn with(
        self: &Arc<Self>,
        id: Option<&str>,
        algorithm: Algorithm,
        now: Instant,
    ) -> Result<Arc<KeySet>, AuthError> {
        let is_known = |keys: &Arc<KeySet>| !matches!(keys.find(id, algorithm), Err(AuthError::UnknownKey));
        let (keys, flight) = self.look(now, is_known);
        if let Some(flight) = flight {
            flight.await;
        } else if let Some(keys) = keys {
            return Ok(keys);
        }
        self.after_fetch(is_known)
    }

    /// The last good keys, however old they are.
    pub fn here(&self) -> Option<Arc<KeySet>> {
        self.state.lock().keys.clone()
    }

    /// Fetches the keys now, unless that was just tried.
    pub async fn refresh(self: &Arc<Self>, now: Instant) {
        let flight = self.state.lock().board(self, now);
        if let Some(flight) = flight {
            flight.await;
        }
    }

    /// The keys if they will do, and what to wait for.
    fn look(
        self: &Arc<Self>,
        now: Instant,
        is_known: impl Fn(&Arc<KeySet>) -> bool,
    ) -> (Option<Arc<KeySet>>, Option<Flight>) {
        let mut state = self.state.lock();
        let keys = state.keys.clone().filter(is_known);
        let is_due = state.fetched.is_none_or(|fetched| now.saturating_duration_since(fetched) >= self.refresh);
        let flight = match &keys {
            Some(_) if !is_due || state.under_way(now).is_some() => None,
            _ => state.board(self, now),
        };
        (keys, flight)
    }

    /// What there is now. Where the last fetch failed, nobody knows whether a key is unknown.
    fn after_fetch(&self, is_known: impl Fn(&Arc<KeySet>) -> bool) -> Result<Arc<KeySet>, AuthError> {
        let state = self.state.lock();
        let missing = if state.failed || state.keys.is_none() { AuthError::Unavailable } else { AuthError::UnknownKey };
        state.keys.clone().filter(is_known).ok_or(missing)
    }

    async fn fetch(self: Arc<Self>) {
        let document = self.source.get().await.map_err(|error| error.to_string());
        let keys = document.and_then(|document| KeySet::from_jwks(&document, &self.algorithms));
        let mut state = self.state.lock();
        state.flight = None;
        state.failed = keys.is_err();
        match keys {
            Ok(keys) => {
                state.keys = Some(Arc::new(keys));
                state.fetched = Some(Instant::now());
            }
            Err(error) => tracing::warn!(source = ?self.source, %error, "cannot fetch keys; the last ones are kept"),
        }
    }
}

impl State {
    /// The fetch that is under way, or a new one unless the last one was just now.
    fn board(&mut self, keys: &Arc<RemoteKeys>, now: Instant) -> Option<Flight> {
        let pause = if self.keys.is_some() { PAUSE } else { PAUSE_WITHOUT_KEYS };
        if self.under_way(now).is_none() && self.has_not_tried_for(pause, now) {
            self.tried = Some(now);
            self.flight = Some(keys.clone().fetch().boxed().shared());
        }
        self.under_way(now)
    }

    fn under_way(&self, now: Instant) -> Option<Flight> {
        self.flight.clone().filter(|_| !self.has_not_tried_for(ABANDONED, now))
    }

    fn has_not_tried_for(&self, time: Duration, now: Instant) -> bool {
        self.tried.is_none_or(|tried| now.saturating_duration_since(tried) >= time)
    }
}
