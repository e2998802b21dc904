//! A STOMP server with an application that tells the test who comes and goes, and keys for tokens.

use super::TestServer;
use super::client::Client;
use super::gate::{Gate, SlowAuthenticator};
use super::stomp::StompClient;
use byway::broker::BrokerSettings;
use byway::messaging::{Event, Messages, MessagingSettings, Messenger, Refusals};
use byway::policy::{AnonymousPolicy, AuthSettings, JwtSettings, Minter, RateSettings};
use byway::protocol::stomp::StompSettings;
use byway::server::ServerSettings;
use byway::{Byway, Disconnect, Settings, Stomp, Transport};
use poem::Route;
use serde_json::{Value, json};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

/// What a stage is built from.
pub struct Plan {
    row: Transport,
    pub settings: Settings,
    pub frames: StompSettings,
    pub broker: BrokerSettings,
    stomp: Stomp,
    messages: Messages,
}

/// The server, and the test's seat in front of it.
pub struct Stage {
    row: Transport,
    pub server: TestServer,
    pub messenger: Messenger,
    events: UnboundedReceiver<Event>,
}

impl Plan {
    /// No rules, everybody let in. Sessions wait long for a receiver, because tests look after one client at a time.
    pub fn new(row: Transport) -> Self {
        let mut settings = Settings::default();
        settings.session.disconnect_delay = Duration::from_secs(60);
        let (frames, broker) = (StompSettings::default(), BrokerSettings::default());
        Self {
            row,
            settings,
            frames,
            broker,
            stomp: Stomp::new().rates(RateSettings::unlimited()),
            messages: Messages::new(),
        }
    }

    pub fn with(mut self, change: impl FnOnce(&mut Settings)) -> Self {
        change(&mut self.settings);
        self
    }

    pub fn frames(mut self, change: impl FnOnce(&mut StompSettings)) -> Self {
        change(&mut self.frames);
        self
    }

    pub fn broker(mut self, change: impl FnOnce(&mut BrokerSettings)) -> Self {
        change(&mut self.broker);
        self
    }

    pub fn stomp(mut self, change: impl FnOnce(Stomp) -> Stomp) -> Self {
        self.stomp = change(self.stomp);
        self
    }

    pub fn messages(mut self, change: impl FnOnce(Messages) -> Messages) -> Self {
        self.messages = change(self.messages);
        self
    }

    pub fn refusals(self, refusals: Refusals) -> Self {
        self.messages(|messages| messages.settings(MessagingSettings { refusals, ..MessagingSettings::default() }))
    }

    /// Only clients with a token come in.
    pub fn tokens(self) -> Self {
        self.stomp(|stomp| stomp.auth(&auth(AnonymousPolicy::Deny)).expect("the test's settings are valid"))
    }

    /// The same, and each is looked at for as long as the test likes.
    pub fn slow_tokens(self) -> (Self, Gate) {
        let (gate, keys) = (Gate::new(), auth(AnonymousPolicy::Deny).load().expect("the test's settings are valid"));
        let slow = SlowAuthenticator(gate.clone(), keys);
        (self.tokens().stomp(|stomp| stomp.authenticator(slow)), gate)
    }

    pub fn start(self) -> Stage {
        let (row, byway, messenger, events) = self.build();
        let routes = Route::new().nest("/e", byway.endpoint());
        let server = TestServer::serve(ServerSettings::default(), byway, routes);
        Stage { row, server, messenger, events }
    }

    /// The same inside a plain `poem::Server`.
    pub async fn start_inside_poem(self) -> Stage {
        let (row, byway, messenger, events) = self.build();
        let routes = Route::new().nest("/e", byway.endpoint());
        let server = TestServer::serve_inside_poem(byway, routes).await;
        Stage { row, server, messenger, events }
    }

    /// The same over TLS, behind a tunnel.
    pub async fn start_tls(self) -> Stage {
        let (row, byway, messenger, events) = self.build();
        let routes = Route::new().nest("/e", byway.endpoint());
        let server = TestServer::serve_tls(ServerSettings::default(), byway, routes).await;
        Stage { row, server, messenger, events }
    }

    fn build(self) -> (Transport, Byway, Messenger, UnboundedReceiver<Event>) {
        let (teller, events) = unbounded_channel();
        let messages = self.messages.on_event(move |event, _| {
            teller.send(event).ok();
            std::future::ready(())
        });
        let stomp = self.stomp.settings(self.frames).broker(self.broker).messages(messages);
        let (byway, messenger) = Byway::stomp(self.settings, stomp).expect("the test's settings are valid");
        (self.row, byway, messenger, events)
    }
}

impl Stage {
    /// A client of the row's, not connected yet.
    pub fn client(&self) -> Client {
        Client::new(self.server.address, self.row)
    }

    /// A client whose session is open, and who has said nothing.
    pub async fn open(&self) -> StompClient {
        StompClient::open(self.client()).await
    }

    /// A client without a name.
    pub async fn connect(&self) -> StompClient {
        StompClient::connect(self.client(), &[]).await
    }

    /// A client of this user, whose token lasts.
    pub async fn connect_as(&self, user: &str) -> StompClient {
        StompClient::connect(self.client(), &[("token", &token(user))]).await
    }

    /// The next thing that the application was told.
    pub async fn event(&mut self) -> Event {
        self.events.recv().await.expect("the application is there")
    }

    /// Lets go of everything that the application was told so far.
    pub fn forget(&mut self) {
        while self.events.try_recv().is_ok() {}
    }

    /// How the next session ended that was let in.
    pub async fn ended(&mut self) -> Disconnect {
        loop {
            if let Event::Disconnected { disconnect, .. } = self.event().await {
                return disconnect;
            }
        }
    }

    /// How many sessions ended with this label.
    pub fn endings(&self, label: &str) -> u64 {
        self.server.byway.stats().ended.get(label).copied().unwrap_or_default()
    }
}

/// What the tests' tokens are signed with.
pub const SECRET: &str = "a secret of at least 32 bytes for tests";

fn keys() -> JwtSettings {
    JwtSettings {
        secret: Some(SECRET.into()),
        require_issuer: false,
        require_audience: false,
        ..JwtSettings::default()
    }
}

/// Tokens of the tests are good.
pub fn auth(anonymous: AnonymousPolicy) -> AuthSettings {
    AuthSettings { anonymous, jwt: keys(), ..AuthSettings::default() }
}

/// A token that outlasts every test.
pub fn token(user: &str) -> String {
    token_with(user, Duration::from_secs(3600), json!({}))
}

/// A token that was issued ten seconds ago and ends in this time, with more claims.
pub fn token_with(user: &str, lasts: Duration, more: Value) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("it is after 1970").as_secs_f64();
    let mut claims = json!({ "sub": user, "iat": now - 10.0, "exp": now + lasts.as_secs_f64() });
    let (Value::Object(claims), Value::Object(more)) = (&mut claims, more) else { panic!("claims are an object") };
    claims.extend(more);
    let minter = Minter::new(&keys()).expect("the tests' secret is long enough");
    minter.mint(claims.clone()).expect("a secret can sign").expose().to_owned()
}

/// Waits until something holds that announces itself by nothing.
pub async fn until(mut holds: impl FnMut() -> bool) {
    while !holds() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
