//! What is served where, to the pages of whom: `demo`, `rules`' neighbours in `[endpoints.NAME]`, `origins`.

use crate::stage::{Stage, echo, serve, stomp};

#[tokio::test]
async fn an_endpoint_is_where_the_file_says_and_nowhere_else() {
    let stage = serve("[endpoints.mirror]\npath = \"/a/mirror\"\napp = \"echo\"");
    assert_eq!(stage.get("/a/mirror").await.body, "Welcome to SockJS!\n");
    assert_eq!(stage.get("/echo").await.status(), 404);
}

#[tokio::test]
async fn an_endpoint_runs_what_the_file_says() {
    let mut socket = echo("").socket().await;
    socket.send_text("CONNECT").await;
    assert_eq!(socket.receive().await, crate::support::client::websocket::Received::Text("CONNECT".to_owned()));
    stomp("").connect().await;
}

#[tokio::test]
async fn feeds_have_the_short_path_of_the_file_too() {
    let stage = stomp("endpoints.e.feed_path = \"/live\"\nbroker.history = [{ pattern = \"/topic/**\" }]");
    for base in ["/live", "/e/feed"] {
        assert_eq!(stage.get(&format!("{base}/topic/a?format=poll&wait=0")).await.status(), 204);
    }
}

/// Whether a page of this origin may ask.
async fn asks(stage: &Stage, origin: &str, headers: &[(&str, &str)]) -> bool {
    stage.get_with("/e/info", &[headers, &[("Origin", origin)]].concat()).await.status() == 200
}

#[tokio::test]
async fn proxies_are_believed_where_the_file_names_their_network() {
    let forwarded = [("X-Forwarded-Proto", "https")];
    assert!(!asks(&echo(""), "https://byway.test", &forwarded).await);
    let behind = echo("endpoints.e.trusted_proxies = [\"127.0.0.0/8\"]");
    assert!(asks(&behind, "https://byway.test", &forwarded).await);
}

#[tokio::test]
async fn pages_of_other_origins_are_those_of_the_file() {
    let stage = echo("endpoints.e.origins.allowed = [\"https://app.example.com\"]");
    assert!(asks(&stage, "https://app.example.com", &[]).await);
    assert!(!asks(&stage, "https://other.example.com", &[]).await);
}

#[tokio::test]
async fn pages_may_send_cookies_where_the_file_says_so() {
    for (setting, expected) in [("", Some("true")), ("endpoints.e.origins.credentials = false", None)] {
        let stage = echo(&format!("endpoints.e.origins.allowed = [\"https://app.example.com\"]\n{setting}"));
        let info = stage.get_with("/e/info", &[("Origin", "https://app.example.com")]).await;
        assert_eq!(info.header("access-control-allow-credentials"), expected);
    }
}
