//! By when a connection's next head has to be there. A silent connection that may be used again is patient, as proxies that keep
//! some for later expect; one that has begun a head, or never sent any, is not.

use super::ServerSettings;
use hyper::rt::{Sleep as HyperSleep, Timer};
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};
use tokio::time::{Sleep, sleep};

/// What a connection waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Awaited {
    /// The first byte of its first head.
    First,
    /// The rest of a head.
    Rest,
    /// Another request, or nothing.
    Next,
}

/// What it waits for, written by who reads the bytes and read by who keeps the time.
#[derive(Debug, Clone, Default)]
pub(super) struct Progress(Arc<AtomicU8>);

impl Progress {
    pub(super) fn set(&self, awaited: Awaited) {
        self.0.store(awaited as u8, Ordering::Relaxed);
    }

    fn is(&self, awaited: Awaited) -> bool {
        self.0.load(Ordering::Relaxed) == awaited as u8
    }
}

/// hyper's timer, which it asks for nothing but the time that a head may take, from when it begins to wait for one. What hyper
/// says of that time does not count.
pub(super) struct HeadTimer {
    progress: Progress,
    header_timeout: Duration,
    keep_alive_timeout: Duration,
}

impl HeadTimer {
    pub(super) fn new(progress: Progress, settings: &ServerSettings) -> Self {
        let ServerSettings { header_timeout, keep_alive_timeout, .. } = *settings;
        Self { progress, header_timeout, keep_alive_timeout }
    }

    fn deadline(&self) -> HeadDeadline {
        let is_idle = self.progress.is(Awaited::Next);
        let patience = if is_idle { self.keep_alive_timeout } else { self.header_timeout };
        let (progress, header_timeout) = (self.progress.clone(), self.header_timeout);
        HeadDeadline { sleep: Box::pin(sleep(patience)), is_idle, progress, header_timeout }
    }
}

impl Timer for HeadTimer {
    fn sleep(&self, _: Duration) -> Pin<Box<dyn HyperSleep>> {
        Box::pin(self.deadline())
    }

    fn sleep_until(&self, _: Instant) -> Pin<Box<dyn HyperSleep>> {
        Box::pin(self.deadline())
    }
}

struct HeadDeadline {
    sleep: Pin<Box<Sleep>>,
    /// No byte of the head was there yet.
    is_idle: bool,
    progress: Progress,
    header_timeout: Duration,
}

impl Future for HeadDeadline {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if self.is_idle && self.progress.is(Awaited::Rest) {
            self.is_idle = false;
            self.sleep = Box::pin(sleep(self.header_timeout));
        }
        self.sleep.as_mut().poll(cx)
    }
}

impl HyperSleep for HeadDeadline {}
