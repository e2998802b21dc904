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
pub(crate) use held::{Coming, Held, Stalled, Waits};
pub(crate) use request::{BodyError, HostIsOwn, client_address, read_body};
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
    call: Call,
    /// What a `GET` would be answered, but for its body: no session comes of it.
    head: Option<fn(&Exchange) -> Response>,
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
    get("websocket", Cors::None, &[Transport::Websocket], |e| Box::pin(websocket::sockjs(e)), websocket::head),
    post("xhr_streaming", Cors::Xhr, &[Transport::XhrStreaming], |e| Box::pin(xhr::stream(e))),
    post("xhr", Cors::Xhr, &[Transport::Xhr], |e| Box::pin(xhr::poll(e))),
    get(
        "eventsource",
        Cors::EventSource,
        &[Transport::Eventsource],
        |e| Box::pin(streaming::eventsource(e)),
        streaming::eventsource_head,
    ),
    get("htmlfile", Cors::None, &[Transport::Htmlfile], |e| Box::pin(streaming::htmlfile(e)), streaming::htmlfile_head),
    get("jsonp", Cors::None, &[Transport::Jsonp], |e| Box::pin(jsonp::poll(e)), jsonp::head),
    post("xhr_send", Cors::Xhr, XHR_SENDERS, |e| Box::pin(send::xhr_send(e))),
    post("jsonp_send", Cors::None, &[Transport::Jsonp], |e| Box::pin(send::jsonp_send(e))),
];

/// The transports whose clients send by `xhr_send`.
const XHR_SENDERS: &[Transport] =
    &[Transport::XhrStreaming, Transport::Xhr, Transport::Eventsource, Transport::Htmlfile];

type Call = fn(Exchange) -> BoxFuture<'static, Response>;

const fn post(name: &'static str, cors: Cors, serves: &'static [Transport], call: Call) -> Row {
    Row { name, method: Method::POST, cors, serves, call, head: None }
}

const fn get(
    name: &'static str,
    cors: Cors,
    serves: &'static [Transport],
    call: Call,
    head: fn(&Exchange) -> Response,
) -> Row {
    Row { name, method: Method::GET, cors, serves, call, head: Some(head) }
}
