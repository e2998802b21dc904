//! What stands before every operation: keys, limits, and one form for all that is refused.

use super::counts::ApiCounts;
use super::keys::Keys;
use super::problem::Refusal;
use super::settings::{ApiKeySettings, ApiSettings, Permission};
use crate::model::fields;
use crate::node::now;
use crate::policy::{AddressKey, ConnectFailures, TrustedProxies};
use crate::transport::{BodyError, client_address, read_body};
use bytes::Bytes;
use http::{HeaderValue, StatusCode, header};
use parking_lot::Mutex;
use poem::{Endpoint, IntoResponse, Request, Response, Result};
use poem_openapi::auth::Bearer;
use poem_openapi::{OperationId, SecurityScheme};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Lets requests with a good key in, and reads their bodies within limits.
pub(super) struct Gate {
    keys: Keys,
    failures: ConnectFailures,
    tidied: Mutex<Instant>,
    proxies: TrustedProxies,
    max_body_bytes: usize,
    body_timeout: Duration,
}

/// Operations behind a gate.
pub(super) struct Gated<E> {
    operations: E,
    gate: Gate,
    counts: Arc<ApiCounts>,
}

/// An API key, as `byway key` makes it. What it may do is said in the configuration.
#[derive(SecurityScheme)]
#[oai(ty = "bearer", rename = "key", checker = "admitted")]
pub(super) struct Caller(Arc<ApiKeySettings>);

/// The gate has looked at the key already, before anything else of the request.
async fn admitted(request: &Request, _: Bearer) -> Option<Arc<ApiKeySettings>> {
    request.data::<Arc<ApiKeySettings>>().cloned()
}

/// How often addresses are forgotten that have not failed for a minute.
const TIDY_EVERY: Duration = Duration::from_secs(60);

impl Caller {
    /// What logs call it.
    pub(super) fn name(&self) -> &str {
        &self.0.name
    }

    /// What the key may do.
    pub(super) fn allowed(&self) -> &[Permission] {
        &self.0.allow
    }

    /// Refuses what the key may not do.
    pub(super) fn needs(&self, permission: Permission) -> Result<(), Refusal> {
        match self.0.allow.contains(&permission) {
            true => Ok(()),
            false => {
                let detail = format!("the key {:?} does not allow {:?}", self.0.name, permission.name());
                Err(Refusal::new(StatusCode::FORBIDDEN, "not_allowed", detail))
            }
        }
    }
}

impl Gate {
    pub(super) fn new(settings: &ApiSettings, proxies: TrustedProxies) -> Self {
        Self {
            keys: Keys::new(settings),
            failures: ConnectFailures::new(settings.failures_per_minute, now()),
            tidied: Mutex::new(now()),
            proxies,
            max_body_bytes: settings.max_body_bytes,
            body_timeout: settings.body_timeout,
        }
    }

    /// The same request, with its caller and with a body that was read.
    async fn admit(&self, mut request: Request) -> Result<Request, Refusal> {
        let caller = self.authenticate(&request)?;
        request.set_data(caller);
        let body = self.body(&mut request).await?;
        request.set_body(body);
        Ok(request)
    }

    /// A good key is let in whatever others of its address show: nobody can guess one. Only those who show a wrong one have
    /// to wait; who shows none guesses nothing, and nor does a page of another origin, which can make any browser ask.
    fn authenticate(&self, request: &Request) -> Result<Arc<ApiKeySettings>, Refusal> {
        let address = client_address(&self.proxies, request);
        let address = address.map_err(|unknown| Refusal::bad_request("unknown_client", unknown.to_string()))?;
        let key = bearer(request);
        if let Some(caller) = key.and_then(|key| self.keys.find(key)) {
            return Ok(caller);
        }
        if key.is_some() && !is_of_foreign_page(request) {
            self.count(AddressKey::from(address))?;
        }
        let detail = "there is no good key; expected Authorization: Bearer and one of api.keys";
        Err(Refusal::new(StatusCode::UNAUTHORIZED, "unauthorized", detail))
    }

    /// Counts a wrong key, or refuses to look at more.
    fn count(&self, address: AddressKey) -> Result<(), Refusal> {
        self.failures.check(address, now()).map_err(|wait| {
            let detail = "too many requests of this address had a wrong key";
            Refusal::new(StatusCode::TOO_MANY_REQUESTS, "too_many_failures", detail).retry_after(wait)
        })?;
        self.failed(address);
        Ok(())
    }

