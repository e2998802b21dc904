//! What a protocol inside a session asks of it, through the cell: each call wakes the driver, which keeps the time.

use super::cell::Cell;
use super::now;
use super::tap::Direction;
use crate::model::Disconnect;
use crate::session::{Deadline, Ending, KeepAlive, Outgoing};
use std::sync::Arc;

impl Cell {
    /// See [`Session::keep_alive`](crate::session::Session::keep_alive).
    pub(crate) fn keep_alive(&self, keep_alive: KeepAlive) {
        self.update(|session| session.keep_alive(keep_alive, now()));
    }

    /// See [`Session::end_at`](crate::session::Session::end_at).
    pub(crate) fn end_at(&self, deadline: Deadline, ending: Option<Ending>) {
        self.update(|session| session.end_at(deadline, ending));
    }

    /// See [`Session::close_with_last_words`](crate::session::Session::close_with_last_words).
    pub(crate) fn close_with_last_words(&self, disconnect: Disconnect, last_words: Arc<Outgoing>) {
        self.show(Direction::Out, last_words.message());
        self.update(|session| session.close_with_last_words(disconnect, last_words, now()));
    }
}
