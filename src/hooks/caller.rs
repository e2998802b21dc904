//! One call: its turn, its attempts, its end.

use super::breaker::{Breaker, Cause, Change, Ending, Passed};
use super::pool::Pool;
use super::signature::Signer;
use super::stats::Counters;
use super::{HookSettings, HookStats};
use crate::model::SettingsError;
use crate::policy::AddressKey;
use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_TYPE};
use http::{Method, Request, Response, StatusCode};
use http_body_util::Full;
use parking_lot::Mutex;
use serde::Serialize;
use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, SystemTime};
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::{Instant, sleep, timeout, timeout_at};

/// What the backend is called for, and waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Kind {
    Connect,
    Subscribe,
    Send,
    App,
}

impl Kind {
    const ALL: [Self; 4] = [Self::Connect, Self::Subscribe, Self::Send, Self::App];

    fn name(self) -> &'static str {
        match self {
            Self::Connect => "connect",
            Self::Subscribe => "subscribe",
            Self::Send => "send",
            Self::App => "app",
        }
    }
}

/// What calls for events are counted as.
const EVENTS: &str = "events";

/// Why there is no answer. Whoever asked can only try again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Unanswered {
    /// Too many others ask.
    Busy,
    /// The backend has failed too often, and is not asked now.
    Open,
    /// It took too long.
    Late,
    /// It breaks off, or says what cannot be used.
    Failed(String),
    /// It cannot be reached, or says that it serves nobody now (503; RFC 9110, section 15.6.4).
    Unreachable(String),
}

impl Unanswered {
    fn outcome(&self) -> &'static str {
        match self {
            Self::Busy => "busy",
            Self::Open => "open",
            Self::Late => "timeout",
            Self::Failed(_) | Self::Unreachable(_) => "failed",
        }
    }
}

/// It is for logs; clients are told that the backend is unavailable.
impl fmt::Display for Unanswered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Busy => f.write_str("too many calls wait"),
            Self::Open => f.write_str("the backend has failed too often"),
            Self::Late => f.write_str("the backend took too long"),
            Self::Failed(why) | Self::Unreachable(why) => f.write_str(why),
        }
    }
}

pub(super) struct Caller {
    pool: Pool,
    target: String,
    signer: Signer,
    ids: Ids,
    turns: Semaphore,
    waiting: AtomicUsize,
    max_waiting: usize,
    breakers: [Mutex<Breaker>; Kind::ALL.len()],
    /// Makes numbers of clients and destinations that nobody else can choose.
    hasher: RandomState,
    counters: Counters,
    timeout: Duration,
    retries: u32,
}

impl Caller {
    pub(super) fn new(settings: &HookSettings) -> Result<Self, SettingsError> {
        let server = settings.server()?;
        let query = server.query().map(|query| format!("?{query}")).unwrap_or_default();
        Ok(Self {
            target: format!("{}{query}", server.path()),
            // One more for events, which take no turn.
            pool: Pool::new(server, settings.concurrency + 1, settings.max_answer_bytes),
            signer: settings.signer()?,
            ids: Ids::new(),
            turns: Semaphore::new(settings.concurrency),
            waiting: AtomicUsize::new(0),
            max_waiting: settings.max_waiting,
            breakers: Kind::ALL.map(|_| Mutex::new(Breaker::new(settings.breaker.clone()))),
            hasher: RandomState::new(),
            counters: Counters::default(),
            timeout: settings.timeout,
            retries: settings.retries,
        })
    }

    /// An id that nothing else had, in this process or another.
    pub(super) fn next_id(&self) -> String {
        self.ids.next()
    }

    /// Asks `about` somebody, and `read`s the answer: its status is below 500, and what `read` cannot use counts as a failure.
    pub(super) async fn ask<T>(
        &self,
        kind: Kind,
        about: About<'_>,
        question: &impl Serialize,
        read: impl FnOnce(&Response<Bytes>) -> Result<T, String>,
    ) -> Result<T, Unanswered> {
        let since = Instant::now();
        let asked = self.ask_in_turn((kind, self.cause(about)), question, read, since + self.timeout).await;
        let outcome = asked.as_ref().map_or_else(Unanswered::outcome, |_| "answered");
        let is_first = self.counters.count(kind.name(), outcome, since.elapsed());
        match &asked {
            // Where the URL or the secret is wrong, nobody should have to wait for the breaker to learn it.
            Err(why) if is_first => {
                tracing::warn!(hook = kind.name(), %why, "the backend did not answer the first call")
            }
            Err(why) => tracing::debug!(hook = kind.name(), %why, "the backend did not answer"),
            Ok(_) => {}
        }
        asked
    }

