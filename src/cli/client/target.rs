use byway::http_client::Server;
use std::fmt;

/// Where a server is, and the path of an endpoint on it.
#[derive(Clone)]
pub struct Target {
    pub server: Server,
    /// Without a slash at its end.
    path: String,
    /// Whether the URL is a WebSocket's own (`ws`, `wss`), and not that of an endpoint with several transports.
    pub is_socket: bool,
    /// Whether the URL is taken as it is, and nothing is below it.
    pub is_whole: bool,
    /// As it is shown.
    url: String,
}

impl Target {
    /// Reads a URL with `http`, `https`, `ws` or `wss`. A user or a query is refused: both are where secrets get lost.
    pub fn parse(url: &str) -> Result<Self, String> {
        // What is a WebSocket's is asked for by HTTP (RFC 6455 section 4.1).
        let (http, is_socket) = match url.strip_prefix("ws") {
            Some(rest) => (format!("http{rest}"), true),
            None => (url.to_owned(), false),
        };
        let server = Server::anywhere(&http)?;
        if server.query().is_some() {
            return Err("expected one without a query".to_owned());
        }
        let path = server.path().trim_end_matches('/').to_owned();
        Ok(Self { server, path, is_socket, is_whole: false, url: url.to_owned() })
    }

    /// Reads a URL that is taken as it is: any server's, with `http` or `https`. `{destination}` in it stands for the
    /// destination. Its query may be a secret, and is not shown.
    pub fn as_is(url: &str, destination: &str) -> Result<Self, String> {
        let url = url.replace(PLACE, &encoded(destination));
        let server = Server::anywhere(&url)?;
        let path = server.path().to_owned();
        let shown = url.split('?').next().unwrap_or_default().to_owned();
        Ok(Self { server, path, is_socket: false, is_whole: true, url: shown })
    }

    /// The path and query of a URL that is taken as it is.
    pub fn whole(&self) -> String {
        match self.server.query() {
            Some(query) => format!("{}?{query}", self.path),
            None => self.path.clone(),
        }
    }

    /// The path of what is below the endpoint.
    pub fn below(&self, path: &str) -> String {
        format!("{}{path}", self.path)
    }

    /// The path of a plain WebSocket: the URL's own, or where SockJS has it.
    pub fn socket_path(&self) -> String {
        match self.is_socket {
            true if self.path.is_empty() => "/".to_owned(),
            true => self.path.clone(),
            false => self.below("/websocket"),
        }
    }
}

/// What stands for the destination in a URL that is taken as it is.
const PLACE: &str = "{destination}";

/// Text for a path or a query: both may have slashes (RFC 3986, sections 3.3 and 3.4), and many servers want them there.
fn encoded(text: &str) -> String {
    let encoded: String = form_urlencoded::byte_serialize(text.as_bytes()).collect();
    encoded.replace('+', "%20").replace("%2F", "/")
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.url)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_says_how_an_endpoint_and_a_plain_websocket_are_reached() {
        let target = Target::parse("http://[::1]:81/stomp/").unwrap();
        assert_eq!((target.server.host(), target.is_socket), ("::1", false));
        assert_eq!(
            (target.below("/info").as_str(), target.socket_path().as_str()),
            ("/stomp/info", "/stomp/websocket")
        );
        assert_eq!(Target::parse("ws://mq.example/ws").unwrap().socket_path(), "/ws");
        assert_eq!(Target::parse("ws://localhost:1").unwrap().socket_path(), "/");
    }

    #[test]
    fn a_url_that_is_taken_as_it_is_names_the_destination_and_shows_no_query() {
        let target =
            Target::as_is("http://localhost/sub{destination}/?t=canary&d={destination}", "/a b/+&\u{f6}").unwrap();
        assert_eq!(target.whole(), "/sub/a%20b/%2B%26%C3%B6/?t=canary&d=/a%20b/%2B%26%C3%B6");
        assert_eq!(target.to_string(), "http://localhost/sub/a%20b/%2B%26%C3%B6/");
        for bad in ["", "ws://localhost/", "http://a:b@localhost/", "http://local host/"] {
            assert!(Target::as_is(bad, "").is_err(), "{bad}");
        }
    }

    #[test]
    fn a_user_a_query_and_other_schemes_are_refused() {
        for bad in ["", "x", "/x", "ftp://x", "http://a:b@x/", "http://x/?token=y", "wsx://x/"] {
            assert!(Target::parse(bad).is_err(), "{bad}");
        }
    }
}
