//! Clocks that jump, handlers that panic, settings that must not be.

use super::broker::{serve, survives};
use crate::support::client::Client;
use crate::support::stage::{Plan, auth, token};
use crate::support::stomp::StompClient;
use byway::messaging::Text;
use byway::policy::{AnonymousPolicy, AuthError, AuthSettings, JwtSettings, RateSettings, ScopeSettings};
use byway::{Byway, Disconnect, OriginSettings, Settings, Stomp, Transport};
use std::path::Path;
use std::time::{Duration, SystemTime};

const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(24 * 3600);

#[tokio::test]
async fn o3_a_clock_that_jumps_moves_what_tokens_are_worth() {
    let tokens = auth(AnonymousPolicy::Deny).jwt.load().expect("valid");
    let token = crate::support::stage::token_with("ada", HOUR / 2, serde_json::json!({}));
    let now = SystemTime::now();
    for (then, good) in [(now, true), (now - HOUR, true), (now - DAY, true), (now + HOUR, false), (now + DAY, false)] {
        let answer = tokens.verify(&token, then).await.map(|_| true);
        assert_eq!(answer, if good { Ok(true) } else { Err(AuthError::Expired) });
    }
}

/// The clock on the wall may jump; nothing may ask it for the time but what lasts until a date (tokens, tickets, whom a
/// backend names), and what tells others a date and does nothing by it.
#[test]
fn o3_nothing_but_tokens_looks_at_the_clock_on_the_wall() {
    let until_a_date = [
        "cli/token.rs",
        "hooks/connect.rs",
        "node/stomp/admit.rs",
        "node/stomp/outlet.rs",
        "node/stomp/shared.rs",
        "policy/jwt/mod.rs",
    ];
    let only_told = [
        "hooks/caller.rs",
        "hooks/events/mod.rs",
        "node/broker/histories.rs",
        "node/broker/presences.rs",
        "node/tap.rs",
        "server/admin/sample.rs",
        "server/admin/watch.rs",
        "server/api/overview.rs",
        "server/api/service.rs",
        "server/api/sessions.rs",
        "server/chat.rs",
        "server/head.rs",
        "server/metrics.rs",
        "transport/respond.rs",
    ];
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut asking = Vec::new();
    visit(&sources, &mut |path| {
        let text = std::fs::read_to_string(path).expect("a source");
        let program = text.split("#[cfg(test)]").next().unwrap_or_default();
        let name = path.strip_prefix(&sources).expect("below src").to_string_lossy().into_owned();
        let asks = ["SystemTime::now()", "UNIX_EPOCH.elapsed()"].iter().any(|call| program.contains(call));
        if asks && !name.ends_with("tests.rs") {
            asking.push(name);
        }
    });
    let is_allowed = |name: &String| [&until_a_date[..], &only_told].concat().contains(&name.as_str());
    let others: Vec<_> = asking.iter().filter(|name| !is_allowed(name)).collect();
    assert!(others.is_empty(), "they read a clock that jumps: {others:?}");
    assert!(!asking.is_empty(), "nothing was found at all");
}

fn visit(folder: &Path, seen: &mut impl FnMut(&Path)) {
    for entry in std::fs::read_dir(folder).expect("a folder").flatten() {
        match entry.path() {
            path if path.is_dir() => visit(&path, seen),
            path if path.extension().is_some_and(|extension| extension == "rs") => seen(&path),
            _ => {}
        }
    }
}

/// Panics without the message on stderr.
async fn panic(_: Text) {
    std::panic::resume_unwind(Box::new("the handler panics"))
}

#[tokio::test]
async fn o6_a_handler_that_panics_ends_its_own_session_with_1011_on_every_transport() {
    let plan = Plan::new(Transport::RawWebsocket)
        .tokens()
        .messages(|messages| messages.on_send("/panic", panic).on_subscribe("/panic", panic));
    let mut stage = serve(plan);
    let mut other = stage.connect_as("bob").await;
    other.subscribe("0", "/topic/a", &[]).await;
    for transport in Transport::ALL {
        for command in ["SEND", "SUBSCRIBE"] {
            let client = Client::new(stage.server.address, transport);
            let mut client = StompClient::connect(client, &[("token", &token("ada"))]).await;
            client.subscribe("1", "/topic/a", &[]).await;
            client.send(command, &[("id", "0"), ("destination", "/app/panic"), ("receipt", "never")], "").await;
            client.closes(&Disconnect::INTERNAL_ERROR).await;
            assert_eq!(stage.ended().await, Disconnect::INTERNAL_ERROR);
            assert_eq!(stage.messenger.users().sessions_of("ada"), []);
            stage.messenger.send_payload("/topic/a", Text("to who is left".into())).expect("the broker is there");
            assert_eq!(other.body().await, "to who is left");
        }
    }
    survives(&stage, &[("token", &token("eve"))]).await;
}

fn refused(settings: Settings, stomp: Stomp) -> &'static str {
    Byway::stomp(settings, stomp).err().map_or("", |error| error.key)
}

#[test]
fn o7_what_must_not_be_served_is_refused_by_its_setting() {
    let origins = OriginSettings { allowed: vec!["*".to_owned()], credentials: true };
    assert_eq!(refused(Settings { origins, ..Settings::default() }, Stomp::new()), "origins.allowed");

    let rates = |session| RateSettings { session, ..RateSettings::default() };
    let nothing = ScopeSettings { messages_per_second: Some(0), ..ScopeSettings::default() };
    let pointless = ScopeSettings { bytes_burst: Some(1), ..ScopeSettings::default() };
    let limited = |session| refused(Settings::default(), Stomp::new().rates(rates(session)));
    assert_eq!(limited(nothing), "rates.session.messages_per_second");
    assert_eq!(limited(pointless), "rates.session.bytes_burst");

    let broker = byway::broker::BrokerSettings { max_queues: 0, ..Default::default() };
    assert_eq!(refused(Settings::default(), Stomp::new().broker(broker)), "broker.max_queues");
}

#[test]
fn o7_weak_and_missing_keys_are_refused() {
    let good = auth(AnonymousPolicy::Deny).jwt;
    let jwt = |jwt: JwtSettings| AuthSettings { jwt, ..AuthSettings::default() };
    for (what, settings) in [
        ("31 bytes", jwt(JwtSettings { secret: Some("x".repeat(31).into()), ..good.clone() })),
        ("nothing", jwt(JwtSettings { secret: Some("".into()), ..good.clone() })),
        ("no issuer", jwt(JwtSettings { require_issuer: true, ..good.clone() })),
        ("no audience", jwt(JwtSettings { require_audience: true, ..good.clone() })),
        ("an issuer without a key", jwt(JwtSettings { secret: None, issuer: Some("me".into()), ..good.clone() })),
        (
            "keys over plain HTTP",
            jwt(JwtSettings { secret: None, jwks_url: Some("http://192.0.2.1/".into()), ..good.clone() }),
        ),
        ("too much leeway", jwt(JwtSettings { leeway: Duration::from_secs(11), ..good.clone() })),
        ("nobody may fail", AuthSettings { failures_per_minute: 0, ..AuthSettings::default() }),
    ] {
        assert!(Stomp::new().auth(&settings).is_err(), "{what}");
    }
    let open = AuthSettings::default();
    assert!(open.check_exposure([0, 0, 0, 0].into()).is_err());
}
