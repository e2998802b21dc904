use crate::client::{ask, connect, get, get_with, head_of, post, websocket};
use crate::process::{Byway, Folder};
use serde_json::{Value, json};
use std::io::Read;
use std::net::TcpStream;
use tungstenite::{Message, WebSocket};

#[test]
fn the_table_says_what_is_served_and_it_is() {
    let byway = Byway::start(&[]);
    for (path, what) in [("/", "demo page"), ("/chat", "chat over"), ("/health", "health"), ("/metrics", "Prometheus")]
    {
        let url = format!("http://{}{path} ", byway.address);
        let line = byway.table.lines().find(|line| line.contains(&url)).unwrap_or_else(|| panic!("{}", byway.table));
        assert!(line.contains(what), "{line}");
        assert_eq!(get(&byway.address, path).status(), "200", "{path}");
    }
    assert!(byway.table.is_ascii() && !byway.table.contains('\x1b'), "no colours into a pipe");
}

#[test]
fn the_page_and_its_files_come_with_their_types_a_strict_policy_and_a_tag() {
    let byway = Byway::start(&[]);
    let page = get(&byway.address, "/");
    page.assert_header("content-type: text/html; charset=utf-8");
    page.assert_header("cache-control: no-cache");
    page.assert_header("x-content-type-options: nosniff");
    assert!(page.header("content-security-policy").unwrap().starts_with("default-src 'self'; script-src 'self';"));
    assert!(page.body.contains(&format!("name=\"byway-version\" content=\"{}\"", env!("CARGO_PKG_VERSION"))));
    get(&byway.address, "/static/demo/link.js").assert_header("content-type: text/javascript; charset=utf-8");
    get(&byway.address, "/static/favicon.svg").assert_header("content-type: image/svg+xml");
    let tag = format!("If-None-Match: {}\r\n", page.header("etag").unwrap());
    let again = get_with(&byway.address, "/", &tag);
    assert_eq!((again.status(), again.body.as_str()), ("304", ""));
}

#[test]
fn a_path_that_is_not_served_says_what_is() {
    let byway = Byway::start(&[]);
    let answer = get(&byway.address, "/nowhere");
    assert_eq!(answer.status(), "404");
    assert_eq!(
        answer.body,
        "404: nothing is served here. What is: /, /chat, /echo, /stomp, /feed, /health, /metrics\n"
    );
}

#[test]
fn the_feeds_of_an_endpoint_may_have_a_short_path() {
    let file = "broker.history = [{ pattern = \"/topic/**\" }]\n[endpoints.news]\npath = \"/news\"\napp = \"stomp\"\nfeed_path = \"/feed\"";
    let byway = Byway::start_in(Folder::new().with("byway.toml", file), &["--config", "byway.toml"]);
    for target in ["/feed/topic/a?", "/feed?destination=/topic/a&", "/news/feed/topic/a?"] {
        let answer = get(&byway.address, &format!("{target}format=poll&wait=0"));
        assert_eq!(answer.status(), "204", "{target}");
        answer.assert_header("x-accel-buffering: no");
    }
    assert_eq!(get(&byway.address, "/feed").status(), "400");
    assert_eq!(get(&byway.address, "/feeds/topic/a").status(), "404");
}

#[test]
fn health_is_json_and_takes_get_only() {
    let byway = Byway::start(&[]);
    let answer = get(&byway.address, "/health");
    answer.assert_header("content-type: application/json");
    assert_eq!(answer.body, "{\"status\":\"ok\"}\n");
    let posted = ask(&mut connect(&byway.address), &post("/health", ""));
    assert_eq!(posted.status(), "405");
    posted.assert_header("allow: GET, HEAD");
}

