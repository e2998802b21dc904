//! `[endpoints.NAME.websocket]`

use crate::stage::{echo, in_time};
use crate::support::client::websocket::{Received, WebSocket, frame};

async fn agreed(setting: &str, header: (&str, &str), answer: &str) -> Option<String> {
    let stage = echo(setting);
    let socket = WebSocket::connect(stage.address, "/e/websocket", &[header]).await;
    socket.head.header(answer).map(str::to_owned)
}

#[tokio::test]
async fn sub_protocols_are_those_of_the_file() {
    let offer = ("Sec-WebSocket-Protocol", "chess, go");
    assert_eq!(agreed("", offer, "sec-websocket-protocol").await, None);
    let go = "endpoints.e.websocket.protocols = [\"go\"]";
    assert_eq!(agreed(go, offer, "sec-websocket-protocol").await.as_deref(), Some("go"));
}

#[tokio::test]
async fn compression_is_agreed_to_where_the_file_says_so() {
    let offer = ("Sec-WebSocket-Extensions", "permessage-deflate");
    assert_eq!(agreed("", offer, "sec-websocket-extensions").await, None);
    let agreed = agreed("endpoints.e.websocket.deflate = true", offer, "sec-websocket-extensions").await;
    assert!(agreed.is_some_and(|agreed| agreed.starts_with("permessage-deflate")));
}

#[tokio::test]
async fn a_message_has_no_more_frames_than_the_file_says() {
    let stage = echo("endpoints.e.websocket.max_fragments = 2");
    let (mut first, mut next, last) = (frame(1, b"a"), frame(0, b"b"), frame(0, b"c"));
    (first[0], next[0]) = (0x01, 0x00);
    let mut socket = stage.socket().await;
    socket.http.write(&[&*first, &last].concat()).await;
    assert_eq!(in_time(socket.receive()).await, Received::Text("ac".to_owned()));
    socket.http.write(&[first, next, last].concat()).await;
    assert!(matches!(in_time(socket.receive()).await, Received::Close(Some((1008, _)))));
}
