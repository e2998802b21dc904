//! WebSockets: `/{server}/{session}/websocket`, and the plain ones at `/websocket`.

use crate::server::{ORIGIN, TEXT, check, serve};
use crate::support::TestServer;
use crate::support::client::websocket::{ACCEPT, BINARY, HANDSHAKE, KEY, PING, Received, WebSocket, frame};

const SOCKJS: &str = "/echo/000/s/websocket";

async fn connect(server: &TestServer, target: &str) -> WebSocket {
    WebSocket::connect(server.address, target, &[]).await
}

fn text(text: &str) -> Received {
    Received::Text(text.to_owned())
}

fn close(code: u16, reason: &str) -> Received {
    Received::Close(Some((code, reason.to_owned())))
}

#[tokio::test]
async fn the_handshake_s_answer_has_nothing_but_what_it_needs() {
    let server = serve().await;
    for target in
        [SOCKJS, "/echo/websocket", "/echo/000/s/websocket/", "/echo/websocket?t=1", "/cookie_needed_echo/websocket"]
    {
        let socket = connect(&server, target).await;
        let upgrade = [("connection", "Upgrade"), ("upgrade", "websocket"), ("sec-websocket-accept", ACCEPT)];
        check(&socket.head, 101, &upgrade);
    }
}

#[tokio::test]
async fn what_is_no_handshake_is_400() {
    let server = serve().await;
    let upgrade = ("Upgrade", "websocket");
    for headers in [
        &[][..],
        &[upgrade],
        &[("Connection", "Upgrade")],
        &[("Upgrade", "WebSocket"), ("Connection", "close")],
        &[("Upgrade", "h2c"), ("Connection", "Upgrade")],
    ] {
        for target in [SOCKJS, "/echo/websocket"] {
            let answer = server.ask("GET", target, headers, "").await;
            assert_eq!(
                (answer.status(), answer.body.as_str()),
                (400, "Not a valid websocket request\n"),
                "{headers:?}"
            );
            check(&answer.head, 400, &[TEXT, ("connection", "close"), ("content-length", "30")]);
        }
    }
}

#[tokio::test]
async fn a_handshake_without_key_is_400_and_of_another_version_426() {
    let server = serve().await;
    let base = [("Upgrade", "websocket"), ("Connection", "keep-alive, Upgrade")];
    let version = ("Sec-WebSocket-Version", "13");
    for (extra, status) in [
        (&[version][..], 400),
        (&[version, ("Sec-WebSocket-Key", "short")], 400),
        (&[KEY], 426),
        (&[("Sec-WebSocket-Version", "8"), KEY], 426),
        (&[version, KEY], 101),
    ] {
        let (_http, head) = server.begin("GET", SOCKJS, &[&base, extra].concat()).await;
        assert_eq!(head.status, status, "{extra:?}");
        if status == 426 {
            assert_eq!(head.header("sec-websocket-version"), Some("13"));
        }
    }
}

