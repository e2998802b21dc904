//! A server with an API, with STOMP on one endpoint and a chat on another.

use crate::support::TestServer;
use crate::support::client::Client;
use crate::support::client::http::{Answer, ask};
use crate::support::stomp::StompClient;
use byway::broker::{BrokerSettings, HistorySettings, PresenceSettings};
use byway::policy::{
    ActionSetting, AuthError, Authenticator, Credentials, Identity, RateSettings, RuleSettings, Rules, Who,
};
use byway::server::{
    ApiKeySettings, ApiSettings, Application, Connections, Health, KeyHash, Mounted, Permission, ServerSettings, Site,
};
use byway::{DestinationPattern, Principal, Settings, Stomp, Transport};
use futures_util::future::BoxFuture;
use serde_json::Value;
use std::sync::Arc;

/// The key that may do everything.
pub const KEY: &str = "byway_the-key-of-the-tests";
/// The keys that may do one thing.
pub const PUBLISHER: &str = "byway_the-publisher";
pub const READER: &str = "byway_the-reader";

pub struct Stage {
    pub server: TestServer,
}

/// Clients are who their login says, with the passcode for a token's id.
struct ByLogin;

impl Authenticator for ByLogin {
    fn authenticate<'a>(&'a self, credentials: &'a Credentials) -> BoxFuture<'a, Result<Identity, AuthError>> {
        let principal = credentials.login.clone().map(Principal::new);
        let token_id = credentials.passcode.as_ref().map(|passcode| passcode.expose().to_owned().into());
        Box::pin(async { Ok(Identity { principal, expires_at: None, token_id }) })
    }
}

/// Lets nobody in.
struct Nobody;

impl Authenticator for Nobody {
    fn authenticate<'a>(&'a self, _: &'a Credentials) -> BoxFuture<'a, Result<Identity, AuthError>> {
        Box::pin(async { Err(AuthError::NoToken) })
    }
}

fn mounted(name: &str, path: &str, application: Application) -> Mounted {
    mounted_with(name, path, application, Stomp::new().rates(RateSettings::unlimited()).authenticator(ByLogin))
}

fn mounted_with(name: &str, path: &str, application: Application, stomp: Stomp) -> Mounted {
    let queue = byway::broker::QueueSettings { max_messages: 2, ..Default::default() };
    let presence = vec![PresenceSettings::new("/topic/rooms/*".parse().expect("a pattern"))];
    let kept = HistorySettings::new(DestinationPattern::parse("/topic/kept/*").expect("a pattern"));
    let broker = BrokerSettings { queue, presence, history: vec![kept], ..BrokerSettings::default() };
    let stomp = || stomp.broker(broker);
    let (byway, messenger) = application.byway(Settings::default(), stomp).expect("the test's settings are valid");
    Mounted { name: name.to_owned(), path: path.to_owned(), feed_path: None, application, byway, messenger }
}

fn key(name: &str, key: &str, allow: &[Permission]) -> ApiKeySettings {
    ApiKeySettings { name: name.to_owned(), hash: KeyHash::of(key), allow: allow.to_vec() }
}

impl Stage {
    pub fn start() -> Self {
        Self::with(|_| {})
    }

    pub fn with(change: impl FnOnce(&mut ApiSettings)) -> Self {
        let endpoints = vec![mounted("main", "/e", Application::Stomp), mounted("chat", "/chat", Application::Chat)];
        Self::of(endpoints, change)
    }

    /// Where nobody comes in without a token, and only the desk reads what is for it.
    pub fn closed() -> Self {
        let desk = Who::claim("roles", "desk");
        let rules = [
            RuleSettings::allow(desk, ActionSetting::Any, "/topic/kept/desk"),
            RuleSettings::deny(Who::ANYONE, ActionSetting::Any, "/topic/kept/desk"),
            RuleSettings::allow(Who::ANYONE, ActionSetting::Any, "/**"),
        ];
        let rules = Rules::new(&rules).expect("the test's rules are valid");
        let stomp = Stomp::new().rates(RateSettings::unlimited()).authenticator(Nobody).authorizer(rules);
        Self::of(
            vec![mounted_with("main", "/e", Application::Stomp, stomp), mounted("chat", "/chat", Application::Chat)],
            |_| {},
        )
    }

