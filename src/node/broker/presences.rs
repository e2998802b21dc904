//! Who is present, told to those who watch.

use super::delivery::{Accepted, Form};
use super::news::{self, Place};
use super::topics::{Listening, Topics};
use crate::broker::{Account, BrokerSettings, Change, DirectoryFull, Newcomer, Presence, PresenceFull, Present, Who};
use crate::model::{Claims, Destination, Principal, Publication, SessionId};
use crate::node::cell::Cell;
use crate::node::now;
use parking_lot::Mutex;
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant, SystemTime};
use tokio::runtime::Handle;
use tokio::sync::Notify;

/// The presence of one broker. What changes and what is told of it is one step under the lock of the destination where it is
/// told, so that watchers hear a state and then all of its changes.
pub(super) struct Presences {
    settings: Arc<BrokerSettings>,
    /// What is before a destination where it is told who is there.
    prefix: Destination,
    topics: Arc<Topics>,
    core: Mutex<Presence>,
    /// The destinations of which a change could not be told, since too much waits. Watchers are told the whole state, then.
    untold: Mutex<HashMap<Destination, Instant>>,
    /// Wakes who waits for somebody to have left.
    sooner: Arc<Notify>,
    is_timed: AtomicBool,
    is_over: AtomicBool,
    /// How often somebody could not be present.
    turned_away: AtomicU64,
    /// Numbers publications; shared with topics.
    numbers: Arc<AtomicU64>,
}

/// A subscription by which somebody is present. When it is dropped, they leave or have a while to come back.
pub(in crate::node) struct Attendance {
    presences: Arc<Presences>,
    place: Place,
    who: Who,
    session: SessionId,
}

/// How soon watchers are told again who is there, when too much waited to tell them of a change.
const TELL_AGAIN: Duration = Duration::from_secs(1);

impl Presences {
    pub(super) fn new(
        settings: &Arc<BrokerSettings>,
        prefix: Destination,
        topics: &Arc<Topics>,
        numbers: &Arc<AtomicU64>,
    ) -> Arc<Self> {
        Arc::new(Self {
            settings: Arc::clone(settings),
            prefix,
            topics: Arc::clone(topics),
            core: Mutex::new(Presence::new(settings.max_presences, settings.max_present)),
            untold: Mutex::default(),
            sooner: Arc::default(),
            is_timed: AtomicBool::new(false),
            is_over: AtomicBool::new(false),
            turned_away: AtomicU64::new(0),
            numbers: Arc::clone(numbers),
        })
    }

    /// Keeps the time, where there is something to keep it for.
    pub(super) fn run_on(self: &Arc<Self>, runtime: &Handle) {
        if !self.settings.presence.is_empty() && !self.is_timed.swap(true, Ordering::Relaxed) {
            runtime.spawn(keep_time(Arc::downgrade(self), Arc::clone(&self.sooner)));
        }
    }

    /// Tells nothing any more: the server stops, and everybody leaves.
    pub(super) fn stop(&self) {
        self.is_over.store(true, Ordering::Relaxed);
    }

    pub(super) fn turned_away(&self) -> u64 {
        self.turned_away.load(Ordering::Relaxed)
    }

    /// Who is there; `None` where that is not known.
    pub(super) fn present(&self, destination: &Destination, after: u64, limit: usize) -> Option<Present> {
        self.settings.presence(destination)?;
        Some(self.core.lock().present(destination, after, limit))
    }

    /// Somebody has subscribed to a destination. `None` where that makes nobody present.
    pub(super) fn attend(
        self: &Arc<Self>,
        destination: &Destination,
        session: SessionId,
        principal: Option<&Principal>,
    ) -> Option<Attendance> {
        let settings = self.settings.presence(destination)?;
        let place = self.place(destination)?;
        let who = principal.map_or(Who::Session(session), |principal| Who::User(principal.as_text().clone()));
        let claims = principal.map_or_else(Claims::new, |principal| settings.claims_of(principal));
        let since = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
        let newcomer = Newcomer { who: who.clone(), session, since, claims };
        let joined = self.topics.in_order(&place.at, || {
            let joined = self.core.lock().join(&place.of, settings, newcomer)?;
            self.tell(&place, joined);
            Ok::<_, PresenceFull>(())
        });
        if joined.is_err() {
            self.turned_away.fetch_add(1, Ordering::Relaxed);
            return None;
        }
        Some(Attendance { presences: Arc::clone(self), place, who, session })
    }

