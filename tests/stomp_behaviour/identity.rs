//! Who comes in, who stays, and what they may do.

use crate::support::stage::{Plan, Stage, auth, token, token_with, until};
use crate::support::stomp::StompClient;
use byway::messaging::Event;
use byway::messaging::Refusals;
use byway::policy::{
    ActionSetting, AnonymousPolicy, AuthError, AuthSettings, Authenticator, Credentials, Effect, Group, Identity,
    Revocation, RuleSettings, Rules, TicketRequest, Who,
};
use byway::{Disconnect, Principal, Transport};
use futures_util::future::BoxFuture;
use serde_json::json;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// How long short tokens last.
const SHORT: Duration = Duration::from_millis(600);
const REFRESH: (&str, &str) = ("destination", "/byway/token");

pub async fn a_token_comes_in_by_each_header_and_names_its_user(row: Transport) {
    let stage = Plan::new(row).tokens().start();
    let bearer = format!("Bearer {}", token("ada"));
    for (name, value) in [("token", &token("ada")), ("Authorization", &bearer), ("X-Authorization", &bearer)] {
        let mut client = stage.open().await;
        client.say_connect(&[(name, value)]).await;
        assert_eq!(client.frame().await.header("user-name"), Some("ada"), "{name}");
    }
    let mut client = StompClient::open(stage.client().with_header("Authorization", &bearer)).await;
    client.say_connect(&[]).await;
    assert_eq!(client.frame().await.header("user-name"), Some("ada"));
}

pub async fn without_a_good_token_nobody_comes_in(row: Transport) {
    let stage = Plan::new(row).tokens().start();
    let (expired, mut forged) = (token_with("ada", Duration::ZERO, json!({ "exp": 1 })), token("ada"));
    forged.replace_range(forged.len() - 9.., "AAAAAAAAA");
    for (header, disconnect) in [
        (("x", "y"), Disconnect::AUTHENTICATION_FAILED),
        (("token", "junk"), Disconnect::AUTHENTICATION_FAILED),
        (("token", &forged), Disconnect::AUTHENTICATION_FAILED),
        (("token", &expired), Disconnect::TOKEN_EXPIRED),
    ] {
        let mut client = stage.open().await;
        client.say_connect(&[header]).await;
        client.publish("/topic/a", "behind it").await;
        client.fails(disconnect.reason(), &disconnect).await;
    }
    assert_eq!(stage.messenger.users().count(), 0);
}

fn with(change: impl FnOnce(&mut AuthSettings), row: Transport) -> Plan {
    let mut settings = auth(AnonymousPolicy::Deny);
    change(&mut settings);
    Plan::new(row).stomp(|stomp| stomp.auth(&settings).expect("the test's settings are valid"))
}

pub async fn a_passcode_is_a_token_only_where_that_is_switched_on(row: Transport) {
    for passcode in [true, false] {
        let stage = with(|auth| (auth.token.passcode, auth.failures_per_minute) = (passcode, 1), row).start();
        for _ in 0..2 {
            let mut client = stage.open().await;
            client.say_connect(&[("login", "guest"), ("passcode", &token("ada"))]).await;
            match passcode {
                true => assert_eq!(client.frame().await.header("user-name"), Some("ada")),
                false => drop(client.fails("Authentication failed", &Disconnect::AUTHENTICATION_FAILED).await),
            }
        }
    }
}

pub async fn a_token_is_as_long_as_the_setting_says(row: Transport) {
    let long = token_with("ada", Duration::from_secs(60), json!({ "groups": vec!["a-group"; 900] }));
    assert!((12_000..13_000).contains(&long.len()), "{}", long.len());
    let of = |max_bytes| {
        let plan = with(|auth| auth.token.max_bytes = max_bytes, row);
        plan.frames(|frames| (frames.max_line_bytes, frames.max_head_bytes) = (16_384, 32_768)).start()
    };
    let (long_ones, short_ones) = (of(13_000), of(12_000));
    let bearer = format!("Bearer {long}");
    for early in [true, false] {
        let open = async |stage: &Stage| match early {
            true => StompClient::open(stage.client().with_header("Authorization", &bearer)).await,
            false => stage.open().await,
        };
        let headers: &[_] = if early { &[] } else { &[("Authorization", bearer.as_str())] };
        let mut client = open(&long_ones).await;
        client.say_connect(headers).await;
        assert_eq!(client.frame().await.header("user-name"), Some("ada"));
        let mut client = open(&short_ones).await;
        client.say_connect(headers).await;
        client.fails("Authentication failed", &Disconnect::AUTHENTICATION_FAILED).await;
    }
}

