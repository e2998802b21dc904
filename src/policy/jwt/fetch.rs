//! One GET of one small document: the only thing that is fetched. No redirects, no proxies, no cookies, no HTTP/2; hyper
//! and rustls, which are here anyway, do the rest. The URL is the operator's, and nothing in a token can change it.

use bytes::Bytes;
use http::header::{ACCEPT, HOST, USER_AGENT};
use http::{Request, StatusCode, Uri};
use http_body_util::{BodyExt, Empty, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use std::fmt;
use std::future::pending;
use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

/// The largest document in bytes.
const MAX_BYTES: usize = 256 * 1024;

/// How long it may take from the name's look-up to the last byte.
const TIMEOUT: Duration = Duration::from_secs(5);

/// Where a document is.
#[derive(Clone)]
pub(super) struct Source {
    host: String,
    port: u16,
    target: String,
    tls: Option<Tls>,
    timeout: Duration,
}

#[derive(Clone)]
struct Tls {
    connector: TlsConnector,
    name: ServerName<'static>,
}

/// The query may be a secret of the operator's.
impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.host, self.port)
    }
}

impl Source {
    /// Checks a URL: https, or http on this machine. Reads the machine's trusted certificates for https; `SSL_CERT_FILE`
    /// and `SSL_CERT_DIR` name others.
    pub fn new(url: &str) -> Result<Self, String> {
        let mut source = Self::plain(url)?;
        let is_https = url.get(..6).is_some_and(|scheme| scheme.eq_ignore_ascii_case("https:"));
        match is_https {
            true => source.tls = Some(Tls::new(&source.host, trusted_certificates()?)?),
            false if is_this_machine(&source.host) => {}
            false => return Err("expected https://; keys that come without it can be anybody's".to_owned()),
        }
        Ok(source)
    }

    fn plain(url: &str) -> Result<Self, String> {
        let malformed = || "expected a URL, such as \"https://id.example.com/.well-known/jwks.json\"".to_owned();
        let uri: Uri = url.parse().map_err(|_| malformed())?;
        let default_port = match uri.scheme_str() {
            Some("https") => 443,
            Some("http") => 80,
            _ => return Err(malformed()),
        };
        let authority = uri.authority().ok_or_else(malformed)?;
        if authority.as_str().contains('@') {
            return Err("expected a URL without a user and a password".to_owned());
        }
        let host = authority.host().trim_start_matches('[').trim_end_matches(']').to_owned();
        let target = uri.path_and_query().map_or("/", |target| target.as_str()).to_owned();
        Ok(Self { host, port: authority.port_u16().unwrap_or(default_port), target, tls: None, timeout: TIMEOUT })
    }

    /// The document. Ends after 5 s at the latest, and takes 256 KiB at the most.
    pub async fn get(&self) -> io::Result<Bytes> {
        let late = |_| io::Error::new(io::ErrorKind::TimedOut, "took too long");
        timeout(self.timeout, self.connect_and_get()).await.map_err(late)?
    }

    async fn connect_and_get(&self) -> io::Result<Bytes> {
        let stream = TcpStream::connect((self.host.as_str(), self.port)).await?;
        match &self.tls {
            None => self.exchange(stream).await,
            Some(tls) => self.exchange(tls.connector.connect(tls.name.clone(), stream).await?).await,
        }
    }

    async fn exchange(&self, stream: impl AsyncRead + AsyncWrite + Unpin) -> io::Result<Bytes> {
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(io::Error::other)?;
        let answer = async {
            let response = sender.send_request(self.request()?).await.map_err(io::Error::other)?;
            if response.status() != StatusCode::OK {
                return Err(io::Error::other(format!("answered {}", response.status())));
            }
            let body = Limited::new(response.into_body(), MAX_BYTES).collect().await;
            body.map(|body| body.to_bytes()).map_err(io::Error::other)
        };
        // The connection has to be driven until the answer is complete; what it ends with, the answer says too.
        tokio::select! {
            answer = answer => answer,
            never = async { connection.await.ok(); pending().await } => never,
        }
    }

    fn request(&self) -> io::Result<Request<Empty<Bytes>>> {
        let host = if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.clone() };
        Request::get(&self.target)
            .header(HOST, format!("{host}:{}", self.port))
            .header(ACCEPT, "application/json")
            .header(USER_AGENT, concat!("byway/", env!("CARGO_PKG_VERSION")))
            .body(Empty::new())
            .map_err(io::Error::other)
    }
}

impl Tls {
    fn new(host: &str, roots: RootCertStore) -> Result<Self, String> {
        let name = ServerName::try_from(host.to_owned()).map_err(|_| "has a host that TLS cannot name".to_owned())?;
        let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|error| format!("cannot be fetched over TLS: {error}"))?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(Self { connector: TlsConnector::from(Arc::new(config)), name })
    }
}

fn trusted_certificates() -> Result<RootCertStore, String> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    match roots.is_empty() {
        true => Err("needs trusted certificates, and this machine has none (SSL_CERT_FILE names a file)".to_owned()),
        false => Ok(roots),
    }
}

fn is_this_machine(host: &str) -> bool {
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
impl Source {
    /// Over TLS, with these certificates trusted alone.
    pub fn trusting(url: &str, roots: RootCertStore) -> Self {
        let mut source = Self::plain(url).unwrap();
        source.tls = Some(Tls::new(&source.host, roots).unwrap());
        source
    }

    /// With less patience.
    pub fn within(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_https_and_this_machine_are_fetched_from() {
        for good in ["http://127.0.0.1:1/jwks", "http://localhost/x", "http://[::1]:8080/x?y=z"] {
            assert!(Source::new(good).is_ok(), "{good}");
        }
        for bad in ["http://example.com/", "http://10.0.0.1/", "http://localhost.evil.com/", "file:///etc/passwd"] {
            assert!(Source::new(bad).is_err(), "{bad}");
        }
        for bad in ["", "/jwks", "ftp://localhost/", "http://", "http://user:pass@localhost/", "localhost:80"] {
            assert!(Source::new(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn what_a_source_shows_of_itself_has_no_query() {
        let source = Source::new("http://localhost:8080/keys?code=canary").unwrap();
        assert_eq!(format!("{source:?}"), "localhost:8080");
    }
}
