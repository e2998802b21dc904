//! What one endpoint is given.

use super::access::AskMay;
use super::application::AskApplication;
use super::caller::Caller;
use super::connect::AskWho;
use super::{EventKind, HookSettings, Hooks};
use crate::messaging::{Event, Messages, Occupancy};
use crate::model::{Destination, DestinationPattern};
use crate::policy::{AnonymousPolicy, Authenticator, Authorizer};
use std::fmt;
use std::future::ready;
use std::sync::Arc;

/// The hooks of one endpoint. Cheap to clone.
#[derive(Clone)]
pub struct EndpointHooks {
    hooks: Arc<Hooks>,
    endpoint: Arc<str>,
    app_prefix: Destination,
}

impl EndpointHooks {
    pub(super) fn new(hooks: Arc<Hooks>, endpoint: &str, app_prefix: Destination) -> Self {
        Self { hooks, endpoint: endpoint.into(), app_prefix }
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
        match self.settings().subscribe.is_empty() && self.settings().send.is_empty() {
            true => Arc::new(first),
            false => Arc::new(AskMay { hooks: self.clone(), first, cache: Default::default() }),
        }
    }

    /// Adds the backend as the handler of all that no other route has, if `app` is on, and listeners for `events`.
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
        if !wanted.into_iter().any(|event| self.settings().tells(event)) {
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
