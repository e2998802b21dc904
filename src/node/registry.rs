//! Which sessions there are, and which were lost a moment ago.

use super::cell::Cell;
use super::now;
use crate::model::{Principal, SessionId};
use parking_lot::Mutex;
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// What stands behind a SockJS session id.
pub(crate) enum Lookup {
    /// A session of the caller's.
    Found(Arc<Cell>),
    /// It was lost: its client does not know yet that what it sends and waits for has nowhere to go.
    Lost,
    /// Somebody else's. Callers are told the same as for [`Unknown`](Self::Unknown).
    Foreign,
    /// Nothing.
    Unknown,
}

/// Why a session was not opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OpenError {
    /// `limits.max_sessions` are open.
    Full,
    /// The client's address has as many without an account as it may.
    AddressFull,
    /// The node is shutting down.
    Draining,
}

/// How many lost ids are remembered at the most: about 100 bytes each.
const MAX_LOST: usize = 10_000;

#[derive(Default)]
pub(super) struct Registry {
    live: Mutex<HashMap<SessionId, Arc<Cell>>>,
    named: Mutex<Named>,
}

/// SockJS sessions by the id that the client chose.
#[derive(Default)]
pub(super) struct Named {
    sessions: HashMap<Arc<str>, Arc<Cell>>,
    lost: HashMap<Arc<str>, Instant>,
    /// The lost ids in the order in which they are forgotten.
    forgetting: VecDeque<(Instant, Arc<str>)>,
}

impl Registry {
    pub(super) fn insert(&self, cell: Arc<Cell>) {
        self.live.lock().insert(cell.who.id, cell);
    }

    pub(super) fn remove(&self, id: SessionId) {
        self.live.lock().remove(&id);
    }

    pub(super) fn get(&self, id: SessionId) -> Option<Arc<Cell>> {
        self.live.lock().get(&id).cloned()
    }

    pub(super) fn all(&self) -> Vec<Arc<Cell>> {
        self.live.lock().values().cloned().collect()
    }

    pub(super) fn len(&self) -> usize {
        self.live.lock().len()
    }

    pub(super) fn lookup(&self, name: &str, principal: Option<&Principal>) -> Lookup {
        self.named.lock().lookup(name, principal)
    }

    /// Looks `name` up and, where nothing stands behind it, opens a session in the same breath: of two receivers that
    /// race, one opens it and the other finds it.
    pub(super) fn lookup_or_open(
        &self,
        name: &str,
        principal: Option<&Principal>,
        open: impl FnOnce() -> Result<Arc<Cell>, OpenError>,
    ) -> Result<Lookup, OpenError> {
        let mut named = self.named.lock();
        match named.lookup(name, principal) {
            Lookup::Unknown => {}
            known => return Ok(known),
        }
        let cell = open()?;
        named.sessions.insert(name.into(), Arc::clone(&cell));
        Ok(Lookup::Found(cell))
    }

    /// Forgets a named session; one that was lost leaves its id behind for a while.
    pub(super) fn remove_named(&self, name: &str, lost_for: Option<Duration>) {
        let mut named = self.named.lock();
        named.sessions.remove(name);
        if let Some(lost_for) = lost_for {
            named.remember_lost(name.into(), now() + lost_for);
        }
    }
}

impl Named {
    fn lookup(&self, name: &str, principal: Option<&Principal>) -> Lookup {
        match self.sessions.get(name) {
            Some(cell) if cell.who.principal.as_ref() == principal => Lookup::Found(Arc::clone(cell)),
            Some(_) => Lookup::Foreign,
            None if self.lost.get(name).is_some_and(|until| *until > now()) => Lookup::Lost,
            None => Lookup::Unknown,
        }
    }

    fn remember_lost(&mut self, name: Arc<str>, until: Instant) {
        self.forget(now());
        self.lost.insert(Arc::clone(&name), until);
        self.forgetting.push_back((until, name));
    }

    fn forget(&mut self, now: Instant) {
        while let Some((until, name)) = self.forgetting.front() {
            if *until > now && self.forgetting.len() < MAX_LOST {
                return;
            }
            self.lost.remove(name);
            self.forgetting.pop_front();
        }
    }
}
