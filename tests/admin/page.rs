use crate::stage::{BACKEND, OPERATOR, Stage, VISITOR, json};
use crate::support::client::http::ask;
use serde_json::{Value, json};

#[tokio::test]
async fn without_a_key_that_may_open_it_there_is_no_page() {
    let stage = Stage::without_page();
    for target in ["/admin", "/admin/", "/admin/admin.js", "/admin/live/info", "/admin/live/feed/topic/stats"] {
        let answer = stage.get(BACKEND, target).await;
        assert_eq!(answer.status(), 404, "{target}: {answer:?}");
    }
    let answer = stage.get(BACKEND, "/api/overview").await;
    assert_eq!((answer.status(), &json(&answer)["code"]), (403, &Value::from("not_allowed")));
}

#[tokio::test]
async fn the_page_itself_needs_no_key_and_can_load_nothing_from_elsewhere() {
    let stage = Stage::start();
    for target in ["/admin", "/admin/admin.css", "/admin/colours.css", "/admin/admin.js", "/admin/icon.svg"] {
        let answer = ask(stage.server.address, "GET", target, &[], b"").await;
        assert_eq!(answer.status(), 200, "{target}");
        let policy = answer.header("content-security-policy").expect("a policy");
        for rule in ["default-src 'none'", "script-src 'self'", "frame-ancestors 'none'", "form-action 'none'"] {
            assert!(policy.contains(rule), "{target}: {policy}");
        }
        assert!(!policy.contains("unsafe"), "{policy}");
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
    }
}

#[tokio::test]
async fn a_slash_too_many_leads_to_the_page() {
    let answer = Stage::start().get(VISITOR, "/admin/").await;
    assert_eq!((answer.status(), answer.header("location")), (308, Some("../admin")));
}

#[tokio::test]
async fn the_overview_says_what_runs_and_what_is_limited_to_keys_that_may_open_the_page() {
    let stage = Stage::start();
    let overview = json(&stage.get(VISITOR, "/api/overview").await);
    assert_eq!(overview["key"], json!({ "name": "visitor", "allow": ["admin"] }));
    assert_eq!(overview["version"], env!("CARGO_PKG_VERSION"));
    let names = |list: &Value| list.as_array().unwrap().iter().map(|it| it["name"].clone()).collect::<Vec<_>>();
    assert_eq!(names(&overview["endpoints"]), ["main", "chat"]);
    assert_eq!(overview["endpoints"][0]["path"], "/e");
    assert_eq!(overview["endpoints"][0]["application"], "stomp");
    let failures = json!({
        "name": "Clients who fail to show who they are",
        "settings": [{ "key": "auth.failures_per_minute", "value": "77" }],
        "hits": ["limit_hits.connect_failures", "ended.too_many_failures"],
    });
    assert!(overview["endpoints"][0]["limits"].as_array().unwrap().contains(&failures), "{overview}");
    assert!(!names(&overview["endpoints"][1]["limits"]).contains(&failures["name"]), "a chat asks for no tokens");
    assert!(names(&overview["limits"]).contains(&Value::from("Connections")));
    for key in [BACKEND, "wrong"] {
        assert!([401, 403].contains(&stage.get(key, "/api/overview").await.status()), "{key}");
    }
}

#[tokio::test]
async fn the_overview_has_no_secrets() {
    let answer = Stage::start().get(OPERATOR, "/api/overview").await;
    for secret in [OPERATOR, VISITOR, BACKEND, "sha256"] {
        assert!(!answer.body.contains(secret), "{}", answer.body);
    }
}

#[tokio::test]
async fn sessions_are_found_by_what_identifies_them_and_come_in_the_order_that_is_asked_for() {
    let stage = Stage::start();
    let clients = [stage.connect(&[]).await, stage.connect(&[]).await, stage.connect(&[]).await];
    let ids = async |query: &str| {
        let answer = json(&stage.get(OPERATOR, &format!("/api/sessions?endpoint=main{query}")).await);
        let sessions = answer["sessions"].as_array().unwrap_or_else(|| panic!("{answer}"));
        sessions.iter().map(|session| session["id"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let [a, b, c] = <[String; 3]>::try_from(ids("").await).unwrap();
    assert_eq!(ids("&order=newest").await, [&*c, &b, &a]);
    assert_eq!(ids("&order=newest&limit=1").await, [&*c]);
    assert_eq!(ids("&search=RAW_web").await.len(), 3);
    assert_eq!(ids("&search=127.0.0.1&limit=2").await, [&*a, &b]);
    assert_eq!(ids(&format!("&search={b}")).await, [&*b]);
    assert_eq!(ids("&search=nobody").await, [""; 0]);
    let [_, mut talker, _] = clients;
    talker.publish("/topic/a", &"x".repeat(1000)).await;
    talker.settle().await;
    assert_eq!(ids("&order=received&limit=1").await, [&*b]);
}

#[tokio::test]
async fn a_search_goes_on_behind_a_page() {
    let stage = Stage::start();
    let _clients = [stage.connect(&[]).await, stage.connect(&[]).await, stage.connect(&[]).await];
    let first = json(&stage.get(OPERATOR, "/api/sessions?endpoint=main&search=websocket&limit=2").await);
    let next = first["next"].as_str().unwrap();
    let rest = json(&stage.get(OPERATOR, &format!("/api/sessions?endpoint=main&search=websocket&after={next}")).await);
    assert_eq!((rest["sessions"].as_array().unwrap().len(), &rest["next"]), (1, &Value::Null));
}
