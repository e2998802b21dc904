//! Sessions that are watched: what goes through them is published for whoever watches, for as long as somebody does.

use super::mask::{Shown, shown};
use crate::messaging::{Event, Messenger};
use crate::model::{Destination, DestinationPattern, Principal, SessionId};
use crate::node::{Direction, Seen, SessionHandle, Watching};
use crate::server::Mounted;
use crate::server::api::session_id;
use parking_lot::Mutex;
use serde::Serialize;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use tokio::sync::Notify;
use tokio::task::JoinHandle;

/// What is below has an endpoint's name and a session's id: `/topic/watch/stomp/s12`.
const PREFIX: &str = "/topic/watch/";

/// All of that.
pub(super) const ALL: &str = "/topic/watch/*/*";

/// How many messages are told in a row before a [`BREATH`]: so at most some 600 in a second, which is more than anybody
/// reads. Those beyond are counted, and the watcher is told how many they were.
const IN_A_ROW: usize = 32;

const BREATH: Duration = Duration::from_millis(50);

/// Who watches what.
pub(super) struct Watches {
    endpoints: Arc<[Mounted]>,
    watched: Mutex<HashMap<Destination, Watch>>,
    came: Notify,
}

/// One session that is watched.
struct Watch {
    watchers: HashSet<SessionId>,
    _telling: Telling,
}

/// The task that tells of one session. It ends when nobody listens.
struct Telling(JoinHandle<()>);

impl Drop for Telling {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// What a watcher is told.
#[derive(Debug, Serialize)]
#[serde(tag = "what", rename_all = "snake_case")]
enum Told {
    /// From here on everything is seen.
    Begins { time: u64 },
    /// A message.
    Message {
        time: u64,
        direction: &'static str,
        bytes: usize,
        /// Whether there is more of it than is shown.
        cut: bool,
        /// How many went by unseen before it.
        missed: u64,
        #[serde(flatten)]
        shown: Shown,
    },
    /// The session has ended.
    Ended { time: u64, code: u16, reason: String, ending: &'static str },
    /// There is no such session.
    Absent { time: u64 },
}

/// Whether this names one session, whether there is such a one or not.
pub(super) fn is_one(target: &str) -> bool {
    parts(target).is_some()
}

fn parts(target: &str) -> Option<(&str, SessionId)> {
    let (endpoint, id) = target.strip_prefix(PREFIX)?.split_once('/')?;
    Some((endpoint, session_id(id)?)).filter(|_| !endpoint.contains('*'))
}

impl Watches {
    pub(super) fn new(endpoints: Arc<[Mounted]>) -> Self {
        Self { endpoints, watched: Mutex::default(), came: Notify::new() }
    }

    /// Waits until somebody opens a feed of the page's.
    pub(super) async fn somebody_came(&self) {
        self.came.notified().await;
    }

    /// Takes note of who listens, and to what.
    pub(super) fn told(&self, event: Event, messenger: &Messenger) {
        match event {
            Event::Connected(_) => self.came.notify_one(),
            Event::Subscribed { client, destination, .. } => {
                self.begin(client.id(), client.principal().as_ref(), &destination, messenger);
            }
            Event::Disconnected { client, .. } => self.end(client.id()),
            Event::Connect(_) | Event::Unsubscribed { .. } => {}
        }
    }

    fn begin(
        &self,
        watcher: SessionId,
        key: Option<&Principal>,
        destination: &DestinationPattern,
        messenger: &Messenger,
    ) {
        let Some((endpoint, id)) = parts(destination.as_str()) else { return };
        let Some(topic) = destination.as_destination() else { return };
        tracing::info!(key = key.map(Principal::name), endpoint, session = %id, "session is watched");
        let mut watched = self.watched.lock();
        let begin = || {
            let endpoint = self.endpoints.iter().find(|mounted| mounted.name == endpoint);
            let session = endpoint.and_then(|endpoint| endpoint.byway.session(id));
            let speaks_stomp = endpoint.is_some_and(|endpoint| endpoint.messenger.is_some());
            let teller = Teller { topic: topic.clone(), messenger: messenger.clone(), speaks_stomp };
            Watch { watchers: HashSet::new(), _telling: Telling(tokio::spawn(teller.tell(session))) }
        };
        watched.entry(topic.clone()).or_insert_with(begin).watchers.insert(watcher);
    }

    fn end(&self, watcher: SessionId) {
        self.watched.lock().retain(|_, watch| {
            watch.watchers.remove(&watcher);
            !watch.watchers.is_empty()
        });
    }
}

/// Tells of one session.
struct Teller {
    topic: Destination,
    messenger: Messenger,
    speaks_stomp: bool,
}

impl Teller {
    async fn tell(self, session: Option<SessionHandle>) {
        let Some(session) = session else { return self.publish(&Told::Absent { time: now() }) };
        let mut watching = session.watch();
        self.publish(&Told::Begins { time: now() });
        while self.tell_some(&mut watching).await {
            tokio::time::sleep(BREATH).await;
        }
        if let Some(ending) = watching.ending() {
            let reason = ending.reason().to_owned();
            self.publish(&Told::Ended { time: now(), code: ending.code(), reason, ending: ending.label() });
        }
    }

    /// False when the session has ended.
    async fn tell_some(&self, watching: &mut Watching) -> bool {
        for _ in 0..IN_A_ROW {
            let Some(seen) = watching.next().await else { return false };
            self.publish(&self.message(&seen));
        }
        true
    }

    fn message(&self, seen: &Seen) -> Told {
        let from_client = seen.direction == Direction::In;
        Told::Message {
            time: millis(seen.at),
            direction: if from_client { "in" } else { "out" },
            bytes: seen.len,
            cut: seen.excerpt.len() < seen.len,
            missed: seen.missed,
            shown: shown(&seen.excerpt, from_client && self.speaks_stomp),
        }
    }

    /// What cannot be told because too much is, is lost: watching is in nobody's way.
    fn publish(&self, told: &Told) {
        self.messenger.send(self.topic.clone(), told).ok();
    }
}

fn now() -> u64 {
    millis(SystemTime::now())
}

/// Milliseconds since 1970.
fn millis(time: SystemTime) -> u64 {
    let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_session_is_watched_at_a_time_and_never_many_by_a_pattern() {
        assert_eq!(parts("/topic/watch/stomp/s12"), Some(("stomp", SessionId(12))));
        for wrong in [
            "/topic/watch/*/s12",
            "/topic/watch/stomp/*",
            "/topic/watch/**",
            "/topic/watch/stomp/s12/x",
            "/topic/watch/stomp/12",
            "/topic/watch/stomp",
            "/topic/stats",
        ] {
            assert!(!is_one(wrong), "{wrong}");
        }
    }
}
