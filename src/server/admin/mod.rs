//! The admin page, and the endpoint over which it is told what happens. docs/admin.md is the guide.
//!
//! The page is files ([`page`]). What it shows comes from the HTTP API, and live from feeds of an endpoint of its own
//! ([`live`]): numbers of everything ([`sample`]), and what goes through a session that somebody watches ([`watch`]).

mod live;
mod mask;
mod page;
mod sample;
mod watch;

use super::api::{ApiSettings, Keys, Permission};
use super::bodiless::get;
use super::{Connections, Mounted};
use crate::messaging::Messenger;
use crate::model::SettingsError;
use crate::node::Byway;
use poem::Route;
use std::fmt;
use std::sync::Arc;
use watch::Watches;

/// Where the page is.
pub(super) const PATH: &str = "/admin";

/// The admin page. Cheap to clone.
#[derive(Clone)]
pub struct Admin {
    byway: Byway,
    messenger: Messenger,
    watches: Arc<Watches>,
    endpoints: Arc<[Mounted]>,
}

impl Admin {
    /// The admin page of these endpoints, behind the API's keys. There is none unless some key may open it.
    pub fn new(api: &ApiSettings, endpoints: &[Mounted]) -> Result<Option<Self>, SettingsError> {
        if !api.allows(Permission::Admin) {
            return Ok(None);
        }
        let endpoints: Arc<[_]> = endpoints.into();
        let watches = Arc::new(Watches::new(Arc::clone(&endpoints)));
        let (byway, messenger) = live::endpoint(api, Keys::new(api), &endpoints, Arc::clone(&watches))?;
        Ok(Some(Self { byway, messenger, watches, endpoints }))
    }

    /// The endpoint that tells the page what happens. Whoever serves the page should drain it.
    pub fn endpoint(&self) -> &Byway {
        &self.byway
    }

    /// Adds the page to these routes. Within a runtime, numbers are taken from now on.
    pub(super) fn mount(&self, routes: Route, connections: &Arc<Connections>) -> Route {
        sample::keep_sampling(self, Arc::clone(connections));
        let routes = page::assets().into_iter().fold(routes, |routes, asset| routes.at(asset.path, get(asset)));
        routes.at("/admin/", get(page::to_page)).nest(live::PATH, self.byway.endpoint())
    }
}

impl fmt::Debug for Admin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Admin").field("byway", &self.byway).finish_non_exhaustive()
    }
}
