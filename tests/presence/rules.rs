//! Who may see who is there, and who may say so.

use crate::stage::{LONG, ROOM, WATCH, Watcher, plan, rooms, start};
use byway::Disconnect;
use byway::messaging::{PublishError, Text};
use byway::policy::{ActionSetting, RuleSettings, Rules, Who};

fn subscribing(rules: &[(Who, &str)]) -> Rules {
    let allow = |(who, at): &(Who, &str)| RuleSettings::allow(who.clone(), ActionSetting::Subscribe, *at);
    Rules::new(&rules.iter().map(allow).collect::<Vec<_>>()).expect("the test's rules are valid")
}

#[tokio::test]
async fn to_see_who_is_there_takes_a_rule_for_both_the_room_and_its_presence() {
    let rules = subscribing(&[
        (Who::user("room"), ROOM),
        (Who::user("presence"), "/presence/**"),
        (Who::user("both"), ROOM),
        (Who::user("both"), WATCH),
    ]);
    let stage = plan(rooms(LONG)).stomp(|stomp| stomp.authorizer(rules)).start();
    for user in ["room", "presence"] {
        let mut client = stage.connect_as(user).await;
        client.listen("w", WATCH, "auto").await;
        client.fails("Forbidden", &Disconnect::FORBIDDEN).await;
    }
    assert_eq!(Watcher::of(stage.connect_as("both").await).await.known, [""; 0]);
}

#[tokio::test]
async fn only_one_destination_of_the_broker_s_that_keeps_presence_is_watched() {
    let stage = start(LONG);
    for (destination, told) in [
        ("/presence/topic/else", "who is present there is not kept"),
        ("/presence/app/rooms", "who is present there is not kept"),
        ("/presence/user/queue/x", "who is present there is not kept"),
        ("/presence/presence/topic/rooms/1", "who is present there is not kept"),
        ("/presence/topic/rooms/*", "no wildcard"),
        ("/presence/**", "no wildcard"),
        ("/presence", "only a prefix"),
        ("/**", "too far"),
    ] {
        let mut client = stage.connect_as("ada").await;
        client.listen("w", destination, "auto").await;
        let error = client.fails("Forbidden", &Disconnect::FORBIDDEN).await;
        assert!(error.text().contains(told), "{destination}: {error:?}");
    }
}

#[tokio::test]
async fn nobody_but_the_server_says_who_is_there() {
    let stage = start(LONG);
    let mut watcher = Watcher::new(&stage).await;
    let mut liar = stage.connect_as("liar").await;
    liar.publish(WATCH, r#"{"type":"join"}"#).await;
    liar.fails("Forbidden", &Disconnect::FORBIDDEN).await;
    let published = stage.messenger.send_payload(WATCH, Text("lies".into()));
    assert!(matches!(published, Err(PublishError::NotPublishable(_))), "{published:?}");
    let mut ada = stage.connect_as("ada").await;
    ada.subscribe("0", ROOM, &[]).await;
    assert_eq!(watcher.next().await, "join ada");
    watcher.client.subscribe("room", ROOM, &[]).await;
    assert_eq!(watcher.next().await, "join watcher");
    ada.send("SEND", &[("destination", ROOM), ("presence", "leave")], "").await;
    assert_eq!(watcher.client.message().await.header("presence"), None, "the header is the server's");
}
