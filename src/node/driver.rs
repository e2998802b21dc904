//! The one task that owns a session's life: it reads, calls the handler, keeps the time, and says goodbye.

use super::cell::{Cell, Status};
use super::handler::Speaker;
use super::socket::{Socket, SocketInput};
use super::turn::Turn;
use super::{SessionHandle, now};
use crate::model::{Disconnect, Message};
use crate::session::{Farewell, State};
use futures_util::FutureExt;
use std::future::{Future, poll_fn};
use std::panic::AssertUnwindSafe;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use tokio::time::Sleep;

/// Runs a session to its end, also when something breaks that is no handler's doing.
pub(super) async fn drive(cell: Arc<Cell>, mut speaker: Box<dyn Speaker>, input: Input) {
    let run = AssertUnwindSafe(run(Arc::clone(&cell), input, &mut *speaker)).catch_unwind();
    if run.await.is_err() {
        clean_up(&cell, &mut *speaker).await;
    }
}

/// Ends a session whose driver broke down: the client is told if the socket takes it at once, the application in any case.
async fn clean_up(cell: &Arc<Cell>, speaker: &mut dyn Speaker) {
    cell.break_off();
    cell.with(|session| session.socket_lost());
    cell.drop_writer();
    let session = SessionHandle(Arc::clone(cell));
    let principal = speaker.principal(&session);
    if cell.node.session_ended(cell, principal.as_ref(), &Disconnect::INTERNAL_ERROR) {
        AssertUnwindSafe(speaker.ended(&session, &Disconnect::INTERNAL_ERROR)).catch_unwind().await.ok();
    }
    cell.node.session_gone(cell);
}

async fn run(cell: Arc<Cell>, input: Input, speaker: &mut dyn Speaker) {
    let session = SessionHandle(Arc::clone(&cell));
    let mut driver = Driver::new(cell, input);
    driver.cell.cork();
    driver.attend(speaker.opened(&session)).await;
    while let Some(message) = driver.next_message().await {
        driver.attend(speaker.message(&session, message)).await;
    }
    let disconnect = driver.disconnect();
    driver.cell.node.session_ended(&driver.cell, speaker.principal(&session).as_ref(), &disconnect);
    driver.cell.cork();
    driver.attend(speaker.ended(&session, &disconnect)).await;
    driver.linger().await;
    driver.cell.node.session_gone(&driver.cell);
}

/// Where a session's messages come from.
pub(super) enum Input {
    /// POST requests put them into the session's inbox; a session without one only listens.
    Inbox,
    /// The driver reads them from a WebSocket.
    Socket(Box<Socket>),
}

impl Input {
    /// Splits a plain TCP connection, so that everyone can write to it through the cell.
    pub(super) fn socket(input: SocketInput, cell: &Cell) -> Self {
        Self::Socket(Box::new(Socket::new(input, cell)))
    }
}

struct Driver {
    cell: Arc<Cell>,
    input: Input,
    timer: Pin<Box<Sleep>>,
    /// The timer was polled since it was set, and so wakes the task.
    timer_armed: bool,
    turn: Turn,
}

impl Driver {
    fn new(cell: Arc<Cell>, input: Input) -> Self {
        let deadline = cell.with(|session| session.poll_timeout()).unwrap_or_else(now);
        Self {
            cell,
            input,
            timer: Box::pin(tokio::time::sleep_until(deadline.into())),
            timer_armed: false,
            turn: Turn::default(),
        }
    }

    /// Runs one call of the handler, while heartbeats and outbound messages go on. What it sends before it first waits is
    /// queued only, since the session is corked. A panic ends the session.
    async fn attend(&mut self, call: impl Future<Output = ()>) {
        let mut call = pin!(AssertUnwindSafe(call).catch_unwind());
        let outcome = poll_fn(|cx| {
            if let Poll::Ready(outcome) = call.as_mut().poll(cx) {
                return Poll::Ready(outcome);
            }
            self.poll_background(cx);
            self.poll_unread(cx);
            Poll::Pending
        });
        if outcome.await.is_err() {
            self.cell.close(Disconnect::INTERNAL_ERROR);
            self.cell.discard_inbox();
        }
    }

    /// While the handler runs nothing is read, so a client's silence proves nothing; and a connection that is over is let
    /// go of, however long the handler still takes.
    fn poll_unread(&mut self, cx: &mut Context<'_>) {
        let (over, heard) = self.cell.with(|session| {
            session.busy();
            (matches!(session.state(), State::Closed(_)), session.is_heard())
        });
        if !over {
            return;
        }
        self.cell.drop_writer();
        match &mut self.input {
            Input::Socket(socket) if heard => socket.let_go(cx),
            input => *input = Input::Inbox,
        }
    }

    /// The client's next message, with which the session is corked; `None` once the session has ended and all that counts
    /// of what the client sent before is handled.
    async fn next_message(&mut self) -> Option<Message> {
        poll_fn(|cx| self.poll_message(cx)).await
    }

    fn poll_message(&mut self, cx: &mut Context<'_>) -> Poll<Option<Message>> {
        if self.turn.is_over() {
            return self.pause(cx);
        }
        let message = match &self.input {
            Input::Inbox => self.poll_inbox(cx),
            Input::Socket(_) => self.poll_socket(cx),
        };
        match &message {
            Poll::Ready(Some(_)) => self.turn.handed_over(),
            _ => self.turn = Turn::default(),
        }
        message
    }

