//! STOMP: destinations that mean more than they should, permissions, forged headers, and too much of everything.

use super::broker::{TWO, allowing, ends, serve, survives};
use crate::support::client::Client;
use crate::support::stage::{Plan, Stage, token};
use crate::support::stomp::StompClient;
use byway::messaging::Refusals;
use byway::messaging::Text;
use byway::policy::{ActionSetting, Revocation};
use byway::{Disconnect, Transport};
use std::time::{Duration, SystemTime};

async fn connect(stage: &Stage, transport: Transport) -> StompClient {
    StompClient::connect(Client::new(stage.server.address, transport), &[]).await
}

async fn sign_in(stage: &Stage, transport: Transport, user: &str) -> StompClient {
    StompClient::connect(Client::new(stage.server.address, transport), &[("token", &token(user))]).await
}

#[tokio::test]
async fn s5_a_selector_is_refused_and_a_huge_one_is_over_the_limit() {
    let stage = serve(Plan::new(Transport::RawWebsocket));
    for transport in TWO {
        for (selector, disconnect) in [
            ("a = 1", Disconnect::FORBIDDEN),
            ("(a+)+$", Disconnect::FORBIDDEN),
            (&*"(".repeat(64 * 1024), Disconnect::MESSAGE_TOO_BIG),
        ] {
            let mut client = connect(&stage, transport).await;
            let headers = [("id", "0"), ("destination", "/topic/a"), ("selector", selector)];
            client.send("SUBSCRIBE", &headers, "").await;
            ends(&mut client, &disconnect, "selector").await;
        }
    }
    survives(&stage, &[]).await;
}

/// What no client may reach, by whatever spelling.
const FORBIDDEN: &[&str] = &[
    "",
    "/",
    "topic/a",
    "/topic",
    "/topic/",
    "/topic//a",
    "//topic/a",
    "/topic/./a",
    "/topic/../queue/a",
    "/topic/..",
    "/topic/%2f",
    "/topic/a%00",
    "/topic/a\\b",
    "/topic/a\u{7f}",
    "/topic/a\n",
    "/topic/>",
    "/topic/#",
    "/topic/a?",
    "/topic/[ab]",
    "/topic/{a}",
    "/topic/a*",
    "/topic/**/a",
    "/TOPIC/a",
    "/exchange/a",
    "/amq/queue/a",
    "/user",
    "/app",
    "/user/queue",
    "/user/bob",
    "/user/bob/exchange/a",
    "/user/..",
    "/user//queue/a",
];

#[tokio::test]
async fn s6_destinations_that_could_be_read_in_two_ways_are_forbidden() {
    let stage = serve(Plan::new(Transport::RawWebsocket).refusals(Refusals::Keep));
    let wide = [
        "/**",
        "/*",
        "/*/a",
        "/*/queue/a",
        "/user/**",
        "/user/*/queue/a",
        "/user/queue/*",
        "/app/*",
        "/app/**",
        "/queue/*",
        "/queue/**",
    ];
    for transport in TWO {
        let mut client = connect(&stage, transport).await;
        for command in ["SEND", "SUBSCRIBE"] {
            for destination in FORBIDDEN.iter().chain(&wide) {
                client.send(command, &[("id", "0"), ("destination", destination)], "").await;
                let error = client.frame().await;
                assert_eq!(error.command, "ERROR", "{command} {destination:?}: {error:?}");
                let said = error.header("message").unwrap();
                assert!(said.starts_with("Forbidden"), "{command} {destination:?}: {said}");
            }
        }
        for destination in ["/topic/*", "/topic/**"] {
            client.send("SEND", &[("destination", destination)], "").await;
            client.error("Forbidden").await;
        }
        client.send("SUBSCRIBE", &[("id", "0"), ("destination", "/user/bob/queue/a")], "").await;
        client.error("Forbidden").await;
        client.settle().await;
    }
    survives(&stage, &[]).await;
}

#[tokio::test]
async fn s6_no_spelling_hears_what_is_another_user_s_own() {
    let stage = serve(Plan::new(Transport::RawWebsocket).tokens().refusals(Refusals::Keep));
    let mut ada = sign_in(&stage, Transport::RawWebsocket, "ada").await;
    ada.subscribe("0", "/user/queue/a", &[]).await;
    for transport in TWO {
        let mut eve = sign_in(&stage, transport, "eve").await;
        let spellings = [
            "/queue/a",
            "/queue/a-user1",
            "/queue/a-userada",
            "/queue/ada/a",
            "/topic/ada/queue/a",
            "/user/queue/a",
            "/topic/**",
            "/user/ada/queue/a",
            "/user/topic/a",
            "/user/queue/ada",
            "/queue/user/ada/queue/a",
        ];
        for (n, spelling) in spellings.iter().enumerate() {
            eve.send("SUBSCRIBE", &[("id", &n.to_string()), ("destination", spelling)], "").await;
        }
        let error = eve.error("Forbidden").await;
        assert!(error.header("message").is_some_and(|said| said.contains("/user/ada/queue/a")), "{error:?}");
        eve.settle().await;
        stage.messenger.send_payload_to_user("ada", "/queue/a", Text("secret".into())).unwrap();
        assert_eq!(ada.body().await, "secret");
        // The same way, behind it: whatever eve was to hear, she has heard by then.
        stage.messenger.send_payload_to_user("eve", "/queue/a", Text("mark".into())).unwrap();
        assert_eq!(eve.body().await, "mark");
    }
    survives(&stage, &[("token", &token("bob"))]).await;
}