#[test]
fn head_is_a_get_without_a_body_whatever_is_served() {
    let key = format!("sha256:{:064x}", 1);
    let file = format!("[api]\nkeys = [{{ name = \"a\", hash = \"{key}\", allow = [\"read\", \"admin\"] }}]");
    let byway = Byway::start_in(Folder::new().with("byway.toml", &file), &["--config", "byway.toml"]);
    let mut stream = connect(&byway.address);
    for path in [
        "/",
        "/static/demo.js",
        "/health",
        "/metrics",
        "/chat",
        "/chat/iframe.html",
        "/admin",
        "/api/docs",
        "/api/openapi.json",
        "/api/sessions",
        "/nowhere",
    ] {
        let host = &byway.address;
        let asked = get(host, path);
        let head = head_of(&mut stream, &format!("HEAD {path} HTTP/1.1\r\nHost: {host}\r\n\r\n"));
        assert_eq!(head.status(), asked.status(), "{path}");
        assert_eq!(head.header("content-type"), asked.header("content-type"), "{path}");
        // What /metrics has to say changes all the time.
        if path != "/metrics" {
            assert_eq!(head.header("content-length"), asked.header("content-length"), "{path}");
        }
        assert_ne!(head.header("content-length"), Some("0"), "{path}");
        if head.header("connection") == Some("close") {
            stream = connect(host);
        }
    }
}