    fn cause(&self, About { user, address, destination }: About<'_>) -> Cause {
        let client = match user {
            Some(user) => self.hasher.hash_one(user),
            None => self.hasher.hash_one(AddressKey::from(address)),
        };
        Cause { client, destination: destination.map(|destination| self.hasher.hash_one(destination)) }
    }

    async fn ask_in_turn<T>(
        &self,
        (kind, cause): (Kind, Cause),
        question: &impl Serialize,
        read: impl FnOnce(&Response<Bytes>) -> Result<T, String>,
        deadline: Instant,
    ) -> Result<T, Unanswered> {
        let body = to_json(question)?;
        let _turn = self.turn(deadline).await?;
        let passing = Passing::enter(self, kind, cause).ok_or(Unanswered::Open)?;
        let answer = timeout_at(deadline, self.attempts(&body, &passing.reached)).await;
        let answer = answer.unwrap_or(Err(Unanswered::Late));
        let asked = answer.and_then(|answer| read(&answer).map_err(Unanswered::Failed));
        passing.end(asked.as_ref().err());
        asked
    }

    /// Waits in a line of limited length, and no longer than the call may take.
    async fn turn(&self, deadline: Instant) -> Result<SemaphorePermit<'_>, Unanswered> {
        if let Ok(turn) = self.turns.try_acquire() {
            return Ok(turn);
        }
        let _place = Place::take(&self.waiting, self.max_waiting).ok_or(Unanswered::Busy)?;
        let turn = timeout_at(deadline, self.turns.acquire()).await;
        turn.ok().and_then(Result::ok).ok_or(Unanswered::Busy)
    }

    /// All attempts have one id, by which the backend can tell that it has seen a call before.
    async fn attempts(&self, body: &Bytes, reached: &AtomicBool) -> Result<Response<Bytes>, Unanswered> {
        let id = self.ids.next();
        let mut pause = FIRST_PAUSE;
        for _ in 0..self.retries {
            if let Ok(answer) = self.attempt(&id, body, reached).await {
                return Ok(answer);
            }
            sleep(pause).await;
            pause *= 2;
        }
        self.attempt(&id, body, reached).await
    }

    async fn attempt(&self, id: &str, body: &Bytes, reached: &AtomicBool) -> Result<Response<Bytes>, Unanswered> {
        let request = self.request(id, body).map_err(|error| Unanswered::Failed(error.to_string()))?;
        let answer =
            self.pool.exchange(request, reached).await.map_err(|error| match reached.load(Ordering::Relaxed) {
                true => Unanswered::Failed(reason(&error)),
                false => Unanswered::Unreachable(reason(&error)),
            })?;
        let failed = |status| format!("the backend answered {status}");
        match answer.status() {
            StatusCode::SERVICE_UNAVAILABLE => Err(Unanswered::Unreachable(failed(answer.status()))),
            status if status.is_server_error() => Err(Unanswered::Failed(failed(status))),
            _ => Ok(answer),
        }
    }

    /// Delivers events: no turn, no breaker, one attempt. The queue that they come from sees to the rest.
    pub(super) async fn tell(&self, id: &str, body: &Bytes) -> Result<(), Unanswered> {
        let since = Instant::now();
        let reached = AtomicBool::new(false);
        let told = timeout(self.timeout, self.attempt(id, body, &reached)).await.unwrap_or(Err(Unanswered::Late));
        let told = told.and_then(|answer| match answer.status() {
            status if status.is_success() => Ok(()),
            status => Err(Unanswered::Failed(unexpected(status))),
        });
        let outcome = told.as_ref().map_or_else(Unanswered::outcome, |()| "answered");
        self.counters.count(EVENTS, outcome, since.elapsed());
        told
    }

    fn request(&self, id: &str, body: &Bytes) -> http::Result<Request<Full<Bytes>>> {
        let timestamp = SystemTime::UNIX_EPOCH.elapsed().map_or(0, |since| since.as_secs());
        self.pool
            .server()
            .request(Method::POST, &self.target)
            .header(CONTENT_TYPE, "application/json")
            .header(ACCEPT, "application/json")
            .header("webhook-id", id)
            .header("webhook-timestamp", timestamp)
            .header("webhook-signature", self.signer.sign(id, timestamp, body))
            .body(Full::new(body.clone()))
    }

    pub(super) fn stats(&self) -> HookStats {
        let mut kinds = self.counters.snapshot();
        for kind in Kind::ALL {
            kinds.entry(kind.name()).or_default().is_open = self.breaker(kind).lock().is_open();
        }
        HookStats { kinds, ..HookStats::default() }
    }

    fn breaker(&self, kind: Kind) -> &Mutex<Breaker> {
        &self.breakers[kind as usize]
    }
}

