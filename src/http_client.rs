//! Requests to servers that the operator names: key sets, hooks, the API of another Byway. No redirects, no proxies, no
//! cookies, no HTTP/2; hyper and rustls, which are here anyway, do the rest.

use bytes::Bytes;
use http::header::{HOST, USER_AGENT};
use http::{Method, Request, Response, Uri, request};
use http_body_util::{BodyExt, Full, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use socket2::{SockRef, TcpKeepalive};
use std::fmt;
use std::future::pending;
use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::rustls::{self, ClientConfig, RootCertStore};

/// Where requests go, and how: over TLS, or not beyond this machine.
#[derive(Clone)]
pub struct Server {
    host: String,
    port: u16,
    path: String,
    query: Option<String>,
    tls: Option<Tls>,
}

#[derive(Clone)]
struct Tls {
    connector: TlsConnector,
    name: ServerName<'static>,
}

/// A machine that has vanished says nothing more: after so long a silence it is asked whether it is there (RFC 9293, section
/// 3.8.4), again and again, and the connection fails when it stays silent. That is some two minutes on Linux.
const PROBE_AFTER: Duration = Duration::from_secs(30);
const PROBE_EVERY: Duration = Duration::from_secs(10);

/// A connection to a [`Server`].
pub trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}

impl<T: AsyncRead + AsyncWrite + Unpin + Send> Stream for T {}

/// The query may be a secret of the operator's.
impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.authority())
    }
}

impl Server {
    /// Checks a URL: https, or http on this machine. Reads the machine's trusted certificates for https; `SSL_CERT_FILE`
    /// and `SSL_CERT_DIR` name others. The error is text for the operator, and repeats nothing of the URL.
    pub fn parse(url: &str) -> Result<Self, String> {
        let server = Self::anywhere(url)?;
        match server.is_private() {
            true => Ok(server),
            false => Err("expected https://; what goes without it can be read and changed on its way".to_owned()),
        }
    }

    /// The same with http to other machines too: for callers who send no secret there, ask
    /// [`is_private`](Self::is_private) before, or were told to by name.
    pub fn anywhere(url: &str) -> Result<Self, String> {
        let mut server = Self::plain(url)?;
        if url.get(..6).is_some_and(|scheme| scheme.eq_ignore_ascii_case("https:")) {
            server.tls = Some(Tls::new(&server.host, trusted_certificates()?)?);
        }
        Ok(server)
    }

    /// The same, with these certificates trusted alone, and always over TLS.
    pub fn trusting(url: &str, roots: RootCertStore) -> Result<Self, String> {
        let mut server = Self::plain(url)?;
        server.tls = Some(Tls::new(&server.host, roots)?);
        Ok(server)
    }

    fn plain(url: &str) -> Result<Self, String> {
        let malformed = || "expected a URL, such as \"https://example.com/path\"".to_owned();
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
        let port = authority.port_u16().unwrap_or(default_port);
        Ok(Self { host, port, path: uri.path().to_owned(), query: uri.query().map(str::to_owned), tls: None })
    }

    /// The URL's host, an IPv6 address without brackets.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Whether it is this machine, by a name that cannot be another one's.
    pub fn is_here(&self) -> bool {
        self.host == "localhost" || self.host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
    }

    /// Whether nobody on the way can read or change what goes there.
    pub fn is_private(&self) -> bool {
        self.tls.is_some() || self.is_here()
    }

    /// The URL's path; "/" where it had none.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The URL's query.
    pub fn query(&self) -> Option<&str> {
        self.query.as_deref()
    }

    /// A request for a path and query of this server.
    pub fn request(&self, method: Method, target: &str) -> request::Builder {
        Request::builder()
            .method(method)
            .uri(target)
            .header(HOST, self.authority())
            .header(USER_AGENT, concat!("byway/", env!("CARGO_PKG_VERSION")))
    }

    /// Opens a connection. Takes as long as the network does: callers set the limit.
    pub async fn connect(&self) -> io::Result<Box<dyn Stream>> {
        let stream = self.tcp().await?;
        Ok(match &self.tls {
            None => Box::new(stream),
            Some(tls) => Box::new(tls.connector.connect(tls.name.clone(), stream).await.map_err(plainly)?),
        })
    }

    async fn tcp(&self) -> io::Result<TcpStream> {
        let stream = TcpStream::connect((self.host.as_str(), self.port)).await?;
        stream.set_nodelay(true)?;
        SockRef::from(&stream)
            .set_tcp_keepalive(&TcpKeepalive::new().with_time(PROBE_AFTER).with_interval(PROBE_EVERY))?;
        Ok(stream)
    }

