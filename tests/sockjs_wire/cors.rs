//! What answers tell pages of other origins, and load balancers.

use crate::server::{ANYBODY, EMPTY, NO_CACHE, ORIGIN, VARY, check, serve};
use crate::support::TestServer;
use crate::support::client::http::Head;
use crate::support::client::websocket::WebSocket;

const XHR: [&str; 3] = ["/000/s/xhr", "/000/s/xhr_streaming", "/000/s/xhr_send"];

#[tokio::test]
async fn a_preflight_is_204_and_good_for_a_year() {
    let server = serve().await;
    for (path, methods) in XHR.map(|path| (path, "OPTIONS, POST")).into_iter().chain([("/info", "OPTIONS, GET")]) {
        for origin in [ORIGIN, "null"] {
            let headers = [("Origin", origin), ("Access-Control-Request-Method", "POST")];
            let answer = server.ask("OPTIONS", &format!("/echo{path}"), &headers, "").await;
            assert_eq!(answer.body, "");
            let expires = answer.header("expires").unwrap();
            check(
                &answer.head,
                204,
                &[
                    ("cache-control", "public, max-age=31536000"),
                    ("expires", expires),
                    ("access-control-max-age", "31536000"),
                    ("access-control-allow-methods", methods),
                    ("access-control-allow-origin", origin),
                    ("access-control-allow-credentials", "true"),
                    VARY,
                ],
            );
        }
    }
}

#[tokio::test]
async fn the_headers_that_a_preflight_asks_for_are_allowed_verbatim() {
    let server = serve().await;
    for (asked, allowed) in
        [(Some("a, b, c"), Some("a, b, c")), (Some("X-A,x-b"), Some("X-A,x-b")), (Some(""), None), (None, None)]
    {
        let asked = asked.map(|asked| ("Access-Control-Request-Headers", asked));
        let headers: Vec<_> = [("Origin", ORIGIN)].into_iter().chain(asked).collect();
        let answer = server.ask("OPTIONS", "/echo/000/s/xhr", &headers, "").await;
        assert_eq!(answer.header("access-control-allow-headers"), allowed);
    }
}

fn cors(head: &Head) -> (Option<&str>, Option<&str>, Option<&str>) {
    let header = |name| head.header(name);
    (header("access-control-allow-origin"), header("access-control-allow-credentials"), header("vary"))
}

const TO_ANYBODY: (Option<&str>, Option<&str>, Option<&str>) = (Some("*"), None, Some("Origin"));

fn to(origin: &str) -> (Option<&str>, Option<&str>, Option<&str>) {
    (Some(origin), Some("true"), Some("Origin"))
}

#[tokio::test]
async fn xhr_answers_to_a_page_name_its_origin_and_allow_credentials() {
    let server = serve().await;
    for (path, method) in XHR.map(|path| (path, "POST")).into_iter().chain([("/info", "GET")]) {
        for (server_and_session, origin, expected) in
            [("/0/a", None, TO_ANYBODY), ("/0/b", Some(ORIGIN), to(ORIGIN)), ("/0/c", Some("null"), to("null"))]
        {
            let target = format!("/echo{}", path.replace("/000/s", &format!("{server_and_session}{}", path.len())));
            let headers: Vec<_> = origin.map(|origin| ("Origin", origin)).into_iter().collect();
            let (_http, head) = server.begin(method, &target, &headers).await;
            assert_eq!(cors(&head), expected, "{target}");
        }
    }
}

