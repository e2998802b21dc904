//! What the examples have in common: where they listen, what their pages are made of, and how visitors sign in.

// Each example is a program of its own, and uses what it needs.
#![allow(dead_code)]

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use byway::policy::{AuthSettings, JwtSettings, Minter};
use byway::server::{Server, ServerSettings};
use byway::{Byway, Secret};
use clap::Parser;
use poem::{Response, Route, endpoint::make_sync, get};
use serde_json::json;
use std::error::Error;
use std::net::SocketAddr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::signal::unix::{SignalKind, signal};

#[derive(Parser)]
struct Arguments {
    /// Where to listen; port 0 takes any free port.
    #[arg(long, default_value = "127.0.0.1:8080")]
    listen: SocketAddr,
}

/// Serves the pages, and the sessions below `/stomp`, until the process is told to stop.
pub async fn serve(byway: Byway, pages: Route) -> Result<(), Box<dyn Error>> {
    let listener = Server::bind(Arguments::parse().listen)?;
    println!("listening on http://{}", listener.local_addr()?);
    let routes = pages.nest("/stomp", byway.endpoint());
    Server::new(ServerSettings::default()).drain(byway).serve(listener, routes, told_to_stop()).await?;
    Ok(())
}

async fn told_to_stop() {
    let Ok(mut terminated) = signal(SignalKind::terminate()) else { return std::future::pending().await };
    tokio::select! {
        _ = terminated.recv() => {}
        _ = tokio::signal::ctrl_c() => {}
    }
}

/// An example's page and its script, with the style and the libraries that all of them use.
pub fn pages(html: &'static str, script: &'static str) -> Route {
    const SCRIPT: &str = "text/javascript; charset=utf-8";
    const STYLE: &str = "text/css; charset=utf-8";
    Route::new()
        .at("/", file("text/html; charset=utf-8", html))
        .at("/page.js", file(SCRIPT, script))
        .at("/support/page.css", file(STYLE, include_str!("page.css")))
        .at("/support/session.js", file(SCRIPT, include_str!("session.js")))
        .at("/static/demo.css", file(STYLE, include_str!("../../static/demo.css")))
        .at("/static/demo/page.js", file(SCRIPT, include_str!("../../static/demo/page.js")))
        .at("/static/favicon.svg", file("image/svg+xml", include_str!("../../static/favicon.svg")))
        .at("/static/sockjs.js", file(SCRIPT, include_str!("../../static/sockjs-1.6.1.min.js")))
        .at("/static/stomp.js", file(SCRIPT, include_str!("../../static/stomp-7.5.0.umd.min.js")))
}

/// Nothing but this server's own files runs on a page, so a message that contains a script is just text.
fn file(content_type: &'static str, text: &'static str) -> poem::RouteMethod {
    get(make_sync(move |_| {
        Response::builder()
            .content_type(content_type)
            .header("content-security-policy", POLICY)
            .header("x-content-type-options", "nosniff")
            .header("cache-control", "no-cache")
            .body(text)
    }))
}

const POLICY: &str = "default-src 'self'; connect-src 'self' ws: wss:; img-src 'self' data:; base-uri 'none'; \
     form-action 'self'; frame-ancestors 'self'";

/// Makes tokens, and says how they are checked.
///
/// A real application has its tokens from whoever knows its users. Here the secret is drawn at each start: no token outlives
/// the process, and there is none to be found in the code.
pub struct SignIn {
    /// For [`Stomp::auth`](byway::Stomp::auth).
    pub auth: AuthSettings,
    minter: Minter,
}

impl SignIn {
    pub fn new() -> Result<Self, Box<dyn Error>> {
        let mut secret = [0; 32];
        getrandom::fill(&mut secret).map_err(|error| error.to_string())?;
        let jwt = JwtSettings {
            secret: Some(Secret::from(format!("base64:{}", BASE64_STANDARD.encode(secret)))),
            issuer: Some("byway-example".to_owned()),
            audience: Some("byway-example".to_owned()),
            ..JwtSettings::default()
        };
        let minter = Minter::new(&jwt)?;
        Ok(Self { auth: AuthSettings { jwt, ..AuthSettings::default() }, minter })
    }

    /// A token for this user, good for a day.
    pub fn token(&self, name: &str, roles: &[&str]) -> Result<String, Box<dyn Error>> {
        let end = SystemTime::now() + Duration::from_secs(24 * 60 * 60);
        let claims = json!({ "sub": name, "roles": roles, "exp": end.duration_since(UNIX_EPOCH)?.as_secs() });
        let claims = serde_json::from_value(claims)?;
        Ok(self.minter.mint(claims)?.expose().to_owned())
    }
}
