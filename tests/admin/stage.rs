//! A server with an admin page, with STOMP on one endpoint and a chat on another.

use crate::support::TestServer;
use crate::support::client::Client;
use crate::support::client::http::{Answer, Http, ask};
use crate::support::stomp::StompClient;
use byway::server::{
    Admin, ApiKeySettings, ApiSettings, Application, CommonSettings, Connections, Health, KeyHash, Mounted, Permission,
    ServerSettings, Site,
};
use byway::{Settings, Stomp, Transport};
use serde_json::Value;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

/// The key that may do everything on the page.
pub const OPERATOR: &str = "byway_the-operator";
/// The key that may open the page, and nothing else.
pub const VISITOR: &str = "byway_the-visitor";
/// A key of a backend.
pub const BACKEND: &str = "byway_the-backend";

pub struct Stage {
    pub server: TestServer,
    /// The endpoint that the page listens to.
    pub live: Option<byway::Byway>,
}

fn mounted(name: &str, path: &str, application: Application) -> Mounted {
    let made = application.byway(Settings::default(), Stomp::new);
    let (byway, messenger) = made.expect("the test's settings are valid");
    Mounted { name: name.to_owned(), path: path.to_owned(), feed_path: None, application, byway, messenger }
}

fn key(name: &str, key: &str, allow: &[Permission]) -> ApiKeySettings {
    ApiKeySettings { name: name.to_owned(), hash: KeyHash::of(key), allow: allow.to_vec() }
}

impl Stage {
    pub fn start() -> Self {
        use Permission::{Admin, Disconnect, Publish, Read, Watch};
        Self::with(vec![
            key("operator", OPERATOR, &[Admin, Read, Disconnect, Watch]),
            key("visitor", VISITOR, &[Admin]),
            key("backend", BACKEND, &[Publish, Read, Disconnect]),
        ])
    }

    /// Without a key that may open the page.
    pub fn without_page() -> Self {
        Self::with(vec![key("backend", BACKEND, &[Permission::Read])])
    }

    fn with(keys: Vec<ApiKeySettings>) -> Self {
        let endpoints = vec![mounted("main", "/e", Application::Stomp), mounted("chat", "/chat", Application::Chat)];
        let api = ApiSettings { keys, failures_per_minute: 1000, ..ApiSettings::default() };
        let admin = Admin::new(&api, &endpoints).expect("the test's settings are valid");
        let live = admin.as_ref().map(|admin| admin.endpoint().clone());
        let common = CommonSettings { failures_per_minute: 77, ..CommonSettings::default() };
        let site = Site { endpoints, api, admin, common, ..Site::default() };
        let routes = site.routes(&Health::default(), &Arc::<Connections>::default());
        let byway = site.endpoints[0].byway.clone();
        Self { server: TestServer::serve(ServerSettings::default(), byway, routes), live }
    }

    pub async fn get(&self, key: &str, target: &str) -> Answer {
        self.ask(key, "GET", target).await
    }

    pub async fn ask(&self, key: &str, method: &str, target: &str) -> Answer {
        let key = format!("Bearer {key}");
        ask(self.server.address, method, target, &[("Authorization", &key)], b"").await
    }

    pub async fn connect(&self, headers: &[(&str, &str)]) -> StompClient {
        StompClient::connect(Client::new(self.server.address, Transport::RawWebsocket), headers).await
    }

    /// The id of the newest session.
    pub fn newest(&self) -> String {
        let ids = self.server.byway.sessions().into_iter().map(|session| session.id());
        ids.max().expect("there is a session").to_string()
    }

    /// A feed of the page's, from where its history begins.
    pub async fn follow(&self, key: &str, destination: &str) -> Feed {
        let mut http = Http::connect(self.server.address).await;
        let authorization = format!("Bearer {key}");
        let target = format!("/admin/live/feed{destination}?format=lines&history=100");
        http.send("GET", &target, &[("Authorization", &authorization)], b"").await;
        let head = http.head().await;
        assert_eq!(head.status, 200, "{head:?}");
        Feed { http, pending: String::new(), told: VecDeque::new() }
    }

    /// What a feed of the page's is refused with.
    pub async fn refused(&self, key: &str, destination: &str) -> u16 {
        self.get(key, &format!("/admin/live/feed{destination}?format=lines")).await.status()
    }
}

/// A feed under way.
pub struct Feed {
    http: Http,
    pending: String,
    told: VecDeque<Value>,
}

impl Feed {
    /// What is told next.
    pub async fn next(&mut self) -> Value {
        let next = tokio::time::timeout(Duration::from_secs(20), self.read()).await;
        next.expect("everything that is waited for comes")
    }

    /// What is told next of which this is true.
    pub async fn until(&mut self, is_it: impl Fn(&Value) -> bool) -> Value {
        loop {
            let told = self.next().await;
            if is_it(&told) {
                return told;
            }
        }
    }

    async fn read(&mut self) -> Value {
        while self.told.is_empty() {
            let chunk = self.http.chunk().await.expect("the feed goes on");
            self.pending.push_str(&chunk);
            while let Some(end) = self.pending.find('\n') {
                let line: String = self.pending.drain(..=end).collect();
                self.told.extend(body(&line));
            }
        }
        self.told.pop_front().expect("there is one")
    }
}

/// The body of a line that is a message's.
fn body(line: &str) -> Option<Value> {
    let record: Value = serde_json::from_str(line).ok()?;
    serde_json::from_str(record["body"].as_str()?).ok()
}

pub fn json(answer: &Answer) -> Value {
    serde_json::from_str(&answer.body).unwrap_or_else(|error| panic!("{error}: {answer:?}"))
}
