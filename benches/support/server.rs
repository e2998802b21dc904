//! Byway, as the benchmark loads it.

use super::roles;
use byway::server::{Server, ServerSettings};
use byway::{Byway, Group, Handler, Message, SessionHandle, Settings};
use poem::Route;
use std::io;
use std::time::Duration;

/// Every member's message.
pub const PAYLOAD: usize = 100;

#[tokio::main(flavor = "current_thread")]
pub async fn run() -> io::Result<()> {
    let listener = Server::bind(roles::ANYWHERE)?;
    roles::announce(listener.local_addr()?)?;
    let subscribers = endpoint(Subscribe)?;
    let publish = Publish(subscribers.group("all"));
    let app = Route::new()
        .nest("/echo", endpoint(Echo)?.endpoint())
        .nest("/subscribe", subscribers.endpoint())
        .nest("/publish", endpoint(publish)?.endpoint());
    Server::new(server_settings()).serve(listener, app, std::future::pending()).await.map(drop)
}

/// What measures, rather than limits.
fn server_settings() -> ServerSettings {
    ServerSettings { max_connections: 1 << 20, max_connections_per_ip: 1 << 20, ..ServerSettings::default() }
}

fn endpoint(handler: impl Handler) -> io::Result<Byway> {
    let mut settings = Settings::default();
    settings.sockjs.response_limit = usize::MAX;
    // No heartbeat within a measurement: the floors have none.
    settings.session.heartbeat = Duration::from_secs(600);
    Byway::new(settings, handler).map_err(io::Error::other)
}

struct Echo;

impl Handler for Echo {
    async fn message(&self, session: &SessionHandle, message: Message) {
        session.send(message).ok();
    }
}

struct Subscribe;

impl Handler for Subscribe {
    async fn opened(&self, session: &SessionHandle) {
        session.join("all");
    }

    async fn message(&self, _: &SessionHandle, _: Message) {}
}

/// Publishes as often as it is told to.
struct Publish(Group);

impl Handler for Publish {
    async fn message(&self, _: &SessionHandle, message: Message) {
        let times = message.as_str().and_then(|text| text.parse().ok()).unwrap_or_default();
        for _ in 0..times {
            self.0.publish("x".repeat(PAYLOAD));
        }
    }
}
