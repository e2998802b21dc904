//! Somebody watches what goes through one session: for operators, and never in anybody's way.

use super::SessionHandle;
use super::cell::Cell;
use crate::model::{Disconnect, Message};
use bytes::Bytes;
use std::sync::Arc;
use std::time::SystemTime;
use tokio::sync::mpsc;

/// How many messages wait for a watcher at the most, each with at most [`EXCERPT`] bytes. Then the session's further ones
/// are only counted.
const WAITING: usize = 256;

/// How much of a message is shown, in bytes.
const EXCERPT: usize = 2048;

/// Which way a message went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Direction {
    /// From the client.
    In,
    /// To the client: it was queued, and may wait yet.
    Out,
}

/// A message of a session that is watched.
#[derive(Debug)]
pub(crate) struct Seen {
    pub(crate) at: SystemTime,
    pub(crate) direction: Direction,
    /// How long the message is, in bytes.
    pub(crate) len: usize,
    /// Its beginning, copied: a watcher that is slow must not hold large messages.
    pub(crate) excerpt: Bytes,
    /// How many went by unseen since the one before.
    pub(crate) missed: u64,
}

/// The session's end of a watch.
pub(super) struct Tap {
    seen: mpsc::Sender<Seen>,
    missed: u64,
}

/// The watcher's end. Dropping it ends the watch.
pub(crate) struct Watching {
    seen: mpsc::Receiver<Seen>,
    session: Arc<Cell>,
}

impl Tap {
    /// Shows a message; false when nobody watches any more.
    pub(super) fn show(&mut self, direction: Direction, message: &Message) -> bool {
        let excerpt = &message.as_bytes()[..message.len().min(EXCERPT)];
        let permit = match self.seen.try_reserve() {
            Ok(permit) => permit,
            Err(mpsc::error::TrySendError::Full(())) => {
                self.missed += 1;
                return true;
            }
            Err(mpsc::error::TrySendError::Closed(())) => return false,
        };
        permit.send(Seen {
            at: SystemTime::now(),
            direction,
            len: message.len(),
            excerpt: Bytes::copy_from_slice(excerpt),
            missed: std::mem::take(&mut self.missed),
        });
        true
    }
}

impl SessionHandle {
    /// Watches what goes through the session from now on, as the protocol inside it writes it. There is one watcher at a
    /// time: the one before sees no more.
    pub(crate) fn watch(&self) -> Watching {
        let (sender, seen) = mpsc::channel(WAITING);
        self.0.tap(Tap { seen: sender, missed: 0 });
        Watching { seen, session: Arc::clone(&self.0) }
    }
}

impl Watching {
    /// The next message; `None` when the session has ended.
    ///
    /// Cancel safety: nothing is lost.
    pub(crate) async fn next(&mut self) -> Option<Seen> {
        self.seen.recv().await
    }

    /// How the session ended, once it has.
    pub(crate) fn ending(&self) -> Option<Disconnect> {
        self.session.with(|session| session.disconnect().cloned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tap() -> (Tap, mpsc::Receiver<Seen>) {
        let (sender, seen) = mpsc::channel(WAITING);
        (Tap { seen: sender, missed: 0 }, seen)
    }

    #[test]
    fn a_slow_watcher_is_told_how_many_it_missed() {
        let (mut tap, mut seen) = tap();
        for _ in 0..WAITING + 3 {
            assert!(tap.show(Direction::In, &Message::text("x")));
        }
        assert_eq!(seen.try_recv().unwrap().missed, 0);
        assert!(tap.show(Direction::Out, &Message::text("behind the gap")));
        let all: Vec<_> = std::iter::from_fn(|| seen.try_recv().ok()).collect();
        assert_eq!((all.len(), all.last().unwrap().missed), (WAITING, 3));
    }

    #[test]
    fn only_the_beginning_of_a_message_is_kept_and_its_length_told() {
        let (mut tap, mut seen) = tap();
        tap.show(Direction::In, &Message::text("x".repeat(EXCERPT + 1)));
        let shown = seen.try_recv().unwrap();
        assert_eq!((shown.len, shown.excerpt.len()), (EXCERPT + 1, EXCERPT));
    }

    #[test]
    fn a_watch_that_nobody_holds_is_over() {
        let (mut tap, seen) = tap();
        drop(seen);
        assert!(!tap.show(Direction::In, &Message::text("x")));
    }
}
