//! `GET /info`

use super::exchange::Exchange;
use super::respond;
use crate::model::Transport;
use crate::protocol::sockjs::Info;
use http::{HeaderValue, header};
use poem::Response;

/// What the client chooses its transport by. It sets no cookie.
pub(super) fn info(exchange: &Exchange) -> Response {
    let settings = &exchange.node.settings.sockjs;
    let info = Info {
        websocket: settings.transports.contains(&Transport::Websocket),
        origins: ["*:*"],
        cookie_needed: settings.cookie_needed,
        entropy: getrandom::u32().unwrap_or_default(),
        base_url: settings.base_url.as_deref(),
    };
    let mut response = respond::content(respond::JSON, info.to_json());
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(respond::NO_CACHE));
    exchange.add_cors(headers);
    response
}
