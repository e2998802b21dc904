//! Tokens: forged, stale, misplaced and guessed ones, on every transport. `src/policy/jwt` has the tables of single tokens.

use super::alone::alone;
use super::broker::{ends, open, serve, survives};
use super::log::Log;
use crate::support::client::Client;
use crate::support::stage::{Plan, SECRET, auth, token, token_with};
use crate::support::stomp::StompClient;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use byway::policy::{AnonymousPolicy, Revocation, TicketRequest};
use byway::{Disconnect, Transport};
use jsonwebtoken::{Algorithm, EncodingKey};
use serde_json::{Value, json};
use std::time::{Duration, Instant, SystemTime};
use tracing_subscriber::filter::LevelFilter;

/// A token whose header and claims are these, signed with this secret.
fn signed(header: &Value, claims: &Value, secret: &str) -> String {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let message = format!("{}.{}", part(header), part(claims));
    let key = EncodingKey::from_secret(secret.as_bytes());
    let signature = jsonwebtoken::crypto::sign(message.as_bytes(), &key, Algorithm::HS256).expect("a secret signs");
    format!("{message}.{signature}")
}

fn claims(change: Value) -> Value {
    let mut claims = json!({ "sub": "ada", "exp": 32_503_680_000u64 });
    let (Value::Object(all), Value::Object(change)) = (&mut claims, change) else { panic!("claims are an object") };
    all.extend(change);
    claims
}

/// Tokens that are refused, and what they try.
fn hostile() -> Vec<(String, String)> {
    let headers = [
        json!({"alg": "none"}),
        json!({"alg": "None"}),
        json!({"alg": "RS256"}),
        json!({"alg": "ES256"}),
        json!({"alg": "HS512"}),
        json!({"alg": "HS256", "crit": ["exp"]}),
        json!({}),
        json!([]),
        json!({"alg": 1}),
    ];
    let wrong = [
        json!({"exp": null}),
        json!({"exp": "32503680000"}),
        json!({"exp": -1}),
        json!({"exp": 1}),
        json!({"exp": 1e300}),
        json!({"nbf": 32_503_679_999u64}),
        json!({"nbf": "0"}),
        json!({"sub": null}),
        json!({"sub": ""}),
        json!({"sub": 7.5}),
        json!({"sub": true}),
        json!({"sub": "a\nb"}),
        json!({"sub": "x".repeat(300)}),
        json!({"iat": -1}),
        json!({"jti": 7}),
    ];
    let hs256 = json!({"alg": "HS256"});
    let of_headers = headers.iter().map(|header| (header.to_string(), signed(header, &claims(json!({})), SECRET)));
    let of_claims = wrong.iter().map(|wrong| (wrong.to_string(), signed(&hs256, &claims(wrong.clone()), SECRET)));
    let foreign = [
        ("another secret".to_owned(), signed(&hs256, &claims(json!({})), "another secret of thirty-two bytes")),
        ("jwk".to_owned(), signed(&json!({"alg": "HS256", "jwk": {"kty": "oct", "k": "YQ"}}), &claims(json!({})), "a")),
        ("kid".to_owned(), signed(&json!({"alg": "HS256", "kid": "../../../dev/null"}), &claims(json!({})), "")),
        ("too long".to_owned(), "x".repeat(8193)),
    ];
    of_headers.chain(of_claims).chain(foreign).collect()
}

/// A server that lets the same address fail again and again.
fn patient() -> Plan {
    let settings = byway::policy::AuthSettings { failures_per_minute: 10_000, ..auth(AnonymousPolicy::Deny) };
    Plan::new(Transport::RawWebsocket).stomp(|stomp| stomp.auth(&settings).expect("the test's settings are valid"))
}

#[tokio::test]
async fn j1_j2_j3_hostile_tokens_let_nobody_in_on_any_transport() {
    let stage = serve(patient());
    let mut refused = 0;
    for transport in Transport::ALL {
        for (what, token) in hostile() {
            let mut client = open(&stage, transport).await;
            client.say_connect(&[("Authorization", &format!("Bearer {token}"))]).await;
            let error = client.frame().await;
            assert_eq!(error.command, "ERROR", "{what}: {error:?}");
            assert!(!format!("{error:?}").contains(&token), "{what}");
            match error.header("message") {
                // A header of more than 8 KiB is none.
                Some("Header line too long") => client.closes(&Disconnect::MESSAGE_TOO_BIG).await,
                Some("Token expired") => client.closes(&Disconnect::TOKEN_EXPIRED).await,
                _ => client.closes(&Disconnect::AUTHENTICATION_FAILED).await,
            }
            refused += 1;
        }
    }
    assert!(refused > 150, "{refused}");
    assert_eq!(stage.messenger.users().count(), 0);
    survives(&stage, &[("token", &token("ada"))]).await;
}

