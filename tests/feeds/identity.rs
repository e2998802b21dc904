//! Who reads, what they may read, and for how long.

use crate::client::Heard;
use crate::in_time;
use crate::stage::{Plan, Stage, USER, bearer, until};
use crate::support::gate::{Gate, SlowAuthorizer};
use byway::messaging::{self, Client, Event, Flow, Inbound, Interceptor, MessageError, Messages, Outbound, Text};
use byway::policy::{ActionSetting, Revocation, RuleSettings, Rules, Who};
use byway::{Disconnect, Transport};
use std::time::{Duration, SystemTime};
use tokio::sync::mpsc::unbounded_channel;

const LONG: Duration = Duration::from_secs(3600);
const FEED: &str = "/topic/kept/a";

/// The status of the refusal for this token.
async fn refused(stage: &Stage, row: Transport, target: &str, token: &str) -> u16 {
    stage.refusal(row, target, &[("Authorization", token)]).await.status()
}

fn in_an_hour() -> SystemTime {
    SystemTime::now() + LONG
}

pub async fn without_a_good_token_nobody_reads(row: Transport) {
    let stage = Plan::new().tokens().start();
    let refusal = stage.refusal(row, FEED, &[]).await;
    assert_eq!((refusal.status(), refusal.header("www-authenticate")), (401, Some("Bearer")));
    assert_eq!(refusal.body, "there is no token.\n");
    assert_eq!(refused(&stage, row, FEED, "Bearer junk").await, 401);
    stage.read_with(row, FEED, &[("Authorization", &bearer("ada", LONG))]).await;
}

pub async fn the_rules_say_who_reads_what_also_for_patterns(row: Transport) {
    let rule = RuleSettings::allow(Who::AUTHENTICATED, ActionSetting::Subscribe, FEED);
    let rules = Rules::new(&[rule]).unwrap();
    let stage = Plan::new().tokens().stomp(|stomp| stomp.authorizer(rules)).start();
    let ada = bearer("ada", LONG);
    stage.read_with(row, FEED, &[("Authorization", &ada)]).await;
    for target in ["/topic/kept/b", "/topic/kept/*", "/topic/kept/a?destination=/topic/kept/b"] {
        assert_eq!(refused(&stage, row, target, &ada).await, 403, "{target}");
    }
    assert_eq!(stage.server.byway.stats().refused["feed_forbidden"], 3);
}

pub async fn one_s_own_destinations_are_one_s_own(row: Transport) {
    let stage = Plan::new().tokens().start();
    let (ada, bob) = (bearer("ada", LONG), bearer("bob", LONG));
    let mut for_ada = stage.read_with(row, "/user/queue/news", &[("Authorization", &ada)]).await;
    let mut for_bob = stage.read_with(row, "/user/queue/news", &[("Authorization", &bob)]).await;
    stage.messenger.send_payload_to_user("ada", "/queue/news", Text("for ada".into())).unwrap();
    stage.messenger.send_payload_to_user("bob", "/queue/news", Text("for bob".into())).unwrap();
    assert_eq!(for_ada.take(1).await, ["for ada"]);
    assert_eq!(for_bob.take(1).await, ["for bob"]);
}

pub async fn a_feed_ends_with_its_token(row: Transport) {
    let stage = Plan::new().tokens().start();
    let short = bearer("ada", Duration::from_millis(1500));
    let mut feed = stage.read_with(row, FEED, &[("Authorization", &short)]).await;
    feed.park(&stage).await;
    let Heard::End(reason, _) = feed.next().await else { panic!("it goes on") };
    assert_eq!((&*reason, feed.next().await), (Disconnect::TOKEN_EXPIRED.reason(), Heard::Over));
    assert_eq!(stage.count("token_expired"), 1);
    assert_eq!(refused(&stage, row, FEED, &short).await, 401);
}

pub async fn what_is_revoked_ends_and_does_not_come_back(row: Transport) {
    let stage = Plan::new().tokens().start();
    let ada = bearer("ada", LONG);
    let mut feed = stage.read_with(row, FEED, &[("Authorization", &ada)]).await;
    feed.park(&stage).await;
    assert_eq!(stage.messenger.revoke(&Revocation::User("ada".into()), in_an_hour()), Ok(1));
    feed.ends(&Disconnect::REVOKED).await;
    assert_eq!(refused(&stage, row, FEED, &ada).await, 401);
}

