//! STOMP's signs of life.

use crate::support::client::{Kind, kind};
use crate::support::stage::{Plan, Stage};
use crate::support::stomp::{Heard, StompClient};
use byway::{Disconnect, Transport};
use std::time::Duration;

pub async fn the_server_beats_as_the_client_wants_and_the_transport_does_not_beat_beside(row: Transport) {
    let stage = Plan::new(row).with(|settings| settings.session.heartbeat = Duration::from_millis(300)).start();
    let mut client = stage.open().await;
    client.say_connect(&[("heart-beat", "0,200")]).await;
    assert_eq!(client.frame().await.header("heart-beat"), Some("200,10000"));
    let mut beats = 0;
    while beats < 5 {
        match client.hear().await {
            Heard::Beat => beats += 1,
            // A socket is pinged on for its answers: this client has promised no other.
            Heard::Heartbeat if row == Transport::RawWebsocket => {}
            other => panic!("{other:?}"),
        }
    }
}

pub async fn a_client_that_breaks_its_promise_of_heartbeats_is_told_and_sent_away(row: Transport) {
    let mut stage = Plan::new(row).start();
    let mut client = lifeless(&stage, "100,0").await;
    client.fails("No heartbeat in time", &Disconnect::NO_HEARTBEAT).await;
    assert_eq!(stage.ended().await, Disconnect::NO_HEARTBEAT);
}

/// A client that shows no sign of life: it does not even answer a ping.
async fn lifeless(stage: &Stage, heart_beat: &str) -> StompClient {
    let mut client = StompClient::connect(stage.client(), &[("heart-beat", heart_beat)]).await;
    if let Some(socket) = &mut client.client.socket {
        socket.answers_pings = false;
    }
    client
}

/// A page in the background is late with its heartbeats, and its browser answers pings; a poll that comes again is a sign
/// of life as well. A stream can show none but by what it is sent.
pub async fn a_client_that_is_late_with_its_heartbeats_stays_as_long_as_anything_shows_that_it_lives(row: Transport) {
    let stage = Plan::new(row).start();
    let mut client = StompClient::connect(stage.client(), &[("heart-beat", "100,100")]).await;
    if kind(row) == Kind::Stream {
        return drop(client.fails("No heartbeat in time", &Disconnect::NO_HEARTBEAT).await);
    }
    let mut beats = 0;
    while beats < 30 {
        beats += u32::from(client.hear().await == Heard::Beat);
    }
    client.settle().await;
}

/// A hundred intervals are ten seconds; one is a second more than itself at least.
pub async fn as_many_intervals_are_tolerated_as_the_setting_says(row: Transport) {
    let patient = Plan::new(row).frames(|frames| frames.heartbeat_tolerance = 100).start();
    let strict = Plan::new(row).frames(|frames| frames.heartbeat_tolerance = 1).start();
    let mut waited_for = lifeless(&patient, "100,0").await;
    let mut sent_away = lifeless(&strict, "100,0").await;
    sent_away.fails("No heartbeat in time", &Disconnect::NO_HEARTBEAT).await;
    waited_for.settle().await;
}

/// The server's own beats say how the time goes: the client answers each, for twice as long as it may be silent.
pub async fn a_client_that_keeps_its_promise_stays(row: Transport) {
    let stage = Plan::new(row).start();
    let mut client = StompClient::connect(stage.client(), &[("heart-beat", "100,100")]).await;
    for _ in 0..25 {
        while client.hear().await != Heard::Beat {}
        client.raw("\n").await;
    }
    client.settle().await;
}

pub async fn a_client_that_promises_nothing_may_be_silent(row: Transport) {
    let stage = Plan::new(row).start();
    let mut silent = StompClient::connect(stage.client(), &[("heart-beat", "0,100")]).await;
    let mut other = lifeless(&stage, "100,0").await;
    other.fails("No heartbeat in time", &Disconnect::NO_HEARTBEAT).await;
    silent.settle().await;
}
