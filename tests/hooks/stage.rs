//! A server with hooks, a backend behind it, and clients in front of it.

use crate::backend::{Answer, Backend, Call, SECRET};
use crate::support::client::Client;
use crate::support::known_by_any_name;
use crate::support::stage::auth;
use crate::support::stomp::StompClient;
use byway::hooks::{HookSettings, HookStats, Hooks};
use byway::messaging::{Messages, MessagingSettings, Messenger};
use byway::policy::{AnonymousPolicy, AuthSettings, RateSettings, Rules};
use byway::server::{Health, Server, ServerSettings, Site, Stopped};
use byway::{Byway, DestinationPattern, Settings, Stomp, Transport};
use poem::Route;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// What a stage is built from.
pub struct Plan {
    pub hooks: HookSettings,
    auth: AuthSettings,
    rules: Rules,
}

pub struct Stage {
    pub backend: Backend,
    pub server: Running,
}

/// The server alone: the backend may be down.
pub struct Running {
    pub address: SocketAddr,
    pub messenger: Messenger,
    pub byway: Byway,
    hooks: Arc<Hooks>,
    stop: Option<oneshot::Sender<()>>,
    serving: JoinHandle<std::io::Result<Stopped>>,
}

impl Plan {
    /// Everybody is let in, and nothing is asked.
    pub fn new() -> Self {
        let auth = AuthSettings { anonymous: AnonymousPolicy::Allow, ..AuthSettings::default() };
        let hooks = HookSettings { secret: Some(SECRET.into()), ..HookSettings::default() };
        Self { hooks, auth, rules: Rules::default() }
    }

    pub fn hooks(mut self, change: impl FnOnce(&mut HookSettings)) -> Self {
        change(&mut self.hooks);
        self
    }

    /// Nobody comes in whom neither a token nor the backend names.
    pub fn no_strangers(mut self) -> Self {
        self.auth.anonymous = AnonymousPolicy::Deny;
        self
    }

    /// The tests' tokens are good.
    pub fn tokens(self) -> Self {
        Self { auth: auth(self.auth.anonymous), ..self }
    }

    pub fn rules(self, rules: &[byway::policy::RuleSettings]) -> Self {
        Self { rules: Rules::new(rules).expect("the test's rules are valid"), ..self }
    }

    pub async fn start(self, script: impl FnMut(&Call) -> Answer + Send + 'static) -> Stage {
        let backend = Backend::start(script).await;
        Stage { server: self.serve(backend.address), backend }
    }

    /// With a backend at this address, or none.
    pub fn serve(mut self, backend: SocketAddr) -> Running {
        self.hooks.url = Some(format!("http://{backend}/hooks?x=y"));
        let hooks = Hooks::new(&self.hooks).expect("the test's settings are valid");
        let on = hooks.on("main", MessagingSettings::default().app_prefix);
        let first = self.auth.load().expect("the test's settings are valid");
        let stomp = Stomp::new()
            .rates(RateSettings::unlimited())
            .authenticator(on.authenticator(first, self.auth.anonymous))
            .authorizer(on.authorizer(self.rules))
            .failures_per_minute(3)
            .messages(on.messages(Messages::new()));
        let (byway, messenger) = Byway::stomp(Settings::default(), stomp).expect("the test's settings are valid");
        let listener = Server::bind(([127, 0, 0, 1], 0).into()).expect("a free port");
        let address = listener.local_addr().expect("a bound listener has an address");
        let (stop, stopped) = oneshot::channel::<()>();
        let server =
            Server::new(known_by_any_name(ServerSettings::default())).drain(byway.clone()).hooks(Arc::clone(&hooks));
        let site = Site { metrics: true, hooks: Some(Arc::clone(&hooks)), ..Site::default() };
        let site = site.routes(&Health::default(), &server.connections());
        let routes = Route::new().nest("/e", byway.endpoint()).nest("/site", site);
        let serving = tokio::spawn(server.serve(listener, routes, async {
            stopped.await.ok();
        }));
        Running { address, messenger, byway, hooks, stop: Some(stop), serving }
    }
}

impl Running {
    /// A client whose session is open, and who has said nothing.
    pub async fn open(&self) -> StompClient {
        StompClient::open(Client::new(self.address, Transport::RawWebsocket)).await
    }

    /// A client that is let in.
    pub async fn connect(&self, headers: &[(&str, &str)]) -> StompClient {
        StompClient::connect(Client::new(self.address, Transport::RawWebsocket), headers).await
    }

    pub fn stats(&self) -> HookStats {
        self.hooks.stats()
    }

    /// How many calls of a kind ended so.
    pub fn outcomes(&self, kind: &str, outcome: &str) -> u64 {
        let stats = self.stats();
        stats.kinds.get(kind).and_then(|kind| kind.outcomes.get(outcome)).copied().unwrap_or_default()
    }

    /// Begins to stop, as at SIGTERM, and waits until it has.
    pub async fn stop(mut self) -> Stopped {
        drop(self.stop.take());
        (&mut self.serving).await.expect("the server does not panic").expect("the server stops")
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

pub fn patterns(texts: &[&'static str]) -> Vec<DestinationPattern> {
    texts.iter().map(|text| DestinationPattern::parse(*text).expect("a pattern")).collect()
}

/// An address that nobody listens at.
pub async fn nowhere() -> SocketAddr {
    Backend::start(|_| Answer::Never).await.stop().await
}
