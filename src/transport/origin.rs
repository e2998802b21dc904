//! Which page a request comes from, and whether that page may.

use super::request::own_origin;
use super::respond;
use crate::node::Node;
use http::header::{ORIGIN, REFERER};
use poem::{Request, Response};
use std::borrow::Cow;

/// Refuses requests that pages of foreign origins make, before there is a session.
pub(super) fn check(node: &Node, request: &Request) -> Result<(), Response> {
    let Some(origin) = page_origin(request) else { return Ok(()) };
    let own = own_origin(&node.proxies, request);
    if node.origins.allows(&origin, own.as_ref()) {
        return Ok(());
    }
    node.refused("origin");
    Err(respond::forbidden_origin(&origin, own.as_ref()))
}

/// The origin of the page behind a request; `None` when no foreign page is.
///
/// Browsers send Origin with XHR, event sources and WebSockets, but not for script tags and iframes (jsonp, htmlfile).
/// There they tell with `Sec-Fetch-Site` that the page is foreign, and mostly with Referer which one.
fn page_origin(request: &Request) -> Option<Cow<'_, str>> {
    let headers = request.headers();
    let mut origins = headers.get_all(ORIGIN).iter();
    match (origins.next(), origins.next()) {
        (Some(origin), None) => return Some(String::from_utf8_lossy(origin.as_bytes())),
        // There is one page at the most, so whoever sent or added the other means no good.
        (Some(_), Some(_)) => return Some(Cow::Borrowed("several origins")),
        _ => {}
    }
    let site = headers.get("Sec-Fetch-Site")?.as_bytes();
    if matches!(site, b"same-origin" | b"none") {
        return None;
    }
    let referer = headers.get(REFERER).and_then(|url| origin_of_url(url.as_bytes()));
    Some(referer.map_or(Cow::Borrowed("null"), Cow::Borrowed))
}

/// The `scheme://host:port` at the start of a URL, whatever is behind it.
fn origin_of_url(url: &[u8]) -> Option<&str> {
    let authority = url.windows(3).position(|three| three == b"://")? + 3;
    let end = url[authority..].iter().position(|byte| b"/?#".contains(byte));
    std::str::from_utf8(&url[..end.map_or(url.len(), |end| authority + end)]).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origin(headers: &[(&'static str, &str)]) -> Option<String> {
        let mut request = Request::builder().finish();
        for (name, value) in headers {
            request.headers_mut().append(*name, http::HeaderValue::from_bytes(value.as_bytes()).unwrap());
        }
        page_origin(&request).map(Cow::into_owned)
    }

    #[test]
    fn a_page_is_known_whatever_its_url_holds_and_never_one_of_two() {
        let headers = [("Sec-Fetch-Site", "cross-site"), ("Referer", "https://good.com/caf\u{e9}")];
        assert_eq!(origin(&headers), Some("https://good.com".into()));
        assert_eq!(origin(&[("Sec-Fetch-Site", "something-new")]), Some("null".into()));
        let two = [("Origin", "https://good.com"), ("Origin", "https://evil.com")];
        assert_eq!(origin(&two), Some("several origins".into()));
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