    fn failed(&self, address: AddressKey) {
        let now = now();
        self.failures.failed(address, now);
        let mut tidied = self.tidied.lock();
        if now.saturating_duration_since(*tidied) >= TIDY_EVERY {
            *tidied = now;
            self.failures.tidy(now);
        }
    }

    async fn body(&self, request: &mut Request) -> Result<Bytes, Refusal> {
        let body = read_body(request, self.max_body_bytes, self.body_timeout).await;
        body.map_err(|error| match error {
            BodyError::TooLarge => self.too_large(),
            // Keys have as much room as their bodies take.
            BodyError::Broken | BodyError::NoRoom => Refusal::bad_request("body_broken", "the body was cut off"),
            BodyError::Slow => Refusal::new(StatusCode::REQUEST_TIMEOUT, "body_slow", "the body came too slowly"),
        })
    }

    fn too_large(&self) -> Refusal {
        let detail = format!("a body may have {} bytes", self.max_body_bytes);
        Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, "body_too_large", detail)
    }
}

/// RFC 6750, section 2.1.
fn bearer(request: &Request) -> Option<&str> {
    fields::credentials(request.headers(), "bearer").and_then(|key| std::str::from_utf8(key).ok())
}

/// Whether a browser says that a page of another origin asks (Fetch Metadata, "Sec-Fetch-Site"; RFC 6454, section 7).
fn is_of_foreign_page(request: &Request) -> bool {
    let origin = request.header(header::ORIGIN).map(|origin| origin.split_once("://").map_or(origin, |(_, host)| host));
    let is_elsewhere = origin.is_some_and(|host| request.header(header::HOST) != Some(host));
    is_elsewhere || matches!(request.header("Sec-Fetch-Site"), Some("cross-site" | "same-site"))
}

impl<E> Gated<E> {
    pub(super) fn new(operations: E, gate: Gate, counts: Arc<ApiCounts>) -> Self {
        Self { operations, gate, counts }
    }
}

impl<E: Endpoint<Output: IntoResponse>> Gated<E> {
    async fn answer(&self, request: Request) -> Response {
        let request = match self.gate.admit(request).await {
            Ok(request) => request,
            Err(refusal) => return closing(refusal.into_response()),
        };
        let allowed = allowed(request.uri().path());
        match self.operations.call(request).await {
            Ok(response) => response.into_response(),
            Err(error) if error.is_from_response() => {
                let operation = error.data::<OperationId>().copied();
                about(operation, error.into_response())
            }
            Err(error) if error.status() == StatusCode::METHOD_NOT_ALLOWED => {
                with_header(Refusal::of(&error).into_response(), header::ALLOW, allowed)
            }
            Err(error) => about(error.data::<OperationId>().copied(), Refusal::of(&error).into_response()),
        }
    }
}

impl<E: Endpoint<Output: IntoResponse>> Endpoint for Gated<E> {
    type Output = Response;

    async fn call(&self, request: Request) -> Result<Response> {
        let answer = self.answer(request).await;
        self.counts.answered(answer.data::<OperationId>().map(|operation| operation.0), answer.status());
        let response = with_header(answer, header::CACHE_CONTROL, "no-store");
        Ok(with_header(response, header::X_CONTENT_TYPE_OPTIONS, "nosniff"))
    }
}

/// An answer, marked with the operation that it comes from.
fn about(operation: Option<OperationId>, mut answer: Response) -> Response {
    if let Some(operation) = operation {
        answer.set_data(operation);
    }
    answer
}

/// What a 405 has to say (RFC 9110, section 15.5.6), and the framework does not; a test compares it with the description.
fn allowed(path: &str) -> &'static str {
    match path {
        "/publish" | "/revocations" | "/tickets" => "POST",
        "/destinations" => "GET, HEAD, DELETE",
        path if path.starts_with("/sessions/") => "GET, HEAD, DELETE",
        _ => "GET, HEAD",
    }
}

fn with_header(mut response: Response, name: header::HeaderName, value: &'static str) -> Response {
    response.headers_mut().insert(name, HeaderValue::from_static(value));
    response
}

/// The body of what was refused here was not read to its end, so that the connection cannot be used again.
fn closing(response: Response) -> Response {
    with_header(response, header::CONNECTION, "close")
}