#[tokio::test]
async fn j5_a_session_ends_within_five_seconds_of_its_token_on_every_transport() {
    let stage = serve(Plan::new(Transport::RawWebsocket).tokens());
    let lasts = Duration::from_millis(800);
    let token = token_with("ada", lasts, json!({}));
    let begin = Instant::now();
    let mut clients = Vec::new();
    for transport in Transport::ALL {
        let mut client = StompClient::connect(Client::new(stage.server.address, transport), &[("token", &token)]).await;
        client.subscribe("0", "/topic/a", &[]).await;
        clients.push(client);
    }
    for client in &mut clients {
        ends(client, &Disconnect::TOKEN_EXPIRED, "expiry").await;
        assert!((lasts..lasts + Duration::from_secs(5)).contains(&begin.elapsed()), "{:?}", begin.elapsed());
    }
    survives(&stage, &[("token", &crate::support::stage::token("bob"))]).await;
}

/// The session would be its user's for ever, as if nothing had expired or could be revoked.
#[tokio::test]
async fn j5_a_refresh_without_a_token_prolongs_nothing() {
    let stage = serve(Plan::new(Transport::RawWebsocket).tokens());
    for transport in Transport::ALL {
        let mut client =
            StompClient::connect(Client::new(stage.server.address, transport), &[("token", &token("ada"))]).await;
        client.send("SEND", &[("destination", "/byway/token")], "").await;
        ends(&mut client, &Disconnect::AUTHENTICATION_FAILED, "a refresh without a token").await;
    }
    survives(&stage, &[("token", &token("bob"))]).await;
}

#[tokio::test]
async fn j5_a_refresh_to_another_user_is_4403() {
    let stage = serve(Plan::new(Transport::RawWebsocket).tokens());
    for transport in Transport::ALL {
        let mut client =
            StompClient::connect(Client::new(stage.server.address, transport), &[("token", &token("ada"))]).await;
        client.send("SEND", &[("destination", "/byway/token"), ("token", &token("bob"))], "").await;
        ends(&mut client, &Disconnect::FORBIDDEN, "another user's token").await;
    }
    survives(&stage, &[("token", &token("bob"))]).await;
}

#[tokio::test]
async fn j6_a_revoked_user_is_out_at_once_with_sockets_streams_and_parked_polls() {
    let stage = serve(Plan::new(Transport::RawWebsocket).tokens());
    let token = token("ada");
    let mut clients = Vec::new();
    for transport in Transport::ALL {
        let mut client = StompClient::connect(Client::new(stage.server.address, transport), &[("token", &token)]).await;
        client.client.park().await;
        clients.push(client);
    }
    let begin = Instant::now();
    let until = SystemTime::now() + Duration::from_secs(3600);
    assert_eq!(stage.messenger.revoke(&Revocation::User("ada".into()), until), Ok(Transport::ALL.len()));
    for client in &mut clients {
        client.closes(&Disconnect::REVOKED).await;
    }
    assert!(begin.elapsed() < Duration::from_secs(5), "{:?}", begin.elapsed());
    for transport in Transport::ALL {
        let mut client = open(&stage, transport).await;
        client.say_connect(&[("token", &token)]).await;
        ends(&mut client, &Disconnect::REVOKED, "a revoked user's token").await;
    }
    survives(&stage, &[("token", &crate::support::stage::token("bob"))]).await;
}

