//! Answers in the forms that SockJS clients and test suites expect.

use super::{Held, Stalled};
use crate::policy::Origin;
use bytes::Bytes;
use http::{HeaderValue, StatusCode, header};
use poem::{Body, Response};
use std::io;
use std::time::{Duration, SystemTime};

pub(super) const NO_CACHE: &str = "no-store, no-cache, no-transform, must-revalidate, max-age=0";
pub(super) const TEXT: &str = "text/plain; charset=UTF-8";
pub(super) const JAVASCRIPT: &str = "application/javascript; charset=UTF-8";
pub(super) const HTML: &str = "text/html; charset=UTF-8";
pub(super) const JSON: &str = "application/json; charset=UTF-8";
/// SockJS's clients read it as an `EventSource` does, which knows no other charset; their suite wants the type alone.
pub(super) const SOCKJS_EVENTS: &str = "text/event-stream";

const YEAR: Duration = Duration::from_secs(31_536_000);

pub(super) fn text(status: StatusCode, text: impl Into<Body>) -> Response {
    Response::builder().status(status).content_type(TEXT).body(text)
}

pub(super) fn content(content_type: &str, body: impl Into<Body>) -> Response {
    Response::builder().content_type(content_type).body(body)
}

/// The head of an answer whose body has no length that is known before.
pub(super) fn head_of_stream(content_type: &str) -> Response {
    content(content_type, Body::from_bytes_stream(tokio_stream::empty::<io::Result<Bytes>>()))
}

/// An answer that is long in coming.
pub(super) fn held(content_type: &str, body: Body, held: Held) -> Response {
    let mut response = content(content_type, body);
    response.set_data(held);
    response
}

pub(super) fn not_found() -> Response {
    text(StatusCode::NOT_FOUND, "404 Error: Page not found\n")
}

/// A held stream, of whose client somebody wants to be [told](Stalled) that it takes nothing.
pub(super) fn stream(content_type: &str, body: Body, stalled: Stalled) -> Response {
    let mut response = held(content_type, body, Held::Stream);
    response.set_data(stalled);
    response
}

/// 405 with what is allowed, and neither a body nor its type.
pub(super) fn method_not_allowed(allow: &'static str) -> Response {
    Response::builder().status(StatusCode::METHOD_NOT_ALLOWED).header(header::ALLOW, allow).finish()
}

/// 403, saying what to change if it was meant to work.
pub(super) fn forbidden_origin(origin: &str, own: Option<&Origin>) -> Response {
    let own = own.map_or_else(|| "unknown".to_owned(), ToString::to_string);
    let help = "List it in origins.allowed, or, behind a proxy that terminates TLS, list the proxy in trusted_proxies.";
    let reason = format!("Origin {} is not allowed; the server's own is {own}. {help}\n", origin.escape_default());
    let mut response = closing(text(StatusCode::FORBIDDEN, reason));
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(NO_CACHE));
    headers.insert(header::VARY, HeaderValue::from_static("Origin"));
    response
}

pub(super) fn unavailable(reason: &'static str) -> Response {
    let mut response = text(StatusCode::SERVICE_UNAVAILABLE, reason);
    response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("5"));
    response
}

/// The connection ends behind this answer.
pub(super) fn closing(mut response: Response) -> Response {
    response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    response
}

/// Lets browsers and proxies keep the answer for a year.
pub(super) fn cacheable(mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=31536000"));
    if let Ok(expires) = HeaderValue::from_str(&httpdate::fmt_http_date(SystemTime::now() + YEAR)) {
        headers.insert(header::EXPIRES, expires);
    }
    response
}
