//! `POST /xhr_send` and `POST /jsonp_send`

use super::exchange::Exchange;
use super::respond;
use crate::model::fields;
use crate::node::{Lookup, Rejected};
use crate::protocol::sockjs::{PayloadError, parse_array};
use bytes::Bytes;
use http::StatusCode;
use poem::Response;

pub(super) async fn xhr_send(exchange: Exchange) -> Response {
    let taken = Response::builder().status(StatusCode::NO_CONTENT).content_type(respond::TEXT).finish();
    send(exchange, |_, body| body, taken).await
}

/// Some old browsers dislike an empty answer to a form, so it says "ok".
pub(super) async fn jsonp_send(exchange: Exchange) -> Response {
    send(exchange, form_field, respond::text(StatusCode::OK, "ok")).await
}

/// Hands the messages in the body to the session; `taken` is the answer when it took them.
async fn send(mut exchange: Exchange, payload: fn(&Exchange, Bytes) -> Bytes, taken: Response) -> Response {
    let body = match exchange.body().await {
        Ok(body) => payload(&exchange, body),
        Err(response) => return response,
    };
    let response = deliver(&mut exchange, body).await.err().unwrap_or(taken);
    exchange.finish(response)
}

/// What is not handled is not said to be taken: a session that was lost meanwhile is as unknown as one that was lost before.
async fn deliver(exchange: &mut Exchange, payload: Bytes) -> Result<(), Response> {
    let messages = parse_array(payload, exchange.node.settings.limits.max_message_bytes).map_err(refusal)?;
    exchange.hold(messages.held())?;
    let Lookup::Found(cell) = exchange.node.lookup(&exchange.session, exchange.principal()) else {
        return Err(respond::not_found());
    };
    exchange.node.deliver(&cell, messages).await.map_err(|rejected| match rejected {
        Rejected::Closed => respond::not_found(),
        Rejected::AddressFull => exchange.no_room(),
    })
}

fn refusal(error: PayloadError) -> Response {
    let status = match error {
        PayloadError::TooBig => StatusCode::PAYLOAD_TOO_LARGE,
        PayloadError::Expected | PayloadError::Broken => StatusCode::INTERNAL_SERVER_ERROR,
    };
    respond::text(status, error.to_string())
}

/// The field `d` of a form; any other content type is the JSON itself.
fn form_field(exchange: &Exchange, body: Bytes) -> Bytes {
    if fields::media_type(exchange.request.headers()) != "application/x-www-form-urlencoded" {
        return body;
    }
    let field = form_urlencoded::parse(&body).find(|(name, _)| name == "d");
    field.map(|(_, value)| value.into_owned().into()).unwrap_or_default()
}
