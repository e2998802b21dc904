//! `GET /websocket` and `GET /{server}/{session}/websocket`: the opening handshake (RFC 6455, section 4.2).

use super::exchange::Exchange;
use super::{respond, upgrade};
use crate::model::{Transport, fields};
use crate::node::{Node, SocketInput};
use crate::protocol::websocket::handshake::{self, Deflate};
use crate::protocol::websocket::{Compression, Decoder, Limits};
use crate::session::{SocketKind, Window};
use http::{HeaderValue, Method, StatusCode, Version, header};
use poem::{Request, Response};

/// Whether the request asks for a WebSocket.
pub(super) fn is_upgrade(request: &Request) -> bool {
    let listed = |name, token| fields::has_token(request.headers(), name, token);
    listed(header::CONNECTION, "upgrade") && listed(header::UPGRADE, "websocket")
}

/// There is no WebSocket without a GET.
pub(super) fn head(_: &Exchange) -> Response {
    respond::closing(bad_request(NO_HANDSHAKE))
}

const NO_HANDSHAKE: &str = "Not a valid websocket request\n";

pub(super) async fn sockjs(exchange: Exchange) -> Response {
    open(exchange, Transport::Websocket)
}

pub(super) fn raw(exchange: Exchange) -> Response {
    open(exchange, Transport::RawWebsocket)
}

/// Answers the handshake; the session opens when the connection has been handed over.
fn open(exchange: Exchange, transport: Transport) -> Response {
    let key = match accept_key(&exchange.request) {
        Ok(key) => key,
        Err(refusal) => return respond::closing(refusal),
    };
    let mut opening = exchange.opening(transport);
    let tenant = match exchange.node.admit(&opening) {
        Ok(tenant) => tenant,
        Err(error) => return respond::closing(exchange.unavailable(error)),
    };
    let Some(upgraded) = upgrade::take(&exchange.request) else {
        return respond::closing(bad_request("This connection cannot be upgraded.\n"));
    };
    let agreed = Agreed::on(&exchange);
    let kind = SocketKind {
        sockjs: transport == Transport::Websocket,
        deflate: agreed.deflate.map(|deflate| Window::at_most(deflate.server_window_bits())),
    };
    opening.protocol = agreed.protocol.as_deref().map(Into::into);
    let decoder = decoder(&exchange.node, agreed.compression());
    let sockjs = kind.sockjs;
    exchange.node.upgrade((opening, tenant), kind, async move {
        Some(SocketInput { upgraded: upgraded.await?, decoder, sockjs })
    });
    agreed.response(&key)
}

/// The answer to the client's key, or the refusal of the handshake.
fn accept_key(request: &Request) -> Result<String, Response> {
    // HTTP/1.0 knows no upgrades (RFC 6455, section 4.2.1).
    if request.method() != Method::GET || !is_upgrade(request) || request.version() < Version::HTTP_11 {
        return Err(bad_request(NO_HANDSHAKE));
    }
    if has_body(request) {
        return Err(bad_request("A websocket request has no body.\n"));
    }
    let said = |name| request.headers().get(name).map(|value| value.as_bytes().trim_ascii()).unwrap_or_default();
    if said(header::SEC_WEBSOCKET_VERSION) != b"13" {
        let mut response = respond::text(StatusCode::UPGRADE_REQUIRED, "Unsupported WebSocket version; expected 13.\n");
        response.headers_mut().insert(header::SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13"));
        return Err(response);
    }
    let key = std::str::from_utf8(said(header::SEC_WEBSOCKET_KEY)).unwrap_or_default();
    handshake::accept_key(key).ok_or_else(|| bad_request("Sec-WebSocket-Key is not 16 bytes in base64.\n"))
}

/// Frames begin behind the head; where a body stood in between, readers could disagree on where it ends.
fn has_body(request: &Request) -> bool {
    let length = request.headers().get(header::CONTENT_LENGTH);
    length.is_some_and(|length| length != "0") || request.headers().contains_key(header::TRANSFER_ENCODING)
}

fn bad_request(text: &'static str) -> Response {
    respond::text(StatusCode::BAD_REQUEST, text)
}

fn decoder(node: &Node, compression: Compression) -> Decoder {
    let message = node.settings.limits.max_message_bytes;
    let limits = Limits { message, frame: message, fragments: node.settings.websocket.max_fragments };
    Decoder::new(limits, compression)
}

/// What client and endpoint agreed on beyond RFC 6455 itself.
struct Agreed {
    protocol: Option<String>,
    deflate: Option<Deflate>,
}

impl Agreed {
    fn on(exchange: &Exchange) -> Self {
        let settings = &exchange.node.settings.websocket;
        let headers = exchange.request.headers();
        let offered = fields::joined(headers, header::SEC_WEBSOCKET_PROTOCOL);
        let protocol = handshake::choose_subprotocol(&offered, &settings.protocols).map(str::to_owned);
        let offers = fields::joined(headers, header::SEC_WEBSOCKET_EXTENSIONS);
        let deflate = settings.deflate.then(|| handshake::negotiate_deflate(&offers)).flatten();
        Self { protocol, deflate }
    }

    fn compression(&self) -> Compression {
        self.deflate.map_or(Compression::None, |_| Compression::Deflate)
    }

    fn response(self, key: &str) -> Response {
        let mut response = Response::builder()
            .status(StatusCode::SWITCHING_PROTOCOLS)
            .header(header::CONNECTION, "Upgrade")
            .header(header::UPGRADE, "websocket")
            .header(header::SEC_WEBSOCKET_ACCEPT, key);
        if let Some(protocol) = self.protocol {
            response = response.header(header::SEC_WEBSOCKET_PROTOCOL, protocol);
        }
        if let Some(deflate) = self.deflate {
            response = response.header(header::SEC_WEBSOCKET_EXTENSIONS, deflate.to_string());
        }
        response.finish()
    }
}