#[test]
fn the_server_answers_to_the_names_that_it_is_given() {
    let names = |folder: Folder, arguments: &[&str]| Byway::start_in(folder, arguments);
    let ask_for = |byway: &Byway, host: &str| {
        let request = format!("GET /health HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
        ask(&mut connect(&byway.address), &request).status().to_owned()
    };
    let usual = names(Folder::new(), &[]);
    assert_eq!(["localhost", "example.com"].map(|host| ask_for(&usual, host)), ["200", "421"]);
    let file = Folder::new().with("byway.toml", "server.hosts = [\"example.com\"]");
    let named = names(file, &["--config", "byway.toml"]);
    assert_eq!(["localhost", "example.com"].map(|host| ask_for(&named, host)), ["421", "200"]);
    let file = "[endpoints.a]\npath = \"/a\"\napp = \"echo\"\ntrusted_proxies = [\"127.0.0.1/32\"]";
    let behind = names(Folder::new().with("byway.toml", file), &["--config", "byway.toml"]);
    assert_eq!(["localhost", "example.com"].map(|host| ask_for(&behind, host)), ["200", "200"]);
}

#[test]
fn a_connection_is_kept_for_as_long_as_it_is_told() {
    let file = Folder::new().with("byway.toml", "server.keep_alive_timeout = \"100ms\"");
    let byway = Byway::start_in(file, &["--config", "byway.toml"]);
    let mut stream = connect(&byway.address);
    let request = format!("GET /health HTTP/1.1\r\nHost: {}\r\n\r\n", byway.address);
    assert_eq!(ask(&mut stream, &request).status(), "200");
    assert_eq!(stream.read(&mut [0]).expect("the end comes before anybody loses patience"), 0);
}

#[test]
fn metrics_come_in_the_format_that_is_liked_more() {
    let byway = Byway::start(&[]);
    let format = |accept: &str| {
        let answer = get_with(&byway.address, "/metrics", &format!("Accept: {accept}\r\n"));
        answer.header("content-type").and_then(|media| media.split(';').next()).map(str::to_owned)
    };
    let open = "Application/OpenMetrics-Text; version=1.0.0";
    for (accept, expected) in [
        (format!("{open}; q=0.6, text/plain; q=0.3, */*; q=0.2"), "application/openmetrics-text"),
        (format!("text/plain;q=0.5, {open}; q=0.5"), "application/openmetrics-text"),
        (format!("{open}; q=0.3, text/plain"), "text/plain"),
        (format!("{open}; q=0"), "text/plain"),
        ("*/*".to_owned(), "text/plain"),
    ] {
        assert_eq!(format(&accept).as_deref(), Some(expected), "{accept}");
    }
}

fn next(socket: &mut WebSocket<TcpStream>) -> Value {
    let message = socket.read().expect("a message");
    serde_json::from_str(message.to_text().expect("text")).expect("JSON")
}

fn say(socket: &mut WebSocket<TcpStream>, message: &Value) {
    socket.send(Message::text(message.to_string())).expect("it is taken");
}

#[test]
fn two_people_chat() {
    let byway = Byway::start(&["--workers", "1"]);
    let mut ada = websocket(connect(&byway.address), "/chat/websocket");
    say(&mut ada, &json!({"type": "hello", "name": " Ada "}));
    let welcome = json!({"type": "welcome", "id": "s1", "name": "Ada", "transport": "raw_websocket", "online": 1});
    assert_eq!(next(&mut ada), welcome);

    let mut bob = websocket(connect(&byway.address), "/chat/websocket");
    say(&mut bob, &json!({"type": "say", "text": "too early"}));
    assert!(next(&mut bob)["reason"].as_str().unwrap().starts_with("say who you are first"));
    say(&mut bob, &json!({"type": "hello", "name": "Bob"}));
    assert_eq!(next(&mut bob)["online"], 2);
    assert_eq!(next(&mut ada), json!({"type": "joined", "name": "Bob", "online": 2}));

    say(&mut ada, &json!({"type": "say", "text": "hi"}));
    for socket in [&mut ada, &mut bob] {
        let mut said = next(socket);
        assert!(said["at"].take().as_u64().unwrap() > 1_600_000_000_000);
        assert_eq!(said, json!({"type": "said", "from": "Ada", "id": "s1", "text": "hi", "at": null}));
    }
    say(&mut bob, &json!({"type": "hello", "name": "Bert"}));
    for socket in [&mut ada, &mut bob] {
        assert_eq!(next(socket), json!({"type": "renamed", "from": "Bob", "to": "Bert"}));
    }
    bob.close(None).expect("a close frame is sent");
    assert_eq!(next(&mut ada), json!({"type": "left", "name": "Bert", "online": 1}));
}

#[test]
fn metrics_count_sessions_messages_endings_refusals_and_connections() {
    let byway = Byway::start(&[]);
    let mut socket = websocket(connect(&byway.address), "/echo/websocket");
    socket.send(Message::text("hello")).unwrap();
    assert_eq!(socket.read().unwrap(), Message::text("hello"));
    let foreign = get_with(&byway.address, "/echo/info", "Origin: https://foreign.example\r\n");
    assert_eq!(foreign.status(), "403");
    let metrics = get_with(&byway.address, "/metrics", "Accept: application/openmetrics-text\r\n");
    metrics.assert_header("content-type: application/openmetrics-text; version=1.0.0; charset=utf-8");
    for line in [
        "byway_sessions_opened_total{endpoint=\"echo\",transport=\"raw_websocket\"} 1",
        "byway_sessions{endpoint=\"echo\",transport=\"raw_websocket\"} 1",
        "byway_sessions_ended_total{endpoint=\"echo\",ending=\"client\"} 0",
        "byway_refused_total{endpoint=\"echo\",reason=\"origin\"} 1",
        "byway_messages_total{endpoint=\"echo\",direction=\"in\"} 1",
        "byway_bytes_total{endpoint=\"echo\",direction=\"out\"} 5",
        "byway_messages_dropped_total{endpoint=\"echo\"} 0",
        "byway_messages_conflated_total{endpoint=\"echo\"} 0",
        "byway_connections_refused_total 0",
    ] {
        assert!(metrics.body.lines().any(|metric| metric == line), "{line} is not in\n{}", metrics.body);
    }
    for label in byway::Disconnect::LABELS {
        assert!(
            metrics.body.contains(&format!("byway_sessions_ended_total{{endpoint=\"chat\",ending=\"{label}\"}} 0"))
        );
    }
    get(&byway.address, "/metrics").assert_header("content-type: text/plain; version=0.0.4; charset=utf-8");
    socket.close(None).unwrap();
    assert_eq!(byway.logged("session ended")["ending"], "client");
}

#[test]
fn metrics_count_what_limits_stop_and_who_fails_to_come_in() {
    let folder = Folder::new().with("limits.toml", LIMITS);
    let byway = Byway::start_in(folder, &["--config", "limits.toml"]);
    let connect_with = |header: &str| {
        let mut socket = websocket(connect(&byway.address), "/live");
        socket.send(Message::text(format!("CONNECT\naccept-version:1.2\nhost:x\n{header}\n\0"))).unwrap();
        let answer = socket.read().unwrap();
        (socket, answer.into_text().unwrap())
    };
    let (mut socket, _) = connect_with("");
    for id in 0..2 {
        socket.send(Message::text(format!("SUBSCRIBE\nid:{id}\ndestination:/topic/a\n\n\0"))).unwrap();
    }
    assert!(socket.read().unwrap().to_text().unwrap().contains("message:Too many messages"));
    assert!(connect_with("token:junk\n").1.contains("message:Authentication failed"));
    assert!(connect_with("token:junk\n").1.contains("message:Too many failed attempts"));
    let metrics = get(&byway.address, "/metrics").body;
    for line in [
        "byway_limit_hits_total{endpoint=\"live\",limit=\"session_messages\"} 1",
        "byway_limit_hits_total{endpoint=\"live\",limit=\"destination_bytes\"} 0",
        "byway_limit_hits_total{endpoint=\"live\",limit=\"connect_failures\"} 1",
        "byway_connect_failures_total{endpoint=\"live\"} 1",
    ] {
        assert!(metrics.lines().any(|metric| metric == line), "{line} is not in\n{metrics}");
    }
}

const LIMITS: &str = r#"
    [endpoints.live]
    path = "/live"
    app = "stomp"
    [auth]
    anonymous = "allow"
    failures_per_minute = 1
    [auth.jwt]
    secret = "a secret of thirty-two bytes, just"
    require_issuer = false
    require_audience = false
    [rates.session]
    messages_per_second = 1
    excess = "close"
"#;

#[test]
fn the_log_says_how_a_session_ended() {
    let byway = Byway::start(&[]);
    let mut socket = websocket(connect(&byway.address), "/echo/websocket");
    socket.send(Message::text("four")).unwrap();
    socket.read().unwrap();
    let code = tungstenite::protocol::frame::coding::CloseCode::from(3456);
    socket.close(Some(tungstenite::protocol::CloseFrame { code, reason: "bye".into() })).unwrap();
    let line = byway.logged("session ended");
    let expected = json!({
        "level": "INFO", "session": "s1", "transport": "raw_websocket", "remote": "127.0.0.1", "ending": "client",
        "code": 3456, "reason": "bye", "bytes_in": 4, "bytes_out": 4, "messages_in": 1, "messages_out": 1,
        "dropped": 0, "conflated": 0,
    });
    for (field, value) in expected.as_object().unwrap() {
        assert_eq!(&line[field], value, "{field} in {line}");
    }
    assert!(line["seconds"].as_f64().is_some(), "{line}");
}

#[test]
fn an_address_that_others_can_reach_is_warned_of() {
    let byway = Byway::start(&["--listen", "0.0.0.0:0", "--allow-anonymous"]);
    assert!(byway.table.contains("Listening on every address"), "{}", byway.table);
    let line = byway.logged("no authentication is configured");
    assert_eq!((&line["level"], &line["endpoints"]), (&json!("WARN"), &json!("chat, echo, stomp")));
}

#[test]
fn only_endpoints_that_let_everybody_in_are_warned_of() {
    let jwt = "auth.jwt = { secret = \"0123456789abcdef0123456789abcdef\", issuer = \"a\", audience = \"b\" }";
    let file = format!(
        "{jwt}\n[endpoints.echo]\npath = \"/echo\"\napp = \"echo\"\n[endpoints.stomp]\npath = \"/stomp\"\napp = \"stomp\""
    );
    let folder = Folder::new().with("byway.toml", &file);
    let byway = Byway::start_in(folder, &["--config", "byway.toml", "--listen", "0.0.0.0:0"]);
    assert_eq!(byway.logged("no authentication is configured")["endpoints"], "echo");
}

#[test]
fn the_log_says_at_the_first_call_why_a_backend_does_not_answer() {
    let file = "[hooks]\nurl = \"http://127.0.0.1:1/\"\nsecret = \"a-secret-of-more-than-32-bytes-for-the-tests\"\nconnect = true";
    let byway = Byway::start_in(Folder::new().with("byway.toml", file), &[]);
    assert_eq!(get(&byway.address, "/stomp/feed/topic/a").status(), "503");
    let line = byway.logged("the backend did not answer the first call");
    assert_eq!(line["level"], "WARN");
    assert!(line.to_string().contains("Connection refused"), "{line}");
}
