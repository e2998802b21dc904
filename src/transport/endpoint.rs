//! The endpoint: URL to row, and the checks that all rows share.

use super::exchange::Exchange;
use super::{Cors, Row, TABLE, feed, iframe, info, origin, respond, websocket};
use crate::model::Transport;
use crate::node::{Byway, Node};
use crate::protocol::sockjs::{GREETING, SockJsPath};
use futures_util::future::{BoxFuture, FutureExt, ready};
use http::{HeaderValue, Method, StatusCode, header};
use poem::{Request, Response, Result};
use std::sync::Arc;

/// A [`Byway`] as a poem endpoint, for `Route::nest`.
#[derive(Clone)]
pub struct Endpoint {
    node: Arc<Node>,
}

impl Byway {
    /// This endpoint's URLs, to be nested in a poem route: a greeting and plain WebSockets at the endpoint itself,
    /// `/websocket`, `/info`, `/iframe*.html`, and SockJS's `/{server}/{session}/{transport}`; and where it speaks STOMP, feeds
    /// below `/feed`.
    ///
    /// Whoever decides who clients are gets ready now ([`Authenticator::prepare`](crate::policy::Authenticator::prepare)), if
    /// this is called within a tokio runtime, and when the first session opens otherwise.
    ///
    /// A [`Principal`](crate::Principal) that a middleware put into the request's data becomes the session's.
    pub fn endpoint(&self) -> Endpoint {
        self.0.prepare();
        Endpoint { node: Arc::clone(&self.0) }
    }
}

/// The feeds of a [`Byway`] alone, as a poem endpoint, for `Route::nest`.
#[derive(Clone)]
pub struct FeedEndpoint {
    node: Arc<Node>,
}

impl Byway {
    /// This endpoint's feeds alone, at a path of their own: nested at `/feed`, `/feed/topic/news` is a feed of `/topic/news`.
    /// They are the ones that [`endpoint`](Self::endpoint) has below its own `/feed`. Everything is 404 where it has none.
    pub fn feeds(&self) -> FeedEndpoint {
        FeedEndpoint { node: Arc::clone(&self.0) }
    }
}

impl poem::Endpoint for FeedEndpoint {
    type Output = Response;

    async fn call(&self, request: Request) -> Result<Response> {
        let path = request.uri().path().to_owned();
        Ok(feed_url(Arc::clone(&self.node), request, &path).await)
    }
}

impl poem::Endpoint for Endpoint {
    type Output = Response;

    async fn call(&self, request: Request) -> Result<Response> {
        Ok(answer(Arc::clone(&self.node), request).await)
    }
}

/// Finds who answers. None of this is async: the future of each layer would hold the request, for as long as a poll waits.
fn answer(node: Arc<Node>, request: Request) -> BoxFuture<'static, Response> {
    let path = request.uri().path().to_owned();
    if let Some(destination) = feed::path(&path).filter(|_| node.feeds().is_some()) {
        return feed_url(node, request, destination);
    }
    let response = match SockJsPath::parse(&path) {
        Some(SockJsPath::Session { session, transport }) => return session_url(node, request, session, transport),
        Some(SockJsPath::Root) => root(node, request),
        Some(SockJsPath::Info) => info_url(node, request),
        Some(SockJsPath::Iframe) => iframe_url(&node, &request),
        Some(SockJsPath::RawWebSocket) => raw_websocket(node, request),
        None if path == iframe::CLIENT_PATH => iframe::client_library(&request),
        None => respond::not_found(),
    };
    ready(response).boxed()
}

/// `/feed` and all below it.
fn feed_url(node: Arc<Node>, request: Request, path: &str) -> BoxFuture<'static, Response> {
    if node.feeds().is_none() {
        return ready(respond::not_found()).boxed();
    }
    let exchange = match Exchange::admit(node, request, "", Cors::Xhr) {
        Ok(exchange) => exchange,
        Err(refusal) => return ready(refusal).boxed(),
    };
    let response = match *exchange.request.method() {
        Method::GET => return feed::feed(exchange, path.to_owned()).boxed(),
        Method::HEAD => return feed::head(exchange, path.to_owned()).boxed(),
        Method::OPTIONS => preflight(&exchange, "OPTIONS, GET"),
        _ => respond::method_not_allowed("OPTIONS, GET, HEAD"),
    };
    ready(response).boxed()
}

