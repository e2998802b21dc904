//! Connections, requests and upgrades.

use super::{Failure, MAX_MESSAGE, Target};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use byway::protocol::websocket::handshake::accept_key;
use http::header::{
    CONNECTION, CONTENT_TYPE, HeaderMap, RETRY_AFTER, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_PROTOCOL,
    SEC_WEBSOCKET_VERSION, UPGRADE,
};
use http::{HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::client::conn::http1::{self, SendRequest};
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinHandle;

/// One connection at a time, for one request after the other.
pub struct Http {
    target: Arc<Target>,
    /// Goes with every request.
    headers: HeaderMap,
    connection: Option<Connection>,
}

struct Connection {
    requests: SendRequest<Full<Bytes>>,
    driver: JoinHandle<()>,
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

impl Connection {
    async fn open(target: &Target) -> Result<Self, Failure> {
        let (requests, connection) = http1::handshake(TokioIo::new(target.server.connect().await?)).await?;
        // What it ends with, the requests are told too.
        let driver = tokio::spawn(async { connection.with_upgrades().await.unwrap_or_default() });
        Ok(Self { requests, driver })
    }
}

impl Http {
    pub fn new(target: Arc<Target>, headers: HeaderMap) -> Self {
        Self { target, headers, connection: None }
    }

    /// Sends a request and waits for the answer's head; the answer before it has to be read. A connection that the server
    /// has closed meanwhile is opened anew.
    pub async fn ask(&mut self, method: Method, path: &str, body: Bytes) -> Result<Response<Incoming>, Failure> {
        let request = self.request(method, path, body)?;
        self.send(request).await
    }

    /// Closes the connection; the next request opens another.
    pub fn disconnect(&mut self) {
        self.connection = None;
    }

    async fn send(&mut self, request: Request<Full<Bytes>>) -> Result<Response<Incoming>, Failure> {
        let live = match &mut self.connection {
            Some(connection) => connection.requests.ready().await.is_ok(),
            None => false,
        };
        if !live {
            self.connection = Some(Connection::open(&self.target).await?);
        }
        match &mut self.connection {
            Some(connection) => Ok(connection.requests.send_request(request).await?),
            None => Err(Failure::passing("no connection")),
        }
    }

    fn request(&self, method: Method, path: &str, body: Bytes) -> Result<Request<Full<Bytes>>, Failure> {
        let mut request = self.target.server.request(method.clone(), path);
        if method == Method::POST {
            request = request.header(CONTENT_TYPE, "text/plain;charset=UTF-8");
        }
        let mut request = request.body(Full::new(body)).map_err(Failure::refused)?;
        request.headers_mut().extend(self.headers.clone());
        Ok(request)
    }

    /// Opens a WebSocket (RFC 6455 section 4.1) and gives the connection away.
    pub async fn upgrade(
        mut self,
        path: &str,
        subprotocols: Option<&'static str>,
    ) -> Result<TokioIo<Upgraded>, Failure> {
        let key = STANDARD.encode(random::<16>()?);
        let mut request = self.request(Method::GET, path, Bytes::new())?;
        let headers = request.headers_mut();
        headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
        headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
        headers.insert(SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13"));
        headers.insert(SEC_WEBSOCKET_KEY, HeaderValue::try_from(&key).map_err(Failure::refused)?);
        if let Some(names) = subprotocols {
            headers.insert(SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(names));
        }
        let response = self.send(request).await?;
        if response.status() != StatusCode::SWITCHING_PROTOCOLS {
            return Err(refusal(response).await);
        }
        let accepted = response.headers().get(SEC_WEBSOCKET_ACCEPT).and_then(|value| value.to_str().ok());
        if accepted.is_none() || accepted != accept_key(&key).as_deref() {
            return Err(Failure::refused("what answers is no WebSocket: Sec-WebSocket-Accept is wrong"));
        }
        Ok(TokioIo::new(hyper::upgrade::on(response).await?))
    }
}

/// The whole body.
pub async fn body(response: Response<Incoming>) -> Result<Bytes, Failure> {
    let body = Limited::new(response.into_body(), MAX_MESSAGE).collect().await.map_err(Failure::passing)?;
    Ok(body.to_bytes())
}

/// What an answer says that is not the one that was asked for.
pub async fn refusal(response: Response<Incoming>) -> Failure {
    let status = response.status();
    let retry_after = retry_after(response.headers());
    let text = body(response).await.unwrap_or_default();
    Failure::status(status, &String::from_utf8_lossy(&text)).after(retry_after)
}

/// RFC 9110 section 10.2.3, where it is a number of seconds; a date would depend on whose clock is right.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    headers.get(RETRY_AFTER)?.to_str().ok()?.parse().ok().map(Duration::from_secs)
}

pub fn random<const N: usize>() -> Result<[u8; N], Failure> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|error| Failure::refused(format!("cannot draw a random number: {error}")))?;
    Ok(bytes)
}
