//! Methods that a URL does not know, and URLs that nobody knows.

use crate::server::{EMPTY, check, serve};

#[tokio::test]
async fn the_wrong_method_is_405_with_what_is_allowed_and_neither_body_nor_type() {
    let server = serve().await;
    for (path, allowed) in [
        ("", "GET"),
        ("/iframe.html", "GET"),
        ("/websocket", "GET"),
        ("/info", "OPTIONS, GET"),
        ("/000/s/xhr", "OPTIONS, POST"),
        ("/000/s/xhr_streaming", "OPTIONS, POST"),
        ("/000/s/xhr_send", "OPTIONS, POST"),
        ("/000/s/eventsource", "GET"),
        ("/000/s/htmlfile", "GET"),
        ("/000/s/jsonp", "GET"),
        ("/000/s/jsonp_send", "POST"),
        ("/000/s/websocket", "GET"),
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
        check(&answer.head, 405, &[("allow", "GET"), ("connection", "close"), EMPTY]);
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
