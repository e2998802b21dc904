//! Reads what SockJS's HTTP transports wrap around frames. Strict: one byte out of place is a panic.

use super::Event;
use byway::Transport;

/// The callback that the tests ask for.
pub const CALLBACK: &str = "_jp.abc123";

/// What a response begins with.
pub fn prelude(transport: Transport) -> String {
    match transport {
        Transport::XhrStreaming => format!("{}\n", "h".repeat(2048)),
        Transport::Eventsource => "\r\n".to_owned(),
        Transport::Htmlfile => htmlfile_prelude(),
        _ => String::new(),
    }
}

fn htmlfile_prelude() -> String {
    let page = format!(
        "<!doctype html>\n<html><head>\n  <meta http-equiv=\"X-UA-Compatible\" content=\"IE=edge\" />\n  \
         <meta http-equiv=\"Content-Type\" content=\"text/html; charset=UTF-8\" />\n</head><body><h2>Don't panic!</h2>\n  \
         <script>\n    document.domain = document.domain;\n    var c = parent.{CALLBACK};\n    c.start();\n    \
         function p(d) {{c.message(d);}};\n    window.onload = function() {{c.stop();}};\n  </script>"
    );
    format!("{page:1038}\r\n\r\n")
}

/// Takes the wrapping off one frame, as the transport's client would.
pub fn unwrap(transport: Transport, wrapped: &str) -> String {
    let between = |before: &str, after: &str| {
        let inner = wrapped.strip_prefix(before).and_then(|rest| rest.strip_suffix(after));
        inner.unwrap_or_else(|| panic!("{wrapped:?} is not wrapped as {transport} does")).to_owned()
    };
    match transport {
        Transport::Xhr | Transport::XhrStreaming => between("", "\n"),
        Transport::Eventsource => decode_uri(&between("data: ", "\r\n\r\n")),
        Transport::Htmlfile => {
            let script = between("<script>\np(", ");\n</script>\r\n");
            assert!(!script.contains('<'), "{script:?} could end its script");
            javascript_string(&script)
        }
        Transport::Jsonp => javascript_string(&between(&format!("/**/{CALLBACK}("), ");\r\n")),
        _ => wrapped.to_owned(),
    }
}

fn javascript_string(literal: &str) -> String {
    serde_json::from_str(literal).unwrap_or_else(|error| panic!("{literal:?} is no string literal: {error}"))
}

/// JavaScript's `decodeURI`, for what can occur: it throws at a bare `%`.
fn decode_uri(text: &str) -> String {
    let mut parts = text.split('%');
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |decoded, part| {
        let rest = part.strip_prefix("25").unwrap_or_else(|| panic!("decodeURI throws at %{part:.9}"));
        decoded + "%" + rest
    })
}

/// Reads `o`, `h`, `a[...]` or `c[...]`.
pub fn parse_frame(frame: &str) -> Vec<Event> {
    match frame.split_at_checked(1) {
        Some(("o", "")) => vec![Event::Open],
        Some(("h", "")) => vec![Event::Heartbeat],
        Some(("a", items)) => {
            let items: Vec<String> = serde_json::from_str(items).unwrap_or_else(|e| panic!("{frame:?}: {e}"));
            assert!(!items.is_empty(), "a[] carries nothing");
            items.into_iter().map(Event::Message).collect()
        }
        Some(("c", ending)) => {
            let (code, reason) = serde_json::from_str(ending).unwrap_or_else(|e| panic!("{frame:?}: {e}"));
            vec![Event::Close(code, reason)]
        }
        _ => panic!("{frame:?} is no frame"),
    }
}
