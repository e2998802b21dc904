//! Session URLs.

use crate::server::serve;

#[tokio::test]
async fn server_and_session_may_be_anything_without_a_dot_and_are_not_decoded() {
    let server = serve().await;
    for (number, server_id) in
        ["a", "_", "1", "abcdefgh_i-j%20", "%2e", "a%2Fb", "a;b", "~!$&'()*+,=:@"].iter().enumerate()
    {
        for session in ["a", "_", "abcdefg_i-j%20", "%2e%2e", "x%2f", "s;v=1", "~!$&'()*+,=:@"] {
            let target = format!("/echo/{server_id}/{session}{number}/xhr");
            assert_eq!(server.post(&target, "").await.body, "o\n", "{target}");
        }
    }
}

#[tokio::test]
async fn two_spellings_of_a_session_are_two_sessions() {
    let server = serve().await;
    for session in ["A", "%41", "a%2fb", "a%2Fb"] {
        assert_eq!(server.post(&format!("/echo/000/{session}/xhr"), "").await.body, "o\n", "{session}");
    }
}

#[tokio::test]
async fn an_empty_or_dotted_server_or_session_is_404_for_every_method() {
    let server = serve().await;
    for path in ["//", "/a./a", "/a/a.", "/./.", "/../..", "/a/a.b", "/", "///", "//a", "/a//", "/a"] {
        for method in ["GET", "POST", "OPTIONS"] {
            let target = format!("/echo{path}/xhr");
            assert_eq!(server.ask(method, &target, &[], "").await.status(), 404, "{method} {target}");
        }
    }
}

#[tokio::test]
async fn the_server_id_means_nothing() {
    let server = serve().await;
    assert_eq!(server.post("/echo/000/s/xhr", "").await.body, "o\n");
    assert_eq!(server.post("/echo/555/s/xhr_send", r#"["a"]"#).await.status(), 204);
    assert_eq!(server.post("/echo/999/s/xhr", "").await.body, "a[\"a\"]\n");
}

#[tokio::test]
async fn one_trailing_slash_and_any_query_are_accepted() {
    let server = serve().await;
    for (session, end) in [("s1", "/"), ("s2", "?t=1&i=2"), ("s3", "/?t=1")] {
        let at = |transport: &str| format!("/echo/000/{session}/{transport}{end}");
        assert_eq!(server.post(&at("xhr"), "").await.body, "o\n");
        assert_eq!(server.post(&at("xhr_send"), r#"["a"]"#).await.status(), 204);
        assert_eq!(server.post(&at("jsonp_send"), r#"["b"]"#).await.status(), 200);
        assert!(server.post(&at("xhr"), "").await.body.starts_with("a[\"a\""));
        assert_eq!(server.get(&at("websocket")).await.status(), 400);
    }
    assert_eq!(server.get("/echo/000/s4/jsonp/?x=%zz&c=cb&y").await.body, "/**/cb(\"o\");\r\n");
}

#[tokio::test]
async fn one_session_can_be_received_from_by_different_transports() {
    let server = serve().await;
    assert_eq!(server.post("/echo/000/s/xhr", "").await.body, "o\n");
    assert_eq!(server.post("/echo/000/s/xhr_send", r#"["a"]"#).await.status(), 204);
    assert_eq!(server.get("/echo/000/s/jsonp?c=cb").await.body, "/**/cb(\"a[\\\"a\\\"]\");\r\n");
}

#[tokio::test]
async fn do_better_a_session_belongs_to_its_endpoint() {
    let server = serve().await;
    assert_eq!(server.post("/echo/000/s/xhr", "").await.body, "o\n");
    assert_eq!(server.post("/quick/000/s/xhr_send", r#"["a"]"#).await.status(), 404);
    assert_eq!(server.post("/quick/000/s/xhr", "").await.body, "o\n");
}