pub async fn one_feed_can_be_revoked_and_its_user_s_others_stay(row: Transport) {
    let stage = Plan::new().tokens().start();
    let ada = bearer("ada", LONG);
    let mut one = stage.read_with(row, FEED, &[("Authorization", &ada)]).await;
    one.park(&stage).await;
    let session = stage.session().id();
    let mut other = stage.read_with(row, FEED, &[("Authorization", &ada)]).await;
    other.park(&stage).await;
    assert_eq!(stage.messenger.revoke(&Revocation::Session(session), in_an_hour()), Ok(1));
    one.ends(&Disconnect::REVOKED).await;
    stage.publish(FEED, ["to the other"]);
    assert_eq!(other.take(1).await, ["to the other"]);
}

pub async fn what_is_revoked_while_its_token_is_looked_at_is_not_let_in(row: Transport) {
    let (plan, gate) = Plan::new().slow_tokens();
    let stage = plan.start();
    let ada = bearer("ada", LONG);
    let revoking = async {
        gate.arrival().await;
        assert_eq!(stage.messenger.revoke(&Revocation::User("ada".into()), in_an_hour()), Ok(0));
        gate.let_in();
    };
    let (status, ()) = tokio::join!(refused(&stage, row, FEED, &ada), revoking);
    assert_eq!(status, 401);
}

pub async fn what_is_revoked_while_the_rules_are_asked_ends_before_it_hears_anything(row: Transport) {
    let gate = Gate::new();
    let stage = Plan::new().tokens().stomp(|stomp| stomp.authorizer(SlowAuthorizer(gate.clone()))).start();
    stage.publish(FEED, ["secret"]);
    let mut http = stage.http().await;
    let headers = [crate::client::accept(row), ("Authorization", &*bearer("ada", LONG))];
    http.send("GET", "/e/feed/topic/kept/a?history=1", &headers, b"").await;
    gate.arrival().await;
    stage.messenger.revoke(&Revocation::User("ada".into()), in_an_hour()).unwrap();
    gate.let_in();
    let answer = in_time(http.answer()).await;
    assert!(answer.body.contains("Revoked") && !answer.body.contains("secret"), "{answer:?}");
    until(|| stage.count("revoked") == 1).await;
}

pub async fn whom_the_application_let_in_itself_needs_no_token(row: Transport) {
    let stage = Plan::new().tokens().start();
    let mut feed = stage.read_with(row, FEED, &[(USER, "ada")]).await;
    feed.park(&stage).await;
    assert_eq!(stage.session().principal().map(|principal| principal.name().to_owned()).as_deref(), Some("ada"));
    assert_eq!(stage.messenger.users().sessions_of("ada").len(), 1);
}

pub async fn the_application_hears_of_feeds_and_may_refuse_them(row: Transport) {
    let (teller, mut events) = unbounded_channel();
    let messages = Messages::new()
        .on_event(move |event, _| {
            teller.send(event).ok();
            std::future::ready(())
        })
        .intercept(Door);
    let stage = Plan::new().stomp(|stomp| stomp.messages(messages)).start();
    assert_eq!(stage.refusal(row, "/topic/kept/closed", &[]).await.status(), 403);
    drop(stage.read(row, FEED).await);
    let mut seen = Vec::new();
    while seen.last() != Some(&"disconnected") {
        seen.push(match in_time(events.recv()).await.unwrap() {
            Event::Connect(_) => "connect",
            Event::Connected(_) => "connected",
            Event::Subscribed { destination, .. } if destination.as_str() == FEED => "subscribed",
            Event::Disconnected { .. } => "disconnected",
            other => panic!("{other:?}"),
        });
    }
    assert_eq!(seen, ["connect", "connect", "connected", "subscribed", "disconnected"]);
    until(|| stage.server.byway.sessions().is_empty()).await;
}

struct Door;

impl Interceptor for Door {
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
