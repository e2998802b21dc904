//! The STOMP server under attack, and the rule that all attacks share.

use super::target::{nothing_panicked, record_panics};
use crate::support::client::Client;
use crate::support::stage::{Plan, Stage};
use crate::support::stomp::StompClient;
use byway::policy::{ActionSetting, Effect, Group, RuleSettings, Rules, Who};
use byway::{Disconnect, Transport};

/// Where a row is about frames, which are the same on all transports: one that can send anything in one message, and one
/// that wraps it.
pub const TWO: [Transport; 2] = [Transport::RawWebsocket, Transport::Xhr];

/// A server with these plans; panics count from here on.
pub fn serve(plan: Plan) -> Stage {
    record_panics();
    plan.start()
}

/// The server lives, nothing panicked, and a client that does nothing wrong is served as before.
pub async fn survives(stage: &Stage, headers: &[(&str, &str)]) {
    for transport in TWO {
        let mut control = StompClient::connect(Client::new(stage.server.address, transport), headers).await;
        control.subscribe("0", "/topic/control", &[]).await;
        control.publish("/topic/control", "still here").await;
        assert_eq!(control.body().await, "still here");
        control.ask("DISCONNECT", &[], "").await;
    }
    nothing_panicked();
}

/// A client of another transport than the stage's.
pub async fn open(stage: &Stage, transport: Transport) -> StompClient {
    StompClient::open(Client::new(stage.server.address, transport)).await
}

/// What the server says to a client is an ERROR, and it ends the session in this way.
pub async fn ends(client: &mut StompClient, disconnect: &Disconnect, what: &str) {
    let error = client.frame().await;
    assert_eq!(error.command, "ERROR", "{what}: {error:?}");
    client.closes(disconnect).await;
}

/// Rules that allow everybody who is signed in these.
pub fn allowing(allowed: &[(ActionSetting, &str)]) -> Rules {
    let rules: Vec<_> = allowed
        .iter()
        .map(|(action, destination)| RuleSettings {
            who: Who::Group(Group::Authenticated),
            action: *action,
            destination: (*destination).to_owned(),
            effect: Effect::Allow,
        })
        .collect();
    Rules::new(&rules).expect("the test's rules are valid")
}
