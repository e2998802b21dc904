//! A server that knows who is in rooms, and a watcher that believes what it is told.

use crate::support::stage::{Plan, Stage};
use crate::support::stomp::{Frame, StompClient};
use byway::Transport;
use byway::broker::PresenceSettings;
use serde_json::Value;
use std::time::Duration;

pub const ROOM: &str = "/topic/rooms/1";
pub const WATCH: &str = "/presence/topic/rooms/1";

/// Longer than any test.
pub const LONG: Duration = Duration::from_secs(3600);

/// Long enough that nobody has left before it is looked for, and short enough to wait for.
pub const SHORT: Duration = Duration::from_millis(100);

pub fn rooms(grace: Duration) -> PresenceSettings {
    PresenceSettings { grace, ..PresenceSettings::new("/topic/rooms/*".parse().expect("a pattern")) }
}

/// Over plain WebSockets; only clients with a token come in.
pub fn plan(settings: PresenceSettings) -> Plan {
    open_plan(settings).tokens()
}

/// The same, where everybody comes in.
pub fn open_plan(settings: PresenceSettings) -> Plan {
    Plan::new(Transport::RawWebsocket).broker(|broker| broker.presence = vec![settings])
}

pub fn start(grace: Duration) -> Stage {
    plan(rooms(grace)).start()
}

/// Somebody who watches the room.
pub struct Watcher {
    pub client: StompClient,
    pub known: Vec<String>,
}

impl Watcher {
    /// Begins to watch, and knows who is there.
    pub async fn new(stage: &Stage) -> Self {
        Self::of(stage.connect_as("watcher").await).await
    }

    pub async fn of(mut client: StompClient) -> Self {
        client.listen("watch", WATCH, "auto").await;
        let here = news(&client.message().await);
        assert_eq!(here["type"], "here");
        let known = here["members"].as_array().expect("members").iter().map(name).collect();
        Self { client, known }
    }

    /// The next change, as in `join ada`.
    pub async fn next(&mut self) -> String {
        let news = news(&self.client.message().await);
        let (kind, name) = (news["type"].as_str().expect("a type"), name(&news["member"]));
        match kind {
            "join" => {
                assert!(!self.known.contains(&name), "{name} joins twice");
                self.known.push(name.clone());
            }
            "leave" => {
                let at = self.known.iter().position(|known| *known == name);
                self.known.remove(at.unwrap_or_else(|| panic!("{name} leaves and was not there")));
            }
            other => panic!("{other} is no change"),
        }
        format!("{kind} {name}")
    }
}

/// What a message tells, which is the same in its header, in its body and in its destination.
pub fn news(message: &Frame) -> Value {
    let news: Value = serde_json::from_str(message.text()).expect("JSON");
    assert_eq!(message.header("presence"), news["type"].as_str(), "{message:?}");
    assert_eq!(message.header("content-type"), Some("application/json"));
    assert_eq!(message.header("destination").and_then(|at| at.strip_prefix("/presence")), news["destination"].as_str());
    news
}

pub fn name(member: &Value) -> String {
    member["user"].as_str().or_else(|| member["session"].as_str()).expect("a user or a session").to_owned()
}
