//! The WebSocket that a driver reads from: bytes in, messages out.

use super::cell::Cell;
use super::io::{DriverIo, Io, Upgraded};
use super::now;
use super::turn::Turn;
use crate::model::{Disconnect, Message};
use crate::protocol::sockjs::{self, Batch};
use crate::protocol::websocket::{Decoder, Error, Event};
use crate::session::WriteProgress;
use bytes::Bytes;
use bytestring::ByteString;
use std::any::Any;
use std::cell::RefCell;
use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

/// How many bytes one read takes at the most. The buffer is shared by all sessions of a thread.
const READ_BUFFER: usize = 64 * 1024;

thread_local! {
    static BUFFER: RefCell<Box<[u8]>> = RefCell::new(vec![0; READ_BUFFER].into_boxed_slice());
}

/// How many bytes are inflated before somebody looks at what came of them: a megabyte at the most.
const INFLATED_AT_ONCE: usize = 1024;

/// How often a connection is read from behind its session's end, for what the client had sent before.
const READS_BEHIND_THE_END: u8 = 4;

/// How many bytes of messages are handled of a connection whose session has ended. What is read is bounded already, but not
/// what it inflates to.
const BYTES_BEHIND_THE_END: usize = 512 * 1024;

/// What a new WebSocket session reads from.
pub(crate) struct SocketInput {
    pub(crate) upgraded: Upgraded,
    pub(crate) decoder: Decoder,
    /// Whether messages come in SockJS's frames.
    pub(crate) sockjs: bool,
}

pub(super) struct Socket {
    /// `None` once it is over, or was let go of.
    io: Option<DriverIo>,
    decoder: Decoder,
    /// Read, and not decoded yet. Copied from what it came in, which may be much larger.
    backlog: VecDeque<u8>,
    incoming: Incoming,
    sockjs: bool,
    partial: bool,
    /// The peer has said that nothing follows.
    peer_closed: bool,
    reads_behind_the_end: u8,
    bytes_behind_the_end: usize,
    /// What of all that it holds its client's address is charged.
    held: u32,
    permit: Option<Arc<dyn Any + Send + Sync>>,
}

/// Decoded, and not handled yet.
enum Incoming {
    Nothing,
    One(Message),
    /// One SockJS frame can hold many.
    Many(Batch),
}

impl Incoming {
    fn next(&mut self) -> Option<Message> {
        match std::mem::replace(self, Self::Nothing) {
            Self::Nothing => None,
            Self::One(message) => Some(message),
            Self::Many(mut batch) => {
                let text = batch.next()?;
                if !batch.is_empty() {
                    *self = Self::Many(batch);
                }
                Some(Message::Text(text))
            }
        }
    }

    /// How many bytes wait behind the message that is next.
    fn held(&self) -> usize {
        match self {
            Self::Nothing | Self::One(_) => 0,
            Self::Many(batch) => batch.held(),
        }
    }
}

impl Socket {
    /// Splits a plain TCP connection, so that everyone can write to it through the cell.
    pub(super) fn new(input: SocketInput, cell: &Cell) -> Self {
        let Upgraded { io, early, permit } = input.upgraded;
        let io = match io {
            Io::Tcp(stream) => {
                let (read, write) = stream.into_split();
                cell.set_writer(write);
                DriverIo::Tcp(read)
            }
            Io::Stream(stream) => DriverIo::Stream(stream),
        };
        Self {
            io: Some(io),
            decoder: input.decoder,
            backlog: early.iter().copied().collect(),
            incoming: Incoming::Nothing,
            sockjs: input.sockjs,
            partial: false,
            peer_closed: false,
            reads_behind_the_end: READS_BEHIND_THE_END,
            bytes_behind_the_end: BYTES_BEHIND_THE_END,
            held: 0,
            permit,
        }
    }

    /// The next message that is decoded already.
    pub(super) fn next_message(&mut self, cell: &Cell) -> Option<Message> {
        let message = self.incoming.next();
        if self.held > 0 && matches!(self.incoming, Incoming::Nothing) {
            self.weigh(cell);
        }
        message
    }

