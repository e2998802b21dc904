//! `xhr_send` and `jsonp_send`.

use crate::server::{ANYBODY, NO_CACHE, TEXT, UNBUFFERED, VARY, check, check_answer, serve};
use crate::support::TestServer;
use crate::support::client::http::{Answer, Http};

const FORM: (&str, &str) = ("Content-Type", "application/x-www-form-urlencoded");

async fn opened() -> TestServer {
    let server = serve().await;
    assert_eq!(server.post("/echo/000/s/xhr", "").await.body, "o\n");
    server
}

async fn received(server: &TestServer) -> String {
    server.post("/echo/000/s/xhr", "").await.body
}

#[tokio::test]
async fn xhr_send_is_204_with_a_type_and_without_a_body() {
    let server = opened().await;
    let answer = server.post("/echo/000/s/xhr_send", r#"["x"]"#).await;
    check(&answer.head, 204, &[TEXT, NO_CACHE, ANYBODY, VARY, UNBUFFERED]);
    assert_eq!(received(&server).await, "a[\"x\"]\n");
}

#[tokio::test]
async fn jsonp_send_is_200_ok() {
    let server = opened().await;
    let answer = server.ask("POST", "/echo/000/s/jsonp_send", &[FORM], "d=%5B%22x%22%5D").await;
    check_answer(&answer, 200, &[TEXT, NO_CACHE, UNBUFFERED], "ok");
    assert_eq!(received(&server).await, "a[\"x\"]\n");
}

#[tokio::test]
async fn a_form_is_decoded_and_anything_else_is_not() {
    let server = opened().await;
    let send = async |headers: &[(&str, &str)], body: &str| {
        assert_eq!(server.ask("POST", "/echo/000/s/jsonp_send", headers, body).await.body, "ok");
    };
    send(&[FORM], "d=%5B%22abc%22%5D").await;
    send(&[("Content-Type", "application/x-www-form-urlencoded; charset=UTF-8")], "x=1&d=[%22a+b%2Bc%22]&y=2").await;
    send(&[("Content-Type", "text/plain")], r#"["%61bc"]"#).await;
    send(&[("Content-Type", "text/plain;charset=UTF-8")], r#"["a+b"]"#).await;
    send(&[], r#"["none"]"#).await;
    assert_eq!(received(&server).await, "a[\"abc\",\"a b+c\",\"%61bc\",\"a+b\",\"none\"]\n");
}

#[tokio::test]
async fn every_content_type_is_taken_by_xhr_send() {
    let server = opened().await;
    let types = [
        "text/plain",
        "T",
        "application/json",
        "application/xml",
        "",
        "application/json; charset=utf-8",
        "text/xml; charset=utf-8",
        "text/xml",
        // DO BETTER: sockjs-node refuses all others.
        "application/octet-stream",
        "application/x-www-form-urlencoded",
    ];
    for content_type in types {
        let answer = server.ask("POST", "/echo/000/s/xhr_send", &[("Content-Type", content_type)], r#"["a"]"#).await;
        assert_eq!((answer.status(), answer.body.as_str()), (204, ""), "{content_type}");
    }
    assert_eq!(received(&server).await, format!("a[{}]\n", ["\"a\""; 10].join(",")));
}

#[tokio::test]
async fn nothing_to_send_and_things_that_are_no_array_of_strings_are_payload_expected() {
    let server = opened().await;
    for body in ["", "\"x\"", "{}", "1", "null", "true", r#"[1]"#, r#"["a",null]"#, r#"[["a"]]"#] {
        let answer = server.post("/echo/000/s/xhr_send", body).await;
        check_answer(&answer, 500, &[TEXT, NO_CACHE, ANYBODY, VARY, UNBUFFERED], "Payload expected.");
    }
    for body in ["", "d=", "p=p", "d=1"] {
        let answer = server.ask("POST", "/echo/000/s/jsonp_send", &[FORM], body).await;
        check_answer(&answer, 500, &[TEXT, NO_CACHE, UNBUFFERED], "Payload expected.");
    }
    server.post("/echo/000/s/xhr_send", r#"["the session lives on"]"#).await;
    assert_eq!(received(&server).await, "a[\"the session lives on\"]\n");
}

#[tokio::test]
async fn what_is_not_json_is_broken_json_encoding() {
    let server = opened().await;
    for body in [r#"["x"#, "[", r#"["x"]]"#, r#"['x']"#, "x", "\u{feff}[\"x\"]", " "] {
        let answer = server.post("/echo/000/s/xhr_send", body).await;
        check_answer(&answer, 500, &[TEXT, NO_CACHE, ANYBODY, VARY, UNBUFFERED], "Broken JSON encoding.");
    }
    let answer = server.ask("POST", "/echo/000/s/jsonp_send", &[FORM], "d=%5B%22x").await;
    check_answer(&answer, 500, &[TEXT, NO_CACHE, UNBUFFERED], "Broken JSON encoding.");
    server.post("/echo/000/s/xhr_send", r#"["the session lives on"]"#).await;
    assert_eq!(received(&server).await, "a[\"the session lives on\"]\n");
}

#[tokio::test]
async fn a_session_that_is_not_there_is_404_but_only_for_what_could_be_sent() {
    let server = serve().await;
    for sender in ["xhr_send", "jsonp_send"] {
        let target = format!("/echo/000/unknown/{sender}");
        assert_eq!(server.post(&target, r#"["x"]"#).await.status(), 404);
        assert_eq!(server.post(&target, "[]").await.status(), 404);
        assert_eq!(server.post(&target, "").await.body, "Payload expected.");
        assert_eq!(server.post(&target, "[").await.body, "Broken JSON encoding.");
    }
    assert_eq!(server.post("/echo/000/unknown/xhr", "").await.body, "o\n", "sending has opened none");
}

#[tokio::test]
async fn an_empty_array_is_taken_and_is_no_message() {
    let server = opened().await;
    assert_eq!(server.post("/echo/000/s/xhr_send", "[]").await.status(), 204);
    assert_eq!(server.ask("POST", "/echo/000/s/jsonp_send", &[FORM], "d=%5B%5D").await.body, "ok");
    server.post("/echo/000/s/xhr_send", r#"["a"]"#).await;
    assert_eq!(received(&server).await, "a[\"a\"]\n");
}

async fn raw(server: &TestServer, request: &str) -> Answer {
    let mut http = Http::connect(server.address).await;
    http.write(request.as_bytes()).await;
    http.answer().await
}

#[tokio::test]
async fn a_post_without_length_is_empty_and_a_chunked_one_is_read() {
    let server = opened().await;
    let head = "POST /echo/000/s/xhr_send HTTP/1.1\r\nHost: byway.test\r\n";
    let answer = raw(&server, &format!("{head}\r\n")).await;
    assert_eq!((answer.status(), answer.body.as_str()), (500, "Payload expected."));
    let answer =
        raw(&server, &format!("{head}Transfer-Encoding: chunked\r\n\r\n2\r\n[\"\r\n3\r\nx\"]\r\n0\r\n\r\n")).await;
    assert_eq!(answer.status(), 204);
    assert_eq!(received(&server).await, "a[\"x\"]\n");
}

#[tokio::test]
async fn a_body_that_is_not_utf_8_is_broken_and_harms_nobody() {
    let server = opened().await;
    let mut http = Http::connect(server.address).await;
    for body in [&b"[\"\xff\"]"[..], b"\xff", b"[\"\xc3\"]"] {
        let answer = http.ask("POST", "/echo/000/s/xhr_send", &[], body).await;
        assert!([204, 500].contains(&answer.status()), "{}", answer.status());
    }
    server.post("/echo/000/s/xhr_send", r#"["the session lives on"]"#).await;
    assert!(received(&server).await.ends_with("\"the session lives on\"]\n"));
}