#[test]
fn j7_a_token_in_a_url_is_refused_by_default_and_no_secret_reaches_a_log_or_an_answer() {
    alone(
        "attacks::j_tokens::j7_a_token_in_a_url_is_refused_by_default_and_no_secret_reaches_a_log_or_an_answer",
        "true",
        async {
            let log = Log::record(LevelFilter::TRACE);
            let stage = serve(patient());
            let good = token_with("ada", Duration::from_secs(60), json!({ "secret": "canary" }));
            let signature = good.rsplit('.').next().unwrap().to_owned();
            let mut in_url = Client::new(stage.server.address, Transport::RawWebsocket);
            in_url.query = format!("access_token={good}&token={good}");
            let mut client = StompClient::open(in_url).await;
            client.say_connect(&[]).await;
            ends(&mut client, &Disconnect::AUTHENTICATION_FAILED, "a token in the URL").await;
            let mut said = String::new();
            for transport in Transport::ALL {
                for headers in [
                    [("token", &*good), ("x", "")],
                    [("passcode", "canary"), ("login", "ada")],
                    [("token", "canary.canary.canary"), ("x", "")],
                ] {
                    let mut client = open(&stage, transport).await;
                    client.say_connect(&headers).await;
                    said += &format!("{:?}", client.frame().await);
                    if headers[0].1 == good {
                        client
                            .send("SEND", &[("destination", "/byway/token"), ("token", &good), ("receipt", "r")], "")
                            .await;
                        said += &format!("{:?}", client.frame().await);
                    }
                }
            }
            let ticket = stage.messenger.issue_ticket(TicketRequest::new("ada")).expect("a ticket").ticket;
            for _ in 0..2 {
                let mut in_url = Client::new(stage.server.address, Transport::RawWebsocket);
                in_url.query = format!("ticket={}", ticket.expose());
                let mut client = StompClient::open(in_url).await;
                client.say_connect(&[]).await;
                let frame = client.frame().await;
                said += &format!("{frame:?} {}", frame.text());
            }
            assert!(said.contains("CONNECTED") && said.contains("the ticket is unknown"), "it is good once");
            said += &format!("{:?}", stage.server.byway.stats());
            said += &log.text();
            assert!(log.text().contains("session ended"), "the log was recorded");
            for secret in ["canary", &signature, SECRET, &ticket.expose()["byway_t_".len()..]] {
                assert!(!said.contains(secret), "{secret}");
            }
            survives(&stage, &[("token", &token("bob"))]).await;
        },
    );
}

#[tokio::test]
async fn j8_whoever_guesses_ten_times_in_a_minute_is_4429_whatever_the_transport() {
    let stage = serve(Plan::new(Transport::RawWebsocket).tokens().with(|settings| {
        settings.trusted_proxies = vec!["127.0.0.0/8".parse().expect("a network")];
    }));
    let from = |transport, address: &str| {
        StompClient::open(Client::new(stage.server.address, transport).with_header("X-Forwarded-For", address))
    };
    for n in 0..10 {
        let mut client = from(Transport::ALL[n % Transport::ALL.len()], "192.0.2.1").await;
        client.say_connect(&[("token", &format!("guess{n}"))]).await;
        ends(&mut client, &Disconnect::AUTHENTICATION_FAILED, "a guess").await;
    }
    for transport in Transport::ALL {
        let mut client = from(transport, "192.0.2.1").await;
        client.say_connect(&[("token", "the eleventh")]).await;
        ends(&mut client, &Disconnect::TOO_MANY_FAILURES, "the eleventh").await;
    }
    let mut other = from(Transport::RawWebsocket, "192.0.2.2").await;
    other.say_connect(&[("token", &token("ada"))]).await;
    assert_eq!(other.frame().await.command, "CONNECTED");
    survives(&stage, &[("token", &token("bob"))]).await;
}

/// A stranger behind the same address, or a page in somebody's browser there, locks nobody out who has the right secret.
#[tokio::test]
async fn j8_the_right_secret_is_let_in_whatever_wrong_ones_its_address_shows() {
    let stage = serve(Plan::new(Transport::RawWebsocket).tokens());
    for n in 0..30 {
        let mut client = open(&stage, Transport::ALL[n % Transport::ALL.len()]).await;
        client.say_connect(&[("token", &format!("guess{n}"))]).await;
        client.last().await;
    }
    for transport in Transport::ALL {
        let ticket = stage.messenger.issue_ticket(TicketRequest::new("bob")).expect("a ticket").ticket;
        for headers in [("token", token("ada")), ("ticket", ticket.expose().to_owned())] {
            let mut client = open(&stage, transport).await;
            client.say_connect(&[(headers.0, &headers.1)]).await;
            assert_eq!(client.frame().await.command, "CONNECTED", "{} over {transport}", headers.0);
        }
    }
    survives(&stage, &[("token", &token("eve"))]).await;
}
