//! What one has to fear of many.

use crate::stage::{LONG, ROOM, SHORT, WATCH, Watcher, news, plan, rooms};
use byway::broker::PresenceSettings;

#[tokio::test]
async fn beyond_the_limit_members_are_counted_and_told_of_when_there_is_a_place() {
    let stage = plan(PresenceSettings { max_members: 2, ..rooms(SHORT) }).start();
    let mut clients = Vec::new();
    for who in ["ada", "bob", "eve"] {
        let mut client = stage.connect_as(who).await;
        client.subscribe("0", ROOM, &[]).await;
        clients.push(client);
    }
    let mut other = stage.connect_as("other").await;
    other.listen("w", WATCH, "auto").await;
    let here = news(&other.message().await);
    assert_eq!((&here["count"], &here["truncated"]), (&3.into(), &true.into()));
    let mut watcher = Watcher::new(&stage).await;
    assert_eq!(watcher.known, ["ada", "bob"]);
    drop(clients.remove(0));
    assert_eq!([watcher.next().await, watcher.next().await], ["leave ada", "join eve"]);
}

#[tokio::test]
async fn where_too_many_are_present_one_more_is_subscribed_and_counted_as_turned_away() {
    let stage = plan(rooms(LONG)).broker(|broker| broker.max_present = 1).start();
    let (mut ada, mut bob) = (stage.connect_as("ada").await, stage.connect_as("bob").await);
    ada.subscribe("0", ROOM, &[]).await;
    bob.subscribe("0", ROOM, &[]).await;
    assert_eq!(Watcher::new(&stage).await.known, ["ada"]);
    assert_eq!(stage.server.byway.stats().limit_hits["presence"], 1);
    bob.publish(ROOM, "hello").await;
    assert_eq!(bob.body().await, "hello");
    bob.ask("UNSUBSCRIBE", &[("id", "0")], "").await;
    assert_eq!(Watcher::new(&stage).await.known, ["ada"]);
}
