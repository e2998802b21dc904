//! Which endpoint a request is about.

use super::problem::Refusal;
use crate::messaging::Messenger;
use crate::model::SessionId;
use crate::node::SessionHandle;
use crate::server::Mounted;
use ipnet::IpNet;

/// All endpoints of the server.
pub(super) struct Endpoints(Vec<Mounted>);

impl Endpoints {
    pub(super) fn new(mounted: &[Mounted]) -> Self {
        Self(mounted.to_vec())
    }

    /// The endpoint of this name; without one, the only one that has destinations.
    pub(super) fn find(&self, name: Option<&str>) -> Result<&Mounted, Refusal> {
        if let Some(name) = name {
            let found = self.0.iter().find(|endpoint| endpoint.name == name);
            return found
                .ok_or_else(|| Refusal::not_found("no_such_endpoint", self.names("there is no such endpoint")));
        }
        let mut with_destinations = self.0.iter().filter(|endpoint| endpoint.messenger.is_some());
        match (with_destinations.next(), with_destinations.next()) {
            (Some(only), None) => Ok(only),
            _ => Err(Refusal::bad_request("endpoint_needed", self.names("say which endpoint is meant"))),
        }
    }

    /// The same, with the way to publish on it.
    pub(super) fn messenger(&self, name: Option<&str>) -> Result<(&Mounted, &Messenger), Refusal> {
        let endpoint = self.find(name)?;
        let messenger = endpoint.messenger.as_ref();
        messenger.map(|messenger| (endpoint, messenger)).ok_or_else(|| {
            let detail =
                format!("{} runs {}, which has no destinations and no users", endpoint.name, endpoint.application);
            Refusal::bad_request("no_destinations", detail)
        })
    }

    fn names(&self, problem: &str) -> String {
        let names: Vec<_> = self.0.iter().map(|endpoint| endpoint.name.as_str()).collect();
        format!("{problem}: ?endpoint= with one of {}", names.join(", "))
    }
}

/// The proxies of all endpoints together.
pub(in crate::server) fn trusted_proxies(endpoints: &[Mounted]) -> Vec<IpNet> {
    endpoints.iter().flat_map(|endpoint| endpoint.byway.settings().trusted_proxies.clone()).collect()
}

/// An open session by its id, which is written as in logs: `s12`.
pub(super) fn session(endpoint: &Mounted, id: &str) -> Result<SessionHandle, Refusal> {
    let session = session_id(id).and_then(|id| endpoint.byway.session(id)).filter(SessionHandle::is_open);
    session.ok_or_else(|| {
        Refusal::not_found("no_such_session", format!("there is no session {id:?} on {}", endpoint.name))
    })
}

/// `s12` as a number.
pub(in crate::server) fn session_id(text: &str) -> Option<SessionId> {
    let id = text.strip_prefix('s')?.parse().ok().map(SessionId)?;
    // One spelling for each.
    (id.to_string() == text).then_some(id)
}
