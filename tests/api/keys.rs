use crate::stage::{KEY, PUBLISHER, READER, Stage, json, refused};
use crate::support::client::http::{Http, ask};
use byway::server::{ApiSettings, KeyHash};
use serde_json::{Value, json};

#[tokio::test]
async fn a_request_without_a_good_key_is_refused_before_anything_else() {
    let stage = Stage::with(|api| api.failures_per_minute = 1000);
    let hash = format!("Bearer {}", KeyHash::of(KEY));
    let good = format!("Bearer {KEY}");
    for authorization in
        ["", "Bearer", "Bearer ", "Bearer wrong", &hash, &good[..good.len() - 1], KEY, "Basic Zm9vOmJhcg=="]
    {
        for target in ["/api/sessions", "/api/publish", "/api/nowhere", "/api", "/api/sessions?limit=none"] {
            let answer = ask(stage.server.address, "POST", target, &[("Authorization", authorization)], b"{").await;
            refused(&answer, 401, "unauthorized");
            assert_eq!(answer.header("www-authenticate"), Some("Bearer"));
            assert!(!answer.body.contains("wrong"), "{answer:?}");
        }
    }
    let long = format!("Bearer {}", "x".repeat(4096));
    refused(
        &ask(stage.server.address, "GET", "/api/users", &[("Authorization", &long)], b"").await,
        401,
        "unauthorized",
    );
}

#[tokio::test]
async fn the_scheme_is_known_in_any_case() {
    let stage = Stage::start();
    let authorization = format!("bearer {KEY}");
    let answer = ask(stage.server.address, "GET", "/api/users", &[("Authorization", &authorization)], b"").await;
    assert_eq!(answer.status(), 200, "{answer:?}");
}

#[tokio::test]
async fn media_types_are_known_in_any_case_and_head_is_a_get() {
    let stage = Stage::start();
    let authorization = format!("Bearer {KEY}");
    let headers = [("Authorization", &*authorization), ("Content-Type", "Application/JSON; Charset=UTF-8")];
    let body = json!({ "destination": "/topic/a", "body": "x" }).to_string();
    let answer = ask(stage.server.address, "POST", "/api/publish", &headers, body.as_bytes()).await;
    assert_eq!(answer.status(), 200, "{answer:?}");
    let mut http = Http::connect(stage.server.address).await;
    http.send("HEAD", "/api/users", &headers[..1], b"").await;
    let head = http.head().await;
    let length = ask(stage.server.address, "GET", "/api/users", &headers[..1], b"").await.body.len().to_string();
    assert_eq!((head.status, head.header("content-length")), (200, Some(&*length)));
}

#[tokio::test]
async fn a_key_may_do_what_it_is_allowed_and_nothing_else() {
    let stage = Stage::start();
    let message = json!({ "destination": "/topic/a" });
    let revocation = json!({ "session": "s99" });
    for (method, target, body, allowed) in [
        ("POST", "/api/publish", &message, PUBLISHER),
        ("GET", "/api/sessions", &Value::Null, READER),
        ("GET", "/api/users", &Value::Null, READER),
        ("GET", "/api/destinations", &Value::Null, READER),
        ("GET", "/api/history?destination=/topic/kept/a", &Value::Null, READER),
    ] {
        for key in [PUBLISHER, READER] {
            let answer = stage.ask_with(key, &[], method, target, body).await;
            match key == allowed {
                true => assert_eq!(answer.status(), 200, "{answer:?}"),
                false => drop(refused(&answer, 403, "not_allowed")),
            }
        }
    }
    for key in [PUBLISHER, READER] {
        let no_body = &Value::Null;
        refused(&stage.ask_with(key, &[], "DELETE", "/api/sessions/s1", no_body).await, 403, "not_allowed");
        let target = "/api/destinations?destination=/queue/a";
        refused(&stage.ask_with(key, &[], "DELETE", target, no_body).await, 403, "not_allowed");
        refused(&stage.ask_with(key, &[], "POST", "/api/revocations", &revocation).await, 403, "not_allowed");
        let ticket = json!({ "user": "ada" });
        refused(&stage.ask_with(key, &[], "POST", "/api/tickets", &ticket).await, 403, "not_allowed");
    }
    for target in ["/api/sessions/s1", "/api/users/ada"] {
        refused(&stage.ask_with(PUBLISHER, &[], "GET", target, &Value::Null).await, 403, "not_allowed");
    }
}

