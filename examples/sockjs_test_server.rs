//! The endpoints that SockJS clients' test suites expect, and a few more that Byway's own suites use.
//!
//! `cargo run --release --example sockjs_test_server -- --listen 127.0.0.1:8081`

use byway::server::{Server, ServerSettings};
use byway::{Byway, Disconnect, Handler, Message, OriginSettings, SessionHandle, Settings, SockJsSettings, Transport};
use clap::Parser;
use poem::Route;
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
    /// Where the iframe pages find sockjs-client, if not here.
    #[arg(long)]
    sockjs_url: Option<String>,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments = Arguments::parse();
    let app = TestServer::new(arguments.allow_origin, arguments.sockjs_url);
    let listener = Server::bind(arguments.listen)?;
    println!("listening on http://{}", listener.local_addr()?);
    app.serve(listener).await
}

/// All endpoints, and the settings that they have in common.
struct TestServer {
    settings: Settings,
    routes: Route,
    byways: Vec<Byway>,
}

impl TestServer {
    fn new(allowed: Vec<String>, client_url: Option<String>) -> Self {
        let origins = OriginSettings { allowed, ..OriginSettings::default() };
        let mut settings = Settings { origins, ..Settings::default() };
        settings.sockjs.client_url = client_url;
        Self { settings, routes: Route::new(), byways: Vec::new() }
    }

    async fn serve(mut self, listener: tokio::net::TcpListener) -> Result<(), Box<dyn std::error::Error>> {
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
        })?;
        let routes = self.routes.at("/static/sockjs-1.6.1.min.js", poem::get(client_library));
        let server = self.byways.into_iter().fold(Server::new(ServerSettings::default()), Server::drain);
        server.serve(listener, routes, terminated()).await?;
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
        let byway = Byway::new(settings, handler)?;
        self.routes = std::mem::take(&mut self.routes).nest(path, byway.endpoint());
        self.byways.push(byway);
        Ok(())
    }
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
