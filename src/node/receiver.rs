//! An HTTP response that receives a session's frames.

use super::cell::Cell;
use super::now;
use crate::model::Disconnect;
use crate::session::{AttachError, Detach, Frame, ReceiverId, Take};
use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll};

/// The one receiver that is attached to a session. Dropping it tells the session that its client broke off, unless
/// [`finish`](Self::finish) was called before.
pub(crate) struct Receiver {
    cell: Arc<Cell>,
    id: ReceiverId,
    how: Detach,
}

impl Receiver {
    pub(super) fn attach(cell: Arc<Cell>, take: Take) -> Result<Self, AttachError> {
        let id = cell.update(|session| session.attach_receiver(take, now()))?;
        Ok(Self { cell, id, how: Detach::Aborted })
    }

    /// Waits for the next frame. Where the session did not wait for this receiver to read on, that is how it ended.
    ///
    /// Cancel safety: a frame is taken only when it is returned.
    pub(crate) async fn next(&mut self) -> Option<Frame> {
        poll_fn(|cx| self.poll_next(cx)).await
    }

    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Frame>> {
        self.cell.receiver().register(cx.waker());
        self.cell.take_with(|session| match session.next_frame(self.id) {
            Some(frame) => Poll::Ready(Some(frame)),
            None if session.is_attached(self.id) => Poll::Pending,
            None => Poll::Ready(session.disconnect().cloned().map(Frame::Close)),
        })
    }

    /// Tells the session that this receiver's client takes nothing.
    pub(crate) fn stall_notice(&self) -> impl Fn() + Send + Sync + 'static {
        let (cell, id) = (Arc::clone(&self.cell), self.id);
        move || cell.update(|session| session.receiver_stalled(id, now()))
    }

    /// The response ended as it should.
    pub(crate) fn finish(mut self) {
        self.how = Detach::Finished;
    }

    /// The same, and the session with it.
    pub(super) fn finish_session(mut self) {
        self.how = Detach::Last;
    }

    /// Counts a message that did not come through the session's queue.
    pub(super) fn handed_out(&self, bytes: usize) {
        self.cell.with(|session| session.handed_out(bytes));
    }

    /// Ends the session. What it has queued still comes, then the last word.
    pub(super) fn close_session(&self, disconnect: Disconnect) {
        self.cell.close(disconnect);
    }

    pub(super) fn is_session_open(&self) -> bool {
        self.cell.with(|session| session.is_open())
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.cell.update(|session| session.detach(self.id, self.how, now()));
    }
}