#[tokio::test]
async fn s7_what_no_rule_allows_is_denied_alone_in_a_transaction_and_by_a_pattern() {
    let rules = allowing(&[
        (ActionSetting::Any, "/topic/control"),
        (ActionSetting::Subscribe, "/topic/open/*"),
        (ActionSetting::Send, "/topic/open/{name}"),
    ]);
    let stage = serve(Plan::new(Transport::RawWebsocket).tokens().stomp(|stomp| stomp.authorizer(rules)));
    let mut listener = sign_in(&stage, Transport::RawWebsocket, "bob").await;
    listener.subscribe("0", "/topic/open/*", &[]).await;
    for transport in TWO {
        for pattern in ["/topic/**", "/topic/*", "/topic/open/**", "/topic/*/eve", "/topic/closed", "/queue/a"] {
            let mut eve = sign_in(&stage, transport, "eve").await;
            eve.send("SUBSCRIBE", &[("id", "0"), ("destination", pattern)], "").await;
            ends(&mut eve, &Disconnect::FORBIDDEN, pattern).await;
        }
        for destination in ["/topic/open/bob", "/queue/a", "/user/bob/queue/a", "/app/any"] {
            let mut eve = sign_in(&stage, transport, "eve").await;
            eve.ask("BEGIN", &[("transaction", "t")], "").await;
            for destination in ["/topic/open/eve", destination] {
                eve.ask("SEND", &[("destination", destination), ("transaction", "t")], "never").await;
            }
            eve.send("COMMIT", &[("transaction", "t")], "").await;
            ends(&mut eve, &Disconnect::FORBIDDEN, destination).await;
        }
    }
    let mut bob = sign_in(&stage, Transport::RawWebsocket, "bob").await;
    bob.publish("/topic/open/bob", "mark").await;
    assert_eq!(listener.body().await, "mark");
    survives(&stage, &[("token", &token("ada"))]).await;
}

#[tokio::test]
async fn s7_whoever_is_revoked_hears_nothing_more_and_what_it_held_is_another_s() {
    let mut stage = serve(Plan::new(Transport::RawWebsocket).tokens());
    for (n, transport) in Transport::ALL.into_iter().enumerate() {
        let (user, queue) = (format!("eve{n}"), format!("/queue/q{n}"));
        let mut eve = sign_in(&stage, transport, &user).await;
        eve.subscribe("0", "/topic/a", &[]).await;
        eve.subscribe("1", &queue, &[("ack", "client")]).await;
        stage.messenger.send_payload(&*queue, Text("work".into())).unwrap();
        eve.message().await;
        let until = SystemTime::now() + Duration::from_secs(3600);
        stage.messenger.revoke(&Revocation::User(user.into()), until).unwrap();
        stage.messenger.send_payload("/topic/a", Text("behind it".into())).unwrap();
        eve.closes(&Disconnect::REVOKED).await;
        assert_eq!(stage.ended().await, Disconnect::REVOKED);
        let mut other = sign_in(&stage, transport, "ada").await;
        other.listen("0", &queue, "auto").await;
        assert_eq!(other.body().await, "work");
        other.ask("DISCONNECT", &[], "").await;
        stage.ended().await;
    }
    survives(&stage, &[("token", &token("bob"))]).await;
}

