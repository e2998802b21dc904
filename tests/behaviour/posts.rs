//! Messages that come by requests of their own, several at a time.

use crate::stage::Plan;
use byway::Transport;
use futures_util::future::join_all;
use std::sync::Arc;
use tokio::sync::Semaphore;

fn names(post: usize, messages: usize) -> Vec<String> {
    (0..messages).map(|n| format!("{post}.{n}")).collect()
}

async fn send(client: &crate::support::client::Client, post: usize, messages: usize) {
    let names = names(post, messages);
    client.twin().send(&names.iter().map(String::as_str).collect::<Vec<_>>()).await;
}

pub async fn the_messages_of_racing_posts_stay_together(row: Transport) {
    const POSTS: usize = 16;
    const MESSAGES: usize = 25;
    let mut stage = Plan::new(row).start();
    let (client, _) = stage.open().await;
    join_all((0..POSTS).map(|post| send(&client, post, MESSAGES))).await;
    let mut seen = Vec::new();
    for _ in 0..POSTS {
        let first = stage.message().await;
        let post = first.split('.').next().unwrap().parse().unwrap();
        let mut got = vec![first];
        for _ in 1..MESSAGES {
            got.push(stage.message().await);
        }
        assert_eq!(got, names(post, MESSAGES));
        seen.push(post);
    }
    seen.sort_unstable();
    assert_eq!(seen, (0..POSTS).collect::<Vec<_>>());
}

pub async fn a_post_that_begins_after_another_s_answer_comes_later(row: Transport) {
    let mut stage = Plan::new(row).start();
    let (client, _) = stage.open().await;
    for post in 0..30 {
        send(&client, post, 2).await;
    }
    for post in 0..30 {
        for name in names(post, 2) {
            assert_eq!(stage.message().await, name);
        }
    }
}

pub async fn a_post_to_an_unknown_session_is_404_and_opens_none(row: Transport) {
    let stage = Plan::new(row).start();
    let mut client = stage.client();
    assert_eq!(client.post(r#"["x"]"#).await.status(), 404);
    assert_eq!(stage.server.byway.sessions(), []);
    client.open().await;
}

pub async fn posts_wait_for_a_full_inbox_and_lose_nothing(row: Transport) {
    let gate = Arc::new(Semaphore::new(0));
    let held = Arc::clone(&gate);
    let plan = Plan::new(row).on_message(move |_, _| {
        let held = Arc::clone(&held);
        Box::pin(async move { held.acquire().await.unwrap().forget() })
    });
    let plan = plan.with(|settings| {
        settings.limits.inbox_messages = 4;
        settings.sockjs.max_messages_per_request = 4;
    });
    let mut stage = plan.start();
    let (client, _) = stage.open().await;
    let posts = async {
        for post in 0..5 {
            send(&client, post, 4).await;
        }
    };
    let handled = async {
        for post in 0..5 {
            for name in names(post, 4) {
                assert_eq!(stage.message().await, name);
                gate.add_permits(1);
            }
        }
    };
    tokio::join!(posts, handled);
}
