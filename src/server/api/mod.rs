//! The HTTP API, for backends in any language: publish, see who is there, end sessions. docs/api.md is the guide.
//!
//! [`gate`] lets a request in, [`service`] is the table of operations; what they do is in the other files.

mod counts;
mod destinations;
mod endpoints;
mod gate;
mod history;
mod key;
mod keys;
mod once;
mod overview;
mod page;
mod presence;
mod problem;
mod publish;
mod revocations;
mod service;
mod sessions;
mod settings;
mod tickets;
mod users;

pub use counts::ApiCounts;
pub use key::KeyHash;
pub use settings::{ApiKeySettings, ApiSettings, Permission};

pub(super) use endpoints::{session_id, trusted_proxies};
pub(super) use keys::Keys;

use super::bodiless::{get, head_as_get};
use super::{CommonSettings, Mounted};
use crate::policy::TrustedProxies;
use endpoints::Endpoints;
use gate::{Gate, Gated};
use overview::OverviewService;
use poem::{IntoEndpoint, Route};
use poem_openapi::OpenApiService;
use service::Service;
use std::sync::Arc;

/// Where the API is.
pub(super) const PATH: &str = "/api";

/// All routes of the API, to be nested at [`PATH`]. The description and its page are there for everybody; what they
/// describe is not.
pub(super) fn routes(
    settings: &ApiSettings,
    mounted: &[Mounted],
    common: &CommonSettings,
    counts: &Arc<ApiCounts>,
) -> impl IntoEndpoint<Endpoint: 'static> + use<> {
    let endpoints = Arc::new(Endpoints::new(mounted));
    let gate = Gate::new(settings, TrustedProxies::new(trusted_proxies(mounted)));
    let service = Service::new(settings, endpoints, Arc::clone(counts));
    let operations = (service, OverviewService::new(common, mounted));
    let service = OpenApiService::new(operations, "Byway", env!("CARGO_PKG_VERSION"))
        .description("Publishes, shows who is connected, and ends sessions. Each request brings a key.")
        .server(PATH);
    let (description, page) = (page::description(&service), page::page(&service));
    Route::new()
        .at("/openapi.json", get(description))
        .at("/docs", get(page))
        .nest("/", Gated::new(head_as_get(service.into_endpoint()), gate, Arc::clone(counts)))
}
