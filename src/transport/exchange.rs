//! One request, with what every transport needs to know of it.

use super::Cors;
use super::request::{BodyError, IncomingBody, client_address};
use super::{origin, respond};
use crate::model::{Principal, Transport, fields};
use crate::node::{AddressFull, Held, Node, OpenError, Opening};
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
    pub(super) holding: Holding,
}

/// What a request has in memory for its answer, charged to its client's address if that is much.
#[derive(Default)]
pub(super) struct Holding(Option<Held>);

impl Holding {
    /// What is less is part of the connection.
    const LITTLE: usize = 4096;

    fn is_now(&mut self, bytes: usize, held: impl FnOnce() -> Held) -> Result<(), AddressFull> {
        if bytes <= Self::LITTLE && self.0.is_none() {
            return Ok(());
        }
        self.0.get_or_insert_with(held).change(bytes)
    }
}

impl Exchange {
    /// Lets a request in that no foreign page makes, and whose client's address is known.
    pub(super) fn admit(node: Arc<Node>, request: Request, session: &str, cors: Cors) -> Result<Self, Response> {
        origin::check(&node, &request)?;
        let client = client_address(&node.proxies, &request).map_err(|unknown| {
            node.refused("client_address");
            respond::closing(respond::text(StatusCode::BAD_REQUEST, format!("{unknown}.\n")))
        })?;
        Ok(Self { node, request, client, session: session.to_owned(), cors, holding: Holding::default() })
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
        let body = IncomingBody::of(&mut self.request);
        let (node, request, client, holding) = (&self.node, &self.request, self.client, &mut self.holding);
        let has_room = |bytes| holding.is_now(bytes, || held_by(node, request, client)).is_ok();
        let body = body.read(limits.max_body_bytes, limits.body_timeout, has_room).await;
        body.map_err(|error| match error {
            BodyError::TooLarge => self.refuse("body_too_big", StatusCode::PAYLOAD_TOO_LARGE, "Body too big."),
            BodyError::Broken => self.refuse("body_broken", StatusCode::BAD_REQUEST, "Body cut off."),
            BodyError::Slow => self.refuse("body_slow", StatusCode::REQUEST_TIMEOUT, "Body too slow."),
            BodyError::NoRoom => self.no_room(),
        })
    }

    /// Charges the client's address for what the request has become, in the place of its body.
    pub(super) fn hold(&mut self, bytes: usize) -> Result<(), Response> {
        let (node, request, client) = (&self.node, &self.request, self.client);
        self.holding.is_now(bytes, || held_by(node, request, client)).map_err(|AddressFull| self.no_room())
    }

    /// The client's address holds too much for this request.
    pub(super) fn no_room(&self) -> Response {
        let text = "Too much of this address waits already.";
        let mut response = self.refuse("address_full", StatusCode::SERVICE_UNAVAILABLE, text);
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("5"));
        response
    }

    /// Reads the body of a request that should have none, to its end: only behind it does hyper notice that a waiting
    /// client has left.
    pub(super) async fn discard_body(&mut self) -> Result<(), Response> {
        self.body().await?;
        self.holding = Holding::default();
        Ok(())
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
            OpenError::AddressFull => "address_full",
            OpenError::Draining => "draining",
        });
        let text = match error {
            OpenError::AddressFull => "This address has as many sessions as it may.\n",
            OpenError::Full | OpenError::Draining => "No more sessions now.\n",
        };
        self.finish(respond::unavailable(text))
    }
}

/// Who is charged for what a request holds: its address, unless its user is known.
fn held_by(node: &Node, request: &Request, client: IpAddr) -> Held {
    match request.data::<Principal>() {
        Some(_) => Held::nobody_s(),
        None => node.addresses.hold(client),
    }
}
