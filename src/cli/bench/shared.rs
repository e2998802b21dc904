//! What the sessions of a load share.

use super::histogram::Histogram;
use super::plan::Plan;
use super::process::{self, Usage};
use crate::cli::client::Failure;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::sync::Semaphore;
use tokio::time::Instant;

/// What all sessions of a load share.
pub struct Shared {
    pub plan: Plan,
    pub run: u32,
    epoch: Instant,
    /// Leave to open a session.
    pub openings: Semaphore,
    /// Messages that were sent.
    pub published: AtomicU64,
    /// Messages that came for the first time, to all sessions together.
    pub delivered: AtomicU64,
    /// Nanoseconds since the run began: what was sent before was the warm-up.
    pub measured_from: AtomicU64,
    pub latency: Histogram,
}

/// How many sessions are being opened at a time: a server that is slow to take them is not buried in more, and those that come by
/// HTTP have two connections until they are open.
const MAX_OPENINGS: usize = 64;

impl Shared {
    pub fn new(plan: Plan) -> Result<Self, String> {
        Ok(Self {
            plan,
            run: getrandom::u32().map_err(|error| format!("cannot draw a random number: {error}"))?,
            epoch: Instant::now(),
            openings: Semaphore::new(MAX_OPENINGS),
            published: AtomicU64::new(0),
            delivered: AtomicU64::new(0),
            measured_from: AtomicU64::new(0),
            latency: Histogram::new(),
        })
    }

    /// Nanoseconds since the run began.
    pub fn now(&self) -> u64 {
        self.nanoseconds(Instant::now())
    }

    pub fn nanoseconds(&self, at: Instant) -> u64 {
        at.duration_since(self.epoch).as_nanos() as u64
    }

    pub fn sample(&self) -> Result<Sample, String> {
        Ok(Sample {
            at: Instant::now(),
            published: self.published.load(Ordering::Relaxed),
            delivered: self.delivered.load(Ordering::Relaxed),
            server: process::usage(&self.plan.pids)?,
            own: process::own(),
        })
    }
}

/// How things stood at a moment.
pub struct Sample {
    pub at: Instant,
    pub published: u64,
    pub delivered: u64,
    pub server: Usage,
    pub own: Option<Usage>,
}

/// How often each reason was given.
#[derive(Debug, Default)]
pub struct Reasons(pub BTreeMap<String, u64>);

/// How many reasons are told apart: a server could give each session another.
const MAX_REASONS: usize = 20;

impl Reasons {
    pub fn add(&mut self, failure: &Failure) {
        let text = failure.to_string();
        let is_one_too_many = self.0.len() >= MAX_REASONS && !self.0.contains_key(&text);
        *self.0.entry(if is_one_too_many { "other reasons".to_owned() } else { text }).or_default() += 1;
    }
}
