//! What runs, and the limits in force: for the admin page.

use super::gate::Caller;
use super::problem::Refusal;
use super::settings::Permission;
use crate::server::Mounted;
use crate::server::limits::{CommonSettings, Limit, LimitKind};
use poem_openapi::payload::Json;
use poem_openapi::{Object, OpenApi};
use std::time::SystemTime;

/// Answers what does not change while the server runs.
pub(super) struct OverviewService {
    overview: Overview,
}

/// What runs.
#[derive(Debug, Clone, Object)]
struct Overview {
    /// The server's version.
    version: String,
    /// Since when it is there (RFC 3339).
    since: String,
    /// The key of this request.
    key: Key,
    /// The limits on connections and requests.
    limits: Vec<LimitInForce>,
    endpoints: Vec<Endpoint>,
}

/// A key.
#[derive(Debug, Clone, Default, Object)]
struct Key {
    name: String,
    /// What it may do.
    allow: Vec<String>,
}

/// An endpoint.
#[derive(Debug, Clone, Object)]
struct Endpoint {
    name: String,
    path: String,
    /// What runs on it: `chat`, `echo` or `stomp`.
    application: String,
    limits: Vec<LimitInForce>,
}

/// A limit in force.
#[derive(Debug, Clone, Object)]
struct LimitInForce {
    /// What is limited.
    name: String,
    settings: Vec<Setting>,
    /// What counts those who hit it: `ended`, `refused`, `limit_hits` or `connections`, a dot, and the counter's name there.
    hits: Vec<String>,
}

/// A setting.
#[derive(Debug, Clone, Object)]
struct Setting {
    key: String,
    /// As it would be written; nothing where there is no limit.
    #[oai(skip_serializing_if_is_none)]
    value: Option<String>,
}

impl OverviewService {
    pub(super) fn new(common: &CommonSettings, endpoints: &[Mounted]) -> Self {
        let of_endpoint = |endpoint: &Mounted| Endpoint {
            name: endpoint.name.clone(),
            path: endpoint.path.clone(),
            application: endpoint.application.to_string(),
            limits: in_force(common.of_endpoint(endpoint)),
        };
        let overview = Overview {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            since: humantime::format_rfc3339_millis(SystemTime::now()).to_string(),
            key: Key::default(),
            limits: in_force(common.of_server()),
            endpoints: endpoints.iter().map(of_endpoint).collect(),
        };
        Self { overview }
    }
}

fn in_force(limits: Vec<Limit>) -> Vec<LimitInForce> {
    let in_force = |Limit { kind: LimitKind { name, hits, .. }, settings }: Limit| LimitInForce {
        name: (*name).to_owned(),
        settings: settings.into_iter().map(|(key, value)| Setting { key: key.to_owned(), value }).collect(),
        hits: hits.iter().map(|hit| (*hit).to_owned()).collect(),
    };
    limits.into_iter().map(in_force).collect()
}

#[OpenApi]
impl OverviewService {
    /// What runs, the limits in force, and what the key may do
    #[oai(path = "/overview", method = "get", operation_id = "getOverview")]
    async fn overview(&self, caller: Caller) -> Result<Json<Overview>, Refusal> {
        caller.needs(Permission::Admin)?;
        let allow = caller.allowed().iter().map(|permission| permission.name().to_owned()).collect();
        let key = Key { name: caller.name().to_owned(), allow };
        Ok(Json(Overview { key, ..self.overview.clone() }))
    }
}
