//! The URLs below an endpoint.

/// What a path below the endpoint's prefix asks for.
#[derive(Debug, PartialEq, Eq)]
pub enum SockJsPath<'a> {
    /// The endpoint itself: a greeting, or a plain WebSocket.
    Root,
    /// `/info`
    Info,
    /// `/iframe*.html`
    Iframe,
    /// `/websocket`: a WebSocket without SockJS's frames.
    RawWebSocket,
    /// `/{server}/{session}/{transport}`
    Session {
        /// The id that the client chose. `{server}` is for load balancers and means nothing here.
        session: &'a str,
        /// The transport's name in the URL, not yet looked up.
        transport: &'a str,
    },
}

impl<'a> SockJsPath<'a> {
    /// Reads the raw, undecoded path (`""` or starting with `/`); `None` is a 404 for every method.
    ///
    /// One trailing slash is accepted everywhere; server and session must not be empty, hold no dot and have at most
    /// [`MAX_ID`] bytes.
    pub fn parse(path: &'a str) -> Option<Self> {
        let path = path.strip_prefix('/').unwrap_or(path);
        let path = path.strip_suffix('/').filter(|rest| !rest.is_empty()).unwrap_or(path);
        let mut segments = path.split('/');
        let first = segments.next().unwrap_or_default();
        match (segments.next(), segments.next(), segments.next()) {
            (None, ..) => Self::parse_single(first),
            (Some(session), Some(transport), None) if is_id(first) && is_id(session) && !transport.is_empty() => {
                Some(Self::Session { session, transport })
            }
            _ => None,
        }
    }

    fn parse_single(segment: &str) -> Option<Self> {
        match segment {
            "" => Some(Self::Root),
            "info" => Some(Self::Info),
            "websocket" => Some(Self::RawWebSocket),
            _ if is_iframe(segment) => Some(Self::Iframe),
            _ => None,
        }
    }
}

/// The longest session id in bytes: ids are kept, also of sessions that are gone. sockjs-client's have 8, UUIDs 36.
pub const MAX_ID: usize = 128;

fn is_id(segment: &str) -> bool {
    (1..=MAX_ID).contains(&segment.len()) && !segment.contains('.')
}

/// `iframe`, anything of `[0-9a-z-._]`, `.html`: the middle is a version or a cache buster.
fn is_iframe(segment: &str) -> bool {
    let allowed = |c: char| c.is_ascii_digit() || c.is_ascii_lowercase() || matches!(c, '-' | '.' | '_');
    let middle = segment.strip_prefix("iframe").and_then(|rest| rest.strip_suffix(".html"));
    middle.is_some_and(|middle| middle.chars().all(allowed))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fixed_paths_take_one_trailing_slash_and_no_more() {
        for path in ["", "/"] {
            assert_eq!(SockJsPath::parse(path), Some(SockJsPath::Root));
        }
        assert_eq!(SockJsPath::parse("/info/"), Some(SockJsPath::Info));
        assert_eq!(SockJsPath::parse("/websocket"), Some(SockJsPath::RawWebSocket));
        for path in ["//", "/info//", "/Info", "/websocket/x"] {
            assert_eq!(SockJsPath::parse(path), None, "{path}");
        }
    }

    #[test]
    fn iframe_pages_may_carry_a_lower_case_version() {
        for path in ["/iframe.html", "/iframe-a.html", "/iframe0.1.2-beta_3.html", "/iframe.html/"] {
            assert_eq!(SockJsPath::parse(path), Some(SockJsPath::Iframe), "{path}");
        }
        for path in ["/iframe", "/iframe.htm", "/IFRAME.HTML", "/iframe-A.html", "/iframe%20.html"] {
            assert_eq!(SockJsPath::parse(path), None, "{path}");
        }
    }

    #[test]
    fn session_ids_are_opaque_but_neither_empty_nor_dotted() {
        fn session(path: &str) -> Option<(&str, &str)> {
            match SockJsPath::parse(path) {
                Some(SockJsPath::Session { session, transport }) => Some((session, transport)),
                _ => None,
            }
        }
        assert_eq!(session("/000/a%2e;b/xhr"), Some(("a%2e;b", "xhr")));
        assert_eq!(session("/000/abc/xhr/"), Some(("abc", "xhr")));
        let id = "x".repeat(MAX_ID);
        assert_eq!(session(&format!("/000/{id}/xhr")), Some((&*id, "xhr")));
        assert_eq!(session(&format!("/000/{id}x/xhr")), None);
        for path in
            ["/000//xhr", "//abc/xhr", "/0.0/abc/xhr", "/000/a.b/xhr", "/000/abc", "/000/abc/xhr/x", "/000/abc//"]
        {
            assert_eq!(session(path), None, "{path}");
        }
    }
}
