use http::Uri;
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

/// Where a server is, and the path of an endpoint on it.
#[derive(Clone)]
pub struct Target {
    /// What stands between the slashes, for the `Host` header.
    pub authority: String,
    pub host: String,
    pub port: u16,
    /// Without a slash at its end.
    pub path: String,
    /// Whether the URL is a WebSocket's own (`ws`, `wss`), and not that of an endpoint with several transports.
    pub is_socket: bool,
    pub(super) tls: Option<Tls>,
}

#[derive(Clone)]
pub(super) struct Tls {
    pub(super) connector: TlsConnector,
    pub(super) name: ServerName<'static>,
}

impl Target {
    /// Reads a URL with `http`, `https`, `ws` or `wss`. A user or a query is refused: both are where secrets get lost.
    pub fn parse(url: &str) -> Result<Self, String> {
        let malformed =
            || "--url: expected one such as \"http://127.0.0.1:8080/stomp\", without a user and a query".to_owned();
        let uri: Uri = url.parse().map_err(|_| malformed())?;
        let (is_tls, is_socket) = match uri.scheme_str() {
            Some("http") => (false, false),
            Some("https") => (true, false),
            Some("ws") => (false, true),
            Some("wss") => (true, true),
            _ => return Err(malformed()),
        };
        let authority = uri.authority().filter(|authority| !authority.as_str().contains('@')).ok_or_else(malformed)?;
        if uri.query().is_some() {
            return Err(malformed());
        }
        let host = authority.host().trim_start_matches('[').trim_end_matches(']').to_owned();
        Ok(Self {
            authority: authority.to_string(),
            port: authority.port_u16().unwrap_or(if is_tls { 443 } else { 80 }),
            path: uri.path().trim_end_matches('/').to_owned(),
            tls: is_tls.then(|| Tls::new(&host)).transpose()?,
            host,
            is_socket,
        })
    }

    /// Whether it is this machine, by a name that cannot be another one's.
    pub fn is_here(&self) -> bool {
        self.host == "localhost" || self.host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
    }

    /// Whether what goes there can be read on its way.
    pub fn is_private(&self) -> bool {
        self.tls.is_some() || self.is_here()
    }

    /// The same server for another connection, with what is next to the endpoint's path.
    pub fn below(&self, path: &str) -> String {
        format!("{}{path}", self.path)
    }

    /// The target of a plain WebSocket: the URL's own, or where SockJS has it.
    pub fn socket_path(&self) -> String {
        match self.is_socket {
            true if self.path.is_empty() => "/".to_owned(),
            true => self.path.clone(),
            false => self.below("/websocket"),
        }
    }
}

impl Tls {
    fn new(host: &str) -> Result<Self, String> {
        let name = ServerName::try_from(host.to_owned()).map_err(|_| "--url: TLS cannot name this host".to_owned())?;
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|error| format!("cannot speak TLS: {error}"))?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(Self { connector: TlsConnector::from(Arc::new(config)), name })
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = match (self.is_socket, self.tls.is_some()) {
            (false, false) => "http",
            (false, true) => "https",
            (true, false) => "ws",
            (true, true) => "wss",
        };
        write!(f, "{scheme}://{}{}", self.authority, self.path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_says_where_it_is_and_how_a_plain_websocket_is_reached() {
        let target = Target::parse("http://[::1]:81/stomp/").unwrap();
        assert_eq!((target.host.as_str(), target.port, target.authority.as_str()), ("::1", 81, "[::1]:81"));
        assert_eq!(
            (target.below("/info").as_str(), target.socket_path().as_str()),
            ("/stomp/info", "/stomp/websocket")
        );
        let target = Target::parse("wss://mq.example/ws").unwrap();
        assert_eq!((target.port, target.socket_path().as_str()), (443, "/ws"));
        assert_eq!(Target::parse("ws://localhost:1").unwrap().socket_path(), "/");
    }

    #[test]
    fn a_user_a_query_and_other_schemes_are_refused() {
        for bad in ["", "x", "/x", "ftp://x", "http://a:b@x/", "http://x/?token=y"] {
            assert!(Target::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn only_names_that_cannot_be_anothers_are_here() {
        for (url, here, private) in [
            ("http://127.8.8.8/", true, true),
            ("http://localhost/", true, true),
            ("ws://[::1]/", true, true),
            ("http://10.0.0.1/", false, false),
            ("http://localhost.example/", false, false),
            ("https://example.com/", false, true),
        ] {
            let target = Target::parse(url).unwrap();
            assert_eq!((target.is_here(), target.is_private()), (here, private), "{url}");
        }
    }
}
