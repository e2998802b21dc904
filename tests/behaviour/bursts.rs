//! Much that is published at once, to those who read as fast as they can.

use crate::stage::{Plan, Stage};
use crate::support::client::{Client, Event};
use bytestring::ByteString;
use byway::{Group, Transport};
use std::time::Duration;

/// What a publication has beside its number.
const LARGE: usize = 20_000;

/// Publishes numbers as fast as they are taken, the first `many` with so much behind them and as many without.
async fn publish(group: &Group, many: usize, length: usize) {
    let rest = " ".repeat(length);
    for n in 0..2 * many {
        let text = ByteString::from(format!("{n}{}", if n < many { &rest } else { "" }));
        while group.publish(text.clone()).is_err() {
            tokio::task::yield_now().await;
        }
    }
}

/// Reads them all, in order.
async fn read(client: &mut Client, many: usize) {
    for n in 0..2 * many {
        match client.next_but_heartbeats().await {
            Event::Message(text) => assert_eq!(text.trim_end().parse(), Ok(n)),
            other => panic!("{other:?} instead of {n} of {many}"),
        }
    }
}

async fn burst(mut stage: Stage) {
    const MANY: usize = 400;
    let (mut client, session) = stage.open().await;
    session.join("all");
    client.park().await;
    let group = stage.server.byway.group("all");
    tokio::join!(publish(&group, MANY, LARGE), read(&mut client, MANY));
    assert!(session.is_open());
    assert_eq!(stage.server.byway.stats().burst_bytes, 0, "what was taken of the headroom is given back");
}

pub async fn a_burst_closes_nobody_who_reads(row: Transport) {
    burst(Plan::new(row).start()).await;
}

pub async fn a_burst_over_tls_closes_nobody_who_reads(row: Transport) {
    burst(Plan::new(row).start_tls().await).await;
}

/// 64 MiB; a quarter of them where TLS is not optimised.
const MUCH: usize = if cfg!(debug_assertions) { 16 << 20 } else { 64 << 20 };

/// The reader's line is as fast as the machine, so what is sent to it is held up by nothing but the turns of its session.
pub async fn much_at_once() {
    const MANY: usize = MUCH / LARGE;
    let row = Transport::RawWebsocket;
    let plan = Plan::new(row).with(|settings| settings.session.send_timeout = Duration::from_secs(5));
    let mut stage = plan.start_tls().await;
    let (mut client, session) = stage.open().await;
    let (stalled, stalled_session) = stage.open().await;
    session.join("all");
    stalled_session.join("all");
    let group = stage.server.byway.group("all");
    tokio::join!(publish(&group, MANY, LARGE), read(&mut client, MANY));
    assert!(session.is_open());
    let stats = stage.server.byway.stats();
    assert!(stats.burst_bytes < 2 * MUCH as u64, "shared by both: {}", stats.burst_bytes);
    assert_eq!(stage.ended().await, byway::Disconnect::SLOW_CONSUMER);
    assert!(session.is_open() && !stalled_session.is_open());
    drop(stalled);
}
