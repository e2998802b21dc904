//! Messages that come by requests of their own, several at a time.

use crate::stage::{Plan, Stage, Told, until};
use crate::support::client::Leave;
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

/// An application that takes each message when the test lets it.
fn gated(row: Transport) -> (Plan, Arc<Semaphore>) {
    let gate = Arc::new(Semaphore::new(0));
    let held = Arc::clone(&gate);
    let plan = Plan::new(row).on_message(move |_, _| {
        let held = Arc::clone(&held);
        Box::pin(async move { held.acquire().await.unwrap().forget() })
    });
    (plan, gate)
}

/// What a client could not send for a while it sends in one request, however many messages there are.
pub async fn a_batch_larger_than_the_inbox_is_taken_whole_and_in_order(row: Transport) {
    const MESSAGES: usize = 5000;
    let mut stage = Plan::new(row).with(|settings| settings.limits.inbox_messages = 10).start();
    let (client, _) = stage.open().await;
    send(&client, 1, MESSAGES).await;
    let behind = send(&client, 2, 1);
    let handled = async {
        for name in names(1, MESSAGES).into_iter().chain(names(2, 1)) {
            assert_eq!(stage.message().await, name);
        }
    };
    tokio::join!(behind, handled);
}

/// What the application was told until the session's end.
async fn handled(stage: &mut Stage) -> Vec<String> {
    let mut handled = Vec::new();
    loop {
        match stage.told().await {
            Told::Message(_, message) => handled.push(message.as_str().unwrap().to_owned()),
            Told::Ended(..) => return handled,
            told @ Told::Opened(_) => panic!("{told:?}"),
        }
    }
}

/// A page that sends and closes its tab does this.
pub async fn what_was_answered_before_and_behind_the_end_of_the_receiver_is_handled(row: Transport) {
    let (plan, gate) = gated(row);
    let mut stage = plan.start();
    let (mut client, session) = stage.open().await;
    let mut sender = client.twin();
    client.park().await;
    sender.send(&["before", "the", "end"]).await;
    assert_eq!(stage.message().await, "before");
    client.leave(Leave::Reset).await;
    until(|| !session.is_open()).await;
    sender.send(&["behind", "it"]).await;
    gate.add_permits(100);
    assert_eq!(handled(&mut stage).await, ["the", "end", "behind", "it"]);
    stage.is_over().await;
}

pub async fn what_is_not_handled_any_more_is_not_said_to_be_taken(row: Transport) {
    const ROUNDS: usize = 20;
    for round in 0..ROUNDS {
        let mut stage = Plan::new(row).start();
        let (mut client, _) = stage.open().await;
        let mut sender = client.twin();
        client.park().await;
        let posts = async {
            for post in 0.. {
                match sender.post(&format!("[\"{post}\"]")).await.status() {
                    204 | 200 => {}
                    404 => return post,
                    status => panic!("{status}"),
                }
            }
            unreachable!("the session ends")
        };
        let leave = async {
            for _ in 0..round {
                tokio::task::yield_now().await;
            }
            client.leave(Leave::Reset).await;
        };
        let (taken, ()) = tokio::join!(posts, leave);
        assert_eq!(handled(&mut stage).await, (0..taken).map(|post| post.to_string()).collect::<Vec<_>>());
    }
}

pub async fn posts_wait_for_a_full_inbox_and_lose_nothing(row: Transport) {
    let (plan, gate) = gated(row);
    let plan = plan.with(|settings| {
        settings.limits.inbox_messages = 4;
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