    /// Lets writes, timers and other tasks have their turn.
    fn pause<T>(&mut self, cx: &mut Context<'_>) -> Poll<T> {
        self.turn = Turn::default();
        self.poll_background(cx);
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    fn poll_inbox(&mut self, cx: &mut Context<'_>) -> Poll<Option<Message>> {
        let status = self.poll_background(cx);
        let Some(inbox) = &self.cell.inbox else {
            return if status.open { Poll::Pending } else { Poll::Ready(None) };
        };
        let message = match status {
            Status { open: true, .. } => inbox.pop(&self.cell.tenant),
            Status { heard: true, .. } => inbox.pop_or_close(&self.cell.tenant),
            _ => None,
        };
        match message.filter(|message| self.cell.take_up(message).is_some()) {
            Some(message) => {
                self.turn.worked(message.len());
                Poll::Ready(Some(message))
            }
            None if status.open => Poll::Pending,
            None => Poll::Ready(None),
        }
    }

    fn poll_socket(&mut self, cx: &mut Context<'_>) -> Poll<Option<Message>> {
        // It is mostly the client that wakes this task, so it is read first; behind a message, what its handler sent goes
        // out first.
        let mut read_first = !self.turn.has_begun();
        loop {
            let Input::Socket(socket) = &mut self.input else { return Poll::Ready(None) };
            if let Some(message) = socket.next_message(&self.cell) {
                let open = self.cell.take_up(&message);
                let handled = open.is_some_and(|open| open || socket.may_hand_out_behind_the_end(message.len()));
                return Poll::Ready(handled.then_some(message));
            }
            if self.turn.is_over() {
                return self.pause(cx);
            }
            if socket.decode_backlog(&self.cell, &mut self.turn) {
                continue;
            }
            // Whoever ends the session from here on wakes this task; who did it before may have found nobody to wake.
            let status = (!read_first).then(|| self.poll_background(cx));
            let Input::Socket(socket) = &mut self.input else { return Poll::Ready(None) };
            if let Some(Status { open: false, heard, .. }) = status {
                let reads_on = heard && socket.may_read_behind_the_end();
                if !reads_on {
                    return Poll::Ready(None);
                }
            }
            if socket.poll_read(cx, &self.cell, &mut self.turn).is_pending() {
                let status = status.unwrap_or_else(|| self.poll_background(cx));
                return if status.open { Poll::Pending } else { Poll::Ready(None) };
            }
            read_first = false;
        }
    }

    /// Does what does not wait for the client: writes, timers. Answers how the session is behind them.
    fn poll_background(&mut self, cx: &mut Context<'_>) -> Status {
        self.cell.driver().register(cx.waker());
        let status = self.cell.uncork();
        let mut status = self.poll_write(cx, status);
        if status.is_awaited {
            // What they queue that has to be written here wakes this task again.
            self.cell.call_suppliers();
            status = self.cell.status();
        }
        self.poll_timer(cx, status)
    }

    /// Writes on when the socket has room again, and always where only the driver can write.
    fn poll_write(&mut self, cx: &mut Context<'_>, status: Status) -> Status {
        let Input::Socket(socket) = &mut self.input else { return status };
        match socket.is_shared() {
            true if status.blocked => {
                if socket.poll_write_ready(cx).is_ready() {
                    self.cell.unblock();
                }
            }
            true => return status,
            false => {
                if socket.write(cx, &self.cell).is_err() {
                    self.cell.with(|session| session.socket_lost());
                }
            }
        }
        self.cell.status()
    }

    /// The timer is pushed back lazily: it may ring early, find nothing due, and be set anew.
    fn poll_timer(&mut self, cx: &mut Context<'_>, mut status: Status) -> Status {
        while let Some(deadline) = status.deadline {
            let elapsed = self.timer.is_elapsed();
            if elapsed || deadline < self.timer.deadline().into_std() {
                self.timer.as_mut().reset(deadline.into());
                self.timer_armed = false;
            }
            if self.timer_armed || self.timer.as_mut().poll(cx).is_pending() {
                self.timer_armed = true;
                break;
            }
            self.cell.flush_after(|session| session.handle_timeout(now()));
            status = self.poll_write(cx, self.cell.status());
        }
        status
    }

    fn disconnect(&self) -> Disconnect {
        self.cell.with(|session| session.disconnect().cloned()).unwrap_or(Disconnect::INTERRUPTED)
    }

    /// Stays until the client knows how the session ended, or will never know.
    async fn linger(&mut self) {
        poll_fn(|cx| self.poll_linger(cx)).await;
        self.cell.drop_writer();
    }

    fn poll_linger(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            self.poll_background(cx);
            if matches!(self.cell.with(|session| session.state().clone()), State::Closed(_)) {
                return Poll::Ready(());
            }
            if self.turn.is_over() {
                return self.pause(cx);
            }
            let Input::Socket(socket) = &mut self.input else { return Poll::Pending };
            socket.discard();
            match self.cell.with(|session| session.farewell()) {
                Farewell::Waiting => {}
                Farewell::Said => ready!(socket.poll_half_close(cx, &self.cell)),
                Farewell::Done => {
                    ready!(socket.poll_half_close(cx, &self.cell));
                    self.cell.with(|session| session.socket_lost());
                    return Poll::Ready(());
                }
            }
            if !socket.decode_backlog(&self.cell, &mut self.turn)
                && socket.poll_read(cx, &self.cell, &mut self.turn).is_pending()
            {
                self.turn = Turn::default();
                return Poll::Pending;
            }
        }
    }
}