pub async fn whoever_guesses_too_often_is_not_heard_for_a_while_and_the_right_secret_always_is(row: Transport) {
    let stage = Plan::new(row).tokens().stomp(|stomp| stomp.failures_per_minute(2)).start();
    let mut there = stage.connect_as("ada").await;
    for wrong in 0..4 {
        let (message, disconnect) = match wrong {
            0 | 1 => ("Authentication failed", Disconnect::AUTHENTICATION_FAILED),
            _ => ("Too many failed attempts", Disconnect::TOO_MANY_FAILURES),
        };
        let mut client = stage.open().await;
        client.say_connect(&[("token", "junk")]).await;
        client.fails(message, &disconnect).await;
    }
    stage.connect_as("bob").await;
    there.ask("SEND", &[REFRESH, ("token", &token("ada"))], "").await;
    let ticket = stage.messenger.issue_ticket(TicketRequest::new("eve")).expect("a ticket").ticket;
    StompClient::connect(stage.client(), &[("ticket", ticket.expose())]).await;
    let stats = stage.server.byway.stats();
    assert_eq!((stats.connect_failures, stats.limit_hits["connect_failures"]), (2, 2));
}

pub async fn whoever_shows_nothing_guesses_nothing(row: Transport) {
    let stage = Plan::new(row).tokens().stomp(|stomp| stomp.failures_per_minute(1)).start();
    for _ in 0..3 {
        let mut client = stage.open().await;
        client.say_connect(&[]).await;
        client.fails("Authentication failed", &Disconnect::AUTHENTICATION_FAILED).await;
    }
    assert_eq!(stage.server.byway.stats().connect_failures, 0);
}

