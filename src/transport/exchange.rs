//! One request, with what every transport needs to know of it.

use super::Cors;
use super::request::{BodyError, client_address, read_body};
use super::{origin, respond};
use crate::model::{Principal, Transport, fields};
use crate::node::{Node, OpenError, Opening};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use poem::{Request, Response};
use std::net::IpAddr;
use std::sync::Arc;

/// A request that passed the endpoint's checks.
pub(super) struct Exchange {
    pub(super) node: Arc<Node>,
    pub(super) request: Request,
    /// Whose request it is: the peer's, or of whom a trusted proxy speaks.
    pub(super) client: IpAddr,
    /// The session id in the URL; empty for the endpoint's own URLs.
    pub(super) session: String,
    pub(super) cors: Cors,
}

impl Exchange {
    /// Lets a request in that no foreign page makes, and whose client's address is known.
    pub(super) fn admit(node: Arc<Node>, request: Request, session: &str, cors: Cors) -> Result<Self, Response> {
        origin::check(&node, &request)?;
        let client = client_address(&node.proxies, &request).map_err(|unknown| {
            node.refused("client_address");
            respond::closing(respond::text(StatusCode::BAD_REQUEST, format!("{unknown}.\n")))
        })?;
        Ok(Self { node, request, client, session: session.to_owned(), cors })
    }

    pub(super) fn query(&self) -> &str {
        self.request.uri().query().unwrap_or_default()
    }

    pub(super) fn principal(&self) -> Option<&Principal> {
        self.request.data::<Principal>()
    }

    pub(super) fn opening(&self, transport: Transport) -> Opening {
        Opening {
            transport,
            principal: self.principal().cloned(),
            remote: self.client,
            protocol: None,
            token: self.node.token(self.request.headers(), self.request.uri().query()),
        }
    }

    /// Adds what every answer of a transport carries: no caching, no proxy buffering, CORS, the sticky cookie.
    pub(super) fn finish(&self, mut response: Response) -> Response {
        let headers = response.headers_mut();
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(respond::NO_CACHE));
        headers.insert("X-Accel-Buffering", HeaderValue::from_static("no"));
        self.add_cors(headers);
        self.add_cookie(headers);
        response
    }

    pub(super) fn add_cors(&self, headers: &mut HeaderMap) {
        let policy = &self.node.origins;
        let origin = self.request.headers().get(header::ORIGIN);
        let origin = origin.filter(|origin| self.cors == Cors::Xhr || origin.as_bytes() != b"null");
        match (self.cors, origin) {
            (Cors::None, _) => return,
            (_, Some(origin)) if policy.credentials() => {
                headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
                headers.insert(header::ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
            }
            _ => {
                headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
            }
        }
        headers.append(header::VARY, HeaderValue::from_static("Origin"));
        for wanted in self.request.headers().get_all(header::ACCESS_CONTROL_REQUEST_HEADERS) {
            if !wanted.is_empty() {
                headers.append(header::ACCESS_CONTROL_ALLOW_HEADERS, wanted.clone());
            }
        }
    }

    /// `JSESSIONID`, by which load balancers stick: the incoming value, or a dummy that makes them set their own.
    pub(super) fn add_cookie(&self, headers: &mut HeaderMap) {
        if !self.node.settings.sockjs.jsessionid {
            return;
        }
        let incoming = fields::cookie(self.request.headers(), "JSESSIONID");
        let cookie = [b"JSESSIONID=", incoming.unwrap_or(b"dummy"), b"; path=/"].concat();
        if let Ok(cookie) = HeaderValue::from_bytes(&cookie) {
            headers.insert(header::SET_COOKIE, cookie);
        }
    }

    /// Reads the body, within the endpoint's limits of size and time; a body that announces too much is not read at all.
    pub(super) async fn body(&mut self) -> Result<Bytes, Response> {
        let limits = &self.node.settings.limits;
        let body = read_body(&mut self.request, limits.max_body_bytes, limits.body_timeout).await;
        body.map_err(|error| match error {
            BodyError::TooLarge => self.refuse("body_too_big", StatusCode::PAYLOAD_TOO_LARGE, "Body too big."),
            BodyError::Broken => self.refuse("body_broken", StatusCode::BAD_REQUEST, "Body cut off."),
            BodyError::Slow => self.refuse("body_slow", StatusCode::REQUEST_TIMEOUT, "Body too slow."),
        })
    }

    /// Reads the body of a request that should have none, to its end: only behind it does hyper notice that a waiting
    /// client has left.
    pub(super) async fn discard_body(&mut self) -> Result<(), Response> {
        self.body().await.map(drop)
    }

    /// Refuses a request whose body was not read to its end, so that the connection cannot be used again.
    fn refuse(&self, reason: &'static str, status: StatusCode, text: &'static str) -> Response {
        self.node.refused(reason);
        self.finish(respond::closing(respond::text(status, text)))
    }

    /// No room for another session.
    pub(super) fn unavailable(&self, error: OpenError) -> Response {
        self.node.refused(match error {
            OpenError::Full => "sessions_full",
            OpenError::Draining => "draining",
        });
        self.finish(respond::unavailable())
    }
}
