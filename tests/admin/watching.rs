use crate::stage::{OPERATOR, Stage};
use serde_json::{Value, json};

fn is_begin(told: &Value) -> bool {
    told["what"] == "begins"
}

#[tokio::test]
async fn a_watcher_sees_what_goes_through_a_session_both_ways_and_how_it_ends() {
    let stage = Stage::start();
    let mut client = stage.connect(&[]).await;
    let id = stage.newest();
    let mut feed = stage.follow(OPERATOR, &format!("/topic/watch/main/{id}")).await;
    feed.until(is_begin).await;
    client.subscribe("a", "/topic/news", &[]).await;
    let subscribe = feed.next().await;
    assert_eq!((&subscribe["what"], &subscribe["direction"]), (&json!("message"), &json!("in")));
    assert!(subscribe["text"].as_str().unwrap().starts_with("SUBSCRIBE\n"), "{subscribe}");
    let receipt = feed.next().await;
    assert_eq!(receipt["direction"], "out");
    assert!(receipt["text"].as_str().unwrap().starts_with("RECEIPT\n"), "{receipt}");
    client.publish("/topic/news", "extra").await;
    assert_eq!(client.body().await, "extra");
    let of_news = |told: &Value| told["text"].as_str().is_some_and(|text| text.contains("extra"));
    assert_eq!(feed.until(of_news).await["direction"], "in");
    let heard = feed.until(of_news).await;
    assert_eq!((&heard["direction"], &heard["cut"], &heard["missed"]), (&json!("out"), &json!(false), &json!(0)));
    assert_eq!(heard["bytes"], heard["text"].as_str().unwrap().len());

    let target = format!("/api/sessions/{id}?endpoint=main&code=3000&reason=Enough");
    assert_eq!(stage.ask(OPERATOR, "DELETE", &target).await.status(), 204);
    let ended = feed.until(|told| told["what"] == "ended").await;
    assert_eq!((&ended["code"], &ended["reason"]), (&json!(3000), &json!("Enough")));
    assert_eq!(ended["ending"], "application");
}

#[tokio::test]
async fn secrets_are_not_shown_and_large_messages_only_in_part() {
    let stage = Stage::start();
    let mut client = stage.connect(&[]).await;
    let id = stage.newest();
    let mut feed = stage.follow(OPERATOR, &format!("/topic/watch/main/{id}")).await;
    feed.until(is_begin).await;
    let secrets = [("token", "canary"), ("Authorization", "Bearer canary"), ("passcode", "canary")];
    client.send("SEND", &[&[("destination", "/topic/a")], &secrets[..]].concat(), "x").await;
    let shown = feed.next().await;
    assert!(shown["text"].as_str().unwrap().contains("token:(hidden)\n"), "{shown}");
    assert!(!shown.to_string().contains("canary"), "{shown}");
    client.publish("/topic/a", &"y".repeat(10_000)).await;
    let shown = feed.next().await;
    assert_eq!((&shown["cut"], shown["text"].as_str().unwrap().len()), (&json!(true), 2048));
    assert!(shown["bytes"].as_u64().unwrap() > 10_000);
    client.raw("SEND\ndestination:/topic/a\ntoken:cana").await;
    client.raw("ry\n\nx\0").await;
    let (begins, rest) = (feed.next().await, feed.next().await);
    assert!(begins["text"].as_str().unwrap().ends_with("token:(hidden)"), "{begins}");
    assert_eq!((&rest["kind"], &rest["text"]), (&json!("rest"), &Value::Null));
}

#[tokio::test]
async fn two_watch_one_session_and_when_one_leaves_the_other_goes_on() {
    let stage = Stage::start();
    let mut client = stage.connect(&[]).await;
    let topic = format!("/topic/watch/main/{}", stage.newest());
    let mut feeds = [stage.follow(OPERATOR, &topic).await, stage.follow(OPERATOR, &topic).await];
    for feed in &mut feeds {
        feed.until(is_begin).await;
    }
    let [mut stays, leaves] = feeds;
    drop(leaves);
    let live = stage.live.as_ref().unwrap();
    while live.sessions().len() > 1 {
        tokio::task::yield_now().await;
    }
    client.publish("/topic/a", "still there").await;
    stays.until(|told| told["text"].as_str().is_some_and(|text| text.contains("still there"))).await;
}

#[tokio::test]
async fn a_session_that_is_not_there_is_said_to_be_absent() {
    let stage = Stage::start();
    for session in ["main/s99", "nowhere/s1", "chat/s1"] {
        let mut feed = stage.follow(OPERATOR, &format!("/topic/watch/{session}")).await;
        assert_eq!(feed.next().await["what"], "absent", "{session}");
    }
}
