//! A handler that panics.

use crate::stage::{Plan, Told};
use crate::support::client::{Event, Leave};
use byway::{Disconnect, Transport};
use std::future::ready;

/// Panics without the message on stderr.
fn panic() -> ! {
    std::panic::resume_unwind(Box::new("the handler panics"))
}

fn plan(row: Transport) -> Plan {
    Plan::new(row).on_message(|session, message| {
        if message.as_str() == Some("panic") {
            panic();
        }
        session.send(message).ok();
        Box::pin(ready(()))
    })
}

pub async fn a_panic_ends_its_own_session_and_no_other(row: Transport) {
    let mut stage = plan(row).start();
    let (mut other, _) = stage.open().await;
    let (mut client, _) = stage.open().await;
    client.send(&["panic", "behind it"]).await;
    assert_eq!(client.next().await, Event::Close(1011, "Internal error".into()));
    assert_eq!(stage.message().await, "panic");
    let told = stage.told().await;
    assert!(matches!(&told, Told::Ended(_, ending) if *ending == Disconnect::INTERNAL_ERROR), "{told:?}");
    other.send(&["x"]).await;
    assert_eq!(other.message().await, "x");
}

pub async fn a_panic_while_opening_ends_the_session(row: Transport) {
    let mut stage = Plan::new(row).on_open(|_, ()| panic()).start();
    let (mut client, _) = stage.open().await;
    assert_eq!(client.next().await, Event::Close(1011, "Internal error".into()));
    assert_eq!(stage.ended().await, Disconnect::INTERNAL_ERROR);
}

pub async fn a_panic_in_ended_harms_nobody(row: Transport) {
    let mut stage = plan(row).disconnect_delay(1000).on_ended(|_, _| panic()).start();
    let (mut other, _) = stage.open().await;
    let (mut client, _) = stage.open().await;
    client.park().await;
    client.leave(Leave::Close).await;
    assert_eq!(stage.ended().await, Disconnect::INTERRUPTED);
    other.send(&["x"]).await;
    assert_eq!(other.message().await, "x");
    other.park().await;
    other.leave(Leave::Close).await;
    assert_eq!(stage.ended().await, Disconnect::INTERRUPTED);
    stage.is_over().await;
}
