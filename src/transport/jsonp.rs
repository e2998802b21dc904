//! `GET /jsonp`, and the callback that it shares with `GET /htmlfile`

use super::exchange::Exchange;
use super::receive::{self, Wrapping};
use super::respond::{self, JAVASCRIPT};
use crate::model::Transport;
use crate::protocol::sockjs::{self, Envelope};
use http::{HeaderValue, StatusCode, header};
use poem::Response;

pub(super) async fn poll(exchange: Exchange) -> Response {
    let callback = match callback_of(&exchange) {
        Ok(callback) => callback,
        Err(response) => return response,
    };
    let wrapping = Wrapping { envelope: Envelope::Jsonp { callback }, form: None };
    as_script(receive::poll(exchange, Transport::Jsonp, JAVASCRIPT, wrapping).await)
}

pub(super) fn head(exchange: &Exchange) -> Response {
    match callback_of(exchange) {
        Ok(_) => as_script(exchange.finish(respond::head_of_stream(JAVASCRIPT))),
        Err(response) => response,
    }
}

fn as_script(mut response: Response) -> Response {
    response.headers_mut().insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

/// The callback in the query, checked before any session is looked at.
pub(super) fn callback_of(exchange: &Exchange) -> Result<String, Response> {
    sockjs::callback(exchange.query())
        .map_err(|error| exchange.finish(respond::text(StatusCode::INTERNAL_SERVER_ERROR, error.to_string())))
}
