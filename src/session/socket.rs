//! WebSocket carriers: one for the whole life of a session. What goes out, in which order, and how it closes.

use super::core::{Carrier, Session, State};
use super::timers::Timer;
use super::watch::Heartbeat;
use super::{Form, Outgoing, Window};
use crate::model::Disconnect;
use crate::protocol::sockjs::frame;
use crate::protocol::websocket::{self, Close, Opcode};
use bytes::Bytes;
use std::io::{self, IoSlice};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// What a WebSocket was opened for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SocketKind {
    /// SockJS's frames around the messages, or the messages as they are.
    pub sockjs: bool,
    /// permessage-deflate was negotiated, with this window.
    pub deflate: Option<Window>,
}

/// How far a write got.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WriteProgress {
    /// Nothing is left to write.
    Done,
    /// The socket takes no more now.
    Blocked,
    /// It may take more, but so much was written that others should have their turn.
    Paused,
}

/// How far the closing handshake (RFC 6455, section 7.1.2) has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Farewell {
    /// The goodbye is not written yet, or its answer is awaited.
    Waiting,
    /// It is written, and an answer could not be recognised.
    Said,
    /// Both sides have closed.
    Done,
}

/// How many frames one vectored write takes at the most: when many wait, and when at most one message does. Preparing
/// room for many costs more than all else that is done for one.
const MANY_SLICES: usize = 64;
const FEW_SLICES: usize = 4;

/// A number that no message has.
const NO_MESSAGE: u64 = u64::MAX;

/// How many bytes are written in one go. Meanwhile nobody else gets at the session, and the task does nothing else.
const TURN: usize = 1 << 20;

/// The write side of one WebSocket: what is being written, then `urgent`, `pong`, the queue's messages, and `goodbye`.
#[derive(Debug)]
pub(super) struct Socket {
    kind: SocketKind,
    /// The rest of a frame of which a part is on the wire.
    partial: Bytes,
    /// The number of the message that it belongs to, or else [`NO_MESSAGE`].
    unfinished: u64,
    /// Control frames, and SockJS's `o` and `h`: at the next frame boundary.
    urgent: Vec<Bytes>,
    /// The answer to the latest ping that is not answered yet (RFC 6455, section 5.5.3, asks for no more).
    pong: Option<Bytes>,
    /// The close, behind all messages. Boxed, since every session has room for one and few are at their end.
    goodbye: Option<Box<Bytes>>,
    said_goodbye: bool,
    peer_closed: bool,
    /// The input cannot be understood any more, so no close frame will be recognised in it.
    failed: bool,
    control_frames: (Option<Instant>, u32),
}

impl Socket {
    fn new(kind: SocketKind) -> Self {
        Self {
            kind,
            partial: Bytes::new(),
            unfinished: NO_MESSAGE,
            urgent: Vec::new(),
            pong: None,
            goodbye: None,
            said_goodbye: false,
            peer_closed: false,
            failed: false,
            control_frames: (None, 0),
        }
    }

    pub(super) fn form(&self) -> Form {
        match (self.kind.sockjs, self.kind.deflate) {
            (false, None) => Form::WebSocket,
            (false, Some(Window::Full)) => Form::WebSocketDeflated,
            (false, Some(Window::Small)) => Form::WebSocketDeflatedSmall,
            (true, None) => Form::SockJs,
            (true, Some(Window::Full)) => Form::SockJsDeflated,
            (true, Some(Window::Small)) => Form::SockJsDeflatedSmall,
        }
    }

    /// A ping, which the client's WebSocket answers by itself, and for SockJS also `h`, which its script can see.
    pub(super) fn heartbeat_due(&mut self, due: Heartbeat) {
        if !self.urgent.is_empty() || self.said_goodbye {
            return;
        }
        if due.ping {
            self.urgent.push(websocket::encode(Opcode::Ping, b""));
        }
        if due.visible && self.kind.sockjs {
            self.urgent.push(websocket::encode(Opcode::Text, frame::HEARTBEAT.as_bytes()));
        }
    }

    /// Part of a frame is on the wire.
    pub(super) fn is_mid_frame(&self) -> bool {
        !self.partial.is_empty()
    }

    /// The number of the message of which a part is on the wire; above all others where none is.
    pub(super) fn unfinished(&self) -> u64 {
        self.unfinished
    }

    /// SockJS tells the ending in a frame of its own, and then closes with 1000 whatever the ending was.
    pub(super) fn say_goodbye(&mut self, disconnect: &Disconnect) {
        let (code, reason) = (disconnect.code(), disconnect.reason());
        let is_sockjs_s = code == 1000 || code >= 3000;
        let mut goodbye = Vec::new();
        if self.kind.sockjs && !self.failed {
            goodbye.extend_from_slice(&websocket::encode(Opcode::Text, frame::close(code, reason).as_bytes()));
        }
        goodbye.extend_from_slice(&match self.kind.sockjs && is_sockjs_s && !self.failed {
            true => websocket::encode_close(Some((1000, Disconnect::NORMAL.reason()))),
            false => websocket::encode_close(Some((code, reason))),
        });
        self.goodbye = Some(Box::new(goodbye.into()));
    }

