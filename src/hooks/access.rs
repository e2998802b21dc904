//! The hooks `subscribe` and `send`: may they?

use super::caller::{About, Kind, unexpected};
use super::question::{Question, Who};
use super::{EndpointHooks, WhenDown, answer};
use crate::model::{DestinationPattern, Principal, Transport};
use crate::policy::{Access, Action, Authorizer, Decision};
use bytes::Bytes;
use futures_util::future::BoxFuture;
use http::{Response, StatusCode};
use serde::{Deserialize, Serialize};
use std::time::Duration;
use tokio::time::Instant;

/// Asks the backend about what another allows.
pub(super) struct AskMay<A> {
    pub(super) hooks: EndpointHooks,
    /// The rules: what they deny, nobody else is asked about.
    pub(super) first: A,
}

#[derive(Serialize)]
struct Target<'a> {
    destination: &'a str,
}

/// What may be answered with 200.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Told {
    cache_seconds: u64,
}

impl<A: Authorizer> Authorizer for AskMay<A> {
    fn authorize<'a>(&'a self, access: Access<'a>) -> BoxFuture<'a, Decision> {
        Box::pin(async move {
            match self.first.authorize(access).await {
                Decision::Allow if self.is_asked(&access) => self.decide(access).await,
                decision => decision,
            }
        })
    }
}

impl<A> AskMay<A> {
    /// What goes to the application goes to the backend anyway, if that is the application.
    fn is_asked(&self, access: &Access<'_>) -> bool {
        let settings = self.hooks.settings();
        let patterns = match access.action {
            Action::Subscribe => &settings.subscribe,
            Action::Send => &settings.send,
        };
        let is_meant = patterns.iter().any(|pattern| pattern.intersects(access.target));
        is_meant && !(settings.app && self.hooks.is_for_application(access.target))
    }

    async fn decide(&self, access: Access<'_>) -> Decision {
        let Access { session, transport, action, target, .. } = access;
        let kept = self.hooks.cache().lock().get(session, action, target, Instant::now().into_std());
        if let Some(decision) = kept {
            return decision;
        }
        let Some((decision, time)) = self.ask(access).await else { return self.unasked() };
        // A feed asks once for each of its destinations.
        if !time.is_zero() && !Transport::FEEDS.contains(&transport) {
            let now = Instant::now().into_std();
            self.hooks.cache().lock().put((session, action, target), decision.clone(), time, now);
        }
        decision
    }

    /// `None` where the backend does not answer.
    async fn ask(&self, access: Access<'_>) -> Option<(Decision, Duration)> {
        let Access { session, transport, remote, principal, action, target, .. } = access;
        let kind = match action {
            Action::Subscribe => Kind::Subscribe,
            Action::Send => Kind::Send,
        };
        let who = Who::new(self.hooks.endpoint(), (session, transport, remote), principal);
        let destination = DestinationPattern::as_str(target);
        let about = About { user: principal.map(Principal::name), address: remote, destination: Some(destination) };
        let question = Question { kind, who, what: Target { destination } };
        self.hooks.caller().ask(kind, about, &question, read).await.ok()
    }

    fn unasked(&self) -> Decision {
        match self.hooks.settings().when_down {
            WhenDown::Refuse => Decision::Unavailable,
            WhenDown::Allow => Decision::Allow,
        }
    }
}

/// The decision, and for how long it is good.
fn read(answer: &Response<Bytes>) -> Result<(Decision, Duration), String> {
    match answer.status() {
        StatusCode::OK => Ok((Decision::Allow, time(answer::json(answer)?))),
        StatusCode::NO_CONTENT => Ok((Decision::Allow, Duration::ZERO)),
        status if answer::is_refusal(status) => {
            let decision = answer::detail(answer).map_or(Decision::Deny, Decision::Refuse);
            Ok((decision, answer::json(answer).map(time).unwrap_or_default()))
        }
        status => Err(unexpected(status)),
    }
}

fn time(told: Told) -> Duration {
    Duration::from_secs(told.cache_seconds)
}
