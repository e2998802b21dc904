//! A server with a topic that keeps its last publications and one that keeps nothing, and readers of each kind.

use crate::client::{Feed, accept};
use crate::in_time;
use crate::sse::{Event, Reader};
use crate::support::TestServer;
use crate::support::client::http::{Answer, Http};
use crate::support::gate::{Gate, SlowAuthenticator};
use byway::broker::{BrokerSettings, HistorySettings, SlowConsumerSettings};
use byway::messaging::{Messenger, Text};
use byway::policy::{AnonymousPolicy, AuthSettings, JwtSettings, Minter, RateSettings};
use byway::server::ServerSettings;
use byway::{Byway, FeedSettings, Principal, SessionHandle, Settings, Stomp, Transport};
use poem::{EndpointExt, Route};
use serde_json::{Value, json};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// A topic that keeps its last publications.
pub const KEPT: &str = "/topic/kept/a";
pub const OTHER: &str = "/topic/kept/b";
/// A topic that keeps nothing.
pub const LIVE: &str = "/topic/live";

/// The request header by which the stage's middleware knows who is asking.
pub const USER: &str = "X-Test-User";

pub struct Plan {
    pub settings: Settings,
    pub feeds: FeedSettings,
    pub kept: usize,
    pub slow: Vec<SlowConsumerSettings>,
    pub stomp: Stomp,
}

pub struct Stage {
    pub server: TestServer,
    pub messenger: Messenger,
}

impl Plan {
    pub fn new() -> Self {
        let (settings, feeds) = (Settings::default(), FeedSettings::default());
        Self { settings, feeds, kept: 100, slow: Vec::new(), stomp: Stomp::new().rates(RateSettings::unlimited()) }
    }

    pub fn with(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }

    pub fn stomp(mut self, change: impl FnOnce(Stomp) -> Stomp) -> Self {
        self.stomp = change(self.stomp);
        self
    }

    /// Only those with a token come in.
    pub fn tokens(self) -> Self {
        self.stomp(|stomp| stomp.auth(&auth()).expect("the test's settings are valid"))
    }

    /// The same, and each is looked at for as long as the test likes.
    pub fn slow_tokens(self) -> (Self, Gate) {
        let (gate, keys) = (Gate::new(), auth().load().expect("the test's settings are valid"));
        let slow = SlowAuthenticator(gate.clone(), keys);
        (self.tokens().stomp(|stomp| stomp.authenticator(slow)), gate)
    }

    pub fn start(self) -> Stage {
        let (byway, messenger, routes) = self.routes();
        Stage { server: TestServer::serve(ServerSettings::default(), byway, routes), messenger }
    }

    /// The same over TLS, behind a tunnel.
    pub async fn start_tls(self) -> Stage {
        let (byway, messenger, routes) = self.routes();
        Stage { server: TestServer::serve_tls(ServerSettings::default(), byway, routes).await, messenger }
    }

    fn routes(self) -> (Byway, Messenger, impl poem::Endpoint<Output: poem::IntoResponse>) {
        let pattern = "/topic/kept/*".parse().expect("a pattern");
        let history = HistorySettings { messages: self.kept, bytes: 16 << 20, ..HistorySettings::new(pattern) };
        let broker = BrokerSettings { history: vec![history], slow_consumers: self.slow, ..BrokerSettings::default() };
        let stomp = self.stomp.broker(broker).feeds(self.feeds);
        let (byway, messenger) = Byway::stomp(self.settings, stomp).expect("the test's settings are valid");
        let routes = Route::new().nest("/e", byway.endpoint()).before(|mut request| async {
            if let Some(user) = request.header(USER).map(str::to_owned) {
                request.set_data(Principal::new(user));
            }
            Ok(request)
        });
        (byway, messenger, routes)
    }
}

impl Stage {
    pub fn start() -> Self {
        Plan::new().start()
    }

    pub fn publish(&self, destination: &str, bodies: impl IntoIterator<Item = impl Into<String>>) {
        for body in bodies {
            self.messenger.send_payload(destination, Text(body.into().into())).expect("a topic takes it");
        }
    }

    pub async fn http(&self) -> Http {
        Http::connect(self.server.address).await
    }

    /// A reader on `/feed` and what is behind.
    pub async fn read(&self, row: Transport, target: &str) -> Feed {
        self.read_with(row, target, &[]).await
    }

    pub async fn read_with(&self, row: Transport, target: &str, headers: &[(&str, &str)]) -> Feed {
        Feed::open(self, row, target, headers).await
    }

