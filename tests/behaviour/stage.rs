//! A server with an application that tells the test everything that happens to it.

use crate::support::TestServer;
use crate::support::client::{Client, Kind, kind};
use byway::policy::RateSettings;
use byway::server::ServerSettings;
use byway::{Byway, Disconnect, Handler, Message, Principal, SessionHandle, Settings, Transport};
use futures_util::future::BoxFuture;
use poem::{EndpointExt, Route};
use std::future::ready;
use std::time::Duration;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

/// What the application was told.
#[derive(Debug)]
pub enum Told {
    Opened(SessionHandle),
    Message(SessionHandle, Message),
    Ended(SessionHandle, Disconnect),
}

type Act<T> = Box<dyn Fn(SessionHandle, T) -> BoxFuture<'static, ()> + Send + Sync>;

/// Tells the test, and then acts.
pub struct App {
    told: UnboundedSender<Told>,
    opened: Act<()>,
    message: Act<Message>,
    ended: Act<Disconnect>,
}

impl Handler for App {
    async fn opened(&self, session: &SessionHandle) {
        self.told.send(Told::Opened(session.clone())).ok();
        (self.opened)(session.clone(), ()).await;
    }

    async fn message(&self, session: &SessionHandle, message: Message) {
        self.told.send(Told::Message(session.clone(), message.clone())).ok();
        (self.message)(session.clone(), message).await;
    }

    async fn ended(&self, session: &SessionHandle, disconnect: &Disconnect) {
        self.told.send(Told::Ended(session.clone(), disconnect.clone())).ok();
        (self.ended)(session.clone(), disconnect.clone()).await;
    }
}

/// What a stage is built from: settings, and an application that only tells.
pub struct Plan {
    pub row: Transport,
    pub settings: Settings,
    pub server: ServerSettings,
    app: App,
    told: UnboundedReceiver<Told>,
}

/// The server, and the test's seat in front of it.
pub struct Stage {
    pub row: Transport,
    pub server: TestServer,
    told: UnboundedReceiver<Told>,
}

/// The request header by which the stage's middleware knows who is asking.
pub const USER: &str = "X-Test-User";

impl Plan {
    pub fn new(row: Transport) -> Self {
        let (sender, told) = unbounded_channel();
        let app = App {
            told: sender,
            opened: Box::new(|_, ()| Box::pin(ready(()))),
            message: Box::new(|_, _| Box::pin(ready(()))),
            ended: Box::new(|_, _| Box::pin(ready(()))),
        };
        Self { row, settings: Settings::default(), server: ServerSettings::default(), app, told }
    }

    /// Changes the settings.
    pub fn with(mut self, change: impl FnOnce(&mut Settings)) -> Self {
        change(&mut self.settings);
        self
    }

    /// Has every response end behind its first frame, as polls do, so that a client can be between two receivers.
    pub fn short_responses(self) -> Self {
        self.with(|settings| settings.sockjs.response_limit = 1)
    }

    pub fn heartbeat(self, millis: u64) -> Self {
        self.with(|settings| settings.session.heartbeat = Duration::from_millis(millis))
    }

    pub fn disconnect_delay(self, millis: u64) -> Self {
        self.with(|settings| settings.session.disconnect_delay = Duration::from_millis(millis))
    }

    pub fn on_open(
        mut self,
        act: impl Fn(SessionHandle, ()) -> BoxFuture<'static, ()> + Send + Sync + 'static,
    ) -> Self {
        self.app.opened = Box::new(act);
        self
    }

    pub fn on_message(
        mut self,
        act: impl Fn(SessionHandle, Message) -> BoxFuture<'static, ()> + Send + Sync + 'static,
    ) -> Self {
        self.app.message = Box::new(act);
        self
    }

    pub fn on_ended(
        mut self,
        act: impl Fn(SessionHandle, Disconnect) -> BoxFuture<'static, ()> + Send + Sync + 'static,
    ) -> Self {
        self.app.ended = Box::new(act);
        self
    }

    /// Sends every message back.
    pub fn echo(self) -> Self {
        self.on_message(|session, message| {
            session.send(message).ok();
            Box::pin(ready(()))
        })
    }

    /// The endpoint, and what its application tells, for a server of the test's own making.
    pub fn byway(self) -> (Byway, UnboundedReceiver<Told>) {
        (
            Byway::with_rates(self.settings, &RateSettings::unlimited(), self.app)
                .expect("the test's settings are valid"),
            self.told,
        )
    }

    pub fn start(self) -> Stage {
        let (row, server) = (self.row, self.server.clone());
        let (byway, routes, told) = self.routes();
        Stage { row, server: TestServer::serve(server, byway, routes), told }
    }

    /// The same over TLS, behind a tunnel.
    pub async fn start_tls(self) -> Stage {
        let (row, server) = (self.row, self.server.clone());
        let (byway, routes, told) = self.routes();
        Stage { row, server: TestServer::serve_tls(server, byway, routes).await, told }
    }

    fn routes(self) -> (Byway, impl poem::Endpoint<Output: poem::IntoResponse>, UnboundedReceiver<Told>) {
        let (byway, told) = self.byway();
        let routes = Route::new().nest("/e", byway.endpoint()).before(|mut request| async {
            if let Some(user) = request.header(USER).map(str::to_owned) {
                request.set_data(Principal::new(user));
            }
            Ok(request)
        });
        (byway, routes, told)
    }
}

impl Stage {
    /// A client of the row's, not connected yet.
    pub fn client(&self) -> Client {
        Client::new(self.server.address, self.row)
    }

    /// A client that is connected, and its session.
    pub async fn open(&mut self) -> (Client, SessionHandle) {
        let client = self.client().open().await;
        (client, self.opened().await)
    }

    /// The next thing that the application was told.
    pub async fn told(&mut self) -> Told {
        self.told.recv().await.expect("the application is there")
    }

    /// The next session that opened; messages are passed over.
    pub async fn opened(&mut self) -> SessionHandle {
        loop {
            match self.told().await {
                Told::Opened(session) => return session,
                Told::Message(..) => {}
                told @ Told::Ended(..) => panic!("{told:?}"),
            }
        }
    }

    /// The next message that the application got.
    pub async fn message(&mut self) -> String {
        match self.told().await {
            Told::Message(_, message) => message.as_str().expect("the tests send text").to_owned(),
            told => panic!("{told:?}"),
        }
    }

    /// The next ending; messages are passed over.
    pub async fn ended(&mut self) -> Disconnect {
        loop {
            match self.told().await {
                Told::Ended(session, disconnect) => {
                    assert!(!session.is_open());
                    return disconnect;
                }
                Told::Message(..) => {}
                told @ Told::Opened(_) => panic!("{told:?}"),
            }
        }
    }

    /// Waits until nothing of any session is left.
    pub async fn gone(&self) {
        until(|| self.server.byway.sessions().is_empty()).await;
    }

    /// Waits until no session is left, and checks that the application was told nothing more.
    pub async fn is_over(&mut self) {
        let drained = self.server.byway.drain(Duration::from_secs(20)).await;
        assert_eq!(drained.left, 0);
        match self.told.try_recv() {
            Err(_) => {}
            Ok(told) => panic!("{told:?} behind the end"),
        }
    }
}

/// The disconnect that the application is told of when its client goes without a word.
pub const GONE: Disconnect = Disconnect::INTERRUPTED;

pub fn is_socket(row: Transport) -> bool {
    kind(row) == Kind::Socket
}

/// Waits until something holds that announces itself by nothing.
pub async fn until(mut holds: impl FnMut() -> bool) {
    while !holds() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
