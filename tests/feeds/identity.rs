//! Who reads, what they may read, and for how long.

use crate::in_time;
use crate::stage::{KEPT, LIVE, Plan, Stage, bearer, until};
use byway::messaging::{self, Client, Event, Flow, Inbound, Interceptor, MessageError, Messages, MessagingSettings};
use byway::messaging::{Outbound, Text};
use byway::policy::{ActionSetting, Revocation, RuleSettings, Rules, Who};
use std::time::{Duration, SystemTime};
use tokio::sync::mpsc::unbounded_channel;

const LONG: Duration = Duration::from_secs(3600);

async fn status(stage: &Stage, target: &str, token: Option<&str>) -> u16 {
    let token = token.map(|token| ("Authorization", token));
    let headers: Vec<_> = token.into_iter().collect();
    stage.http().await.ask("GET", &format!("/e/feed{target}"), &headers, b"").await.status()
}

#[tokio::test]
async fn without_a_good_token_nobody_reads() {
    let stage = Plan::new().tokens().start();
    let mut http = stage.http().await;
    let answer = http.ask("GET", "/e/feed/topic/kept/a", &[], b"").await;
    assert_eq!((answer.status(), answer.header("www-authenticate")), (401, Some("Bearer")));
    assert_eq!(answer.body, "there is no token.\n");
    assert_eq!(status(&stage, "/topic/kept/a", Some("Bearer junk")).await, 401);
    assert_eq!(status(&stage, "/topic/kept/a?format=poll&wait=0", Some(&bearer("ada", LONG))).await, 204);
}

#[tokio::test]
async fn an_address_that_guesses_tokens_is_not_looked_at() {
    let stage = Plan::new().tokens().stomp(|stomp| stomp.failures_per_minute(2)).start();
    for _ in 0..2 {
        assert_eq!(status(&stage, "/topic/kept/a", Some("Bearer junk")).await, 401);
    }
    assert_eq!(status(&stage, "/topic/kept/a", Some(&bearer("ada", LONG))).await, 429);
}

#[tokio::test]
async fn the_rules_say_who_reads_what_also_for_patterns() {
    let rule = RuleSettings::allow(Who::AUTHENTICATED, ActionSetting::Subscribe, "/topic/kept/a");
    let rules = Rules::new(&[rule]).unwrap();
    let stage = Plan::new().tokens().stomp(|stomp| stomp.authorizer(rules)).start();
    let ada = bearer("ada", LONG);
    assert_eq!(status(&stage, "/topic/kept/a?format=poll&wait=0", Some(&ada)).await, 204);
    for target in ["/topic/live", "/topic/*", "/topic/kept/a?destination=/topic/live"] {
        assert_eq!(status(&stage, target, Some(&ada)).await, 403, "{target}");
    }
    assert_eq!(stage.server.byway.stats().refused["feed_forbidden"], 3);
}

#[tokio::test]
async fn one_s_own_destinations_are_one_s_own() {
    let stage = Plan::new().tokens().start();
    let (ada, bob) = (bearer("ada", LONG), bearer("bob", LONG));
    let mut for_ada = stage.events_with("/user/queue/news", &[("Authorization", &ada)]).await;
    let mut for_bob = stage.events_with("/user/queue/news", &[("Authorization", &bob)]).await;
    stage.messenger.send_payload_to_user("ada", "/queue/news", Text("for ada".into())).unwrap();
    stage.messenger.send_payload_to_user("bob", "/queue/news", Text("for bob".into())).unwrap();
    assert_eq!(for_ada.take(1).await, ["for ada"]);
    assert_eq!(for_bob.take(1).await, ["for bob"]);
}

#[tokio::test]
async fn a_feed_ends_with_its_token() {
    let stage = Plan::new().tokens().start();
    let short = bearer("ada", Duration::from_millis(1500));
    let mut events = stage.events_with("/topic/live", &[("Authorization", &short)]).await;
    let poll = status(&stage, "/topic/kept/a?format=poll", Some(&short));
    let end = events.next().await.unwrap();
    assert_eq!(end.name, "end");
    assert!(end.data.contains("Token expired"), "{}", end.data);
    assert_eq!(events.next().await, None);
    assert_eq!(in_time(poll).await, 401);
    assert_eq!(stage.count("token_expired"), 1);
}

#[tokio::test]
async fn what_is_revoked_ends_and_does_not_come_back() {
    let stage = Plan::new().tokens().start();
    let ada = bearer("ada", LONG);
    let mut events = stage.events_with("/topic/live", &[("Authorization", &ada)]).await;
    stage.messenger.revoke(&Revocation::User("ada".into()), SystemTime::now() + LONG).unwrap();
    let end = events.next().await.unwrap();
    assert!(end.name == "end" && end.data.contains("\"reconnect\":false"), "{end:?}");
    assert_eq!(status(&stage, "/topic/live", Some(&ada)).await, 401);
}

#[tokio::test]
async fn a_user_has_only_so_many_feeds() {
    let settings = MessagingSettings { max_sessions_per_user: 1, ..Default::default() };
    let stage = Plan::new().tokens().stomp(|stomp| stomp.messages(Messages::new().settings(settings))).start();
    let ada = bearer("ada", LONG);
    let _one = stage.events_with("/topic/live", &[("Authorization", &ada)]).await;
    assert_eq!(status(&stage, "/topic/live", Some(&ada)).await, 429);
}

#[tokio::test]
async fn the_application_hears_of_feeds_and_may_refuse_them() {
    let (teller, mut events) = unbounded_channel();
    let messages = Messages::new()
        .on_event(move |event, _| {
            teller.send(event).ok();
            std::future::ready(())
        })
        .intercept(Gate);
    let stage = Plan::new().stomp(|stomp| stomp.messages(messages)).start();
    assert_eq!(status(&stage, "/topic/kept/closed", None).await, 403);
    let reading = stage.events("/topic/live").await;
    let mut seen = Vec::new();
    drop(reading);
    while seen.last() != Some(&"disconnected") {
        seen.push(match in_time(events.recv()).await.unwrap() {
            Event::Connect(_) => "connect",
            Event::Connected(_) => "connected",
            Event::Subscribed { destination, .. } if destination.as_str() == LIVE => "subscribed",
            Event::Disconnected { .. } => "disconnected",
            other => panic!("{other:?}"),
        });
    }
    assert_eq!(seen, ["connect", "connect", "connected", "subscribed", "disconnected"]);
    until(|| stage.server.byway.sessions().is_empty()).await;
    stage.publish(KEPT, ["nobody hears it"]);
}

struct Gate;

impl Interceptor for Gate {
    fn inbound(&self, _: &Client, inbound: Inbound) -> messaging::Result<Option<Inbound>> {
        match &inbound {
            Inbound::Subscribe { destination, .. } if destination.as_str().ends_with("closed") => {
                Err(MessageError::forbidden("closed"))
            }
            _ => Ok(Some(inbound)),
        }
    }

    fn outbound(&self, _: Outbound<'_>) -> Flow {
        Flow::Pass
    }
}
