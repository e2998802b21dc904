//! What the protocol inside a session asks to have kept up and watched: signs of life, and deadlines with last words.

use super::core::{Carrier, Session};
use super::{Outgoing, SessionSettings};
use crate::model::Disconnect;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How the two sides of the inner protocol show each other that they live.
#[derive(Debug, Clone)]
pub struct KeepAlive {
    /// How often the client hears the filler; `None`: not at all. At least 1 ms.
    pub send_every: Option<Duration>,
    /// What it hears. An ordinary message, left out when others are on their way anyway. One that the session cannot
    /// carry (binary on SockJS) is not sent at all.
    pub filler: Arc<Outgoing>,
    /// For how long the client may show no sign of life; `None`: for ever. At least 4 ms. Messages are such signs, empty ones
    /// included, and bytes of any kind over a WebSocket, and requests. A WebSocket is pinged when half of the time has
    /// passed: what answers for a script that sleeps says that it lives. A client that is silent for longer is closed with
    /// [`NO_HEARTBEAT`](Disconnect::NO_HEARTBEAT) within 1¼ times this duration.
    pub expect_within: Option<Duration>,
    /// What a silent client is told before it is closed.
    pub last_words: Option<Arc<Outgoing>>,
}

/// What can be late, beside signs of life: each has a deadline of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deadline {
    /// The client has to show who it is; later, to show it again.
    Authentication,
    /// A unit of the inner protocol has begun and has to end, however many messages it spans.
    Frame,
}

impl Deadline {
    const COUNT: usize = 2;
}

/// How a session ends if nobody prevents it.
#[derive(Debug, Clone)]
pub struct Ending {
    /// When.
    pub at: Instant,
    /// With what.
    pub disconnect: Disconnect,
    /// What the client is told before.
    pub last_words: Option<Arc<Outgoing>>,
}

/// What of the session's own heartbeat is still of use beside the inner protocol's.
#[derive(Debug, Clone, Copy)]
pub(super) struct Heartbeat {
    /// Something that the client can see.
    pub(super) visible: bool,
    /// Something that the client has to answer.
    pub(super) ping: bool,
}

/// Boxed by the session, since sessions without an inner protocol have none.
#[derive(Debug, Default)]
pub(super) struct Watch {
    filling: Option<Filling>,
    listening: Option<Listening>,
    endings: [Option<Ending>; Deadline::COUNT],
}

#[derive(Debug)]
struct Filling {
    every: Duration,
    filler: Arc<Outgoing>,
    /// `None` is beyond what the clock can tell.
    due: Option<Instant>,
}

/// Silence is counted in quarters of the time that is allowed, so that a sign of life costs no look at the clock. And so that
/// a process that was stopped for a while does not take the messages that it has not read for silence: the time that
/// it missed counts as one quarter.
#[derive(Debug)]
struct Listening {
    expect_within: Duration,
    /// How many quarters have begun after the last sign of life.
    quarters: u8,
    /// When the current quarter ends. `None` is beyond what the clock can tell.
    check: Option<Instant>,
    last_words: Option<Arc<Outgoing>>,
}

/// What has come due.
enum Due {
    Filler(Arc<Outgoing>),
    Ping,
    End(Disconnect, Option<Arc<Outgoing>>),
}

const QUARTERS: u8 = 4;

/// When a client that is silent is asked whether it lives: two quarters have passed at least, and it has the rest to answer.
const ASK_AT: u8 = 3;

/// What is repeated is repeated at most this often, whatever was asked for.
const SHORTEST: Duration = Duration::from_millis(1);

impl Filling {
    fn new(every: Duration, filler: Arc<Outgoing>, now: Instant) -> Self {
        let every = every.max(SHORTEST);
        Self { every, filler, due: now.checked_add(every) }
    }

    fn take_due(&mut self, now: Instant) -> Option<Due> {
        self.due.take_if(|due| *due <= now)?;
        self.due = now.checked_add(self.every);
        Some(Due::Filler(Arc::clone(&self.filler)))
    }
}

impl Listening {
    fn new(expect_within: Duration, last_words: Option<Arc<Outgoing>>, now: Instant) -> Self {
        let expect_within = expect_within.max(SHORTEST * u32::from(QUARTERS));
        // The first quarter begins now, and is counted.
        let mut listening = Self { expect_within, quarters: 1, check: None, last_words };
        listening.begin_quarter(now);
        listening
    }

    fn begin_quarter(&mut self, now: Instant) {
        self.check = now.checked_add(self.expect_within / u32::from(QUARTERS));
    }

    fn take_due(&mut self, now: Instant) -> Option<Due> {
        self.check.take_if(|check| *check <= now)?;
        self.begin_quarter(now);
        self.quarters += 1;
        match self.quarters {
            ASK_AT => Some(Due::Ping),
            quarters if quarters > QUARTERS => Some(Due::End(Disconnect::NO_HEARTBEAT, self.last_words.take())),
            _ => None,
        }
    }
}

impl Watch {
    fn next(&self) -> Option<Instant> {
        let filling = self.filling.as_ref().and_then(|filling| filling.due);
        let listening = self.listening.as_ref().and_then(|listening| listening.check);
        self.endings.iter().flatten().map(|ending| ending.at).chain(filling).chain(listening).min()
    }

