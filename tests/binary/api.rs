use crate::client::{ask, connect, get, get_with, post};
use crate::process::{Byway, Folder, run};

/// A new key, and its hash.
fn new_key() -> (String, String) {
    let (code, out, err) = run(&Folder::new(), &["key"], &[]);
    assert_eq!((code, err.as_str()), (0, ""));
    let line = |name: &str| out.lines().find_map(|line| line.strip_prefix(name)).expect(name).trim().to_owned();
    (line("key"), line("hash"))
}

fn file(hash: &str, more: &str) -> Folder {
    let key = format!("{{ name = \"backend\", hash = \"{hash}\", allow = [\"publish\", \"read\"] }}");
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
    assert_eq!(get(address, "/stomp").status(), "404");
    byway.signal("TERM");
    assert_eq!(byway.exit_code(), 0);
}
