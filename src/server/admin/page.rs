//! The page's files, compiled in.

use crate::server::assets::{Asset, CSS, HTML, REVALIDATED, SCRIPT, SVG};
use bytes::Bytes;
use http::{StatusCode, header};
use poem::{Response, handler};

/// Nothing but these files runs on the page, nothing frames it, and it asks nobody but this server.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; \
     base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// A row for a file below static/admin/ that is served below the page.
macro_rules! file {
    ($name:literal, $content_type:expr) => {
        file!(concat!("/admin/", $name), $name, $content_type)
    };
    ($path:expr, $name:literal, $content_type:expr) => {
        Asset::new(
            $path,
            $content_type,
            REVALIDATED,
            Bytes::from_static(include_bytes!(concat!("../../../static/admin/", $name))),
        )
        .under(POLICY)
    };
}

/// Every file of the page, and the colours that it shares with the demo; a test compares the table with the folder.
pub(super) fn assets() -> Vec<Asset> {
    vec![
        file!("/admin", "index.html", HTML),
        file!("admin.css", CSS),
        file!("admin.js", SCRIPT),
        file!("api.js", SCRIPT),
        file!("charts.js", SCRIPT),
        file!("/admin/colours.css", "../colours.css", CSS),
        file!("confirm.js", SCRIPT),
        file!("destinations.js", SCRIPT),
        file!("dom.js", SCRIPT),
        file!("feed.js", SCRIPT),
        file!("format.js", SCRIPT),
        file!("history.js", SCRIPT),
        file!("icon.svg", SVG),
        file!("limits.js", SCRIPT),
        file!("message.js", SCRIPT),
        file!("overview.js", SCRIPT),
        file!("samples.js", SCRIPT),
        file!("session.js", SCRIPT),
        file!("sessions.js", SCRIPT),
        file!("table.js", SCRIPT),
        file!("visible.js", SCRIPT),
    ]
}

/// The page's own links are relative, and would miss from here. So is this one: a proxy may have put the page elsewhere.
#[handler]
pub(super) fn to_page() -> Response {
    Response::builder().status(StatusCode::PERMANENT_REDIRECT).header(header::LOCATION, "../admin").finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::assets::files_below;

    #[test]
    fn every_file_of_the_page_is_in_the_table() {
        let root = concat!(env!("CARGO_MANIFEST_DIR"), "/static/admin");
        let mut on_disk: Vec<_> = files_below(root).iter().map(|file| file.replace(root, "/admin")).collect();
        on_disk.push("/admin/colours.css".to_owned());
        on_disk.sort();
        let mut served: Vec<_> = assets().iter().map(|asset| asset.path.to_owned()).collect();
        served.iter_mut().filter(|path| *path == "/admin").for_each(|path| *path = "/admin/index.html".to_owned());
        served.sort();
        assert_eq!(served, on_disk);
    }

    /// What a page may not have under its policy would be missing from it.
    #[test]
    fn the_page_has_no_scripts_or_styles_within_and_nothing_from_elsewhere() {
        let page = include_str!("../../../static/admin/index.html");
        for wrong in ["<style", " style=", " onclick=", "http://", "https://", "src=\"//"] {
            assert!(!page.contains(wrong), "{wrong}");
        }
    }
}
