//! What the binary serves, put together.

use super::assets::assets;
use super::bodiless::get;
use super::metrics::Metrics;
use super::{Admin, ApiCounts, ApiSettings, CommonSettings, Connections, Health, Mounted, admin, api};
use crate::hooks::Hooks;
use http::{StatusCode, header};
use poem::error::{MethodNotAllowedError, NotFoundError};
use poem::{EndpointExt, IntoEndpoint, Response, Route};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

/// Everything that the binary serves.
#[derive(Debug, Default)]
pub struct Site {
    /// The endpoints, whose paths must not overlap.
    pub endpoints: Vec<Mounted>,
    /// Whether the demo page is served at `/` and `/static`.
    pub demo: bool,
    /// Whether `/metrics` and `/health` are served.
    pub metrics: bool,
    /// The HTTP API, which is there if it has keys.
    pub api: ApiSettings,
    /// The admin page, which is where the API is.
    pub admin: Option<Admin>,
    /// What the endpoints and the server were told, for the admin page to show.
    pub common: CommonSettings,
    /// What the API has done.
    pub api_counts: Arc<ApiCounts>,
    /// The hooks of all endpoints, if there are any.
    pub hooks: Option<Arc<Hooks>>,
    /// How many lines of the log could not be written.
    pub log_lines_lost: Arc<AtomicU64>,
}

impl Site {
    /// The paths that no endpoint can have, because something else is there.
    pub const RESERVED: [&str; 5] = [admin::PATH, api::PATH, "/health", "/metrics", "/static"];

    /// All routes. `health` is what `/health` asks, `connections` what `/metrics` reports.
    pub fn routes(
        &self,
        health: &Health,
        connections: &Arc<Connections>,
    ) -> impl IntoEndpoint<Endpoint: 'static> + use<> {
        let mut routes = Route::new();
        for endpoint in &self.endpoints {
            routes = routes.nest(&endpoint.path, endpoint.byway.endpoint());
            if let Some(path) = &endpoint.feed_path {
                routes = routes.nest(path, endpoint.byway.feeds());
            }
        }
        if self.demo {
            routes = assets().into_iter().fold(routes, |routes, asset| routes.at(asset.path, get(asset)));
        }
        if self.metrics {
            let api = self.api.is_on().then(|| Arc::clone(&self.api_counts));
            let (hooks, lost) = (self.hooks.clone(), Arc::clone(&self.log_lines_lost));
            let metrics = Metrics::new(&self.endpoints, Arc::clone(connections), api, hooks, lost);
            routes = routes.at("/health", get(health.clone())).at("/metrics", get(metrics));
        }
        if self.has_api_here() {
            routes = self.with_api(routes, connections);
        }
        helpful(routes, self.not_found())
    }

    /// Whether the API is among all other routes.
    pub fn has_api_here(&self) -> bool {
        self.api.is_on() && self.api.listen.is_none()
    }

    /// The routes of an API that has an address of its own. `connections` are those of the server with the endpoints.
    pub fn api_routes(&self, connections: &Arc<Connections>) -> impl IntoEndpoint<Endpoint: 'static> + use<> {
        let routes = self.with_api(Route::new(), connections);
        helpful(routes, "404: nothing is served here. What is: /api/docs\n".to_owned())
    }

    fn with_api(&self, routes: Route, connections: &Arc<Connections>) -> Route {
        let routes = routes.nest(api::PATH, api::routes(&self.api, &self.endpoints, &self.common, &self.api_counts));
        self.admin.iter().fold(routes, |routes, admin| admin.mount(routes, connections))
    }

    /// What a wrong path is answered with.
    fn not_found(&self) -> String {
        let endpoints = self.endpoints.iter();
        let mut paths: Vec<_> = endpoints
            .flat_map(|endpoint| [Some(&endpoint.path), endpoint.feed_path.as_ref()])
            .flatten()
            .map(String::as_str)
            .collect();
        if self.demo {
            paths.insert(0, "/");
        }
        if self.metrics {
            paths.extend(["/health", "/metrics"]);
        }
        if self.has_api_here() {
            paths.push("/api/docs");
        }
        format!("404: nothing is served here. What is: {}\n", paths.join(", "))
    }
}

/// The same routes, with help for whoever asks for others.
fn helpful(routes: Route, not_found: String) -> impl IntoEndpoint<Endpoint: 'static> + use<> {
    let not_found = move |_: NotFoundError| std::future::ready(text(StatusCode::NOT_FOUND, &not_found));
    routes.catch_error(not_found).catch_error(method_not_allowed)
}

async fn method_not_allowed(_: MethodNotAllowedError) -> Response {
    let mut response = text(StatusCode::METHOD_NOT_ALLOWED, "405: only GET is answered here.\n");
    response.headers_mut().insert(header::ALLOW, http::HeaderValue::from_static("GET, HEAD"));
    response
}

fn text(status: StatusCode, text: &str) -> Response {
    let response = Response::builder().status(status).content_type("text/plain; charset=utf-8");
    response.header(header::X_CONTENT_TYPE_OPTIONS, "nosniff").body(text.to_owned())
}
