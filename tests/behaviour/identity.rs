//! Whose session it is, and what the application knows of that.

use crate::stage::{Plan, USER};
use byway::{Principal, Transport};

pub async fn the_principal_in_the_request_becomes_the_session_s(row: Transport) {
    let mut stage = Plan::new(row).start();
    let _ada = stage.client().with_header(USER, "ada").open().await;
    assert_eq!(stage.opened().await.principal(), Some(&Principal::new("ada")));
    let _nobody = stage.client().open().await;
    assert_eq!(stage.opened().await.principal(), None);
}

pub async fn a_session_is_404_for_every_other_principal(row: Transport) {
    let mut stage = Plan::new(row).short_responses().echo().start();
    let mut ada = stage.client().with_header(USER, "ada").open().await;
    stage.opened().await;
    let mut strangers = [stage.client().with_header(USER, "bob"), stage.client()];
    for stranger in &mut strangers {
        stranger.id.clone_from(&ada.id);
        assert_eq!(stranger.attempt().await, 404);
        assert_eq!(stranger.post(r#"["forged"]"#).await.status(), 404);
    }
    ada.send(&["own"]).await;
    assert_eq!(ada.message().await, "own");
}

pub async fn attributes_stay_as_long_as_the_session(row: Transport) {
    #[derive(Debug, Clone, PartialEq)]
    struct Room(&'static str);
    let mut stage = Plan::new(row).start();
    let (mut client, session) = stage.open().await;
    assert_eq!(session.attribute::<Room>(), None);
    session.set_attribute(Room("blue"));
    client.send(&["x"]).await;
    let crate::stage::Told::Message(session, _) = stage.told().await else { panic!("a message was sent") };
    assert_eq!(session.attribute(), Some(Room("blue")));
    session.set_attribute(Room("red"));
    assert_eq!(session.attribute(), Some(Room("red")));
}

async fn remote(plan: Plan, forwarded: &str) -> String {
    let mut stage = plan.start();
    let _client = stage.client().with_header("X-Forwarded-For", forwarded).open().await;
    stage.opened().await.remote_addr().to_string()
}

pub async fn the_client_s_address_is_what_a_trusted_proxy_says(row: Transport) {
    let plan = Plan::new(row).with(|settings| settings.trusted_proxies = vec!["127.0.0.0/8".parse().unwrap()]);
    assert_eq!(remote(plan, "10.1.1.1, 203.0.113.7, 127.0.0.2").await, "203.0.113.7");
}

pub async fn what_an_untrusted_peer_says_of_its_address_is_ignored(row: Transport) {
    assert_eq!(remote(Plan::new(row), "203.0.113.7").await, "127.0.0.1");
}
