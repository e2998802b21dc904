//! The page for the iframe transports, and the client library that it runs.

use super::respond;
use crate::model::fields;
use crate::node::Node;
use crate::protocol::sockjs::iframe_page;
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use http::{HeaderValue, StatusCode, header};
use poem::{Request, Response};
use sha1::{Digest, Sha1};

/// Where the endpoint serves sockjs-client, below itself.
pub(super) const CLIENT_PATH: &str = "/sockjs-1.6.1.min.js";

/// sockjs-client 1.6.1, unmodified; a test pins its checksum.
const CLIENT: &[u8] = include_bytes!("../../static/sockjs-1.6.1.min.js");

/// The page. It would carry a foreign page's frames to this origin, so browsers are told who may embed it.
pub(super) fn page(node: &Node, request: &Request) -> Response {
    let page = match &node.settings.sockjs.client_url {
        Some(url) => iframe_page(url),
        None => iframe_page(&format!("{}{CLIENT_PATH}", base_path(request.original_uri().path()))),
    };
    let mut response = cached(request, respond::HTML, page.into_bytes());
    let ancestors = format!("frame-ancestors {}", node.origins.frame_ancestors());
    if let Ok(ancestors) = HeaderValue::from_str(&ancestors) {
        response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, ancestors);
    }
    response
}

/// The endpoint's path, from that of a page below it.
fn base_path(path: &str) -> &str {
    path.trim_end_matches('/').rsplit_once('/').map_or("", |(base, _)| base)
}

pub(super) fn client_library(request: &Request) -> Response {
    match *request.method() {
        http::Method::GET | http::Method::HEAD => cached(request, respond::JAVASCRIPT, CLIENT.to_vec()),
        _ => respond::method_not_allowed("GET, HEAD"),
    }
}

/// An answer for a year, with an entity tag: 304 without a body and its type for whoever has it already.
fn cached(request: &Request, content_type: &str, body: Vec<u8>) -> Response {
    let tag = format!("\"{}\"", BASE64_URL_SAFE_NO_PAD.encode(Sha1::digest(&body)));
    let known = fields::knows_tag(request.headers(), &tag);
    let mut response = respond::cacheable(match known {
        true => Response::builder().status(StatusCode::NOT_MODIFIED).finish(),
        false => respond::content(content_type, body),
    });
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        response.headers_mut().insert(header::ETAG, tag);
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_client_library_is_the_published_one_byte_for_byte() {
        let digest = BASE64_URL_SAFE_NO_PAD.encode(Sha1::digest(CLIENT));
        assert_eq!(digest, "G5RCOYpc-6ikemerEydaR9kwn0M");
    }

    #[test]
    fn the_base_path_is_what_stands_before_the_page_s_name() {
        for (path, base) in [("/ws/iframe.html", "/ws"), ("/a/b/iframe-1.html/", "/a/b"), ("/iframe.html", "")] {
            assert_eq!(base_path(path), base);
        }
    }
}
