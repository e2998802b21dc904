//! The demo page, compiled in.

use crate::model::fields;
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use bytes::Bytes;
use http::{StatusCode, header};
use poem::{Endpoint, Request, Response, Result};
use sha1::{Digest, Sha1};

/// One file that browsers get.
#[derive(Debug, Clone)]
pub(super) struct Asset {
    pub(super) path: &'static str,
    content_type: &'static str,
    cache_control: &'static str,
    body: Bytes,
    tag: String,
    policy: &'static str,
}

pub(super) const HTML: &str = "text/html; charset=utf-8";
pub(super) const CSS: &str = "text/css; charset=utf-8";
pub(super) const SCRIPT: &str = "text/javascript; charset=utf-8";
pub(super) const SVG: &str = "image/svg+xml";
const TEXT: &str = "text/plain; charset=utf-8";

/// The name does not change with the content: browsers ask each time, and mostly get 304.
pub(super) const REVALIDATED: &str = "no-cache";
/// The name has the version in it.
const IMMUTABLE: &str = "public, max-age=31536000, immutable";

/// Nothing but this server's own files runs on the page. `ws:` and `wss:` are there for browsers in which `'self'` does
/// not cover WebSockets, and `frame-src` for SockJS's iframes.
const POLICY: &str = "default-src 'self'; script-src 'self'; style-src 'self'; connect-src 'self' ws: wss:; \
     frame-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'self'; frame-ancestors 'self'";

/// A row for a file below static/ that is served under the same path.
macro_rules! file {
    ($name:literal, $content_type:expr, $cache_control:expr) => {
        Asset::new(
            concat!("/static/", $name),
            $content_type,
            $cache_control,
            Bytes::from_static(include_bytes!(concat!("../../static/", $name))),
        )
    };
}

/// Every file of the demo page; a test compares the table with the folder.
pub(super) fn assets() -> Vec<Asset> {
    vec![
        Asset::new("/", HTML, REVALIDATED, index_page()),
        file!("colours.css", CSS, REVALIDATED),
        file!("demo.css", CSS, REVALIDATED),
        file!("demo.js", SCRIPT, REVALIDATED),
        file!("demo/chat.js", SCRIPT, REVALIDATED),
        file!("demo/console.js", SCRIPT, REVALIDATED),
        file!("demo/ending.js", SCRIPT, REVALIDATED),
        file!("demo/endings.js", SCRIPT, REVALIDATED),
        file!("demo/format.js", SCRIPT, REVALIDATED),
        file!("demo/frames.js", SCRIPT, REVALIDATED),
        file!("demo/link.js", SCRIPT, REVALIDATED),
        file!("demo/map.js", SCRIPT, REVALIDATED),
        file!("demo/page.js", SCRIPT, REVALIDATED),
        file!("demo/stomp.js", SCRIPT, REVALIDATED),
        file!("demo/transports.js", SCRIPT, REVALIDATED),
        file!("demo/vitals.js", SCRIPT, REVALIDATED),
        file!("favicon.svg", SVG, REVALIDATED),
        file!("sockjs-1.6.1.min.js", SCRIPT, IMMUTABLE),
        file!("sockjs-client.LICENSE", TEXT, REVALIDATED),
        file!("stomp-7.5.0.umd.min.js", SCRIPT, IMMUTABLE),
        file!("stompjs.LICENSE", TEXT, REVALIDATED),
    ]
}

/// The page, which shows the version in its footer.
fn index_page() -> Bytes {
    let empty = "<meta name=\"byway-version\" content=\"\">";
    let filled = concat!("<meta name=\"byway-version\" content=\"", env!("CARGO_PKG_VERSION"), "\">");
    include_str!("../../static/index.html").replacen(empty, filled, 1).into()
}

impl Asset {
    pub(super) fn new(
        path: &'static str,
        content_type: &'static str,
        cache_control: &'static str,
        body: Bytes,
    ) -> Self {
        let tag = format!("\"{}\"", BASE64_URL_SAFE_NO_PAD.encode(Sha1::digest(&body)));
        Self { path, content_type, cache_control, body, tag, policy: POLICY }
    }

    /// The same under another Content-Security-Policy.
    pub(super) fn under(self, policy: &'static str) -> Self {
        Self { policy, ..self }
    }
}

impl Endpoint for Asset {
    type Output = Response;

    async fn call(&self, request: Request) -> Result<Response> {
        let response = Response::builder()
            .header(header::ETAG, &self.tag)
            .header(header::CACHE_CONTROL, self.cache_control)
            .header(header::CONTENT_SECURITY_POLICY, self.policy)
            .header(header::X_CONTENT_TYPE_OPTIONS, "nosniff")
            .header(header::REFERRER_POLICY, "same-origin");
        Ok(match fields::knows_tag(request.headers(), &self.tag) {
            true => response.status(StatusCode::NOT_MODIFIED).finish(),
            false => response.content_type(self.content_type).body(self.body.clone()),
        })
    }
}

/// All files in a folder and in those within it.
#[cfg(test)]
pub(super) fn files_below(folder: &str) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let (folders, files): (Vec<_>, Vec<_>) = entries.partition(|path| path.is_dir());
    let mut names: Vec<_> = files.iter().map(|path| path.to_str().unwrap().to_owned()).collect();
    names.extend(folders.iter().flat_map(|folder| files_below(folder.to_str().unwrap())));
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_of_the_page_is_in_the_table() {
        let root = concat!(env!("CARGO_MANIFEST_DIR"), "/static");
        let mut files = files_below(root);
        // The admin page has a table of its own.
        files.retain(|file| !file.ends_with("README.md") && !file.contains("/static/admin/"));
        let mut on_disk: Vec<_> = files.iter().map(|file| file.replace(root, "/static")).collect();
        on_disk.sort();
        let mut served: Vec<_> = assets().iter().map(|asset| asset.path.to_owned()).collect();
        served.iter_mut().filter(|path| *path == "/").for_each(|path| *path = "/static/index.html".to_owned());
        served.sort();
        assert_eq!(served, on_disk);
    }

    #[test]
    fn the_page_says_its_version() {
        let page = String::from_utf8(index_page().to_vec()).unwrap();
        assert!(page.contains(&format!("<meta name=\"byway-version\" content=\"{}\">", env!("CARGO_PKG_VERSION"))));
    }
}
