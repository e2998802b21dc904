//! The endpoints that SockJS clients' test suites expect, and a few more that Byway's own suites use.
//!
//! `cargo run --release --example sockjs_test_server -- --listen 127.0.0.1:8081`
//!
//! The public suite (sockjs-protocol) calls its page's origin `test`, which no page's can be: `--public-suite` lets it in.

use byway::policy::RateSettings;
use byway::server::{Server, ServerSettings};
use byway::{Byway, Disconnect, Handler, Message, OriginSettings, SessionHandle, Settings, SockJsSettings, Transport};
use clap::Parser;
use http::HeaderValue;
use http::header::{ACCESS_CONTROL_ALLOW_ORIGIN, ORIGIN};
use poem::{Endpoint, EndpointExt, IntoResponse, Request, Response, Route};
use std::net::SocketAddr;
use std::time::Duration;

#[derive(Parser)]
struct Arguments {
    /// Where to listen; port 0 takes any free port.
    #[arg(long, default_value = "127.0.0.1:8081")]
    listen: SocketAddr,
    /// An origin, beside the server's own, whose pages may connect. Can be given more than once.
    #[arg(long)]
    allow_origin: Vec<String>,
    /// Lets the public suite in, whose origin is `test`, and pages of the origin `null`.
    #[arg(long)]
    public_suite: bool,
    /// Where the iframe pages find sockjs-client, if not here.
    #[arg(long)]
    sockjs_url: Option<String>,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments = Arguments::parse();
    // Whoever is told an address finds a server there: all that may be wrong was looked at before.
    let server = TestServer::new(&arguments)?;
    let listener = Server::bind(arguments.listen)?;
    println!("listening on http://{}", listener.local_addr()?);
    server.serve(listener).await
}

/// All endpoints, and the settings that they have in common.
struct TestServer {
    settings: Settings,
    routes: Route,
    byways: Vec<Byway>,
    public_suite: bool,
}

impl TestServer {
    fn new(arguments: &Arguments) -> Result<Self, Box<dyn std::error::Error>> {
        let mut allowed = arguments.allow_origin.clone();
        if arguments.public_suite {
            allowed.extend(["null", SUITE_AS_ORIGIN].map(str::to_owned));
        }
        let origins = OriginSettings { allowed, ..OriginSettings::default() };
        let mut settings = Settings { origins, ..Settings::default() };
        settings.sockjs.client_url = arguments.sockjs_url.clone();
        let public_suite = arguments.public_suite;
        let mut server = Self { settings, routes: Route::new(), byways: Vec::new(), public_suite };
        server.nest_all()?;
        Ok(server)
    }

    fn nest_all(&mut self) -> Result<(), Box<dyn std::error::Error>> {
        let short = |sockjs: &mut SockJsSettings| sockjs.response_limit = 4096;
        self.nest("/echo", Echo, short)?;
        self.nest("/echo_big", Closer, |_| {})?;
        self.nest("/close", Close, short)?;
        self.nest("/ticker", Ticker, short)?;
        self.nest("/amplify", Amplify, short)?;
        self.nest("/broadcast", Broadcast, short)?;
        self.nest("/disabled_websocket_echo", Echo, |sockjs| {
            short(sockjs);
            sockjs.transports.retain(|t| !matches!(t, Transport::Websocket | Transport::RawWebsocket));
        })?;
        self.nest("/cookie_needed_echo", Echo, |sockjs| {
            short(sockjs);
            (sockjs.cookie_needed, sockjs.jsessionid) = (true, true);
        })
    }

    async fn serve(self, listener: tokio::net::TcpListener) -> Result<(), Box<dyn std::error::Error>> {
        let routes = self.routes.at("/static/sockjs-1.6.1.min.js", poem::get(client_library));
        let server = self.byways.into_iter().fold(Server::new(ServerSettings::default()), Server::drain);
        match self.public_suite {
            true => server.serve(listener, routes.around(as_page), terminated()).await?,
            false => server.serve(listener, routes, terminated()).await?,
        };
        Ok(())
    }

