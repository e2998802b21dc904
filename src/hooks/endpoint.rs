//! What one endpoint is given.

use super::access::AskMay;
use super::application::AskApplication;
use super::cache::Cache;
use super::caller::Caller;
use super::connect::AskWho;
use super::{EventKind, HookSettings, Hooks};
use crate::messaging::{Event, Messages, Occupancy};
use crate::model::{Destination, DestinationPattern};
use crate::policy::{AnonymousPolicy, Authenticator, Authorizer};
use parking_lot::Mutex;
use std::fmt;
use std::future::ready;
use std::sync::Arc;

/// The hooks of one endpoint. Cheap to clone.
#[derive(Clone)]
pub struct EndpointHooks {
    hooks: Arc<Hooks>,
    endpoint: Arc<str>,
    app_prefix: Destination,
    /// What the backend has said of sessions for a while.
    cache: Arc<Mutex<Cache>>,
}

impl EndpointHooks {
    pub(super) fn new(hooks: Arc<Hooks>, endpoint: &str, app_prefix: Destination) -> Self {
        Self { hooks, endpoint: endpoint.into(), app_prefix, cache: Arc::default() }
    }

    /// Asks `first`, and then the backend, who a client is, if `connect` is on. Those whom neither names come in where
    /// `anonymous` allows it.
    pub fn authenticator(&self, first: Arc<dyn Authenticator>, anonymous: AnonymousPolicy) -> Arc<dyn Authenticator> {
        match self.settings().connect {
            true => Arc::new(AskWho { hooks: self.clone(), first, anonymous }),
            false => first,
        }
    }

    /// Asks the backend about what `first` allows, where `subscribe` and `send` say so.
    pub fn authorizer(&self, first: impl Authorizer) -> Arc<dyn Authorizer> {
        match self.settings().asks_rights() {
            true => Arc::new(AskMay { hooks: self.clone(), first }),
            false => Arc::new(first),
        }
    }

    /// Adds the backend as the handler of all that no other route has, if `app` is on, and listeners for `events` and
    /// for sessions that end, of which nothing is remembered any more.
    #[must_use]
    pub fn messages(&self, messages: Messages) -> Messages {
        self.with_occupancy(self.with_events(self.with_application(messages)))
    }

    fn with_application(&self, messages: Messages) -> Messages {
        if !self.settings().app {
            return messages;
        }
        let application = AskApplication(self.clone());
        messages.on_send("/**", application.clone()).on_subscribe("/**", application)
    }

    fn with_events(&self, messages: Messages) -> Messages {
        let wanted = [EventKind::Connected, EventKind::Disconnected];
        let is_told = wanted.into_iter().any(|event| self.settings().tells(event));
        if !is_told && !self.settings().asks_rights() {
            return messages;
        }
        let hooks = self.clone();
        messages.on_event(move |event, _| {
            hooks.happened(&event);
            ready(())
        })
    }

    fn happened(&self, event: &Event) {
        let (settings, deliveries) = (self.settings(), &self.hooks.deliveries);
        if let Event::Disconnected { client, .. } = event {
            self.cache.lock().forget(client.id());
        }
        match event {
            Event::Connected(client) if settings.tells(EventKind::Connected) => {
                deliveries.connected(self.caller(), self.endpoint(), client);
            }
            Event::Disconnected { client, disconnect } if settings.tells(EventKind::Disconnected) => {
                deliveries.disconnected(self.caller(), self.endpoint(), client, disconnect);
            }
            _ => {}
        }
    }

    fn with_occupancy(&self, messages: Messages) -> Messages {
        let wanted = [EventKind::DestinationOccupied, EventKind::DestinationEmpty];
        if !wanted.into_iter().any(|event| self.settings().tells(event)) {
            return messages;
        }
        let hooks = self.clone();
        messages.on_occupancy(move |destination, occupancy| {
            let kind = match occupancy {
                Occupancy::Occupied => EventKind::DestinationOccupied,
                Occupancy::Empty => EventKind::DestinationEmpty,
            };
            if hooks.settings().tells(kind) {
                hooks.hooks.deliveries.occupancy(hooks.caller(), hooks.endpoint(), destination, kind);
            }
        })
    }

    pub(super) fn endpoint(&self) -> &str {
        &self.endpoint
    }

    pub(super) fn settings(&self) -> &HookSettings {
        &self.hooks.settings
    }

    pub(super) fn caller(&self) -> &Caller {
        &self.hooks.caller
    }

    pub(super) fn cache(&self) -> &Mutex<Cache> {
        &self.cache
    }

    /// Whether this is below the application's prefix.
    pub(super) fn is_for_application(&self, target: &DestinationPattern) -> bool {
        target.as_destination().is_some_and(|destination| destination.is_below(self.app_prefix.as_str()))
    }
}

impl fmt::Debug for EndpointHooks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EndpointHooks").field("endpoint", &self.endpoint).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::messaging::{Client, ClientInfo};
    use crate::model::{Disconnect, SessionId, Transport};
    use crate::policy::{Action, Decision};
    use std::net::Ipv4Addr;
    use std::time::{Duration, Instant};

    #[test]
    fn what_the_backend_said_of_a_session_is_forgotten_when_it_ends() {
        let settings = HookSettings {
            url: Some("http://127.0.0.1:9/".into()),
            secret: Some("a secret of at least 32 bytes for hooks".into()),
            send: vec!["/topic/**".parse().unwrap()],
            ..HookSettings::default()
        };
        let hooks = Hooks::new(&settings).unwrap().on("main", Destination::parse("/app").unwrap());
        let (now, target) = (Instant::now(), "/topic/a".parse().unwrap());
        let asked = (SessionId(1), Action::Send, &target);
        hooks.cache().lock().put(asked, Decision::Allow, Duration::from_secs(60), now);
        let is_kept = || hooks.cache().lock().get(SessionId(1), Action::Send, &target, now).is_some();
        let remote = Ipv4Addr::LOCALHOST.into();
        let ended = |id| {
            let info = ClientInfo { id: SessionId(id), transport: Transport::Websocket, remote, protocol: None };
            Event::Disconnected { client: Client::new(info, None), disconnect: Disconnect::NORMAL }
        };
        hooks.happened(&ended(2));
        assert!(is_kept());
        hooks.happened(&ended(1));
        assert!(!is_kept());
    }
}