    /// Sends one request over a connection of its own, and takes an answer whose body has at most so many bytes. Takes as
    /// long as the server does: callers set the limit.
    pub async fn exchange(&self, request: Request<Full<Bytes>>, max_bytes: usize) -> io::Result<Response<Bytes>> {
        let stream = TokioIo::new(self.connect().await?);
        let (mut sender, connection) = http1::handshake(stream).await.map_err(io::Error::other)?;
        let answer = async {
            let (head, body) = sender.send_request(request).await.map_err(io::Error::other)?.into_parts();
            let body = Limited::new(body, max_bytes).collect().await.map_err(io::Error::other)?;
            Ok(Response::from_parts(head, body.to_bytes()))
        };
        // The connection has to be driven until the answer is complete; what it ends with, the answer says too.
        tokio::select! {
            answer = answer => answer,
            never = async { connection.await.ok(); pending().await } => never,
        }
    }

    /// As it stands in `Host`: with the port, and an IPv6 address in brackets.
    fn authority(&self) -> String {
        match self.host.contains(':') {
            true => format!("[{}]:{}", self.host, self.port),
            false => format!("{}:{}", self.host, self.port),
        }
    }
}

impl Tls {
    fn new(host: &str, roots: RootCertStore) -> Result<Self, String> {
        let name = ServerName::try_from(host.to_owned()).map_err(|_| "has a host that TLS cannot name".to_owned())?;
        let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|error| format!("cannot be reached over TLS: {error}"))?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(Self { connector: TlsConnector::from(Arc::new(config)), name })
    }
}

/// What rustls says of a server that answers in plain HTTP helps nobody to see that the URL is wrong.
fn plainly(error: io::Error) -> io::Error {
    let cause = error.get_ref().and_then(|cause| cause.downcast_ref());
    match cause {
        Some(rustls::Error::InvalidMessage(_)) => {
            io::Error::new(error.kind(), "the server does not speak TLS there; is https:// right?")
        }
        _ => error,
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

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::AsyncWriteExt;

    #[test]
    fn only_https_and_this_machine_are_asked() {
        for good in ["http://127.0.0.1:1/jwks", "http://localhost/x", "http://[::1]:8080/x?y=z"] {
            assert!(Server::parse(good).is_ok(), "{good}");
        }
        for bad in ["http://example.com/", "http://10.0.0.1/", "http://localhost.evil.com/", "file:///etc/passwd"] {
            assert!(Server::parse(bad).is_err(), "{bad}");
        }
        for bad in ["", "/jwks", "ftp://localhost/", "http://", "http://user:pass@localhost/", "localhost:80"] {
            assert!(Server::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn other_machines_are_asked_without_tls_only_by_who_says_so_and_are_not_private() {
        let server = Server::anywhere("http://10.0.0.1:8080/x").unwrap();
        assert_eq!((server.host(), server.is_here(), server.is_private()), ("10.0.0.1", false, false));
        let server = Server::anywhere("http://[::1]/").unwrap();
        assert_eq!((server.host(), server.is_here(), server.is_private()), ("::1", true, true));
        assert!(!Server::anywhere("http://localhost.example/").unwrap().is_here());
    }

    #[test]
    fn what_a_server_shows_of_itself_has_no_query() {
        let server = Server::parse("http://localhost:8080/keys?code=canary").unwrap();
        assert_eq!(format!("{server:?}"), "localhost:8080");
    }

    #[tokio::test]
    async fn a_machine_that_vanishes_is_missed() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let server = Server::parse(&format!("http://{}", listener.local_addr().unwrap())).unwrap();
        let stream = server.tcp().await.unwrap();
        assert!(SockRef::from(&stream).keepalive().unwrap());
    }

    #[tokio::test]
    async fn a_server_without_tls_is_called_that() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("https://{}/", listener.local_addr().unwrap());
        let server = Server::trusting(&url, RootCertStore::empty()).unwrap();
        let plain = async {
            let (mut stream, _) = listener.accept().await.unwrap();
            stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await.unwrap();
            stream
        };
        let (connected, _stream) = tokio::join!(server.connect(), plain);
        assert!(connected.err().unwrap().to_string().contains("does not speak TLS"));
    }

    #[test]
    fn a_request_names_its_host_with_the_port() {
        let host = |url| {
            let request = Server::parse(url).unwrap().request(Method::GET, "/").body(()).unwrap();
            request.headers()[HOST].to_str().unwrap().to_owned()
        };
        assert_eq!(host("http://[::1]/x"), "[::1]:80");
        assert_eq!(host("http://localhost:8080"), "localhost:8080");
    }
}
