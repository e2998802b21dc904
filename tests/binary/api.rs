use crate::client::{ask, connect, get, get_with, post, websocket};
use crate::process::{Byway, Folder, run};
use std::io::{Read, Write};
use tungstenite::Message;

/// A new key, and its hash.
pub fn new_key() -> (String, String) {
    let (code, out, err) = run(&Folder::new(), &["key"], &[]);
    assert_eq!((code, err.as_str()), (0, ""));
    let line = |name: &str| out.lines().find_map(|line| line.strip_prefix(name)).expect(name).trim().to_owned();
    (line("key"), line("hash"))
}

pub fn file(hash: &str, more: &str) -> Folder {
    file_allowing("\"publish\", \"read\"", hash, more)
}

fn file_allowing(allow: &str, hash: &str, more: &str) -> Folder {
    let key = format!("{{ name = \"backend\", hash = \"{hash}\", allow = [{allow}] }}");
    Folder::new().with("byway.toml", &format!("[api]\nkeys = [{key}]\n{more}"))
}

#[test]
fn a_key_is_new_each_time_and_opens_the_server_that_has_its_hash() {
    let ((key, hash), (other, _)) = (new_key(), new_key());
    assert!(key.starts_with("byway_") && key.len() == 49 && key != other, "{key}");
    let byway = Byway::start_in(file(&hash, ""), &[]);
    assert!(byway.table.contains("/api/docs  HTTP API"), "{}", byway.table);
    assert_eq!(get(&byway.address, "/api/docs").status(), "200");
    let users = |key: &str| get_with(&byway.address, "/api/users", &format!("Authorization: Bearer {key}\r\n"));
    assert_eq!((users(&key).status(), users(&other).status()), ("200", "401"));
    let message = post("/api/publish", "{\"destination\":\"/topic/a\"}");
    let headers = format!("Authorization: Bearer {key}\r\nContent-Type: application/json\r\nContent-Length");
    let published = ask(&mut connect(&byway.address), &message.replacen("Content-Length", &headers, 1));
    assert_eq!(published.body, "{\"results\":[{\"status\":\"published\"}]}");
}

#[test]
fn an_api_with_an_address_of_its_own_is_nowhere_else_and_stops_with_the_rest() {
    let (key, hash) = new_key();
    let mut byway = Byway::start_in(file(&hash, "listen = \"127.0.0.1:0\""), &["--workers", "1"]);
    let row = byway.table.lines().find(|line| line.contains("HTTP API")).expect("a row").to_owned();
    let address = row.split("://").nth(1).and_then(|rest| rest.split('/').next()).expect("an address");
    assert_ne!(address, byway.address);
    let authorization = format!("Authorization: Bearer {key}\r\n");
    assert_eq!(get_with(address, "/api/users", &authorization).body, "{\"users\":[]}");
    assert_eq!(get_with(&byway.address, "/api/users", &authorization).status(), "404");
    let elsewhere = get(address, "/stomp");
    assert_eq!((elsewhere.status(), elsewhere.body.ends_with("What is: /api/docs\n")), ("404", true));
    byway.signal("TERM");
    assert_eq!(byway.exit_code(), 0);
}

#[test]
fn the_admin_page_is_where_the_api_is_and_those_who_look_are_told_that_the_server_stops() {
    let (key, hash) = new_key();
    let file = file_allowing("\"admin\"", &hash, "listen = \"127.0.0.1:0\"");
    let mut byway = Byway::start_in(file, &["--workers", "1"]);
    let row = byway.table.lines().find(|line| line.ends_with("  admin page")).expect("a row").to_owned();
    let address = row.split("://").nth(1).and_then(|rest| rest.split('/').next()).expect("an address");
    assert_eq!((get(address, "/admin").status(), get(&byway.address, "/admin").status()), ("200", "404"));
    let mut feed = connect(address);
    let target = "/admin/live/feed/topic/stats?format=lines";
    write!(feed, "GET {target} HTTP/1.0\r\nHost: localhost\r\nAuthorization: Bearer {key}\r\n\r\n")
        .expect("it is taken");
    let mut told = vec![0; 64];
    feed.read_exact(&mut told).expect("an answer");
    byway.signal("TERM");
    feed.read_to_end(&mut told).expect("an end");
    let told = String::from_utf8(told).expect("text");
    assert!(told.starts_with("HTTP/1.0 200") && told.contains("Server shutting down"), "{told}");
    assert_eq!(byway.exit_code(), 0);
}

#[test]
fn publish_reaches_a_server_by_its_url_and_shows_the_key_from_the_environment() {
    let (key, hash) = new_key();
    let byway = Byway::start_in(file(&hash, ""), &[]);
    let url = format!("http://{}", byway.address);
    let publish = |key: &str, more: &[&str]| {
        let arguments = [&["publish", "--url", &url], more].concat();
        run(&Folder::new().with("byway.toml", "nonsense"), &arguments, &[("BYWAY_API_KEY", key)])
    };
    let nothing = (0, String::new(), String::new());
    assert_eq!(publish(&key, &["/queue/work", "some text"]), nothing);
    assert_eq!(publish(&key, &["/queue/work", "{\"a\":1}", "--json", "--endpoint", "stomp"]), nothing);
    assert_eq!(publish(&key, &["/queue/alerts", "--user", "ada"]), nothing);
    let mut socket = websocket(connect(&byway.address), "/stomp/websocket");
    let frames = "CONNECT\naccept-version:1.2\nhost:x\n\n\0SUBSCRIBE\nid:a\ndestination:/queue/work\n\n\0";
    socket.send(Message::text(frames)).expect("it is taken");
    let mut next = || socket.read().expect("a message").into_text().expect("text").to_string();
    assert!(next().starts_with("CONNECTED\n"));
    let (first, second) = (next(), next());
    assert!(first.ends_with("\n\nsome text\0") && first.contains("content-type:text/plain\n"), "{first}");
    assert!(second.ends_with("\n\n{\"a\":1}\0") && second.contains("content-type:application/json\n"), "{second}");

    for (key, arguments, expected) in [
        (key.as_str(), ["/nowhere/a", ""].as_slice(), "400 Bad Request: nothing can be published to /nowhere/a"),
        ("canary", &["/topic/a", ""], "401 Unauthorized: there is no good key"),
        (&key, &["/topic/a", "{", "--json"], "the text is no JSON"),
    ] {
        let (code, out, err) = publish(key, arguments);
        assert!(code != 0 && out.is_empty() && err.contains(expected) && !err.contains("canary"), "{err}");
    }
    let (code, _, err) = run(&Folder::new(), &["publish", "/topic/a", "--url", &url], &[]);
    assert!(code == 1 && err.contains("BYWAY_API_KEY is missing"), "{err}");
    let (code, ..) = run(&Folder::new(), &["check"], &[("BYWAY_API_KEY", &key)]);
    assert_eq!(code, 0, "the variable is no setting");
}
