//! Settings that only a process shows: where it listens, its threads, its log. tests/settings has the others.

use crate::client::{connect, get, websocket};
use crate::process::{Byway, Folder};

fn serve(file: &str) -> Byway {
    Byway::of_file(Folder::new(), file)
}

const ANYWHERE: &str = "server.listen = \"127.0.0.1:0\"\n";

#[test]
fn the_server_listens_where_the_file_says() {
    let byway = serve("server.listen = \"127.0.0.2:0\"");
    assert!(byway.address.starts_with("127.0.0.2:"), "{}", byway.address);
    assert_eq!(get(&byway.address, "/health").status(), "200");
}

/// How many threads of a process serve.
fn threads(byway: &Byway) -> usize {
    let tasks = std::fs::read_dir(format!("/proc/{}/task", byway.pid())).expect("this test runs on Linux");
    let names = tasks.flatten().filter_map(|task| std::fs::read_to_string(task.path().join("comm")).ok());
    names.filter(|name| name.starts_with("tokio")).count()
}

#[test]
fn threads_that_serve_are_as_many_as_the_file_says() {
    for workers in [3, 5] {
        let byway = serve(&format!("{ANYWHERE}server.workers = {workers}"));
        assert_eq!(get(&byway.address, "/health").status(), "200");
        assert_eq!(threads(&byway), workers);
    }
}

#[test]
fn the_log_looks_as_the_file_says() {
    assert!(serve(&format!("{ANYWHERE}log.format = \"json\"")).line("serving").starts_with('{'));
    assert!(serve(ANYWHERE).line("serving").contains(" INFO "));
}

#[test]
fn the_log_says_as_much_as_the_file_says() {
    let byway = serve(&format!("{ANYWHERE}log.level = \"debug\""));
    let _socket = websocket(connect(&byway.address), "/echo/websocket");
    byway.line("session opened");
}
