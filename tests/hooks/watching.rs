//! What operators see.

use crate::backend::Answer;
use crate::stage::{Plan, nowhere};
use crate::support::client::http::ask;
use crate::support::stage::until;
use byway::Disconnect;
use byway::hooks::{EventKind, HookSettings, Hooks};
use std::sync::Arc;

#[tokio::test]
async fn metrics_have_calls_by_kind_and_outcome_the_breakers_and_the_events() {
    let plan = Plan::new().hooks(|hooks| {
        (hooks.connect, hooks.app, hooks.retries, hooks.breaker.failures) = (true, true, 0, 1);
        hooks.events = vec![EventKind::Connected];
    });
    let stage = plan.start(|call| Answer::empty(if call.body["type"] == "app" { 500 } else { 204 })).await;
    for _ in 0..2 {
        let mut client = stage.server.connect(&[]).await;
        client.publish("/app/x", "1").await;
        client.fails("Unavailable", &Disconnect::BACKEND_UNAVAILABLE).await;
    }
    until(|| stage.server.stats().events_delivered == 2).await;
    let metrics = ask(stage.server.address, "GET", "/site/metrics", &[], b"").await.body;
    for line in [
        r#"byway_hook_calls_total{hook="connect",outcome="answered"} 2"#,
        r#"byway_hook_calls_total{hook="app",outcome="failed"} 1"#,
        r#"byway_hook_calls_total{hook="app",outcome="open"} 1"#,
        r#"byway_hook_seconds_count{hook="connect"} 2"#,
        r#"byway_hook_seconds_bucket{le="+Inf",hook="connect"} 2"#,
        r#"byway_hook_breaker_open{hook="connect"} 0"#,
        r#"byway_hook_breaker_open{hook="app"} 1"#,
        "byway_hook_events_queued 0",
        r#"byway_hook_events_total{outcome="delivered"} 2"#,
        r#"byway_hook_events_total{outcome="dropped"} 0"#,
    ] {
        assert!(metrics.lines().any(|have| have == line), "no {line} in\n{metrics}");
    }
}

#[tokio::test]
async fn nothing_shows_a_secret() {
    let settings = HookSettings {
        url: Some(format!("http://{}/", nowhere().await)),
        secret: Some("canary-canary-canary-canary-canary".into()),
        connect: true,
        ..HookSettings::default()
    };
    let hooks: Arc<Hooks> = Hooks::new(&settings).unwrap();
    let on = hooks.on("main", byway::messaging::MessagingSettings::default().app_prefix);
    assert!(!format!("{settings:?} {hooks:?} {on:?}").contains("canary"));
}