    fn echo_close(&mut self, close: Option<&Close>) {
        let goodbye = websocket::encode_close(close.map(|close| (close.code, &*close.reason)));
        self.goodbye = Some(Box::new(goodbye));
    }

    /// Keeps what is left of a frame behind what was written; answers what was written behind the frame.
    fn take_off(&mut self, frame: &Bytes, written: usize) -> usize {
        if written < frame.len() {
            self.partial = frame.slice(written..);
        }
        written.saturating_sub(frame.len())
    }

    /// Counts `now`'s control frame; false when it is one too many for this second.
    fn allows_control_frame(&mut self, limit: u32, now: Instant) -> bool {
        let (since, count) = &mut self.control_frames;
        if since.is_none_or(|since| now.saturating_duration_since(since) >= Duration::from_secs(1)) {
            (*since, *count) = (Some(now), 0);
        }
        *count += 1;
        *count <= limit
    }
}

impl Session {
    /// Attaches the WebSocket that this session is for. SockJS's is greeted with `o`; a session that was ended before it
    /// came tells it so.
    pub fn attach_socket(&mut self, kind: SocketKind, now: Instant) {
        let awaited = matches!(self.state, State::Connecting | State::Closing(_));
        if !awaited || !matches!(self.carrier, Carrier::None) {
            return;
        }
        let mut socket = Socket::new(kind);
        if kind.sockjs {
            socket.urgent.push(websocket::encode(Opcode::Text, frame::OPEN.as_bytes()));
        }
        self.greeted = true;
        self.timers.disarm(Timer::Absence);
        self.timers.arm(Timer::Heartbeat, now + self.settings.heartbeat);
        match &self.state {
            State::Closing(disconnect) => {
                socket.say_goodbye(disconnect);
                self.timers.arm(Timer::Closing, now + self.settings.close_timeout);
            }
            _ => self.state = State::Open,
        }
        self.carrier = Carrier::Socket(socket);
    }

    fn socket(&mut self) -> Option<&mut Socket> {
        match &mut self.carrier {
            Carrier::Socket(socket) => Some(socket),
            _ => None,
        }
    }

    /// Something came from the peer: it is alive. Answers whether it [is to be decoded](Self::takes_input).
    pub fn heard(&mut self) -> bool {
        self.timers.disarm(Timer::HeartbeatAnswer);
        self.shows_life();
        self.takes_input()
    }

    /// A ping came; its answer goes out before anything else.
    pub fn ping_received(&mut self, payload: &[u8], now: Instant) {
        self.control_frame_received(now);
        if let Some(socket) = self.socket().filter(|socket| !socket.said_goodbye) {
            socket.pong = Some(websocket::encode(Opcode::Pong, payload));
        }
    }

    /// A pong came.
    pub fn pong_received(&mut self, now: Instant) {
        self.control_frame_received(now);
    }

    fn control_frame_received(&mut self, now: Instant) {
        let limit = self.settings.control_frames_per_second;
        if self.socket().is_some_and(|socket| !socket.allows_control_frame(limit, now)) {
            self.fail(Disconnect::FLOOD, now);
        }
    }

    /// Whether a message of the peer has begun and not ended; it may take `message_timeout`.
    pub fn message_partial(&mut self, partial: bool, now: Instant) {
        match partial && self.is_listening() {
            true => self.timers.arm_if_idle(Timer::Message, now + self.settings.message_timeout),
            false => self.timers.disarm(Timer::Message),
        }
    }

    /// The peer's close frame came (RFC 6455, section 5.5.1): it is answered in kind.
    pub fn peer_closed(&mut self, close: Option<&Close>, now: Instant) {
        let open = self.is_open();
        let Some(socket) = self.socket() else { return };
        socket.peer_closed = true;
        if !open {
            return;
        }
        socket.echo_close(close);
        let (code, reason) = close.map_or((1005, Default::default()), |close| (close.code, close.reason.clone()));
        self.watch = None;
        self.state = State::Closing(Disconnect::client(code, reason));
        self.timers.arm(Timer::Closing, now + self.settings.close_timeout);
    }

    /// Ends the session because what the peer sent cannot be understood or borne: it is told with a close frame of
    /// exactly this code, behind what was queued before, and nothing that it sends is looked at any more.
    pub fn fail(&mut self, disconnect: Disconnect, now: Instant) {
        if let Some(socket) = self.socket() {
            socket.failed = true;
        }
        self.close(disconnect, now);
    }

    /// The peer's connection broke off.
    pub fn socket_lost(&mut self) {
        self.finish(Disconnect::INTERRUPTED);
    }

    /// Whether what the peer sends is still to be decoded.
    pub fn is_listening(&self) -> bool {
        matches!(&self.carrier, Carrier::Socket(socket) if !socket.failed && !socket.peer_closed)
    }

