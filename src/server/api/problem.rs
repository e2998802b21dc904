//! What is answered to a request that is not carried out: problem details (RFC 9457).

use crate::messaging::PublishError;
use http::{HeaderValue, StatusCode, header};
use poem::{IntoResponse, Response};
use poem_openapi::registry::{MetaMediaType, MetaResponse, MetaResponses, Registry};
use poem_openapi::types::{ToJSON, Type};
use poem_openapi::{ApiResponse, Object};
use std::time::Duration;

/// Why a request, or one message of it, was not carried out.
#[derive(Debug, Clone, PartialEq, Eq, Object)]
pub(super) struct Problem {
    /// The status in words.
    title: String,
    /// The status.
    status: u16,
    /// What went wrong, for programs.
    code: String,
    /// What went wrong, for people.
    detail: String,
}

/// A request that is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refusal {
    status: StatusCode,
    code: &'static str,
    detail: String,
    retry_after: Option<Duration>,
}

const CONTENT_TYPE: &str = "application/problem+json";

/// The longest detail in bytes: what is wrong with a body may quote it.
const MAX_DETAIL: usize = 300;

/// Every status that a refusal can have, and when.
const STATUSES: [(u16, &str); 11] = [
    (400, "The request, or its message, is wrong"),
    (401, "No good key"),
    (403, "The key may not do this"),
    (404, "There is no such session, user, endpoint or path"),
    (405, "The path has no such method"),
    (408, "The body came too slowly"),
    (413, "The body is too large, or has too many messages"),
    (415, "The body is not JSON"),
    (422, "The idempotency key came with other content before"),
    (429, "Too many requests of this address had no good key"),
    (503, "The server cannot take this now"),
];

impl Refusal {
    pub(super) fn new(status: StatusCode, code: &'static str, detail: impl Into<String>) -> Self {
        Self { status, code, detail: shortened(detail.into()), retry_after: None }
    }

    pub(super) fn bad_request(code: &'static str, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, code, detail)
    }

    pub(super) fn not_found(code: &'static str, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, code, detail)
    }

    /// The server cannot take it now.
    pub(super) fn unavailable(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "overloaded", detail)
    }

    /// The same, with the time after which another request may do better.
    pub(super) fn retry_after(self, wait: Duration) -> Self {
        Self { retry_after: Some(wait), ..self }
    }

    pub(super) fn problem(&self) -> Problem {
        let title = self.status.canonical_reason().unwrap_or_default().to_owned();
        Problem { title, status: self.status.as_u16(), code: self.code.to_owned(), detail: self.detail.clone() }
    }

    /// What the framework has refused: paths, methods, parameters, bodies.
    pub(super) fn of(error: &poem::Error) -> Self {
        let status = error.status();
        let code = match status {
            StatusCode::NOT_FOUND => "no_such_path",
            StatusCode::METHOD_NOT_ALLOWED => "no_such_method",
            StatusCode::UNSUPPORTED_MEDIA_TYPE => "not_json",
            status if status.is_client_error() => "invalid_request",
            _ => "internal_error",
        };
        let detail = match status {
            StatusCode::NOT_FOUND => "there is nothing at this path; /api/docs shows what there is".to_owned(),
            StatusCode::UNSUPPORTED_MEDIA_TYPE => "expected Content-Type: application/json".to_owned(),
            _ => error.to_string(),
        };
        Self::new(status, code, detail)
    }
}

/// Cut off at a character, with a mark where anything is missing.
fn shortened(mut detail: String) -> String {
    if detail.len() > MAX_DETAIL {
        detail.truncate(detail.floor_char_boundary(MAX_DETAIL));
        detail.push_str("...");
    }
    detail
}

impl From<PublishError> for Refusal {
    fn from(error: PublishError) -> Self {
        let (status, code) = match &error {
            PublishError::Overloaded => (StatusCode::SERVICE_UNAVAILABLE, "overloaded"),
            PublishError::QueueFull | PublishError::ShareReached => (StatusCode::SERVICE_UNAVAILABLE, "queue_full"),
            PublishError::InvalidDestination(_) => (StatusCode::BAD_REQUEST, "invalid_destination"),
            PublishError::NotPublishable(_) => (StatusCode::BAD_REQUEST, "not_publishable"),
            PublishError::NotJson(_) => (StatusCode::BAD_REQUEST, "invalid_request"),
        };
        let refusal = Self::new(status, code, error.to_string());
        // What waits is carried out in a moment; who consumes a queue takes longer.
        if error == PublishError::Overloaded { refusal.retry_after(Duration::ZERO) } else { refusal }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let response = Response::builder().status(self.status).content_type(CONTENT_TYPE);
        let mut response = response.body(self.problem().to_json_string());
        let headers = response.headers_mut();
        if self.status == StatusCode::UNAUTHORIZED {
            // RFC 9110, section 11.6.1.
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if let Some(wait) = self.retry_after {
            headers.insert(header::RETRY_AFTER, wait.as_secs().saturating_add(1).into());
        }
        response
    }
}

impl From<Refusal> for poem::Error {
    fn from(refusal: Refusal) -> Self {
        Self::from_response(refusal.into_response())
    }
}

impl ApiResponse for Refusal {
    fn meta() -> MetaResponses {
        let response = |(status, description)| MetaResponse {
            description,
            status: Some(status),
            status_range: None,
            content: vec![MetaMediaType { content_type: CONTENT_TYPE, schema: Problem::schema_ref() }],
            headers: Vec::new(),
        };
        MetaResponses { responses: STATUSES.map(response).into() }
    }

    fn register(registry: &mut Registry) {
        Problem::register(registry);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_detail_is_cut_off_between_characters() {
        let detail = |text: String| Refusal::bad_request("x", text).detail;
        assert_eq!(detail("é".repeat(150)), "é".repeat(150));
        assert_eq!(detail(format!("x{}", "é".repeat(150))), format!("x{}...", "é".repeat(149)));
    }
}