#[tokio::test]
async fn errors_of_xhr_send_can_be_read_by_the_page_too() {
    let server = serve().await;
    for (body, status) in [(r#"["x"]"#, 404), ("", 500), ("[", 500)] {
        let answer = server.ask("POST", "/echo/000/unknown/xhr_send", &[("Origin", ORIGIN)], body).await;
        assert_eq!((answer.status(), cors(&answer.head)), (status, to(ORIGIN)));
        assert_eq!(answer.header("cache-control"), Some(NO_CACHE.1));
    }
}

#[tokio::test]
async fn an_event_source_of_the_origin_null_gets_no_credentials() {
    let server = serve().await;
    for (session, origin, expected) in
        [("s1", None, TO_ANYBODY), ("s2", Some("null"), TO_ANYBODY), ("s3", Some(ORIGIN), to(ORIGIN))]
    {
        let headers: Vec<_> = origin.map(|origin| ("Origin", origin)).into_iter().collect();
        let (_http, head) = server.begin("GET", &format!("/echo/000/{session}/eventsource"), &headers).await;
        assert_eq!(cors(&head), expected);
    }
}

#[tokio::test]
async fn what_scripts_and_iframes_load_says_nothing_of_origins() {
    let server = serve().await;
    for target in
        ["/echo", "/echo/iframe.html", "/echo/000/s1/jsonp?c=x", "/echo/000/s2/htmlfile?c=x", "/echo/000/s3/jsonp"]
    {
        let (_http, head) = server.begin("GET", target, &[("Origin", ORIGIN)]).await;
        assert_eq!(cors(&head), (None, None, None), "{target}");
    }
}

#[tokio::test]
async fn do_better_pages_of_foreign_origins_are_refused() {
    let server = serve().await;
    for (method, path) in [
        ("GET", "/info"),
        ("OPTIONS", "/info"),
        ("POST", "/000/s/xhr"),
        ("OPTIONS", "/000/s/xhr"),
        ("POST", "/000/s/xhr_send"),
        ("GET", "/000/s/eventsource"),
        ("GET", "/000/s/htmlfile?c=x"),
        ("GET", "/000/s/jsonp?c=x"),
        ("POST", "/000/s/jsonp_send"),
        ("GET", "/000/s/websocket"),
        ("GET", "/websocket"),
        ("GET", "/iframe.html"),
    ] {
        for origin in ["http://evil.example.com", "test", "https://app.example.com"] {
            let answer = server.ask(method, &format!("/echo{path}"), &[("Origin", origin)], "").await;
            assert_eq!((answer.status(), cors(&answer.head)), (403, (None, None, Some("Origin"))), "{method} {path}");
        }
    }
    assert_eq!(server.ask("GET", "/echo/info", &[("Origin", "http://byway.test")], "").await.status(), 200);
}

/// An app's WebView says where its files are from, whatever that looks like.
#[tokio::test]
async fn apps_may_come_where_they_are_listed_and_everybody_where_a_star_is() {
    const APPS: [&str; 4] = ["file://", "capacitor://localhost", "tauri://localhost", "chrome-extension://abcdef"];
    let serve = |allowed: &[&str], credentials| {
        let mut settings = byway::Settings::default();
        settings.origins.allowed = allowed.iter().map(ToString::to_string).collect();
        settings.origins.credentials = credentials;
        TestServer::start(settings, Nothing)
    };
    let (listed, any) = (serve(&APPS, true).await, serve(&["*"], false).await);
    for origin in APPS {
        let asked = [("Origin", origin)];
        assert_eq!(cors(&listed.ask("GET", "/e/info", &asked, "").await.head), to(origin));
        assert_eq!(cors(&any.ask("GET", "/e/info", &asked, "").await.head), TO_ANYBODY);
        let socket = WebSocket::attempt(listed.address, "/e/websocket", &asked).await;
        assert_eq!(socket.head.status, 101, "{origin}");
    }
    for origin in ["content://", "null", "test", "app://x"] {
        let asked = [("Origin", origin)];
        assert_eq!(listed.ask("GET", "/e/info", &asked, "").await.status(), 403, "{origin}");
        assert_eq!(any.ask("GET", "/e/info", &asked, "").await.status(), 200, "{origin}");
    }
}

struct Nothing;

impl byway::Handler for Nothing {
    async fn message(&self, _: &byway::SessionHandle, _: byway::Message) {}
}

#[tokio::test]
async fn the_own_page_is_own_by_its_socket_s_scheme_and_with_a_slash_too() {
    let server = serve().await;
    for (origin, status) in
        [("http://byway.test/", 200), ("ws://byway.test", 200), ("wss://byway.test", 403), ("http://byway.test//", 403)]
    {
        assert_eq!(server.ask("GET", "/echo/info", &[("Origin", origin)], "").await.status(), status, "{origin}");
    }
}

#[tokio::test]
async fn a_preflight_s_headers_are_one_list_on_however_many_lines() {
    let server = serve().await;
    let asked =
        [("Origin", ORIGIN), ("Access-Control-Request-Headers", "a, b"), ("Access-Control-Request-Headers", "c")];
    let answer = server.ask("OPTIONS", "/echo/info", &asked, "").await;
    let allowed = answer.head.headers.iter().filter(|(name, _)| name == "access-control-allow-headers");
    assert_eq!(allowed.map(|(_, value)| value.as_str()).collect::<Vec<_>>(), ["a, b", "c"]);
}

async fn cookie(server: &TestServer, method: &str, path: &str, headers: &[(&str, &str)]) -> Option<String> {
    let (_http, head) = server.begin(method, &format!("/cookie_needed_echo{path}"), headers).await;
    head.header("set-cookie").map(str::to_owned)
}

const WITH_COOKIE: [(&str, &str); 10] = [
    ("POST", "/000/c1/xhr"),
    ("OPTIONS", "/000/c1/xhr"),
    ("POST", "/000/c1/xhr_send"),
    ("OPTIONS", "/000/c1/xhr_send"),
    ("POST", "/000/c2/xhr_streaming"),
    ("OPTIONS", "/000/c2/xhr_streaming"),
    ("GET", "/000/c3/eventsource"),
    ("GET", "/000/c4/htmlfile?c=x"),
    ("GET", "/000/c5/jsonp?c=x"),
    ("POST", "/000/c5/jsonp_send"),
];

#[tokio::test]
async fn every_http_transport_of_the_cookie_service_sets_jsessionid() {
    let server = serve().await;
    for (method, path) in WITH_COOKIE {
        assert_eq!(
            cookie(&server, method, path, &[]).await.as_deref(),
            Some("JSESSIONID=dummy; path=/"),
            "{method} {path}"
        );
    }
    for (method, path) in WITH_COOKIE {
        let mine = [("Cookie", "a=b; JSESSIONID=abcdef; c=d")];
        let path = path.replace("/c", "/d");
        assert_eq!(
            cookie(&server, method, &path, &mine).await.as_deref(),
            Some("JSESSIONID=abcdef; path=/"),
            "{method} {path}"
        );
    }
}

#[tokio::test]
async fn pages_and_websockets_and_other_services_set_no_cookie() {
    let server = serve().await;
    for path in ["", "/info", "/iframe.html", "/000/s/websocket", "/websocket"] {
        assert_eq!(cookie(&server, "GET", path, &[]).await, None, "{path}");
    }
    let answer = server.post("/echo/000/s/xhr", "").await;
    check(
        &answer.head,
        200,
        &[crate::server::JAVASCRIPT, NO_CACHE, ANYBODY, VARY, crate::server::UNBUFFERED, ("content-length", "2")],
    );
    let refused = server.ask("PUT", "/cookie_needed_echo/000/s/xhr", &[], "").await;
    check(&refused.head, 405, &[("allow", "OPTIONS, POST"), EMPTY]);
}
