//! A message on its way out, encoded at most once for each wire form.

use super::deflate::{self, Window};
use super::headroom::{Claim, Headroom};
use crate::model::Message;
use crate::protocol::sockjs::{Envelope, frame};
use crate::protocol::websocket::{self, Opcode};
use bytes::Bytes;
use std::sync::{Arc, OnceLock};

/// The bytes that a message can become. Everyone who needs the same form shares the same bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// A WebSocket frame with the message itself.
    WebSocket,
    /// The same, compressed with the full window.
    WebSocketDeflated,
    /// The same, compressed with the small window.
    WebSocketDeflatedSmall,
    /// A WebSocket frame with SockJS's `a["..."]`.
    SockJs,
    /// The same, compressed with the full window.
    SockJsDeflated,
    /// The same, compressed with the small window.
    SockJsDeflatedSmall,
    /// An item of an `a[...]` frame: a quoted and escaped JSON string.
    Item,
    /// `a["..."]` as `xhr` and `xhr_streaming` send it.
    Xhr,
    /// `a["..."]` as `eventsource` sends it.
    EventSource,
    /// `a["..."]` as `htmlfile` sends it.
    HtmlFile,
}

/// What becomes of a message, and of those that wait before it, when its client reads too slowly.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnFull {
    /// The message is never dropped: where it finds the queue full, the session has to catch up in time, or ends with
    /// [`SLOW_CONSUMER`](crate::model::Disconnect::SLOW_CONSUMER).
    Close,
    /// The message may be dropped. Where it finds the queue full, the oldest that may be dropped make room; where none
    /// may, it does as `Close` does.
    DropOldest,
    /// Only the newest message of this key is of use: it takes the place of one that still waits, also when the queue is
    /// not full. Where none waits, it does as `DropOldest` does.
    KeepNewest(u64),
}

/// A message and the wire forms that it already has.
#[derive(Debug)]
pub struct Outgoing {
    message: Message,
    on_full: Option<OnFull>,
    encoded: OnceLock<Encoded>,
    /// What it has of the headroom, from when it waits beyond the limits of a queue.
    claim: OnceLock<Claim>,
}

/// What a message costs beside its content.
const OVERHEAD: usize = 256;

/// One form of a message, and the next: most messages have one, few have more than two.
#[derive(Debug)]
struct Encoded {
    form: Form,
    bytes: Bytes,
    next: OnceLock<Box<Self>>,
}

impl Outgoing {
    /// Wraps a message, not yet encoded.
    pub fn new(message: Message) -> Arc<Self> {
        Self::with(message, None)
    }

    /// The same for a message that has a policy of its own, whatever its sessions' [`Overflow`](super::Overflow) is.
    pub fn with_policy(message: Message, on_full: OnFull) -> Arc<Self> {
        Self::with(message, Some(on_full))
    }

    fn with(message: Message, on_full: Option<OnFull>) -> Arc<Self> {
        Arc::new(Self { message, on_full, encoded: OnceLock::new(), claim: OnceLock::new() })
    }

    /// The message's own policy; `None` is the session's.
    pub fn on_full(&self) -> Option<OnFull> {
        self.on_full
    }

    /// The message itself.
    pub fn message(&self) -> &Message {
        &self.message
    }

    /// The length of the message's content in bytes.
    pub fn len(&self) -> usize {
        self.message.len()
    }

    /// True for a message without content.
    pub fn is_empty(&self) -> bool {
        self.message.is_empty()
    }

    /// Takes from the headroom what the message costs, once for all who have it.
    pub(super) fn claim(&self, headroom: &Arc<Headroom>) {
        self.claim.get_or_init(|| Claim::new(headroom, self.len() + OVERHEAD));
    }

    /// Whether the message can take `form`: every form but the plain WebSocket ones is text.
    pub fn fits(&self, form: Form) -> bool {
        matches!(form, Form::WebSocket | Form::WebSocketDeflated | Form::WebSocketDeflatedSmall)
            || self.message.as_str().is_some()
    }

    /// The message in `form`, encoded now if it is the first time. Empty where it does not [fit](Self::fits).
    pub fn wire(&self, form: Form) -> &Bytes {
        let encoded = || Encoded { form, bytes: self.encode(form), next: OnceLock::new() };
        let mut at = self.encoded.get_or_init(encoded);
        while at.form != form {
            at = at.next.get_or_init(|| Box::new(encoded()));
        }
        &at.bytes
    }

    fn encode(&self, form: Form) -> Bytes {
        match form {
            Form::WebSocket => websocket::encode(self.opcode(), self.message.as_bytes()),
            Form::WebSocketDeflated => self.deflated(Window::Full),
            Form::WebSocketDeflatedSmall => self.deflated(Window::Small),
            Form::SockJs => websocket::encode(Opcode::Text, self.array().as_bytes()),
            Form::SockJsDeflated => deflate::encode(Window::Full, Opcode::Text, self.array().as_bytes()),
            Form::SockJsDeflatedSmall => deflate::encode(Window::Small, Opcode::Text, self.array().as_bytes()),
            Form::Item => frame::item(self.message.as_str().unwrap_or_default()).into(),
            Form::Xhr => Envelope::Xhr.wrap(&self.array()),
            Form::EventSource => Envelope::EventSource.wrap(&self.array()),
            Form::HtmlFile => Envelope::HtmlFile.wrap(&self.array()),
        }
    }

    fn deflated(&self, window: Window) -> Bytes {
        deflate::encode(window, self.opcode(), self.message.as_bytes())
    }

    fn opcode(&self) -> Opcode {
        match self.message {
            Message::Text(_) => Opcode::Text,
            Message::Binary(_) => Opcode::Binary,
        }
    }

    fn array(&self) -> String {
        frame::array_of_one(self.message.as_str().unwrap_or_default())
    }

    /// The message as an item of an `a[...]` frame.
    pub fn item(&self) -> &str {
        std::str::from_utf8(self.wire(Form::Item)).unwrap_or_default()
    }
}
