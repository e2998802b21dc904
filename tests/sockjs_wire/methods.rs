//! Methods that a URL does not know, and URLs that nobody knows.

use crate::server::{EMPTY, check, serve};
use crate::support::client::http::Head;

#[tokio::test]
async fn the_wrong_method_is_405_with_what_is_allowed_and_neither_body_nor_type() {
    let server = serve().await;
    for (path, allowed) in [
        ("", "GET, HEAD"),
        ("/iframe.html", "GET, HEAD"),
        ("/websocket", "GET, HEAD"),
        ("/info", "OPTIONS, GET, HEAD"),
        ("/000/s/xhr", "OPTIONS, POST"),
        ("/000/s/xhr_streaming", "OPTIONS, POST"),
        ("/000/s/xhr_send", "OPTIONS, POST"),
        ("/000/s/eventsource", "GET, HEAD"),
        ("/000/s/htmlfile", "GET, HEAD"),
        ("/000/s/jsonp", "GET, HEAD"),
        ("/000/s/jsonp_send", "POST"),
        ("/000/s/websocket", "GET, HEAD"),
    ] {
        let known: Vec<_> = allowed.split(", ").collect();
        for method in ["GET", "POST", "OPTIONS", "PUT", "DELETE"] {
            if known.contains(&method) {
                continue;
            }
            let answer = server.ask(method, &format!("/echo{path}"), &[], "").await;
            assert_eq!(answer.body, "", "{method} {path}");
            check(&answer.head, 405, &[("allow", allowed), EMPTY]);
        }
    }
}

#[tokio::test]
async fn an_upgrade_by_post_is_405() {
    let server = serve().await;
    let headers = [("Connection", "Upgrade"), ("Upgrade", "WebSocket")];
    for target in ["/echo/0/0/websocket", "/echo/websocket"] {
        let answer = server.ask("POST", target, &headers, "").await;
        check(&answer.head, 405, &[("allow", "GET, HEAD"), ("connection", "close"), EMPTY]);
    }
}

#[tokio::test]
async fn what_no_method_finds_is_404() {
    let server = serve().await;
    for path in [
        "/a",
        "/a/",
        "/a.html",
        "//",
        "///",
        "/a/a",
        "/a/a/",
        "/a/a/a",
        "/iframe.htm",
        "/iframe",
        "/IFRAME.HTML",
        "/IFRAME",
        "/iframe.HTML",
        "/iframe.xml",
        "/iframe-/.html",
        "/INFO",
        "/info/x",
        "/000/s/XHR",
        "/000/s/xhr_",
        "/000/s/xhr/x",
        "/000/s/xhr//",
        "/000/s/",
        "/000/s",
        "/websocket/x",
    ] {
        for method in ["GET", "POST", "OPTIONS"] {
            let answer = server.ask(method, &format!("/echo{path}"), &[], "").await;
            assert_eq!(
                (answer.status(), answer.body.as_str()),
                (404, "404 Error: Page not found\n"),
                "{method} {path}"
            );
        }
    }
}

const WITHOUT_BODY: &[&str] = &["content-length", "transfer-encoding", "content-type", "cache-control", "etag", "vary"];

/// All of a head that does not change from one answer to the next.
fn shown(head: &Head) -> (u16, Vec<(String, String)>) {
    let shown = head.headers.iter().filter(|(name, _)| WITHOUT_BODY.contains(&name.as_str()));
    (head.status, shown.cloned().collect())
}

#[tokio::test]
async fn do_better_head_is_a_get_without_its_body() {
    let server = serve().await;
    for path in [
        "",
        "/",
        "/info",
        "/iframe.html",
        "/iframe-1.html?x",
        "/sockjs-1.6.1.min.js",
        "/websocket",
        "/000/s/websocket",
        "/000/s/htmlfile",
        "/nothing",
    ] {
        let target = format!("/echo{path}");
        // Ids are random, and so is what /info is long.
        let (_, get) = server.begin("GET", &target, &[]).await;
        let (mut http, head) = server.begin("HEAD", &target, &[]).await;
        match path {
            "/info" => assert_eq!(head.header("content-type"), get.header("content-type")),
            _ => assert_eq!(shown(&head), shown(&get), "{path}"),
        }
        if head.header("connection") == Some("close") {
            assert!(http.is_at_end().await, "{path} has no body");
        } else {
            http.send("GET", "/echo", &[], b"").await;
            assert_eq!(http.head().await.status, 200, "{path} has no body, and the connection goes on");
        }
    }
}

#[tokio::test]
async fn do_better_head_opens_no_session_and_says_what_a_stream_would() {
    let server = serve().await;
    for path in ["/eventsource", "/htmlfile?c=x", "/jsonp?c=x"] {
        let (mut http, head) =
            server.begin("HEAD", &format!("/echo/000/headed{}", path.replace(['/', '?', '='], "-") + path), &[]).await;
        let (_stream, get) =
            server.begin("GET", &format!("/echo/000/got{}", path.replace(['/', '?', '='], "-") + path), &[]).await;
        let but_length = |head: &Head| {
            let (status, mut shown) = shown(head);
            shown.retain(|(name, _)| name != "content-length" && name != "transfer-encoding");
            (status, shown)
        };
        assert_eq!(but_length(&head), but_length(&get), "{path}");
        http.send("GET", "/echo", &[], b"").await;
        assert_eq!(http.head().await.status, 200, "{path} has no body, and the connection goes on");
    }
    assert_eq!(server.ask("HEAD", "/echo/000/s/xhr", &[], "").await.status(), 405);
    let sends = server.post("/echo/000/headed-eventsource/xhr_send", "[]").await;
    assert_eq!(sends.status(), 404, "there is no session of that name");
}
