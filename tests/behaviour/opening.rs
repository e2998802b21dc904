//! How a session begins.

use crate::stage::Plan;
use crate::support::client::Event;
use byway::Transport;
use std::future::ready;

pub async fn the_first_thing_a_client_gets_is_the_opening(row: Transport) {
    let mut stage = Plan::new(row).heartbeat(50).start();
    let mut client = stage.client();
    assert_eq!(client.next().await, Event::Open);
    stage.opened().await;
    assert_eq!(client.next().await, Event::Heartbeat, "nobody said anything");
}

pub async fn the_application_may_speak_first(row: Transport) {
    let plan = Plan::new(row).on_open(|session, ()| {
        session.send("welcome").unwrap();
        Box::pin(ready(()))
    });
    let stage = plan.start();
    let mut client = stage.client().open().await;
    assert_eq!(client.message().await, "welcome");
}

pub async fn the_application_knows_the_transport(row: Transport) {
    let mut stage = Plan::new(row).start();
    let (_client, session) = stage.open().await;
    assert_eq!(session.transport(), row);
    assert_eq!(stage.server.byway.session(session.id()), Some(session));
    let stats = stage.server.byway.stats();
    assert_eq!((stats.opened[row.name()], stats.current[row.name()]), (1, 1));
}
