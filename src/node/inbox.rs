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
    room_bytes: Semaphore,
}

impl Inbox {
    /// `capacity`, in messages, and `bytes` are at least as large as any batch will be.
    pub(super) fn new(capacity: usize, bytes: usize) -> Self {
        Self {
            messages: Mutex::default(),
            room: Semaphore::new(capacity),
            room_bytes: Semaphore::new(bytes.min(Semaphore::MAX_PERMITS)),
        }
    }

    /// Waits for room and appends all of `batch`.
    ///
    /// Cancel safety: until it returns nothing was appended.
    pub(super) async fn push(&self, batch: Vec<ByteString>) -> Result<(), Rejected> {
        let size = batch.len().try_into().map_err(|_| Rejected)?;
        let bytes = batch.iter().map(|text| text.len()).sum::<usize>().try_into().map_err(|_| Rejected)?;
        let room = self.room.acquire_many(size).await.map_err(|_| Rejected)?;
        self.room_bytes.acquire_many(bytes).await.map_err(|_| Rejected)?.forget();
        room.forget();
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
        self.room_bytes.add_permits(message.len());
        Some(message)
    }

    /// Drops what waits and refuses what comes.
    pub(super) fn close(&self) {
        self.room.close();
        self.room_bytes.close();
        self.messages.lock().clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt;

    fn push(inbox: &Inbox, texts: &[&'static str]) -> Option<Result<(), Rejected>> {
        inbox.push(texts.iter().copied().map(ByteString::from_static).collect()).now_or_never()
    }

    #[test]
    fn a_batch_waits_until_there_is_room_for_all_its_messages_and_bytes() {
        let inbox = Inbox::new(3, 10);
        assert_eq!(push(&inbox, &["a", "b"]), Some(Ok(())));
        assert_eq!(push(&inbox, &["c", "d"]), None, "in messages");
        assert_eq!(push(&inbox, &["123456789"]), None, "in bytes");
        assert_eq!(inbox.pop(), Some("a".into()));
        assert_eq!(push(&inbox, &["123456789"]), Some(Ok(())));
    }

    #[test]
    fn a_closed_inbox_is_empty_and_lets_nobody_wait() {
        let inbox = Inbox::new(1, 1);
        assert_eq!(push(&inbox, &["a"]), Some(Ok(())));
        inbox.close();
        assert_eq!(inbox.pop(), None);
        assert_eq!(push(&inbox, &["b"]), Some(Err(Rejected)));
    }
}
