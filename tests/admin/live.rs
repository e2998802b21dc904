use crate::stage::{BACKEND, OPERATOR, Stage, VISITOR};
use crate::support::client::http::ask;

#[tokio::test]
async fn numbers_come_at_once_and_then_go_on() {
    let stage = Stage::start();
    let mut client = stage.connect(&[]).await;
    client.publish("/topic/a", "hello").await;
    client.settle().await;
    let mut feed = stage.follow(VISITOR, "/topic/stats").await;
    let sample = feed.until(|sample| sample["endpoints"]["main"]["published"] == 1).await;
    let main = &sample["endpoints"]["main"];
    assert_eq!(main["sessions"]["raw_websocket"], 1, "{sample}");
    assert_eq!(main["opened"]["raw_websocket"], 1);
    assert_eq!(main["received"]["messages"], 4, "{sample}");
    assert!(main["sent"]["bytes"].as_u64().unwrap() > 0);
    assert!(sample["endpoints"]["chat"]["sessions"].as_object().unwrap().is_empty());
    let time = |sample: &serde_json::Value| sample["time"].as_u64().unwrap();
    assert!(time(&feed.next().await) > time(&sample));
}

#[tokio::test]
async fn a_page_that_opens_gets_what_was_before() {
    let stage = Stage::start();
    let mut first = stage.follow(VISITOR, "/topic/stats").await;
    let (one, two) = (first.next().await, first.next().await);
    let mut second = stage.follow(VISITOR, "/topic/stats").await;
    assert_eq!((second.next().await, second.next().await), (one, two));
}

/// Where two were close together, a chart would fall to nothing or leap with each page that opens.
#[tokio::test]
async fn whoever_begins_to_look_hears_no_two_numbers_close_together() {
    let stage = Stage::start();
    let mut feed = stage.follow(VISITOR, "/topic/stats").await;
    let (one, two) = (feed.next().await, feed.next().await);
    let time = |sample: &serde_json::Value| sample["time"].as_u64().unwrap();
    assert!(time(&two) - time(&one) >= 900, "{} {}", time(&one), time(&two));
}

#[tokio::test]
async fn only_keys_that_may_open_the_page_hear_numbers_and_only_those_that_may_watch_hear_sessions() {
    let stage = Stage::start();
    for (key, destination, status) in [
        ("wrong", "/topic/stats", 401),
        (BACKEND, "/topic/stats", 403),
        (BACKEND, "/topic/watch/main/s1", 403),
        (VISITOR, "/topic/watch/main/s1", 403),
        (OPERATOR, "/topic/watch/main/*", 403),
        (OPERATOR, "/topic/watch/**", 403),
        (OPERATOR, "/topic/**", 403),
        (OPERATOR, "/topic/other", 403),
    ] {
        assert_eq!(stage.refused(key, destination).await, status, "{key} {destination}");
    }
    let without = ask(stage.server.address, "GET", "/admin/live/feed/topic/stats", &[], b"").await;
    assert_eq!(without.status(), 401);
}

#[tokio::test]
async fn a_key_is_taken_from_the_header_alone() {
    let stage = Stage::start();
    let target = format!("/admin/live/feed/topic/stats?token={OPERATOR}&access_token={OPERATOR}&key={OPERATOR}");
    let cookie = [("Cookie", format!("token={OPERATOR}; key={OPERATOR}"))];
    let cookie = cookie.each_ref().map(|(name, value)| (*name, value.as_str()));
    assert_eq!(ask(stage.server.address, "GET", &target, &cookie, b"").await.status(), 401);
}

#[tokio::test]
async fn nobody_can_open_other_sessions_there() {
    let stage = Stage::start();
    for target in ["/admin/live/websocket", "/admin/live/000/abc/xhr", "/admin/live/000/abc/websocket"] {
        let answer = stage.ask(OPERATOR, "POST", target).await;
        assert!([404, 405].contains(&answer.status()), "{target}: {answer:?}");
    }
    assert!(stage.live.as_ref().unwrap().sessions().is_empty());
}
