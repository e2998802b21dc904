//! How each HTTP transport wraps a frame, and what it sends ahead of the first one.

use super::escape::push_json_string;
use bytes::Bytes;

/// The wrapping of one HTTP transport.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Envelope {
    /// `xhr` and `xhr_streaming`: the frame and a newline.
    Xhr,
    /// `eventsource`: the frame as the data of one server-sent event.
    EventSource,
    /// `htmlfile`: the frame as an argument of a script's call in an endless page.
    HtmlFile,
    /// `jsonp`: the frame as the argument of the client's callback.
    Jsonp {
        /// The callback's name, checked by [`super::callback`].
        callback: String,
    },
}

impl Envelope {
    /// Wraps `frame` (`o`, `h`, `a[...]` or `c[...]`).
    pub fn wrap(&self, frame: &str) -> Bytes {
        match self {
            Self::Xhr => format!("{frame}\n"),
            Self::EventSource => format!("data: {}\r\n\r\n", escape_percent(frame)),
            Self::HtmlFile => format!("<script>\np({});\n</script>\r\n", js_string(frame)),
            Self::Jsonp { callback } => format!("/**/{callback}({});\r\n", js_string(frame)),
        }
        .into()
    }
}

/// sockjs-client runs `decodeURI` over the data of an event: a bare `%` throws there, and the message is lost.
fn escape_percent(frame: &str) -> String {
    frame.replace('%', "%25")
}

/// A JavaScript string literal that cannot end the script that it stands in: every `<` is escaped.
///
/// sockjs-node leaves `<` alone, so that a message with `</script>` breaks the page and runs what follows.
fn js_string(frame: &str) -> String {
    let mut out = String::new();
    push_json_string(&mut out, frame);
    out.replace('<', "\\u003c")
}

/// Ahead of `xhr_streaming`: enough bytes to make browsers and proxies hand over what follows.
pub fn xhr_streaming_prelude() -> Bytes {
    let mut prelude = "h".repeat(2048);
    prelude.push('\n');
    prelude.into()
}

/// Ahead of `eventsource`.
pub const EVENTSOURCE_PRELUDE: &str = "\r\n";

/// Ahead of `htmlfile`: a page that calls `parent.<callback>`, padded past the 1,024 bytes that browsers hold back.
pub fn htmlfile_prelude(callback: &str) -> Bytes {
    let page = HTMLFILE_PAGE.replace("{callback}", callback);
    let padding = " ".repeat(1024_usize.saturating_sub(page.len()) + 14);
    format!("{page}{padding}\r\n\r\n").into()
}

const HTMLFILE_PAGE: &str = r#"<!doctype html>
<html><head>
  <meta http-equiv="X-UA-Compatible" content="IE=edge" />
  <meta http-equiv="Content-Type" content="text/html; charset=UTF-8" />
</head><body><h2>Don't panic!</h2>
  <script>
    document.domain = document.domain;
    var c = parent.{callback};
    c.start();
    function p(d) {c.message(d);};
    window.onload = function() {c.stop();};
  </script>"#;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_transport_wraps_a_frame_byte_for_byte() {
        let jsonp = Envelope::Jsonp { callback: "_jp.a1".into() };
        assert_eq!(Envelope::Xhr.wrap("o"), "o\n");
        assert_eq!(Envelope::EventSource.wrap("a[\"5%\"]"), "data: a[\"5%25\"]\r\n\r\n");
        assert_eq!(Envelope::HtmlFile.wrap("a[\"x\"]"), "<script>\np(\"a[\\\"x\\\"]\");\n</script>\r\n");
        assert_eq!(jsonp.wrap("o"), "/**/_jp.a1(\"o\");\r\n");
    }

    #[test]
    fn a_message_cannot_end_the_script_that_carries_it() {
        let wrapped = Envelope::HtmlFile.wrap("a[\"</script><script>\"]");
        assert_eq!(wrapped, "<script>\np(\"a[\\\"\\u003c/script>\\u003cscript>\\\"]\");\n</script>\r\n");
    }

    #[test]
    fn the_preludes_are_as_long_as_browsers_need() {
        assert_eq!(xhr_streaming_prelude().len(), 2049);
        assert!(htmlfile_prelude("x").len() > 1024);
    }
}
