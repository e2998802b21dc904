//! `GET /health`: whether this node wants traffic.

use http::{StatusCode, header};
use poem::{Endpoint, Request, Response, Result};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// What `/health` answers: 200 until [`draining`](Self::draining) is called, 503 from then on. Clones are the same.
#[derive(Debug, Clone, Default)]
pub struct Health(Arc<AtomicBool>);

impl Health {
    /// From now on the node asks load balancers to send their clients elsewhere.
    pub fn draining(&self) {
        self.0.store(true, Ordering::Release);
    }

    fn answer(&self) -> (StatusCode, &'static str) {
        match self.0.load(Ordering::Acquire) {
            false => (StatusCode::OK, "{\"status\":\"ok\"}\n"),
            true => (StatusCode::SERVICE_UNAVAILABLE, "{\"status\":\"draining\"}\n"),
        }
    }
}

impl Endpoint for Health {
    type Output = Response;

    async fn call(&self, _: Request) -> Result<Response> {
        let (status, body) = self.answer();
        let response = Response::builder().status(status).content_type("application/json");
        Ok(response.header(header::CACHE_CONTROL, "no-store").body(body))
    }
}
