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
        let server = Server::anywhere(&http).map_err(|error| format!("--url: {error}"))?;
        if server.query().is_some() {
            return Err("--url: expected one without a query".to_owned());
        }
        let path = server.path().trim_end_matches('/').to_owned();
        Ok(Self { server, path, is_socket, url: url.to_owned() })
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
    fn a_user_a_query_and_other_schemes_are_refused() {
        for bad in ["", "x", "/x", "ftp://x", "http://a:b@x/", "http://x/?token=y", "wsx://x/"] {
            assert!(Target::parse(bad).is_err(), "{bad}");
        }
    }
}