/// However an application finds out who a client is, nobody comes in whom logs and frames would show as somebody else.
pub async fn nobody_is_let_in_who_is_called_what_nobody_can_be(row: Transport) {
    struct Named(&'static str);
    impl Authenticator for Named {
        fn authenticate<'a>(&'a self, _: &'a Credentials) -> BoxFuture<'a, Result<Identity, AuthError>> {
            let principal = Some(Principal::new(self.0));
            Box::pin(std::future::ready(Ok(Identity { principal, ..Identity::ANONYMOUS })))
        }
    }
    for name in ["ada\r", "a\nda", "\u{1b}[31mada", "", "\0"] {
        let stage = Plan::new(row).stomp(|stomp| stomp.authenticator(Named(name))).start();
        let mut client = stage.open().await;
        client.say_connect(&[]).await;
        let error = client.fails("Authentication failed", &Disconnect::AUTHENTICATION_FAILED).await;
        assert!(error.text().contains("a user's name"), "{error:?}");
    }
}

pub async fn a_session_ends_with_its_token(row: Transport) {
    let mut stage = Plan::new(row).tokens().start();
    let mut client = StompClient::connect(stage.client(), &[("token", &token_with("ada", SHORT, json!({})))]).await;
    client.fails("Token expired", &Disconnect::TOKEN_EXPIRED).await;
    assert_eq!(stage.ended().await, Disconnect::TOKEN_EXPIRED);
}

pub async fn a_session_lives_on_with_a_new_token_of_its_user(row: Transport) {
    let stage = Plan::new(row).tokens().start();
    let short = token_with("ada", SHORT, json!({}));
    let mut refreshed = StompClient::connect(stage.client(), &[("token", &short)]).await;
    let mut other = StompClient::connect(stage.client(), &[("token", &short)]).await;
    refreshed.ask("SEND", &[REFRESH, ("token", &token("ada"))], "").await;
    other.fails("Token expired", &Disconnect::TOKEN_EXPIRED).await;
    refreshed.settle().await;
}

pub async fn a_session_becomes_nobody_else_and_stays_nobody_without_a_token(row: Transport) {
    let stage = Plan::new(row).tokens().start();
    for (header, disconnect) in [
        (("token", &*token("bob")), Disconnect::FORBIDDEN),
        (("token", "junk"), Disconnect::AUTHENTICATION_FAILED),
        (("no", "token"), Disconnect::AUTHENTICATION_FAILED),
    ] {
        let mut client = stage.connect_as("ada").await;
        client.send("SEND", &[REFRESH, header], "").await;
        client.fails(disconnect.reason(), &disconnect).await;
    }
}

fn in_an_hour() -> SystemTime {
    SystemTime::now() + Duration::from_secs(3600)
}

pub async fn what_is_revoked_ends_at_once_and_does_not_come_back(row: Transport) {
    let stage = Plan::new(row).tokens().start();
    let of_token = token_with("ada", Duration::from_secs(60), json!({ "jti": "t1" }));
    let of_user = token("bob");
    for (token, what) in [(of_token, Revocation::Token("t1".into())), (of_user, Revocation::User("bob".into()))] {
        let mut client = StompClient::connect(stage.client(), &[("token", &token)]).await;
        let mut other = stage.connect_as("eve").await;
        assert_eq!(stage.messenger.revoke(&what, in_an_hour()), Ok(1));
        client.closes(&Disconnect::REVOKED).await;
        let mut again = stage.open().await;
        again.say_connect(&[("token", &token)]).await;
        again.fails("Revoked", &Disconnect::REVOKED).await;
        other.settle().await;
    }
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs_f64();
    let new = token_with("bob", Duration::from_secs(60), json!({ "iat": now }));
    StompClient::connect(stage.client(), &[("token", &new)]).await;
}

pub async fn what_is_revoked_while_its_token_is_looked_at_is_not_let_in(row: Transport) {
    let (plan, gate) = Plan::new(row).slow_tokens();
    let stage = plan.start();
    let token = token_with("ada", Duration::from_secs(60), json!({ "jti": "t1" }));
    for what in [Revocation::Token("t1".into()), Revocation::User("ada".into())] {
        let mut client = stage.open().await;
        client.say_connect(&[("token", &token)]).await;
        gate.arrival().await;
        assert_eq!(stage.messenger.revoke(&what, in_an_hour()), Ok(0));
        gate.let_in();
        client.fails("Revoked", &Disconnect::REVOKED).await;
    }
    assert_eq!(stage.messenger.users().count(), 0);
}

pub async fn a_session_that_is_revoked_while_its_token_is_looked_at_ends_at_once(row: Transport) {
    let (plan, gate) = Plan::new(row).slow_tokens();
    let stage = plan.start();
    let mut client = stage.open().await;
    client.say_connect(&[("token", &token("ada"))]).await;
    gate.arrival().await;
    let session = stage.server.byway.sessions()[0].id();
    assert_eq!(stage.messenger.revoke(&Revocation::Session(session), in_an_hour()), Ok(1));
    client.closes(&Disconnect::REVOKED).await;
    gate.let_in();
    until(|| stage.endings("revoked") == 1).await;
    assert_eq!(stage.messenger.users().count(), 0);
}

pub async fn a_new_token_that_is_revoked_while_it_is_looked_at_ends_the_session(row: Transport) {
    let (plan, gate) = Plan::new(row).slow_tokens();
    let mut stage = plan.start();
    gate.let_in();
    let mut client = stage.connect_as("ada").await;
    gate.arrival().await;
    let new = token_with("ada", Duration::from_secs(60), json!({ "jti": "t2" }));
    client.send("SEND", &[REFRESH, ("token", &new)], "").await;
    gate.arrival().await;
    assert_eq!(stage.messenger.revoke(&Revocation::Token("t2".into()), in_an_hour()), Ok(0));
    gate.let_in();
    client.fails("Revoked", &Disconnect::REVOKED).await;
    assert_eq!(stage.ended().await, Disconnect::REVOKED);
}

pub async fn one_session_can_be_revoked_and_its_user_s_others_stay(row: Transport) {
    let mut stage = Plan::new(row).tokens().start();
    let mut client = stage.connect_as("ada").await;
    let id = loop {
        if let Event::Connected(client) = stage.event().await {
            break client.id();
        }
    };
    let mut other = stage.connect_as("ada").await;
    assert_eq!(stage.messenger.revoke(&Revocation::Session(id), in_an_hour()), Ok(1));
    client.closes(&Disconnect::REVOKED).await;
    other.settle().await;
}

fn rules() -> Rules {
    let rule = |action, destination: &str| RuleSettings {
        who: Who::Group(Group::Authenticated),
        action,
        destination: destination.to_owned(),
        effect: Effect::Allow,
    };
    let rules = [rule(ActionSetting::Subscribe, "/topic/open/**"), rule(ActionSetting::Send, "/topic/open/{name}")];
    Rules::new(&rules).expect("the test's rules are valid")
}

pub async fn what_the_rules_do_not_allow_is_refused_and_has_no_effect(row: Transport) {
    let stage = Plan::new(row).tokens().stomp(|stomp| stomp.authorizer(rules())).start();
    let mut listener = stage.connect_as("bob").await;
    listener.subscribe("0", "/topic/open/**", &[]).await;
    for (command, destination) in [
        ("SEND", "/topic/open/bob"),
        ("SEND", "/topic/closed"),
        ("SEND", "/user/bob/queue/a"),
        ("SUBSCRIBE", "/topic/**"),
        ("SUBSCRIBE", "/topic/*"),
        ("SUBSCRIBE", "/queue/a"),
    ] {
        let mut client = stage.connect_as("ada").await;
        let body = if command == "SEND" { "denied" } else { "" };
        client.send(command, &[("destination", destination), ("id", "0"), ("receipt", "r")], body).await;
        let error = client.fails("Forbidden", &Disconnect::FORBIDDEN).await;
        assert_eq!(error.header("receipt-id"), Some("r"));
    }
    let mut client = stage.connect_as("ada").await;
    client.publish("/topic/open/ada", "allowed").await;
    assert_eq!(listener.body().await, "allowed");
}

/// What a client gets wrong without doing harm ends nothing; what breaks the framing, or leaves an id in doubt, does.
pub async fn where_refusals_are_kept_a_frame_that_does_no_harm_ends_nothing(row: Transport) {
    let stage = Plan::new(row).refusals(Refusals::Keep).start();
    let mut client = stage.connect().await;
    client.subscribe("0", "/topic/a", &[]).await;
    for (command, headers, message) in [
        ("UNSUBSCRIBE", [("id", "9"), ("receipt", "r")], "Unknown subscription"),
        ("ABORT", [("transaction", "t"), ("receipt", "r")], "Unknown transaction"),
        ("COMMIT", [("transaction", "t"), ("receipt", "r")], "Unknown transaction"),
        ("ACK", [("id", "9-9"), ("receipt", "r")], "Unknown message"),
        ("NACK", [("id", "junk"), ("receipt", "r")], "Unknown message"),
    ] {
        client.send(command, &headers, "").await;
        assert_eq!(client.error(message).await.header("receipt-id"), Some("r"), "{command}");
    }
    let past = [("id", "1"), ("destination", "/topic/a"), ("history", "many")];
    client.send("SUBSCRIBE", &past, "").await;
    client.error("Bad header").await;
    client.publish("/topic/a", "still here").await;
    assert_eq!(client.body().await, "still here");
    client.send("SUBSCRIBE", &[("id", "0"), ("destination", "/topic/b")], "").await;
    client.fails("Subscription id in use", &Disconnect::STOMP_SEQUENCE).await;
    let mut broken = stage.connect().await;
    broken.raw("UNSUBSCRIBE\nno colon\n\n\0").await;
    broken.fails("Header without a colon", &Disconnect::STOMP_PROTOCOL_ERROR).await;
}

pub async fn where_refusals_close_a_frame_that_does_no_harm_ends_the_session(row: Transport) {
    let stage = Plan::new(row).start();
    for frame in ["UNSUBSCRIBE\nid:9\n\n\0", "ABORT\ntransaction:t\n\n\0"] {
        let mut client = stage.connect().await;
        client.raw(frame).await;
        assert_eq!(client.frame().await.command, "ERROR");
        client.closes(&Disconnect::STOMP_SEQUENCE).await;
    }
}

pub async fn where_refusals_are_kept_whoever_is_denied_stays(row: Transport) {
    let plan = Plan::new(row).tokens().stomp(|stomp| stomp.authorizer(rules())).refusals(Refusals::Keep);
    let stage = plan.start();
    let mut client = stage.connect_as("ada").await;
    client.send("SUBSCRIBE", &[("id", "0"), ("destination", "/topic/**")], "").await;
    client.error("Forbidden").await;
    client.subscribe("0", "/topic/open/*", &[]).await;
    client.publish("/topic/open/ada", "still here").await;
    assert_eq!(client.body().await, "still here");
}
