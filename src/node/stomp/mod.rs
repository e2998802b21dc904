//! STOMP sessions: frames become calls of the broker, of the application, and of those who decide who may do what.
//!
//! [`Stomp`] is what an application sets up. Each session has a [speaker](speaker::StompSpeaker), which its driver owns;
//! what all sessions of an endpoint share is in [`shared`].

mod acknowledge;
mod admit;
mod catch_up;
mod charge;
mod connect;
mod outlet;
mod phrases;
mod refusal;
mod send;
mod settings;
mod shared;
mod speaker;
mod subscribe;
mod tokens_in_use;
mod transaction;

pub(in crate::node) use admit::{Denied, Shown, time_left};
pub use settings::Stomp;
pub(in crate::node) use shared::Shared;

use super::SessionHandle;
use super::byway::Byway;
use super::byway::Node;
use super::feed::Feeds;
use super::handler::{Language, Speaker};
use super::hub::Hub;
use super::settings::Settings;
use super::stats::Stats;
use crate::messaging::Messenger;
use crate::model::{Secret, SettingsError};
use crate::protocol::stomp::Version;
use http::HeaderMap;
use speaker::StompSpeaker;
use std::sync::Arc;
use tokio::runtime::Handle;

/// Speaks STOMP on all sessions of an endpoint, but for its feeds.
struct StompLanguage {
    shared: Arc<Shared>,
    feeds: Option<Feeds>,
}

impl Language for StompLanguage {
    fn speaker(&self, session: &SessionHandle, token: Option<Secret>) -> Box<dyn Speaker> {
        Box::new(StompSpeaker::new(Arc::clone(&self.shared), session, token))
    }

    /// A token that is too long is none; the client is told so when it says CONNECT without another.
    fn token(&self, headers: &HeaderMap, query: Option<&str>) -> Option<Secret> {
        self.shared.tokens.token_from_request(headers, query).ok().flatten()
    }

    fn awaits_connect(&self) -> bool {
        true
    }

    fn feeds(&self) -> Option<&Feeds> {
        self.feeds.as_ref()
    }

    fn attach(&self, node: &Arc<Node>) {
        self.shared.attach(node);
    }

    fn prepare(&self, runtime: &Handle) {
        self.shared.prepare(runtime);
    }

    fn run_on(&self, runtime: &Handle) {
        self.shared.prepare(runtime);
        self.shared.broker.run_on(runtime);
        self.shared.keep_tidy(runtime);
    }

    fn stop(&self) {
        self.shared.broker.stop();
    }

    fn count(&self, stats: &mut Stats) {
        let others = [
            ("connect_failures", self.shared.failures.hits()),
            ("presence", self.shared.broker.turned_away()),
            ("broker_share", self.shared.broker.share_hits()),
        ];
        stats.limit_hits = self.shared.rates.hits().chain(others).collect();
        stats.published = self.shared.broker.published();
        stats.queue_losses = self.shared.broker.losses();
        stats.connect_failures = self.shared.failures.failures();
    }
}

impl Byway {
    /// An endpoint that speaks STOMP 1.0, 1.1 and 1.2, and the way to publish on it.
    ///
    /// The WebSocket sub-protocols of STOMP are agreed to if `settings` name none.
    ///
    /// ```no_run
    /// use byway::{Byway, Settings, Stomp};
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let (byway, messenger) = Byway::stomp(Settings::default(), Stomp::new())?;
    /// let app = poem::Route::new().nest("/stomp", byway.endpoint());
    /// messenger.send("/topic/greetings", &"hello")?;
    /// # let _ = app; Ok(()) }
    /// ```
    pub fn stomp(mut settings: Settings, stomp: Stomp) -> Result<(Self, Messenger), SettingsError> {
        stomp.validate(&settings)?;
        if settings.websocket.protocols.is_empty() {
            settings.websocket.protocols = subprotocols();
        }
        let feeds = stomp.feeds.clone();
        let shared = Shared::new(stomp, Hub::for_limits(&settings.limits))?;
        let feeds = feeds.enabled.then(|| Feeds::new(Arc::clone(&shared), feeds, &settings.session));
        let messenger = shared.messenger();
        Ok((Self::speaking(settings, Box::new(StompLanguage { shared, feeds }))?, messenger))
    }
}

/// Newest first is how clients offer them, and theirs is the order that counts.
fn subprotocols() -> Vec<String> {
    Version::ALL.into_iter().rev().map(|version| version.subprotocol().to_owned()).collect()
}