    /// Charges the client's address for all that is held here, or ends the session where that is too much.
    fn weigh(&mut self, cell: &Cell) {
        let bytes = self.backlog.capacity() + self.decoder.held_bytes() + self.incoming.held();
        if cell.tenant.holds(&mut self.held, bytes).is_err() {
            cell.update(|session| session.fail(Disconnect::ADDRESS_FULL, now()));
        }
    }

    /// What is decoded is of no use any more.
    pub(super) fn discard(&mut self) {
        self.incoming = Incoming::Nothing;
    }

    /// Decodes from the backlog until the first event, or as much as a turn may; false when there is nothing in it.
    pub(super) fn decode_backlog(&mut self, cell: &Cell, turn: &mut Turn) -> bool {
        if self.backlog.is_empty() {
            return false;
        }
        let mut backlog = std::mem::take(&mut self.backlog);
        let listening = cell.with(|session| session.takes_input());
        let consumed = self.decode(backlog.make_contiguous(), cell, listening, turn);
        if consumed < backlog.len() {
            backlog.drain(..consumed);
            self.backlog = backlog;
        }
        self.weigh(cell);
        true
    }

    /// Reads once, and decodes until the first message. A connection that is over ends its session.
    pub(super) fn poll_read(&mut self, cx: &mut Context<'_>, cell: &Cell, turn: &mut Turn) -> Poll<()> {
        BUFFER.with_borrow_mut(|buffer| {
            let Some(io) = &mut self.io else { return Poll::Pending };
            match ready!(io.poll_read(cx, buffer)) {
                Ok(read) if read > 0 => self.take_in(&mut buffer[..read], cell, turn),
                _ => {
                    self.io = None;
                    cell.update(|session| session.socket_lost());
                }
            }
            Poll::Ready(())
        })
    }

    /// Whether the connection may be read from once more, though the session has ended. A peer that is alive could send
    /// for ever.
    pub(super) fn may_read_behind_the_end(&mut self) -> bool {
        let may = self.io.is_some() && self.reads_behind_the_end > 0;
        self.reads_behind_the_end -= u8::from(may);
        may
    }

    /// Whether a message of so many bytes is still handled, though the session has ended.
    pub(super) fn may_hand_out_behind_the_end(&mut self, bytes: usize) -> bool {
        let left = self.bytes_behind_the_end.checked_sub(bytes);
        self.bytes_behind_the_end = left.unwrap_or_default();
        left.is_some()
    }

    /// Lets go of a connection that is over, but for what it still has of the client's.
    pub(super) fn let_go(&mut self, cx: &mut Context<'_>) {
        while self.may_read_behind_the_end() && self.keep_more(cx) {}
        (self.io, self.permit) = (None, None);
    }

    /// Reads once, and decodes nothing.
    fn keep_more(&mut self, cx: &mut Context<'_>) -> bool {
        let Some(io) = &mut self.io else { return false };
        BUFFER.with_borrow_mut(|buffer| match io.poll_read(cx, buffer) {
            Poll::Ready(Ok(read)) if read > 0 => {
                self.backlog.extend(&buffer[..read]);
                true
            }
            _ => false,
        })
    }

    /// Decodes until the first event, and keeps the rest.
    fn take_in(&mut self, bytes: &mut [u8], cell: &Cell, turn: &mut Turn) {
        let listening = cell.with(|session| session.heard());
        let consumed = self.decode(bytes, cell, listening, turn);
        self.backlog.extend(&bytes[consumed..]);
        self.weigh(cell);
    }

    /// Whether everybody can write, and the driver only has to say when there is room again.
    pub(super) fn is_shared(&self) -> bool {
        !matches!(self.io, Some(DriverIo::Stream(_)))
    }

    /// Ready when the connection takes bytes again.
    pub(super) fn poll_write_ready(&self, cx: &mut Context<'_>) -> Poll<()> {
        match &self.io {
            Some(DriverIo::Tcp(half)) => half.as_ref().poll_write_ready(cx).map(drop),
            _ => Poll::Pending,
        }
    }

