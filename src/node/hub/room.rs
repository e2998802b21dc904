//! Waiting for room in a hub.

use crate::node::now;
use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering, fence};
use std::time::Duration;
use tokio::sync::Notify;

/// Those who have something to publish, and wait.
pub(super) struct Room {
    /// How long each does.
    wait: Duration,
    waiting: AtomicUsize,
    there_is: Notify,
}

/// One who waits.
struct Waiting<'a>(&'a Room);

impl Room {
    pub(super) fn new(wait: Duration) -> Self {
        Self { wait, waiting: AtomicUsize::new(0), there_is: Notify::new() }
    }

    /// Whether anybody is to wait.
    pub(super) fn is_waited_for(&self) -> bool {
        !self.wait.is_zero()
    }

    /// There is some again.
    pub(super) fn tell(&self) {
        fence(Ordering::SeqCst);
        if self.waiting.load(Ordering::Relaxed) > 0 {
            self.there_is.notify_waiters();
        }
    }

    /// Tries again whenever there is room, and answers the last error when that was in vain for too long.
    pub(super) async fn wait<T, E>(
        &self,
        is_overload: impl Fn(&E) -> bool,
        mut attempt: impl FnMut() -> Result<T, E>,
    ) -> Result<T, E> {
        let give_up = now() + self.wait;
        let _waiting = Waiting::new(self);
        loop {
            let mut told = pin!(self.there_is.notified());
            // Before the attempt, so that room which is made behind it is heard of.
            told.as_mut().enable();
            let error = match attempt() {
                Err(error) if is_overload(&error) => error,
                done => return done,
            };
            if tokio::time::timeout_at(give_up.into(), told).await.is_err() {
                return Err(error);
            }
        }
    }
}

impl<'a> Waiting<'a> {
    fn new(room: &'a Room) -> Self {
        room.waiting.fetch_add(1, Ordering::Relaxed);
        // Whoever makes room behind the attempts that follow sees that somebody waits.
        fence(Ordering::SeqCst);
        Self(room)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, Ordering::Relaxed);
    }
}
