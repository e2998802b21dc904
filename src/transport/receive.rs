//! What all HTTP receivers share: find or open the session, attach, and wrap its frames.

use super::exchange::Exchange;
use super::{Held, respond};
use crate::model::{Disconnect, Transport};
use crate::node::{Lookup, Receiver};
use crate::protocol::sockjs::{Envelope, frame};
use crate::session::{AttachError, Form, Frame, Outgoing, Take};
use bytes::Bytes;
use futures_util::future::{BoxFuture, FutureExt};
use poem::{Body, Response};
use std::io;
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
    let body = match admission {
        Admission::Attached(receiver) => wrapping.next_of(receiver),
        Admission::Refused(disconnect) => Whole::Here(wrapping.close(&disconnect)),
    };
    exchange.finish(body.response(content_type))
}

/// A body of one frame.
enum Whole {
    Here(Bytes),
    Coming(BoxFuture<'static, Bytes>),
}

impl Whole {
    fn response(self, content_type: &str) -> Response {
        match self {
            Self::Here(frame) => respond::content(content_type, frame),
            Self::Coming(frame) => {
                let body = Body::from_bytes_stream(frame.map(io::Result::Ok).into_stream());
                respond::held(content_type, body, Held::Whole)
            }
        }
    }
}

impl Wrapping {
    /// The next frame; without waiting if there is one already, as there mostly is when messages come fast.
    fn next_of(self, mut receiver: Receiver) -> Whole {
        let mut frame = Box::pin(async move {
            let next = receiver.next().await.unwrap_or(Frame::Close(Disconnect::INTERRUPTED));
            receiver.finish();
            self.frame(&next)
        });
        match frame.as_mut().now_or_never() {
            Some(frame) => Whole::Here(frame),
            None => Whole::Coming(frame),
        }
    }
}