    /// With two endpoints that could be meant.
    pub fn of_two() -> Self {
        let endpoints = vec![mounted("main", "/e", Application::Stomp), mounted("other", "/o", Application::Stomp)];
        Self::of(endpoints, |_| {})
    }

    fn of(endpoints: Vec<Mounted>, change: impl FnOnce(&mut ApiSettings)) -> Self {
        use Permission::{Disconnect, Publish, Purge, Read, Tickets};
        let keys = vec![
            key("all", KEY, &[Publish, Read, Disconnect, Tickets, Purge]),
            key("publisher", PUBLISHER, &[Publish]),
            key("reader", READER, &[Read]),
        ];
        let mut api = ApiSettings { keys, ..ApiSettings::default() };
        change(&mut api);
        let site = Site { endpoints, api, metrics: true, ..Site::default() };
        let routes = site.routes(&Health::default(), &Arc::<Connections>::default());
        let byway = site.endpoints[0].byway.clone();
        Self { server: TestServer::serve(ServerSettings::default(), byway, routes) }
    }

    /// A STOMP client without a name.
    pub async fn connect(&self) -> StompClient {
        self.connect_with(&[]).await
    }

    /// A STOMP client of this user.
    pub async fn connect_as(&self, user: &str) -> StompClient {
        self.connect_with(&[("login", user)]).await
    }

    pub async fn connect_with(&self, headers: &[(&str, &str)]) -> StompClient {
        StompClient::connect(Client::new(self.server.address, Transport::RawWebsocket), headers).await
    }

    /// A request with the key that may do everything.
    pub async fn ask(&self, method: &str, target: &str, body: &Value) -> Answer {
        self.ask_with(KEY, &[], method, target, body).await
    }

    /// A request with this key and these headers beside.
    pub async fn ask_with(
        &self,
        key: &str,
        headers: &[(&str, &str)],
        method: &str,
        target: &str,
        body: &Value,
    ) -> Answer {
        let key = format!("Bearer {key}");
        let json = [("Authorization", key.as_str()), ("Content-Type", "application/json")];
        let body = if body.is_null() { Vec::new() } else { body.to_string().into_bytes() };
        ask(self.server.address, method, target, &[&json, headers].concat(), &body).await
    }

    pub async fn get(&self, target: &str) -> Answer {
        self.ask("GET", target, &Value::Null).await
    }

    pub async fn publish(&self, messages: &Value) -> Answer {
        self.ask("POST", "/api/publish", messages).await
    }
}

pub fn json(answer: &Answer) -> Value {
    serde_json::from_str(&answer.body).unwrap_or_else(|error| panic!("{error}: {answer:?}"))
}

/// The answer is problem details with this status and code.
#[track_caller]
pub fn refused(answer: &Answer, status: u16, code: &str) -> Value {
    assert_eq!(answer.header("content-type"), Some("application/problem+json"), "{answer:?}");
    let problem = json(answer);
    assert_eq!((answer.status(), &problem["code"]), (status, &Value::from(code)), "{answer:?}");
    assert_eq!(problem["status"], status);
    assert!(problem["title"].is_string() && problem["detail"].as_str().is_some_and(|detail| detail.len() <= 303));
    problem
}

/// What became of each message, without errors' words.
#[track_caller]
pub fn statuses(answer: &Answer) -> Vec<String> {
    assert_eq!(answer.status(), 200, "{answer:?}");
    let results = json(answer);
    let results = results["results"].as_array().expect("results");
    let status = |result: &Value| match result["error"]["code"].as_str() {
        Some(code) => format!("{} {code}", result["status"].as_str().expect("a status")),
        None => result["status"].as_str().expect("a status").to_owned(),
    };
    results.iter().map(status).collect()
}