    /// The same for what was read of it, which counts also where its connection was lost since.
    pub fn takes_input(&self) -> bool {
        match &self.carrier {
            Carrier::Socket(_) => self.is_listening(),
            Carrier::None | Carrier::Receiver(_) => self.is_heard(),
        }
    }

    /// The peer has taken nothing for too long. What waits for it is dropped, and should it read again in time, behind the
    /// frame that it is in the middle of it is told why.
    pub fn stalled(&mut self, now: Instant) {
        if self.is_open() {
            self.give_up(now);
        }
    }

    /// How far the goodbye of a closing session has come.
    pub fn farewell(&self) -> Farewell {
        match &self.carrier {
            Carrier::Socket(socket) if !socket.said_goodbye || !socket.partial.is_empty() => Farewell::Waiting,
            Carrier::Socket(socket) if socket.peer_closed => Farewell::Done,
            Carrier::Socket(socket) if socket.failed => Farewell::Said,
            Carrier::Socket(_) => Farewell::Waiting,
            _ => Farewell::Done,
        }
    }

    /// True when something waits to be written to the socket.
    pub fn has_output(&self) -> bool {
        match &self.carrier {
            Carrier::Socket(socket) => {
                !socket.partial.is_empty()
                    || !socket.urgent.is_empty()
                    || socket.pong.is_some()
                    || socket.goodbye.is_some()
                    || !self.queue.is_drained()
            }
            _ => false,
        }
    }

    /// Writes what waits, with as few calls of `write` as possible. `write` takes slices and answers how many bytes
    /// it took; `WouldBlock` ends the attempt without harm, and then `now` is asked for.
    pub fn write_to(
        &mut self,
        mut write: impl FnMut(&[IoSlice<'_>]) -> io::Result<usize>,
        now: impl FnOnce() -> Instant,
    ) -> io::Result<WriteProgress> {
        let mut left = TURN;
        while self.has_output() {
            if left == 0 {
                return Ok(WriteProgress::Paused);
            }
            match self.write_once(&mut write) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(written) => {
                    left = left.saturating_sub(written);
                    self.timers.disarm(Timer::Stall);
                }
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => {
                    self.timers.arm_if_idle(Timer::Stall, now() + self.settings.send_timeout);
                    return Ok(WriteProgress::Blocked);
                }
                Err(e) => return Err(e),
            }
        }
        Ok(WriteProgress::Done)
    }

    fn write_once(&mut self, write: &mut impl FnMut(&[IoSlice<'_>]) -> io::Result<usize>) -> io::Result<usize> {
        match self.queue.len() {
            0 | 1 => self.write_slices::<FEW_SLICES>(write),
            _ => self.write_slices::<MANY_SLICES>(write),
        }
    }

    fn write_slices<const MAX: usize>(
        &mut self,
        write: &mut impl FnMut(&[IoSlice<'_>]) -> io::Result<usize>,
    ) -> io::Result<usize> {
        let Self { carrier: Carrier::Socket(socket), queue, .. } = self else { return Ok(0) };
        let form = socket.form();
        let mut slices = [IoSlice::new(&[]); MAX];
        let frames = std::iter::once(&socket.partial)
            .filter(|partial| !partial.is_empty())
            .chain(&socket.urgent)
            .chain(&socket.pong)
            .chain(queue.waiting().map(|message: &Arc<Outgoing>| message.wire(form)))
            .chain(socket.goodbye.as_deref());
        let mut filled = 0;
        for (slot, bytes) in slices.iter_mut().zip(frames) {
            *slot = IoSlice::new(bytes);
            filled += 1;
        }
        let written = write(&slices[..filled])?;
        self.advance(written);
        Ok(written)
    }

    /// Takes off what was written, in the order in which `write_slices` offers it.
    fn advance(&mut self, mut written: usize) {
        while written > 0 {
            written = self.take_front(written);
        }
    }

    /// Takes off the first of what was offered; answers how much of `written` belongs to what is behind it.
    fn take_front(&mut self, written: usize) -> usize {
        let Some(socket) = self.socket() else { return 0 };
        if !socket.partial.is_empty() {
            let partial = std::mem::take(&mut socket.partial);
            let left = socket.take_off(&partial, written);
            if socket.partial.is_empty() {
                socket.unfinished = NO_MESSAGE;
            }
            return left;
        }
        if !socket.urgent.is_empty() {
            let frame = socket.urgent.remove(0);
            return socket.take_off(&frame, written);
        }
        if let Some(pong) = socket.pong.take() {
            return socket.take_off(&pong, written);
        }
        let number = self.queue.first_waiting();
        let message = self.take_one();
        let Some(socket) = self.socket() else { return 0 };
        if let Some(message) = message {
            let left = socket.take_off(message.wire(socket.form()), written);
            socket.unfinished = if socket.is_mid_frame() { number } else { NO_MESSAGE };
            return left;
        }
        let Some(goodbye) = socket.goodbye.take() else { return 0 };
        socket.said_goodbye = true;
        socket.take_off(&goodbye, written)
    }
}