#[tokio::test]
async fn an_address_that_shows_wrong_keys_has_to_wait_and_the_good_one_is_let_in() {
    let stage = Stage::with(|api| api.failures_per_minute = 2);
    for _ in 0..2 {
        assert_eq!(stage.get("/api/users").await.status(), 200, "good keys are no failures");
        refused(&stage.ask_with("wrong", &[], "GET", "/api/users", &Value::Null).await, 401, "unauthorized");
    }
    let answer = stage.ask_with("wrong", &[], "GET", "/api/users", &Value::Null).await;
    refused(&answer, 429, "too_many_failures");
    let wait: u64 = answer.header("retry-after").expect("when to come back").parse().expect("seconds");
    assert!((1..=31).contains(&wait), "{wait}");
    assert_eq!(stage.get("/api/users").await.status(), 200, "nobody guesses this one");
}

/// `<img src="http://server/api/sessions">` on any page, in the browser of somebody behind the backend's address.
#[tokio::test]
async fn who_shows_no_key_and_pages_of_other_origins_do_not_count() {
    let stage = Stage::with(|api| api.failures_per_minute = 1);
    for _ in 0..12 {
        let image = ask(stage.server.address, "GET", "/api/sessions", &[("Sec-Fetch-Site", "cross-site")], b"").await;
        refused(&image, 401, "unauthorized");
        refused(&ask(stage.server.address, "GET", "/api/sessions", &[], b"").await, 401, "unauthorized");
        let foreign = [("Authorization", "Bearer wrong"), ("Origin", "https://evil.example")];
        refused(&ask(stage.server.address, "GET", "/api/sessions", &foreign, b"").await, 401, "unauthorized");
    }
    refused(&stage.ask_with("wrong", &[], "GET", "/api/users", &Value::Null).await, 401, "unauthorized");
    refused(&stage.ask_with("wrong", &[], "GET", "/api/users", &Value::Null).await, 429, "too_many_failures");
}

#[tokio::test]
async fn without_keys_there_is_no_api() {
    let stage = Stage::with(|api| *api = ApiSettings::default());
    for target in ["/api", "/api/docs", "/api/openapi.json", "/api/users"] {
        assert_eq!(stage.get(target).await.status(), 404, "{target}");
    }
}

#[tokio::test]
async fn everybody_may_read_the_description_and_it_names_every_operation() {
    let stage = Stage::start();
    let answer = ask(stage.server.address, "GET", "/api/openapi.json", &[], b"").await;
    assert_eq!(answer.header("content-type"), Some("application/json"));
    let document = json(&answer);
    let paths = document["paths"].as_object().expect("paths");
    let paths: Vec<_> = paths.keys().map(String::as_str).collect();
    let expected = [
        "/destinations",
        "/history",
        "/overview",
        "/presence",
        "/publish",
        "/revocations",
        "/sessions",
        "/sessions/{id}",
        "/tickets",
        "/users",
        "/users/{name}",
    ];
    assert_eq!(paths, expected);
    assert_eq!(document["servers"][0]["url"], "/api");
    for path in paths {
        for (method, operation) in document["paths"][path].as_object().expect("methods") {
            assert_eq!(operation["security"], json!([{ "key": [] }]), "{method} {path}");
            assert!(operation["responses"]["401"].is_object(), "{method} {path}");
        }
    }
}

