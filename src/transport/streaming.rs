//! Responses that go on until they have carried their limit; and `GET /eventsource`, `GET /htmlfile`.

use super::exchange::Exchange;
use super::receive::{Admission, Wrapping, admit};
use super::{Stalled, jsonp, respond};
use crate::model::Transport;
use crate::node::Receiver;
use crate::protocol::sockjs::{EVENTSOURCE_PRELUDE, Envelope, htmlfile_prelude};
use crate::session::{Form, Frame, Take};
use async_stream::stream;
use bytes::Bytes;
use http::{HeaderValue, header};
use poem::{Body, Response};
use std::io;
use tokio_stream::Stream;

pub(super) async fn eventsource(exchange: Exchange) -> Response {
    let wrapping = Wrapping { envelope: Envelope::EventSource, form: Some(Form::EventSource) };
    let prelude = Bytes::from_static(EVENTSOURCE_PRELUDE.as_bytes());
    stream(exchange, Transport::Eventsource, respond::SOCKJS_EVENTS, prelude, wrapping).await
}

pub(super) fn eventsource_head(exchange: &Exchange) -> Response {
    exchange.finish(respond::head_of_stream(respond::SOCKJS_EVENTS))
}

pub(super) async fn htmlfile(exchange: Exchange) -> Response {
    let callback = match jsonp::callback_of(&exchange) {
        Ok(callback) => callback,
        Err(response) => return response,
    };
    let wrapping = Wrapping { envelope: Envelope::HtmlFile, form: Some(Form::HtmlFile) };
    let prelude = htmlfile_prelude(&callback);
    as_page(stream(exchange, Transport::Htmlfile, respond::HTML, prelude, wrapping).await)
}

pub(super) fn htmlfile_head(exchange: &Exchange) -> Response {
    match jsonp::callback_of(exchange) {
        Ok(_) => as_page(exchange.finish(respond::head_of_stream(respond::HTML))),
        Err(response) => response,
    }
}

fn as_page(mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    // The page is nothing but inline scripts that call its parent.
    let policy = HeaderValue::from_static("default-src 'none'; script-src 'unsafe-inline'");
    headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    response
}

/// Streams a session's frames behind `prelude`.
pub(super) async fn stream(
    mut exchange: Exchange,
    transport: Transport,
    content_type: &str,
    prelude: Bytes,
    wrapping: Wrapping,
) -> Response {
    if let Err(refusal) = exchange.discard_body().await {
        return refusal;
    }
    let limit = exchange.node.settings.sockjs.response_limit;
    let response = match admit(&exchange, transport, Take::OneByOne) {
        Ok(Admission::Attached(receiver)) => {
            let stalled = Stalled::new(receiver.stall_notice());
            let body = Body::from_bytes_stream(frames(receiver, prelude, wrapping, limit));
            respond::stream(content_type, body, stalled)
        }
        Ok(Admission::Refused(disconnect)) => {
            // Chunks of their own too: clients read what comes frame by frame.
            let frames = [prelude, wrapping.close(&disconnect)];
            respond::content(content_type, Body::from_bytes_stream(tokio_stream::iter(frames.map(io::Result::Ok))))
        }
        Err(response) => return response,
    };
    exchange.finish(response)
}

/// Every frame is a chunk of its own, and so is the prelude. The response ends with the frame that reaches `limit` bytes
/// of frames, or with the session; nothing is taken from the session that is not sent.
fn frames(
    mut receiver: Receiver,
    prelude: Bytes,
    wrapping: Wrapping,
    limit: usize,
) -> impl Stream<Item = io::Result<Bytes>> {
    stream! {
        yield Ok(prelude);
        let mut sent = 0;
        while let Some(frame) = receiver.next().await {
            let bytes = wrapping.frame(&frame);
            sent += bytes.len();
            if sent >= limit || matches!(frame, Frame::Close(_)) {
                // Before the last frame goes out: a client that has it may break off without waiting for the end.
                receiver.finish();
                yield Ok(bytes);
                return;
            }
            yield Ok(bytes);
        }
        receiver.finish();
    }
}