/// `/{server}/{session}/{transport}`
fn session_url(node: Arc<Node>, request: Request, session: &str, transport: &str) -> BoxFuture<'static, Response> {
    let Some(row) = TABLE.iter().find(|row| row.name == transport && row.is_on(&node)) else {
        return ready(respond::not_found()).boxed();
    };
    let exchange = match Exchange::admit(node, request, session, row.cors) {
        Ok(exchange) => exchange,
        Err(refusal) => return ready(refusal).boxed(),
    };
    let response = match (exchange.request.method(), row.head) {
        (method, _) if *method == row.method => return (row.call)(exchange),
        (&Method::HEAD, Some(head)) => head(&exchange),
        (&Method::OPTIONS, _) if row.cors == Cors::Xhr => preflight(&exchange, row.allowed()),
        _ => respond::method_not_allowed(row.allowed()),
    };
    ready(response).boxed()
}

impl Row {
    fn is_on(&self, node: &Node) -> bool {
        let switched_on = &node.settings.sockjs.transports;
        self.serves.iter().any(|transport| switched_on.contains(transport))
    }

    fn allowed(&self) -> &'static str {
        match (self.method == Method::GET, self.cors) {
            (true, _) => "GET, HEAD",
            (false, Cors::Xhr) => "OPTIONS, POST",
            (false, _) => "POST",
        }
    }
}

/// The answer that lets a foreign page's browser send what the page wants.
fn preflight(exchange: &Exchange, allowed: &'static str) -> Response {
    let mut response = respond::cacheable(Response::builder().status(StatusCode::NO_CONTENT).finish());
    let headers = response.headers_mut();
    headers.insert(header::ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("31536000"));
    headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static(allowed));
    exchange.add_cors(headers);
    exchange.add_cookie(headers);
    response
}

/// The endpoint itself: a plain WebSocket for whoever asks for one, else the greeting.
fn root(node: Arc<Node>, request: Request) -> Response {
    if websocket::is_upgrade(&request) && websocket_is_on(&node, Transport::RawWebsocket) {
        return raw_websocket(node, request);
    }
    match *request.method() {
        Method::GET | Method::HEAD => respond::text(StatusCode::OK, GREETING),
        _ => respond::method_not_allowed("GET, HEAD"),
    }
}

fn raw_websocket(node: Arc<Node>, request: Request) -> Response {
    if !websocket_is_on(&node, Transport::RawWebsocket) {
        return respond::not_found();
    }
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        return respond::method_not_allowed("GET, HEAD");
    }
    Exchange::admit(node, request, "", Cors::None).map_or_else(|refusal| refusal, websocket::raw)
}

fn websocket_is_on(node: &Node, transport: Transport) -> bool {
    node.settings.sockjs.transports.contains(&transport)
}

fn info_url(node: Arc<Node>, request: Request) -> Response {
    let exchange = match Exchange::admit(node, request, "", Cors::Xhr) {
        Ok(exchange) => exchange,
        Err(refusal) => return refusal,
    };
    match *exchange.request.method() {
        Method::GET | Method::HEAD => info::info(&exchange),
        Method::OPTIONS => preflight(&exchange, "OPTIONS, GET"),
        _ => respond::method_not_allowed("OPTIONS, GET, HEAD"),
    }
}

fn iframe_url(node: &Node, request: &Request) -> Response {
    if let Err(refusal) = origin::check(node, request) {
        return refusal;
    }
    match *request.method() {
        Method::GET | Method::HEAD => iframe::page(node, request),
        _ => respond::method_not_allowed("GET, HEAD"),
    }
}