    fn nest(
        &mut self,
        path: &str,
        handler: impl Handler,
        change: impl FnOnce(&mut SockJsSettings),
    ) -> Result<(), Box<dyn std::error::Error>> {
        let mut settings = self.settings.clone();
        settings.limits.max_message_bytes = 16 << 20;
        settings.limits.max_body_bytes = 16 << 20;
        // Autobahn sends messages of 4 MiB in fragments of 64 bytes.
        settings.websocket.max_fragments = 1 << 17;
        settings.session.queue_bytes = 32 << 20;
        settings.websocket.deflate = path == "/echo_big";
        change(&mut settings.sockjs);
        let byway = Byway::with_rates(settings, &RateSettings::unlimited(), handler)?;
        self.routes = std::mem::take(&mut self.routes).nest(path, byway.endpoint());
        self.byways.push(byway);
        Ok(())
    }
}

/// What the public suite calls its origin, and what that is here.
const SUITE: &str = "test";
const SUITE_AS_ORIGIN: &str = "http://public-suite.test";

/// Takes the public suite for a page, and answers it by the name that it gave.
async fn as_page<E: Endpoint>(next: E, mut request: Request) -> poem::Result<Response> {
    let is_suite = request.headers().get(ORIGIN).is_some_and(|origin| origin == SUITE);
    if is_suite {
        request.headers_mut().insert(ORIGIN, HeaderValue::from_static(SUITE_AS_ORIGIN));
    }
    let mut response = next.call(request).await?.into_response();
    let allowed = response.headers_mut().get_mut(ACCESS_CONTROL_ALLOW_ORIGIN);
    if let Some(allowed) = allowed.filter(|allowed| is_suite && *allowed == SUITE_AS_ORIGIN) {
        *allowed = HeaderValue::from_static(SUITE);
    }
    Ok(response)
}

/// The library that the browser tests load.
#[poem::handler]
fn client_library() -> poem::Response {
    let script = include_str!("../static/sockjs-1.6.1.min.js");
    poem::Response::builder().content_type("application/javascript; charset=UTF-8").body(script)
}

async fn terminated() {
    match tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
        Ok(mut signal) => drop(signal.recv().await),
        Err(_) => std::future::pending().await,
    }
}

/// Sends every message back.
struct Echo;

impl Handler for Echo {
    async fn message(&self, session: &SessionHandle, message: Message) {
        // The only failure is that the session has ended, and then nobody waits for the echo.
        session.send(message).ok();
    }
}

/// Sends every message back, except `{"close":[code,"reason"]}`, which it does.
struct Closer;

#[derive(serde::Deserialize)]
struct CloseOrder {
    close: (u16, String),
}

impl Handler for Closer {
    async fn message(&self, session: &SessionHandle, message: Message) {
        let order = message.as_str().and_then(|text| serde_json::from_str::<CloseOrder>(text).ok());
        match order {
            Some(CloseOrder { close: (code, reason) }) => {
                if let Err(error) = session.close_with(code, reason) {
                    session.send(error.to_string()).ok();
                }
            }
            None => drop(session.send(message)),
        }
    }
}

/// Closes every session as soon as it is open.
struct Close;

impl Handler for Close {
    async fn opened(&self, session: &SessionHandle) {
        session.close_with(3000, "Go away!").expect("3000 is an application's code");
    }

    async fn message(&self, _: &SessionHandle, _: Message) {}
}

/// Sends "tick!" every second.
struct Ticker;

impl Handler for Ticker {
    async fn opened(&self, session: &SessionHandle) {
        let session = session.clone();
        tokio::spawn(async move {
            let mut second = tokio::time::interval(Duration::from_secs(1));
            while session.is_open() {
                second.tick().await;
                session.send("tick!").ok();
            }
        });
    }

    async fn message(&self, _: &SessionHandle, _: Message) {}
}

/// Answers a number n with 2 to the power of n letters, up to 2 to the 19th.
struct Amplify;

impl Handler for Amplify {
    async fn message(&self, session: &SessionHandle, message: Message) {
        let power = message.as_str().and_then(|text| text.parse::<u32>().ok()).filter(|power| (1..20).contains(power));
        session.send("x".repeat(1 << power.unwrap_or(1))).ok();
    }
}

/// Sends every message to every session.
struct Broadcast;

impl Handler for Broadcast {
    async fn opened(&self, session: &SessionHandle) {
        session.join("all");
    }

    async fn message(&self, session: &SessionHandle, message: Message) {
        if let Err(error) = session.group("all").publish(message) {
            session.send(error.to_string()).ok();
        }
    }

    async fn ended(&self, session: &SessionHandle, _: &Disconnect) {
        session.leave("all");
    }
}
