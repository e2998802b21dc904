//! Messages that came by POST and wait for the session's driver.

use crate::model::Message;
use bytestring::ByteString;
use parking_lot::Mutex;
use std::collections::VecDeque;
use tokio::sync::Semaphore;

/// The messages of one request could not be handed over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Rejected;

/// A bounded queue whose writers wait in line: requests that race keep each its own messages together, and the one that
/// was answered first comes first.
#[derive(Debug)]
pub(super) struct Inbox {
    messages: Mutex<VecDeque<Message>>,
    room: Semaphore,
}

impl Inbox {
    /// `capacity` is at least as large as any batch will be.
    pub(super) fn new(capacity: usize) -> Self {
        Self { messages: Mutex::default(), room: Semaphore::new(capacity) }
    }

    /// Waits for room and appends all of `batch`.
    ///
    /// Cancel safety: until it returns nothing was appended.
    pub(super) async fn push(&self, batch: Vec<ByteString>) -> Result<(), Rejected> {
        let size = batch.len().try_into().map_err(|_| Rejected)?;
        self.room.acquire_many(size).await.map_err(|_| Rejected)?.forget();
        self.messages.lock().extend(batch.into_iter().map(Message::Text));
        Ok(())
    }

    pub(super) fn pop(&self) -> Option<Message> {
        let mut messages = self.messages.lock();
        let message = messages.pop_front()?;
        if messages.is_empty() {
            *messages = VecDeque::new();
        }
        self.room.add_permits(1);
        Some(message)
    }

    /// Drops what waits and refuses what comes.
    pub(super) fn close(&self) {
        self.room.close();
        self.messages.lock().clear();
    }
}
