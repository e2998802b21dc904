//! How bytes get in and out: poem endpoints over the node. Transports know HTTP; they decide nothing about sessions.
//!
//! A transport is one file and one row in [`TABLE`]; the shared behaviour suite picks the row up by itself.

mod endpoint;
mod exchange;
mod feed;
mod held;
mod iframe;
mod info;
mod jsonp;
mod origin;
mod receive;
mod request;
mod respond;
mod send;
mod streaming;
mod upgrade;
mod websocket;
mod xhr;

pub use endpoint::{Endpoint, FeedEndpoint};
pub(crate) use held::{Coming, Held, Waits};
pub(crate) use request::{BodyError, client_address, read_body};
pub(crate) use upgrade::RawUpgrade;

use crate::model::Transport;
use exchange::Exchange;
use futures_util::future::BoxFuture;
use http::Method;
use poem::Response;

/// One name at the end of `/{server}/{session}/{transport}`.
struct Row {
    name: &'static str,
    method: Method,
    cors: Cors,
    /// It answers when one of these is switched on in `sockjs.transports`.
    serves: &'static [Transport],
    call: fn(Exchange) -> BoxFuture<'static, Response>,
}

/// What an answer says to pages of other origins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cors {
    /// The page may read it, with credentials; preflights are answered.
    Xhr,
    /// The same without preflight, and without credentials for the origin `null`.
    EventSource,
    /// Nothing: it is read by a script tag or an iframe, or is a WebSocket.
    None,
}

/// All names, as sockjs-protocol has them.
static TABLE: &[Row] = &[
    row("websocket", Method::GET, Cors::None, &[Transport::Websocket], |e| Box::pin(websocket::sockjs(e))),
    row("xhr_streaming", Method::POST, Cors::Xhr, &[Transport::XhrStreaming], |e| Box::pin(xhr::stream(e))),
    row("xhr", Method::POST, Cors::Xhr, &[Transport::Xhr], |e| Box::pin(xhr::poll(e))),
    row("eventsource", Method::GET, Cors::EventSource, &[Transport::Eventsource], |e| {
        Box::pin(streaming::eventsource(e))
    }),
    row("htmlfile", Method::GET, Cors::None, &[Transport::Htmlfile], |e| Box::pin(streaming::htmlfile(e))),
    row("jsonp", Method::GET, Cors::None, &[Transport::Jsonp], |e| Box::pin(jsonp::poll(e))),
    row("xhr_send", Method::POST, Cors::Xhr, XHR_SENDERS, |e| Box::pin(send::xhr_send(e))),
    row("jsonp_send", Method::POST, Cors::None, &[Transport::Jsonp], |e| Box::pin(send::jsonp_send(e))),
];

/// The transports whose clients send by `xhr_send`.
const XHR_SENDERS: &[Transport] =
    &[Transport::XhrStreaming, Transport::Xhr, Transport::Eventsource, Transport::Htmlfile];

const fn row(
    name: &'static str,
    method: Method,
    cors: Cors,
    serves: &'static [Transport],
    call: fn(Exchange) -> BoxFuture<'static, Response>,
) -> Row {
    Row { name, method, cors, serves, call }
}
