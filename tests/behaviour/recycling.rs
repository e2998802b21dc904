//! Responses that end at a limit, so that browsers can forget what they carried.

use crate::stage::Plan;
use byway::Transport;

pub async fn a_response_at_its_limit_is_followed_by_the_next_without_loss(row: Transport) {
    let mut stage = Plan::new(row).with(|settings| settings.sockjs.response_limit = 4096).echo().start();
    let (mut client, _) = stage.open().await;
    let mut sender = client.twin();
    let sending = async {
        for n in 0..300 {
            sender.send(&[&format!("{n:0100}")]).await;
        }
    };
    let receiving = async {
        for n in 0..300 {
            assert_eq!(client.message().await, format!("{n:0100}"));
        }
    };
    tokio::join!(sending, receiving);
    assert!(client.receivers >= 5, "{} responses for 30,000 bytes", client.receivers);
}

pub async fn a_response_ends_with_the_frame_that_reaches_the_limit(row: Transport) {
    let mut stage = Plan::new(row).with(|settings| settings.sockjs.response_limit = 1000).start();
    let (mut client, session) = stage.open().await;
    session.send("x".repeat(500)).unwrap();
    assert_eq!(client.message().await.len(), 500);
    session.send("x".repeat(5000)).unwrap();
    assert_eq!(client.message().await.len(), 5000);
    assert_eq!(client.receivers, 1, "a frame is not split for the limit");
    session.send("y").unwrap();
    assert_eq!(client.message().await, "y");
    assert_eq!(client.receivers, 2);
}