    /// Takes one thing that has come due, endings first.
    fn take_due(&mut self, now: Instant) -> Option<Due> {
        let ended = |slot: &mut Option<Ending>| slot.take_if(|ending| ending.at <= now);
        if let Some(ending) = self.endings.iter_mut().find_map(ended) {
            return Some(Due::End(ending.disconnect, ending.last_words));
        }
        let silence = self.listening.as_mut().and_then(|listening| listening.take_due(now));
        silence.or_else(|| self.filling.as_mut()?.take_due(now))
    }

    fn is_over(&self) -> bool {
        self.filling.is_none() && self.listening.is_none() && self.endings.iter().all(Option::is_none)
    }

    fn heard(&mut self) {
        if let Some(listening) = &mut self.listening {
            listening.quarters = 0;
        }
    }

    /// Fillers as frequent as heartbeats are heartbeats. A ping also shows that the client lives, which the messages that
    /// it has promised do only where they are awaited no longer than the answer to a ping.
    fn heartbeat(&self, settings: &SessionSettings) -> Heartbeat {
        let fills = self.filling.as_ref().is_some_and(|filling| filling.every <= settings.heartbeat);
        let patience = settings.heartbeat.saturating_add(settings.heartbeat_answer);
        let hears = self.listening.as_ref().is_some_and(|listening| listening.expect_within <= patience);
        Heartbeat { visible: !fills, ping: !(fills && hears) }
    }
}

impl Session {
    /// Begins, changes or (with neither duration) ends the inner protocol's signs of life, both counted from `now`.
    ///
    /// A client that hears the filler at least as often as [`heartbeat`](SessionSettings::heartbeat) says gets no `h`
    /// beside it; and no ping either where its own messages show as soon as a pong would that it lives.
    pub fn keep_alive(&mut self, keep_alive: KeepAlive, now: Instant) {
        if !self.is_open() {
            return;
        }
        let KeepAlive { send_every, filler, expect_within, last_words } = keep_alive;
        let send_every = send_every.filter(|_| filler.fits(self.form()));
        let watch = self.watch.get_or_insert_default();
        watch.filling = send_every.map(|every| Filling::new(every, filler, now));
        watch.listening = expect_within.map(|within| Listening::new(within, last_words, now));
        self.watch.take_if(|watch| watch.is_over());
    }

    /// Sets a deadline in the place of the one before, or with `None` takes it back.
    pub fn end_at(&mut self, deadline: Deadline, ending: Option<Ending>) {
        if self.is_open() && (ending.is_some() || self.watch.is_some()) {
            self.watch.get_or_insert_default().endings[deadline as usize] = ending;
            self.watch.take_if(|watch| watch.is_over());
        }
    }

    /// Ends the session with a message that goes out behind all others, even if the queue is full.
    pub fn close_with_last_words(&mut self, disconnect: Disconnect, last_words: Arc<Outgoing>, now: Instant) {
        self.end(disconnect, Some(last_words), now);
    }

    /// Words that the session cannot carry are left out.
    fn end(&mut self, disconnect: Disconnect, last_words: Option<Arc<Outgoing>>, now: Instant) {
        if self.is_open() {
            let form = self.form();
            last_words.filter(|words| words.fits(form)).into_iter().for_each(|words| self.queue.push_last(words));
        }
        self.close(disconnect, now);
    }

    /// The application is at work, and nothing is read until it has finished: meanwhile silence proves nothing.
    pub fn busy(&mut self) {
        self.heard();
        self.shows_life();
    }

    /// The client did something, whatever it was.
    pub fn shows_life(&mut self) {
        if let Some(watch) = &mut self.watch {
            watch.heard();
        }
    }

    pub(super) fn next_watched(&self) -> Option<Instant> {
        self.watch.as_ref().and_then(|watch| watch.next())
    }

    /// Carries out what has come due of what is watched.
    pub(super) fn watch_due(&mut self, now: Instant) {
        while let Some(due) = self.watch.as_mut().and_then(|watch| watch.take_due(now)) {
            match due {
                Due::Filler(filler) => self.fill(filler, now),
                Due::Ping => self.ping(),
                Due::End(disconnect, last_words) => self.end(disconnect, last_words, now),
            }
        }
    }

    /// Polls and streams come with requests of their own, and cannot be asked for one.
    fn ping(&mut self) {
        if let Carrier::Socket(socket) = &mut self.carrier {
            socket.heartbeat_due(Heartbeat { visible: false, ping: true });
        }
    }

    /// Where something is on its way, the client hears that.
    fn fill(&mut self, filler: Arc<Outgoing>, now: Instant) {
        let under_way = matches!(&self.carrier, Carrier::Socket(socket) if socket.is_mid_frame());
        if self.queue.is_drained() && !under_way {
            // Refused only where the session ends, or where unacknowledged messages fill the queue: both are said elsewhere.
            self.send(filler, || now).ok();
        }
    }

    pub(super) fn due_heartbeat(&self) -> Heartbeat {
        let full = Heartbeat { visible: true, ping: true };
        self.watch.as_ref().map_or(full, |watch| watch.heartbeat(&self.settings))
    }
}
