//! HTTP hooks: a backend, in any language, says who clients are and what they may do, answers what they send to the
//! application, and hears who left. docs/hooks.md says what is sent and what may be answered.
//!
//! [`Hooks`] are for one process; [`Hooks::on`] makes what an endpoint is given: an authenticator, an authorizer, and
//! handlers and listeners for its [`Messages`](crate::messaging::Messages). Events are put into a queue that
//! [`Hooks::deliver`] empties; [`Server::hooks`](crate::server::Server::hooks) runs that.

mod access;
mod answer;
mod application;
mod breaker;
mod cache;
mod caller;
mod connect;
mod endpoint;
mod events;
mod pool;
mod question;
mod settings;
mod signature;
mod stats;

pub use endpoint::EndpointHooks;
pub use settings::{BreakerSettings, DeliverySettings, EventKind, HookSettings, WhenDown};
pub use stats::{HookStats, KindStats};

use crate::model::{Destination, SettingsError};
use caller::Caller;
use events::Deliveries;
use std::fmt;
use std::sync::Arc;

/// The hooks of one process: one backend, and the events that it has not heard yet.
///
/// ```no_run
/// use byway::hooks::{HookSettings, Hooks};
/// use byway::messaging::{Messages, MessagingSettings};
/// use byway::policy::{AuthSettings, Rules};
/// use byway::server::{Server, ServerSettings};
/// use byway::{Byway, Settings, Stomp};
/// # #[tokio::main] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let hooks = Hooks::new(&HookSettings {
///     url: Some("http://127.0.0.1:9000/byway".into()),
///     secret_file: Some("/run/secrets/hooks".into()),
///     connect: true,
///     app: true,
///     ..HookSettings::default()
/// })?;
/// let on = hooks.on("main", MessagingSettings::default().app_prefix);
/// let auth = AuthSettings::default();
/// let stomp = Stomp::new()
///     .authenticator(on.authenticator(auth.load()?, auth.anonymous))
///     .authorizer(on.authorizer(Rules::default()))
///     .messages(on.messages(Messages::new()));
/// let (byway, _) = Byway::stomp(Settings::default(), stomp)?;
/// let app = poem::Route::new().nest("/stomp", byway.endpoint());
/// let listener = Server::bind("127.0.0.1:8080".parse()?)?;
/// let server = Server::new(ServerSettings::default()).drain(byway).hooks(hooks);
/// server.serve(listener, app, std::future::pending()).await?;
/// # Ok(()) }
/// ```
pub struct Hooks {
    settings: HookSettings,
    caller: Caller,
    deliveries: Deliveries,
}

impl Hooks {
    /// Reads the secret, and refuses what is weak or cannot be right. Calls nobody yet.
    pub fn new(settings: &HookSettings) -> Result<Arc<Self>, SettingsError> {
        settings.validate()?;
        Ok(Arc::new(Self {
            caller: Caller::new(settings)?,
            deliveries: Deliveries::new(&settings.delivery),
            settings: settings.clone(),
        }))
    }

    /// What the endpoint of this name is given. What is below `app_prefix` is the application's
    /// ([`MessagingSettings`](crate::messaging::MessagingSettings)).
    pub fn on(self: &Arc<Self>, endpoint: &str, app_prefix: Destination) -> EndpointHooks {
        EndpointHooks::new(Arc::clone(self), endpoint, app_prefix)
    }

    /// Delivers events as they come, for ever. Where this is not run, none is delivered.
    ///
    /// Cancel safety: when dropped, a batch that is under way is delivered again by the next call.
    pub async fn deliver(&self) {
        self.deliveries.pump(&self.caller, false).await;
    }

    /// Delivers the events that wait, without waiting for more; ends when none is left. Where the backend is down that is
    /// never: callers set the limit.
    ///
    /// Cancel safety: as [`deliver`](Self::deliver).
    pub async fn flush(&self) {
        self.deliveries.pump(&self.caller, true).await;
    }

    /// What they have done and are doing.
    pub fn stats(&self) -> HookStats {
        let mut stats = self.caller.stats();
        self.deliveries.count(&mut stats);
        stats
    }
}

/// The URL's query and the secret are nobody's business.
impl fmt::Debug for Hooks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hooks").finish_non_exhaustive()
    }
}