    /// What a request is answered that gets no feed.
    pub async fn refusal(&self, row: Transport, target: &str, headers: &[(&str, &str)]) -> Answer {
        let headers = [headers, &[accept(row)]].concat();
        let answer = in_time(self.http().await.ask("GET", &format!("/e/feed{target}"), &headers, b"")).await;
        assert!(answer.status() >= 400, "{answer:?}");
        answer
    }

    /// An event source on `/feed` and what is behind.
    pub async fn events(&self, target: &str) -> Events {
        self.events_with(target, &[]).await
    }

    pub async fn events_with(&self, target: &str, headers: &[(&str, &str)]) -> Events {
        let mut http = self.http().await;
        let headers = [&[("Accept", "text/event-stream")], headers].concat();
        http.send("GET", &format!("/e/feed{target}"), &headers, b"").await;
        let head = in_time(http.head()).await;
        assert_eq!((head.status, head.header("content-type")), (200, Some("text/event-stream; charset=utf-8")));
        let began_at = head.header("last-event-id").expect("a feed says where it is").to_owned();
        let mut events = Events { http, reader: Reader::default(), ready: Vec::new(), began_at };
        events.fill().await;
        events
    }

    /// One poll: its status, its messages, and where the next one begins.
    pub async fn poll(&self, target: &str) -> (u16, Vec<Value>, String) {
        let headers = [("Accept", "application/json")];
        let answer = in_time(self.http().await.ask("GET", &format!("/e/feed{target}"), &headers, b"")).await;
        let messages =
            if answer.status() == 200 { serde_json::from_str(&answer.body).expect("a list") } else { vec![] };
        (answer.status(), messages, answer.header("last-event-id").unwrap_or_default().to_owned())
    }

    /// The only session that is open.
    pub fn session(&self) -> SessionHandle {
        let mut open = self.server.byway.sessions().into_iter().filter(SessionHandle::is_open);
        let session = open.next().expect("a session is open");
        assert!(open.next().is_none(), "more than one is open");
        session
    }

    pub fn count(&self, label: &str) -> u64 {
        self.server.byway.stats().ended.get(label).copied().unwrap_or_default()
    }
}

/// A stream under way.
pub struct Events {
    pub http: Http,
    pub reader: Reader,
    /// Where the answer's head says that the feed begins.
    pub began_at: String,
    ready: Vec<Event>,
}

impl Events {
    /// Reads a chunk; false at the end.
    async fn fill(&mut self) -> bool {
        let Some(chunk) = in_time(self.http.chunk()).await else { return false };
        self.ready.extend(self.reader.read(&chunk));
        true
    }

    /// The next event; `None` at the end of the response.
    pub async fn next(&mut self) -> Option<Event> {
        while self.ready.is_empty() {
            if !self.fill().await {
                return None;
            }
        }
        Some(self.ready.remove(0))
    }

    /// The data of the next events, which are plain messages.
    pub async fn take(&mut self, count: usize) -> Vec<String> {
        let mut taken = Vec::new();
        while taken.len() < count {
            let event = self.next().await.expect("the stream goes on");
            assert_eq!(event.name, "", "{event:?}");
            taken.push(event.data);
        }
        taken
    }
}

pub fn numbers(range: std::ops::Range<usize>) -> Vec<String> {
    range.map(|number| number.to_string()).collect()
}

fn auth() -> AuthSettings {
    AuthSettings { anonymous: AnonymousPolicy::Deny, jwt: keys(), ..AuthSettings::default() }
}

fn keys() -> JwtSettings {
    JwtSettings {
        secret: Some("a secret of at least 32 bytes for tests".into()),
        require_issuer: false,
        require_audience: false,
        leeway: Duration::ZERO,
        ..JwtSettings::default()
    }
}

/// A header with a token that was issued ten seconds ago and lasts for this time.
pub fn bearer(user: &str, lasts: Duration) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("it is after 1970").as_secs_f64();
    let claims = json!({ "sub": user, "iat": now - 10.0, "exp": now + lasts.as_secs_f64() });
    let minter = Minter::new(&keys()).expect("the tests' secret is long enough");
    let Value::Object(claims) = claims else { panic!("claims are an object") };
    format!("Bearer {}", minter.mint(claims).expect("a secret can sign").expose())
}

/// Waits until something holds that announces itself by nothing.
pub async fn until(mut holds: impl FnMut() -> bool) {
    in_time(async {
        while !holds() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
}