    /// Lets a session hear who comes and goes, behind who is there, which `tell` is told.
    pub(super) fn watch(
        &self,
        place: &Place,
        (cell, account): (&Arc<Cell>, &Arc<Account>),
        form: Form,
        tell: impl FnOnce(Publication),
    ) -> Result<Listening, DirectoryFull> {
        self.topics.in_order(&place.at, || {
            let listening = self.topics.listen(place.at.clone().into(), cell, form, account)?;
            tell(self.state(place));
            Ok(listening)
        })
    }

    /// `None` where it would be told at too long a name: nobody can ask there.
    fn place(&self, of: &Destination) -> Option<Place> {
        let at = Destination::parse(format!("{}{of}", self.prefix)).ok()?;
        Some(Place { of: of.clone(), at })
    }

    fn state(&self, place: &Place) -> Publication {
        let present = self.core.lock().present(&place.of, 0, usize::MAX);
        news::here(place, &present)
    }

    fn leave(&self, Attendance { place, who, session, .. }: &Attendance) {
        if self.is_over.load(Ordering::Relaxed) {
            return;
        }
        self.topics.in_order(&place.at, || {
            let (changes, is_next) = self.core_leave(place, who, *session);
            self.tell(place, changes);
            if is_next {
                self.sooner.notify_one();
            }
        });
    }

    /// Also whether the next who will have left is another now.
    fn core_leave(&self, place: &Place, who: &Who, session: SessionId) -> (Vec<Change>, bool) {
        let mut core = self.core.lock();
        let before = core.poll_timeout();
        let changes = core.leave(&place.of, who, session, now());
        (changes, core.poll_timeout() != before)
    }

    /// Tells who has left by now, and what could not be told before. When there is more to tell, if nothing happens.
    fn tell_due(&self) -> Option<Instant> {
        if self.is_over.load(Ordering::Relaxed) {
            return None;
        }
        for of in self.untold_until(now()) {
            self.in_order(&of, |place| self.publish(place, self.state(place)));
        }
        while let Some(of) = self.next_due() {
            self.in_order(&of, |place| {
                let changes = self.core.lock().handle_timeout(&of, now());
                self.tell(place, changes);
            });
        }
        let again = self.untold.lock().values().min().copied();
        self.core.lock().poll_timeout().into_iter().chain(again).min()
    }

    fn untold_until(&self, now: Instant) -> Vec<Destination> {
        self.untold.lock().extract_if(|_, again| *again <= now).map(|(of, _)| of).collect()
    }

    fn next_due(&self) -> Option<Destination> {
        self.core.lock().due(now()).cloned()
    }

    fn in_order(&self, of: &Destination, action: impl FnOnce(&Place)) {
        if let Some(place) = self.place(of) {
            self.topics.in_order(&place.at, || action(&place));
        }
    }

    /// To be called in the order of where it is told. Behind a change that was lost there is nothing to tell but the state.
    fn tell(&self, place: &Place, changes: impl IntoIterator<Item = Change>) {
        for change in changes {
            if self.untold.lock().contains_key(&place.of) {
                return;
            }
            self.publish(place, news::change(place, &change));
        }
    }

    /// What cannot be told now is told by the next state.
    fn publish(&self, place: &Place, publication: Publication) {
        let number = self.numbers.fetch_add(1, Ordering::Relaxed);
        let accept = |publication| Accepted::new(Arc::new(publication), number, None);
        let told = self.topics.publish(&place.at, publication.size(), || accept(publication));
        if told.is_err() {
            self.untold.lock().insert(place.of.clone(), now() + TELL_AGAIN);
            self.sooner.notify_one();
        }
    }
}

impl Drop for Presences {
    fn drop(&mut self) {
        self.sooner.notify_one();
    }
}

impl Drop for Attendance {
    fn drop(&mut self) {
        self.presences.leave(self);
    }
}

/// One for all members of all destinations.
async fn keep_time(presences: Weak<Presences>, sooner: Arc<Notify>) {
    loop {
        let Some(next) = presences.upgrade().map(|presences| presences.tell_due()) else { return };
        match next {
            Some(at) => drop(tokio::time::timeout_at(at.into(), sooner.notified()).await),
            None => sooner.notified().await,
        }
    }
}