    /// Writes what waits, where only the driver can.
    pub(super) fn write(&mut self, cx: &mut Context<'_>, cell: &Cell) -> io::Result<()> {
        let Some(stream) = &mut self.io else { return Ok(()) };
        let written = cell.write_through(|slices| stream.try_write(cx, slices));
        if let Ok(WriteProgress::Paused) = written {
            cx.waker().wake_by_ref();
        }
        match stream.poll_flush(cx) {
            Poll::Ready(Err(e)) => Err(e),
            _ => written.map(drop),
        }
    }

    /// Tells the peer that nothing more comes. Its own end is waited for where bytes may be unread: closing then would
    /// reset the connection, and a reset could destroy the last words on their way.
    pub(super) fn poll_half_close(&mut self, cx: &mut Context<'_>, cell: &Cell) -> Poll<()> {
        cell.drop_writer();
        // An error here means that the connection is gone already.
        self.io.as_mut().map_or(Poll::Ready(()), |io| io.poll_shutdown(cx).map(drop))
    }

    /// Decodes one event and acts on it, or as much of it as a turn may; answers how many bytes that took. What a failed
    /// session is sent is discarded.
    fn decode(&mut self, bytes: &mut [u8], cell: &Cell, listening: bool, turn: &mut Turn) -> usize {
        if !listening || self.peer_closed {
            turn.worked(bytes.len());
            return bytes.len();
        }
        let step = if self.decoder.inflates() { INFLATED_AT_ONCE } else { bytes.len() };
        let mut taken = 0;
        while taken < bytes.len() {
            let end = bytes.len().min(taken + step);
            let Ok((consumed, event)) = self.decode_step(&mut bytes[taken..end], turn).map_err(|error| {
                cell.update(|session| session.fail(ending(error), now()));
            }) else {
                return bytes.len();
            };
            taken += consumed;
            let complete = event.is_some();
            event.into_iter().for_each(|event| self.act(event, cell));
            if complete || turn.is_over() {
                break;
            }
        }
        self.watch_partial(cell);
        taken
    }

    /// Decodes, and counts what came of it.
    fn decode_step(&mut self, bytes: &mut [u8], turn: &mut Turn) -> Result<(usize, Option<Event>), Error> {
        let before = self.decoder.arrived();
        let (consumed, event) = self.decoder.decode(bytes)?;
        let arrived = match &event {
            Some(Event::Text(text)) => text.len(),
            Some(Event::Binary(bytes)) => bytes.len(),
            _ => self.decoder.arrived(),
        };
        turn.worked(consumed.max(arrived.saturating_sub(before)));
        Ok((consumed, event))
    }

    fn act(&mut self, event: Event, cell: &Cell) {
        match event {
            Event::Text(text) => self.text(text, cell),
            Event::Binary(bytes) => self.binary(bytes, cell),
            Event::Ping(payload) => cell.update(|session| session.ping_received(&payload, now())),
            Event::Pong(_) => cell.with(|session| session.pong_received(now())),
            Event::Close(close) => {
                self.peer_closed = true;
                cell.update(|session| session.peer_closed(close.as_ref(), now()));
            }
        }
    }

    fn text(&mut self, text: ByteString, cell: &Cell) {
        if !self.sockjs {
            self.incoming = Incoming::One(Message::Text(text));
            return;
        }
        match sockjs::parse_frame(text) {
            Ok(batch) => self.incoming = Incoming::Many(batch),
            Err(_) => cell.update(|session| session.fail(Disconnect::BROKEN_FRAMING, now())),
        }
    }

    fn binary(&mut self, bytes: Bytes, cell: &Cell) {
        match self.sockjs {
            false => self.incoming = Incoming::One(Message::Binary(bytes)),
            true => cell.update(|session| session.fail(Disconnect::NOT_TEXT, now())),
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

/// The session's ending for what the codec found.
fn ending(error: Error) -> Disconnect {
    match error.code() {
        1007 => Disconnect::INVALID_DATA,
        1008 => Disconnect::FLOOD,
        1009 => Disconnect::MESSAGE_TOO_BIG,
        _ => Disconnect::PROTOCOL_ERROR,
    }
}