#[tokio::test]
async fn a_wrong_method_is_told_which_ones_there_are() {
    let stage = Stage::start();
    let document = json(&ask(stage.server.address, "GET", "/api/openapi.json", &[], b"").await);
    for (path, methods) in document["paths"].as_object().expect("paths") {
        let target = format!("/api{}", path.replace("{id}", "s1").replace("{name}", "ada"));
        let answer = stage.ask("PATCH", &target, &Value::Null).await;
        refused(&answer, 405, "no_such_method");
        let allow = answer.header("allow").expect("what is allowed").to_lowercase();
        // HEAD is answered wherever GET is, and descriptions have no word for it.
        let allowed: Vec<_> = allow.split(", ").filter(|method| *method != "head").collect();
        let mut described: Vec<_> = methods.as_object().expect("methods").keys().map(String::as_str).collect();
        described.sort_by_key(|method| *method != "get");
        assert_eq!(allowed, described, "{path}");
    }
}

#[tokio::test]
async fn the_page_loads_nothing_from_elsewhere() {
    let stage = Stage::start();
    let answer = ask(stage.server.address, "GET", "/api/docs", &[], b"").await;
    assert_eq!(answer.header("content-type"), Some("text/html; charset=utf-8"));
    let policy = answer.header("content-security-policy").expect("a policy");
    assert!(policy.starts_with("default-src 'none';") && policy.contains("connect-src 'self'"), "{policy}");
    assert!(!policy.contains("http") && !policy.contains('*'), "{policy}");
    for tag in ["<link ", "<script src", "<iframe ", "<img "] {
        let head = answer.body.split("<script").next().expect("a head");
        assert!(!head.contains(tag), "{tag}");
    }
    assert!(answer.body.contains("/revocations"), "the description is in the page");
}

#[tokio::test]
async fn what_the_framework_refuses_reads_like_all_else() {
    let stage = Stage::start();
    refused(&stage.get("/api/nowhere").await, 404, "no_such_path");
    refused(&stage.get("/api/publish").await, 405, "no_such_method");
    refused(&stage.get("/api/sessions?limit=0").await, 400, "invalid_request");
    refused(&stage.get("/api/sessions?limit=1001").await, 400, "invalid_request");
    refused(&stage.get("/api/sessions?after=7").await, 400, "invalid_request");
    for body in ["", "{", "7", "\"text\"", "null", "{}", r#"{"destination":[]}"#, r#"{"destination":"/topic/a","x":1}"#]
    {
        let key = format!("Bearer {KEY}");
        let headers = [("Authorization", key.as_str()), ("Content-Type", "application/json")];
        let answer = ask(stage.server.address, "POST", "/api/publish", &headers, body.as_bytes()).await;
        refused(&answer, 400, "invalid_request");
        let answer = ask(stage.server.address, "POST", "/api/publish", &headers[..1], body.as_bytes()).await;
        refused(&answer, 415, "not_json");
    }
}

#[tokio::test]
async fn a_body_over_the_limit_is_refused_whether_it_says_so_or_not() {
    let stage = Stage::with(|api| api.max_body_bytes = 100);
    let fitting = json!({ "destination": "/topic/a", "body": "x".repeat(50) });
    assert_eq!(stage.publish(&fitting).await.status(), 200);
    refused(
        &stage.publish(&json!({ "destination": "/topic/a", "body": "x".repeat(100) })).await,
        413,
        "body_too_large",
    );

    let mut http = Http::connect(stage.server.address).await;
    let head = format!("POST /api/publish HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {KEY}\r\n");
    let chunk = format!("65\r\n{}\r\n", "x".repeat(0x65));
    http.write(format!("{head}Transfer-Encoding: chunked\r\n\r\n{chunk}").as_bytes()).await;
    refused(&http.answer().await, 413, "body_too_large");
}

#[tokio::test]
async fn a_body_that_does_not_come_is_waited_for_only_so_long() {
    let stage = Stage::with(|api| api.body_timeout = std::time::Duration::from_millis(50));
    let mut http = Http::connect(stage.server.address).await;
    let head =
        format!("POST /api/publish HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {KEY}\r\nContent-Length: 9\r\n\r\n");
    http.write(head.as_bytes()).await;
    refused(&http.answer().await, 408, "body_slow");
}
