//! What receivers get: heads, preludes, frames.

use crate::server::{
    ANYBODY, CHUNKED, JAVASCRIPT, NO_CACHE, NO_SNIFF, TEXT, UNBUFFERED, VARY, check, check_answer, serve,
};
use crate::support::TestServer;
use crate::support::client::http::Http;

/// The chunks of a response that is expected to end.
async fn chunks(http: &mut Http) -> Vec<String> {
    let mut chunks = Vec::new();
    while let Some(chunk) = http.chunk().await {
        chunks.push(chunk);
    }
    chunks
}

async fn send(server: &TestServer, target: &str, json: &str) {
    assert_eq!(server.post(target, json).await.status(), 204);
}

#[tokio::test]
async fn xhr_is_one_frame_and_a_newline() {
    let server = serve().await;
    let headers = [JAVASCRIPT, NO_CACHE, ANYBODY, VARY, UNBUFFERED];
    check_answer(&server.post("/echo/000/s/xhr", "").await, 200, &headers, "o\n");
    send(&server, "/echo/000/s/xhr_send", r#"["x","y"]"#).await;
    check_answer(&server.post("/echo/000/s/xhr", "").await, 200, &headers, "a[\"x\",\"y\"]\n");
    for frame in ["o\n", "c[3000,\"Go away!\"]\n", "c[3000,\"Go away!\"]\n"] {
        assert_eq!(server.post("/close/000/s/xhr", "").await.body, frame);
    }
    assert_eq!(server.post("/quick/000/s/xhr", "").await.body, "o\n");
    assert_eq!(server.post("/quick/000/s/xhr", "").await.body, "h\n");
}

#[tokio::test]
async fn xhr_streaming_is_2048_h_and_then_one_chunk_for_each_frame() {
    let server = serve().await;
    let (mut http, head) = server.begin("POST", "/echo/000/s/xhr_streaming", &[]).await;
    check(&head, 200, &[JAVASCRIPT, NO_CACHE, ANYBODY, VARY, UNBUFFERED, CHUNKED]);
    assert_eq!(http.chunk().await.unwrap(), format!("{}\n", "h".repeat(2048)));
    assert_eq!(http.chunk().await.unwrap(), "o\n");
    send(&server, "/echo/000/s/xhr_send", r#"["x","y"]"#).await;
    assert_eq!(http.chunk().await.unwrap(), "a[\"x\"]\n");
    assert_eq!(http.chunk().await.unwrap(), "a[\"y\"]\n");
    let (mut http, _) = server.begin("POST", "/close/000/s/xhr_streaming", &[]).await;
    assert_eq!(chunks(&mut http).await[1..], ["o\n", "c[3000,\"Go away!\"]\n"]);
    let (mut http, _) = server.begin("POST", "/close/000/s/xhr_streaming", &[]).await;
    let prelude = format!("{}\n", "h".repeat(2048));
    assert_eq!(chunks(&mut http).await, [&prelude, "c[3000,\"Go away!\"]\n"], "the prelude comes every time");
}

#[tokio::test]
async fn eventsource_is_an_empty_line_and_then_one_event_for_each_frame() {
    let server = serve().await;
    let (mut http, head) = server.begin("GET", "/echo/000/s/eventsource", &[]).await;
    check(&head, 200, &[("content-type", "text/event-stream"), NO_CACHE, ANYBODY, VARY, UNBUFFERED, CHUNKED]);
    assert_eq!(http.chunk().await.unwrap(), "\r\n");
    assert_eq!(http.chunk().await.unwrap(), "data: o\r\n\r\n");
    for (sent, event) in [
        (r#"["x"]"#, "data: a[\"x\"]\r\n\r\n"),
        (r#"["  \u0000\n\r "]"#, "data: a[\"  \\u0000\\n\\r \"]\r\n\r\n"),
        // sockjs-client runs decodeURI over it.
        (r#"["100% %41"]"#, "data: a[\"100%25 %2541\"]\r\n\r\n"),
    ] {
        send(&server, "/echo/000/s/xhr_send", sent).await;
        assert_eq!(http.chunk().await.unwrap(), event);
    }
    let (mut http, _) = server.begin("GET", "/close/000/s/eventsource", &[]).await;
    assert_eq!(chunks(&mut http).await, ["\r\n", "data: o\r\n\r\n", "data: c[3000,\"Go away!\"]\r\n\r\n"]);
}

const HTMLFILE: &str = r#"<!doctype html>
<html><head>
  <meta http-equiv="X-UA-Compatible" content="IE=edge" />
  <meta http-equiv="Content-Type" content="text/html; charset=UTF-8" />
</head><body><h2>Don't panic!</h2>
  <script>
    document.domain = document.domain;
    var c = parent.callback;
    c.start();
    function p(d) {c.message(d);};
    window.onload = function() {c.stop();};
  </script>"#;

#[tokio::test]
async fn htmlfile_is_a_padded_page_and_then_one_script_for_each_frame() {
    let server = serve().await;
    let (mut http, head) = server.begin("GET", "/echo/000/s/htmlfile?c=%63allback", &[]).await;
    let html = ("content-type", "text/html;charset=UTF-8");
    let policy = ("content-security-policy", "default-src 'none'; script-src 'unsafe-inline'");
    check(&head, 200, &[html, NO_CACHE, UNBUFFERED, NO_SNIFF, policy, CHUNKED]);
    let prelude = http.chunk().await.unwrap();
    assert_eq!(prelude.trim_end(), HTMLFILE);
    assert!(prelude.len() > 1024 && prelude.ends_with("   \r\n\r\n"), "{} bytes", prelude.len());
    assert_eq!(http.chunk().await.unwrap(), "<script>\np(\"o\");\n</script>\r\n");
    send(&server, "/echo/000/s/xhr_send", r#"["x"]"#).await;
    assert_eq!(http.chunk().await.unwrap(), "<script>\np(\"a[\\\"x\\\"]\");\n</script>\r\n");
    let (mut http, _) = server.begin("GET", "/close/000/s/htmlfile?callback=x", &[]).await;
    let scripts = ["<script>\np(\"o\");\n</script>\r\n", "<script>\np(\"c[3000,\\\"Go away!\\\"]\");\n</script>\r\n"];
    assert_eq!(chunks(&mut http).await[1..], scripts);
}

#[tokio::test]
async fn do_better_a_message_cannot_end_the_script_of_an_htmlfile() {
    let server = serve().await;
    let (mut http, _) = server.begin("GET", "/echo/000/s/htmlfile?c=x", &[]).await;
    send(&server, "/echo/000/s/xhr_send", r#"["</script>"]"#).await;
    http.chunk().await.unwrap();
    http.chunk().await.unwrap();
    assert_eq!(http.chunk().await.unwrap(), "<script>\np(\"a[\\\"\\u003c/script>\\\"]\");\n</script>\r\n");
}

#[tokio::test]
async fn jsonp_is_a_call_of_the_callback_behind_an_empty_comment() {
    let server = serve().await;
    let headers = [JAVASCRIPT, NO_CACHE, UNBUFFERED, NO_SNIFF];
    check_answer(&server.get("/echo/000/s/jsonp?c=%63allback").await, 200, &headers, "/**/callback(\"o\");\r\n");
    send(&server, "/echo/000/s/xhr_send", r#"["x"]"#).await;
    let called = "/**/callback(\"a[\\\"x\\\"]\");\r\n";
    check_answer(&server.get("/echo/000/s/jsonp?c=callback").await, 200, &headers, called);
    for frame in ["o", r#"c[3000,\"Go away!\"]"#, r#"c[3000,\"Go away!\"]"#] {
        assert_eq!(server.get("/close/000/s/jsonp?c=x").await.body, format!("/**/x(\"{frame}\");\r\n"));
    }
}

#[tokio::test]
async fn a_callback_that_is_missing_or_could_be_script_is_500_and_opens_no_session() {
    let server = serve().await;
    let long = "x".repeat(33);
    for transport in ["jsonp", "htmlfile"] {
        for (query, refusal) in [
            ("", "\"callback\" parameter required"),
            ("?c=", "\"callback\" parameter required"),
            ("?callback", "\"callback\" parameter required"),
            ("?c=%20", "invalid \"callback\" parameter"),
            ("?c=*", "invalid \"callback\" parameter"),
            ("?c=abc(", "invalid \"callback\" parameter"),
            ("?c=abc%28", "invalid \"callback\" parameter"),
            ("?c=%3Cscript%3E", "invalid \"callback\" parameter"),
            (&format!("?c={long}"), "invalid \"callback\" parameter"),
        ] {
            let answer = server.get(&format!("/echo/a/a/{transport}{query}")).await;
            check_answer(&answer, 500, &[TEXT, NO_CACHE, UNBUFFERED], refusal);
        }
    }
    assert_eq!(server.post("/echo/a/a/xhr_send", r#"["x"]"#).await.status(), 404);
    assert_eq!(server.get("/echo/a/a/jsonp?callback=_jp.a-1").await.body, "/**/_jp.a-1(\"o\");\r\n");
    assert_eq!(server.get(&format!("/echo/a/b/jsonp?c={}", &long[1..])).await.status(), 200);
}

#[tokio::test]
async fn a_streaming_response_ends_with_the_frame_that_fills_it() {
    let server = serve().await;
    let (mut http, _) = server.begin("POST", "/echo/000/s/xhr_streaming", &[]).await;
    http.chunk().await.unwrap();
    assert_eq!(http.chunk().await.unwrap(), "o\n");
    let message = format!("[\"{}\"]", "x".repeat(128));
    for _ in 0..31 {
        send(&server, "/echo/000/s/xhr_send", &message).await;
        assert_eq!(http.chunk().await.unwrap(), format!("a{message}\n"));
    }
    assert_eq!(http.chunk().await, None);
    // The connection is good for the next receiver.
    http.send("POST", "/echo/000/s/xhr_streaming", &[], b"").await;
    assert_eq!(http.head().await.status, 200);

    for (target, before, after) in [
        ("/echo/000/t/eventsource", "data: a[\"", "\"]\r\n\r\n"),
        ("/echo/000/u/htmlfile?c=callback", "<script>\np(\"a[\\\"", "\\\"]\");\n</script>\r\n"),
    ] {
        let (mut http, _) = server.begin("GET", target, &[]).await;
        http.chunk().await.unwrap();
        http.chunk().await.unwrap();
        let (session, _) = target.rsplit_once('/').unwrap();
        send(&server, &format!("{session}/xhr_send"), &format!("[\"{}\"]", "x".repeat(4096))).await;
        assert_eq!(http.chunk().await.unwrap(), format!("{before}{}{after}", "x".repeat(4096)));
        assert_eq!(http.chunk().await, None);
    }
}

#[tokio::test]
async fn what_waits_beyond_a_full_response_comes_with_the_next() {
    let server = serve().await;
    assert_eq!(server.post("/echo/000/s/xhr", "").await.body, "o\n");
    let large = "x".repeat(3000);
    send(&server, "/echo/000/s/xhr_send", &format!("[\"{large}\",\"{large}\"]")).await;
    let (mut http, _) = server.begin("POST", "/echo/000/s/xhr_streaming", &[]).await;
    assert_eq!(chunks(&mut http).await[1..], [format!("a[\"{large}\",\"{large}\"]\n")], "a frame is not split");
}

#[tokio::test]
async fn every_character_that_browsers_mangle_is_escaped_and_no_other() {
    let server = serve().await;
    assert_eq!(server.post("/echo/000/s/xhr", "").await.body, "o\n");
    let must = |unit: u32| {
        unit < 0x20
            || [0x200c..=0x200f, 0x2028..=0x202f, 0x2060..=0x206f, 0xfff0..=0xffff]
                .iter()
                .any(|range| range.contains(&unit))
    };
    let text: String = (0..=0xffff).filter_map(char::from_u32).collect();
    let mut expected = String::new();
    for c in text.chars() {
        match c {
            '"' | '\\' => expected.extend(['\\', c]),
            '\u{8}' => expected.push_str("\\b"),
            '\u{c}' => expected.push_str("\\f"),
            '\n' => expected.push_str("\\n"),
            '\r' => expected.push_str("\\r"),
            '\t' => expected.push_str("\\t"),
            c if must(c.into()) => expected.push_str(&format!("\\u{:04x}", u32::from(c))),
            c => expected.push(c),
        }
    }
    // In pieces, each below the limit of one message.
    let pieces: Vec<char> = text.chars().collect();
    for piece in pieces.chunks(20_000) {
        let sent = serde_json::to_string(&[piece.iter().collect::<String>()]).unwrap();
        send(&server, "/echo/000/s/xhr_send", &sent).await;
    }
    let mut got = String::new();
    while got.len() < expected.len() {
        let frame = server.post("/echo/000/s/xhr", "").await.body;
        let items = frame.strip_prefix("a[\"").and_then(|rest| rest.strip_suffix("\"]\n")).unwrap().to_owned();
        got.push_str(&items.replace("\",\"", ""));
    }
    // Only the separators of one frame's items look like this; the text itself has its quotes escaped.
    assert!(got == expected);
    send(&server, "/echo/000/s/xhr_send", r#"["\ud83d\ude00 \ud800"]"#).await;
    assert_eq!(server.post("/echo/000/s/xhr", "").await.body, "a[\"\\ud83d\\ude00 \\ufffd\"]\n");
}

#[tokio::test]
async fn a_second_receiver_is_told_in_its_own_wrapping() {
    let server = serve().await;
    let (mut first, _) = server.begin("POST", "/echo/000/s/xhr_streaming", &[]).await;
    let busy = r#"c[2010,"Another connection still open"]"#;
    let quoted = busy.replace('"', "\\\"");
    assert_eq!(server.post("/echo/000/s/xhr", "").await.body, format!("{busy}\n"));
    assert_eq!(server.get("/echo/000/s/jsonp?c=x").await.body, format!("/**/x(\"{quoted}\");\r\n"));
    for (method, target, frame) in [
        ("POST", "/echo/000/s/xhr_streaming", format!("{busy}\n")),
        ("GET", "/echo/000/s/eventsource", format!("data: {busy}\r\n\r\n")),
        ("GET", "/echo/000/s/htmlfile?c=x", format!("<script>\np(\"{quoted}\");\n</script>\r\n")),
    ] {
        let (mut http, head) = server.begin(method, target, &[]).await;
        assert_eq!((head.status, head.header("transfer-encoding")), (200, Some("chunked")));
        assert_eq!(chunks(&mut http).await[1..], [frame]);
    }
    first.chunk().await.unwrap();
    assert_eq!(first.chunk().await.unwrap(), "o\n");
}

#[tokio::test]
async fn do_better_an_interrupted_session_s_id_says_so_and_swallows_nothing() {
    let server = serve().await;
    let (http, _) = server.begin("POST", "/echo/000/s/xhr_streaming", &[]).await;
    drop(http);
    while server.post("/echo/000/s/xhr_send", r#"["x"]"#).await.status() != 404 {}
    for _ in 0..2 {
        assert_eq!(server.post("/echo/000/s/xhr", "").await.body, "c[1002,\"Connection interrupted\"]\n");
    }
}
