use crate::client::{ask, connect, get, websocket};
use crate::process::{Byway, Folder, command, lines, until};
use std::fs::OpenOptions;
use std::process::{Command, Stdio};
use tungstenite::Message;

/// More lines than fit a pipe (64 KiB) and what waits in front of it together.
const SESSIONS: usize = 3000;

fn full() -> Stdio {
    OpenOptions::new().write(true).open("/dev/full").expect("Linux has it").into()
}

/// Serves somebody, however much it has had to say before, and stops as it should.
fn serves_and_drains(mut byway: Byway) {
    for _ in 0..SESSIONS {
        drop(websocket(connect(&byway.address), "/echo/websocket"));
    }
    let mut socket = websocket(connect(&byway.address), "/echo/websocket");
    socket.send(Message::text("still here")).expect("it is taken");
    assert_eq!(socket.read().expect("an echo"), Message::text("still here"));
    assert!(lost(&byway) > 0, "the log could be written: there is nothing to see here");
    byway.signal("TERM");
    while socket.read().is_ok() {}
    assert_eq!(byway.exit_code(), 0);
}

/// How many lines of the log are lost.
fn lost(byway: &Byway) -> u64 {
    let metrics = get(&byway.address, "/metrics").body;
    let value = metrics.lines().find_map(|line| line.strip_prefix("byway_log_lines_lost_total "));
    value.expect("the metric").parse().expect("a number")
}

const CHATTY: [&str; 4] = ["--log-level", "debug", "--workers", "2"];

#[test]
fn a_log_on_a_full_device_ends_nothing_and_the_server_drains() {
    serves_and_drains(Byway::start_logging_to(full(), Folder::new(), &CHATTY));
}

#[test]
fn a_log_into_a_closed_pipe_ends_nothing_and_the_server_drains() {
    let (reader, writer) = std::io::pipe().expect("a pipe");
    drop(reader);
    serves_and_drains(Byway::start_logging_to(writer.into(), Folder::new(), &CHATTY));
}

#[test]
fn a_log_into_a_pipe_that_nobody_reads_stalls_nothing_and_the_server_drains() {
    let (reader, writer) = std::io::pipe().expect("a pipe");
    serves_and_drains(Byway::start_logging_to(writer.into(), Folder::new(), &CHATTY));
    drop(reader);
}

#[test]
fn a_table_that_nobody_can_read_ends_nothing_and_neither_does_an_error() {
    let folder = Folder::new();
    let mut child = command(&folder, &[]).stdout(full()).stderr(Stdio::piped()).spawn().expect("it starts");
    let log = lines(child.stderr.take().expect("piped"));
    let serving = until(&log, |line| line.contains("serving")).pop().expect("the line");
    let serving: serde_json::Value = serde_json::from_str(&serving).expect("a line of JSON");
    let address = serving["address"].as_str().expect("an address");
    assert_eq!(ask(&mut connect(address), "GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n").status(), "200");
    let stopped = Command::new("kill").args(["-s", "TERM", &child.id().to_string()]).status();
    assert!(stopped.expect("kill runs").success());
    assert_eq!(child.wait().expect("it ends").code(), Some(0));
    let refused = folder.byway(&["--listen", "nowhere", "check"], &[]).stderr(full()).status();
    assert_eq!(refused.expect("it runs").code(), Some(1));
}
