//! `[broker.directory]`

use crate::stage::stomp;

/// What a second subscription of this client is answered with.
async fn second(setting: &str, destinations: [&str; 2]) -> String {
    let mut client = stomp(setting).connect().await;
    client.subscribe("0", destinations[0], &[]).await;
    client.send("SUBSCRIBE", &[("id", "1"), ("destination", destinations[1]), ("receipt", "r")], "").await;
    client.frame().await.command
}

#[tokio::test]
async fn destinations_with_subscribers_are_as_many_as_the_file_says() {
    let setting = "broker.directory.max_patterns = 1";
    assert_eq!(second(setting, ["/topic/a", "/topic/a"]).await, "RECEIPT");
    assert_eq!(second(setting, ["/topic/a", "/topic/b"]).await, "ERROR");
}

#[tokio::test]
async fn segments_of_patterns_are_as_many_as_the_file_says() {
    let all = "broker.shares = { address = 100, anonymous = 100 }";
    let setting = &format!("broker.directory.max_wildcard_segments = 3\n{all}");
    assert_eq!(second(setting, ["/topic/a/*", "/topic/a/*"]).await, "RECEIPT");
    assert_eq!(second(setting, ["/topic/a/*", "/topic/b/*"]).await, "ERROR");
    assert_eq!(second(setting, ["/topic/a/*", "/topic/b"]).await, "RECEIPT");
}
