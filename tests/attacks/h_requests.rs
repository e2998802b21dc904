//! H1, H2, H4, H5, H8 and H12 to H14: requests that are slow, large, odd, or that try to get something into an answer.

use super::http::{Answer, Wire, find, get, post, request};
use super::target::{PATIENCE, SHORT, Target, unique};
use proptest::prelude::*;
use std::time::{Duration, Instant};

#[tokio::test]
async fn h1_a_head_that_does_not_end_in_time_ends_the_connection() {
    let target = Target::with(|server, _| server.header_timeout = SHORT).await;
    for head in ["", "G", "GET /e/info HTTP/1.1", "GET /e/info HTTP/1.1\r\nHost: x\r\nX: y\r\n", "\r\n\r\n\r\n"] {
        let mut wire = target.connect().await;
        wire.send(head).await;
        let answers = wire.answers().await;
        assert!(answers.iter().all(|answer| answer.status == 408), "{head:?}: {answers:?}");
    }
    target.survives().await;
}

#[tokio::test]
async fn h1_a_head_that_drips_is_not_waited_for_longer_than_one_that_stops() {
    let target = Target::with(|server, _| server.header_timeout = SHORT).await;
    let mut wire = target.connect().await;
    wire.send("GET /e/info HTTP/1.1\r\n").await;
    let begun = Instant::now();
    while wire.try_send("X: y\r\n").await.is_ok() && begun.elapsed() < PATIENCE {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(begun.elapsed() < PATIENCE / 2, "{:?}", begun.elapsed());
    target.survives().await;
}

#[tokio::test]
async fn h1_a_connection_that_is_idle_between_requests_ends_in_time() {
    let target = Target::with(|server, _| server.keep_alive_timeout = SHORT).await;
    let answers = target.exchange("GET /e/info HTTP/1.1\r\nHost: x\r\n\r\n").await;
    assert_eq!(answers.len(), 1);
    target.survives().await;
}

/// Proxies keep connections for later, and take them for good.
#[tokio::test]
async fn h1_a_connection_that_has_served_may_be_idle_for_longer_than_a_head_may_take() {
    let target = Target::with(|server, _| server.header_timeout = SHORT).await;
    let mut kept = target.connect().await;
    for _ in 0..2 {
        kept.send("GET /e/ HTTP/1.1\r\nHost: x\r\n\r\n").await;
        kept.until("Welcome to SockJS!\n").await;
        // One that came later and says nothing has had its time meanwhile.
        assert_eq!(target.exchange("").await, []);
    }
    target.survives().await;
}

#[tokio::test]
async fn h1_the_head_of_a_later_request_has_no_more_time_than_that_of_the_first() {
    let target = Target::with(|server, _| server.header_timeout = SHORT).await;
    let mut wire = target.connect().await;
    wire.send("GET /e/ HTTP/1.1\r\nHost: x\r\n\r\n").await;
    wire.until("Welcome to SockJS!\n").await;
    wire.send("GET /e/ HTTP/1.1\r\n").await;
    assert_eq!(wire.answers().await, []);
    target.survives().await;
}

/// Every URL that takes a body, or could be sent one.
const BODY_TAKERS: &[(&str, &str)] = &[
    ("POST", "xhr_send"),
    ("POST", "jsonp_send"),
    ("POST", "xhr"),
    ("POST", "xhr_streaming"),
    ("GET", "eventsource"),
    ("GET", "htmlfile?c=x"),
    ("GET", "jsonp?c=x"),
];

#[tokio::test]
async fn h2_a_body_that_does_not_end_in_time_gets_408_and_opens_no_session() {
    let target = Target::with(|_, settings| settings.limits.body_timeout = SHORT).await;
    for (method, transport) in BODY_TAKERS {
        for framing in ["Content-Length: 100\r\n\r\n[\"", "Transfer-Encoding: chunked\r\n\r\n2\r\n[\"\r\n"] {
            let path = format!("/e/000/{}/{transport}", unique("slow-body"));
            let answer = target.answer(format!("{method} {path} HTTP/1.1\r\nHost: x\r\n{framing}")).await;
            assert_eq!(answer.status, 408, "{transport} {framing:?}: {answer:?}");
            assert_eq!(answer.header("connection"), Some("close"));
        }
    }
    assert_eq!(target.refused("body_slow"), 2 * BODY_TAKERS.len() as u64);
    assert_eq!(target.opened(), 0);
    target.survives().await;
}

#[tokio::test]
async fn h2_a_body_that_drips_is_not_waited_for_longer_than_one_that_stops() {
    let target = Target::with(|_, settings| settings.limits.body_timeout = SHORT).await;
    let mut wire = target.connect().await;
    wire.send("POST /e/000/drip/xhr_send HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n").await;
    let begun = Instant::now();
    while target.refused("body_slow") == 0 && begun.elapsed() < PATIENCE {
        wire.try_send("x").await.ok();
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(wire.answers().await[0].status, 408);
    target.survives().await;
}

/// A client that leaves its request unfinished is noticed when it goes, as any other.
#[tokio::test]
async fn h2_a_body_that_is_cut_off_opens_no_session() {
    let target = Target::start().await;
    for (method, transport) in BODY_TAKERS {
        let mut wire = target.connect().await;
        let path = format!("/e/000/{}/{transport}", unique("cut-body"));
        wire.send(format!("{method} {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n[\"")).await;
        drop(wire);
    }
    assert_eq!(target.opened(), 0);
    target.survives().await;
}

#[tokio::test]
async fn h4_a_head_over_its_limits_gets_431_and_a_long_target_414() {
    let target = Target::start().await;
    let lines = |count| "X: y\r\n".repeat(count);
    for (bytes, status) in [
        (request("GET", "/e/info", &format!("X: {}\r\n", "y".repeat(16 * 1024))), 431),
        (request("GET", "/e/info", &format!("{}: y\r\n", "X".repeat(16 * 1024))), 431),
        (request("GET", "/e/info", &"Xxxxxxxxxx: yyyyyyyyyy\r\n".repeat(800)), 431),
        (request("GET", "/e/info", &lines(101)), 431),
        (request("GET", "/e/info", &lines(90)), 200),
        (request("GET", "/e/info", &format!("X: {}\r\n", "y".repeat(15 * 1024))), 200),
        (get(&format!("/e/info?{}", "t".repeat(8 * 1024))), 414),
        (get(&format!("/e/info?{}", "t".repeat(8 * 1024 - 8))), 200),
        (format!("{} /e/info HTTP/1.1\r\n\r\n", "G".repeat(20_000)), 431),
    ] {
        let mut wire = target.connect().await;
        wire.try_send(&bytes).await.ok();
        let answers = wire.answers().await;
        let statuses: Vec<_> = answers.iter().map(|answer| answer.status).collect();
        assert_eq!(statuses, [status], "{} bytes, {:?}", bytes.len(), &bytes[..40]);
    }
    target.survives().await;
}

/// Quadratic work would take minutes for a megabyte: a head is looked at byte by byte, not from its start each time.
#[tokio::test]
async fn h4_a_head_in_many_small_pieces_costs_time_in_its_length_and_no_more() {
    let target = Target::with(|server, _| (server.max_head_bytes, server.max_headers) = (1 << 20, 100)).await;
    let mut wire = target.connect().await;
    let begun = Instant::now();
    wire.send("GET /e/info HTTP/1.1\r\nHost: x\r\nConnection: close\r\nX: ").await;
    let piece = "y".repeat(100);
    for _ in 0..5_000 {
        wire.send(&piece).await;
    }
    wire.send("\r\n\r\n").await;
    assert_eq!(wire.answers().await[0].status, 200);
    assert!(begun.elapsed() < PATIENCE / 2, "{:?}", begun.elapsed());
    target.survives().await;
}

#[tokio::test]
async fn h5_a_body_that_announces_too_much_gets_413_before_any_of_it_comes() {
    let target = Target::with(|_, settings| settings.limits.max_body_bytes = 1000).await;
    for (method, transport) in BODY_TAKERS {
        for expect in ["", "Expect: 100-continue\r\n"] {
            for length in ["1001", "4294967296", "9223372036854775807", "18446744073709551615"] {
                let path = format!("/e/000/{}/{transport}", unique("big-body"));
                let head = format!("{method} {path} HTTP/1.1\r\nHost: x\r\n{expect}Content-Length: {length}\r\n\r\n");
                let answer = target.answer(head).await;
                // hyper keeps the largest lengths for its own use, and has an answer of its own for them.
                let refused = answer.status == 413 || (length == "18446744073709551615" && answer.status == 431);
                assert!(refused, "{transport} {expect}{length}: {answer:?}");
                assert_eq!(answer.header("connection"), Some("close"));
            }
        }
    }
    assert_eq!(target.opened(), 0);
    target.survives().await;
}

#[tokio::test]
async fn h5_a_chunked_body_gets_413_at_the_limit() {
    let target = Target::with(|_, settings| settings.limits.max_body_bytes = 1000).await;
    for (method, transport) in BODY_TAKERS {
        let path = format!("/e/000/{}/{transport}", unique("big-chunks"));
        let chunk = format!("1f4\r\n{}\r\n", "x".repeat(500));
        let mut wire = target.connect().await;
        wire.send(format!("{method} {path} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")).await;
        wire.send(chunk.repeat(2)).await;
        wire.send("1\r\nx\r\n").await;
        let answers = wire.answers().await;
        assert_eq!(answers.len(), 1, "{transport}: {answers:?}");
        assert_eq!((answers[0].status, answers[0].header("connection")), (413, Some("close")), "{transport}");
    }
    assert_eq!(target.opened(), 0);
    target.survives().await;
}

/// 100 is sent when the body is asked for, and only then.
#[tokio::test]
async fn h5_a_body_that_is_expected_within_the_limit_is_continued_and_others_are_not() {
    let target = Target::start().await;
    let head = "POST /e/000/expected/xhr_send HTTP/1.1\r\nHost: x\r\nConnection: close\r\nExpect: 100-continue\r\n";
    let mut wire = target.connect().await;
    wire.send(format!("{head}Content-Length: 2\r\n\r\n")).await;
    assert_eq!(wire.until("\r\n\r\n").await, "HTTP/1.1 100 Continue\r\n\r\n");
    wire.send("[]").await;
    assert_eq!(wire.answers().await[0].status, 404);
    let foreign = target.answer(format!("{head}Origin: https://evil.com\r\nContent-Length: 2\r\n\r\n")).await;
    assert_eq!(foreign.status, 403);
    target.survives().await;
}

/// Closing a socket whose input was not read resets the connection, and the reset can overtake the answer.
#[tokio::test]
async fn h5_a_client_that_sends_the_refused_body_all_the_same_gets_the_whole_answer_and_no_reset() {
    let target = Target::with(|_, settings| settings.limits.max_body_bytes = 1000).await;
    for _ in 0..10 {
        let mut wire = target.connect().await;
        wire.send("POST /e/000/stubborn/xhr_send HTTP/1.1\r\nHost: x\r\nContent-Length: 500000\r\n\r\n").await;
        let head = wire.until("\r\n\r\n").await;
        assert!(head.starts_with("HTTP/1.1 413 "), "{head}");
        for _ in 0..50 {
            wire.try_send("x".repeat(10_000)).await.expect("the server still reads");
            tokio::task::yield_now().await;
        }
        assert_eq!(wire.rest().await, b"Body too big.");
    }
    target.survives().await;
}

/// hyper answers one request after the other, so of polls on one connection exactly one waits at a time.
#[tokio::test]
async fn h8_fifty_polls_on_one_connection_are_answered_in_order_one_at_a_time() {
    let target = Target::with(|_, settings| settings.session.heartbeat = Duration::from_millis(20)).await;
    let session = unique("pipelined");
    let poll = format!("POST /e/000/{session}/xhr HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n");
    let mut wire = target.connect().await;
    wire.send(format!("{}{}", poll.repeat(49), post(&format!("/e/000/{session}/xhr"), ""))).await;
    let bodies: Vec<_> = wire.answers().await.iter().map(|answer| answer.text().to_owned()).collect();
    let expected: Vec<_> = std::iter::once("o\n").chain(std::iter::repeat_n("h\n", 49)).collect();
    assert_eq!(bodies, expected);
    target.survives().await;
}

#[tokio::test]
async fn h8_of_fifty_polls_on_as_many_connections_one_waits_and_the_others_are_told_so() {
    let target = Target::start().await;
    let path = format!("/e/000/{}/xhr", unique("crowded"));
    assert_eq!(target.answer(post(&path, "")).await.text(), "o\n");
    let mut wires = Vec::new();
    for _ in 0..50 {
        let mut wire = target.connect().await;
        wire.send(post(&path, "")).await;
        wires.push(wire);
    }
    let (mut waiting, mut refused) = (Vec::new(), 0);
    for mut wire in wires {
        match tokio::time::timeout(SHORT, wire.stream.readable()).await {
            Ok(_) => {
                assert_eq!(wire.answers().await[0].text(), "c[2010,\"Another connection still open\"]\n");
                refused += 1;
            }
            Err(_) => waiting.push(wire),
        }
    }
    assert_eq!((waiting.len(), refused), (1, 49));
    target.server.byway.group("all").publish("for the one").unwrap();
    assert_eq!(waiting.remove(0).answers().await[0].text(), "a[\"for the one\"]\n");
    target.survives().await;
}

/// Paths that are not there, or that another reader might take for one that is.
const STRANGE_PATHS: &[&str] = &[
    "/e/..",
    "/e/../e/info",
    "/e/./info",
    "/e//info",
    "/e/%69nfo",
    "/e/info%00",
    "/e/info%2f",
    "/e/info;x.bat",
    "/e/info/..;/",
    "/e/INFO",
    "/e/000/../xhr",
    "/e/000/%2e%2e.x/xhr",
    "/e/000/a.b/xhr",
    "/e/0.0/ab/xhr",
    "/e/000//xhr",
    "/e//session/xhr",
    "/e/000/session/xhr/x",
    "/e/000/session/xhr;x",
    "/e/000/session/XHR",
    "/e/000/session/xhr%20",
    "/e/000/session/",
    "/e/000/session",
    "/e/iframe",
    "/e/iframe%2ehtml",
    "/e/iframe/../../etc/passwd.html",
    "/e/iframe\\..\\x.html",
    "/e/sockjs-1.6.1.min.js.map",
    "/e/sockjs-1.6.1.min.js/..",
    "/e/static/",
    "/..",
    "/%2e%2e/%2e%2e/etc/passwd",
    "/",
    "/ee",
    "/e%2finfo",
    "*",
    "http://x/e/../info",
    "http://x",
];

#[tokio::test]
async fn h12_strange_paths_are_404_for_every_method() {
    let target = Target::start().await;
    for path in STRANGE_PATHS {
        for method in ["GET", "POST", "OPTIONS", "DELETE", "HEAD"] {
            let bytes = exchange_bytes(&target, &request(method, path, "")).await;
            let status = status(&bytes);
            assert_eq!(status, 404, "{method} {path}: {}", String::from_utf8_lossy(&bytes));
        }
    }
    assert_eq!(target.opened(), 0);
    target.survives().await;
}

async fn exchange_bytes(target: &Target, bytes: &str) -> Vec<u8> {
    let mut wire = target.connect().await;
    wire.send(bytes).await;
    wire.rest().await
}

fn status(bytes: &[u8]) -> u16 {
    std::str::from_utf8(&bytes[9..12]).ok().and_then(|code| code.parse().ok()).expect("a status")
}

#[tokio::test]
async fn h12_odd_methods_are_405_with_what_is_allowed() {
    let target = Target::start().await;
    for (path, allowed) in [
        ("/e/", "GET, HEAD"),
        ("/e/info", "OPTIONS, GET, HEAD"),
        ("/e/iframe.html", "GET, HEAD"),
        ("/e/websocket", "GET, HEAD"),
        ("/e/sockjs-1.6.1.min.js", "GET, HEAD"),
        ("/e/000/odd/xhr", "OPTIONS, POST"),
        ("/e/000/odd/xhr_send", "OPTIONS, POST"),
        ("/e/000/odd/xhr_streaming", "OPTIONS, POST"),
        ("/e/000/odd/eventsource", "GET, HEAD"),
        ("/e/000/odd/htmlfile", "GET, HEAD"),
        ("/e/000/odd/jsonp", "GET, HEAD"),
        ("/e/000/odd/jsonp_send", "POST"),
        ("/e/000/odd/websocket", "GET, HEAD"),
    ] {
        for method in ["PUT", "DELETE", "PATCH", "TRACE", "PROPFIND", "get", "PRI", "M-SEARCH", "X"] {
            let answer = target.answer(request(method, path, "")).await;
            assert_eq!((answer.status, answer.header("allow")), (405, Some(allowed)), "{method} {path}");
            assert_eq!(answer.body, b"");
        }
    }
    // CONNECT names a host and no path; a tunnel must not come of it.
    let connect = target.answer("CONNECT x:80 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await;
    assert!(matches!(connect.status, 400 | 404 | 405), "{connect:?}");
    assert_eq!(target.opened(), 0);
    target.survives().await;
}

#[test]
fn h12_no_request_line_whatever_it_holds_is_answered_500_or_not_at_all() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let target = runtime.block_on(Target::start());
    let path = prop_oneof![
        "(/|%|\\.|;|\\?|#|\\\\|[a-z]|[0-9A-F]|\\*|:|@|\\[|\\]|é){0,30}",
        "(/e|/000|/s|/info|/xhr|/xhr_send|/websocket|/iframe|\\.html|%2f|%00|\\.\\.|;|//){0,8}",
        "/e/[^ \\r\\n]{0,40}",
    ];
    let method = "(GET|POST|OPTIONS|PUT|HEAD|[A-Z!#]{1,8})";
    proptest!(ProptestConfig::with_cases(400), |(method in method, path in path)| {
        let bytes = runtime.block_on(exchange_bytes(&target, &request(&method, &path, "")));
        let status = status(&bytes);
        // A callback that is missing and a payload that is none are 500 in SockJS, and nothing else is.
        let sockjs_s = ["parameter required", "invalid \"callback\"", "Payload expected.", "Broken JSON"];
        let meant = sockjs_s.iter().any(|text| find(&bytes, text.as_bytes()).is_some());
        prop_assert!(status < 500 || meant, "{} {}: {}", method, path, status);
    });
    runtime.block_on(target.survives());
}

/// Header lines whose values come back in answers.
const ECHOED: &[(&str, &str)] = &[
    ("OPTIONS", "/e/info|Access-Control-Request-Headers"),
    ("OPTIONS", "/e/000/echoed/xhr|Access-Control-Request-Headers"),
    ("GET", "/e/info|Origin"),
    ("GET", "/e/info|Cookie"),
    ("GET", "/e/000/echoed/jsonp?c=x|Cookie"),
    ("GET", "/e/websocket|Sec-WebSocket-Protocol"),
    ("GET", "/e/websocket|Sec-WebSocket-Key"),
    ("GET", "/e/websocket|Sec-WebSocket-Extensions"),
    ("GET", "/e/iframe.html|If-None-Match"),
];

/// Every header that an answer may have.
const KNOWN_HEADERS: &[&str] = &[
    "access-control-allow-credentials",
    "access-control-allow-headers",
    "access-control-allow-methods",
    "access-control-allow-origin",
    "access-control-max-age",
    "allow",
    "cache-control",
    "connection",
    "content-length",
    "content-security-policy",
    "content-type",
    "date",
    "etag",
    "expires",
    "sec-websocket-accept",
    "sec-websocket-extensions",
    "sec-websocket-protocol",
    "sec-websocket-version",
    "set-cookie",
    "transfer-encoding",
    "upgrade",
    "vary",
    "x-accel-buffering",
    "x-content-type-options",
];

#[test]
fn h13_nothing_in_a_request_becomes_a_header_of_its_own_in_the_answer() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let target = runtime.block_on(Target::with(|_, settings| {
        settings.origins.allowed = vec!["https://*.example.com".into()];
        settings.sockjs.jsessionid = true;
        settings.websocket.protocols = vec!["v12.stomp".into()];
        settings.websocket.deflate = true;
    }));
    let piece = prop_oneof![
        Just("\r\nX-Evil: 1".to_owned()),
        Just("\nX-Evil: 1".to_owned()),
        Just("\rX-Evil: 1".to_owned()),
        Just("%0d%0aX-Evil:%201".to_owned()),
        Just("\u{85}X-Evil: 1".to_owned()),
        Just("\u{2028}X-Evil: 1".to_owned()),
        Just("\0".to_owned()),
        Just("JSESSIONID=".to_owned()),
        Just("https://a.example.com".to_owned()),
        Just("v12.stomp".to_owned()),
        "[ -~]{0,12}",
        "\\PC{0,6}",
    ];
    let value = prop::collection::vec(piece, 0..4).prop_map(|pieces| pieces.concat());
    proptest!(ProptestConfig::with_cases(400), |(row in prop::sample::select(ECHOED), value in value)| {
        let (method, (path, name)) = (row.0, row.1.split_once('|').expect("a path and a name"));
        let path = path.replace("echoed", &unique("echoed"));
        let bytes = runtime.block_on(exchange_bytes(&target, &request(method, &path, &format!("{name}: {value}\r\n"))));
        let answers = super::http::answers(&bytes);
        prop_assert_eq!(answers.len(), 1);
        for (name, value) in &answers[0].headers {
            prop_assert!(KNOWN_HEADERS.contains(&name.as_str()), "{}: {}", name, value);
            prop_assert!(!value.contains(['\r', '\n', '\0']));
        }
    });
    runtime.block_on(target.survives());
}

#[tokio::test]
async fn h13_a_session_id_or_callback_with_line_ends_gets_no_header_into_an_answer() {
    let target = Target::start().await;
    for (path, status) in [
        ("/e/000/a%0d%0aX-Evil:1/jsonp?c=x", 200),
        ("/e/000/b/jsonp?c=x%0d%0aX-Evil:1", 500),
        ("/e/000/b/htmlfile?c=%0d%0aX-Evil:1", 500),
    ] {
        let answer = target.answer(get(path)).await;
        assert_eq!((answer.status, answer.header("x-evil")), (status, None), "{path}: {answer:?}");
    }
    target.survives().await;
}

const NO_CACHE: &str = "no-store, no-cache, no-transform, must-revalidate, max-age=0";

#[tokio::test]
async fn h14_answers_that_depend_on_the_origin_say_so_and_are_not_kept() {
    let target = Target::with(|_, settings| settings.origins.allowed = vec!["https://good.com".into()]).await;
    for origin in ["", "Origin: https://good.com\r\n", "Origin: https://evil.com\r\n"] {
        for (method, path) in [
            ("GET", "/e/info"),
            ("POST", "/e/000/cached/xhr"),
            ("POST", "/e/000/cached2/xhr_streaming"),
            ("GET", "/e/000/cached3/eventsource"),
            ("POST", "/e/000/cached4/xhr_send"),
        ] {
            let path = path.replace("cached", &unique("cached"));
            let head = head_of(&target, &request(method, &path, origin)).await;
            assert_eq!(head.header("cache-control"), Some(NO_CACHE), "{method} {path} {origin}: {head:?}");
            assert_eq!(head.header("vary"), Some("Origin"), "{method} {path} {origin}: {head:?}");
        }
        for path in ["/e/000/cached5/jsonp?c=x", "/e/000/cached6/htmlfile?c=x"] {
            let path = path.replace("cached", &unique("cached"));
            let head = head_of(&target, &request("GET", &path, origin)).await;
            assert_eq!(head.header("cache-control"), Some(NO_CACHE), "{path} {origin}: {head:?}");
        }
    }
    target.survives().await;
}

/// The head of an answer whose body may never end.
async fn head_of(target: &Target, bytes: &str) -> Answer {
    let mut wire: Wire = target.connect().await;
    wire.send(bytes).await;
    let head = wire.until("\r\n\r\n").await;
    super::http::answers(head.as_bytes()).remove(0)
}

#[tokio::test]
async fn h14_what_the_host_header_claims_gets_into_no_answer() {
    let target = Target::start().await;
    for headers in [
        "X-Forwarded-Host: evil.com\r\n",
        "X-Forwarded-Proto: https\r\nX-Forwarded-Host: evil.com\r\n",
        "Forwarded: host=evil.com;proto=https\r\n",
        "X-Original-URL: /evil.com\r\nX-Rewrite-URL: /evil.com\r\n",
        "X-Host: evil.com\r\n",
    ] {
        for path in ["/e/", "/e/info", "/e/iframe.html", "/e/iframe-1.html?x", "/e/sockjs-1.6.1.min.js"] {
            let bytes = exchange_bytes(&target, &request("GET", path, headers)).await;
            assert_eq!(status(&bytes), 200, "{path} {headers}");
            assert_eq!(find(&bytes, b"evil.com"), None, "{path} {headers}");
        }
    }
    for host in ["evil.com", "evil.com:80", "\"><script>", "x y", ""] {
        let bytes = exchange_bytes(
            &target,
            &format!("GET /e/iframe.html HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"),
        )
        .await;
        assert!(host.is_empty() || find(&bytes, host.as_bytes()).is_none(), "{host}");
    }
    target.survives().await;
}

/// Neither header is believed of a peer that is no trusted proxy: otherwise any page could claim to be the own one.
#[tokio::test]
async fn h14_forwarded_headers_of_a_stranger_change_no_origin() {
    let target = Target::start().await;
    for headers in [
        "Origin: https://x\r\nX-Forwarded-Proto: https\r\n",
        "Origin: http://evil.com\r\nX-Forwarded-Host: evil.com\r\n",
        "Origin: http://evil.com\r\nForwarded: host=evil.com\r\n",
    ] {
        assert_eq!(target.answer(request("GET", "/e/info", headers)).await.status, 403, "{headers}");
    }
    assert_eq!(target.answer(request("GET", "/e/info", "Origin: http://x\r\n")).await.status, 200);
    target.survives().await;
}
