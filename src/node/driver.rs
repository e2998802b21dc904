//! The one task that owns a session's life: it reads, calls the handler, keeps the time, and says goodbye.

use super::cell::{Cell, Status};
use super::handler::Speaker;
use super::io::{DriverIo, Io, Upgraded};
use super::{SessionHandle, now};
use crate::model::{Disconnect, Message};
use crate::protocol::sockjs;
use crate::protocol::websocket::{Decoder, Error, Event};
use crate::session::{Farewell, State, WriteProgress};
use bytes::Bytes;
use futures_util::FutureExt;
use std::any::Any;
use std::cell::RefCell;
use std::collections::VecDeque;
use std::future::{Future, poll_fn};
use std::io;
use std::panic::AssertUnwindSafe;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use tokio::time::Sleep;

/// How many bytes one read takes at the most. The buffer is shared by all sessions of a thread.
const READ_BUFFER: usize = 64 * 1024;

thread_local! {
    static BUFFER: RefCell<Box<[u8]>> = RefCell::new(vec![0; READ_BUFFER].into_boxed_slice());
}

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
    if cell.node.session_ended(cell, &Disconnect::INTERNAL_ERROR) {
        let session = SessionHandle(Arc::clone(cell));
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
    driver.cell.node.session_ended(&driver.cell, &disconnect);
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

/// What a new WebSocket session reads from.
pub(crate) struct SocketInput {
    pub(crate) upgraded: Upgraded,
    pub(crate) decoder: Decoder,
    /// How many messages one SockJS frame may carry; `None` for a plain WebSocket.
    pub(crate) sockjs: Option<usize>,
}

pub(super) struct Socket {
    io: DriverIo,
    decoder: Decoder,
    /// Read, and not decoded yet. Copied from what it came in, which may be much larger.
    backlog: VecDeque<u8>,
    /// Decoded, and not handled yet: one SockJS frame can hold many.
    messages: VecDeque<Message>,
    sockjs: Option<usize>,
    partial: bool,
    _permit: Option<Arc<dyn Any + Send + Sync>>,
}

impl Input {
    /// Splits a plain TCP connection, so that everyone can write to it through the cell.
    pub(super) fn socket(input: SocketInput, cell: &Cell) -> Self {
        let Upgraded { io, early, permit } = input.upgraded;
        let io = match io {
            Io::Tcp(stream) => {
                let (read, write) = stream.into_split();
                cell.set_writer(write);
                DriverIo::Tcp(read)
            }
            Io::Stream(stream) => DriverIo::Stream(stream),
        };
        Self::Socket(Box::new(Socket {
            io,
            decoder: input.decoder,
            backlog: early.iter().copied().collect(),
            messages: VecDeque::new(),
            sockjs: input.sockjs,
            partial: false,
            _permit: permit,
        }))
    }
}

struct Driver {
    cell: Arc<Cell>,
    input: Input,
    timer: Pin<Box<Sleep>>,
    /// The timer was polled since it was set, and so wakes the task.
    timer_armed: bool,
    /// Messages handed over since the driver last waited.
    unpaused: u32,
}

/// How many messages in a row are handed over before writes, timers and other tasks have their turn.
const MESSAGES_PER_TURN: u32 = 64;

impl Driver {
    fn new(cell: Arc<Cell>, input: Input) -> Self {
        let deadline = cell.with(|session| session.poll_timeout()).unwrap_or_else(now);
        Self {
            cell,
            input,
            timer: Box::pin(tokio::time::sleep_until(deadline.into())),
            timer_armed: false,
            unpaused: 0,
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
            self.poll_unread();
            Poll::Pending
        });
        if outcome.await.is_err() {
            self.cell.close(Disconnect::INTERNAL_ERROR);
            self.cell.discard_inbox();
        }
    }

    /// While the handler runs nothing is read, so a client's silence proves nothing; and a connection that is over is let
    /// go of, however long the handler still takes.
    fn poll_unread(&mut self) {
        if self.cell.with(|session| {
            session.busy();
            matches!(session.state(), State::Closed(_))
        }) {
            self.cell.drop_writer();
            self.input = Input::Inbox;
        }
    }

    /// The client's next message, with which the session is corked; `None` once the session has ended.
    async fn next_message(&mut self) -> Option<Message> {
        poll_fn(|cx| self.poll_message(cx)).await
    }

    fn poll_message(&mut self, cx: &mut Context<'_>) -> Poll<Option<Message>> {
        if self.unpaused == MESSAGES_PER_TURN {
            self.unpaused = 0;
            self.poll_background(cx);
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        let message = match &self.input {
            Input::Inbox => self.poll_inbox(cx),
            Input::Socket(_) => self.poll_socket(cx),
        };
        self.unpaused = if matches!(message, Poll::Ready(Some(_))) { self.unpaused + 1 } else { 0 };
        message
    }

    fn poll_inbox(&mut self, cx: &mut Context<'_>) -> Poll<Option<Message>> {
        let open = self.poll_background(cx);
        match self.cell.inbox.as_ref().and_then(|inbox| inbox.pop()) {
            Some(message) => {
                self.cell.take_out(&message);
                Poll::Ready(Some(message))
            }
            None if open => Poll::Pending,
            None => Poll::Ready(None),
        }
    }

    fn poll_socket(&mut self, cx: &mut Context<'_>) -> Poll<Option<Message>> {
        // It is mostly the client that wakes this task, so it is read first; behind a message, what its handler sent goes
        // out first.
        let mut read_first = self.unpaused == 0;
        loop {
            let Input::Socket(socket) = &mut self.input else { return Poll::Ready(None) };
            if let Some(message) = socket.messages.pop_front() {
                return Poll::Ready(self.cell.take_up(&message).then_some(message));
            }
            if socket.decode_backlog(&self.cell) {
                continue;
            }
            // Whoever ends the session from here on wakes this task; who did it before may have found nobody to wake.
            if !read_first && !self.poll_background(cx) {
                return Poll::Ready(None);
            }
            if self.poll_read(cx).is_pending() {
                return if read_first && !self.poll_background(cx) { Poll::Ready(None) } else { Poll::Pending };
            }
            read_first = false;
        }
    }

    /// Reads once, and decodes until the first message.
    fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Input::Socket(socket) = &mut self.input else { return Poll::Pending };
        BUFFER.with_borrow_mut(|buffer| match ready!(socket.io.poll_read(cx, buffer)) {
            Ok(read) if read > 0 => {
                socket.take_in(&mut buffer[..read], &self.cell);
                Poll::Ready(())
            }
            _ => {
                self.cell.update(|session| session.socket_lost());
                Poll::Ready(())
            }
        })
    }

    /// Does what does not wait for the client: writes, timers. Answers whether the session is open behind them.
    fn poll_background(&mut self, cx: &mut Context<'_>) -> bool {
        self.cell.driver().register(cx.waker());
        let status = self.cell.uncork();
        let mut status = self.poll_write(cx, status);
        if status.is_awaited {
            // What they queue that has to be written here wakes this task again.
            self.cell.call_suppliers();
            status = self.cell.status();
        }
        self.poll_timer(cx, status).open
    }

    /// Writes on when the socket has room again, and always where only the driver can write.
    fn poll_write(&mut self, cx: &mut Context<'_>, status: Status) -> Status {
        let Input::Socket(socket) = &mut self.input else { return status };
        match &mut socket.io {
            DriverIo::Tcp(half) if status.blocked => {
                if half.as_ref().poll_write_ready(cx).is_ready() {
                    self.cell.unblock();
                }
            }
            DriverIo::Tcp(_) => return status,
            stream @ DriverIo::Stream(_) => {
                if write_stream(stream, cx, &self.cell).is_err() {
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
            let Input::Socket(socket) = &mut self.input else { return Poll::Pending };
            socket.messages.clear();
            match self.cell.with(|session| session.farewell()) {
                Farewell::Waiting => {}
                Farewell::Said => ready!(socket.poll_half_close(cx, &self.cell)),
                Farewell::Done => {
                    ready!(socket.poll_half_close(cx, &self.cell));
                    self.cell.with(|session| session.socket_lost());
                    return Poll::Ready(());
                }
            }
            if !socket.decode_backlog(&self.cell) {
                ready!(self.poll_read(cx));
            }
        }
    }
}

impl Socket {
    /// Decodes from the backlog until the first event; false when there is nothing in it.
    fn decode_backlog(&mut self, cell: &Cell) -> bool {
        if self.backlog.is_empty() {
            return false;
        }
        let mut backlog = std::mem::take(&mut self.backlog);
        let listening = cell.with(|session| session.is_listening());
        let consumed = self.decode(backlog.make_contiguous(), cell, listening);
        if consumed < backlog.len() {
            backlog.drain(..consumed);
            self.backlog = backlog;
        }
        true
    }

    /// Decodes until the first event, and keeps the rest.
    fn take_in(&mut self, bytes: &mut [u8], cell: &Cell) {
        let listening = cell.with(|session| session.heard());
        let consumed = self.decode(bytes, cell, listening);
        self.backlog.extend(&bytes[consumed..]);
    }

    /// Tells the peer that nothing more comes. Its own end is waited for where bytes may be unread: closing then would
    /// reset the connection, and a reset could destroy the last words on their way.
    fn poll_half_close(&mut self, cx: &mut Context<'_>, cell: &Cell) -> Poll<()> {
        cell.drop_writer();
        // An error here means that the connection is gone already.
        self.io.poll_shutdown(cx).map(drop)
    }

    /// Decodes one event and acts on it; answers how many bytes that took. What a failed session is sent is discarded.
    fn decode(&mut self, bytes: &mut [u8], cell: &Cell, listening: bool) -> usize {
        if !listening {
            return bytes.len();
        }
        let (consumed, event) = match self.decoder.decode(bytes) {
            Ok(decoded) => decoded,
            Err(error) => {
                cell.update(|session| session.fail(ending(error), now()));
                return bytes.len();
            }
        };
        if let Some(event) = event {
            self.act(event, cell);
        }
        self.watch_partial(cell);
        consumed
    }

    fn act(&mut self, event: Event, cell: &Cell) {
        match event {
            Event::Text(text) => self.text(text, cell),
            Event::Binary(bytes) => self.binary(bytes, cell),
            Event::Ping(payload) => cell.update(|session| session.ping_received(&payload, now())),
            Event::Pong(_) => cell.with(|session| session.pong_received(now())),
            Event::Close(close) => cell.update(|session| session.peer_closed(close.as_ref(), now())),
        }
    }

    fn text(&mut self, text: bytestring::ByteString, cell: &Cell) {
        let Some(limit) = self.sockjs else { return self.take_message(Message::Text(text)) };
        match sockjs::parse_frame(&text, limit) {
            Ok(messages) => self.messages.extend(messages.into_iter().map(Message::Text)),
            Err(_) => cell.update(|session| session.fail(Disconnect::BROKEN_FRAMING, now())),
        }
    }

    /// Such messages come one at a time, and every session keeps the room that it had once.
    fn take_message(&mut self, message: Message) {
        if self.messages.capacity() == 0 {
            self.messages.reserve_exact(1);
        }
        self.messages.push_back(message);
    }

    fn binary(&mut self, bytes: Bytes, cell: &Cell) {
        match self.sockjs {
            None => self.take_message(Message::Binary(bytes)),
            Some(_) => cell.update(|session| session.fail(Disconnect::NOT_TEXT, now())),
        }
    }

    /// A message that has begun must end within its time.
    fn watch_partial(&mut self, cell: &Cell) {
        let partial = self.decoder.is_partial();
        if partial || self.partial {
            cell.with(|session| session.message_partial(partial, now()));
        }
        self.partial = partial;
    }
}

fn write_stream(stream: &mut DriverIo, cx: &mut Context<'_>, cell: &Cell) -> io::Result<()> {
    let written = cell.write_through(|slices| stream.try_write(cx, slices));
    match stream.poll_flush(cx) {
        Poll::Ready(Err(e)) => Err(e),
        _ => written.map(|_: WriteProgress| ()),
    }
}

/// The session's ending for what the codec found.
fn ending(error: Error) -> Disconnect {
    match error.code() {
        1007 => Disconnect::INVALID_DATA,
        1008 => Disconnect::FLOOD,
        1009 => Disconnect::MESSAGE_TOO_BIG,
        _ => Disconnect::PROTOCOL_ERROR,
    }
}
