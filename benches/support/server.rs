//! Byway, as the benchmark loads it.

use super::{api, client, feeds, roles, stomp};
use byway::messaging::Text;
use byway::policy::RateSettings;
use byway::server::{Server, ServerSettings};
use byway::{Byway, Handler, Message, SessionHandle, Settings, Stomp};
use poem::Route;
use std::io;
use std::time::Duration;

/// Every member's message, in bytes.
pub const PAYLOAD: usize = 100;

pub fn run(routes: fn() -> io::Result<Route>) -> io::Result<()> {
    run_with(server_settings(), routes)
}

#[tokio::main(flavor = "current_thread")]
pub async fn run_with(settings: ServerSettings, routes: fn() -> io::Result<Route>) -> io::Result<()> {
    let listener = Server::bind(roles::ANYWHERE)?;
    let routes = routes()?;
    roles::announce(listener.local_addr()?)?;
    Server::new(settings).serve(listener, routes, std::future::pending()).await.map(drop)
}

pub fn routes() -> io::Result<Route> {
    let subscribers = endpoint(Subscribe)?;
    let group = subscribers.group("all");
    let publish = Publish(move || group.publish(client::payload(PAYLOAD)).expect("the hub keeps up"));
    let (stomp, messenger) =
        Byway::stomp(settings(), Stomp::new().rates(RateSettings::unlimited())).map_err(io::Error::other)?;
    let publish_stomp = Publish(move || {
        messenger.send_payload("/topic/0", Text(client::payload(PAYLOAD).into())).expect("the hub keeps up");
    });
    let (feeds, feeding) = feeds::byway()?;
    let publish_feed = Publish(move || {
        feeding.send_payload("/topic/0", Text(client::payload(PAYLOAD).into())).expect("the hub keeps up");
    });
    Ok(Route::new()
        .nest("/echo", endpoint(Echo)?.endpoint())
        .nest("/subscribe", subscribers.endpoint())
        .nest("/publish", endpoint(publish)?.endpoint())
        .nest(stomp::ENDPOINT, stomp.endpoint())
        .nest("/publish-stomp", endpoint(publish_stomp)?.endpoint())
        .nest(feeds::ENDPOINT, feeds.endpoint())
        .nest("/publish-feed", endpoint(publish_feed)?.endpoint())
        .nest("/site", api::site()?))
}

/// What measures, rather than limits.
fn server_settings() -> ServerSettings {
    ServerSettings { max_connections: 1 << 20, max_connections_per_ip: 1 << 20, ..ServerSettings::default() }
}

pub fn settings() -> Settings {
    let mut settings = Settings::default();
    settings.sockjs.response_limit = usize::MAX;
    // All sessions are of one address.
    settings.limits.max_sessions_per_address = 1 << 20;
    settings.limits.max_unconnected_per_address = 1 << 20;
    // No heartbeat within a measurement: the floors have none.
    settings.session.heartbeat = Duration::from_secs(600);
    settings
}

fn endpoint(handler: impl Handler) -> io::Result<Byway> {
    Byway::with_rates(settings(), &RateSettings::unlimited(), handler).map_err(io::Error::other)
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
struct Publish<F>(F);

impl<F: Fn() + Send + Sync + 'static> Handler for Publish<F> {
    async fn message(&self, _: &SessionHandle, message: Message) {
        let times = message.as_str().and_then(|text| text.parse().ok()).unwrap_or_default();
        (0..times).for_each(|_| (self.0)());
    }
}
