//! What is one user's own.

use crate::support::stage::Plan;
use byway::messaging::{Event, Text};
use byway::policy::{ActionSetting, Effect, Group, RuleSettings, Rules, Who};
use byway::{Disconnect, Transport};

pub async fn all_sessions_of_a_user_hear_what_is_sent_to_it_and_no_other_s(row: Transport) {
    let may_send = RuleSettings {
        who: Who::Group(Group::Authenticated),
        action: ActionSetting::Send,
        destination: "/user/*/queue/a".to_owned(),
        effect: Effect::Allow,
    };
    let rules = Rules::new(&[may_send]).expect("the test's rule is valid");
    let stage = Plan::new(row).tokens().stomp(|stomp| stomp.authorizer(rules)).start();
    let (mut one, mut two) = (stage.connect_as("ada").await, stage.connect_as("ada").await);
    let mut bob = stage.connect_as("bob").await;
    for client in [&mut one, &mut two, &mut bob] {
        client.subscribe("0", "/user/queue/a", &[]).await;
    }
    stage.messenger.send_payload_to_user("ada", "/queue/a", Text("by the application".into())).unwrap();
    bob.publish("/user/ada/queue/a", "by bob").await;
    for client in [&mut one, &mut two] {
        for body in ["by the application", "by bob"] {
            let message = client.message().await;
            assert_eq!((message.text(), message.header("destination")), (body, Some("/user/queue/a")));
        }
    }
    one.publish("/user/bob/queue/a", "to bob").await;
    assert_eq!(bob.body().await, "to bob");
}

pub async fn one_session_hears_what_is_sent_to_it_and_no_other_of_its_user(row: Transport) {
    let mut stage = Plan::new(row).tokens().start();
    let mut one = stage.connect_as("ada").await;
    let session = loop {
        if let Event::Connected(client) = stage.event().await {
            break client.id();
        }
    };
    let mut two = stage.connect_as("ada").await;
    for client in [&mut one, &mut two] {
        client.subscribe("0", "/user/queue/a", &[]).await;
    }
    stage.messenger.send_payload_to_session(session, "/queue/a", Text("one".into())).unwrap();
    stage.messenger.send_payload_to_user("ada", "/queue/a", Text("both".into())).unwrap();
    assert_eq!((one.body().await, one.body().await), ("one".into(), "both".into()));
    assert_eq!(two.body().await, "both");
}

pub async fn a_user_with_too_many_sessions_gets_no_more(row: Transport) {
    let settings = byway::messaging::MessagingSettings { max_sessions_per_user: 1, ..Default::default() };
    let mut stage = Plan::new(row).tokens().messages(|messages| messages.settings(settings)).start();
    let mut first = stage.connect_as("ada").await;
    let mut second = stage.open().await;
    second.say_connect(&[("token", &crate::support::stage::token("ada"))]).await;
    second.fails("Forbidden", &Disconnect::FORBIDDEN).await;
    first.ask("DISCONNECT", &[], "").await;
    stage.ended().await;
    stage.connect_as("ada").await;
}
