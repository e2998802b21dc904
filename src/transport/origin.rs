//! Which page a request comes from, and whether that page may.

use super::exchange::{header, own_origin};
use super::respond;
use crate::node::Node;
use http::header::{ORIGIN, REFERER};
use poem::{Request, Response};
use std::borrow::Cow;

/// Refuses requests that pages of foreign origins make, before there is a session; `None` lets it pass.
pub(super) fn refuse_foreign(node: &Node, request: &Request) -> Option<Response> {
    let origin = page_origin(request)?;
    let own = own_origin(node, request);
    if node.origins.allows(&origin, own.as_ref()) {
        return None;
    }
    node.refused("origin");
    Some(respond::forbidden_origin(&origin, own.as_ref()))
}

/// The origin of the page behind a request; `None` when no foreign page is.
///
/// Browsers send Origin with XHR, event sources and WebSockets, but not for script tags and iframes (jsonp, htmlfile).
/// There they tell with `Sec-Fetch-Site` that the page is foreign, and mostly with Referer which one.
fn page_origin(request: &Request) -> Option<Cow<'_, str>> {
    if let Some(origin) = request.headers().get(ORIGIN) {
        return Some(String::from_utf8_lossy(origin.as_bytes()));
    }
    let site = request.header("Sec-Fetch-Site")?;
    if !matches!(site, "cross-site" | "same-site") {
        return None;
    }
    let referer = header(request.headers(), REFERER).and_then(origin_of_url);
    Some(referer.map_or(Cow::Borrowed("null"), Cow::Borrowed))
}

/// The `scheme://host:port` at the start of a URL.
fn origin_of_url(url: &str) -> Option<&str> {
    let authority = url.find("://")? + 3;
    let end = url[authority..].find(['/', '?', '#']).map_or(url.len(), |end| authority + end);
    Some(&url[..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origin(headers: &[(&'static str, &str)]) -> Option<String> {
        let mut request = Request::builder();
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        page_origin(&request.finish()).map(Cow::into_owned)
    }

    #[test]
    fn the_origin_header_decides_where_there_is_one() {
        assert_eq!(origin(&[("Origin", "null"), ("Referer", "https://a.com/x")]), Some("null".into()));
    }

    #[test]
    fn a_script_tag_of_a_foreign_page_is_known_by_its_referer() {
        let headers = [("Sec-Fetch-Site", "cross-site"), ("Referer", "https://evil.com:8/page?x=https://good.com")];
        assert_eq!(origin(&headers), Some("https://evil.com:8".into()));
        assert_eq!(origin(&headers[..1]), Some("null".into()));
    }

    #[test]
    fn requests_of_own_pages_and_of_programs_come_from_no_foreign_page() {
        assert_eq!(origin(&[]), None);
        assert_eq!(origin(&[("Sec-Fetch-Site", "same-origin")]), None);
        assert_eq!(origin(&[("Sec-Fetch-Site", "none"), ("Referer", "https://a.com")]), None);
    }
}