#[tokio::test]
async fn a_sockjs_websocket_opens_with_o_and_takes_arrays_and_strings() {
    let server = serve().await;
    let mut socket = connect(&server, SOCKJS).await;
    assert_eq!(socket.receive().await, text("o"));
    for (sent, received) in [
        (r#"["a"]"#, &[r#"a["a"]"#][..]),
        (r#"["a","b"]"#, &[r#"a["a"]"#, r#"a["b"]"#]),
        (r#""bare""#, &[r#"a["bare"]"#]),
        ("", &[]),
        ("[]", &[]),
        (r#"[""]"#, &[r#"a[""]"#]),
        (r#"["\ud83d\ude00\u2028</"]"#, &[r#"a["\ud83d\ude00\u2028</"]"#]),
    ] {
        socket.send_text(sent).await;
        for frame in received {
            assert_eq!(socket.receive().await, text(frame), "{sent}");
        }
    }
    socket.send_text(r#"["end"]"#).await;
    assert_eq!(socket.receive().await, text(r#"a["end"]"#));
}

#[tokio::test]
async fn broken_json_closes_with_3000() {
    let server = serve().await;
    for sent in [r#"["a"#, "x", r#"["a"]]"#, r#""a"#, "{}", "[1]", "null"] {
        let mut socket = connect(&server, SOCKJS).await;
        assert_eq!(socket.receive().await, text("o"));
        socket.send_text(sent).await;
        assert_eq!(socket.receive().await, close(3000, "Broken framing."), "{sent}");
        assert_eq!(socket.receive().await, Received::End);
    }
}

#[tokio::test]
async fn binary_frames_close_sockjs_with_1003_and_are_messages_on_plain_websockets() {
    let server = serve().await;
    let mut socket = connect(&server, SOCKJS).await;
    assert_eq!(socket.receive().await, text("o"));
    socket.send(BINARY, b"[\"a\"]").await;
    assert_eq!(socket.receive().await, close(1003, "Only text messages are supported"));
    let mut socket = connect(&server, "/echo/websocket").await;
    socket.send(BINARY, b"\0\xff").await;
    assert_eq!(socket.receive().await, Received::Binary(b"\0\xff".to_vec()));
}

#[tokio::test]
async fn text_that_is_not_utf_8_closes_with_1007() {
    let server = serve().await;
    let mut socket = connect(&server, "/echo/websocket").await;
    socket.send(1, b"\xff").await;
    assert_eq!(socket.receive().await, close(1007, "Invalid message data"));
}

#[tokio::test]
async fn the_server_s_close_is_a_frame_of_sockjs_and_then_1000() {
    let server = serve().await;
    let mut socket = connect(&server, "/close/000/s/websocket").await;
    assert_eq!(socket.receive().await, text("o"));
    assert_eq!(socket.receive().await, text(r#"c[3000,"Go away!"]"#));
    assert_eq!(socket.receive().await, close(1000, "Normal closure"));
    socket.send_close(1000, "").await;
    assert_eq!(socket.receive().await, Received::End);
}

#[tokio::test]
async fn a_plain_websocket_carries_messages_as_they_are_and_closes_with_the_application_s_code() {
    let server = serve().await;
    for target in ["/echo/websocket", "/echo/websocket/"] {
        let mut socket = connect(&server, target).await;
        for sent in ["Hello world!\u{ffff}", "", "[\"a\"]", "o", "😀\u{2028}\0"] {
            socket.send_text(sent).await;
            assert_eq!(socket.receive().await, text(sent));
        }
    }
    let mut socket = connect(&server, "/close/websocket").await;
    assert_eq!(socket.receive().await, close(3000, "Go away!"));
}

#[tokio::test]
async fn do_better_the_endpoint_itself_is_a_plain_websocket_for_whoever_asks_for_one() {
    let server = serve().await;
    for target in ["/echo", "/echo/"] {
        let mut socket = connect(&server, target).await;
        socket.send_text("x").await;
        assert_eq!(socket.receive().await, text("x"));
    }
    assert_eq!(server.ask("GET", "/disabled_websocket_echo", &HANDSHAKE, "").await.body, "Welcome to SockJS!\n");
}

#[tokio::test]
async fn the_heartbeat_of_sockjs_is_a_ping_and_h_and_that_of_plain_websockets_a_ping() {
    let server = serve().await;
    let mut socket = connect(&server, "/quick/000/s/websocket").await;
    assert_eq!(socket.receive().await, text("o"));
    for _ in 0..2 {
        assert_eq!(socket.receive().await, Received::Ping(Vec::new()));
        assert_eq!(socket.receive().await, text("h"));
    }
    let mut socket = connect(&server, "/quick/websocket").await;
    for _ in 0..2 {
        assert_eq!(socket.receive().await, Received::Ping(Vec::new()));
    }
}

#[tokio::test]
async fn pings_and_fragments_are_as_in_rfc_6455() {
    let server = serve().await;
    let mut socket = connect(&server, "/echo/websocket").await;
    let mut first = frame(1, b"in ");
    first[0] &= 0x7f;
    socket.http.write(&first).await;
    socket.send(PING, b"between").await;
    assert_eq!(socket.receive().await, Received::Pong(b"between".to_vec()));
    socket.send(0, b"two").await;
    assert_eq!(socket.receive().await, text("in two"));
    socket.send_close(4321, "bye").await;
    assert_eq!(socket.receive().await, close(4321, "bye"));
    assert_eq!(socket.receive().await, Received::End);
}

#[tokio::test]
async fn the_session_id_means_nothing_on_websockets() {
    let server = serve().await;
    let mut one = connect(&server, SOCKJS).await;
    let mut other = connect(&server, SOCKJS).await;
    for (socket, name) in [(&mut one, "one"), (&mut other, "other")] {
        assert_eq!(socket.receive().await, text("o"));
        socket.send_text(&format!("[\"{name}\"]")).await;
        assert_eq!(socket.receive().await, text(&format!("a[\"{name}\"]")));
    }
    assert_eq!(server.post("/echo/000/s/xhr_send", r#"["x"]"#).await.status(), 404);
    assert_eq!(server.post("/echo/000/s/xhr", "").await.body, "o\n");
    drop(one);
    assert_eq!(connect(&server, SOCKJS).await.receive().await, text("o"));
}

#[tokio::test]
async fn where_websockets_are_off_their_urls_are_404() {
    let server = serve().await;
    for target in ["/disabled_websocket_echo/000/s/websocket", "/disabled_websocket_echo/websocket"] {
        for method in ["GET", "POST"] {
            assert_eq!(server.ask(method, target, &[], "").await.status(), 404);
        }
        assert_eq!(WebSocket::attempt(server.address, target, &[]).await.head.status, 404);
    }
}

#[tokio::test]
async fn do_better_a_sub_protocol_that_the_endpoint_speaks_is_agreed_to() {
    let server = serve().await;
    let offering = async |protocols| {
        let headers = [("Sec-WebSocket-Protocol", protocols)];
        let socket = WebSocket::connect(server.address, "/echo/websocket", &headers).await;
        socket.head.header("sec-websocket-protocol").map(str::to_owned)
    };
    assert_eq!(offering("v13.stomp, v12.stomp, v11.stomp").await.as_deref(), Some("v12.stomp"));
    assert_eq!(offering("mqtt").await, None);
}

#[tokio::test]
async fn do_better_a_websocket_of_a_foreign_page_is_403() {
    let server = serve().await;
    for target in [SOCKJS, "/echo/websocket", "/echo"] {
        for (origin, status) in [("http://evil.example.com", 403), (ORIGIN, 101), ("http://byway.test", 101)] {
            let socket = WebSocket::attempt(server.address, target, &[("Origin", origin)]).await;
            assert_eq!(socket.head.status, status, "{target} from {origin}");
        }
    }
}

#[tokio::test]
async fn what_is_sent_right_behind_the_handshake_is_not_lost() {
    let server = serve().await;
    let handshake = crate::support::client::http::request("GET", "/echo/websocket", &HANDSHAKE, b"");
    let mut http = crate::support::client::http::Http::connect(server.address).await;
    http.write(&[handshake, frame(1, b"early")].concat()).await;
    let head = http.head().await;
    let mut socket = WebSocket { http, head, answers_pings: true };
    assert_eq!(socket.receive().await, text("early"));
}
