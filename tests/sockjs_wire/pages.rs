//! What is asked for before there is a session: greeting, iframe page, info.

use crate::server::{ANYBODY, NO_CACHE, TEXT, VARY, check, check_answer, serve};

#[tokio::test]
async fn the_greeting_is_19_bytes_of_plain_text() {
    let server = serve().await;
    for target in ["/echo", "/echo/", "/echo?t=1", "/echo/?t=1", "/cookie_needed_echo"] {
        check_answer(&server.get(target).await, 200, &[TEXT], "Welcome to SockJS!\n");
    }
}

const IFRAME: &str = r#"<!DOCTYPE html>
<html>
<head>
  <meta http-equiv="X-UA-Compatible" content="IE=edge" />
  <meta http-equiv="Content-Type" content="text/html; charset=UTF-8" />
  <script src="SCRIPT"></script>
  <script>
    document.domain = document.domain;
    SockJS.bootstrap_iframe();
  </script>
</head>
<body>
  <h2>Don't panic!</h2>
  <p>This is a SockJS hidden iframe. It's used for cross domain magic.</p>
</body>
</html>"#;

const SCRIPT: &str = "/echo/sockjs-1.6.1.min.js";

#[tokio::test]
async fn the_iframe_page_is_the_template_and_can_be_kept_for_a_year() {
    let server = serve().await;
    for suffix in [
        "/iframe.html",
        "/iframe-a.html",
        "/iframe-.html",
        "/iframe-0.1.2.html",
        "/iframe-0.1.2abc-dirty.2144.html",
        "/iframe.html?t=123414",
        "/iframe-a.html?t=1234",
        "/iframe.html/",
    ] {
        let page = server.get(&format!("/echo{suffix}")).await;
        assert_eq!(page.body, IFRAME.replace("SCRIPT", SCRIPT), "{suffix}");
        let (tag, expires) = (page.header("etag").unwrap(), page.header("expires").unwrap());
        assert!(tag.starts_with('"') && tag.ends_with('"') && tag.len() > 10, "{tag}");
        check_answer(
            &page,
            200,
            &[
                ("content-type", "text/html;charset=UTF-8"),
                ("cache-control", "public, max-age=31536000"),
                ("content-security-policy", "frame-ancestors 'self' http://app.example.com"),
                ("etag", tag),
                ("expires", expires),
            ],
            &page.body,
        );
    }
}

#[tokio::test]
async fn the_iframe_page_s_script_is_served_by_the_endpoint_itself() {
    let server = serve().await;
    let script = server.get(SCRIPT).await;
    assert_eq!(script.status(), 200);
    assert!(script.body.contains("bootstrap_iframe") && script.body.contains("1.6.1"));
    let page = server.get("/elsewhere/iframe.html").await;
    assert_eq!(page.body, IFRAME.replace("SCRIPT", "https://cdn.example.com/sockjs.js"));
}

#[tokio::test]
async fn a_page_that_is_known_already_is_304_without_body_or_type() {
    let server = serve().await;
    for target in ["/echo/iframe.html", SCRIPT] {
        let first = server.get(target).await;
        let tag = first.header("etag").unwrap();
        assert_eq!(server.get(target).await.header("etag"), Some(tag));
        let again = server.ask("GET", target, &[("If-None-Match", tag)], "").await;
        assert_eq!((again.status(), again.body.as_str()), (304, ""));
        assert_eq!(again.header("content-type"), None);
        assert_eq!(again.header("etag"), Some(tag));
        assert_eq!(server.ask("GET", target, &[("If-None-Match", "\"other\"")], "").await.status(), 200);
    }
}

#[tokio::test]
async fn info_is_never_cached_and_sets_no_cookie() {
    let server = serve().await;
    let json = ("content-type", "application/json;charset=UTF-8");
    for target in ["/echo/info", "/echo/info/", "/echo/info?t=1", "/cookie_needed_echo/info"] {
        let info = server.get(target).await;
        check_answer(&info, 200, &[json, NO_CACHE, ANYBODY, VARY], &info.body);
    }
}

async fn info(target: &str) -> serde_json::Value {
    serde_json::from_str(&serve().await.get(target).await.body).unwrap()
}

#[tokio::test]
async fn info_says_what_the_endpoint_can() {
    let mut echo = info("/echo/info").await;
    let entropy = echo.as_object_mut().unwrap().remove("entropy").unwrap();
    assert!(u32::try_from(entropy.as_u64().unwrap()).is_ok());
    assert_eq!(echo, serde_json::json!({"websocket": true, "origins": ["*:*"], "cookie_needed": false}));
    assert_ne!(info("/echo/info").await["entropy"], entropy);
    assert_eq!(info("/disabled_websocket_echo/info").await["websocket"], false);
    assert_eq!(info("/cookie_needed_echo/info").await["cookie_needed"], true);
    assert_eq!(info("/elsewhere/info").await["base_url"], "https://node1.example.com/echo");
}

#[tokio::test]
async fn a_get_with_upgrade_headers_is_answered_as_if_they_were_not_there() {
    let server = serve().await;
    let upgrade = [("Connection", "Upgrade"), ("Upgrade", "websocket")];
    assert_eq!(server.ask("GET", "/echo/info", &upgrade, "").await.status(), 200);
    let (mut http, head) = server.begin("GET", "/echo/000/upgrading/eventsource", &upgrade).await;
    assert_eq!(head.status, 200);
    assert_eq!(http.chunk().await.unwrap(), "\r\n");
    let other = [("Connection", "Upgrade"), ("Upgrade", "h2c")];
    let greeting = server.ask("GET", "/echo", &other, "").await;
    check(&greeting.head, 200, &[("connection", "close"), TEXT, ("content-length", "19")]);
}