/// How long to wait before a second attempt; before each other one twice as long as before.
const FIRST_PAUSE: Duration = Duration::from_millis(50);

/// What is wrong with a status that no hook expects.
pub(super) fn unexpected(status: StatusCode) -> String {
    format!("the backend answered {status}, which is no answer to this")
}

fn to_json(question: &impl Serialize) -> Result<Bytes, Unanswered> {
    serde_json::to_vec(question).map(Bytes::from).map_err(|error| Unanswered::Failed(error.to_string()))
}

/// An error and what it comes from: hyper keeps the interesting part there.
fn reason(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    let mut texts: Vec<_> = causes.map(ToString::to_string).collect();
    texts.dedup();
    texts.join(": ")
}

/// A place in the line, for as long as it is held.
struct Place<'a>(&'a AtomicUsize);

impl<'a> Place<'a> {
    fn take(waiting: &'a AtomicUsize, max: usize) -> Option<Self> {
        let place = Self(waiting);
        (waiting.fetch_add(1, Ordering::Relaxed) < max).then_some(place)
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Whom a question is about, and what: whose fault it can be that it is not answered.
#[derive(Debug, Clone, Copy)]
pub(super) struct About<'a> {
    /// Who asks; one without a name is known by its address.
    pub(super) user: Option<&'a str>,
    pub(super) address: IpAddr,
    pub(super) destination: Option<&'a str>,
}

/// A call that the breaker has let pass. One that is dropped was abandoned.
struct Passing<'a> {
    caller: &'a Caller,
    kind: Kind,
    passed: Passed,
    /// Whether there was a connection to the backend.
    reached: AtomicBool,
    ending: Ending,
}

impl<'a> Passing<'a> {
    fn enter(caller: &'a Caller, kind: Kind, cause: Cause) -> Option<Self> {
        let passed = caller.breaker(kind).lock().enter(cause, Instant::now().into_std())?;
        Some(Self { caller, kind, passed, reached: AtomicBool::new(false), ending: Ending::Abandoned })
    }

    fn end(mut self, why: Option<&Unanswered>) {
        self.ending = match why {
            None => Ending::Succeeded,
            Some(Unanswered::Late) if !self.reached.load(Ordering::Relaxed) => Ending::Unreachable,
            Some(Unanswered::Unreachable(_)) => Ending::Unreachable,
            Some(_) => Ending::Stumbled,
        };
        let hook = self.kind.name();
        match (self.tell_breaker(), why) {
            (Some(Change::Opened), Some(why)) => tracing::warn!(hook, %why, "the backend fails, and is left alone"),
            (Some(Change::Closed), _) => tracing::info!(hook, "the backend answers again"),
            _ => {}
        }
    }

    fn tell_breaker(&mut self) -> Option<Change> {
        let ending = std::mem::replace(&mut self.ending, Ending::Abandoned);
        self.caller.breaker(self.kind).lock().ended(&self.passed, ending, Instant::now().into_std())
    }
}

impl Drop for Passing<'_> {
    fn drop(&mut self) {
        self.tell_breaker();
    }
}

/// Names calls and events.
struct Ids {
    /// Drawn once: what tells this process's ids from others'.
    process: String,
    next: AtomicU64,
}

impl Ids {
    fn new() -> Self {
        // Where the machine has no randomness, the time and the process tell as well.
        let process = getrandom::u64().unwrap_or_else(|_| {
            let nanos = SystemTime::UNIX_EPOCH.elapsed().map_or(0, |since| since.as_nanos() as u64);
            nanos ^ u64::from(std::process::id()).rotate_left(32)
        });
        Self { process: format!("{process:016x}"), next: AtomicU64::new(1) }
    }

    fn next(&self) -> String {
        format!("{}-{}", self.process, self.next.fetch_add(1, Ordering::Relaxed))
    }
}
