//! What all HTTP receivers share: find or open the session, attach, and wrap its frames.

use super::exchange::Exchange;
use super::respond;
use crate::model::{Disconnect, Transport};
use crate::node::{Lookup, Receiver};
use crate::protocol::sockjs::{Envelope, frame};
use crate::session::{AttachError, Form, Frame, Outgoing, Take};
use bytes::Bytes;
use poem::{Body, Response};
use std::sync::Arc;

/// How a receiver writes frames.
pub(super) struct Wrapping {
    pub(super) envelope: Envelope,
    /// The form that a single message is shared in, where the envelope is the same for everyone.
    pub(super) form: Option<Form>,
}

/// A receiver that was let in, or the one frame that it gets instead.
pub(super) enum Admission {
    Attached(Receiver),
    /// The session is busy or gone; this tells the client so.
    Refused(Disconnect),
}

/// Finds or opens the session behind the URL and attaches to it. `Err` is an answer without a frame.
///
/// The request's body, which means nothing, must have been read to its end: while some of it is to come, nobody notices
/// that the client has gone.
pub(super) fn admit(exchange: &Exchange, transport: Transport, take: Take) -> Result<Admission, Response> {
    let opening = exchange.opening(transport);
    let found = exchange.node.lookup_or_open(&exchange.session, opening).map_err(|e| exchange.unavailable(e))?;
    let cell = match found {
        Lookup::Found(cell) => cell,
        Lookup::Lost => return Ok(Admission::Refused(Disconnect::INTERRUPTED)),
        Lookup::Foreign | Lookup::Unknown => return Err(exchange.finish(respond::not_found())),
    };
    Ok(match exchange.node.attach(cell, take) {
        Ok(receiver) => Admission::Attached(receiver),
        Err(AttachError::Busy) => Admission::Refused(Disconnect::ANOTHER_CONNECTION),
        Err(AttachError::Closed) => Admission::Refused(Disconnect::INTERRUPTED),
    })
}

impl Wrapping {
    pub(super) fn frame(&self, frame: &Frame) -> Bytes {
        match frame {
            Frame::Open => self.envelope.wrap(frame::OPEN),
            Frame::Heartbeat => self.envelope.wrap(frame::HEARTBEAT),
            Frame::Messages(messages) => self.messages(messages),
            Frame::Close(disconnect) => self.close(disconnect),
        }
    }

    fn messages(&self, messages: &[Arc<Outgoing>]) -> Bytes {
        match (messages, self.form) {
            ([message], Some(form)) => message.wire(form).clone(),
            _ => self.envelope.wrap(&frame::array(messages.iter().map(|message| message.item()))),
        }
    }

    pub(super) fn close(&self, disconnect: &Disconnect) -> Bytes {
        self.envelope.wrap(&frame::close(disconnect.code(), disconnect.reason()))
    }
}

/// Answers a poll: one frame, when there is one.
pub(super) async fn poll(
    mut exchange: Exchange,
    transport: Transport,
    content_type: &str,
    wrapping: Wrapping,
) -> Response {
    if let Err(refusal) = exchange.discard_body().await {
        return refusal;
    }
    let admission = match admit(&exchange, transport, Take::All) {
        Ok(admission) => admission,
        Err(response) => return response,
    };
    let mut response = exchange.finish(respond::content(content_type, Body::empty()));
    // A request holds the whole buffer that it was read into, and the wait may be long.
    drop(exchange);
    response.set_body(match admission {
        Admission::Attached(receiver) => wrapping.next_of(receiver).await,
        Admission::Refused(disconnect) => wrapping.close(&disconnect),
    });
    response
}

impl Wrapping {
    async fn next_of(&self, mut receiver: Receiver) -> Bytes {
        let next = receiver.next().await.unwrap_or(Frame::Close(Disconnect::INTERRUPTED));
        receiver.finish();
        self.frame(&next)
    }
}
