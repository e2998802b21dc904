//! The endpoints that the public suite asks for, and how answers are compared.

use crate::support::TestServer;
use crate::support::client::http::{self, Answer, Head, Http};
use byway::policy::RateSettings;
use byway::server::ServerSettings;
use byway::{Byway, Handler, Message, SessionHandle, Settings, Transport};
use poem::Route;
use std::time::Duration;

pub const NO_CACHE: (&str, &str) = ("cache-control", "no-store, no-cache, no-transform, must-revalidate, max-age=0");
pub const UNBUFFERED: (&str, &str) = ("x-accel-buffering", "no");
pub const NO_SNIFF: (&str, &str) = ("x-content-type-options", "nosniff");
pub const VARY: (&str, &str) = ("vary", "Origin");
pub const ANYBODY: (&str, &str) = ("access-control-allow-origin", "*");
pub const TEXT: (&str, &str) = ("content-type", "text/plain;charset=UTF-8");
pub const JAVASCRIPT: (&str, &str) = ("content-type", "application/javascript;charset=UTF-8");
pub const CHUNKED: (&str, &str) = ("transfer-encoding", "chunked");
pub const EMPTY: (&str, &str) = ("content-length", "0");

/// A page's origin that the endpoints allow.
pub const ORIGIN: &str = "http://app.example.com";

struct Echo;

impl Handler for Echo {
    async fn message(&self, session: &SessionHandle, message: Message) {
        session.send(message).ok();
    }
}

struct Close;

impl Handler for Close {
    async fn opened(&self, session: &SessionHandle) {
        session.close_with(3000, "Go away!").unwrap();
    }

    async fn message(&self, _: &SessionHandle, _: Message) {}
}

fn settings() -> Settings {
    let mut settings = Settings::default();
    settings.sockjs.response_limit = 4096;
    settings.origins.allowed = vec![ORIGIN.to_owned(), "null".to_owned()];
    settings.websocket.protocols = vec!["v12.stomp".to_owned()];
    settings
}

fn byway(handler: impl Handler, change: impl FnOnce(&mut Settings)) -> Byway {
    let mut settings = settings();
    change(&mut settings);
    Byway::with_rates(settings, &RateSettings::unlimited(), handler).unwrap()
}

/// `/echo`, `/close`, `/quick` (an echo with quick heartbeats), `/disabled_websocket_echo`, `/cookie_needed_echo`, and
/// `/elsewhere` (with URLs of its own in iframe and info).
pub async fn serve() -> TestServer {
    let echo = byway(Echo, |_| {});
    let close = byway(Close, |_| {});
    let quick = byway(Echo, |settings| settings.session.heartbeat = Duration::from_millis(30));
    let no_websocket = byway(Echo, |settings| {
        settings.sockjs.transports.retain(|t| !matches!(t, Transport::Websocket | Transport::RawWebsocket));
    });
    let cookie = byway(Echo, |settings| {
        (settings.sockjs.cookie_needed, settings.sockjs.jsessionid) = (true, true);
    });
    let elsewhere = byway(Echo, |settings| {
        settings.sockjs.client_url = Some("https://cdn.example.com/sockjs.js".to_owned());
        settings.sockjs.base_url = Some("https://node1.example.com/echo".to_owned());
    });
    let routes = Route::new()
        .nest("/echo", echo.endpoint())
        .nest("/close", close.endpoint())
        .nest("/quick", quick.endpoint())
        .nest("/disabled_websocket_echo", no_websocket.endpoint())
        .nest("/cookie_needed_echo", cookie.endpoint())
        .nest("/elsewhere", elsewhere.endpoint());
    TestServer::serve(ServerSettings::default(), echo, routes)
}

impl TestServer {
    pub async fn get(&self, target: &str) -> Answer {
        self.ask("GET", target, &[], "").await
    }

    pub async fn post(&self, target: &str, body: &str) -> Answer {
        self.ask("POST", target, &[], body).await
    }

    pub async fn ask(&self, method: &str, target: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        http::ask(self.address, method, target, headers, body.as_bytes()).await
    }

    /// A request whose answer goes on; its head has come.
    pub async fn begin(&self, method: &str, target: &str, headers: &[(&str, &str)]) -> (Http, Head) {
        let mut http = Http::connect(self.address).await;
        http.send(method, target, headers, b"").await;
        let head = http.head().await;
        (http, head)
    }
}

/// Compares a whole head, `Date` excepted. Content types are compared without spaces, as the public suite does.
pub fn check(head: &Head, status: u16, headers: &[(&str, &str)]) {
    let mut found: Vec<(String, String)> = head
        .headers
        .iter()
        .filter(|(name, _)| name != "date")
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    for (name, value) in &mut found {
        if name == "content-type" {
            value.retain(|c| c != ' ');
        }
    }
    let mut expected: Vec<_> = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    found.sort();
    expected.sort();
    assert_eq!((head.status, found), (status, expected));
}

/// The same for a whole answer, whose `Content-Length` is its body's.
pub fn check_answer(answer: &Answer, status: u16, headers: &[(&str, &str)], body: &str) {
    assert_eq!(answer.body, body);
    let length = body.len().to_string();
    check(&answer.head, status, &[headers, &[("content-length", length.as_str())]].concat());
}
