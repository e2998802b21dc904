//! `POST /xhr` and `POST /xhr_streaming`

use super::exchange::Exchange;
use super::receive::{self, Wrapping};
use super::respond::JAVASCRIPT;
use super::streaming;
use crate::model::Transport;
use crate::protocol::sockjs::{Envelope, xhr_streaming_prelude};
use crate::session::Form;
use poem::Response;

const WRAPPING: Wrapping = Wrapping { envelope: Envelope::Xhr, form: Some(Form::Xhr) };

pub(super) async fn poll(exchange: Exchange) -> Response {
    receive::poll(exchange, Transport::Xhr, JAVASCRIPT, WRAPPING).await
}

pub(super) async fn stream(exchange: Exchange) -> Response {
    streaming::stream(exchange, Transport::XhrStreaming, JAVASCRIPT, xhr_streaming_prelude(), WRAPPING).await
}
