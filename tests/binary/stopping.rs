use crate::client::{answer, ask, connect, get, post, read_until, websocket};
use crate::process::Byway;
use std::io::Write;
use std::net::TcpStream;
use tungstenite::{Message, WebSocket};

const GOODBYE: &str = "c[1001,\"Server shutting down\"]\n";

#[track_caller]
fn told_1001(socket: &mut WebSocket<TcpStream>) {
    let Message::Close(Some(frame)) = socket.read().expect("a close frame") else { panic!("no close frame") };
    assert_eq!((u16::from(frame.code), frame.reason.as_str()), (1001, "Server shutting down"));
}

#[test]
fn sigterm_tells_every_session_1001_and_exits_with_0() {
    for signal in ["TERM", "INT"] {
        let mut byway = Byway::start(&[]);
        let mut plain = websocket(connect(&byway.address), "/echo/websocket");
        let mut sockjs = websocket(connect(&byway.address), "/echo/000/socket/websocket");
        assert_eq!(sockjs.read().unwrap(), Message::text("o"));
        let mut poll = connect(&byway.address);
        assert_eq!(ask(&mut poll, &post("/echo/000/poll/xhr", "")).body, "o\n");
        poll.write_all(post("/echo/000/poll/xhr", "").as_bytes()).unwrap();
        let mut stream = connect(&byway.address);
        stream.write_all(post("/echo/000/stream/xhr_streaming", "").as_bytes()).unwrap();
        read_until(&mut stream, "\no\n");

        byway.signal(signal);
        told_1001(&mut plain);
        assert_eq!(sockjs.read().unwrap(), Message::text(GOODBYE.trim_end()));
        told_1001(&mut sockjs);
        assert_eq!(answer(&mut poll).body, GOODBYE);
        read_until(&mut stream, GOODBYE);
        for mut socket in [plain, sockjs] {
            while socket.read().is_ok() {}
        }
        assert_eq!(byway.exit_code(), 0);
    }
}

#[test]
fn health_is_503_as_soon_as_the_server_stops() {
    let mut byway = Byway::start(&[]);
    let request = "GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n";
    let mut asking = connect(&byway.address);
    assert_eq!(ask(&mut asking, request).status(), "200");
    let mut open = websocket(connect(&byway.address), "/echo/websocket");
    byway.signal("TERM");
    told_1001(&mut open);
    let draining = ask(&mut asking, request);
    assert_eq!((draining.status(), draining.body.as_str()), ("503", "{\"status\":\"draining\"}\n"));
    while open.read().is_ok() {}
    assert_eq!(byway.exit_code(), 0);
}

#[test]
fn a_peer_that_ignores_its_close_frame_is_left_at_the_deadline_with_exit_code_3() {
    let mut byway = Byway::start(&["--drain-timeout", "1s"]);
    let deaf = websocket(connect(&byway.address), "/echo/websocket");
    byway.signal("TERM");
    assert_eq!(byway.exit_code(), 3);
    assert_eq!(byway.logged("at the deadline")["connections_left"], 1);
    drop(deaf);
}

#[test]
fn a_second_signal_ends_it_at_once_with_130() {
    let mut byway = Byway::start(&["--drain-timeout", "1h"]);
    let deaf = websocket(connect(&byway.address), "/echo/websocket");
    byway.signal("TERM");
    byway.logged("stopping");
    byway.signal("INT");
    assert_eq!(byway.exit_code(), 130);
    drop(deaf);
}

#[test]
fn a_server_with_nothing_open_stops_with_0() {
    let mut byway = Byway::start(&["--workers", "1"]);
    assert_eq!(get(&byway.address, "/health").status(), "200");
    byway.signal("TERM");
    assert_eq!(byway.exit_code(), 0);
}
