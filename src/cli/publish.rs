//! `byway publish`

use super::arguments::PublishArguments;
use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE, HOST, HeaderValue};
use http::{Request, StatusCode, Uri};
use http_body_util::{BodyExt, Full, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use std::io::Read;
use std::net::IpAddr;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

/// Where the key is. A command line can be read by everybody on the machine.
const KEY: &str = "BYWAY_API_KEY";

/// How long all of it may take.
const PATIENCE: Duration = Duration::from_secs(15);

/// The largest answer in bytes that is read.
const MAX_ANSWER: usize = 64 * 1024;

/// Publishes; says nothing where that went well.
pub fn publish(arguments: &PublishArguments) -> Result<ExitCode, String> {
    let server = Server::parse(&arguments.url)?;
    let request = request(&server, arguments)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| format!("cannot start: {error}"))?;
    let exchange = async { tokio::time::timeout(PATIENCE, server.exchange(request)).await };
    let answer = runtime.block_on(exchange).unwrap_or_else(|_| Err("took too long".to_owned()));
    match answer.map_err(|error| format!("{}: {error}", arguments.url))? {
        (StatusCode::OK, _) => Ok(ExitCode::SUCCESS),
        (status, body) => Err(complaint(status, &body)),
    }
}

/// What the server says is wrong, or what its status is.
fn complaint(status: StatusCode, body: &[u8]) -> String {
    let problem: Value = serde_json::from_slice(body).unwrap_or_default();
    match problem["detail"].as_str() {
        Some(detail) => format!("{status}: {detail}"),
        None => format!("{status}: no API answers there"),
    }
}

fn request(server: &Server, arguments: &PublishArguments) -> Result<Request<Full<Bytes>>, String> {
    let key = std::env::var(KEY).map_err(|_| format!("{KEY} is missing; expected a key of the server's api.keys"))?;
    let mut key = HeaderValue::try_from(format!("Bearer {key}")).map_err(|_| format!("{KEY}: expected a key"))?;
    key.set_sensitive(true);
    let query = arguments.endpoint.as_ref().map(|name| {
        let name: String = form_urlencoded::byte_serialize(name.as_bytes()).collect();
        format!("?endpoint={name}")
    });
    let target = format!("{}/api/publish{}", server.path, query.unwrap_or_default());
    let request = Request::post(target).header(HOST, &server.authority).header(AUTHORIZATION, key);
    let message = message(arguments)?.to_string();
    let request = request.header(CONTENT_TYPE, "application/json").body(message.into());
    request.map_err(|error| format!("--url: {error}"))
}

fn message(arguments: &PublishArguments) -> Result<Value, String> {
    let text = match arguments.body.as_deref() {
        Some("-") => {
            std::io::read_to_string(std::io::stdin().lock().take(MAX_BODY)).map_err(|e| format!("stdin: {e}"))?
        }
        text => text.unwrap_or_default().to_owned(),
    };
    let mut message = json!({ "destination": arguments.destination, "body": text });
    if arguments.json {
        serde_json::from_str::<Value>(&text).map_err(|error| format!("the text is no JSON: {error}"))?;
        message["headers"] = json!({ "content-type": "application/json" });
    }
    if let Some(user) = &arguments.user {
        message["user"] = json!(user);
    }
    Ok(message)
}

/// More than any server takes unless it is told to.
const MAX_BODY: u64 = 64 * 1024 * 1024;

/// Where the API is.
struct Server {
    authority: String,
    host: String,
    port: u16,
    /// What stands before `/api`.
    path: String,
    tls: bool,
}

impl Server {
    /// A key goes over TLS, or does not leave the machine.
    fn parse(url: &str) -> Result<Self, String> {
        let malformed = || "--url: expected one such as \"https://example.com\", without a user and a query".to_owned();
        let uri: Uri = url.parse().map_err(|_| malformed())?;
        let tls = match uri.scheme_str() {
            Some("https") => true,
            Some("http") => false,
            _ => return Err(malformed()),
        };
        let authority = uri.authority().filter(|authority| !authority.as_str().contains('@')).ok_or_else(malformed)?;
        if uri.query().is_some() {
            return Err(malformed());
        }
        let host = authority.host().trim_start_matches('[').trim_end_matches(']').to_owned();
        if !tls && !is_this_machine(&host) {
            return Err("--url: expected https://, because the key could be read on its way".to_owned());
        }
        let port = authority.port_u16().unwrap_or(if tls { 443 } else { 80 });
        let path = uri.path().trim_end_matches('/').to_owned();
        Ok(Self { authority: authority.to_string(), host, port, path, tls })
    }

    async fn exchange(&self, request: Request<Full<Bytes>>) -> Result<(StatusCode, Bytes), String> {
        let stream = TcpStream::connect((self.host.as_str(), self.port)).await.map_err(|error| error.to_string())?;
        if !self.tls {
            return converse(stream, request).await;
        }
        let name = ServerName::try_from(self.host.clone()).map_err(|error| error.to_string())?;
        let stream = connector()?.connect(name, stream).await.map_err(|error| error.to_string())?;
        converse(stream, request).await
    }
}

async fn converse(
    stream: impl AsyncRead + AsyncWrite + Unpin,
    request: Request<Full<Bytes>>,
) -> Result<(StatusCode, Bytes), String> {
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(|error| error.to_string())?;
    let answer = async {
        let response = sender.send_request(request).await.map_err(|error| error.to_string())?;
        let status = response.status();
        let body = Limited::new(response.into_body(), MAX_ANSWER).collect().await.map_err(|error| error.to_string())?;
        Ok((status, body.to_bytes()))
    };
    // The connection has to be driven until the answer is complete; what it ends with, the answer says too.
    tokio::select! {
        answer = answer => answer,
        never = async { connection.await.ok(); std::future::pending().await } => never,
    }
}

fn connector() -> Result<TlsConnector, String> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(TlsConnector::from(Arc::new(config)))
}

fn is_this_machine(host: &str) -> bool {
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_goes_over_tls_or_does_not_leave_the_machine() {
        for good in ["http://127.0.0.1:8080", "http://[::1]:1/", "http://localhost", "https://example.com/byway/"] {
            assert!(Server::parse(good).is_ok(), "{good}");
        }
        for bad in
            ["", "example.com", "http://example.com", "http://10.0.0.1", "http://localhost.example", "ftp://localhost"]
        {
            assert!(Server::parse(bad).is_err(), "{bad}");
        }
        for bad in ["https://a:b@example.com", "https://example.com/?key=x"] {
            assert!(Server::parse(bad).is_err(), "{bad}");
        }
    }
}