#[tokio::test]
async fn s8_what_a_client_says_in_the_server_s_name_is_dropped_or_overwritten() {
    let stage = serve(Plan::new(Transport::RawWebsocket).tokens());
    let forged = [
        "user-name",
        "message-id",
        "subscription",
        "ack",
        "receipt-id",
        "session",
        "delivery-count",
        "redelivered",
        "dead-letter-reason",
        "original-destination",
        "body-encoding",
    ];
    for (n, transport) in TWO.into_iter().enumerate() {
        let (once, kept) = (format!("/queue/once{n}"), format!("/queue/kept{n}"));
        let mut eve = sign_in(&stage, transport, "eve").await;
        let mut ada = sign_in(&stage, Transport::RawWebsocket, "ada").await;
        for (id, destination, ack) in [("0", "/topic/a", "auto"), ("1", &once, "auto"), ("2", &kept, "client")] {
            ada.subscribe(id, destination, &[("ack", ack)]).await;
            let mut headers = vec![("destination", destination)];
            headers.extend(forged.map(|name| (name, "forged")));
            eve.send("SEND", &headers, "").await;
            let message = ada.message().await;
            for name in forged {
                assert_ne!(message.header(name), Some("forged"), "{name} on {destination}");
            }
        }
        // A message for a consumer is the consumer's alone to acknowledge.
        eve.ack("2-1").await;
        ends(&mut eve, &Disconnect::STOMP_PROTOCOL_ERROR, "a foreign ACK").await;
    }
    survives(&stage, &[("token", &token("bob"))]).await;
}

#[tokio::test]
async fn s9_subscriptions_and_transactions_end_at_their_limits_with_1008() {
    let stage = serve(Plan::new(Transport::RawWebsocket));
    for transport in TWO {
        let mut client = connect(&stage, transport).await;
        for n in 0..256 {
            let id = n.to_string();
            client.send("SUBSCRIBE", &[("id", &id), ("destination", &format!("/topic/{n}"))], "").await;
        }
        client.settle().await;
        client.send("SUBSCRIBE", &[("id", "256"), ("destination", "/topic/a")], "").await;
        ends(&mut client, &Disconnect::STOMP_LIMIT, "a 257th subscription").await;

        let mut client = connect(&stage, transport).await;
        client.subscribe("0", "/topic/a", &[]).await;
        client.send("SUBSCRIBE", &[("id", "0"), ("destination", "/topic/b")], "").await;
        ends(&mut client, &Disconnect::STOMP_SEQUENCE, "an id twice").await;

        let mut client = connect(&stage, transport).await;
        for n in 0..10 {
            client.ask("BEGIN", &[("transaction", &n.to_string())], "").await;
        }
        client.send("BEGIN", &[("transaction", "10")], "").await;
        ends(&mut client, &Disconnect::STOMP_LIMIT, "an eleventh transaction").await;

        let mut client = connect(&stage, transport).await;
        client.ask("BEGIN", &[("transaction", "t")], "").await;
        let body = "x".repeat(60_000);
        for _ in 0..18 {
            client.send("SEND", &[("destination", "/topic/a"), ("transaction", "t")], &body).await;
        }
        ends(&mut client, &Disconnect::STOMP_LIMIT, "a transaction of more than 1 MiB").await;
    }
    survives(&stage, &[]).await;
}

#[tokio::test]
async fn s10_a_consumer_that_never_acknowledges_gets_its_prefetch_and_no_more() {
    let stage = serve(Plan::new(Transport::RawWebsocket));
    for (transport, queue) in TWO.into_iter().zip(["/queue/a", "/queue/b"]) {
        let mut client = connect(&stage, transport).await;
        client.subscribe("0", queue, &[("ack", "client"), ("prefetch-count", "99999999")]).await;
        (0..1100).for_each(|n| stage.messenger.send(queue, &n).unwrap());
        let mut ids = Vec::new();
        for n in 0..1000 {
            let message = client.message().await;
            assert_eq!(message.text(), n.to_string());
            ids.push(message.ack().to_owned());
        }
        client.settle().await;
        client.ack(&ids[999]).await;
        for n in 1000..1100 {
            assert_eq!(client.body().await, n.to_string());
        }
    }
    survives(&stage, &[]).await;
}

#[tokio::test]
async fn s10_an_ack_ahead_behind_or_twice_is_an_error_and_changes_nothing() {
    let stage = serve(Plan::new(Transport::RawWebsocket));
    for (n, transport) in TWO.into_iter().enumerate() {
        for (m, wrong) in ["0-99", "0-1", "1-1", "0--1", "0-18446744073709551616", "-", "", "0-2"].iter().enumerate() {
            let queue = format!("/queue/{n}-{m}");
            let mut client = connect(&stage, transport).await;
            client.subscribe("0", &queue, &[("ack", "client-individual")]).await;
            (0..2).for_each(|n| stage.messenger.send(&*queue, &n).unwrap());
            let (first, second) = (client.message().await, client.message().await);
            client.ack(first.ack()).await;
            let wrong = if *wrong == "0-2" { first.ack() } else { wrong };
            assert_ne!(wrong, second.ack());
            client.send("ACK", &[("id", wrong)], "").await;
            ends(&mut client, &Disconnect::STOMP_PROTOCOL_ERROR, wrong).await;
            let mut other = connect(&stage, transport).await;
            other.listen("0", &queue, "auto").await;
            assert_eq!(other.body().await, "1");
        }
    }
    survives(&stage, &[]).await;
}
