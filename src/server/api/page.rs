//! The API's description (OpenAPI 3.0), and a page to read and try it. Both are made once.

use bytes::Bytes;
use http::{StatusCode, header};
use poem::{Endpoint, Request, Response, Result};
use poem_openapi::{OpenApi, OpenApiService};

/// A file that does not change while the server runs.
pub(super) struct Made {
    content_type: &'static str,
    body: Bytes,
}

/// The page is one file with scripts and styles in it; it can load nothing from anywhere, and ask nobody but this server.
const POLICY: &str = "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src 'self' data:; \
     connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

pub(super) fn description<T: OpenApi>(service: &OpenApiService<T, ()>) -> Made {
    Made { content_type: "application/json", body: service.spec().into() }
}

pub(super) fn page<T: OpenApi>(service: &OpenApiService<T, ()>) -> Made {
    Made { content_type: "text/html; charset=utf-8", body: service.swagger_ui_html().into() }
}

impl Endpoint for Made {
    type Output = Response;

    async fn call(&self, _: Request) -> Result<Response> {
        let response = Response::builder().status(StatusCode::OK).content_type(self.content_type);
        Ok(response
            .header(header::CACHE_CONTROL, "no-cache")
            .header(header::CONTENT_SECURITY_POLICY, POLICY)
            .header(header::X_CONTENT_TYPE_OPTIONS, "nosniff")
            .header(header::REFERRER_POLICY, "no-referrer")
            .body(self.body.clone()))
    }
}
