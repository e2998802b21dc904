//! The server under attack, and the rule that all attacks share: it lives, nothing panicked, and a client that does
//! nothing wrong is served as before.

use super::http::{Answer, Wire, post};
use super::socket::Socket;
use crate::support::TestServer;
use byway::server::ServerSettings;
use byway::{Disconnect, Handler, Message, SessionHandle, Settings};
use std::net::SocketAddr;
use std::sync::{Mutex, Once};
use std::time::{Duration, Instant};

/// How long anything may take before a test gives up. Far above every deadline that the tests set, so that a busy
/// machine fails none of them.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// The deadline that tests set where a row has one.
pub const SHORT: Duration = Duration::from_millis(300);

/// The application under attack: it echoes, and every session is in the group `all`.
pub struct Echo;

impl Handler for Echo {
    async fn opened(&self, session: &SessionHandle) {
        session.join("all");
    }

    async fn message(&self, session: &SessionHandle, message: Message) {
        match message.as_str() {
            Some("close") => session.close_with(3000, "Go away!").expect("3000 is an application's code"),
            Some("panic") => panic!("{EXPECTED_PANIC}"),
            // The only failure is that the session has ended.
            _ => drop(session.send(message)),
        }
    }

    async fn ended(&self, _: &SessionHandle, _: &Disconnect) {}
}

const EXPECTED_PANIC: &str = "the test asked for it";

pub struct Target {
    pub server: TestServer,
}

impl Target {
    pub async fn start() -> Self {
        Self::with(|_, _| {}).await
    }

    /// A server whose settings are the defaults, changed.
    pub async fn with(change: impl FnOnce(&mut ServerSettings, &mut Settings)) -> Self {
        let (mut server, mut settings) = (ServerSettings::default(), Settings::default());
        server.max_connections_per_ip = server.max_connections;
        change(&mut server, &mut settings);
        Self::over(TestServer::start_with(server, settings, Echo).await)
    }

    pub fn over(server: TestServer) -> Self {
        record_panics();
        Self { server }
    }

    pub fn address(&self) -> SocketAddr {
        self.server.address
    }

    pub async fn connect(&self) -> Wire {
        Wire::connect(self.address()).await
    }

    /// Sends these bytes over a connection of their own and reads until the server closes it.
    pub async fn exchange(&self, bytes: impl AsRef<[u8]>) -> Vec<Answer> {
        let mut wire = self.connect().await;
        wire.send(bytes).await;
        wire.answers().await
    }

    /// The one answer to these bytes, behind which the server closes.
    pub async fn answer(&self, bytes: impl AsRef<[u8]>) -> Answer {
        let mut answers = self.exchange(bytes).await;
        assert_eq!(answers.len(), 1, "{answers:?}");
        answers.remove(0)
    }

    pub fn refused(&self, reason: &str) -> u64 {
        self.server.byway.stats().refused.get(reason).copied().unwrap_or_default()
    }

    pub fn ended(&self, label: &str) -> u64 {
        self.server.byway.stats().ended.get(label).copied().unwrap_or_default()
    }

    pub fn sessions(&self) -> usize {
        self.server.byway.sessions().len()
    }

    /// Sessions that were ever opened.
    pub fn opened(&self) -> u64 {
        self.server.byway.stats().opened.values().sum()
    }

    pub async fn ends(&self, label: &str, count: u64) {
        eventually(&format!("{count} sessions end as {label}"), || self.ended(label) == count).await;
    }

    pub async fn is_empty(&self) {
        eventually("no session is left", || self.sessions() == 0).await;
    }

    /// The rule that all attacks share.
    pub async fn survives(&self) {
        self.serves_a_poll().await;
        self.serves_a_websocket().await;
        nothing_panicked();
    }

    async fn serves_a_poll(&self) {
        let session = unique("control");
        for (transport, body, expected) in
            [("xhr", "", "o\n"), ("xhr_send", "[\"still here\"]", ""), ("xhr", "", "a[\"still here\"]\n")]
        {
            let answer = self.answer(post(&format!("/e/000/{session}/{transport}"), body)).await;
            assert_eq!(answer.text(), expected, "{answer:?}");
        }
    }

    async fn serves_a_websocket(&self) {
        let mut socket = Socket::open(self.address(), "/e/websocket").await;
        socket.text("still here").await;
        assert_eq!(socket.frame().await, (0x81, b"still here".to_vec()));
        socket.close().await;
    }
}

/// Waits until something holds. There is nothing to wait on where the attacked side is silent, so this looks again and
/// again, within bounds.
pub async fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !holds() {
        assert!(Instant::now() < deadline, "not within {PATIENCE:?}: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// A session id that no other test uses.
pub fn unique(prefix: &str) -> String {
    use std::sync::atomic::{AtomicUsize, Ordering};
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    format!("{prefix}-{}", NEXT.fetch_add(1, Ordering::Relaxed))
}

static PANICS: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// Fails after a panic that was not a test's own.
pub fn nothing_panicked() {
    assert_eq!(panics(), Vec::<String>::new());
}

/// Every panic so far that was not a test's own.
fn panics() -> Vec<String> {
    PANICS.lock().expect("nothing panics while it holds this").clone()
}

/// A task that panics takes nobody down with it, so a test would not notice.
pub fn record_panics() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let report = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            let in_test = panic.location().is_some_and(|location| location.file().starts_with("tests/"));
            if !in_test && let Ok(mut panics) = PANICS.lock() {
                panics.push(panic.to_string());
            }
            if panic.payload_as_str() != Some(EXPECTED_PANIC) {
                report(panic);
            }
        }));
    });
}
